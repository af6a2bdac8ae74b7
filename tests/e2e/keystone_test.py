# SPDX-License-Identifier: MIT
"""byeori-origin before an OpenStack Swift whose tokens come from Keystone and end at the worst of
moments. Both are scripted, in one server: real tokens cannot be made to end at a given byte. The
real ones: ./byeori bench storages swift."""

import json

import pytest

from tests.e2e.storage_test import secrets
from tests.harness.client import Pending
from tests.harness.content import Content
from tests.harness.origin import Origin, page_of
from tests.harness.ports import free_port
from tests.harness.programs import OriginGateway, wait_until

BIG = Content(3_000_001, seed=31)
CUT = 1_000_000                    # where the first read of BIG breaks
REST = f"bytes={CUT}-{BIG.size - 1}"


class Storage:
    """Its tokens are numbered from `first` on; the newest opens, unless it is over. With at_cut
    the first read breaks, and at_cut() is called before the connection closes."""

    def __init__(self, origin, first=1, at_cut=None):
        self.origin, self.newest, self.is_over = origin, first - 1, True
        self.at_cut = at_cut
        origin.on("/v3/auth/tokens", self.login)
        origin.on("/v1/AUTH_p/games/big", self.read)

    def login(self, request, wire):
        self.newest, self.is_over = self.newest + 1, False
        ends = [{"interface": interface, "region": region, "url": f"{self.origin.url}/v1/{account}"}
                for interface, region, account in (("admin", "here", "none"),
                                                   ("public", "here", "AUTH_p"),
                                                   ("public", "there", "none"))]
        document = {"token": {"expires_at": "2999-01-01T00:00:00.000000Z", "catalog": [
            {"type": "identity", "endpoints": []}, {"type": "object-store", "endpoints": ends}]}}
        page_of(json.dumps(document).encode(), status=201,
                headers={"X-Subject-Token": f"token {self.newest}"})(request, wire)

    def read(self, request, wire):
        if self.is_over or request.header("X-Auth-Token") != f"token {self.newest}":
            return page_of(b"", status=401)(request, wire)
        at_cut, self.at_cut = self.at_cut, None
        page_of(BIG, etag='"v1"', cut=CUT if at_cut else None)(request, wire)
        if at_cut:
            at_cut()

    def end_token(self):
        self.is_over = True

    def reads(self):
        return [(q.header("X-Auth-Token"), q.header("Range"))
                for q in self.origin.requests("/v1/AUTH_p/games/big")]

    def logins(self):
        return [json.loads(q.body)["auth"] for q in self.origin.requests("/v3/auth/tokens")]


def gateway_of(run, tmp_path, origin, **over):
    """One worker, since each has a token of its own, and nobody else who asks."""
    return run(OriginGateway(tmp_path, lambda port: {
        "workers": 1, "releases": "0s", ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("storage", "swift"): {
            "auth": "v3", "auth_url": origin.url + "/v3/", "user": "u", "project": "p",
            "bucket": "games", "credentials_file": secrets(tmp_path, password="secret"),
            **over}}))


def test_a_token_that_ends_in_the_middle_of_a_read_is_renewed(run, tmp_path, origin):
    storage = Storage(origin)
    storage.at_cut = storage.end_token
    r = gateway_of(run, tmp_path, origin).get("/big")
    assert r.status == 200 and r.body == BIG.read(0, BIG.size)
    assert storage.reads() == [("token 1", None), ("token 1", REST), ("token 2", REST)]
    domain = {"domain": {"name": "Default"}}
    assert storage.logins() == 2 * [{
        "identity": {"methods": ["password"],
                     "password": {"user": {"name": "u", "password": "secret", **domain}}},
        "scope": {"project": {"name": "p", **domain}}}]


@pytest.fixture
def restarting():
    """Servers at one port, one after the other: start(), stop()."""
    port, started = free_port(), []

    class Restarting:
        def start(self):
            started.append(Origin(port=port))
            return started[-1]

        def stop(self):
            started[-1].stop()

    yield Restarting()
    for server in started:
        server.stop()


def test_a_storage_that_restarts_in_the_middle_of_a_read_is_met_again(run, tmp_path, restarting):
    before = restarting.start()
    Storage(before, at_cut=restarting.stop)
    g = gateway_of(run, tmp_path, before, tries=30)
    reader = Pending(("127.0.0.1", g.port), "GET", "/big")
    wait_until(lambda: "storage-retry" in g.stderr(), "the gateway finds nobody there")
    after = Storage(restarting.start(), first=5)       # knows no token of before
    assert reader.wait().status == 200 and reader.body == BIG.read(0, BIG.size)
    assert after.reads() == [("token 1", REST), ("token 5", REST)]


def test_a_keystone_that_is_away_when_a_token_ends_is_asked_again(run, tmp_path, origin):
    storage = Storage(origin)
    storage.at_cut = storage.end_token
    login, refused = storage.login, []

    def refuse_twice(request, wire):
        if storage.newest == 0 or len(refused) == 2:
            return login(request, wire)
        refused.append(request)
        page_of(b"", status=503, headers={"Retry-After": "0"})(request, wire)

    origin.on("/v3/auth/tokens", refuse_twice)
    r = gateway_of(run, tmp_path, origin).get("/big")
    assert r.status == 200 and r.body == BIG.read(0, BIG.size) and len(refused) == 2
    assert storage.reads()[-1] == ("token 2", REST)


@pytest.mark.parametrize("region,status", [("", 200), ("here", 200), ("there", 404),
                                           ("elsewhere", 502)])
def test_the_public_endpoint_of_the_region_is_taken(run, tmp_path, origin, region, status):
    Storage(origin)
    g = gateway_of(run, tmp_path, origin, **({"region": region} if region else {}))
    assert g.get("/big").status == status
    if status == 502:
        wait_until(lambda: 'region="elsewhere"' in g.stderr(), "what lacks is told")
