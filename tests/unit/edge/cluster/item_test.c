/* SPDX-License-Identifier: MIT
 *
 * A block as it lies in memcached. */
#include "edge/cluster/item.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint8_t bytes[512];

static struct item example(void)
{
    return (struct item){.key = {1, 2},
                         .at = 65536,
                         .size = 65540,
                         .wall = 1700000000000,
                         .age_ms = 5000,
                         .purges = {.log = "9d2c41f07a3b6e85", .seq = 42},
                         .head = SPAN("ETag: \"1\"\r\nCache-Control: max-age=60\r\n"),
                         .body = SPAN("body")};
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct item i = example(), got;
    struct fields fs;
    struct arena mem;
    item_write(&i, bytes);
    assert_int_equal(item_read(span_make(bytes, item_bytes(&i)), &got), 0);
    assert_int_equal(got.at, 65536);
    assert_int_equal(got.size, 65540);
    assert_int_equal(got.age_ms, 5000);
    assert_string_equal(got.purges.log, "9d2c41f07a3b6e85");
    assert_int_equal(got.purges.seq, 42);
    assert_true(span_eq(got.body, SPAN("body")));
    arena_init(&mem, 4096);
    fields_init(&fs, &mem);
    assert_true(item_fields(&got, &fs));
    assert_int_equal(fs.count, 2);
    assert_true(span_eq(fields_value(&fs, FIELD_ETAG), SPAN("\"1\"")));
    arena_finish(&mem);
}

static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct item i = example(), got;
    size_t n = item_bytes(&i);
    item_write(&i, bytes);
    for (size_t at = 0; at < n; at++) {
        bytes[at] ^= 1;
        assert_int_equal(item_read(span_make(bytes, n), &got), ERR_CORRUPT);
        bytes[at] ^= 1;
    }
    for (size_t less = 1; less < n; less++)
        assert_int_equal(item_read(span_make(bytes, n - less), &got), ERR_CORRUPT);
}

static void what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    struct item beyond = example(), none = example(), before = example(), got;
    beyond.size = 65538; /* the body would end after the representation */
    none.body = SPAN("");
    before.at = -1;
    struct item *all[] = {&beyond, &none, &before};
    for (size_t n = 0; n < ARRAY_LEN(all); n++) {
        item_write(all[n], bytes);
        assert_int_equal(item_read(span_make(bytes, item_bytes(all[n])), &got), ERR_CORRUPT);
    }
}

static void heads_with_framing_or_nonsense_are_no_heads(void **state)
{
    (void)state;
    static const char *const heads[] = {"Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n",
                                        "no colon\r\n",          "A B: c\r\n",
                                        "A: b\rc\r\n",           "A: b"};
    for (size_t n = 0; n < ARRAY_LEN(heads); n++) {
        struct item i = {.head = span_of(heads[n])};
        struct fields fs;
        struct arena mem;
        arena_init(&mem, 4096);
        fields_init(&fs, &mem);
        assert_false(item_fields(&i, &fs));
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(heads_with_framing_or_nonsense_are_no_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
