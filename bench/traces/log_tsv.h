/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TRACES_LOG_TSV_H
#define BENCH_TRACES_LOG_TSV_H

#include "bench/traces/log_line.h"

/* Logs of CDNs as tables: values with tabs between, under a line that names the columns. Two ways
 * to name them are known, and both may lack any column but a moment, a path and bytes:
 *
 *   #Fields: date time c-ip cs-method cs(Host) cs-uri-stem sc-status sc-bytes ...
 *       W3C's extended format with CloudFront's names; before it lines that begin with '#'
 *   relative_unix  hashed_path_query  response_size ...
 *       the caching data sets of Wikimedia, upload and text
 *
 * Pure; anything may be read. Threads: any. */
enum log_tsv_column {
    TSV_DATE,    /* date: 2025-10-31 */
    TSV_TIME,    /* time: 23:59:59, UTC */
    TSV_SECONDS, /* relative_unix, in place of both */
    TSV_CLIENT,  /* c-ip */
    TSV_METHOD,  /* cs-method */
    TSV_HOST,    /* cs(Host), x-host-header */
    TSV_PATH,    /* cs-uri-stem, hashed_path_query, hashed_host_path_query */
    TSV_QUERY,   /* cs-uri-query */
    TSV_STATUS,  /* sc-status */
    TSV_BYTES,   /* sc-bytes, response_size */
    TSV_LENGTH,  /* sc-content-len */
    TSV_FIRST,   /* sc-range-start */
    TSV_LAST,    /* sc-range-end */
    TSV_COLUMNS
};

struct log_tsv {
    int at[TSV_COLUMNS]; /* number of the column, from 1; 0: it is not there */
};

/* log_tsv_names: whether the line names columns, and enough of them. */
bool log_tsv_names(struct span line, struct log_tsv *out);
/* log_tsv_read: false: not a GET in that table. */
bool log_tsv_read(const struct log_tsv *t, struct span line, struct log_line *out);

#endif
