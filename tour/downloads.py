# SPDX-License-Identifier: MIT
"""Clients of the tour: requests from a chosen loopback address, bodies hashed as they come, redirects
followed as curl -L would."""

import hashlib
import http.client
import threading
import urllib.parse

PIECE = 256 << 10
BOUND_S = 120


class Got:
    """One answer. error: the text of what broke the connection, or None."""

    def __init__(self):
        self.status = self.error = None
        self.fields, self.sha256, self.bytes = {}, None, 0

    def field(self, name):
        return self.fields.get(name.lower(), "")


def get(url, source=None, method="GET", **fields):
    """One request. source: the loopback address to come from."""
    got = Got()
    parts = urllib.parse.urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=BOUND_S,
                                            source_address=(source, 0) if source else None)
    try:
        connection.request(method, target, headers=fields)
        answer = connection.getresponse()
        got.status = answer.status
        got.fields = {n.lower(): v for n, v in answer.getheaders()}
        _hash_body(answer, got)
    except (OSError, http.client.HTTPException) as broken:
        got.error = f"{type(broken).__name__}: {broken}"
    finally:
        connection.close()
    return got


def _hash_body(answer, got):
    digest, room = hashlib.sha256(), memoryview(bytearray(PIECE))
    while n := answer.readinto(room):
        digest.update(room[:n])
        got.bytes += n
    length = answer.getheader("Content-Length")
    if length is not None and answer.status not in (204, 304) and got.bytes != int(length) \
            and answer._method != "HEAD":
        got.error = f"ended after {got.bytes} of {length} bytes"
    got.sha256 = digest.hexdigest()


def follow(url, source=None, hops=3, **fields):
    """As get(), and on through redirects; .url is where the last answer came from."""
    for _ in range(hops):
        got = get(url, source, **fields)
        got.url = url
        if got.status not in (301, 302, 307, 308):
            break
        url = urllib.parse.urljoin(url, got.field("Location"))
        fields.pop("Host", None)
    return got


def crowd(url, count, source=None):
    """count clients at once; their answers."""
    answers = [None] * count
    gate = threading.Barrier(count)

    def client(i):
        gate.wait()
        answers[i] = get(url, source)

    threads = [threading.Thread(target=client, args=(i,), daemon=True) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers
