/* SPDX-License-Identifier: MIT */

/* Conditional requests: RFC 9110 s.13.2.2, in its order. */
#include "lib/http/conditional.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW 1700000000
/* 784111777 */
#define AT     "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct validators page = {{"\"1\"", 3}, 784111777, NOW};
static const struct validators weak = {{"W/\"1\"", 5}, 784111777, 784111777};

struct line {
    const char *name, *value;
};

static struct request_head request(struct arena *mem, enum method method, const struct line *lines)
{
    struct request_head head = {.method = method};
    fields_init(&head.fields, mem);
    for (; lines->name != NULL; lines++)
        fields_add_named(&head.fields, span_of(lines->name), span_of(lines->value));
    return head;
}

static const struct {
    enum method method;
    struct line lines[3];
    const struct validators *v;
    int status;
    enum conditional expected;
} cases[] = {
    {METHOD_GET, {{NULL, NULL}}, &page, 200, CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-None-Match", "\"1\""}}, &page, 200, CONDITIONAL_NOT_MODIFIED},
    {METHOD_HEAD, {{"If-None-Match", "*"}}, &page, 200, CONDITIONAL_NOT_MODIFIED},
    {METHOD_PUT, {{"If-None-Match", "*"}}, &page, 200, CONDITIONAL_FAILED},
    {METHOD_GET, {{"If-None-Match", "\"2\""}}, &page, 200, CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-None-Match", "\"1\""}}, &weak, 200, CONDITIONAL_NOT_MODIFIED},
    {METHOD_GET, {{"If-None-Match", "\"1\""}}, &page, 404, CONDITIONAL_NORMAL},
    {METHOD_GET,
     {{"If-None-Match", "\"2\""}, {"If-None-Match", "\"1\""}},
     &page,
     200,
     CONDITIONAL_NOT_MODIFIED},
    {METHOD_GET,
     {{"If-None-Match", "\"2\""}, {"If-Modified-Since", AT}},
     &page,
     200,
     CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-Modified-Since", AT}}, &page, 200, CONDITIONAL_NOT_MODIFIED},
    {METHOD_GET, {{"If-Modified-Since", AFTER}}, &page, 200, CONDITIONAL_NOT_MODIFIED},
    {METHOD_GET, {{"If-Modified-Since", BEFORE}}, &page, 200, CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-Modified-Since", "yesterday"}}, &page, 200, CONDITIONAL_NORMAL},
    {METHOD_POST, {{"If-Modified-Since", AT}}, &page, 200, CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-Match", "\"1\""}}, &page, 200, CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-Match", "\"2\""}}, &page, 200, CONDITIONAL_FAILED},
    {METHOD_GET, {{"If-Match", "W/\"1\""}}, &weak, 200, CONDITIONAL_FAILED},
    {METHOD_GET, {{"If-Match", "*"}}, &weak, 200, CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-Unmodified-Since", AT}}, &page, 200, CONDITIONAL_NORMAL},
    {METHOD_GET, {{"If-Unmodified-Since", BEFORE}}, &page, 200, CONDITIONAL_FAILED},
    {METHOD_GET,
     {{"If-Match", "\"1\""}, {"If-Unmodified-Since", BEFORE}},
     &page,
     200,
     CONDITIONAL_NORMAL},
};

static void follows_the_order_of_precedence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena mem;
        arena_init(&mem, 1 << 16);
        struct request_head head = request(&mem, cases[i].method, cases[i].lines);
        print_message("case %zu\n", i);
        assert_int_equal(conditional_of(&head, cases[i].v, cases[i].status, NOW),
                         cases[i].expected);
        arena_finish(&mem);
    }
}

static const struct {
    enum method method;
    struct line lines[3];
    const struct validators *v;
    int count;
} ranges[] = {
    {METHOD_GET, {{"Range", "bytes=0-1,5-"}}, &page, 2},
    {METHOD_HEAD, {{"Range", "bytes=0-1"}}, &page, 0},
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"Range", "bytes=2-3"}}, &page, 0},
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"If-Range", "\"1\""}}, &page, 1},
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"If-Range", "\"2\""}}, &page, 0},
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"If-Range", "W/\"1\""}}, &weak, 0},
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"If-Range", AT}}, &page, 1},
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"If-Range", AFTER}}, &page, 0},
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"If-Range", AT}}, &weak, 0}, /* s.8.8.2.2 */
    {METHOD_GET, {{"Range", "bytes=0-1"}, {"If-Range", "soon"}}, &page, 0},
};

static void asks_if_range_before_the_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct arena mem;
        struct range_spec out[RANGES_MAX];
        arena_init(&mem, 1 << 16);
        struct request_head head = request(&mem, ranges[i].method, ranges[i].lines);
        print_message("case %zu\n", i);
        assert_int_equal(conditional_ranges(&head, ranges[i].v, NOW, out), ranges[i].count);
        arena_finish(&mem);
    }
}

static void reads_validators(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem, 1 << 16);
    struct request_head head =
        request(&mem, METHOD_GET,
                (const struct line[]){{"ETag", "\"1\""}, {"Last-Modified", AT}, {NULL, NULL}});
    struct validators v = validators_of(&head.fields, NOW);
    assert_true(span_eq(v.etag, page.etag));
    assert_int_equal(v.last_modified, 784111777);
    assert_int_equal(v.date, -1);
    assert_true(validators_same_strong(&v, &page));
    assert_false(validators_same_strong(&weak, &weak));
    fields_add(&head.fields, FIELD_ETAG, SPAN("\"2\""));
    assert_null(validators_of(&head.fields, NOW).etag.p); /* two are none */
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_order_of_precedence),
        cmocka_unit_test(asks_if_range_before_the_range),
        cmocka_unit_test(reads_validators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
