/* SPDX-License-Identifier: MIT
 *
 * What one edge tells another. */
#include "edge/cluster/hop_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static bool read_text(const char *text, struct hop_ask *out)
{
    struct arena mem;
    struct fields fs;
    arena_init(&mem, 4096);
    fields_init(&fs, &mem);
    if (text != NULL)
        fields_add(&fs, FIELD_BYEORI_HOP, span_of(text));
    bool is_there = hop_ask_read(&fs, out, &mem);
    arena_finish(&mem);
    return is_there;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct hop_ask ask = {.purges = {.log = "9d2c41f07a3b6e85", .seq = 42}}, got;
    struct arena mem;
    struct fields fs;
    arena_init(&mem, 4096);
    fields_init(&fs, &mem);
    hop_ask_add(&fs, &ask);
    assert_true(hop_ask_read(&fs, &got, &mem));
    assert_string_equal(got.purges.log, ask.purges.log);
    assert_int_equal(got.purges.seq, 42);
    arena_finish(&mem);
}

static void members_that_are_not_known_mean_nothing(void **state)
{
    (void)state;
    struct hop_ask got;
    assert_true(read_text("new=(1 2), seq=7, log=\"a\", seq2=9;x", &got));
    assert_int_equal(got.purges.seq, 7);
    assert_string_equal(got.purges.log, "a");
}

static void what_cannot_be_read_is_not_there(void **state)
{
    (void)state;
    struct hop_ask got;
    assert_false(read_text(NULL, &got));
    assert_false(read_text("((", &got));
    assert_int_equal(got.purges.seq, 0);
    assert_true(read_text("seq=-1, log=token", &got));
    assert_int_equal(got.purges.seq, 0);
    assert_string_equal(got.purges.log, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(members_that_are_not_known_mean_nothing),
        cmocka_unit_test(what_cannot_be_read_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
