# SPDX-License-Identifier: MIT
"""The harness itself: a test is worth what its origin, its client and its judge are worth."""

import hashlib
import stat
import types

import pytest

from tests import attempts, conftest
from tests.harness.client import Client, Pending
from tests.harness.conf import conf_text, merged
from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.origin import Origin
from tests.harness.programs import Program


@pytest.fixture
def client(origin):
    with Client(origin.address) as c:
        yield c


def test_one_connection_carries_many_requests(origin, client):
    origin.page("/a", b"hello", cache="max-age=5")
    for _ in range(3):
        r = client.get("/a")
        assert (r.status, r.body, r.header("cache-control")) == (200, b"hello", "max-age=5")
    assert origin.count("/a") == 3 and origin.accepted == 1
    assert origin.body_bytes("/a") == 15


def test_pipelined_answers_come_in_order(origin, client):
    origin.page("/a", b"first")
    origin.page("/b", b"second", is_chunked=True)
    client.send_request("GET", "/a")
    client.send_request("GET", "/b")
    assert [client.response().body, client.response().body] == [b"first", b"second"]


def test_a_page_knows_ranges_validators_and_head(origin, client):
    origin.page("/a", b"0123456789", etag='"1"')
    r = client.get("/a", Range="bytes=2-4")
    assert (r.status, r.body, r.header("Content-Range")) == (206, b"234", "bytes 2-4/10")
    assert client.get("/a", Range="bytes=-3").body == b"789"
    assert client.get("/a", Range="bytes=2-4", If_Range='"0"').status == 200
    assert client.get("/a", If_None_Match='"1"').status == 304
    r = client.request("HEAD", "/a")
    assert (r.header("Content-Length"), r.body) == ("10", b"")


def test_content_is_the_same_at_any_offset(origin, client):
    content = Content(5_000_000)
    origin.page("/big", content)
    body = client.get("/big").body
    assert hashlib.sha256(body).hexdigest() == content.sha256()
    assert client.get("/big", Range="bytes=1048570-3145800").body == body[1048570:3145801]


def test_a_held_request_waits_for_its_answer(origin):
    with origin.holding("/a") as held:
        a, b = (Pending(origin.address, "GET", "/a") for _ in range(2))
        held.wait_for(2)
        held.answer(b"now")
    assert (a.body, b.body) == (b"now", b"now")


def test_a_cut_body_is_seen_as_cut(origin, client):
    origin.page("/a", b"x" * 1000, cut=10)
    with pytest.raises(Closed) as closed:
        client.get("/a")
    assert closed.value.got == b"x" * 10


def test_raw_bytes_arrive_as_written(origin, client):
    origin.raw("/a", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy")
    client.send_request("GET", "/a")
    assert client.reader.to_end().endswith(b"Content-Length: 2\r\n\r\nxy")
    assert client.is_closed()


def test_a_stopped_origin_refuses(origin):
    origin.stop()
    with pytest.raises(ConnectionRefusedError):
        Client(origin.address)


def test_tls_is_verified(authority):
    o = Origin(tls=authority.server_context("origin", ["test.example"]))
    o.page("/a", b"safe")
    with Client(o.address, tls=authority.client_context()) as c:
        assert c.get("/a").body == b"safe"
    with pytest.raises(OSError):
        Client(o.address, host="other.example", tls=authority.client_context())
    o.stop()


def test_configuration_is_laid_over():
    base = {"node": "a", ("site", "x"): {"hosts": ["h"], "block": "1MiB"}}
    text = conf_text(merged(base, {"node": None, ("site", "x"): {"tls": True}}))
    assert text == 'site "x" {\n  hosts = {"h"}\n  block = "1MiB"\n  tls = true\n}'


class Pretender(Program):
    """A program that says what it is told to, and then waits."""

    def __init__(self, folder, text, code):
        super().__init__(folder, {}, "pretender")
        self.script = self.folder / "script"
        self.script.write_text(f"#!/bin/sh\necho '{text}' >&2\ntrap 'exit {code}' TERM\n"
                               "echo up >up\nwhile :; do read x <>fifo; done\n")
        self.script.chmod(stat.S_IRWXU)
        (self.folder / "fifo").touch()

    def command(self):
        return [str(self.script)]

    def probe(self):
        return (self.folder / "up").exists()


@pytest.mark.parametrize("text, code, fault", [
    ("all is well", 0, None),
    ("x.c:3:4: runtime error: shift exponent 99", 0, "runtime error"),
    ("==1==ERROR: LeakSanitizer: detected memory leaks", 0, "LeakSanitizer"),
    ("all is well", 3, "ended with 3"),
])
def test_a_program_is_judged_by_its_end(tmp_path, text, code, fault):
    faults = conftest.faults_of(Pretender(tmp_path, text, code).start())
    assert [fault in f for f in faults] == ([True] if fault else [])


def test_a_program_that_dies_early_says_why(tmp_path):
    program = Pretender(tmp_path, "no such option", 0)
    program.script.write_text("#!/bin/sh\necho 'no such option' >&2\nexit 2\n")
    with pytest.raises(RuntimeError, match="ended with 2 .*\nno such option"):
        program.start()


def test_a_failure_shows_what_programs_said(tmp_path):
    program = types.SimpleNamespace(stderr=lambda: "why", name="edge-1")
    item = types.SimpleNamespace(stash={conftest.STARTED: [program]})
    report = types.SimpleNamespace(failed=True, sections=[])
    hook = conftest.pytest_runtest_makereport(item)
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(types.SimpleNamespace(get_result=lambda: report))
    assert report.sections == [("Captured stderr of edge-1", "why")]


def result(ok=False, output="AssertionError: late", where="tests/e2e/a_test.py::test_b"):
    return types.SimpleNamespace(ok=ok, output=output, where=where, first="")


@pytest.mark.parametrize("then, is_ok", [([True], True), ([False], False), ([True, False], False),
                                         ([], False)])
def test_what_fails_in_company_is_asked_again_alone(then, is_ok):
    failed, passed = result(), result(ok=True)
    asked = []

    def again(r):
        asked.append(r)
        return [result(ok=ok, output="said alone") for ok in then]

    assert attempts.second([passed, failed], again) == [passed, failed]
    assert asked == [failed] and failed.ok == is_ok and failed.first == "AssertionError: late"


@pytest.mark.parametrize("output", [
    "ERROR: AddressSanitizer: heap-use-after-free", "ERROR: LeakSanitizer: detected memory leaks",
    "WARNING: ThreadSanitizer: data race", "a.c:3: runtime error: shift", "edge ended with -6",
    "check failed: refs > 0", "Test failed with exception: Segmentation fault(11)",
    "[  FAILED  ] a\nWARNING: ThreadSanitizer: data race\nERROR: LeakSanitizer: detected"])
def test_a_crash_or_a_report_gets_no_second_attempt(output):
    failed = result(output=output)
    attempts.second([failed], lambda r: [result(ok=True)])
    assert not failed.ok


def test_what_a_failed_unit_test_left_behind_is_no_report_of_its_own():
    failed = result(output="[  FAILED  ] a\nWARNING: ThreadSanitizer: thread leak (pid=1)")
    attempts.second([failed], lambda r: [result(ok=True)])
    assert failed.ok


def test_many_failures_are_not_tried_again():
    many = [result() for _ in range(attempts.SECOND_MAX + 1)]
    attempts.second(many, lambda r: [result(ok=True)])
    assert not any(r.ok for r in many)


def test_the_reason_is_shown_though_much_was_said_after_it():
    said = attempts.excerpt("\n".join(["begun", "a.c:7: error: Failure!"] + ["noise"] * 500))
    assert said.startswith("a.c:7: error: Failure!\n...\nnoise") and "begun" not in said
    assert len(said.splitlines()) == attempts.SHOWN_LINES + 2
