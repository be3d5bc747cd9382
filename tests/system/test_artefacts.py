# SPDX-License-Identifier: Apache-2.0
"""What the build made is what other people's tools expect."""
import base64
import hashlib
import json
import os
import subprocess

import machines

OS = os.path.join(machines.BUILD, "os")


def output(*words, stdin=None):
    done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


def root_hash():
    with open(f"{OS}/root.hash") as file:
        return file.read().strip()


def test_partition_table():
    assert "No errors detected" in output("sfdisk", "--verify", machines.BUILD + "/hull.disk")
    table = json.loads(output("sfdisk", "--json", machines.BUILD + "/hull.disk"))["partitiontable"]
    names = [p["name"] for p in table["partitions"]]
    assert names == ["esp", "root-a", "root-b", "verity-a", "verity-b", "sig-a", "sig-b", "HULL-STATE"]
    by_name = {p["name"]: p for p in table["partitions"]}
    uuids = (by_name["root-a"]["uuid"] + by_name["verity-a"]["uuid"]).replace("-", "").lower()
    assert uuids == root_hash()


def test_root_is_verified():
    output("veritysetup", "verify", f"{OS}/root.erofs", f"{OS}/root.verity", root_hash())
    output("fsck.erofs", f"{OS}/root.erofs")


def test_signature(tmp_path):
    with open(f"{OS}/root.sig") as file:
        document = json.load(file)
    assert document["rootHash"] == root_hash()
    der = subprocess.run(["openssl", "x509", "-in", "keys/dev.crt", "-outform", "DER"], cwd=machines.REPO, check=True,
                         stdout=subprocess.PIPE).stdout
    assert document["certificateFingerprint"] == hashlib.sha256(der).hexdigest()
    (tmp_path / "sig").write_bytes(base64.b64decode(document["signature"]))
    (tmp_path / "hash").write_text(root_hash())
    output("openssl", "smime", "-verify", "-inform", "DER", "-binary", "-noverify", "-in", str(tmp_path / "sig"),
           "-content", str(tmp_path / "hash"), "-certfile", machines.REPO + "/keys/dev.crt")


def test_systemd_reads_the_disk():
    text = output("systemd-dissect", "--no-pager", f"--root-hash={root_hash()}", machines.BUILD + "/hull.disk")
    assert "root-verity-sig" in text and "Hull" in text


def test_unified_kernel_has_its_sections():
    text = output("objdump", "-h", f"{OS}/hull.efi")
    for section in (".osrel", ".cmdline", ".linux", ".initrd"):
        assert section in text


def test_size():
    """root + initramfs + kernel: the root holds the other two."""
    assert os.path.getsize(f"{OS}/root.erofs") <= 45_000_000
