/* SPDX-License-Identifier: MIT
 *
 * What an origin's answer to a ranged request is worth: RFC 9110 s.15.3.7. */
#include "edge/upstream/answer.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define NOW 1800000000

struct row {
    const char *name;
    int status;
    const char *etag, *content_range;
    int64_t content_length;
    int64_t first, last, size; /* asked; size known beforehand or -1 */
    const char *held_etag;     /* NULL: any representation */
    int verdict;
    int64_t at, end;
};

static const struct row rows[] = {
    {"a part as asked", 206, "\"1\"", "bytes 0-9/100", 10, 0, 9, 100, "\"1\"", 0, 0, 10},
    {"a part of unknown length", 206, "\"1\"", "bytes 10-19/100", -1, 10, 19, -1, NULL, 0, 10, 20},
    {"a shorter part", 206, "\"1\"", "bytes 10-14/100", 5, 10, 19, 100, "\"1\"", 0, 10, 15},
    {"an open range", 206, "\"1\"", "bytes 10-99/100", 90, 10, -1, 100, "\"1\"", 0, 10, 100},
    {"an open range, as a bound", 206, "\"1\"", "bytes 10-99/100", 90, 10, INT64_MAX, 100, "\"1\"",
     0, 10, 100},
    {"the last bytes", 206, "\"1\"", "bytes 90-99/100", 10, -1, 10, -1, NULL, 0, 90, 100},
    {"more last bytes than there are", 206, "\"1\"", "bytes 0-4/5", 5, -1, 10, -1, NULL, 0, 0, 5},
    {"the whole instead", 200, "\"1\"", NULL, 100, 10, 19, 100, "\"1\"", 0, 0, 100},
    {"the whole of unknown length", 200, "\"1\"", NULL, -1, 10, 19, -1, NULL, 0, 0, -1},
    {"another beginning", 206, "\"1\"", "bytes 11-19/100", 9, 10, 19, 100, "\"1\"", ERR_PROTOCOL, 0,
     0},
    {"an earlier beginning", 206, "\"1\"", "bytes 9-19/100", 11, 10, 19, 100, "\"1\"", ERR_PROTOCOL,
     0, 0},
    {"more than asked", 206, "\"1\"", "bytes 10-29/100", 20, 10, 19, 100, "\"1\"", ERR_PROTOCOL, 0,
     0},
    {"a length that contradicts", 206, "\"1\"", "bytes 10-19/100", 11, 10, 19, 100, "\"1\"",
     ERR_PROTOCOL, 0, 0},
    {"no size", 206, "\"1\"", "bytes 10-19/*", 10, 10, 19, 100, "\"1\"", ERR_PROTOCOL, 0, 0},
    {"no Content-Range", 206, "\"1\"", NULL, 10, 10, 19, 100, "\"1\"", ERR_PROTOCOL, 0, 0},
    {"another validator", 206, "\"2\"", "bytes 10-19/100", 10, 10, 19, 100, "\"1\"", ERR_CHANGED, 0,
     0},
    {"a weak validator", 206, "W/\"1\"", "bytes 10-19/100", 10, 10, 19, 100, "W/\"1\"", ERR_CHANGED,
     0, 0},
    {"no validator", 206, NULL, "bytes 10-19/100", 10, 10, 19, 100, "\"1\"", ERR_CHANGED, 0, 0},
    {"another size", 206, "\"1\"", "bytes 10-19/101", 10, 10, 19, 100, "\"1\"", ERR_CHANGED, 0, 0},
    {"the whole of another", 200, "\"2\"", NULL, 100, 10, 19, 100, "\"1\"", ERR_CHANGED, 0, 0},
    {"the whole of another size", 200, "\"1\"", NULL, 99, 10, 19, 100, "\"1\"", ERR_CHANGED, 0, 0},
    {"gone", 404, NULL, NULL, 0, 10, 19, 100, "\"1\"", ERR_CHANGED, 0, 0},
    {"out of range", 416, NULL, NULL, 0, 10, 19, 100, "\"1\"", ERR_CHANGED, 0, 0},
    {"an error of the moment", 503, NULL, NULL, 0, 10, 19, 100, "\"1\"", ERR_UNSUPPORTED, 0, 0},
};

static void check(const struct row *r)
{
    struct arena mem;
    struct response_head head = {.status = r->status, .content_length = r->content_length};
    struct validators held = {.etag = span_of(r->held_etag), .last_modified = -1, .date = -1};
    struct answer_expected expected = {.validators = r->held_etag != NULL ? &held : NULL,
                                       .size = r->size,
                                       .first = r->first,
                                       .last = r->last};
    struct answer_body body = {0};
    arena_init(&mem, 4096);
    fields_init(&head.fields, &mem);
    if (r->etag != NULL)
        fields_add(&head.fields, FIELD_ETAG, span_of(r->etag));
    if (r->content_range != NULL)
        fields_add(&head.fields, FIELD_CONTENT_RANGE, span_of(r->content_range));
    int verdict = answer_judge(&head, &expected, NOW, &body);
    if (verdict != r->verdict || body.at != r->at || body.end != r->end)
        fail_msg("%s: %s at %lld end %lld", r->name, err_name(verdict), (long long)body.at,
                 (long long)body.end);
    arena_finish(&mem);
}

static void every_answer_has_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}

static void only_a_strong_validator_lets_bytes_be_joined(void **state)
{
    struct validators strong = {.etag = SPAN("\"1\""), .last_modified = -1, .date = -1};
    struct validators weak = {.etag = SPAN("W/\"1\""), .last_modified = -1, .date = -1};
    struct validators none = {.last_modified = -1, .date = -1};
    struct validators dated = {.last_modified = 1000, .date = 2000};
    struct validators just_now = {.last_modified = 1000, .date = 1000};
    (void)state;
    assert_true(answer_can_continue(&strong));
    assert_false(answer_can_continue(&weak));
    assert_false(answer_can_continue(&none));
    assert_true(answer_can_continue(&dated));
    assert_false(answer_can_continue(&just_now));
}

struct head_row {
    const char *etag, *modified, *length; /* of the answer to HEAD; NULL: absent */
    const char *held_etag;
    sec_t held_modified;
    int64_t size;
    bool agrees;
};

static const struct head_row head_rows[] = {
    {"\"1\"", NULL, NULL, "\"1\"", -1, 100, true},
    {"\"2\"", NULL, NULL, "\"1\"", -1, 100, false},
    {"\"1\"", NULL, NULL, NULL, -1, 100, false},
    {"W/\"1\"", NULL, NULL, "\"1\"", -1, 100, false},
    {"\"1\"", NULL, "100", "\"1\"", -1, 100, true},
    {"\"1\"", NULL, "101", "\"1\"", -1, 100, false},
    {"\"1\"", NULL, "100", "\"1\"", -1, LENGTH_UNKNOWN, false},
    {"\"1\"", NULL, "x", "\"1\"", -1, 100, false},
    {NULL, NULL, "100", "\"1\"", -1, 100, true},
    {NULL, NULL, "99", "\"1\"", -1, 100, false},
    {NULL, NULL, NULL, "\"1\"", -1, 100, false},
    {NULL, NULL, NULL, NULL, -1, 100, false},
    {NULL, "Fri, 15 Jan 2027 08:00:00 GMT", NULL, NULL, NOW, 100, true},
    {NULL, "Fri, 15 Jan 2027 08:00:00 GMT", NULL, NULL, NOW - 1, 100, false},
    {NULL, "Fri, 15 Jan 2027 08:00:00 GMT", NULL, "\"1\"", -1, 100, false},
    {"\"1\"", "Fri, 15 Jan 2027 08:00:00 GMT", "100", "\"1\"", NOW, 100, true},
};

static void an_answer_to_head_agrees_with_what_it_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(head_rows); i++) {
        const struct head_row *row = &head_rows[i];
        struct response_head head = {.status = 200};
        struct validators held = {.last_modified = row->held_modified, .date = -1};
        struct arena mem;
        arena_init(&mem, 4096);
        fields_init(&head.fields, &mem);
        if (row->etag != NULL)
            fields_add(&head.fields, FIELD_ETAG, span_of(row->etag));
        if (row->modified != NULL)
            fields_add(&head.fields, FIELD_LAST_MODIFIED, span_of(row->modified));
        if (row->length != NULL)
            fields_add(&head.fields, FIELD_CONTENT_LENGTH, span_of(row->length));
        if (row->held_etag != NULL)
            held.etag = span_of(row->held_etag);
        if (answer_to_head_agrees(&head, &held, row->size, NOW) != row->agrees)
            fail_msg("row %zu", i);
        arena_finish(&mem);
    }
}

/* A site whose tags are not to be trusted. */
static void by_date_the_tags_do_not_matter(void **state)
{
    struct validators weak = {.etag = SPAN("W/\"1\""), .last_modified = 1000, .date = 1000};
    struct validators undated = {.etag = SPAN("\"1\""), .last_modified = -1, .date = 5000};
    struct validators version = answer_version(&weak, VERSION_BY_DATE);
    (void)state;
    assert_true(answer_can_continue(&version));
    assert_null(version.etag.p);
    assert_int_equal(version.last_modified, 1000);
    version = answer_version(&undated, VERSION_BY_DATE);
    assert_false(answer_can_continue(&version));
    version = answer_version(&undated, VERSION_BY_VALIDATOR);
    assert_true(answer_can_continue(&version));
}

static int judge_by_date(int status, const char *modified, const char *content_range,
                         int64_t length)
{
    struct arena mem;
    struct answer_body body;
    struct response_head head = {.status = status, .content_length = length};
    struct validators stored = {.etag = SPAN("W/\"1\""), .last_modified = 784111777, .date = -1};
    struct validators version = answer_version(&stored, VERSION_BY_DATE);
    struct answer_expected expected = {.validators = &version,
                                       .version_by = VERSION_BY_DATE,
                                       .size = 100,
                                       .first = 10,
                                       .last = 19};
    arena_init(&mem, 4096);
    fields_init(&head.fields, &mem);
    fields_add(&head.fields, FIELD_ETAG, SPAN("W/\"2\""));
    if (modified != NULL)
        fields_add(&head.fields, FIELD_LAST_MODIFIED, span_of(modified));
    if (content_range != NULL)
        fields_add(&head.fields, FIELD_CONTENT_RANGE, span_of(content_range));
    int verdict = answer_judge(&head, &expected, NOW, &body);
    arena_finish(&mem);
    return verdict;
}

static void by_date_parts_are_joined_by_last_modified_and_length(void **state)
{
    static const char same[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    static const char other[] = "Sun, 06 Nov 1994 08:49:38 GMT";
    (void)state;
    assert_int_equal(judge_by_date(206, same, "bytes 10-19/100", 10), 0);
    assert_int_equal(judge_by_date(206, NULL, "bytes 10-19/100", 10), 0); /* If-Range held */
    assert_int_equal(judge_by_date(206, other, "bytes 10-19/100", 10), ERR_CHANGED);
    assert_int_equal(judge_by_date(206, same, "bytes 10-19/101", 10), ERR_CHANGED);
    assert_int_equal(judge_by_date(200, same, NULL, 100), 0);
    assert_int_equal(judge_by_date(200, same, NULL, 101), ERR_CHANGED);
    assert_int_equal(judge_by_date(200, NULL, NULL, 100), ERR_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_to_head_agrees_with_what_it_shows),
        cmocka_unit_test(every_answer_has_its_verdict),
        cmocka_unit_test(only_a_strong_validator_lets_bytes_be_joined),
        cmocka_unit_test(by_date_the_tags_do_not_matter),
        cmocka_unit_test(by_date_parts_are_joined_by_last_modified_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
