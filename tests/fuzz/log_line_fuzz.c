/* SPDX-License-Identifier: MIT */

/* A line of an access log: what is read lies in the line, and a range is one. */
#include "bench/traces/log_line.h"
#include "lib/base/check.h"
#include "tests/fuzz/fuzz.h"

static bool lies_in(struct span part, struct span whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct log_line l;
    struct span line = span_make(p, n);
    if (!log_line_read(line, &l))
        return 0;
    CHECK(lies_in(l.client, line) && lies_in(l.path, line) && l.path.n > 0);
    CHECK(l.time_s >= 0 && l.status >= 0 && l.status <= 999);
    CHECK(!l.has_range || l.first <= l.last);
    return 0;
}
