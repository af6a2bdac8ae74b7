/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_URL_H
#define LIB_HTTP_URL_H

#include "lib/base/arena.h"
#include "lib/http/message.h"

/* URIs of http and https (RFC 3986, RFC 9110 s.4.2). Pure; spans borrow from the input. */
struct url {
    enum scheme scheme;
    struct span host;  /* IPv6 without its brackets */
    int port;          /* as given, or the scheme's own */
    struct span path;  /* "/" where it was empty */
    struct span query; /* p == NULL: none */
};

/* url_parse: an absolute URL. ERR_SYNTAX: not one, other scheme, userinfo, fragment, bad port. */
MUST_USE int url_parse(struct span text, struct url *out);
/* url_authority: host[:port] as in Host; port is -1 where none was given. */
MUST_USE int url_authority(struct span text, struct span *host, int *port);
/* Paths and queries: pchar, '/', %HH, and what every browser sends unescaped though RFC 3986 has it
 * not: [ ] ^ ` { | }. A query has '?' as well, and its '%' may stand alone. */
bool url_path_is_valid(struct span path); /* starts with '/' */
/* url_split: an origin-form target (RFC 9112 s.3.2.1) into its path and query. */
MUST_USE int url_split(struct span target, struct span *path, struct span *query);

/* url_normal_path: equivalent path as RFC 3986 s.6.2.2 allows: %HH of unreserved decoded, hex
 * upper, dot segments removed. Never decodes %2F. From mem; the input itself where nothing changes
 * and where it is not a valid path. */
struct span url_normal_path(struct span path, struct arena *mem);
/* url_decode: %HH decoded for use as a file name. ERR_SYNTAX: bad escape, NUL, or an encoded '/'.
 * */
MUST_USE int url_decode(struct span path, struct arena *mem, struct span *out);
/* url_resolve: reference (absolute URL, absolute path, or relative path) against base
 * (RFC 3986 s.5.2). For Location and Content-Location. From mem. */
MUST_USE int url_resolve(const struct url *base, struct span reference, struct arena *mem,
                         struct url *out);
/* The path with "?query" where there is one, from mem. */
struct span url_target(struct span path, struct span query, struct arena *mem);

#endif
