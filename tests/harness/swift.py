# SPDX-License-Identifier: MIT
"""OpenStack Swift with its S3 interface, whole, on loopback: one device, one replica, memcached for
the tokens, the four servers of Debian's packages in the foreground.

    swift = Swift(folder); swift.start(); ...; swift.stop()
    swift.url            http://127.0.0.1:PORT      (S3; /auth/v1.0 gives tokens)
    swift.storage_url    .../v1/AUTH_test
    swift.kill("object") swift.start_one("object")  a part of it dies and comes back
    swift.put("bucket", "name", b"bytes")           by the Swift API"""

import http.client
import os
import sys
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.programs import wait_until
from tests.harness.servers import Servers

USER, PASSWORD, TEMP_URL_KEY = "test:tester", "testing", "a key for temporary urls"
KINDS = ("account", "container", "object", "proxy")

# swift-*-server of Debian read /etc/swift when they are imported; told otherwise, they obey.
RUNNER = """
import sys
kind, etc = sys.argv[1], sys.argv[2]
from swift.common import utils
from swift.common.constraints import reload_constraints
from swift.common.storage_policy import reload_storage_policies
utils.set_swift_dir(etc)
reload_constraints()
reload_storage_policies()
from swift.common.wsgi import run_wsgi
more = {}
if kind == "object":
    from swift.obj import server
    more["global_conf_callback"] = server.global_conf_callback
sys.exit(run_wsgi(f"{etc}/{kind}-server.conf", f"{kind}-server", verbose=True, **more))
"""

# By default a server that is silent for half a second is given up, and left alone for a minute.
COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {etc}
workers = 0
log_address = /nonexistent
conn_timeout = 60
node_timeout = 60
container_update_timeout = 60
error_suppression_limit = 1000000
"""

STORE = """devices = {srv}
mount_check = false
fallocate_reserve = 0
disable_fallocate = true
recon_cache_path = {etc}
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

FILTERS = ("catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl "
           "s3api tempauth copy slo dlo versioned_writes symlink proxy-logging")

OF_FILTER = {
    "cache": "use = egg:swift#memcache\nmemcache_servers = 127.0.0.1:{memcached}\n"
             "connect_timeout = 60\nio_timeout = 60\npool_timeout = 60\n"
             "error_suppression_limit = 1000000\n",
    "tempauth": "use = egg:swift#tempauth\nuser_test_tester = testing .admin\n"
                "token_life = {token_life}\n",
    "s3api": "use = egg:swift#s3api\nlocation = us-east-1\ns3_acl = false\n"
             "storage_domain = s3.test\n",
    "tempurl": "use = egg:swift#tempurl\nallowed_digests = sha256 sha512\n",
    "slo": "use = egg:swift#slo\nmin_segment_size = 1\n",
    "proxy-logging": "use = egg:swift#proxy_logging\n",
    "authtoken": "paste.filter_factory = keystonemiddleware.auth_token:filter_factory\n"
                 "www_authenticate_uri = {keystone}\nauth_url = {keystone}\n"
                 "auth_type = password\nproject_domain_id = default\nuser_domain_id = default\n"
                 "project_name = admin\nusername = admin\npassword = a password\n"
                 "interface = public\ndelay_auth_decision = true\ncache = swift.cache\n",
    "keystoneauth": "use = egg:swift#keystoneauth\noperator_roles = admin\n",
}


def rings(etc, ports):
    from swift.common.ring import RingBuilder
    for kind in KINDS[:3]:
        ring = RingBuilder(4, 1, 1)
        ring.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[kind],
                      "device": "d1", "weight": 1.0, "replication_ip": "127.0.0.1",
                      "replication_port": ports[kind], "meta": ""})
        ring.rebalance()
        ring.get_ring().save(str(etc / f"{kind}.ring.gz"))


class Swift(Servers):
    """keystone: whoever gives the tokens instead of TempAuth (tests.harness.keystone), started."""

    def __init__(self, folder, token_life_s=86400, keystone=None):
        super().__init__(Path(folder) / "swift")
        self.srv = self.folder / "srv"
        (self.srv / "d1").mkdir(parents=True)
        self.ports = {k: free_port() for k in (*KINDS, "memcached")}
        self.keystone, self.account = keystone, "AUTH_test"
        self.write(token_life_s)
        as_root = ["-u", "root"] if os.geteuid() == 0 else []
        self.commands = {k: [sys.executable, str(self.folder / "runner.py"), k, str(self.folder)]
                         for k in KINDS}
        self.commands["memcached"] = ["memcached", *as_root, "-l", "127.0.0.1", "-p",
                                      str(self.ports["memcached"]), "-U", "0", "-m", "16", "-t",
                                      "1"]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['proxy']}"

    @property
    def storage_url(self):
        return f"{self.url}/v1/{self.account}"

    def write(self, token_life_s):
        e, user = self.folder, os.environ.get("USER") or "root"
        (e / "runner.py").write_text(RUNNER)
        (e / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = t\n"
                                      "swift_hash_path_prefix = t\n[storage-policy:0]\n"
                                      "name = only\ndefault = yes\n")
        for kind in KINDS[:3]:
            (e / f"{kind}-server.conf").write_text(
                (COMMON + STORE).format(port=self.ports[kind], etc=e, srv=self.srv, kind=kind,
                                        user=user))
        filters = FILTERS
        if self.keystone:
            filters = FILTERS.replace("s3api tempauth", "authtoken keystoneauth")
        sections = "".join(
            f"[filter:{f}]\n" + OF_FILTER.get(f, f"use = egg:swift#{f}\n").format(
                memcached=self.ports["memcached"], token_life=token_life_s,
                keystone=self.keystone.url if self.keystone else "")
            for f in dict.fromkeys(filters.split()))
        (e / "proxy-server.conf").write_text(
            COMMON.format(port=self.ports["proxy"], etc=e, user=user) +
            f"[pipeline:main]\npipeline = {filters} proxy-server\n[app:proxy-server]\n"
            "use = egg:swift#proxy\nallow_account_management = true\n"
            "account_autocreate = true\n" + sections)
        rings(e, self.ports)

    def bring_up(self):
        for name in ("memcached", *KINDS):
            self.start_one(name)
        for name in self.running:
            wait_until(lambda: self.listens(name), f"{name} of Swift listens", 180)
        wait_until(lambda: self.ask("GET", "/healthcheck")[0] == 200, "Swift is healthy", 120)
        if self.keystone:
            self.keystone.offer_storage(f"{self.url}/v1/AUTH_$(project_id)s")
        wait_until(self.open_account, "Swift knows whom Keystone knows", 120)

    def enter(self):
        """A new token: Keystone's may be short-lived."""
        if self.keystone:
            self.token, project = self.keystone.token()
            self.account = f"AUTH_{project}"
        else:
            self.token = dict(self.ask("GET", "/auth/v1.0", fields={
                "X-Auth-User": USER, "X-Auth-Key": PASSWORD})[1])["X-Auth-Token"]

    def open_account(self):
        self.enter()
        return self.ask("POST", f"/v1/{self.account}", fields={
            "X-Auth-Token": self.token,
            "X-Account-Meta-Temp-Url-Key": TEMP_URL_KEY})[0] // 100 == 2

    def ask(self, method, target, body=None, fields=None):
        c = http.client.HTTPConnection("127.0.0.1", self.ports["proxy"], timeout=100)
        try:
            c.request(method, target, body=body, headers=fields or {})
            r = c.getresponse()
            return r.status, r.getheaders(), r.read()
        finally:
            c.close()

    def ask_known(self, method, target, body=None, fields=None):
        """With the token, or with a new one where it is over."""
        for _ in range(5):
            answer = self.ask(method, target, body, {**(fields or {}), "X-Auth-Token": self.token})
            if answer[0] != 401:
                break
            self.enter()
        return answer

    def put(self, bucket, name, body, **fields):
        for target, data, more in ((f"/v1/{self.account}/{bucket}", b"", {}),
                                   (f"/v1/{self.account}/{bucket}/{name}", body, fields)):
            status = self.ask_known("PUT", target, data, more)[0]
            assert status // 100 == 2, (target, status)

    def remove(self, bucket, name):
        return self.ask_known("DELETE", f"/v1/{self.account}/{bucket}/{name}")[0]
