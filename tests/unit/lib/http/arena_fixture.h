/* SPDX-License-Identifier: MIT */
/* Memory for each test of a program, and its end. */
#ifndef TESTS_UNIT_LIB_HTTP_ARENA_FIXTURE_H
#define TESTS_UNIT_LIB_HTTP_ARENA_FIXTURE_H

#include "lib/base/arena.h"

static struct arena mem;

static int set_up(void **state)
{
    (void)state;
    arena_init(&mem, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_finish(&mem);
    return 0;
}

#endif
