/* SPDX-License-Identifier: MIT */

/* What a shared cache may store (RFC 9111 s.3), as a table. */
#include "tests/unit/edge/policy/policy_help.h"

struct row {
    const char *section, *request, *response;
    int status;
    enum storable storable;
};

#define MA "Cache-Control: max-age=60"

static const struct row rows[] = {
    {"3", "", MA, 200, STORABLE_YES},
    {"3", "", "", 200, STORABLE_NO_LIFETIME},
    {"3", "", "ETag: \"a\"", 200, STORABLE_YES},
    {"3", "", "Last-Modified: {-100}", 200, STORABLE_YES},
    {"3", "", "Expires: {60}", 200, STORABLE_YES},
    {"3", "", "Expires: 0", 200, STORABLE_NO_LIFETIME},
    {"3", "", "Expires: 0\nETag: \"a\"", 200, STORABLE_YES},
    {"3", "", "Cache-Control: max-age=0", 200, STORABLE_NO_LIFETIME},
    {"3", "", "Cache-Control: max-age=0\nETag: W/\"a\"", 200, STORABLE_YES},
    {"5861 3", "", "Cache-Control: max-age=0, stale-while-revalidate=9", 200, STORABLE_YES},
    {"5861 4", "", "Cache-Control: max-age=0, stale-if-error=9", 200, STORABLE_YES},
    {"5.2.2.4", "", "Cache-Control: no-cache", 200, STORABLE_NO_LIFETIME},
    {"5.2.2.4", "", "Cache-Control: no-cache\nETag: \"a\"", 200, STORABLE_YES},
    /* status codes */
    {"3", "", MA, 201, STORABLE_YES},
    {"3", "", MA, 203, STORABLE_YES},
    {"3", "", MA, 204, STORABLE_YES},
    {"3", "", MA, 206, STORABLE_NOT_STATUS},
    {"3", "", MA, 299, STORABLE_YES},
    {"3", "", MA, 301, STORABLE_YES},
    {"3", "", MA, 302, STORABLE_YES},
    {"3", "", MA, 304, STORABLE_NOT_STATUS},
    {"9110 15.5.17", "", MA, 416, STORABLE_NOT_STATUS},
    {"3", "", MA, 307, STORABLE_YES},
    {"3", "", MA, 400, STORABLE_YES},
    {"3", "", MA, 404, STORABLE_YES},
    {"3", "", MA, 410, STORABLE_YES},
    {"3", "", MA, 499, STORABLE_YES},
    {"3", "", MA, 500, STORABLE_YES},
    {"3", "", MA, 503, STORABLE_YES},
    {"3", "", MA, 599, STORABLE_YES},
    {"3", "", MA, 600, STORABLE_NOT_STATUS},
    {"3", "", MA, 999, STORABLE_NOT_STATUS},
    {"9110 15.2", "", MA, 103, STORABLE_NOT_STATUS},
    {"3", "", "ETag: \"a\"", 302, STORABLE_NO_LIFETIME},
    {"3", "", "ETag: \"a\"", 404, STORABLE_YES},
    {"3", "", "ETag: \"a\"", 500, STORABLE_NO_LIFETIME},
    {"3", "", "Cache-Control: public\nETag: \"a\"", 302, STORABLE_YES},
    {"3", "", "Cache-Control: stale-while-revalidate=9", 302, STORABLE_NO_LIFETIME},
    /* no-store */
    {"5.2.2.5", "", "Cache-Control: no-store", 200, STORABLE_NO_STORE},
    {"5.2.2.5", "", "Cache-Control: no-store, max-age=60", 200, STORABLE_NO_STORE},
    {"5.2.2.5", "", MA "\nCache-Control: no-store", 200, STORABLE_NO_STORE},
    {"5.2.2.5", "", "Cache-Control: NO-STORE, max-age=60", 200, STORABLE_NO_STORE},
    {"5.2.2.5", "", "Cache-Control: no-store=x, max-age=60", 200, STORABLE_NO_STORE},
    {"5.2.2.5", "", "Cache-Control: x=\"no-store\", max-age=60", 200, STORABLE_YES},
    {"5.2.1.5", "Cache-Control: no-store", MA, 200, STORABLE_ASKED_NOT},
    {"5.2.1.5", "Cache-Control: no-cache", MA, 200, STORABLE_YES},
    {"5.4", "Pragma: no-store", MA, 200, STORABLE_YES},
    {"5.4", "", MA "\nPragma: no-cache", 200, STORABLE_YES},
    /* must-understand */
    {"5.2.2.3", "", "Cache-Control: must-understand, max-age=60", 200, STORABLE_YES},
    {"5.2.2.3", "", "Cache-Control: must-understand, no-store, max-age=60", 200, STORABLE_YES},
    {"5.2.2.3", "", "Cache-Control: must-understand, max-age=60", 299, STORABLE_NOT_STATUS},
    {"5.2.2.3", "", "Cache-Control: must-understand, no-store, max-age=60", 499,
     STORABLE_NOT_STATUS},
    {"5.2.2.3", "", "Cache-Control: must-understand=1, no-store, max-age=60", 200,
     STORABLE_NO_STORE},
    {"5.2.2.3", "", "Cache-Control: must-understand, private, max-age=60", 200, STORABLE_PRIVATE},
    /* private */
    {"5.2.2.7", "", "Cache-Control: private", 200, STORABLE_PRIVATE},
    {"5.2.2.7", "", "Cache-Control: private, max-age=60", 200, STORABLE_PRIVATE},
    {"5.2.2.7", "", "Cache-Control: private, s-maxage=60", 200, STORABLE_PRIVATE},
    {"5.2.2.7", "", "Cache-Control: private, public, max-age=60", 200, STORABLE_PRIVATE},
    {"5.2.2.7", "", "Cache-Control: private=\"x\", max-age=60", 200, STORABLE_YES},
    {"5.2.2.7", "", "Cache-Control: private=\"\", max-age=60", 200, STORABLE_PRIVATE},
    {"5.2.2.7", "", "Cache-Control: private=\"x\", private, max-age=60", 200, STORABLE_PRIVATE},
    /* Authorization */
    {"3.5", "Authorization: Basic eA==", MA, 200, STORABLE_AUTHORIZATION},
    {"3.5", "Authorization: Basic eA==", "Expires: {60}", 200, STORABLE_AUTHORIZATION},
    {"3.5", "Authorization: Basic eA==", "Cache-Control: public", 200, STORABLE_NO_LIFETIME},
    {"3.5", "Authorization: Basic eA==", MA ", public", 200, STORABLE_YES},
    {"3.5", "Authorization: Basic eA==", "Cache-Control: s-maxage=60", 200, STORABLE_YES},
    {"3.5", "Authorization: Basic eA==", MA ", must-revalidate", 200, STORABLE_YES},
    {"3.5", "Authorization: Basic eA==", MA ", proxy-revalidate", 200, STORABLE_AUTHORIZATION},
    {"3.5", "Authorization: Basic eA==", MA ", no-cache", 200, STORABLE_AUTHORIZATION},
    {"3.5", "Authorization:", MA, 200, STORABLE_AUTHORIZATION},
    {"3.5", "Cookie: a=b", MA, 200, STORABLE_YES},
    /* Set-Cookie, safe by default */
    {"site", "", MA "\nSet-Cookie: a=b", 200, STORABLE_SET_COOKIE},
    {"site", "", MA ", public\nSet-Cookie: a=b", 200, STORABLE_SET_COOKIE},
    {"5.2.2.4", "", MA ", no-cache=\"Set-Cookie\"\nSet-Cookie: a=b", 200, STORABLE_YES},
    {"5.2.2.7", "", MA ", private=\"x, set-cookie\"\nSet-Cookie: a=b", 200, STORABLE_YES},
    {"5.2.2.7", "", MA ", private=\"x\"\nSet-Cookie: a=b", 200, STORABLE_SET_COOKIE},
    /* Vary */
    {"4.1", "", MA "\nVary: *", 200, STORABLE_VARY_ANY},
    {"4.1", "", MA "\nVary: Accept, *", 200, STORABLE_VARY_ANY},
    {"4.1", "", MA "\nVary: Accept\nVary: *", 200, STORABLE_VARY_ANY},
    {"4.1", "", MA "\nVary: Accept Encoding", 200, STORABLE_VARY_ANY},
    {"4.1", "", MA "\nVary: Accept", 200, STORABLE_YES},
    {"4.1", "", MA "\nVary:", 200, STORABLE_YES},
    /* targeted */
    {"9213 2.2", "", "CDN-Cache-Control: max-age=60\nCache-Control: no-store", 200, STORABLE_YES},
    {"9213 2.2", "", "CDN-Cache-Control: max-age=60\nCache-Control: private", 200, STORABLE_YES},
    {"9213 2.2", "", "CDN-Cache-Control: no-store\n" MA, 200, STORABLE_NO_STORE},
    {"9213 2.2", "", "CDN-Cache-Control: no-store=?0, max-age=9\n" MA, 200, STORABLE_YES},
    {"9213 2.2", "", "CDN-Cache-Control: private\n" MA, 200, STORABLE_PRIVATE},
    {"9213 2.2", "", "CDN-Cache-Control: private=(\"x\"), max-age=9\n" MA, 200, STORABLE_PRIVATE},
    {"9213 2.1", "", "CDN-Cache-Control: no-store,\n" MA, 200, STORABLE_YES},
    {"9213 2.2", "", "CDN-Cache-Control: \n" MA, 200, STORABLE_YES},
    {"9213 2.2", "", "CDN-Cache-Control: foo\n" MA, 200, STORABLE_NO_LIFETIME},
    {"9213 2.2", "Authorization: x", "CDN-Cache-Control: max-age=9\nCache-Control: public", 200,
     STORABLE_AUTHORIZATION},
    {"9213 2.2", "Authorization: x", "CDN-Cache-Control: max-age=9, public", 200, STORABLE_YES},
};

static enum storable judge(const struct row *r, const struct request_head *like,
                           const struct site *site, int64_t length)
{
    struct arena mem;
    struct freshness f;
    struct request_head request = *like;
    struct response_head response = {.status = r->status, .content_length = length};
    struct response_seen seen = {&request, &response, NOW, NOW, site};
    arena_init(&mem, 1 << 16);
    fields_of(&request.fields, r->request, &mem);
    fields_of(&response.fields, r->response, &mem);
    enum storable s = storable_of(&seen, &f);
    arena_finish(&mem);
    return s;
}

static const struct request_head get = {.method = METHOD_GET};
static const struct site plain = {.name = "s"};

static void each_row_is_stored_or_refused_for_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum storable s = judge(&rows[i], &get, &plain, 100);
        if (s != rows[i].storable)
            fail_msg("s.%s \"%s\" %d \"%s\": %s", rows[i].section, rows[i].request, rows[i].status,
                     rows[i].response, storable_text(s));
    }
}

static void only_a_get_without_content_is_stored(void **state)
{
    (void)state;
    static const struct row fresh = {"3", "", MA, 200, STORABLE_YES};
    for (enum method m = METHOD_OTHER; m < METHOD_COUNT; m++) {
        struct request_head request = {.method = m};
        assert_int_equal(judge(&fresh, &request, &plain, 1),
                         m == METHOD_GET ? STORABLE_YES : STORABLE_NOT_METHOD);
    }
    struct request_head with_content = {.method = METHOD_GET, .content_length = 1};
    assert_int_equal(judge(&fresh, &with_content, &plain, 1), STORABLE_NOT_METHOD);
    with_content.content_length = LENGTH_UNKNOWN;
    assert_int_equal(judge(&fresh, &with_content, &plain, 1), STORABLE_NOT_METHOD);
}

static void the_site_may_allow_cookies_and_bound_sizes(void **state)
{
    (void)state;
    static const struct site site = {
        .name = "s", .caches_set_cookie = true, .object_max_bytes = 1000};
    static const struct row cookie = {"site", "", MA "\nSet-Cookie: a=b", 200, STORABLE_YES};
    assert_int_equal(judge(&cookie, &get, &site, 1000), STORABLE_YES);
    assert_int_equal(judge(&cookie, &get, &site, 1001), STORABLE_TOO_LARGE);
    assert_int_equal(judge(&cookie, &get, &site, LENGTH_UNKNOWN), STORABLE_YES);
}

static void what_must_not_be_kept_is_left_out(void **state)
{
    (void)state;
    static const struct site cookies = {.name = "s", .caches_set_cookie = true};
    static const struct {
        const char *section, *response, *left;
        const struct site *site;
    } cases[] = {
        {"5.1", "A: 1\nAge: 5", "A", &plain},
        {"5.2.2.7", "A: 1\nB: 2\nCache-Control: private=\"b, c\"", "A,Cache-Control", &plain},
        {"5.2.2.4", "A: 1\nB: 2\nCache-Control: no-cache=\"A\"", "B,Cache-Control", &plain},
        {"5.2.2.4", "A: 1\nCache-Control: no-cache", "A,Cache-Control", &plain},
        {"site", "A: 1\nSet-Cookie: x", "A,Set-Cookie", &plain},
        {"site", "A: 1\nSet-Cookie: x\nSet-Cookie: y", "A", &cookies},
        {"9213 2.2", "A: 1\nCDN-Cache-Control: max-age=1\nCache-Control: private=\"a\"",
         "A,CDN-Cache-Control,Cache-Control", &plain},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena mem;
        struct fields fs;
        char left[200] = "";
        size_t n = 0;
        arena_init(&mem, 1 << 16);
        fields_of(&fs, cases[i].response, &mem);
        storable_leave_out(&fs, cases[i].site);
        for (uint32_t k = 0; k < fs.count; k++)
            n += (size_t)snprintf(left + n, sizeof(left) - n, "%s%.*s", k > 0 ? "," : "",
                                  SPAN_FMT(fs.v[k].name));
        assert_string_equal(left, cases[i].left);
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_stored_or_refused_for_its_reason),
        cmocka_unit_test(only_a_get_without_content_is_stored),
        cmocka_unit_test(the_site_may_allow_cookies_and_bound_sizes),
        cmocka_unit_test(what_must_not_be_kept_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
