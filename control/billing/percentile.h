/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_BILLING_PERCENTILE_H
#define CONTROL_BILLING_PERCENTILE_H

#include <stddef.h>
#include <stdint.h>

/* percentile_95: what carriers bill by: the samples sorted, the top 5 % (rounded down: 432 of the
 * 8,640 five-minute samples of 30 days) dropped, the largest of the rest. 0 for no sample. Puts
 * samples in order. Pure. */
uint64_t percentile_95(uint64_t *samples, size_t count);

#endif
