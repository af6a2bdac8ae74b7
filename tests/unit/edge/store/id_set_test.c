/* SPDX-License-Identifier: MIT */
#include "edge/store/id_set.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#define COUNT 10000u

static void what_was_added_is_there_and_nothing_else(void **state)
{
    struct id_set s = {0};
    (void)state;
    assert_false(id_set_has(&s, 7));
    for (uint64_t i = 0; i < COUNT; i++)
        assert_true(id_set_add(&s, i * 3));
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_true(id_set_has(&s, i * 3));
        assert_false(id_set_has(&s, i * 3 + 1));
        assert_false(id_set_add(&s, i * 3));
    }
    id_set_finish(&s);
    assert_false(id_set_has(&s, 3));
    assert_false(id_set_has(&s, 0));
    id_set_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
