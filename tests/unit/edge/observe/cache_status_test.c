/* SPDX-License-Identifier: MIT
 *
 * Cache-Status: RFC 9211 s.2. */
#include "edge/observe/cache_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
    struct cache_status status;
    const char *text;
} rows[] = {
    {{.is_hit = true, .has_ttl = true, .ttl_s = 42}, "seoul-1; hit; ttl=42"},
    {{.is_hit = true, .has_ttl = true, .ttl_s = -7, .detail = "refreshing"},
     "seoul-1; hit; ttl=-7; detail=refreshing"},
    {{.forward = CACHE_FORWARD_URI_MISS,
      .forward_status = 200,
      .has_ttl = true,
      .ttl_s = 0,
      .is_stored = true},
     "seoul-1; fwd=uri-miss; fwd-status=200; ttl=0; stored"},
    {{.forward = CACHE_FORWARD_VARY_MISS, .is_collapsed = true},
     "seoul-1; fwd=vary-miss; collapsed"},
    {{.forward = CACHE_FORWARD_METHOD, .forward_status = 204},
     "seoul-1; fwd=method; fwd-status=204"},
    {{.is_hit = true, .key = {"a\nb.example\n/\"x\\\x80", 17}, .detail = "no-room"},
     "seoul-1; hit; key=\"a b.example /\\\"x\\\\?\"; detail=no-room"},
    {{.has_ttl = true, .ttl_s = INT64_MIN}, "seoul-1; ttl=-9223372036854775808"},
};

static void every_way_is_told(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span text = cache_status_write(&rows[i].status, "seoul-1", &mem);
        assert_string_equal(arena_cstr(&mem, text), rows[i].text);
    }
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
