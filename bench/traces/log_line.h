/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TRACES_LOG_LINE_H
#define BENCH_TRACES_LOG_LINE_H

#include "lib/base/span.h"

/* One line of an access log in the combined format, as nginx, Apache and Varnish write it, with the
 * Range field where the server was told to add it in quotes behind the user agent:
 *
 *   10.0.0.9 - - [10/Oct/2025:13:55:36 +0900] "GET /a HTTP/1.1" 206 1000 "-" "curl" "bytes=0-999"
 *
 * Pure; anything may be read. */
struct log_line {
    struct span client, path; /* borrowed from the line */
    struct span host, query;  /* where the format has them apart from the path (log_tsv.h) */
    int64_t time_s;           /* since 1970, UTC */
    uint64_t bytes;           /* of the body that was sent */
    uint64_t length;          /* of the body, were it sent whole; 0: not told */
    int status;
    bool has_range;
    uint64_t first;
    uint64_t last; /* UINT64_MAX: to the end */
};
/* log_line_read: false: not a GET in that format. */
bool log_line_read(struct span line, struct log_line *out);

/* log_moment: "2025-10-31" and "23:59:59", UTC, in seconds since 1970. false: something else. */
bool log_moment(struct span date, struct span time, int64_t *out);

#endif
