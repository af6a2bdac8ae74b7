/* SPDX-License-Identifier: MIT */

/* Whether a stored response answers (RFC 9111 s.4, s.5.2.1, RFC 5861), as a table. Each response
 * is 0 s old at NOW and fresh for 60 s. */
#include "tests/unit/edge/policy/policy_help.h"

#define S MSEC_PER_SEC

static const struct freshness fresh = {.response_wall = NOW, .lifetime_ms = 60 * S};
static const struct freshness swr = {
    .response_wall = NOW, .lifetime_ms = 60 * S, .stale_while_revalidate_ms = 30 * S};
static const struct freshness must = {.response_wall = NOW,
                                      .lifetime_ms = 60 * S,
                                      .stale_while_revalidate_ms = 30 * S,
                                      .must_revalidate = true};
static const struct freshness no_cache = {.response_wall = NOW,
                                          .lifetime_ms = 60 * S,
                                          .stale_while_revalidate_ms = 30 * S,
                                          .always_validates = true};

#define CC "Cache-Control: "

static const struct {
    const char *section;
    const struct freshness *f;
    msec_t after;
    const char *request;
    enum reuse reuse, with_ignored_reload;
} rows[] = {
    {"4.2", &fresh, 0, "", REUSE_FRESH, REUSE_FRESH},
    {"4.2", &fresh, 59, "", REUSE_FRESH, REUSE_FRESH},
    {"4.2", &fresh, 60, "", REUSE_VALIDATE, REUSE_VALIDATE},
    {"4.2", &fresh, 9999, "", REUSE_VALIDATE, REUSE_VALIDATE},
    /* max-age */
    {"5.2.1.1", &fresh, 10, CC "max-age=10", REUSE_FRESH, REUSE_FRESH},
    {"5.2.1.1", &fresh, 11, CC "max-age=10", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.1", &fresh, 0, CC "max-age=0", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.1", &fresh, 0, CC "max-age=x", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.1", &fresh, 11, CC "max-age=10, max-stale=60", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.1", &fresh, 70, CC "max-age=99", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5.2.1.1", &fresh, 70, CC "max-age=99, max-stale=20", REUSE_STALE, REUSE_STALE},
    {"5.2.1.1", &swr, 70, CC "max-age=99", REUSE_VALIDATE, REUSE_REFRESH},
    /* max-stale */
    {"5.2.1.2", &fresh, 70, CC "max-stale", REUSE_STALE, REUSE_STALE},
    {"5.2.1.2", &fresh, 9999999, CC "max-stale", REUSE_STALE, REUSE_STALE},
    {"5.2.1.2", &fresh, 70, CC "max-stale=10", REUSE_STALE, REUSE_STALE},
    {"5.2.1.2", &fresh, 71, CC "max-stale=10", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5.2.1.2", &fresh, 70, CC "max-stale=x", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5.2.1.2", &fresh, 10, CC "max-stale", REUSE_FRESH, REUSE_FRESH},
    {"5.2.2.2", &must, 70, CC "max-stale", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5.2.2.4", &no_cache, 70, CC "max-stale", REUSE_VALIDATE, REUSE_VALIDATE},
    /* min-fresh */
    {"5.2.1.3", &fresh, 10, CC "min-fresh=50", REUSE_FRESH, REUSE_FRESH},
    {"5.2.1.3", &fresh, 11, CC "min-fresh=50", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.3", &fresh, 0, CC "min-fresh=61", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.3", &swr, 70, CC "min-fresh=1", REUSE_VALIDATE, REUSE_REFRESH},
    {"5.2.1.3", &fresh, 0, CC "min-fresh=x", REUSE_FRESH, REUSE_FRESH},
    /* no-cache, Pragma */
    {"5.2.1.4", &fresh, 0, CC "no-cache", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.4", &fresh, 0, CC "NO-CACHE", REUSE_VALIDATE, REUSE_FRESH},
    {"5.2.1.4", &swr, 70, CC "no-cache", REUSE_VALIDATE, REUSE_REFRESH},
    {"5.2.1.4", &fresh, 0, CC "x=\"no-cache\"", REUSE_FRESH, REUSE_FRESH},
    {"5.4", &fresh, 0, "Pragma: no-cache", REUSE_VALIDATE, REUSE_FRESH},
    {"5.4", &fresh, 0, "Pragma: x, No-Cache", REUSE_VALIDATE, REUSE_FRESH},
    {"5.4", &fresh, 0, "Pragma: x\nPragma: no-cache", REUSE_VALIDATE, REUSE_FRESH},
    {"5.4", &fresh, 0, "Pragma: other", REUSE_FRESH, REUSE_FRESH},
    {"5.4", &fresh, 0, "Pragma: no-cache\nCache-Control: max-age=30", REUSE_FRESH, REUSE_FRESH},
    /* no-store says nothing about reuse */
    {"5.2.1.5", &fresh, 0, CC "no-store", REUSE_FRESH, REUSE_FRESH},
    /* only-if-cached */
    {"5.2.1.7", &fresh, 0, CC "only-if-cached", REUSE_FRESH, REUSE_FRESH},
    {"5.2.1.7", &fresh, 70, CC "only-if-cached", REUSE_FORBIDDEN, REUSE_FORBIDDEN},
    {"5.2.1.7", &swr, 70, CC "only-if-cached", REUSE_REFRESH, REUSE_REFRESH},
    {"5.2.1.7", &fresh, 70, CC "only-if-cached, max-stale", REUSE_STALE, REUSE_STALE},
    {"5.2.1.7", &fresh, 0, CC "only-if-cached, no-cache", REUSE_FORBIDDEN, REUSE_FRESH},
    {"5.2.1.7", &no_cache, 0, CC "only-if-cached", REUSE_FORBIDDEN, REUSE_FORBIDDEN},
    /* stale-while-revalidate */
    {"5861 3", &swr, 59, "", REUSE_FRESH, REUSE_FRESH},
    {"5861 3", &swr, 60, "", REUSE_REFRESH, REUSE_REFRESH},
    {"5861 3", &swr, 89, "", REUSE_REFRESH, REUSE_REFRESH},
    {"5861 3", &swr, 90, "", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5861 3", &swr, 95, CC "max-stale=40", REUSE_STALE, REUSE_STALE},
    {"5861 3", &must, 61, "", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5.2.2.2", &must, 59, "", REUSE_FRESH, REUSE_FRESH},
    /* no-cache of the response */
    {"5.2.2.4", &no_cache, 0, "", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5.2.2.4", &no_cache, 70, "", REUSE_VALIDATE, REUSE_VALIDATE},
    {"5.2.2.4", &no_cache, 0, CC "max-age=99", REUSE_VALIDATE, REUSE_VALIDATE},
};

static enum reuse reuse_for(size_t i, bool ignores_reload)
{
    struct arena mem;
    struct site site = {.name = "s", .ignores_reload = ignores_reload};
    struct request_head request = {.method = METHOD_GET};
    struct reuse_request r = {&request, &site, NOW + rows[i].after * S, false};
    arena_init(&mem, 1 << 16);
    fields_of(&request.fields, rows[i].request, &mem);
    struct reuse_verdict v = reuse_of(rows[i].f, &r);
    arena_finish(&mem);
    assert_non_null(v.because);
    return v.reuse;
}

static void each_row_is_reused_as_its_section_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int ignores = 0; ignores < 2; ignores++) {
            enum reuse reuse = reuse_for(i, ignores != 0);
            enum reuse right = ignores != 0 ? rows[i].with_ignored_reload : rows[i].reuse;
            if (reuse != right)
                fail_msg("s.%s after %lld s \"%s\" ignores_reload=%d: %d, not %d", rows[i].section,
                         (long long)rows[i].after, rows[i].request, ignores, (int)reuse,
                         (int)right);
        }
    }
}

static void after_a_soft_purge_nothing_is_used_unasked(void **state)
{
    (void)state;
    struct arena mem;
    struct site site = {.name = "s"};
    struct request_head request = {.method = METHOD_GET};
    struct reuse_request r = {&request, &site, NOW, true};
    arena_init(&mem, 1 << 16);
    fields_init(&request.fields, &mem);
    assert_int_equal(reuse_of(&fresh, &r).reuse, REUSE_VALIDATE);
    assert_int_equal(reuse_of(&swr, &r).reuse, REUSE_VALIDATE);
    fields_of(&request.fields, CC "only-if-cached", &mem);
    assert_int_equal(reuse_of(&fresh, &r).reuse, REUSE_FORBIDDEN);
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_reused_as_its_section_says),
        cmocka_unit_test(after_a_soft_purge_nothing_is_used_unasked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
