# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests; tests/README.md shows them at work.

    origin      a scripted origin (tests.harness.origin)
    run         runs a program for the length of the test: run(Edge(tmp_path, [origin.url]))
    cdn         .origin and an .edge in front of it, started; .get .begin .client
    authority   certificates (tests.harness.certs)
    swift       an OpenStack Swift (tests.harness.swift), one for all tests of a process

Whatever a test started is stopped after it. A sanitizer's report, a failed check or a wrong exit
code of a program fails the test, whatever the test itself found."""

import signal
import types

import pytest

from tests.harness import builds
from tests.harness.certs import Authority
from tests.harness.origin import Origin
from tests.harness.programs import Edge, build_folder
from tests.harness.swift import Swift

BOUND_S = 240
STARTED = pytest.StashKey()


def pytest_report_header():
    return f"programs of {build_folder().relative_to(builds.ROOT.parent)}"


@pytest.fixture(autouse=True)
def bounded():
    """No test hangs: after BOUND_S it fails where it stands."""
    def late(*_):
        raise TimeoutError(f"the test took more than {BOUND_S} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(BOUND_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows what each program said."""
    report = (yield).get_result()
    if report.failed:
        for program in item.stash.get(STARTED, []):
            text = program.stderr()[-8000:]
            report.sections.append((f"Captured stderr of {program.name}", text))


def faults_of(program):
    """Stops one program; what is wrong with how it was or how it went."""
    was_running, faults = program.is_running(), []
    try:
        code = program.stop()
        if was_running and code != 0:
            faults.append(f"{program.name} ended with {code}")
    except TimeoutError as slow:
        faults.append(str(slow))
    if program.report():
        faults.append(f"{program.name}: {program.report()}")
    return faults


@pytest.fixture
def run(request):
    started = request.node.stash.setdefault(STARTED, [])

    def start(program):
        started.append(program)
        return program.start()

    yield start
    faults = [f for program in reversed(started) for f in faults_of(program)]
    if faults:
        pytest.fail("\n".join(faults))


@pytest.fixture
def origin():
    o = Origin()
    yield o
    o.stop()


@pytest.fixture
def cdn(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url]))
    return types.SimpleNamespace(origin=origin, edge=edge, get=edge.get, begin=edge.begin,
                                 client=edge.client)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def swift(tmp_path_factory):
    server = Swift(tmp_path_factory.mktemp("swift")).start()
    yield server
    server.stop()
