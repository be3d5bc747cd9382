# SPDX-License-Identifier: Apache-2.0
"""Images for tests: made layer by layer in OCI's form, or by the tools that people use."""
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

import machines

BUSYBOX = os.path.join(machines.BUILD, "images/busybox.tar")
OCI = "application/vnd.oci.image."


def entry(name, data=b"", kind=tarfile.REGTYPE, link="", mode=0o755, **more):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    for key, value in more.items():
        setattr(info, key, value)
    if kind == tarfile.REGTYPE:
        info.size = len(data)
    return info, data


def symlink(name, target):
    return entry(name, kind=tarfile.SYMTYPE, link=target)


def folder(name):
    return entry(name, kind=tarfile.DIRTYPE)


def tar(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def busybox_layer():
    """The one layer of the image that the build makes, uncompressed."""
    with tarfile.open(BUSYBOX) as archive:
        def read(value):
            return archive.extractfile("blobs/" + value.replace(":", "/")).read()
        index = json.load(archive.extractfile("index.json"))
        manifest = json.loads(read(index["manifests"][0]["digest"]))
        data = read(manifest["layers"][0]["digest"])
    if data[:2] == b"\x1f\x8b":
        import gzip
        data = gzip.decompress(data)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        data = subprocess.run(["zstd", "-dqc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def archive(path, name, layers, config=None):
    """An OCI layout archive of one image."""
    blobs = []

    def blob(media_type, data):
        blobs.append(entry("blobs/" + digest(data).replace(":", "/"), data))
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    document = {"architecture": "amd64", "os": "linux", "config": config or {},
                "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                "config": blob(OCI + "config.v1+json", json.dumps(document).encode()),
                "layers": [blob(OCI + "layer.v1.tar", layer) for layer in layers]}
    described = blob(OCI + "manifest.v1+json", json.dumps(manifest).encode())
    described["annotations"] = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "manifests": [described]}
    unique = {info.name: (info, data) for info, data in blobs}
    with open(path, "wb") as file:
        file.write(tar(entry("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
                       entry("index.json", json.dumps(index).encode()), *unique.values()))
    return path


def run(*command, cwd=None):
    subprocess.run(command, check=True, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def by_skopeo(work, form):
    out = os.path.join(work, f"skopeo-{form}.tar")
    run("skopeo", "--insecure-policy", "copy", "-q", f"oci-archive:{BUSYBOX}", f"{form}:{out}:skopeo-{form}:1")
    return out, f"skopeo-{form}:1"


def by_umoci(work):
    layout = os.path.join(work, "layout")
    run("skopeo", "--insecure-policy", "copy", "-q", f"oci-archive:{BUSYBOX}", f"oci:{layout}:umoci")
    run("umoci", "config", "--image", f"{layout}:umoci", "--config.env", "BY=umoci")
    run("umoci", "gc", "--layout", layout)
    out = os.path.join(work, "umoci.tar")
    run("tar", "-C", layout, "-cf", out, ".")
    return out, "umoci"


def by_podman(work, form):
    name = f"localhost/podman-{form}:1"
    loaded, _ = by_skopeo(work, "docker-archive")
    out = os.path.join(work, f"podman-{form}.tar")
    with tempfile.TemporaryDirectory(prefix="hull-p-") as short:  # podman takes no long paths
        podman = ["podman", "--root", f"{short}/root", "--runroot", f"{short}/run", "--storage-driver", "vfs"]
        run(*podman, "load", "-q", "-i", loaded)
        run(*podman, "tag", "skopeo-docker-archive:1", name)
        run(*podman, "save", "-q", "--format", form, "-o", out, name)
    return out, name


def packed(by, tool):
    def make(work):
        path, name = by(work)
        run(*tool, path)
        return next(path + end for end in (".gz", ".zst") if os.path.exists(path + end)), name
    return make


def by_old_docker(work):
    """As `docker save` wrote it before version 25: a folder a layer, a layer that comes again as a link."""
    layer, more = busybox_layer(), tar(entry("etc/added", b"old docker\n"))
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]},
                         "rootfs": {"type": "layers", "diff_ids": [digest(layer), digest(more), digest(more)]}}).encode()
    name = digest(config)[7:] + ".json"
    manifest = [{"Config": name, "RepoTags": ["old-docker:1"], "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"]}]
    out = os.path.join(work, "old-docker.tar")
    with open(out, "wb") as file:
        file.write(tar(folder("a"), entry("a/VERSION", b"1.0"), entry("a/layer.tar", layer), folder("b"),
                       entry("b/layer.tar", more), folder("c"), symlink("c/layer.tar", "../b/layer.tar"),
                       entry(name, config), entry("manifest.json", json.dumps(manifest).encode()),
                       entry("repositories", b"{}")))
    return out, "old-docker:1"


PRODUCERS = {
    "skopeo-oci": lambda work: by_skopeo(work, "oci-archive"),
    "skopeo-docker": lambda work: by_skopeo(work, "docker-archive"),
    "umoci": by_umoci,
    "podman-oci": lambda work: by_podman(work, "oci-archive"),
    "podman-docker": lambda work: by_podman(work, "docker-archive"),
    "skopeo-docker-gzip": packed(lambda work: by_skopeo(work, "docker-archive"), ["gzip"]),
    "skopeo-oci-zstd": packed(lambda work: by_skopeo(work, "oci-archive"), ["zstd", "-q"]),
    "old-docker": by_old_docker,
}
