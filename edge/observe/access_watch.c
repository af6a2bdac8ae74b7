/* SPDX-License-Identifier: MIT
 *
 * How the access log does: its lines are written by a thread that has nobody to tell. */
#include "edge/observe/access_watch.h"

#include "lib/base/log.h"

#include <inttypes.h>

#define TELL_AGAIN_MS (60 * MSEC_PER_SEC)

static const struct counter_row counter_rows[] = {
#define X(name, help) {#name, help, offsetof(struct access_log_counters, name)},
    ACCESS_LOG_COUNTERS(X)
#undef X
};
const struct counter_table access_log_counter_table = {"byeori_edge_access_log_", counter_rows,
                                                       ARRAY_LEN(counter_rows)};

void access_watch_look(struct access_watch *w, const struct sink *sink, const char *file,
                       msec_t now)
{
    struct sink_faults f = sink_faults(sink);
    const char *why = f.errnum != 0 ? strerrordesc_np(f.errnum) : "too many at once";
    bool is_told = w->told_at != 0 && now - w->told_at < TELL_AGAIN_MS;
    counter_add(&w->count.lost_lines, f.dropped - counter_get(&w->count.lost_lines));
    if (f.not_reopened != w->told_reopens)
        LOG_WARN("access-log-not-reopened", "file=%s error=\"%s\" kept=\"the old file\"", file,
                 why);
    w->told_reopens = f.not_reopened;
    if (f.dropped == w->told_lines || is_told)
        return;
    LOG_WARN("access-log-lost", "file=%s lines=%" PRIu64 " error=\"%s\"", file,
             f.dropped - w->told_lines, why);
    w->told_lines = f.dropped;
    w->told_at = now;
}
