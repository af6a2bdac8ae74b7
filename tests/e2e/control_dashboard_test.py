# SPDX-License-Identifier: MIT
"""The dashboard in a real browser (headless Chromium), with real edges behind it: signs in, reads
the figures, asks a routing question, sees purges, alarms and a wrong token. With
BYEORI_SCREENSHOTS=folder it leaves pictures there, wide and narrow, light and dark."""

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from control_plane import HOST, OPERATOR, Plane
from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.programs import Edge, wait_until

selenium = pytest.importorskip("selenium")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

pytestmark = [pytest.mark.speed,
              pytest.mark.skipif(not shutil.which("chromedriver"), reason="no chromium-driver")]
PRICE = {"price": {"currency": "EUR", "out_per_gb": "0.02", "upstream_per_gb": "0.09"}}
WIDE, PHONE = (1280, 1500), (390, 844)


@pytest.fixture
def browser():
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--force-color-profile=srgb", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


class Page:
    def __init__(self, browser, plane):
        self.browser, self.plane = browser, plane

    def open(self, size=WIDE):
        self.resize(size)
        self.browser.get(self.plane.url + "/")
        return self

    def resize(self, size, scale=1):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": scale,
            "mobile": size == PHONE})

    def find(self, css):
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def text(self, css):
        return self.browser.execute_script(
            "return document.querySelector(arguments[0])?.textContent ?? ''", css)

    def wait(self, css, holds, what):
        try:
            wait_until(lambda: holds(self.text(css)), what)
        except TimeoutError as late:
            raise AssertionError(f"{what}; {css} says {self.text(css)!r}") from late

    def sign_in(self, token=OPERATOR):
        self.find("#token").send_keys(token)
        self.find("#login button").click()

    def complaints(self):
        """What the browser itself found wrong, but for answers of 401 that were meant."""
        return [e["message"] for e in self.browser.get_log("browser") if "401" not in e["message"]]

    def picture(self, name, size, dark=False):
        folder = os.environ.get("BYEORI_SCREENSHOTS")
        if not folder:
            return
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.resize(size)
        height = self.browser.execute_script("return document.documentElement.scrollHeight")
        self.resize((size[0], max(height, size[1])), 2 if size == PHONE else 1)
        self.browser.execute_async_script("setTimeout(arguments[0], 600)")
        self.browser.save_screenshot(str(Path(folder) / f"dashboard-{name}.png"))

    def is_scrolled_sideways(self):
        return self.browser.execute_script(
            "return document.documentElement.scrollWidth > innerWidth")


class Users:
    """Fetch from each edge, some more than others, until stop()."""

    def __init__(self, edges):
        self.until = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(e, i), daemon=True)
                        for i, e in enumerate(edges)]
        for t in self.threads:
            t.start()

    def _run(self, edge, i):
        while not self.until.wait(0.02 * (i + 1)):
            with suppress(Closed, OSError):     # the test stops some
                edge.get(f"/file/{i % 3}")

    def stop(self):
        self.until.set()
        for t in self.threads:
            t.join()


def start(run, origin, folder):
    plane = run(Plane(folder, over={**PRICE, ("site", "games"): None}))
    for i in range(3):
        origin.page(f"/file/{i}", Content(4 << 20), cache="max-age=3600", etag=f'"{i}"')
    site = {"hosts": [HOST], "origins": [origin.url], "options": {"block": "1MiB"}}
    assert plane.ask("PUT", "/v1/sites/games", site)[0] == 200
    edges = []
    for name in ("seoul", "frankfurt", "virginia"):
        (folder / name).mkdir()
        edges.append(run(Edge(folder / name, [origin.url], name=name, host="own.test", over={
            "control": {"url": plane.url, "token_file": str(folder / "node")}})))
        edges[-1].host = HOST
    for edge in edges:
        wait_until(lambda: edge.get("/file/0").status == 200, "the site on the edge")
    return plane, edges


def test_an_operator_sees_and_asks_in_a_browser(run, origin, tmp_path, browser):
    plane, edges = start(run, origin, tmp_path)
    users = Users(edges)
    page = Page(browser, plane).open()
    page.sign_in("wrong-token-0123456789")
    page.wait("#login-fault", lambda t: "token" in t, "the refusal")
    page.sign_in()
    page.wait("#t-nodes", lambda t: t.startswith("3"), "three nodes")
    page.wait("#t-out", lambda t: "b/s" in t and not t.startswith("0 "), "traffic")
    page.wait("#t-offload", lambda t: "%" in t, "offload")
    page.wait("#t-saved", lambda t: "€" in t, "money")
    assert page.text("#nodes").count("up") == 3 and "Frankfurt, DE" in page.text("#nodes")
    assert page.text("#state-text") == "all is well"
    assert len(page.browser.find_elements(By.CSS_SELECTOR, "#map circle.halo")) == 3
    assert page.browser.find_element(By.CSS_SELECTOR, "#chart canvas").size["width"] > 300

    page.find("#q-client").send_keys("127.1.0.1")
    page.find("#q-path").clear()
    page.find("#q-path").send_keys("/file/1")
    page.find("#ask button").click()
    page.wait("#answer", lambda t: "Seoul" in t and "km away" in t, "the answer")
    assert page.text("#answer li strong") == "seoul"

    plane.ask("POST", "/v1/purge", {"url": f"http://{HOST}/file/2"})
    page.wait("#purges", lambda t: "complete, 3 of 3" in t, "the purge")
    page.wait("#audit", lambda t: "POST /v1/purge" in t, "the change")
    page.wait("#shares", lambda t: "games" in t, "the site's share")
    page.wait("#versions", lambda t: "PUT /v1/sites/games" in t, "the version")
    page.browser.execute_async_script("setTimeout(arguments[0], %d)"
                                      % (9000 if "BYEORI_SCREENSHOTS" in os.environ else 1))
    for name, size, dark in (("wide", WIDE, False), ("wide-dark", WIDE, True),
                             ("phone", PHONE, False), ("phone-dark", PHONE, True)):
        page.picture(name, size, dark)
    page.resize(PHONE)
    assert not page.is_scrolled_sideways()

    edges[2].kill()
    page.wait("#alarms", lambda t: "virginia is down" in t, "the alarm")
    assert page.text("#state-text") == "needs attention"
    page.browser.refresh()
    page.wait("#t-nodes", lambda t: t.startswith("2"), "the token is kept in this tab")
    page.find("#leave").click()
    assert page.browser.execute_script("return sessionStorage.length + localStorage.length") == 0
    assert not page.browser.get_cookies() and page.find("#login").is_displayed()
    assert page.complaints() == []
    users.stop()


def test_what_a_name_smuggles_in_stays_text_and_the_policy_is_strict(run, tmp_path, browser):
    plane = run(Plane(tmp_path))
    evil = "<img src=x onerror=document.title='owned'>"
    assert plane.ask("PUT", "/v1/nodes/evil", {"city": evil, "lat": 1, "lon": 1})[0] == 200
    page = Page(browser, plane).open()
    page.sign_in()
    page.wait("#nodes", lambda t: evil in t, "the name as text")
    assert page.browser.title == "byeori"
    blocked = page.browser.execute_async_script("""
        const done = arguments[0];
        addEventListener("securitypolicyviolation", e => done(e.effectiveDirective));
        const s = document.createElement("script");
        s.textContent = "document.title = 'owned'";
        document.body.append(s);""")
    assert blocked.startswith("script-src") and page.browser.title == "byeori"
    assert plane.user("/", host="127.0.0.1").status == 421     # not on the users' address
