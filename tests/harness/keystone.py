# SPDX-License-Identifier: MIT
"""OpenStack Keystone, whole, on loopback: SQLite, Fernet tokens, one administrator.

    keystone = Keystone(folder, token_life_s=5).start()
    keystone.url                          .../v3
    keystone.token()                      (token, project id)
    keystone.offer_storage(url)           an object-store in the catalogue; $(project_id)s in url"""

import http.client
import json
import subprocess
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.programs import wait_until
from tests.harness.servers import Servers

USER, PASSWORD, PROJECT = "admin", "a password", "admin"

CONF = """[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{folder}/keystone.db
[token]
provider = fernet
expiration = {token_life_s}
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[cache]
enabled = false
"""


class Keystone(Servers):
    def __init__(self, folder, token_life_s=3600):
        super().__init__(Path(folder) / "keystone")
        for name in ("fernet", "credential"):
            (self.folder / name).mkdir(parents=True)
        self.ports["api"] = free_port()
        self.url = f"http://127.0.0.1:{self.ports['api']}/v3"
        self.file = self.folder / "keystone.conf"
        self.file.write_text(CONF.format(folder=self.folder, token_life_s=token_life_s))
        self.commands["api"] = ["keystone-wsgi-public", "--host", "127.0.0.1", "--port",
                                str(self.ports["api"]), "--", "--config-file", str(self.file)]

    def manage(self, *words):
        subprocess.run(["keystone-manage", "--config-file", str(self.file), *words], check=True,
                       capture_output=True)

    def bring_up(self):
        self.manage("db_sync")
        self.manage("fernet_setup", "--keystone-user", "root", "--keystone-group", "root")
        self.manage("bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-public-url",
                    self.url, "--bootstrap-region-id", "here")
        self.start_one("api")
        wait_until(lambda: self.listens("api"), "Keystone listens", 120)

    def ask(self, method, path, body, token=None):
        c = http.client.HTTPConnection("127.0.0.1", self.ports["api"], timeout=60)
        try:
            c.request(method, f"/v3{path}", json.dumps(body), {
                "Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})})
            r = c.getresponse()
            answer = r.read()
            assert r.status == 201, (path, r.status, answer)
            return r.getheader("X-Subject-Token"), json.loads(answer)
        finally:
            c.close()

    def token(self):
        domain = {"domain": {"id": "default"}}
        token, told = self.ask("POST", "/auth/tokens", {"auth": {
            "identity": {"methods": ["password"], "password": {
                "user": {"name": USER, "password": PASSWORD, **domain}}},
            "scope": {"project": {"name": PROJECT, **domain}}}})
        return token, told["token"]["project"]["id"]

    def offer_storage(self, url):
        token, _ = self.token()
        _, made = self.ask("POST", "/services", {
            "service": {"type": "object-store", "name": "swift"}}, token)
        token, _ = self.token()     # they may be short-lived
        self.ask("POST", "/endpoints", {"endpoint": {
            "interface": "public", "region_id": "here", "service_id": made["service"]["id"],
            "url": url}}, token)
