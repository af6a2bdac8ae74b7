/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_MESSAGE_H
#define LIB_HTTP_MESSAGE_H

#include "lib/http/headers.h"

/* Heads of requests and responses as understood, whatever protocol brought them. Spans borrow from
 * what was read (or the exchange's arena). */
enum method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_PATCH,
    METHOD_TRACE,
    METHOD_CONNECT,
    METHOD_COUNT
};

enum scheme { SCHEME_HTTP, SCHEME_HTTPS };

#define LENGTH_UNKNOWN ((int64_t)-1)
/* An exbibyte: no content is longer. What says that it is, is refused, so that sums of positions
 * and blocks stay numbers. */
#define LENGTH_MAX ((int64_t)1 << 60)

struct request_head {
    enum method method;
    enum scheme scheme; /* of the connection, or of an absolute-form target */
    struct span method_text;
    struct span target; /* as received (RFC 9112 s.3.2) */
    struct span host;   /* host of the target URI without port; lower case where it was so */
    int port;           /* as given, or the scheme's own */
    struct span path;   /* absolute path, not decoded; "*" for OPTIONS * */
    struct span query;  /* without '?'; p == NULL: there was no '?' */
    struct fields fields;
    int64_t content_length; /* 0: no body; LENGTH_UNKNOWN: chunked (or HTTP/2 without length) */
    uint8_t minor_version;  /* HTTP/1.x; 0 or 1; HTTP/2 is told by `major_version` */
    uint8_t major_version;
    bool keeps_alive;      /* RFC 9112 s.9.3 */
    bool expects_continue; /* Expect: 100-continue (RFC 9110 s.10.1.1) */
};

struct response_head {
    int status; /* 100..999 */
    struct span reason;
    struct fields fields;
    int64_t content_length; /* of the body that follows; LENGTH_UNKNOWN: chunked or until close */
    bool is_chunked;
    bool is_zstd; /* chunked, in the transfer coding zstd: content_length is of what that holds */
    bool keeps_alive;
    uint8_t minor_version;
};

enum method method_of(struct span text);
struct span method_text(enum method m);
bool method_is_safe(enum method m); /* RFC 9110 s.9.2.1; OTHER is not */
struct span scheme_text(enum scheme s);
int scheme_port(enum scheme s);
struct span status_reason(int status); /* RFC 9110 s.15 and IANA; "" when unknown */
struct span status_line(int status);   /* of HTTP/1.1, with its end; none when unknown */
/* status_has_body: false for 1xx, 204, 304 (RFC 9110 s.6.4.1). */
bool status_has_body(int status);
/* status_is_heuristic: cacheable without explicit freshness (RFC 9110 s.15.1). */
bool status_is_heuristic(int status);

#endif
