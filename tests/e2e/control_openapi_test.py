# SPDX-License-Identifier: MIT
"""The API's own description against the API: every route is told, every status that is told is
given by a real request, and every answer is as its schema says, with nothing beside it."""

import json
import re

import jsonschema

from control_plane import HOST, NODE, OPERATOR, Beats, Plane
from tests.harness.builds import ROOT
from tests.harness.programs import wait_until

DOCUMENT = json.loads((ROOT / "control/api/openapi.json").read_text())
SITE = {"hosts": ["media.example.com"], "origins": ["http://127.0.0.1:1"]}
BEAT = {"node": "seoul", "boot": "b", "wait_ms": 0}
OPERATIONS = {(method.upper(), path): operation for path, methods in DOCUMENT["paths"].items()
              for method, operation in methods.items()}
EXTENSIBLE = {"Route"}      # what explain=1 adds is for people


def strict(schema, name=None):
    """The same schema, but without room for members that it does not tell."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: {n: strict(s, n if k == "schemas" else None) for n, s in v.items()}
           if k in ("properties", "schemas") else strict(v) for k, v in schema.items()}
    if "properties" in out and out.get("type") == "object" and name not in EXTENSIBLE:
        out["additionalProperties"] = False
    return out


SCHEMAS = strict(DOCUMENT["components"])


def check(operation, status, body):
    answer = operation["responses"][str(status)]
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    for kind, content in answer.get("content", {}).items():
        if "json" in kind:
            schema = {**content["schema"], "components": SCHEMAS}
            jsonschema.Draft202012Validator(schema).validate(body)


class Caller:
    """Asks, checks each answer, and remembers which (method, path, status) were seen."""

    def __init__(self, plane, seen):
        self.plane, self.seen = plane, seen

    def __call__(self, method, path, status, body=None, query="", token=OPERATOR, source=None,
                 **names):
        target = path
        for name, value in names.items():
            target = target.replace("{" + name + "}", value)
        got, answer = self.plane.ask(method, target + query, body, token, source)
        assert got == status, (method, target, got, answer)
        check(OPERATIONS[method, path], status, answer)
        self.seen.add((method, path, str(status)))
        return answer


def test_every_route_is_told_and_no_other():
    table = (ROOT / "control/api/api.c").read_text()
    rows = set(re.findall(r'\{METHOD_(\w+), "([^"]+)"', table))
    assert rows == set(OPERATIONS)


def test_the_document_is_handed_out_and_is_of_one_piece(run, tmp_path):
    plane = run(Plane(tmp_path))
    assert plane.ask("GET", "/openapi.json", token=None) == (200, DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT)):
        found = DOCUMENT
        for part in reference.split("/"):
            found = found[part]
    names = [o["operationId"] for o in OPERATIONS.values()]
    assert len(names) == len(set(names))
    jsonschema.Draft202012Validator.check_schema(SCHEMAS["schemas"]["Node"])


def ask_what_goes_well(ask, plane, authority):
    edge = Beats(plane, "seoul")
    plane.wait_health(seoul="up")
    ask("POST", "/v1/nodes/{id}/heartbeat", 200, {**BEAT, "node": "frankfurt"}, token=NODE,
        id="frankfurt")
    route = f"?host={HOST}&path=/a&client=127.1.0.1"
    ask("GET", "/v1/route", 200, query=route)
    ask("GET", "/v1/route", 200, query=route + "&explain=1")
    ask("PUT", "/v1/nodes/{id}", 200, {"http_url": "http://tokyo.test", "city": "Tokyo",
                                       "lat": 35.7, "lon": 139.7, "country": "JP",
                                       "addresses": ["192.0.2.1"]}, id="tokyo")
    for verb in ("drain", "down", "force", "activate"):
        ask("POST", f"/v1/nodes/{{id}}/{verb}", 200, id="tokyo")
    ask("PUT", "/v1/sites/{name}", 200, SITE, name="media")
    ask("PUT", "/v1/sites/{name}", 200, {**SITE, "hosts": ["x.test"]}, name="other")
    ask("DELETE", "/v1/sites/{name}", 204, name="other")
    chain, key = (file.read_text() for file in authority.certificate("api", ["media.example.com"]))
    ask("PUT", "/v1/certificates/{name}", 200, {"chain": chain, "key": key}, name="dl")
    ask("PUT", "/v1/keys/{name}", 200, {"use": "tickets"}, name="edges")
    ask("POST", "/v1/keys/{name}/rotate", 200, name="edges")
    ask("PUT", "/v1/routing", 200, {"overrides": [{"network": "192.0.2.0/24", "edges": ["seoul"]}]})
    for path, name in (("/v1/certificates", "dl"), ("/v1/keys", "edges")):
        ask("GET", path, 200)
        ask("GET", path + "/{name}", 200, name=name)
        ask("DELETE", path + "/{name}", 204, name=name)
    ask("GET", "/v1/routing", 200)
    ask("DELETE", "/v1/routing", 204)
    ask("POST", "/v1/config/rollback", 200, {"version": 1})
    for order in ({"url": "http://media.example.com/a"}, {"tag": "t", "site": "media"},
                  {"all": True, "soft": True}):
        seq = ask("POST", "/v1/purge", 202, order)["seq"]
        ask("GET", "/v1/purges/{seq}", 200, seq=str(seq))
    ask("POST", "/v1/prefill", 202, {"urls": ["http://media.example.com/a"], "id": "release-1",
                                     "nodes": ["seoul"], "pin_s": 3600})
    ask("GET", "/v1/prefills", 200)
    ask("GET", "/v1/prefills/{id}", 200, id="release-1")
    ask("DELETE", "/v1/prefills/{id}", 200, id="release-1")
    ask("POST", "/v1/tokens", 201, {"name": "ci", "rights": ["purge", "read"]})
    ask("POST", "/v1/tokens", 201, {"name": "edge", "node": "seoul"})
    for path in ("/v1/nodes", "/v1/sites", "/v1/config", "/v1/cost", "/v1/tokens", "/v1/audit",
                 "/v1/status", "/metrics", "/healthz", "/readyz", "/openapi.json", "/"):
        ask("GET", path, 200)
    ask("GET", "/dashboard/{file}", 200, file="page.css")
    ask("GET", "/dashboard/{file}", 404, file="page.html")
    ask("GET", "/v1/nodes/{id}", 200, id="seoul")
    ask("GET", "/v1/sites/{name}", 200, name="games")
    ask("GET", "/v1/config/{version}", 200, version="1")
    ask("DELETE", "/v1/tokens/{name}", 204, name="ci")
    edge.stop()


def ask_what_is_wrong(ask):
    ask("GET", "/v1/route", 400, query="?path=/a")
    ask("GET", "/v1/route", 404, query="?host=none.test&path=/a")
    ask("GET", "/v1/nodes/{id}", 404, id="none")
    ask("PUT", "/v1/nodes/{id}", 400, {"lat": 100, "lon": 0}, id="x")
    ask("PUT", "/v1/nodes/{id}", 409, {}, id="seoul")
    ask("PUT", "/v1/nodes/{id}", 413, {"more": "x" * (32 << 10)}, id="x")
    for verb in ("drain", "down", "force", "activate"):
        ask("POST", f"/v1/nodes/{{id}}/{verb}", 404, id="none")
    ask("POST", "/v1/nodes/{id}/heartbeat", 400, {"node": "seoul"}, token=NODE, id="seoul")
    ask("POST", "/v1/nodes/{id}/heartbeat", 404, {**BEAT, "node": "none"}, token=NODE, id="none")
    ask("POST", "/v1/nodes/{id}/heartbeat", 413, {**BEAT, "more": "x" * (770 << 10)}, token=NODE,
        id="seoul")
    url = "http://media.example.com/a"
    ask("POST", "/v1/prefill", 400, {"urls": ["/relative"]})
    ask("POST", "/v1/prefill", 400, {"urls": [url], "nodes": ["none"]})
    ask("POST", "/v1/prefill", 409, {"urls": [url], "id": "release-1"})
    ask("POST", "/v1/prefill", 413, {"urls": [url + "x" * 4000] * 200})
    ask("GET", "/v1/prefills/{id}", 404, id="none")
    ask("DELETE", "/v1/prefills/{id}", 404, id="none")
    ask("GET", "/v1/sites/{name}", 404, name="none")
    ask("PUT", "/v1/sites/{name}", 400, {"hosts": []}, name="x")
    ask("PUT", "/v1/sites/{name}", 409, {"hosts": [HOST]}, name="x")
    ask("PUT", "/v1/sites/{name}", 413, {"more": "x" * (64 << 10)}, name="x")
    ask("DELETE", "/v1/sites/{name}", 404, name="none")
    ask("DELETE", "/v1/sites/{name}", 409, name="games")
    for path, size in (("/v1/certificates/{name}", 64), ("/v1/keys/{name}", 64),
                       ("/v1/routing", 512)):
        names = {"name": "none"} if "{" in path else {}
        ask("PUT", path, 400, {"regions": [{"name": "nowhere"}]}, **names)
        ask("PUT", path, 413, {"more": "x" * (size << 10)}, **names)
        ask("DELETE", path, 404, **names)
        if names:
            ask("GET", path, 404, **names)
    ask("POST", "/v1/keys/{name}/rotate", 404, name="none")
    ask("PUT", "/v1/keys/{name}", 200, {"use": "urls"}, name="links")
    ask("PUT", "/v1/sites/{name}", 200, {"hosts": ["s.test"], "origins": ["http://127.0.0.1:1"],
                                         "options": {"signed_by": "links"}}, name="signed")
    ask("DELETE", "/v1/keys/{name}", 400, name="links")
    ask("GET", "/v1/config/{version}", 404, version="99")
    ask("POST", "/v1/config/rollback", 400, {})
    ask("POST", "/v1/config/rollback", 404, {"version": 99})
    ask("POST", "/v1/config/rollback", 413, {"version": 1, "more": "x" * 1024})
    ask("POST", "/v1/purge", 400, {})
    ask("POST", "/v1/purge", 413, {"url": "x" * (16 << 10)})
    ask("GET", "/v1/purges/{seq}", 404, seq="99")
    ask("POST", "/v1/tokens", 400, {})
    ask("POST", "/v1/tokens", 409, {"name": "edge", "node": "seoul"})
    ask("POST", "/v1/tokens", 413, {"name": "x" * 4096})
    ask("DELETE", "/v1/tokens/{name}", 404, name="none")
    ask("GET", "/v1/audit", 400, query="?n=0")


def names_of(path):
    return {n: {"id": "seoul", "version": "1", "seq": "1"}.get(n, "x")
            for n in re.findall(r"{(\w+)}", path)}


def body_of(method):
    return {} if method in ("PUT", "POST") else None


def ask_without_right(ask, tokens):
    """401 and 403 of every operation that needs a right."""
    for number, ((method, path), operation) in enumerate(OPERATIONS.items()):
        right = operation["security"][0]["token"][0] if operation["security"] else None
        if right is None:
            continue
        wrong = tokens["node" if right in ("read", "purge") else "read"]
        wrong = tokens["frankfurt"] if right == "node" else wrong
        ask(method, path, 403, body_of(method), token=wrong, **names_of(path))
        source = f"127.0.1.{number}"          # wrong tokens come to a limit of their address
        ask(method, path, 401, body_of(method), token=None, source=source, **names_of(path))


def ask_too_often(ask, token):
    for (method, path), operation in OPERATIONS.items():
        if "429" in operation["responses"]:
            ask(method, path, 429, body_of(method), token=token, **names_of(path))


def conflict_of_a_rollback(ask, plane):
    plane.configure({**plane.values, ("site", "file"): {"hosts": ["media.example.com"]}})
    plane.reload()
    wait_until(lambda: plane.ask("GET", "/v1/sites/file")[0] == 200, "the site of the file")
    ask("POST", "/v1/config/rollback", 409, {"version": 1})


def test_every_status_that_is_told_is_given_and_as_its_schema_says(run, authority, tmp_path):
    seen, told = set(), {(m, p, s) for (m, p), o in OPERATIONS.items() for s in o["responses"]}
    plane = run(Plane(tmp_path))
    ask = Caller(plane, seen)
    ask_what_goes_well(ask, plane, authority)
    ask_what_is_wrong(ask)
    made = {"read": {"rights": ["read"]}, "node": {"node": "seoul"},
            "frankfurt": {"node": "frankfurt"}}
    tokens = {name: ask("POST", "/v1/tokens", 201, {"name": f"t-{name}", **what})["token"]
              for name, what in made.items()}
    ask_without_right(ask, tokens)
    conflict_of_a_rollback(ask, plane)
    plane.stop()

    (tmp_path / "busy").mkdir()
    busy = run(Plane(tmp_path / "busy", over={"operator_rate": 1}))
    token = busy.ask("POST", "/v1/tokens", {"name": "x", "rights": ["admin"]})[1]["token"]
    while busy.ask("GET", "/v1/status", token=token)[0] == 200:
        pass
    ask_too_often(Caller(busy, seen), token)

    (tmp_path / "second").mkdir()
    second = run(Plane(tmp_path / "second", over={"routes_only": True}))
    for (method, path), operation in OPERATIONS.items():
        if "503" in operation["responses"]:
            Caller(second, seen)(method, path, 503, body_of(method), **names_of(path),
                                 token=NODE if path.endswith("heartbeat") else OPERATOR)
    assert told - seen == set()
