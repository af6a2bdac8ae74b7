/* SPDX-License-Identifier: MIT */

/* A line of an access log, or two of a table (names of columns, then a row): what is read lies in
 * the line, and a range is one. */
#include "bench/traces/log_tsv.h"
#include "lib/base/check.h"
#include "tests/fuzz/fuzz.h"

static bool lies_in(struct span part, struct span whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_line(const struct log_line *l, struct span line)
{
    CHECK(lies_in(l->client, line) && lies_in(l->path, line) && l->path.n > 0);
    CHECK(lies_in(l->host, line) && lies_in(l->query, line));
    CHECK(l->time_s >= 0 && l->status >= 0 && l->status <= 999);
    CHECK(!l->has_range || l->first <= l->last);
    CHECK(l->length == 0 || l->bytes <= l->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct log_line l;
    struct log_tsv table;
    struct span row, line = span_make(p, n), names = span_cut(line, '\n', &row);
    if (log_line_read(line, &l))
        check_line(&l, line);
    if (log_tsv_names(names, &table) && log_tsv_read(&table, row, &l))
        check_line(&l, row);
    return 0;
}
