#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OCI images from Debian packages, as an OCI layout in a tar archive: oci.py BUILD OUT RECIPE

A recipe (JSON) names the packages, what of their dependencies to leave out, files to add and the image's config. No
maintainer script runs and nothing of this system gets in.
"""
import glob
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "1"))
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../mk/sources.py")
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def closure(apt, packages, leave_out):
    """Names of the packages that apt would install for them on an empty system, less those left out."""
    words = subprocess.run([sys.executable, SOURCES, apt, "closure", *packages], check=True, stdout=subprocess.PIPE,
                           text=True).stdout.split()
    pattern = re.compile("|".join(f"(?:{p})" for p in leave_out) or r"(?!)")
    return sorted(name for name in words if not pattern.fullmatch(name))


def unpack(apt, names, work, tree):
    for name in names:
        subprocess.run([sys.executable, SOURCES, apt, "deb", name, work + "/debs"], check=True,
                       stdout=subprocess.DEVNULL)
    for deb in sorted(glob.glob(work + "/debs/*.deb")):
        subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)


def prune(tree):
    """Documents, locales, service files: nobody reads them in a container."""
    for path in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/bug", "lib/systemd",
                 "usr/lib/systemd", "etc/init.d", "etc/logrotate.d", "usr/share/info", "etc/cron.daily",
                 "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/perl-base"):
        shutil.rmtree(f"{tree}/{path}", ignore_errors=True)


def add(tree, recipe):
    for path in recipe.get("directories", []):
        os.makedirs(tree + path, exist_ok=True)
    for path, text in recipe.get("files", {}).items():
        os.makedirs(os.path.dirname(tree + path), exist_ok=True)
        if os.path.lexists(tree + path):
            os.unlink(tree + path)
        with open(tree + path, "w") as file:
            file.write(text)
    if "applets" in recipe:  # busybox's links, as its own --list-full names them
        program = tree + recipe["applets"]
        for name in subprocess.run([program, "--list-full"], check=True, stdout=subprocess.PIPE, text=True).stdout.split():
            os.makedirs(os.path.dirname(f"{tree}/{name}"), exist_ok=True)
            if not os.path.lexists(f"{tree}/{name}"):
                os.symlink(recipe["applets"], f"{tree}/{name}")


def plain(info):
    info.mtime, info.uid, info.gid, info.uname, info.gname = EPOCH, 0, 0, "", ""
    return info


def layer(tree):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, directories, files in os.walk(tree):
            directories.sort()
            for name in sorted(files + [d for d in directories if os.path.islink(f"{path}/{d}")]):
                archive.add(f"{path}/{name}", os.path.relpath(f"{path}/{name}", tree), recursive=False, filter=plain)
            for name in directories:
                if not os.path.islink(f"{path}/{name}"):
                    archive.add(f"{path}/{name}", os.path.relpath(f"{path}/{name}", tree), recursive=False,
                                filter=plain)
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(document):
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def image(recipe, tar):
    """{path in the layout: bytes}"""
    created = subprocess.run(["date", "-u", "-d", f"@{EPOCH}", "+%Y-%m-%dT%H:%M:%SZ"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    packed = gzip.compress(tar, 9, mtime=0)
    config = encode({"architecture": "amd64", "os": "linux", "created": created, "config": recipe["config"],
                     "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
                     "history": [{"created": created, "created_by": "Debian packages"}]})
    blobs = [packed, config]

    def descriptor(media_type, data, **more):
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}

    manifest = encode({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config),
                       "layers": [descriptor(LAYER, packed)]})
    blobs.append(manifest)
    names = {"org.opencontainers.image.ref.name": recipe["reference"], "io.containerd.image.name": recipe["reference"]}
    index = encode({"schemaVersion": 2, "mediaType": INDEX,
                    "manifests": [descriptor(MANIFEST, manifest, annotations=names)]})
    files = {"blobs/sha256/" + digest(blob)[7:]: blob for blob in blobs}
    return {"oci-layout": encode({"imageLayoutVersion": "1.0.0"}), "index.json": index, **files}


def write_archive(path, files):
    with tarfile.open(path, "w") as archive:
        for name in sorted(files):
            info = plain(tarfile.TarInfo(name))
            info.size = len(files[name])
            archive.addfile(info, io.BytesIO(files[name]))


def main():
    build, out, recipe_path = sys.argv[1:]
    with open(recipe_path) as file:
        recipe = json.load(file)
    work = os.path.abspath(out) + ".work"
    shutil.rmtree(work, ignore_errors=True)
    tree = work + "/tree"
    os.makedirs(tree)
    os.umask(0o022)
    apt = os.path.join(build, "apt")
    names = closure(apt, recipe["packages"], recipe.get("leave_out", []))
    unpack(apt, names, work, tree)
    prune(tree)
    add(tree, recipe)
    write_archive(out + ".new", image(recipe, layer(tree)))
    os.rename(out + ".new", out)
    shutil.rmtree(work)
    print(f"{out}: {recipe['reference']} from {' '.join(names)}, {os.path.getsize(out) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
