# SPDX-License-Identifier: Apache-2.0
"""The plug pulled in the course of the first boot; after each cut a good boot from what was left."""
import concurrent.futures
import re
import time

import pytest
import state_disk

# (console event, milliseconds after it). The disk is larger than its image, so the first boot grows the state, too.
VERIFIED, STATE = r"slot a: root hash \w+ verified", "hull: state: partition"
MACHINE, GROWN, COMMITTED = r"hull: machine \S+, id (\w{32})\n", "hull: state grown", "hull: slot a is committed"
CUTS = [
    (r"device-mapper: core", 0), ("virtio_blk .*logical blocks", 0), ("virtio_blk .*logical blocks", 150),
    (VERIFIED, 0), (VERIFIED, 100), (VERIFIED, 200), (VERIFIED, 300), (STATE, 0), (STATE, 50),
    ("hull: first boot: new machine id", 0), (MACHINE, 0), (MACHINE, 100), (MACHINE, 300), (MACHINE, 600),
    (GROWN, 0), (GROWN, 200), ("eth0: carrier", 0), (COMMITTED, 0), (COMMITTED, 100), (COMMITTED, 1000),
]
ONE_CPU = ("--cpus", "1")  # two machines at a time


def check_disk(m, machine_id):
    """Off, in order: both copies of the table, the filesystem without a journal to replay."""
    disk = state_disk.StateDisk(m.disk, m.directory)
    disk.verify_table()
    disk.check()
    assert disk.read("/identity/machine-id").strip() == machine_id


def first_boot(m, event, after):
    """Up to the cut; what the console had by then."""
    m.start(*ONE_CPU)
    m.wait_console(event)
    time.sleep(after / 1000)
    m.power_cut()
    return m.console()


def good_boot(m, first):
    m.start(*ONE_CPU).wait_ready()
    m.wait_unit("demo-web", "running")
    status = m.json("status")
    assert status["slot"] == "a" and status["state"] == {"kind": "partition", "device": "/dev/vda8", "readonly": False}
    assert [i["reference"] for i in m.json("image", "ls")] == ["localhost/nginx:latest"]
    # What had been promised before the cut holds.
    told = re.search(MACHINE, first)
    assert not told or status["machine_id"] == told.group(1)
    assert status["committed"] or COMMITTED not in first
    m.hull("stop", "--time", "0", "demo-web")  # nginx may be too young to know its stop signal
    m.hull("poweroff")
    assert m.wait_end() == 0
    for bad in ("EXT4-fs error", "EXT4-fs warning", "I/O error", "hull: .*corrupt", "not match"):
        assert not re.search(bad, m.console()), f"{bad}: {m.console()}"
    return status["machine_id"], bool(told)


def cut_and_boot(vm, event, after):
    m = vm(size="1G")
    try:
        first = first_boot(m, event, after)
        machine_id, told = good_boot(m, first)
        check_disk(m, machine_id)
    finally:
        m.close()
    return told


@pytest.mark.qemu
def test_power_cuts_of_the_first_boot(vm):
    assert len(CUTS) == 20
    failures, kept = [], 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {pool.submit(cut_and_boot, vm, *cut): cut for cut in CUTS}
        for job in concurrent.futures.as_completed(jobs):
            try:
                kept += job.result()
            except Exception as error:
                failures.append(f"cut {jobs[job]}: {error}")
    assert not failures, "\n\n".join(failures)
    assert kept >= 8  # the cuts did come before and after the identity was told
