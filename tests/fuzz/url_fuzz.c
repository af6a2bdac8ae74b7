/* SPDX-License-Identifier: MIT */

/* URLs: a path is normalised in one go, stays a valid path and has no dot segment left; what is
 * decoded has no slash that was not there; what is resolved can be resolved again to itself. */
#include "lib/http/chars.h"
#include "lib/http/url.h"
#include "lib/base/check.h"
#include "tests/fuzz/fuzz.h"

static size_t slashes(struct span s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += s.p[i] == '/';
    return count;
}

static void check_path(struct span path, struct arena *mem)
{
    struct span normal = url_normal_path(path, mem), decoded;
    CHECK(url_normal_path(normal, mem).p == normal.p); /* nothing more to do */
    CHECK(normal.n <= path.n || path.n == 0);
    if (url_decode(path, mem, &decoded) == 0)
        CHECK(slashes(decoded) == slashes(path) && span_index(decoded, '\0') < 0);
    if (!url_path_is_valid(path))
        return;
    CHECK(url_path_is_valid(normal));
    struct span rest = normal;
    while (rest.p != NULL) {
        struct span segment = span_cut(rest, '/', &rest);
        CHECK(!span_eq(segment, SPAN(".")) && !span_eq(segment, SPAN("..")));
    }
}

static void check_reference(struct span reference, struct arena *mem)
{
    struct url base, out, again;
    CHECK(url_parse(SPAN("http://a.example/b/c/d?q"), &base) == 0);
    if (url_resolve(&base, reference, mem, &out) != 0)
        return;
    CHECK(url_path_is_valid(out.path) && out.host.n != 0 && out.port > 0);
    struct span target = url_target(out.path, out.query, mem);
    if (span_starts(target, SPAN("//"))) /* would name a host, as a reference */
        return;
    CHECK(url_resolve(&out, target, mem, &again) == 0);
    CHECK(span_eq(again.path, out.path) && span_eq(again.query, out.query));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct arena mem;
    struct url url;
    struct span text = span_make(p, n), host;
    int port;
    arena_init(&mem, 16 * n + 4096);
    if (url_parse(text, &url) == 0) {
        CHECK(url_path_is_valid(url.path) && url.host.n != 0 && url.port > 0 && url.port < 65536);
        CHECK(chars_all(text, CHAR_QUERY));
    }
    if (url_authority(text, &host, &port) == 0)
        CHECK(port >= -1 && port != 0 && port < 65536 && host.n <= n);
    check_path(text, &mem);
    check_reference(text, &mem);
    CHECK(!arena_overflowed(&mem));
    arena_finish(&mem);
    return 0;
}
