/* SPDX-License-Identifier: MIT */

/* URLs of http and https: taken apart, made normal, resolved. Whether a host or a path is one of
 * ours is left to others. */
#include "lib/http/url.h"

#include "lib/base/err.h"
#include "lib/http/chars.h"

#include <arpa/inet.h>

#define PORT_LAST 65535

/* s, which may be empty, as a port; an empty one is as none (RFC 3986 s.3.2.3). */
static int read_port(struct span s, int *port)
{
    uint64_t v = 0;
    *port = -1;
    if (s.n == 0)
        return 0;
    if (!span_u64(s, &v) || v == 0 || v > PORT_LAST)
        return ERR_SYNTAX;
    *port = (int)v;
    return 0;
}

static bool is_ipv6(struct span s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.n == 0 || s.n >= sizeof(text) || span_index(s, '\0') >= 0)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

int url_authority(struct span text, struct span *host, int *port)
{
    struct span behind;
    if (text.n != 0 && text.p[0] == '[') {
        *host = span_cut(span_skip(text, 1), ']', &behind);
        if (behind.p == NULL || !is_ipv6(*host) || (behind.n != 0 && behind.p[0] != ':'))
            return ERR_SYNTAX;
        return read_port(span_skip(behind, 1), port);
    }
    *host = span_cut(text, ':', &behind);
    if (!chars_all(*host, CHAR_NAME) || chars_has_percent_fault(*host))
        return ERR_SYNTAX;
    return read_port(behind, port);
}

bool url_path_is_valid(struct span path)
{
    return path.n != 0 && path.p[0] == '/' && chars_all(path, CHAR_PATH) &&
           !chars_has_percent_fault(path);
}

int url_split(struct span target, struct span *path, struct span *query)
{
    *path = span_cut(target, '?', query);
    return url_path_is_valid(*path) && chars_all(*query, CHAR_QUERY) ? 0 : ERR_SYNTAX;
}

/* What follows "<scheme>:" of text, or SPAN_NONE where it is neither of ours. */
static struct span read_scheme(struct span text, enum scheme *scheme)
{
    struct span behind, name = span_cut(text, ':', &behind);
    *scheme = span_ieq(name, SPAN("https")) ? SCHEME_HTTPS : SCHEME_HTTP;
    return span_ieq(name, scheme_text(*scheme)) ? behind : SPAN_NONE;
}

int url_parse(struct span text, struct url *out)
{
    struct span behind = read_scheme(text, &out->scheme);
    if (!span_starts(behind, SPAN("//")))
        return ERR_SYNTAX;
    behind = span_skip(behind, 2);
    size_t n = 0;
    while (n < behind.n && behind.p[n] != '/' && behind.p[n] != '?')
        n++;
    if (url_authority(span_make(behind.p, n), &out->host, &out->port) < 0 || out->host.n == 0)
        return ERR_SYNTAX; /* an http URL has a host: RFC 9110 s.4.2.1 */
    if (out->port < 0)
        out->port = scheme_port(out->scheme);

    struct span rest = span_skip(behind, n);
    if (rest.n != 0 && rest.p[0] == '/')
        return url_split(rest, &out->path, &out->query);
    out->path = SPAN("/");
    out->query = rest.n != 0 ? span_skip(rest, 1) : SPAN_NONE;
    return chars_all(out->query, CHAR_QUERY) ? 0 : ERR_SYNTAX;
}

/* RFC 3986 s.5.2.4, in place, for a path that starts with '/'. Returns the new length. */
static size_t remove_dot_segments(char *p, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && p[end] != '/';)
            end++;
        struct span segment = span_make(p + i, end - i);
        bool is_up = span_eq(segment, SPAN("/.."));
        if (!is_up && !span_eq(segment, SPAN("/."))) {
            memmove(p + kept, p + i, segment.n);
            kept += segment.n;
            continue;
        }
        while (is_up && kept > 0 && p[--kept] != '/')
            ;
        if (end == n)
            p[kept++] = '/';
    }
    return kept;
}

/* RFC 3986 s.6.2.2.1 and 6.2.2.2: path into out, which has room for all of it. */
static size_t normal_escapes(struct span path, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        int high = path.n - i > 2 && path.p[i] == '%' ? char_hex(path.p[i + 1]) : -1;
        int low = high >= 0 ? char_hex(path.p[i + 2]) : -1;
        if (low < 0) {
            out[n++] = path.p[i];
            continue;
        }
        char c = (char)(high << 4 | low);
        i += 2;
        if (char_is(c, CHAR_PLAIN)) {
            out[n++] = c;
            continue;
        }
        out[n++] = '%';
        out[n++] = "0123456789ABCDEF"[high];
        out[n++] = "0123456789ABCDEF"[low];
    }
    return n;
}

struct span url_normal_path(struct span path, struct arena *mem)
{
    if (path.n == 0 || path.p[0] != '/' ||
        (span_index(path, '%') < 0 && memmem(path.p, path.n, "/.", 2) == NULL) ||
        chars_has_percent_fault(path))
        return path;
    char *out = arena_bytes(mem, path.n);
    if (arena_overflowed(mem))
        return path;
    size_t n = remove_dot_segments(out, normal_escapes(path, out));
    return span_eq(span_make(out, n), path) ? path : span_make(out, n);
}

int url_decode(struct span path, struct arena *mem, struct span *out)
{
    if (chars_has_percent_fault(path) || span_index(path, '\0') >= 0)
        return ERR_SYNTAX;
    *out = path;
    if (span_index(path, '%') < 0)
        return 0;
    char *text = arena_bytes(mem, path.n);
    if (arena_overflowed(mem))
        return ERR_TOO_BIG;
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] != '%') {
            text[n++] = path.p[i];
            continue;
        }
        text[n] = (char)(char_hex(path.p[i + 1]) << 4 | char_hex(path.p[i + 2]));
        if (text[n] == '\0' || text[n] == '/')
            return ERR_SYNTAX;
        n++;
        i += 2;
    }
    *out = span_make(text, n);
    return 0;
}

/* RFC 3986 s.3.1: whether a scheme stands in front. */
static bool has_scheme(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ':')
            return i != 0;
        if (!char_is(s.p[i], CHAR_PLAIN) && s.p[i] != '+')
            return false;
    }
    return false;
}

/* out->path as prefix and path together, without dot segments. */
static int resolve_path(struct url *out, struct span prefix, struct span path, struct arena *mem)
{
    size_t n = prefix.n + path.n;
    char *text = arena_bytes(mem, n);
    if (arena_overflowed(mem))
        return ERR_TOO_BIG;
    memcpy(mempcpy(text, prefix.p, prefix.n), path.p, path.n);
    if (!url_path_is_valid(span_make(text, n)))
        return ERR_SYNTAX;
    out->path = span_make(text, remove_dot_segments(text, n));
    return 0;
}

int url_resolve(const struct url *base, struct span reference, struct arena *mem, struct url *out)
{
    struct span fragment, text = span_cut(reference, '#', &fragment);
    *out = *base;
    if (span_starts(text, SPAN("//")))
        text = arena_join(
            mem, (const struct span[]){scheme_text(base->scheme), SPAN(":"), text, SPAN_NONE}, 3);
    if (has_scheme(text)) {
        int err = url_parse(text, out);
        return err < 0 ? err : resolve_path(out, SPAN(""), out->path, mem);
    }
    struct span query, path = span_cut(text, '?', &query);
    if (!chars_all(query, CHAR_QUERY))
        return ERR_SYNTAX;
    if (path.n != 0 || query.p != NULL)
        out->query = query;
    if (path.n == 0)
        return 0;
    size_t folder = base->path.n;
    while (folder > 0 && base->path.p[folder - 1] != '/')
        folder--;
    return resolve_path(out, span_make(base->path.p, path.p[0] == '/' ? 0 : folder), path, mem);
}

struct span url_target(struct span path, struct span query, struct arena *mem)
{
    if (query.p == NULL)
        return path;
    char *text = arena_bytes(mem, path.n + 1 + query.n);
    if (arena_overflowed(mem))
        return path;
    char *at = mempcpy(text, path.p, path.n);
    *at++ = '?';
    memcpy(at, query.p, query.n);
    return span_make(text, path.n + 1 + query.n);
}
