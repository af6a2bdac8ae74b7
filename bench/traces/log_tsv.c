/* SPDX-License-Identifier: MIT */

/* Tables of requests with tabs between. */
#include "bench/traces/log_tsv.h"

#include "lib/base/check.h"

#define SECONDS_MAX ((uint64_t)1 << 40)

static const struct {
    const char *name;
    enum log_tsv_column column;
} names[] = {
    {"date", TSV_DATE},
    {"time", TSV_TIME},
    {"relative_unix", TSV_SECONDS},
    {"c-ip", TSV_CLIENT},
    {"cs-method", TSV_METHOD},
    {"cs(Host)", TSV_HOST},
    {"x-host-header", TSV_HOST},
    {"cs-uri-stem", TSV_PATH},
    {"hashed_path_query", TSV_PATH},
    {"hashed_host_path_query", TSV_PATH},
    {"cs-uri-query", TSV_QUERY},
    {"sc-status", TSV_STATUS},
    {"sc-bytes", TSV_BYTES},
    {"response_size", TSV_BYTES},
    {"sc-content-len", TSV_LENGTH},
    {"sc-range-start", TSV_FIRST},
    {"sc-range-end", TSV_LAST},
};

bool log_tsv_names(struct span line, struct log_tsv *out)
{
    static const struct span fields = {"#Fields: ", 9};
    bool is_w3c = span_starts(line, fields);
    struct span rest = is_w3c ? span_skip(line, fields.n) : line;
    *out = (struct log_tsv){0};
    for (int number = 1; rest.n > 0; number++) {
        struct span name = span_trim(span_cut(rest, is_w3c ? ' ' : '\t', &rest));
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            if (span_eq(name, span_of(names[i].name)))
                out->at[names[i].column] = number;
        }
    }
    const int *at = out->at;
    bool has_moment = at[TSV_SECONDS] > 0 || (at[TSV_DATE] > 0 && at[TSV_TIME] > 0);
    return has_moment && at[TSV_PATH] > 0 && at[TSV_BYTES] > 0;
}

/* What stands in each known column; "-" is nothing. */
static void cut(const struct log_tsv *t, struct span line, struct span values[TSV_COLUMNS])
{
    struct span rest = line;
    for (int number = 1; rest.n > 0; number++) {
        struct span value = span_trim(span_cut(rest, '\t', &rest));
        if (span_eq(value, SPAN("-")))
            value = SPAN_NONE;
        for (int c = 0; c < TSV_COLUMNS; c++) {
            if (t->at[c] == number)
                values[c] = value;
        }
    }
}

static bool read_moment(const struct span values[TSV_COLUMNS], int64_t *out)
{
    uint64_t seconds;
    if (values[TSV_SECONDS].n > 0) {
        bool is_number = span_u64(values[TSV_SECONDS], &seconds) && seconds < SECONDS_MAX;
        *out = is_number ? (int64_t)seconds : 0;
        return is_number;
    }
    return log_moment(values[TSV_DATE], values[TSV_TIME], out);
}

/* A number that need not be there; false: something else is. */
static bool read_number(struct span text, uint64_t otherwise, uint64_t *out)
{
    *out = otherwise;
    return text.n == 0 || span_u64(text, out);
}

bool log_tsv_read(const struct log_tsv *t, struct span line, struct log_line *out)
{
    struct span values[TSV_COLUMNS] = {0};
    uint64_t status;
    cut(t, line, values);
    *out = (struct log_line){.client = values[TSV_CLIENT],
                             .host = values[TSV_HOST],
                             .path = values[TSV_PATH],
                             .query = values[TSV_QUERY]};
    bool is_get = values[TSV_METHOD].n == 0 || span_eq(values[TSV_METHOD], SPAN("GET"));
    if (!is_get || out->path.n == 0 || !read_moment(values, &out->time_s) ||
        !read_number(values[TSV_STATUS], 200, &status) || status > 999 ||
        !span_u64(values[TSV_BYTES], &out->bytes) ||
        !read_number(values[TSV_LENGTH], 0, &out->length))
        return false;
    out->status = (int)status;
    out->has_range = span_u64(values[TSV_FIRST], &out->first) &&
                     read_number(values[TSV_LAST], UINT64_MAX, &out->last) &&
                     out->first <= out->last;
    if (out->length > 0 && out->bytes > out->length)
        out->bytes = out->length; /* heads are in it */
    return true;
}
