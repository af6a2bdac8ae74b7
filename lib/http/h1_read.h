/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_H1_READ_H
#define LIB_HTTP_H1_READ_H

#include "lib/http/message.h"

/* Strict HTTP/1.x heads (RFC 9112). Pure: bytes in, structures out.
 *
 * Strictness (DESIGN rule 10): lines end with CRLF; no bare CR, LF or NUL anywhere; no space before
 * the colon; no obs-fold; exactly one Host in HTTP/1.1, valid (RFC 9112 s.3.2); no userinfo in an
 * absolute-form target; Content-Length digits only, repeats only if identical (s.6.3);
 * Content-Length
 * beside Transfer-Encoding refused; Transfer-Encoding is exactly "chunked" once and only in
 * HTTP/1.1, of a response also "zstd, chunked" or "zstd;length=N, chunked" (N: of what it holds);
 * at most 100 field lines. Empty lines (CRLF) before a request line: one is skipped (s.2.2).
 *
 * Reading is in two moves, so that bytes are looked at once however they arrive:
 *   n = h1_scan(&scan, buf, filled)   has the head ended?  resumable, remembers where it was
 *   h1_parse_request(...)             the whole head, once */
struct h1_scan {
    uint32_t at;    /* bytes already looked at */
    uint32_t state; /* 0 at the start of a head */
};

/* h1_scan: length of the head including its empty line (and scan is ready for the next head); 0:
 * more is needed; ERR_SYNTAX: already wrong (a bare CR or LF, another control). p..p+n is the
 * buffer from the head's first byte. */
int h1_scan(struct h1_scan *scan, const char *p, size_t n);

/* 0, or the status to refuse with: 400, 414, 431, 501 (Transfer-Encoding unknown), 505. `why` gets
 * a constant sentence for the log. head->fields is initialised on mem; the names of names.def stand
 * in it in their own spelling. */
struct h1_limits {
    enum scheme scheme;    /* of the connection; an absolute-form target brings its own */
    uint32_t target_bytes; /* longer: 414 */
    uint32_t fields;       /* more lines: 431 */
};
int h1_parse_request(struct request_head *head, struct span bytes, struct arena *mem,
                     const struct h1_limits *limits, const char **why);
/* For a response to a request with method `to`. 0 or ERR_PROTOCOL and why. Sets content_length as
 * RFC 9112 s.6.3: 0 for HEAD, 1xx, 204, 304 (the field stays in fields). Whoever did not ask for
 * the transfer coding zstd (TE, RFC 9110 s.10.1.4) refuses what is_zstd. */
int h1_parse_response(struct response_head *head, struct span bytes, enum method to,
                      struct arena *mem, const char **why);

#endif
