# SPDX-License-Identifier: MIT
"""A real browser at the edge: headless Chromium decodes what was coded with zstd, and with a
dictionary that it has from the edge itself. Only where Chromium is installed."""

import hashlib
import json
import shutil
import subprocess
import urllib.parse

import pytest

from tests.e2e.edge_dictionary_test import MAGIC, NEW, OLD, available, zstd
from tests.harness.origin import page_of
from tests.harness.programs import Edge, wait_until

pytestmark = [pytest.mark.speed,
              pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")]
TEXT = {"Content-Type": "text/plain"}
# Chromium stores a dictionary some time after it has read it: it is asked until it has.
PAGE = b"""<!doctype html><script>
async function get(path) {
    const text = await (await fetch(path)).text();
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    const hex = [...new Uint8Array(digest)].map(b => b.toString(16).padStart(2, "0")).join("");
    const entry = performance.getEntriesByName(new URL(path, location)).pop();
    return {path, hex, bytes: entry.encodedBodySize};
}
(async () => {
    const said = [await get("/old")];
    for (let i = 0; i < 50 && (i == 0 || said.at(-1).bytes > 10000); i++) {
        await new Promise(done => setTimeout(done, 100));
        said.push(await get("/new?" + i));
    }
    fetch("/report?" + encodeURIComponent(JSON.stringify(said)));
})();
</script>"""


@pytest.fixture
def browser(tmp_path):
    started = []

    def visit(url):
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}/profile", url]
        log = open(tmp_path / "chromium.log", "wb")
        started.append(subprocess.Popen(["chromium", *options], stdout=log, stderr=log))

    yield visit
    for process in started:
        process.terminate()
        process.wait(timeout=30)


def test_chromium_decodes_zstd_and_deltas(run, origin, tmp_path, browser):
    """The delta comes as two frames, as that of a file does which is larger than a window."""
    (tmp_path / "old").write_bytes(OLD)
    delta = MAGIC + hashlib.sha256(OLD).digest()
    for part in NEW[:len(NEW) // 2], NEW[len(NEW) // 2:]:
        (tmp_path / "new").write_bytes(part)
        zstd("--patch-from", tmp_path / "old", tmp_path / "new", "-o", tmp_path / "delta")
        delta += (tmp_path / "delta").read_bytes()
    vary = {**TEXT, "Vary": "Accept-Encoding, Available-Dictionary"}

    def new(request, wire):
        has_old = request.header("Available-Dictionary") == available(OLD)
        page = page_of(delta, "max-age=600", {**vary, "Content-Encoding": "dcz"}) if has_old \
            else page_of(NEW, "max-age=600", vary)
        page(request, wire)

    origin.on("/new", new)
    origin.page("/old", OLD, cache="max-age=600",
                headers={**TEXT, "Use-As-Dictionary": 'match="/new*"'})
    origin.page("/", PAGE, cache="no-store", headers={"Content-Type": "text/html"})
    origin.page("/report", b"", cache="no-store")
    edge = run(Edge(tmp_path, [origin.url],
                    site={"encode": "zstd", "hosts": ["localhost", "test.example"]}))
    browser(f"http://localhost:{edge.port}/")
    wait_until(lambda: origin.count("/report") > 0, "the browser tells", bound_s=60)
    target = origin.requests("/report")[0].target
    said = json.loads(urllib.parse.unquote(target.partition("?")[2]))
    assert said[0]["hex"] == hashlib.sha256(OLD).hexdigest()
    assert 0 < said[0]["bytes"] < len(OLD) / 4                       # zstd, of the edge
    assert {s["hex"] for s in said[1:]} == {hashlib.sha256(NEW).hexdigest()}
    assert 0 < said[-1]["bytes"] <= len(delta) < len(NEW) / 50       # dcz
