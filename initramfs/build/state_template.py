#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The empty ext4 that hull.state_reset=1 puts on the state partition (init/boot/state_disk.h has the format).

Hull gives it a new UUID, so its checksums hang on a seed of their own (metadata_csum_seed). It is small, and grown online
to the partition afterwards: 2 TiB without further ado, beyond that the kernel changes to meta_bg. The same bytes each time.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

SIZE = 64 << 20
GROWS_TO = 2 << 40
BLOCK = 4096
FEATURES = ("has_journal", "ext_attr", "resize_inode", "dir_index", "filetype", "extent", "64bit", "flex_bg", "sparse_super",
            "large_file", "huge_file", "dir_nlink", "extra_isize", "metadata_csum", "metadata_csum_seed")
UUID = "485554ff-0000-4000-8000-0000000000e4"


def make_filesystem(path, epoch):
    with open(path, "wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-I", "256", "-m", "1", "-L", "HULL-STATE", "-U", UUID,
                    "-O", "none," + ",".join(FEATURES), "-J", "size=16", "-E",
                    f"hash_seed={UUID},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,resize={GROWS_TO // BLOCK}", path],
                   check=True, env=dict(os.environ, E2FSPROGS_FAKE_TIME=str(epoch)))


def runs(data):
    """(offset, bytes) of what isn't zero; short gaps are taken along, blocks are not crossed."""
    for start in range(0, len(data), BLOCK):
        block = data[start:start + BLOCK]
        if block.count(0) == BLOCK:
            continue
        for match in re.finditer(rb"[^\0](?:(?!\0{16}).)*", block, re.DOTALL):
            yield start + match.start(), match.group().rstrip(b"\0")


def template(epoch):
    with tempfile.TemporaryDirectory() as work:
        make_filesystem(work + "/state", epoch)
        with open(work + "/state", "rb") as file:
            data = file.read()
    out = [b"HULLTPL1", struct.pack("<Q", SIZE)]
    out += [struct.pack("<QI", offset, len(part)) + part for offset, part in runs(data)]
    return b"".join(out) + struct.pack("<QI", 0, 0)


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as output:
        output.write(template(int(os.environ.get("SOURCE_DATE_EPOCH", "1"))))
