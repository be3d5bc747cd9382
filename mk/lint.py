#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What may not be in the binary, and what must be: lint.py BINARY SIZE_LIMIT. BINARY.debug has the symbols."""
import os
import re
import subprocess
import sys

# Code of libc that would load foreign files: name services, character set modules, message catalogues, dlopen. The
# names that base/nss_stubs.c defines itself are judged by what they would pull in.
FORBIDDEN = re.compile(r"""^(
    _*nss_.* | _nss_.* | .*nsswitch.* | __nscd_.* | _*res_(search|query|nsearch|nquery) | __libc_res_.*
  | __gconv_(find_shlib|load_cache|load_conf|read_conf|get_path|lookup_cache|get_builtin_trans) | gconv_parse_code
  | _nl_load_domain | _nl_find_domain | _nl_find_msg
  | _dl_open | dl_open_worker.* | _dl_map_object_deps | do_dlopen | do_dlsym | dlopen_doit | dlsym_doit
  | __libc_unwind_link_get_slow
)$""", re.VERBOSE)


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def problems(binary, size_limit):
    symbols = [line.split()[-1].split("@")[0] for line in run("nm", binary + ".debug").splitlines()]
    found = sorted({name for name in symbols if FORBIDDEN.match(name)})
    if found:
        yield "code of libc that must not be linked in: " + " ".join(found)
    header, program, dynamic = (run("readelf", "-W", flag, binary) for flag in ("-h", "-l", "-d"))
    if not re.search(r"Type:\s+DYN", header) or "PIE" not in dynamic:
        yield "not a position independent executable"
    if "INTERP" in program or "(NEEDED)" in dynamic:
        yield "needs a dynamic linker"
    if "GNU_RELRO" not in program or "NOW" not in dynamic:
        yield "no full RELRO"
    stack = re.search(r"GNU_STACK.*", program)
    if not stack or "RWE" in stack.group() or re.search(r"LOAD.*RWE", program):
        yield "memory that is writable and executable"
    if "TEXTREL" in dynamic:
        yield "text relocations"
    if "__stack_chk_fail" not in symbols:
        yield "no stack protector"
    if not any(name.endswith("_chk") for name in symbols):
        yield "no FORTIFY"
    size = os.path.getsize(binary)
    if size > size_limit:
        yield f"{size} bytes, more than {size_limit}"


def main():
    binary, size_limit = sys.argv[1], int(sys.argv[2])
    found = list(problems(binary, size_limit))
    for text in found:
        print(f"{binary}: {text}", file=sys.stderr)
    if not found:
        print(f"{binary}: {os.path.getsize(binary)} bytes, static-pie, hardened, no NSS, iconv or dlopen")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
