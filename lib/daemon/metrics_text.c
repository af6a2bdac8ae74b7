/* SPDX-License-Identifier: MIT
 *
 * Counters and gauges as the text that Prometheus reads. What is counted is told by tables. */
#include "lib/daemon/metrics_text.h"

#include "lib/base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

void metrics_counters(const struct counter_table *table, const void *const *records, size_t count,
                      struct buf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct counter_row *row = &table->rows[i];
        buf_printf(out, "# HELP %s%s_total %s\n# TYPE %s%s_total counter\n", table->prefix,
                   row->name, row->help, table->prefix, row->name);
        buf_printf(out, "%s%s_total %" PRIu64 "\n", table->prefix, row->name,
                   counter_sum(row, records, count));
    }
}

void metrics_gauge(const char *name, const char *help, double value, struct buf *out)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.17g\n", name, help, name, name, value);
}

double metrics_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* The second number of /proc/self/statm, in pages. */
int64_t metrics_resident_bytes(void)
{
    char text[128];
    uint64_t pages;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    struct span rest;
    span_cut(span_make(text, (size_t)n), ' ', &rest);
    if (!span_u64(span_cut(rest, ' ', &rest), &pages))
        return 0;
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

void metrics_process(msec_t started_wall, struct buf *out)
{
    metrics_gauge("byeori_process_resident_bytes", "memory that the process occupies",
                  (double)metrics_resident_bytes(), out);
    metrics_gauge("byeori_process_start_time_seconds", "when the process started, Unix time",
                  (double)started_wall / MSEC_PER_SEC, out);
    buf_printf(out,
               "# HELP byeori_process_cpu_seconds_total CPU time used\n"
               "# TYPE byeori_process_cpu_seconds_total counter\n"
               "byeori_process_cpu_seconds_total %.6f\n",
               metrics_cpu_s());
    buf_printf(out,
               "# HELP byeori_process_log_lost_total lines of the log that could not be written\n"
               "# TYPE byeori_process_log_lost_total counter\n"
               "byeori_process_log_lost_total %" PRIu64 "\n",
               log_lost());
}
