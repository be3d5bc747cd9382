#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The OS image set, signed: root.erofs root.verity root.hash root.sig vmlinuz initramfs cmdline hull.efi, and
initramfs-ram for hull.root=ram, which holds the whole OS.

The same input gives the same bytes, in whatever folder: constant salt and UUIDs, times from SOURCE_DATE_EPOCH, RSA
PKCS#1 signatures. docs/disk.md describes the formats.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess

import cpio
import modules
import state_template
import uki

SALT = "48756c6c20726f6f74206861736820747265652c20636f6e7374616e742e2e2e"
EROFS_UUID = "c1b9d5a2-f162-11cf-9ece-0020afc76f16"
VERITY_UUID = "26dc3d2c-0a9e-44a7-8d4e-9b1f0c1cf2a5"
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
CMDLINE = "console=ttyS0 panic=10 oops=panic gpt loglevel=6"
MOUNT_POINTS = ("dev", "proc", "run", "sys", "tmp", "var/lib/hull", "etc/hull/units")
LINKS = {
    "sbin/init": "../usr/bin/hull",
    "sbin/modprobe": "../usr/bin/hull",
    "etc/os-release": "../usr/lib/os-release",
    "etc/resolv.conf": "/run/hull/resolv.conf",
    "etc/machine-id": "/run/hull/machine-id",
    "etc/hostname": "/run/hull/hostname",
}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def run(*words, stdin=None):
    return subprocess.run(words, check=True, input=stdin, stdout=subprocess.PIPE).stdout


def os_release(version):
    fields = {"ID": "hull", "NAME": "Hull", "PRETTY_NAME": f"Hull {version}", "VERSION_ID": version.partition("+")[0],
              "IMAGE_ID": "hull", "IMAGE_VERSION": version, "VARIANT_ID": "container-host"}
    return "".join(f'{key}="{value}"\n' for key, value in fields.items()).encode()


def digest(vmlinuz):
    return hashlib.sha256(vmlinuz).hexdigest().encode() + b"\n"


def module_files(kernel, names):
    return {f"lib/modules/{kernel.version}/{path}": data for path, data in kernel.files(names)}


def system_files(args, kernel, names):
    """{path: bytes} of the OS, without what boots it."""
    files = {
        "usr/bin/hull": read(args.binary),
        "usr/lib/os-release": os_release(args.version),
        "etc/passwd": b"root:x:0:0:root:/:/sbin/nologin\n",
        "etc/group": b"root:x:0:\n",
        "usr/share/hull/state-template": state_template.template(args.epoch),
    }
    files.update({"etc/hull/units/" + os.path.basename(path): read(path) for path in args.unit})
    return {**files, **module_files(kernel, names)}


def initramfs(args, vmlinuz, files, links, directories):
    """files: {path: bytes}. The kernel's digest and the certificates are added."""
    archive = cpio.Archive(args.epoch)
    for directory in directories:
        archive.directory(directory)
    files = {**files, "etc/hull/kernel.sha256": digest(vmlinuz), "etc/initrd-release": os_release(args.version),
             **{"etc/hull/certificates/" + os.path.basename(path): read(path) for path in args.certificate}}
    for path in sorted(files):
        archive.file(path, files[path], 0o755 if path in ("init", "usr/bin/hull") else 0o644)
    for link in sorted(links):
        archive.symlink(link, links[link])
    packed = archive.finish()
    return run("zstd", "-q", "-19", "-T1", "-c", stdin=packed) if args.compress == "zstd" else packed


def root_tree(files, tree):
    for path, data in files.items():
        write(f"{tree}/{path}", data, 0o755 if path == "usr/bin/hull" else 0o644)
    for directory in MOUNT_POINTS:
        os.makedirs(f"{tree}/{directory}", exist_ok=True)
    for link, target in LINKS.items():
        os.makedirs(os.path.dirname(f"{tree}/{link}"), exist_ok=True)
        os.symlink(target, f"{tree}/{link}")
    for path, directories, _ in os.walk(tree):
        for directory in directories:
            if not os.path.islink(f"{path}/{directory}"):
                os.chmod(f"{path}/{directory}", 0o755)


def sign(root_hash, key, certificate):
    """As systemd signs: PKCS#7, detached, over the root hash as hex text."""
    der = run("openssl", "smime", "-sign", "-nocerts", "-noattr", "-binary", "-outform", "DER", "-md", "sha256",
              "-inkey", key, "-signer", certificate, stdin=root_hash.encode())
    fingerprint = hashlib.sha256(run("openssl", "x509", "-in", certificate, "-outform", "DER")).hexdigest()
    return json.dumps({"rootHash": root_hash, "certificateFingerprint": fingerprint,
                       "signature": base64.b64encode(der).decode()}, separators=(",", ":")).encode() + b"\n"


def verity(data, tree):
    if os.path.exists(tree):
        os.unlink(tree)
    text = run("veritysetup", "format", "--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096",
               f"--salt={SALT}", f"--uuid={VERITY_UUID}", data, tree).decode()
    return re.search(r"^Root hash:\s+([0-9a-f]{64})$", text, re.MULTILINE).group(1)


def build(args):
    out = args.out + ".new"
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    kernel = modules.Kernel(args.kernel)
    declared = modules.read_list(args.modules)
    vmlinuz = read(args.kernel + "/vmlinuz")
    cmdline = (args.cmdline + "\n").encode()
    small = {"init": read(args.binary), **module_files(kernel, declared["stage0"])}
    ramdisk = initramfs(args, vmlinuz, small, {}, ("dev", "proc", "sys", "run", "sysroot"))
    system = system_files(args, kernel, declared["stage0"] + declared["root"] + args.extra_module)
    boot = {"vmlinuz": vmlinuz, "initramfs": ramdisk, "cmdline": cmdline}
    for name, data in boot.items():
        write(f"{out}/{name}", data)
    write(out + "/initramfs-ram", initramfs(args, vmlinuz, system, {**LINKS, "init": "usr/bin/hull"},
                                            MOUNT_POINTS + ("sysroot",)))
    boot["vmlinuz.sha256"] = digest(vmlinuz)
    root_tree({**system, **{f"boot/{name}": data for name, data in boot.items()}}, out + "/tree")
    run("mkfs.erofs", "--quiet", f"-T{args.epoch}", f"-U{EROFS_UUID}", "--all-root", "-x-1", out + "/root.erofs",
        out + "/tree")
    shutil.rmtree(out + "/tree")
    root_hash = verity(out + "/root.erofs", out + "/root.verity")
    os.chmod(out + "/root.verity", 0o644)  # veritysetup makes it 0600
    write(out + "/root.hash", root_hash.encode() + b"\n")
    write(out + "/root.sig", sign(root_hash, args.sign_key, args.sign_cert))
    write(out + "/hull.efi", uki.build(read(STUB), [
        (".osrel", os_release(args.version)), (".cmdline", args.cmdline.encode()),
        (".uname", kernel.version.encode()), (".initrd", ramdisk), (".linux", vmlinuz)]))
    shutil.rmtree(args.out, ignore_errors=True)
    os.rename(out, args.out)
    report(args.out, args.size_limit)


def report(out, limit):
    sizes = {name: os.path.getsize(f"{out}/{name}") for name in sorted(os.listdir(out))}
    for name, size in sizes.items():
        print(f"  {name:12} {size / 1e6:8.2f} MB")
    # The kernel and the initramfs are inside the root: it is the whole of what an update replaces.
    if sizes["root.erofs"] > limit:
        raise SystemExit(f"root.erofs has {sizes['root.erofs']} bytes, more than {limit}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--kernel", required=True, help="folder made by kernel.py")
    parser.add_argument("--modules", required=True, help="modules.list")
    parser.add_argument("--extra-module", action="append", default=[])
    parser.add_argument("--unit", action="append", default=[], help="unit file for /etc/hull/units")
    parser.add_argument("--certificate", action="append", default=[], required=True, help="trusted by stage 0")
    parser.add_argument("--sign-key", required=True)
    parser.add_argument("--sign-cert", required=True)
    parser.add_argument("--cmdline", default=CMDLINE)
    parser.add_argument("--compress", choices=("zstd", "none"), default="zstd")
    parser.add_argument("--epoch", type=int, default=int(os.environ.get("SOURCE_DATE_EPOCH", "1")))
    parser.add_argument("--size-limit", type=int, default=45_000_000)
    parser.add_argument("--out", required=True)
    build(parser.parse_args())


if __name__ == "__main__":
    main()
