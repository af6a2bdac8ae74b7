# SPDX-License-Identifier: MIT
"""Plays cases: one scripted origin, one running edge with a few sites, a new connection for each
turn, so that both workers of the edge have to agree."""

import itertools
import re
import threading
import time
from dataclasses import replace
from email.utils import formatdate

from tests.conformance.case import Answer
from tests.harness.client import Client, Response
from tests.harness.h2_client import H2Client
from tests.harness.http1 import Closed
from tests.harness.origin import Origin
from tests.harness.programs import Edge, wait_until

NODE = "edge-1"
SLACK_S = 5                      # how much older an answer may look on a slow machine
EVENTUALLY_S = 10
HOP_BY_HOP = ("Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE",
              "Upgrade", "Transfer-Encoding")

# What a site has other than the defaults; stale_if_error is none but where it is the subject.
SITES = {
    "test": {"stale_if_error": "0s"},
    "cookies": {"cache_set_cookie": True, "stale_if_error": "0s"},
    "reload": {"ignore_reload": True, "stale_if_error": "0s"},
    "default": {"default_ttl": "10m", "stale_if_error": "0s"},
    "capped": {"max_ttl": "5m", "stale_if_error": "0s"},
    "covered": {"stale_if_error": "1h"},
    "behind": {"stale_while_revalidate": "1h", "stale_if_error": "0s"},
    "blocks": {"block": "64KiB", "read_ahead": "64KiB", "stale_if_error": "0s"},
    "hidden": {"forwarded": "none", "stale_if_error": "0s"},
    "standard": {"forwarded": "forwarded", "stale_if_error": "0s"},
    "behind-proxy": {"forwarded": "both", "trusted_proxies": ["192.0.2.7", "127.0.0.0/8"],
                     "stale_if_error": "0s"},
    "keyed": {"cache_status_key": True, "stale_if_error": "0s"},
    "silent": {"interim": "drop", "stale_if_error": "0s"},
}

TOKEN = r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*"
ITEM = rf'(?:{TOKEN}|"(?:[^"\\]|\\["\\])*"|-?[0-9]+(?:\.[0-9]+)?|\?[01])'
MEMBER = re.compile(rf"(?P<name>{TOKEN}|\"[^\"]*\")(?P<params>(?:; *[a-z*][a-z0-9_.*-]*"
                    rf"(?:={ITEM})?)*)(?: *, *|$)")
MOMENT = re.compile(r"\{(850|asc|)([+-]\d+)\}")


def has_form_in(case, transport):
    """Raw bytes, connections that close and fields of a connection are HTTP/1.1's own."""
    return transport != "h2" or not any(
        turn.raw or turn.is_last or line.partition(":")[0] in HOP_BY_HOP
        for turn in case.turns for line in turn.lines or ("",))


class Wrong(AssertionError):
    """What was expected of the answer does not hold."""


def moment(kind, wall):
    parts = time.gmtime(wall)
    if kind == "850":
        return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", parts)
    if kind == "asc":
        return time.strftime("%a %b ", parts) + f"{parts.tm_mday:2}" \
            + time.strftime(" %H:%M:%S %Y", parts)
    return formatdate(wall, usegmt=True)


def members(value):
    """Cache-Status as [(name, {parameter: value or True})]; what is not RFC 9211 is Wrong."""
    out, at = [], 0
    while at < len(value):
        m = MEMBER.match(value, at)
        if not m:
            raise Wrong(f"Cache-Status is no list of RFC 9651 at {value[at:]!r}")
        params = (p.strip().partition("=") for p in m["params"].split(";") if p.strip())
        out.append((m["name"], {name: text or True for name, _, text in params}))
        at = m.end()
    return out


class Play:
    """One case over one transport."""

    def __init__(self, stage, case, transport):
        self.stage, self.case, self.transport = stage, case, transport
        self.path = f"/c{next(stage.numbers)}"
        self.began = int(time.time())
        self.turn, self.number, self.at = None, 0, 0
        self.upstream = []               # requests of this turn
        self.bodies = {}                 # turn number: body that the origin gave in it
        self.last = None                 # (status, body) that a stored answer should show
        self.lock = threading.Lock()

    # -- words into bytes

    def text(self, line):
        names = {"{path}": self.path, "{scheme}": "https" if self.transport == "tls" else "http",
                 "{version}": "2" if self.transport == "h2" else "1.1",
                 "{host}": self.turn.host or self.case.host}
        for name, value in names.items():
            line = line.replace(name, value)
        return MOMENT.sub(lambda m: moment(m[1], self.began + int(m[2])), line)

    def raw(self, data):
        return self.text(data.decode("latin-1")).encode("latin-1")

    # -- the origin

    def script(self, request, wire):
        with self.lock:
            self.upstream.append(request)
            answers = self.turn.answers or (Answer(status=599, body=b"nobody should ask now"),)
            answer = answers[min(len(self.upstream), len(answers)) - 1]
            number = self.number
        body = answer.body
        if body is None:
            body = f"{self.case.title}, turn {number}, answer {len(self.upstream)}".encode()
        if answer.page is None:
            self.bodies[number] = body
        if answer.raw is not None or answer.status >= 500:
            self.stage.ailing.add(self.case.host)
        if answer.raw is not None:
            wire.send(self.raw(answer.raw))
            return wire.close()
        if answer.page is not None:
            self.bodies[number] = answer.page.content.read(0, answer.page.content.size)
            fields = tuple((n, self.text(v)) for n, v in answer.page.fields)
            return replace(answer.page, fields=fields)(request, wire)
        self.answer(request, wire, answer, body)

    def answer(self, request, wire, answer, body):
        for status, lines in answer.interim:
            self.head(wire, status, lines)
        has_body = request.method != "HEAD" and answer.status not in (204, 304)
        lines = list(answer.lines)
        if answer.framing == "length" and answer.status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        if answer.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        self.head(wire, answer.status, lines)
        sent = body if answer.cut is None else body[:answer.cut]
        if has_body and answer.framing == "chunked":
            wire.send(b"%x\r\n%s\r\n" % (len(sent), sent) if sent else b"")
            if answer.cut is None:
                trailers = "".join(self.text(t) + "\r\n" for t in answer.trailers)
                wire.send(b"0\r\n" + trailers.encode("latin-1") + b"\r\n")
        elif has_body:
            wire.send(sent)
        if answer.cut is not None or answer.framing == "close":
            wire.close()

    def head(self, wire, status, lines):
        lines = [f"HTTP/1.1 {status} Scripted", *map(self.text, lines), "", ""]
        wire.send("\r\n".join(lines).encode("latin-1"))

    # -- the client

    def ask(self, turn):
        """(answer, statuses of interim answers, whether it broke off, whether it was closed)"""
        options = {"host": turn.host or self.case.host}
        if self.transport == "h2":
            fields = [line.partition(":")[::2] for line in map(self.text, turn.lines)]
            with self.stage.h2_client() as c:
                return *c.request(turn.method, self.path + self.text(turn.to),
                                  [(n, v.strip()) for n, v in fields], turn.body, **options), None
        with self.stage.client(self.transport, **options) as c:
            c.send(self.request(turn))
            interim = []
            while True:
                head = c.reader.head()
                status = int(head.first.split(" ")[1])
                if status >= 200:
                    break
                interim.append(status)
            r, is_cut = Response(head.first, head.fields, status), False
            try:
                r.body = c.body_of(r, turn.method)
            except (Closed, ConnectionResetError):
                is_cut = True
            return r, tuple(interim), is_cut, c.is_closed() if turn.is_last else None

    def request(self, turn):
        if turn.raw is not None:
            return self.raw(turn.raw)
        lines = [f"{turn.method} {self.path}{self.text(turn.to)} HTTP/1.1",
                 f"Host: {turn.host or self.case.host}", *map(self.text, turn.lines)]
        if turn.body is not None:
            lines.append(f"Content-Length: {len(turn.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (turn.body or b"")

    # -- what must hold

    def play(self):
        self.stage.heal(self.case.host)
        for turn in self.case.turns:
            path = self.path + turn.to.split("?")[0]
            self.stage.origin.on(path, self.script)
        for self.number, turn in enumerate(self.case.turns):
            with self.lock:
                self.turn, self.upstream = turn, []
            end = time.monotonic() + (EVENTUALLY_S if turn.eventually else 0)
            while not self.holds(turn, time.monotonic() > end):
                time.sleep(0.01)
            wait_until(lambda t=turn: len(self.upstream) >= t.behind,
                       f"{self.case}: upstream is asked behind the client's back")

    def holds(self, turn, is_final):
        answer = None
        try:
            answer = self.ask(turn)
            self.judge(turn, *answer)
        except (Wrong, Closed, OSError) as wrong:
            if is_final:
                raise AssertionError(self.told(turn, wrong, answer)) from None
            with self.lock:
                self.upstream = []
            return False
        return True

    def told(self, turn, wrong, answer):
        """All that is needed to see what went wrong."""
        said = [f"{self.case} ({self.transport}), turn {self.number}: "
                f"{wrong or type(wrong).__name__}",
                *(f"  > {line}" for line in self.request(turn).decode("latin-1").splitlines())]
        for r in self.upstream:
            said += ["  upstream:", f"  >> {r.first}", *(f"  >> {n}: {v}" for n, v in r.fields)]
        if answer:
            r = answer[0]
            said += ["  answered:", f"  < {r.first}", *(f"  < {n}: {v}" for n, v in r.fields),
                     f"  < {r.body[:200]}"]
        return "\n".join(said)

    def judge(self, turn, r, interim, is_cut, is_closed):
        self.judge_upstream(turn)
        if turn.asks and turn.answers[-1].raw is None and turn.answers[-1].page is None \
                and turn.answers[-1].status != 304:
            self.last = (turn.answers[-1].status, self.bodies.get(self.number))
        if turn.asks and turn.answers[-1].page is not None:
            self.last = (200, self.bodies.get(self.number))
        self.judge_status(turn, r)
        if turn.is_cut is not None and is_cut != turn.is_cut:
            raise Wrong("the answer breaks off" if is_cut else "the answer should break off")
        if turn.interim is not None and interim != turn.interim:
            raise Wrong(f"interim answers {interim}, not {turn.interim}")
        if is_closed is False:
            raise Wrong("the connection should be closed")
        if not is_cut:
            self.judge_body(turn, r)
        self.judge_lines(turn.has, turn.lacks, r, "answer")
        if r.trailers:
            raise Wrong(f"trailers, which are dropped (RFC 9110 s.6.5.1): {r.trailers}")
        if turn.raw is None:
            self.judge_always(turn, r)

    def judge_upstream(self, turn):
        if turn.eventually and turn.asks:
            return
        if turn.asks is not None and len(self.upstream) != turn.asks:
            raise Wrong(f"upstream was asked {len(self.upstream)} times, not {turn.asks}")
        if not self.upstream:
            return
        last = self.upstream[-1]
        self.judge_lines(turn.sent, turn.unsent, last, "request upstream")
        if turn.received is not None and last.body != turn.received:
            raise Wrong(f"upstream received the body {last.body!r}")

    def judge_status(self, turn, r):
        expected = turn.status if turn.status is not None else self.last and self.last[0]
        allowed = expected if isinstance(expected, tuple) else (expected,)
        if expected is not None and r.status not in allowed:
            raise Wrong(f"status {r.status}, not {expected}")

    def judge_body(self, turn, r):
        if turn.matches is not None and turn.method != "HEAD":
            self.judge_pattern(turn.matches, r)
        if turn.matches_any and r.body not in [c.read(0, c.size) for c in turn.matches_any]:
            raise Wrong("the body is none of those that there were")
        expected = turn.gives
        if isinstance(expected, int):
            expected = self.bodies[expected]
        elif expected is None and turn.status is None and self.last:
            expected = self.last[1]
        if r.status in (204, 304) or turn.method == "HEAD":
            expected = b""
        if expected is not None and r.body != expected:
            raise Wrong(f"body {r.body[:80]!r}, not {expected[:80]!r}")

    def judge_pattern(self, pattern, r):
        boundary = re.search(r'boundary="?([^";]+)', r.header("Content-Type", ""))
        pattern = pattern.replace("BOUNDARY", re.escape(boundary[1]) if boundary else "BOUNDARY")
        if not re.match(pattern, "\r\n" + r.body.decode("latin-1").removeprefix("\r\n")):
            raise Wrong(f"the body does not match {pattern!r}")

    def judge_lines(self, has, lacks, head, what):
        for line in has:
            name, colon, value = self.text(line).partition(":")
            found, value = ", ".join(head.headers(name)), value.strip()
            is_there = head.header(name) is not None
            if value.startswith("~"):
                is_there = is_there and re.search(value[1:], found) is not None
            elif colon:
                is_there = is_there and found == value
            if not is_there:
                raise Wrong(f"the {what} should have {line!r}, has {found!r}")
        for name in lacks:
            if head.header(name) is not None:
                raise Wrong(f"the {what} should not have {name}: {head.header(name)!r}")

    def judge_always(self, turn, r):
        """What holds for every answer of an edge."""
        for name in ("Date", "Content-Length", "Age", "ETag", "Last-Modified"):
            if len(r.headers(name)) > 1 and name.lower() not in str(turn.answers).lower():
                raise Wrong(f"{name} stands there {len(r.headers(name))} times")
        if not r.headers("Date"):
            raise Wrong("no Date (RFC 9110 s.6.6.1)")
        if not any(NODE in v for v in r.headers("Via")):
            raise Wrong("no Via (RFC 9110 s.7.6.3)")
        self.judge_cache_status(turn, r)
        if turn.age is not None:
            age = int(r.header("Age", "-1"))
            if not turn.age <= age <= turn.age + SLACK_S:
                raise Wrong(f"Age {age}, not {turn.age}")

    def judge_cache_status(self, turn, r):
        all_members = members(", ".join(r.headers("Cache-Status")))
        name, params = all_members[-1] if all_members else ("", {})
        if name != NODE:
            raise Wrong("no Cache-Status of ours at the end (RFC 9211 s.2)")
        if "hit" in params and "fwd" in params:
            raise Wrong(f"hit and fwd exclude each other (RFC 9211 s.2.2): {params}")
        if "hit" in params and len(r.headers("Age")) != 1:
            raise Wrong("a hit without Age (RFC 9111 s.4)")
        if turn.asks == 0 and "fwd" in params or turn.asks and not turn.eventually \
                and "hit" in params:
            raise Wrong(f"Cache-Status tells {params}")
        for said in map(self.text, turn.says):
            key, _, value = said.partition("=")
            if params.get(key) != (value or True):
                raise Wrong(f"Cache-Status should say {said}: {params}")
        for key in turn.unsaid:
            if key in params:
                raise Wrong(f"Cache-Status should not say {key}: {params}")
        if turn.ttl is not None:
            ttl = int(params.get("ttl", "-1000000000"))
            if not turn.ttl - SLACK_S <= ttl <= turn.ttl:
                raise Wrong(f"ttl {ttl}, not {turn.ttl}")


class Stage:
    def __init__(self, folder, authority):
        self.origin, self.numbers = Origin(), itertools.count()
        self.folder, self.tls = folder, authority.client_context()
        self.certificate = authority.certificate(
            "edge", [f"{name}.example" for name in SITES])
        self.ailing = set()          # hosts whose origin looked bad in an earlier case
        self.origin.page("/well", b"well", cache="no-store")
        self.edge = None
        self.start()

    def start(self):
        sites = {("site", name): {"hosts": [f"{name}.example"], "origins": [self.origin.url], **o}
                 for name, o in SITES.items()}
        self.edge = Edge(self.folder, [self.origin.url], name=NODE, tls=self.certificate,
                         over=sites)
        self.edge.start()

    def client(self, transport, **options):
        is_tls = transport == "tls"
        return Client(("127.0.0.1", self.edge.tls_port if is_tls else self.edge.port),
                      **{"host": "test.example", "tls": self.tls if is_tls else None, **options})

    def heal(self, host):
        """A good answer, so that what looked bad one case after the other is not taken for down."""
        if host in self.ailing:
            self.ailing.discard(host)
            with self.client("http", host=host) as c:
                c.get("/well")

    def h2_client(self):
        return H2Client(("127.0.0.1", self.edge.port))

    def play(self, case, transport):
        Play(self, case, transport).play()
