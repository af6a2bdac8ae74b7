/* SPDX-License-Identifier: MIT
 * The 95th percentile as bandwidth is billed. Pure. */
#include "control/billing/percentile.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t percentile_95(uint64_t *samples, size_t count)
{
    if (count == 0)
        return 0;
    qsort(samples, count, sizeof *samples, ascending);
    return samples[count - count / 20 - 1];
}
