# SPDX-License-Identifier: MIT
"""Every case of tests/conformance, over HTTP/1.1 in the clear and over TLS, and over HTTP/2 where
it can be said there, against one running edge. A case is a row of a table; how rows are written
is told in tests/conformance/case.py."""

import importlib

import pytest

from tests.conftest import STARTED, faults_of
from tests.conformance.stage import Stage, has_form_in

TABLES = ("freshness", "directives", "storing", "vary", "asking", "validating", "conditions",
          "ranges", "staleness", "invalidation", "forwarding", "framing", "cache_status")


def cases():
    tables = [importlib.import_module(f"tests.conformance.{name}") for name in TABLES]
    return [pytest.param(case, id=f"{table.__name__.split('.')[-1]}-{case}")
            for table in tables for case in table.CASES]


@pytest.fixture(scope="module")
def shared_stage(authority, tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("conformance"), authority)
    yield stage
    faults = faults_of(stage.edge)
    stage.origin.stop()
    assert not faults, "\n".join(faults)


@pytest.fixture
def stage(request, shared_stage):
    """The shared one; an edge that fell is up again for the next case, and fails the one it fell
    in."""
    if not shared_stage.edge.is_running():
        shared_stage.edge.start()
    request.node.stash[STARTED] = [shared_stage.edge]
    yield shared_stage
    assert shared_stage.edge.is_running(), "the edge fell"


@pytest.mark.parametrize("transport", ["http", "tls"])
@pytest.mark.parametrize("case", cases())
def test_conforms(stage, case, transport):
    stage.play(case, transport)


@pytest.mark.parametrize("case", [c for c in cases() if has_form_in(c.values[0], "h2")])
def test_conforms_over_http2(stage, case):
    stage.play(case, "h2")
