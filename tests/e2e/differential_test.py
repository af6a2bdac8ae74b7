# SPDX-License-Identifier: MIT
"""Random requests for random objects in random states, edge against model
(tests.conformance.model): whatever blocks are stored, and however the object came there, the answer
is the same; and bytes that are stored and fresh are not asked for again.

A scene is a resource and what was done to it so far; scenes are numbered, and SCENE=n runs one.
BYEORI_LONG=1 plays 20,000 requests instead of 2,000."""

import os
import random
import time
from email.utils import formatdate

import pytest

from tests.conformance import model
from tests.harness.content import Content
from tests.harness.programs import Edge

BLOCK = 65536
SIZES = (0, 1, 26, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 10, 3 * BLOCK)
PER_SCENE = 10
SCENES = 2000 if os.environ.get("BYEORI_LONG") else 200
CONTENTS = {seed: Content(max(SIZES), seed=seed) for seed in range(8)}


class Scene:
    def __init__(self, number, origin):
        self.dice = random.Random(number)
        self.path, self.origin = f"/scene-{number}", origin
        self.has_variants = self.dice.random() < 0.3
        self.is_stale = self.dice.random() < 0.3
        self.versions = {foo: self.version() for foo in ("0", "1")}
        self.stored = {"0": None, "1": None}     # blocks; None: nothing
        self.sent = {"0": set(), "1": set()}     # blocks that the origin ever sent
        self.asked = []
        origin.on(self.path, self.script)

    def version(self):
        pick, now = self.dice.choice, int(time.time())
        seed = self.dice.randrange(len(CONTENTS))
        r = model.Representation(CONTENTS[seed].read(0, pick(SIZES)), date=now)
        kind = pick(("strong", "strong", "strong", "weak", "none"))
        if kind != "none":
            r.etag = ("W/" if kind == "weak" else "") + f'"v{self.dice.randrange(10 ** 9)}"'
        r.modified = pick((None, now - 1000 - self.dice.randrange(10 ** 6), now))
        r.fields = [("Cache-Control", "max-age=60" if self.is_stale else "max-age=6000")]
        if self.is_stale:
            r.fields.append(("Age", 100))
        if self.has_variants:
            r.fields.append(("Vary", "Foo"))
        return r

    def replace(self, key):
        """Another version, which differs in something that the origin can tell."""
        before, after = self.versions[key], self.version()
        if after.etag is None and after.modified == before.modified is not None:
            after.modified -= 1
        self.versions[key] = after

    def key(self, ask):
        return ask.get("foo", "0") if self.has_variants else "0"

    def script(self, request, wire):
        self.asked.append(request)
        ask = {n.lower(): v for n, v in request.fields}
        wire.send(model.wire(self.versions[self.key(ask)], request.method, ask))

    # -- dice

    def position(self, size):
        near = self.dice.choice((0, size, BLOCK, 2 * BLOCK, self.dice.randrange(size + 1)))
        return max(0, near + self.dice.randrange(-2, 3))

    def spec(self, size):
        kind = self.dice.random()
        if kind < 0.15:
            return f"-{self.position(size)}"
        first = self.position(size)
        if kind < 0.3:
            return f"{first}-"
        last = self.dice.choice((self.position(size), first + self.dice.randrange(100)))
        return f"{first}-{last}"

    def range(self, size):
        if self.dice.random() < 0.07:
            return self.dice.choice(("bytes=", "bytes=a-b", "items=0-1", "0-1", "bytes=--1"))
        count = self.dice.choice((1, 1, 1, 1, 2, 3, 4))
        return "bytes=" + ",".join(self.spec(size) for _ in range(count))

    def if_range(self, r):
        date = formatdate(r.modified or 0, usegmt=True)
        other = formatdate((r.modified or 0) + self.dice.choice((-1, 1)), usegmt=True)
        return self.dice.choice((r.etag or '"none"', '"other"', model.weak(r.etag or '"none"'),
                                 "W/" + model.weak(r.etag or '"none"'), date, other, "garbage"))

    def if_none_match(self, r):
        tag = r.etag or '"none"'
        return self.dice.choice((tag, model.weak(tag), "W/" + model.weak(tag), '"other"',
                                 f'"other", {tag}', "*", '"other", W/"else"'))

    def request(self):
        ask = {}
        if self.has_variants:
            ask["foo"] = self.dice.choice("01")
        r = self.versions[self.key(ask)]
        if self.dice.random() < 0.75:
            ask["range"] = self.range(len(r.body))
        if self.dice.random() < 0.3:
            ask["if-range"] = self.if_range(r)
        if self.dice.random() < 0.2:
            ask["if-none-match"] = self.if_none_match(r)
        return ("HEAD" if self.dice.random() < 0.1 else "GET"), ask

    # -- what must hold

    def play(self, edge):
        for _ in range(PER_SCENE):
            if self.is_stale and self.dice.random() < 0.2:
                self.replace(self.dice.choice("01"))
            method, ask = self.request()
            self.asked.clear()
            self.last = (method, ask, None)
            r = edge.get(self.path, method, client={"host": "blocks.example"}, **ask)
            self.last = (method, ask, r)
            self.judge(method, ask, r)

    def told(self):
        method, ask, r = self.last
        version = self.versions[self.key(ask)]
        lines = [f"{method} {self.path} {ask}", f"of {len(version.body)} bytes: {version.head()}",
                 f"stored: {self.stored}, stale: {self.is_stale}"]
        lines += [f">> {q.first} {q.fields}" for q in self.asked]
        return "\n".join([*lines, f"< {r.first} {r.fields} {len(r.body)} bytes" if r else "<"])

    def judge(self, method, ask, r):
        version = self.versions[self.key(ask)]
        expected = model.answer(version, method, ask)
        assert r.status == expected.status
        assert r.header("ETag") == version.etag or r.status == 416
        if expected.parts is not None:
            assert model.parts_of(r.header("Content-Type"), r.body) == expected.parts
        else:
            assert r.body == expected.body
            assert r.header("Content-Range") == expected.content_range
        if expected.length is not None:
            assert r.header("Content-Length") == str(expected.length)
        self.judge_stored(method, ask, version, expected)

    def judge_stored(self, method, ask, version, expected):
        """Which blocks the answer needed, whether they were there, and that they are now."""
        key, needed = self.key(ask), self.needed(version, method, expected)
        stored = self.stored[key]
        for request in self.asked:
            self.sent[key] |= self.brought(request, version)
        if self.is_stale or method == "HEAD" and stored is None:
            return
        if stored is not None and needed <= stored:
            assert not self.asked, f"{sorted(needed)} are stored, upstream was asked"
        if stored is not None and version.is_joinable():
            assert needed <= self.sent[key], f"{needed - self.sent[key]} came from nowhere"
            for request in self.asked:
                assert not self.brought(request, version) & stored, "stored blocks came again"
        was_passed = stored is None and len(self.asked) > 1 \
            and self.asked[-1].header("Range") == ask.get("range")
        if was_passed:
            return
        if version.is_joinable() and expected.status in (200, 206) and method == "GET":
            self.stored[key] = (stored or set()) | needed

    def needed(self, version, method, expected):
        if method == "HEAD" or expected.status not in (200, 206):
            return set()
        if expected.parts is not None:
            spans = [(f, la) for f, la, _ in expected.parts]
        elif expected.content_range:
            first, _, last = expected.content_range.split()[1].split("/")[0].partition("-")
            spans = [(int(first), int(last))]
        else:
            spans = [(0, len(version.body) - 1)]
        return {b for f, la in spans if la >= 0 for b in range(f // BLOCK, la // BLOCK + 1)}

    def brought(self, request, version):
        """The blocks that an answer of the origin had whole."""
        value, size = request.header("Range"), len(version.body)
        if request.method == "HEAD":
            return set()
        spans = model.resolved(model.specs_of(value), size) if value else [[0, size - 1]]
        return {b for f, la in spans
                for b in range(-(-f // BLOCK), la // BLOCK + 1)
                if min((b + 1) * BLOCK, size) - 1 <= la}


@pytest.fixture(scope="module")
def numbers():
    return [int(os.environ["SCENE"])] if "SCENE" in os.environ else range(SCENES)


@pytest.mark.parametrize("share", range(4))
def test_edge_and_model_agree(run, origin, tmp_path, numbers, share):
    edge = run(Edge(tmp_path, [origin.url], over={
        "memory": "128MiB",
        ("site", "blocks"): {"hosts": ["blocks.example"], "origins": [origin.url],
                             "block": "64KiB", "read_ahead": "64KiB", "stale_if_error": "0s"}}))
    for number in list(numbers)[share::4]:
        scene = Scene(number, origin)
        try:
            scene.play(edge)
        except Exception as wrong:
            raise AssertionError(f"SCENE={number}: {wrong!r}\n{scene.told()}") from wrong
        origin.on(scene.path, None)
        origin.forget()
