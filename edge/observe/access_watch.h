/* SPDX-License-Identifier: MIT */
#ifndef EDGE_OBSERVE_ACCESS_WATCH_H
#define EDGE_OBSERVE_ACCESS_WATCH_H

#include "lib/base/clock.h"
#include "lib/base/counter.h"
#include "lib/base/sink.h"

#define ACCESS_LOG_COUNTERS(X) X(lost_lines, "lines of the access log that could not be written")
struct access_log_counters {
#define X(name, help) counter_t name;
    ACCESS_LOG_COUNTERS(X)
#undef X
};
extern const struct counter_table access_log_counter_table;

/* How the file does, of which workers know nothing: counted, and said in the log when it begins and
 * each minute that it goes on. Zeroed: nothing yet. Main thread. */
struct access_watch {
    struct access_log_counters count;
    uint64_t told_lines, told_reopens;
    msec_t told_at; /* 0: never */
};
void access_watch_look(struct access_watch *w, const struct sink *sink, const char *file,
                       msec_t now);

#endif
