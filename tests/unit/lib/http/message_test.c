/* SPDX-License-Identifier: MIT */

/* Names of methods and statuses, and what follows from them: RFC 9110 s.9 and s.15. */
#include "lib/http/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void methods_have_names_and_back(void **state)
{
    (void)state;
    for (int m = METHOD_GET; m < METHOD_COUNT; m++)
        assert_int_equal(method_of(method_text((enum method)m)), m);
    assert_int_equal(method_of(SPAN("get")), METHOD_OTHER); /* s.9.1: case-sensitive */
    assert_int_equal(method_of(SPAN("GETS")), METHOD_OTHER);
    assert_int_equal(method_of(SPAN("")), METHOD_OTHER);
    assert_true(method_is_safe(METHOD_OPTIONS));
    assert_false(method_is_safe(METHOD_POST));
    assert_false(method_is_safe(METHOD_OTHER));
}

static void statuses_say_what_they_are(void **state)
{
    (void)state;
    assert_true(span_eq(status_reason(421), SPAN("Misdirected Request")));
    assert_true(span_eq(status_reason(299), SPAN("")));
    assert_false(status_has_body(100));
    assert_false(status_has_body(199));
    assert_false(status_has_body(204));
    assert_false(status_has_body(304));
    assert_true(status_has_body(205));
    assert_true(status_has_body(206));
    int heuristic = 0;
    for (int status = 100; status <= 999; status++)
        heuristic += status_is_heuristic(status);
    assert_int_equal(heuristic, 12); /* s.15.1 lists them */
    assert_true(status_is_heuristic(404));
    assert_false(status_is_heuristic(302));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_have_names_and_back),
        cmocka_unit_test(statuses_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
