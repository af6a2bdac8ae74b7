/* SPDX-License-Identifier: MIT */
#include "control/registry/voices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void it_takes_two_and_more_than_half_of_those_that_speak(void **state)
{
    (void)state;
    struct voices s = {.count = 0};
    assert_int_equal(voices_verdict(&s, 0), VOICES_SILENT);
    voices_add(&s, 1, false, 100);
    assert_int_equal(voices_verdict(&s, 100), VOICES_REACHED);
    voices_add(&s, 2, false, 100);
    assert_int_equal(voices_verdict(&s, 100), VOICES_NOT_REACHED);
    voices_add(&s, 3, true, 100);
    assert_int_equal(voices_verdict(&s, 100), VOICES_NOT_REACHED);
    voices_add(&s, 4, true, 100);
    assert_int_equal(voices_verdict(&s, 100), VOICES_REACHED);
    voices_add(&s, 4, false, 200); /* the last word of each */
    assert_int_equal(voices_verdict(&s, 200), VOICES_NOT_REACHED);
}

static void words_that_are_old_do_not_count(void **state)
{
    (void)state;
    struct voices s = {.count = 0};
    voices_add(&s, 1, false, 0);
    voices_add(&s, 2, false, 3000);
    assert_int_equal(voices_verdict(&s, VOICES_FRESH_MS - 1), VOICES_NOT_REACHED);
    assert_int_equal(voices_verdict(&s, VOICES_FRESH_MS), VOICES_REACHED);
    assert_int_equal(voices_verdict(&s, 3000 + VOICES_FRESH_MS), VOICES_SILENT);
}

static void the_oldest_word_makes_room(void **state)
{
    (void)state;
    struct voices s = {.count = 0};
    for (int i = 0; i <= VOICES_MAX; i++)
        voices_add(&s, (uint64_t)i, i != 1, i);
    assert_int_equal(s.count, VOICES_MAX);
    for (size_t i = 0; i < s.count; i++)
        assert_int_not_equal(s.v[i].who, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_takes_two_and_more_than_half_of_those_that_speak),
        cmocka_unit_test(words_that_are_old_do_not_count),
        cmocka_unit_test(the_oldest_word_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
