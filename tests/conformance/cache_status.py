# SPDX-License-Identifier: MIT
"""Cache-Status says what happened (RFC 9211 s.2). That it is well formed, stands last, and never
says both hit and fwd is checked of every answer in every table."""

from tests.conformance.case import FRESH, OLD, A, Case, asked, kept

TAG = 'ETag: "a"'

CASES = [
    Case("9211 2.1", "hit", asked(A(FRESH)), kept(says=("hit",), ttl=60)),
    Case("9211 2.2", "uri-miss, stored", asked(A(FRESH), says=("fwd=uri-miss", "stored"), ttl=60)),
    Case("9211 2.2", "uri-miss, not stored", asked(A("Cache-Control: no-store"),
                                                   says=("fwd=uri-miss",), unsaid=("stored",))),
    Case("9211 2.2", "vary-miss", asked(A(FRESH, "Vary: Foo"), "Foo: 1"),
         asked(A(FRESH, "Vary: Foo"), "Foo: 2", says=("fwd=vary-miss", "stored"))),
    Case("9211 2.2", "request", asked(A(FRESH)),
         asked(A(FRESH), "Cache-Control: no-cache", says=("fwd=request",))),
    Case("9211 2.2", "stale", asked(A(*OLD)), asked(A(FRESH), says=("fwd=stale",))),
    Case("9211 2.2", "partial", asked(A(FRESH, TAG, "Content-Range: bytes 65536-131071/500000",
                                        status=206, body=b"x" * 65536), "Range: bytes=65536-65537",
                                      status=206, gives=b"xx"),
         asked(A(FRESH, TAG, "Content-Range: bytes 131072-196607/500000", status=206,
                 body=b"y" * 65536), "Range: bytes=131072-131073", status=206, gives=b"yy",
               asks=None, says=("fwd=partial",)), host="blocks.example"),
    *[Case("9211 2.2", f"method: {m}", asked(A(), method=m, body=b"x", says=("fwd=method",)))
      for m in ("POST", "PUT", "DELETE", "FOO")],
    Case("9211 2.2", "bypass", asked(A(FRESH), body=b"x", says=("fwd=bypass",))),
    *[Case("9211 2.3", f"fwd-status {s}", asked(A(FRESH, status=s), says=(f"fwd-status={s}",)))
      for s in (200, 404, 503)],
    Case("9211 2.3", "fwd-status of a validation", asked(A(*OLD, TAG)),
         asked(A(FRESH, status=304), status=200, gives=0, says=("fwd=stale", "fwd-status=304"))),
    Case("9211 2.3", "fwd-status of an error that is covered",
         asked(A("Cache-Control: max-age=60, stale-if-error=600", "Age: 100", TAG)),
         asked(A(status=503), status=200, gives=0, says=("fwd=stale", "fwd-status=503"))),
    Case("9211 2.3", "fwd-status of what is passed on",
         asked(A(status=404), method="POST", body=b"x", says=("fwd=method", "fwd-status=404"))),
    Case("9211 2.4", "ttl", asked(A("Cache-Control: max-age=1000", "Age: 100"), ttl=900),
         kept(ttl=900)),
    Case("9211 2.4", "ttl is negative when stale", asked(A(*OLD)),
         kept("Cache-Control: max-stale", ttl=-40)),
    Case("9211 2.4", "ttl of what was validated", asked(A(*OLD, TAG)),
         asked(A("Cache-Control: max-age=500", status=304), status=200, gives=0, ttl=500)),
    Case("9211 2.5", "a refresh is stored", asked(A(*OLD, TAG)),
         asked(A(FRESH, status=304), status=200, gives=0, says=("stored",))),
    Case("9211 2.7", "key, where the site wants it",
         asked(A(FRESH), says=('key="keyed keyed.example {path}"',)),
         kept(says=('key="keyed keyed.example {path}"', "hit")),
         asked(A(FRESH), to="?q=%22", says=('key="keyed keyed.example {path}?q=%22"',)),
         host="keyed.example"),
    Case("9211 2.7", "no key where nobody asked for it", asked(A(FRESH), unsaid=("key",))),
    Case("9211 2.7", "no key where none was looked for",
         asked(A(), method="POST", body=b"x", unsaid=("key",)), host="keyed.example"),
    Case("9211 2", "on a 304", asked(A(FRESH, TAG)),
         kept('If-None-Match: "a"', status=304, says=("hit",))),
    Case("9211 2", "on a 206", asked(A(FRESH, TAG)),
         kept("Range: bytes=0-0", status=206, says=("hit",))),
    Case("9211 2", "on a 416", asked(A(FRESH, TAG)),
         kept("Range: bytes=999-", status=416, says=("hit",))),
    Case("9211 2", "on a 502 too", asked(A(raw=b"x"), asks=None, status=502,
                                         says=("fwd=uri-miss",))),
]
