/* SPDX-License-Identifier: MIT */

/* Ages and lifetimes by RFC 9111 s.4.2, RFC 9213 and the site's rules, as a table. The request was
 * sent at NOW - 2 s where a row does not say otherwise, the response came at NOW. */
#include "tests/unit/edge/policy/policy_help.h"

#define S MSEC_PER_SEC

struct row {
    const char *section, *response;
    int status; /* 0: 200 */
    msec_t lifetime, age;
    enum freshness_source source;
};

static const struct site plain = {.name = "s"};

static struct freshness freshness_for(const char *lines, int status, const struct site *site)
{
    struct arena mem;
    struct freshness f;
    struct request_head request = {.method = METHOD_GET};
    struct response_head response = {.status = status != 0 ? status : 200};
    struct response_seen seen = {&request, &response, NOW - 2 * S, NOW, site};
    arena_init(&mem, 1 << 16);
    fields_init(&request.fields, &mem);
    fields_of(&response.fields, lines, &mem);
    storable_of(&seen, &f);
    arena_finish(&mem);
    return f;
}

static void run_rows(const struct row *rows, size_t count, const struct site *site)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];
        struct freshness f = freshness_for(r->response, r->status, site);
        if (f.lifetime_ms != r->lifetime * S || f.initial_age_ms != r->age * S ||
            f.source != r->source)
            fail_msg("s.%s \"%s\": lifetime %lld, age %lld, by %s", r->section, r->response,
                     (long long)f.lifetime_ms, (long long)f.initial_age_ms,
                     freshness_source_text(f.source));
    }
}

static void lifetime_comes_from_the_first_that_says_one(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"4.2.1", "Cache-Control: max-age=60", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: s-maxage=90, max-age=60", 0, 90, 2, FRESHNESS_S_MAXAGE},
        {"4.2.1", "Cache-Control: max-age=60\nCache-Control: s-maxage=10", 0, 10, 2,
         FRESHNESS_S_MAXAGE},
        {"4.2.1", "Cache-Control: s-maxage=0, max-age=60", 0, 0, 2, FRESHNESS_S_MAXAGE},
        {"4.2.1", "Cache-Control: MAX-AGE=60", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=\"60\"", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=60, max-age=30", 0, 30, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=x", 0, 0, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=-1", 0, 0, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=1.5", 0, 0, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age", 0, 0, 2, FRESHNESS_MAX_AGE},
        {"1.2.2", "Cache-Control: max-age=99999999999999999999", 0, DELTA_MAX, 2,
         FRESHNESS_MAX_AGE},
        {"1.2.2", "Cache-Control: max-age=2147483648", 0, DELTA_MAX, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=60\nExpires: {9000}", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.3", "Cache-Control: max-age=60\nExpires: {-9000}", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.3", "Cache-Control: s-maxage=60\nExpires: 0", 0, 60, 2, FRESHNESS_S_MAXAGE},
        {"4.2.1", "Cache-Control: foo, max-age=60, bar=\"x,y\"", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: x=\"max-age=9\", max-age=60", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=60", 500, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: immutable", 0, 0, 2, FRESHNESS_NONE},
        {"4.2.1", "", 0, 0, 2, FRESHNESS_NONE},
        {"4.2.1", "X-Cache-Control: max-age=60", 0, 0, 2, FRESHNESS_NONE},
        {"4.2.1", "Pragma: max-age=60", 0, 0, 2, FRESHNESS_NONE},
    };
    run_rows(rows, ARRAY_LEN(rows), &plain);
}

static void expires_counts_from_date(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"5.3", "Date: {0}\nExpires: {60}", 0, 60, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {-10}\nExpires: {60}", 0, 70, 10, FRESHNESS_EXPIRES},
        {"5.3", "Date: {100}\nExpires: {160}", 0, 60, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: {0}", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: {-60}", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: 0", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: -1", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires:", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: tomorrow", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: 60", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: {60} ", 0, 60, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: Thu, 18 Aug 2050 02:01:18 UTC", 0, 0, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: 18 Aug 2050 02:01:18 GMT", 0, 0, 2, FRESHNESS_EXPIRES},
        {"4.2.1", "Date: {0}\nExpires: {60}\nExpires: {60}", 0, 60, 2, FRESHNESS_EXPIRES},
        {"4.2.1", "Date: {0}\nExpires: {60}\nExpires: {90}", 0, 0, 2, FRESHNESS_EXPIRES},
        {"4.2.1", "Date: {0}\nExpires: {60}\nExpires: 0", 0, 0, 2, FRESHNESS_EXPIRES},
        {"4.2.1", "Date: {0}\nExpires: 0\nExpires: {60}", 0, 0, 2, FRESHNESS_EXPIRES},
        {"9110 6.6.1", "Expires: {60}", 0, 60, 2, FRESHNESS_EXPIRES},
        {"9110 6.6.1", "Date: yesterday\nExpires: {60}", 0, 60, 2, FRESHNESS_EXPIRES},
        {"4.2.2", "Date: {0}\nExpires: 0\nLast-Modified: {-9000}", 0, 0, 2, FRESHNESS_EXPIRES},
        {"9110 5.6.7", "Date: {0}\nExpires: Tuesday, 14-Nov-23 22:14:20 GMT", 0, 60, 2,
         FRESHNESS_EXPIRES},
        {"9110 5.6.7", "Date: {0}\nExpires: Tue Nov 14 22:14:20 2023", 0, 60, 2, FRESHNESS_EXPIRES},
        {"5.3", "Date: {0}\nExpires: {60}", 302, 60, 2, FRESHNESS_EXPIRES},
    };
    run_rows(rows, ARRAY_LEN(rows), &plain);
}

static void age_is_the_greater_of_what_date_and_age_tell(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"4.2.3", "Cache-Control: max-age=60\nDate: {0}", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: {-30}", 0, 60, 30, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: {30}", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: {0}\nAge: 20", 0, 60, 22, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: {-30}\nAge: 20", 0, 60, 30, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: {-20}\nAge: 30", 0, 60, 32, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: {9999}\nAge: 30", 0, 60, 32, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nAge: 0", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: 10, 20", 0, 60, 12, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: 10\nAge: 20", 0, 60, 12, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: 20\nAge: 10", 0, 60, 22, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: -20", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: x", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: 20.5", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: 20s", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: \"20\"", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge:", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: x, 20", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"5.1", "Cache-Control: max-age=60\nAge: 020", 0, 60, 22, FRESHNESS_MAX_AGE},
        {"1.2.2", "Cache-Control: max-age=60\nAge: 99999999999999999999", 0, 60, DELTA_MAX + 2,
         FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: not a date", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.3", "Cache-Control: max-age=60\nDate: {-30}\nDate: {0}", 0, 60, 30,
         FRESHNESS_MAX_AGE},
    };
    run_rows(rows, ARRAY_LEN(rows), &plain);
}

static void a_tenth_of_the_time_since_last_modified_where_nothing_is_said(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"4.2.2", "Date: {0}\nLast-Modified: {-1000}", 0, 100, 2, FRESHNESS_HEURISTIC},
        {"4.2.2", "Last-Modified: {-1000}", 0, 100, 2, FRESHNESS_HEURISTIC},
        {"4.2.2", "Date: {-100}\nLast-Modified: {-1100}", 0, 100, 100, FRESHNESS_HEURISTIC},
        {"4.2.2", "Last-Modified: {-100000000}", 0, 86400, 2, FRESHNESS_HEURISTIC},
        {"4.2.2", "Last-Modified: {100}", 0, 0, 2, FRESHNESS_NONE},
        {"4.2.2", "Last-Modified: once", 0, 0, 2, FRESHNESS_NONE},
        {"4.2.2", "Last-Modified: {0}", 0, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 203, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 204, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 300, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 301, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 308, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 404, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 405, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 410, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 414, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 501, 100, 2, FRESHNESS_HEURISTIC},
        {"9110 15.1", "Last-Modified: {-1000}", 201, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 302, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 303, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 307, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 403, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 500, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 503, 0, 2, FRESHNESS_NONE},
        {"9110 15.1", "Last-Modified: {-1000}", 299, 0, 2, FRESHNESS_NONE},
        {"4.2.2", "Cache-Control: public\nLast-Modified: {-1000}", 302, 100, 2,
         FRESHNESS_HEURISTIC},
        {"4.2.2", "Cache-Control: public\nLast-Modified: {-1000}", 299, 100, 2,
         FRESHNESS_HEURISTIC},
    };
    run_rows(rows, ARRAY_LEN(rows), &plain);
}

static void cdn_cache_control_stands_in_place_of_the_others(void **state)
{
    (void)state;
#define CDN "CDN-Cache-Control: "
#define CC  "\nCache-Control: max-age=60\nExpires: {90}\nDate: {0}"
    static const struct row rows[] = {
        {"9213 2.2", CDN "max-age=10" CC, 0, 10, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.2", CDN "max-age=10" CC ", no-store", 0, 10, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.2", CDN "max-age=0" CC, 0, 0, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.2", CDN "s-maxage=20, max-age=10" CC, 0, 20, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.2", CDN "max-age=10\n" CDN "max-age=30" CC, 0, 30, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.2", CDN "public" CC, 0, 0, 2, FRESHNESS_NONE},
        {"9213 2.2", CDN "foo" CC, 0, 0, 2, FRESHNESS_NONE},
        {"9213 2.2", CDN CC, 0, 60, 2, FRESHNESS_MAX_AGE},
        {"9213 2.1", CDN "max-age=10, &&&" CC, 0, 60, 2, FRESHNESS_MAX_AGE},
        {"9213 2.1", CDN "MAX-AGE=10" CC, 0, 60, 2, FRESHNESS_MAX_AGE},
        {"9213 2.1", CDN "max-age=10," CC, 0, 60, 2, FRESHNESS_MAX_AGE},
        {"9213 2.1", CDN "max-age=10;x=1" CC, 0, 10, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.1", CDN "max-age=\"10\"" CC, 0, 0, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.1", CDN "max-age=10.5" CC, 0, 0, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.1", CDN "max-age=-10" CC, 0, 0, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.1", CDN "max-age" CC, 0, 0, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.1", CDN "max-age=999999999999999" CC, 0, DELTA_MAX, 2,
         FRESHNESS_CDN_CACHE_CONTROL},
        {"9213 2.2", CDN "foo\nLast-Modified: {-1000}" CC, 0, 100, 2, FRESHNESS_HEURISTIC},
    };
#undef CDN
#undef CC
    run_rows(rows, ARRAY_LEN(rows), &plain);
}

static void the_site_sets_a_default_and_a_bound(void **state)
{
    (void)state;
    static const struct site with_default = {.name = "s", .default_ttl_ms = 300 * S};
    static const struct site with_bound = {.name = "s", .max_ttl_ms = 50 * S};
    static const struct row by_default[] = {
        {"4.2.2", "", 0, 300, 2, FRESHNESS_SITE_DEFAULT},
        {"4.2.2", "Last-Modified: {-1000}", 0, 300, 2, FRESHNESS_SITE_DEFAULT},
        {"4.2.2", "", 404, 300, 2, FRESHNESS_SITE_DEFAULT},
        {"4.2.2", "", 302, 0, 2, FRESHNESS_NONE},
        {"4.2.2", "", 500, 0, 2, FRESHNESS_NONE},
        {"4.2.1", "Cache-Control: max-age=60", 0, 60, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=0", 0, 0, 2, FRESHNESS_MAX_AGE},
        {"5.3", "Expires: 0", 0, 0, 2, FRESHNESS_EXPIRES},
    };
    static const struct row by_bound[] = {
        {"4.2.1", "Cache-Control: max-age=60", 0, 50, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "Cache-Control: max-age=40", 0, 40, 2, FRESHNESS_MAX_AGE},
        {"4.2.1", "CDN-Cache-Control: max-age=60", 0, 50, 2, FRESHNESS_CDN_CACHE_CONTROL},
        {"4.2.1", "Last-Modified: {-1000}", 0, 50, 2, FRESHNESS_HEURISTIC},
    };
    run_rows(by_default, ARRAY_LEN(by_default), &with_default);
    run_rows(by_bound, ARRAY_LEN(by_bound), &with_bound);
}

static void age_grows_and_what_is_left_shrinks(void **state)
{
    (void)state;
    struct freshness f = freshness_for("Cache-Control: max-age=60\nAge: 10", 0, &plain);
    assert_int_equal(freshness_age_ms(&f, NOW), 12 * S);
    assert_int_equal(freshness_age_ms(&f, NOW + 30 * S), 42 * S);
    assert_int_equal(freshness_left_ms(&f, NOW + 30 * S), 18 * S);
    assert_int_equal(freshness_left_ms(&f, NOW + 48 * S), 0);
    assert_int_equal(freshness_left_ms(&f, NOW + 60 * S), -12 * S);
    /* our own clock went back: no time passed */
    assert_int_equal(freshness_age_ms(&f, NOW - 3600 * S), 12 * S);
}

static void stale_may_cover_a_failure_within_its_bounds(void **state)
{
    (void)state;
    static const struct site hour = {.name = "s", .stale_if_error_ms = 3600 * S};
    static const struct {
        const char *section, *response;
        msec_t after; /* seconds since the response came; it is 2 s old then */
        bool may_cover;
    } rows[] = {
        {"5861 4", "Cache-Control: max-age=60, stale-if-error=30", 10, true},
        {"5861 4", "Cache-Control: max-age=60, stale-if-error=30", 88, true},
        {"5861 4", "Cache-Control: max-age=60, stale-if-error=30", 89, false},
        {"5861 4", "Cache-Control: max-age=60, stale-if-error=0", 59, false},
        {"4.2.4", "Cache-Control: max-age=60", 3658, true},
        {"4.2.4", "Cache-Control: max-age=60", 3659, false},
        {"5.2.2.2", "Cache-Control: max-age=60, must-revalidate", 61, false},
        {"5.2.2.2", "Cache-Control: max-age=60, must-revalidate, stale-if-error=99", 61, false},
        {"5.2.2.8", "Cache-Control: max-age=60, proxy-revalidate", 61, false},
        {"5.2.2.10", "Cache-Control: s-maxage=60", 61, false},
        {"5.2.2.4", "Cache-Control: max-age=60, no-cache", 61, false},
        {"5.2.2.4", "Cache-Control: max-age=60, no-cache=\"x\"", 61, true},
        {"5.2.2.2", "Cache-Control: max-age=60, must-revalidate", 10, true},
        {"9213 2.2", "CDN-Cache-Control: max-age=60, stale-if-error=5", 63, true},
        {"9213 2.2", "CDN-Cache-Control: max-age=60, stale-if-error=5", 64, false},
        {"9213 2.2", "CDN-Cache-Control: max-age=60, must-revalidate", 61, false},
        {"9213 2.2", "CDN-Cache-Control: max-age=60, must-revalidate=?0", 61, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct freshness f = freshness_for(rows[i].response, 0, &hour);
        if (freshness_may_cover(&f, NOW + rows[i].after * S) != rows[i].may_cover)
            fail_msg("s.%s \"%s\" after %lld s", rows[i].section, rows[i].response,
                     (long long)rows[i].after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetime_comes_from_the_first_that_says_one),
        cmocka_unit_test(expires_counts_from_date),
        cmocka_unit_test(age_is_the_greater_of_what_date_and_age_tell),
        cmocka_unit_test(a_tenth_of_the_time_since_last_modified_where_nothing_is_said),
        cmocka_unit_test(cdn_cache_control_stands_in_place_of_the_others),
        cmocka_unit_test(the_site_sets_a_default_and_a_bound),
        cmocka_unit_test(age_grows_and_what_is_left_shrinks),
        cmocka_unit_test(stale_may_cover_a_failure_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
