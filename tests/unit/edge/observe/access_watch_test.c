/* SPDX-License-Identifier: MIT */
#include "edge/observe/access_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE_MS (60 * MSEC_PER_SEC)

/* One more line that a full disk does not take. */
static void lose_a_line(struct sink *s)
{
    uint64_t before = sink_faults(s).dropped;
    sink_add(s, SPAN("line\n"));
    while (sink_faults(s).dropped == before)
        usleep(1000);
}

static void lost_lines_are_counted_at_once_and_told_once_a_minute(void **state)
{
    struct access_watch w = {0};
    struct sink *s;
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(sink_open(&s, "/dev/full", 4096), 0);
    access_watch_look(&w, s, "/dev/full", 1);
    assert_int_equal(w.told_lines, 0);
    lose_a_line(s);
    access_watch_look(&w, s, "/dev/full", 2);
    assert_int_equal(counter_get(&w.count.lost_lines), 1);
    assert_int_equal(w.told_lines, 1);
    lose_a_line(s);
    access_watch_look(&w, s, "/dev/full", 1 + MINUTE_MS);
    assert_int_equal(counter_get(&w.count.lost_lines), 2);
    assert_int_equal(w.told_lines, 1);
    access_watch_look(&w, s, "/dev/full", 2 + MINUTE_MS);
    assert_int_equal(w.told_lines, 2);
    access_watch_look(&w, s, "/dev/full", 3 + 2 * MINUTE_MS); /* and no more of it */
    assert_int_equal(w.told_at, 2 + MINUTE_MS);
    sink_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_lines_are_counted_at_once_and_told_once_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
