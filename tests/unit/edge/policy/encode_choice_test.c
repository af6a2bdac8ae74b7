/* SPDX-License-Identifier: MIT
 *
 * What is coded, for whom, and at which level. */
#include "edge/policy/encode_choice.h"

#include "tests/unit/edge/policy/policy_help.h"

static const char *const types[] = {"text/*", "application/json", "*+xml"};
static const struct site site = {.encode = ENCODE_ZSTD,
                                 .encode_types = {types, ARRAY_LEN(types)},
                                 .encode_min_bytes = 100,
                                 .encode_max_bytes = 1000,
                                 .encode_level = 9};

struct content_row {
    int status;
    const char *lines;
    int64_t size;
    bool may;
};

#define TEXT_TYPE "Content-Type: text/html; charset=utf-8\n"
static const struct content_row content_rows[] = {
    {200, TEXT_TYPE, 100, true},
    {200, TEXT_TYPE, 99, false},
    {200, TEXT_TYPE, 1000, true},
    {200, TEXT_TYPE, 1001, false},
    {200, TEXT_TYPE, 0, false},
    {200, TEXT_TYPE, LENGTH_UNKNOWN, true},
    {404, TEXT_TYPE, 500, false},
    {200, "Content-Type: TEXT/css\n", 500, true},
    {200, "Content-Type: application/json\n", 500, true},
    {200, "Content-Type: application/jsonx\n", 500, false},
    {200, "Content-Type: image/svg+xml\n", 500, true},
    {200, "Content-Type: image/png\n", 500, false},
    {200, "Content-Type: text\n", 500, false},
    {200, "Content-Type: \n", 500, false},
    {200, "X: y\n", 500, false},
    {200, TEXT_TYPE "Content-Encoding: gzip\n", 500, false},
    {200, TEXT_TYPE "Content-Encoding: identity\n", 500, false},
    {200, TEXT_TYPE "Cache-Control: max-age=1\nCache-Control: No-Transform\n", 500, false},
};

static void content_is_judged_by_kind_and_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(content_rows); i++) {
        const struct content_row *row = &content_rows[i];
        struct fields fs;
        struct arena mem;
        arena_init(&mem, 16384);
        fields_of(&fs, row->lines, &mem);
        struct encode_content content = {row->status, &fs, row->size};
        if (encode_may(&site, &content) != row->may)
            fail_msg("row %zu", i);
        struct site off = site;
        off.encode = ENCODE_OFF;
        assert_false(encode_may(&off, &content));
        /* Between edges nothing of it changes, so that size and no-transform are no matter. */
        bool may_pack = row->may || row->size == 1001 || strstr(row->lines, "No-Transform") != NULL;
        assert_false(encode_may_pack(&site, &content));
        off.tier_encode = ENCODE_ZSTD;
        assert_int_equal(encode_may_pack(&off, &content), may_pack);
        arena_finish(&mem);
    }
}

static void the_level_falls_while_the_worker_is_busy(void **state)
{
    int last = 9;
    (void)state;
    assert_int_equal(encode_level(&site, 0), 9);
    assert_int_equal(encode_level(&site, 100), 9);
    assert_int_equal(encode_level(&site, 200), 5);
    assert_int_equal(encode_level(&site, 299), 2);
    assert_int_equal(encode_level(&site, 300), 0);
    assert_int_equal(encode_level(&site, 1000), 0);
    for (int busy = 0; busy <= 400; busy++) {
        assert_true(encode_level(&site, busy) <= last);
        last = encode_level(&site, busy);
    }
}

static void the_coded_one_has_a_weak_validator_of_its_own(void **state)
{
    static const char *const rows[][2] = {
        {"\"a\"", "W/\"a-zstd\""}, {"W/\"a\"", "W/\"a-zstd\""}, {"\"\"", "W/\"-zstd\""}};
    struct arena mem;
    (void)state;
    arena_init(&mem, 16384);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(span_eq(encode_etag(span_of(rows[i][0]), &mem), span_of(rows[i][1])));
    assert_null(encode_etag(SPAN_NONE, &mem).p);
    assert_null(encode_etag(SPAN(""), &mem).p);
    assert_null(encode_etag(SPAN("W/"), &mem).p);
    assert_null(encode_etag(SPAN("a"), &mem).p);
    arena_finish(&mem);
}

static void its_fields_tell_of_its_own_bytes(void **state)
{
    struct fields fs;
    struct arena mem;
    (void)state;
    arena_init(&mem, 16384);
    fields_of(&fs,
              "ETag: \"a\"\nContent-MD5: x\nDigest: x\nRepr-Digest: x\nAccept-Ranges: bytes\n"
              "X: y\nVary: Foo, accept-encoding\n",
              &mem);
    encode_vary(&fs);
    encode_fields(&fs, &mem);
    assert_int_equal(fs.count, 4);
    assert_int_equal(fields_count(&fs, FIELD_VARY), 1);
    assert_true(span_eq(fields_value(&fs, FIELD_CONTENT_ENCODING), SPAN("zstd")));
    assert_true(span_eq(fields_value(&fs, FIELD_ETAG), SPAN("W/\"a-zstd\"")));
    fields_of(&fs, "Vary: Foo\n", &mem);
    encode_vary(&fs);
    assert_int_equal(fields_count(&fs, FIELD_VARY), 2);
    arena_finish(&mem);
}

static void a_tenth_less_is_worth_it(void **state)
{
    (void)state;
    assert_true(encode_is_worth(1000, 900));
    assert_false(encode_is_worth(1000, 901));
    assert_true(encode_is_worth(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_is_judged_by_kind_and_size),
        cmocka_unit_test(the_level_falls_while_the_worker_is_busy),
        cmocka_unit_test(the_coded_one_has_a_weak_validator_of_its_own),
        cmocka_unit_test(its_fields_tell_of_its_own_bytes),
        cmocka_unit_test(a_tenth_less_is_worth_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
