/* SPDX-License-Identifier: MIT */

/* Reading counters of other threads: relaxed loads, so a sum is of about now. Any thread. */
#include "lib/base/counter.h"

uint64_t counter_sum(const struct counter_row *row, const void *const *records, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += counter_get(
            (const counter_t *)(const void *)((const char *)records[i] + row->offset_bytes));
    return sum;
}
