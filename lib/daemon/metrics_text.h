/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_METRICS_TEXT_H
#define LIB_DAEMON_METRICS_TEXT_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/counter.h"

/* Prometheus text (exposition format 0.0.4). Threads: any. */

/* metrics_counters: every row of a table, summed over the structs records[0..count); names end in
 * _total. */
void metrics_counters(const struct counter_table *table, const void *const *records, size_t count,
                      struct buf *out);
/* metrics_gauge: one value. */
void metrics_gauge(const char *name, const char *help, double value, struct buf *out);
/* metrics_process: byeori_process_*: resident memory, CPU seconds, start time, lost log lines. */
void metrics_process(msec_t started_wall, struct buf *out);
/* metrics_cpu_s: CPU seconds of this process so far. metrics_resident_bytes: what it occupies. */
double metrics_cpu_s(void);
int64_t metrics_resident_bytes(void);

#endif
