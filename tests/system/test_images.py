# SPDX-License-Identifier: Apache-2.0
"""Images from the tools that people use, and from those who mean harm; what a container sees of them."""
import hashlib
import os
import shutil
import subprocess
import tarfile

import images
import machines
import pytest
from images import entry, folder, symlink, tar


@pytest.fixture(scope="module")
def h():
    made = machines.Contained()
    try:
        made.load_image(images.BUSYBOX)
        yield made.start("hull.net=none").wait_ready()
    finally:
        made.close()


@pytest.fixture(scope="module")
def base():
    return images.busybox_layer()


def run(h, *words, **more):
    return h.hull("run", "--rm", *words, check=False, **more)


@pytest.fixture
def image(h, base, tmp_path):
    """image(*entries, config={...}): an image of busybox and a layer of these entries; its name."""
    made = []

    def make(*entries, layers=(), config=None):
        name = f"test-{os.path.basename(tmp_path).replace('_', '-').lower()}-{len(made)}"
        path = images.archive(tmp_path / "image.tar", name, [base, *layers, tar(*entries)], config)
        h.hull("image", "load", path)
        made.append(name)
        return name

    yield make
    for name in made:
        h.hull("image", "rm", name)


@pytest.mark.parametrize("producer", images.PRODUCERS)
def test_archives_of(h, tmp_path, producer):
    path, name = images.PRODUCERS[producer](str(tmp_path))
    h.hull("image", "load", path)
    assert run(h, name, "echo", "it runs").stdout == "it runs\n"
    assert any(row["reference"].endswith(name) or row["reference"].endswith(name + ":latest") for row in h.json("image", "ls"))
    h.hull("image", "rm", name)
    assert run(h, name, "true").returncode == 125


def test_from_a_pipe(h, tmp_path):
    path, _ = images.PRODUCERS["umoci"](str(tmp_path))
    with open(path, "rb") as file:
        h.hull("image", "load", "--name", "piped:2", "-", stdin=file.read())
    assert run(h, "piped:2", "sh", "-c", "echo $BY").stdout == "umoci\n"
    h.hull("image", "rm", "piped:2")


def test_offline(tmp_path):
    store = tmp_path / "store"
    machines.run_hull("image", "load", "--store", store, images.BUSYBOX)
    assert sorted(os.listdir(store / "tmp")) == []
    assert len(os.listdir(store / "refs")) == 1
    tree = next(p for p in (store / "layers").iterdir() if p.is_dir())
    assert (tree / "bin/busybox").stat().st_mode & 0o111


def test_many_layers_and_whiteouts(h, base, image):
    layers = [tar(folder("many"), entry(f"many/{i}", str(i).encode()), entry("many/last", str(i).encode())) for i in range(120)]
    layers += [layers[3], tar(entry("many/.wh.7"), entry("gone/dir/x"), folder("opaque"), entry("opaque/lower")),
               tar(entry(".wh.gone"), entry("opaque/.wh..wh..opq"), entry("opaque/upper"))]
    name = image(entry("many/top", b"t"), layers=layers)
    ran = run(h, name, "sh", "-c", "ls /many | wc -l; cat /many/last; echo; ls /opaque; ls /gone; rm -r /opaque; mkdir /opaque; ls /opaque")
    assert ran.stdout == "121\n3\nupper\n", ran.stdout + ran.stderr
    assert "/gone" in ran.stderr


def test_config(h, image):
    passwd = b"root:x:0:0::/root:/bin/sh\nweb:x:1000:1001:Web:/home/web:/bin/sh\n"
    group = b"root:x:0:\nweb:x:1001:\nextra:x:1002:root,web\nother:x:1003:\n"
    files = [entry("etc/passwd", passwd, mode=0o644), entry("etc/group", group, mode=0o644)]
    config = {"User": "web", "WorkingDir": "/deep/er", "Env": ["A=image", "B=image"], "Entrypoint": ["sh", "-c"],
              "Cmd": ["id; pwd; echo $HOME $A $B; grep CapEff /proc/self/status"]}
    assert run(h, "--env", "B=unit", image(*files, config=config)).stdout.splitlines() == [
        "uid=1000(web) gid=1001(web) groups=1002(extra)", "/deep/er", "/home/web image unit", "CapEff:\t0000000000000000"]
    for user, ids in {"1000": "uid=1000(web) gid=1001(web) groups=1002(extra)", "5000": "uid=5000 gid=0(root)",
                      "web:other": "uid=1000(web) gid=1003(other)", "5000:6000": "uid=5000 gid=6000"}.items():
        assert run(h, image(*files, config={"User": user, "Cmd": ["id"]})).stdout == ids + "\n", user
    for user in ("nobody-here", "-1", "4294967295", "1000:none", "99999999999"):
        ran = run(h, image(*files, config={"User": user, "Cmd": ["id"]}))
        assert ran.returncode == 125 and ran.stdout == "", user


def test_stop_signal(h, image):
    name = image(config={"StopSignal": "SIGUSR1", "Cmd": ["sh", "-c", "trap 'exit 3' USR1; echo up; while :; do sleep 0.1; done"]})
    h.hull("run", "--detach", "--name", "usr1", name)
    machines.until(lambda: h.hull("logs", "usr1").stdout == "up\n", 20, "its output")
    h.hull("stop", "usr1")
    assert h.unit("usr1")["exit_status"] == 3
    h.hull("rm", "usr1")


def test_remove_what_is_used(h, base, tmp_path):
    """Not while a unit has it; and a container keeps its layers when its image's name moves on."""
    def load(text):
        h.hull("image", "load", images.archive(tmp_path / "used.tar", "used", [base, tar(entry("text", text))]))

    load(b"old")
    h.hull("run", "--detach", "--name", "user", "used", "sleep", "1000")
    h.wait_unit("user", "running")
    refused = h.hull("image", "rm", "used", check=False)
    assert refused.returncode != 0 and "used by" in refused.stderr
    load(b"new")
    h.hull("image", "load", images.archive(tmp_path / "other.tar", "other", [tar(entry("x"))]))
    h.hull("image", "rm", "other")
    root = f"/proc/{h.pid}/root/proc/{h.unit('user')['pid']}/root"
    with open(f"{root}/text") as file:
        assert file.read() == "old"
    assert run(h, "used", "cat", "/text").stdout == "new"
    h.hull("rm", "--force", "user")
    machines.until(lambda: h.hull("image", "rm", "used", check=False).returncode == 0, 20, "the image to be free")
    assert not any("used" in row["reference"] for row in h.json("image", "ls"))


# --- images that mean harm: what they hold of the places that are mounted over ---

@pytest.mark.parametrize("place", ["dev", "proc", "sys"])
def test_a_mount_point_that_is_a_link(h, base, image, place):
    name = image(symlink(place, "/tmp"))
    ran = run(h, name, "true")
    assert ran.returncode == 125
    assert f"/{place}" in ran.stderr


def test_links_in_etc(h, image):
    name = image(symlink("etc/hosts", "/proc/sys/kernel/core_pattern"), symlink("etc/resolv.conf", "../../../run/nowhere"),
                 symlink("etc/hostname", "/somewhere"), entry("somewhere", b"image"))
    ran = run(h, "--hostname", "linked", name, "sh", "-c", "cat /etc/hostname /etc/hosts; cat /proc/sys/kernel/core_pattern; test -f /etc/resolv.conf")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("linked\n127.0.0.1\tlocalhost\n")
    with open("/proc/sys/kernel/core_pattern") as file:
        assert ran.stdout.endswith(file.read())


@pytest.mark.parametrize("where", ["/proc/self/fd/3", "/proc/self/fd/5/../../..", "/proc/1/root", "/link"])
def test_working_directory_out_of_the_root(h, image, where):
    """CVE-2024-21626 and its kin: refused, or somewhere inside."""
    name = image(symlink("link", "../../../../../../tmp"), entry("inside", b""), config={"WorkingDir": where})
    ran = run(h, name, "sh", "-c", "cd /proc/self/cwd && pwd -P && ls ../../../../../../../inside")
    assert ran.returncode == 125 or (ran.returncode == 0 and "inside" in ran.stdout), ran.stdout + ran.stderr


def binary_hash():
    with open(machines.HULL, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_own_binary_is_out_of_reach(h, image):
    """CVE-2019-5736"""
    before = binary_hash()
    ran = run(h, image(), "/proc/self/exe", "--version")
    assert ran.returncode == 126
    # As a script's interpreter Hull does start in there; all it can reach is a copy that nobody can write.
    name = image(entry("trap", b"#!/proc/self/exe\n"))
    h.hull("run", "--detach", "--name", "trap", name, "/trap")
    pid = h.wait_unit("trap", "running")["pid"]
    running = f"/proc/{h.pid}/root/proc/{pid}/exe"
    with pytest.raises(OSError):
        os.close(os.open(running, os.O_WRONLY))
    # Kept open until nothing runs it any more, as the attack does: what it was executed from is read-only.
    kept = os.open(running, os.O_RDONLY)
    assert os.fstatvfs(kept).f_flag & os.ST_RDONLY
    os.close(kept)
    h.hull("rm", "--force", "trap")
    assert binary_hash() == before


def test_no_descriptor_or_mount_of_the_host(h):
    ran = run(h, "busybox", "sh", "-c", "ls -l /proc/self/fd; cat /proc/mounts")
    links = [line.split(" -> ")[1] for line in ran.stdout.splitlines() if " -> " in line]
    assert all(link.startswith("pipe:") or link in ("/dev/null",) or link.startswith("/proc/") for link in links), links
    assert h.state not in ran.stdout and "ext4" not in ran.stdout


def test_masked_and_read_only(h):
    script = """
for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do [ ! -e $f ] || [ "$(wc -c < $f)" = 0 ] || echo open $f; done
for d in /proc/acpi /proc/scsi /sys/firmware; do [ ! -e $d ] || [ -z "$(ls $d)" ] || echo open $d; done
for f in /proc/sys/kernel/domainname /proc/sysrq-trigger /proc/irq/default_smp_affinity; do (: >> $f) 2>/dev/null && echo writable $f; done
(mkdir /sys/fs/cgroup/x) 2>/dev/null && echo cgroup
(: > /dev/null) || echo null
true
"""
    ran = run(h, "busybox", "sh", "-c", script)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr


# --- archives that mean harm, through the door ---

HOSTILE = {
    "dot-dot": [entry("a/../../x")],
    "through-link": [symlink("a", "/tmp"), entry("a/x")],
    "hardlink": [entry("x", kind=tarfile.LNKTYPE, link="../../etc/passwd")],
    "hardlink-later": [entry("x", kind=tarfile.LNKTYPE, link="later"), entry("later")],
    "block-device": [entry("sda", kind=tarfile.BLKTYPE, devmajor=8, devminor=0)],
    "character-device": [entry("mem", kind=tarfile.CHRTYPE, devmajor=1, devminor=1)],
    "bare-whiteout": [entry("d/.wh.")],
    "long-name": [entry("x" * 300)],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_layer(h, tmp_path, kind):
    path = images.archive(tmp_path / "bad.tar", "bad", [tar(*HOSTILE[kind])])
    refused = h.hull("image", "load", path, check=False)
    assert refused.returncode != 0
    assert HOSTILE[kind][-1][0].name[:20] in refused.stderr or HOSTILE[kind][0][0].name[:20] in refused.stderr
    assert not any("bad" in row["reference"] for row in h.json("image", "ls"))
    assert os.listdir(os.path.join(h.state, "images/tmp")) == []


def test_not_an_archive(h, tmp_path):
    for name, content in {"empty": b"", "text": b"hello\n" * 1000, "tar": tar(entry("x")), "gzip": b"\x1f\x8b\x08" + bytes(600)}.items():
        path = tmp_path / name
        path.write_bytes(content)
        refused = h.hull("image", "load", path, check=False)
        assert refused.returncode != 0 and refused.stderr, name
    whole = open(images.BUSYBOX, "rb").read()
    path.write_bytes(whole[:len(whole) // 2])
    assert h.hull("image", "load", path, check=False).returncode != 0
    assert os.listdir(os.path.join(h.state, "images/tmp")) == []


def test_full_disk(tmp_path):
    """A clear error, and what was there still is."""
    script = f"""
mount -t tmpfs -o size=6m none {tmp_path}
{machines.HULL} image load --store {tmp_path}/store {tmp_path}.small || exit 90
{machines.HULL} image load --store {tmp_path}/store {tmp_path}.big && exit 91
ls {tmp_path}/store/refs {tmp_path}/store/tmp
"""
    images.archive(f"{tmp_path}.small", "small", [tar(entry("x", b"x"))])
    images.archive(f"{tmp_path}.big", "big", [tar(entry("x", os.urandom(16 << 20)))])
    ran = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "space" in ran.stderr
    assert "small" in ran.stdout and "big" not in ran.stdout.split("refs:")[1].split("tmp:")[0]
    os.unlink(f"{tmp_path}.small")
    os.unlink(f"{tmp_path}.big")


def test_killed_while_loading(tmp_path):
    """Whenever it dies, the next one sweeps and succeeds."""
    path = images.archive(tmp_path / "big.tar", "big", [tar(*[entry(f"d/{i}", os.urandom(4096)) for i in range(2000)])])
    store = tmp_path / "store"
    for _ in range(3):
        loading = subprocess.Popen([machines.HULL, "image", "load", "--store", store, path], stderr=subprocess.DEVNULL)
        machines.until(lambda: loading.poll() is not None or (store / "tmp/load/layer-0").exists(), 30, "the load to be under way")
        loading.kill()
        loading.wait()
    machines.run_hull("image", "load", "--store", store, path)
    assert os.listdir(store / "tmp") == []
    assert len([p for p in (store / "layers").iterdir() if p.is_dir()]) == 1
    shutil.rmtree(store)
