# SPDX-License-Identifier: Apache-2.0
import os

import machines
import pytest


@pytest.fixture
def hull():
    """The command line client: hull("ps", socket=...)."""
    return machines.run_hull


@pytest.fixture
def build():
    """Path of something the build made."""
    return lambda *names: os.path.join(machines.BUILD, *names)


def factory(kind, request):
    made = []

    def make(*args, **more):
        made.append(kind(*args, **more))
        return made[-1]

    yield make
    for one in made:
        # What went wrong is usually on the console.
        if getattr(request.node, "failed", False):
            print(f"--- console of {one.directory}\n{one.console()[-8000:]}")
        one.close()


@pytest.fixture
def vm(request):
    """Makes machines: vm(disk=..., size=...).start(append=...).wait_ready(). All are ended with the test."""
    yield from factory(machines.Machine, request)


@pytest.fixture
def contained(request):
    """Makes Hulls in namespaces of this machine: contained().start("hull.log_level=debug").wait_ready()."""
    yield from factory(machines.Contained, request)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed
