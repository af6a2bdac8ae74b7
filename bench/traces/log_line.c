/* SPDX-License-Identifier: MIT */

/* The combined log format. */
#include "bench/traces/log_line.h"

#include "lib/base/check.h"

#define TIME_BYTES 26 /* "10/Oct/2025:13:55:36 +0900" */

static bool digits(struct span text, size_t at, size_t n, int64_t *out)
{
    uint64_t v;
    bool is_number = text.n >= at + n && span_u64(span_make(text.p + at, n), &v);
    *out = is_number ? (int64_t)v : 0;
    return is_number;
}

static int64_t month_of(struct span text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int64_t m = 0; m < 12; m++) {
        if (memcmp(names + 3 * m, text.p + 3, 3) == 0)
            return m + 1;
    }
    return 0;
}

/* Days since 1970-01-01 of a day of the Gregorian calendar; years begin in March here. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static bool read_time(struct span t, int64_t *out)
{
    int64_t d, y, h, min, s, zone_h, zone_min;
    if (t.n != TIME_BYTES || t.p[2] != '/' || t.p[6] != '/' || (t.p[21] != '+' && t.p[21] != '-'))
        return false;
    int64_t m = month_of(t);
    if (m == 0 || !digits(t, 0, 2, &d) || !digits(t, 7, 4, &y) || !digits(t, 12, 2, &h) ||
        !digits(t, 15, 2, &min) || !digits(t, 18, 2, &s) || !digits(t, 22, 2, &zone_h) ||
        !digits(t, 24, 2, &zone_min))
        return false;
    int64_t zone_s = zone_h * 3600 + zone_min * 60;
    *out = days_of(y, m, d) * 86400 + h * 3600 + min * 60 + s;
    *out -= t.p[21] == '+' ? zone_s : -zone_s;
    return *out >= 0;
}

bool log_moment(struct span date, struct span time, int64_t *out)
{
    int64_t y, m, d, h, min, s;
    if (date.n != 10 || date.p[4] != '-' || date.p[7] != '-' || time.n != 8 || time.p[2] != ':' ||
        time.p[5] != ':' || !digits(date, 0, 4, &y) || !digits(date, 5, 2, &m) ||
        !digits(date, 8, 2, &d) || !digits(time, 0, 2, &h) || !digits(time, 3, 2, &min) ||
        !digits(time, 6, 2, &s) || m < 1 || m > 12)
        return false;
    *out = days_of(y, m, d) * 86400 + h * 3600 + min * 60 + s;
    return *out >= 0;
}

/* What stands between `open` and `close`; *rest follows it. */
static bool between(struct span *rest, char open, char close, struct span *out)
{
    (void)span_cut(*rest, open, rest);
    *out = span_cut(*rest, close, rest);
    return rest->p != NULL;
}

/* "bytes=0-999", "bytes=5-"; anything else is no range. */
static void read_range(struct span text, struct log_line *out)
{
    struct span last, unit, range;
    unit = span_cut(text, '=', &range);
    struct span first = span_cut(range, '-', &last);
    if (!span_eq(unit, SPAN("bytes")) || last.p == NULL || !span_u64(first, &out->first))
        return;
    out->last = UINT64_MAX;
    out->has_range = last.n == 0 || (span_u64(last, &out->last) && out->last >= out->first);
}

static bool read_request(struct span text, struct log_line *out)
{
    struct span target, rest;
    if (!span_eq(span_cut(text, ' ', &target), SPAN("GET")))
        return false;
    out->path = span_cut(target, ' ', &rest);
    return out->path.n > 0;
}

bool log_line_read(struct span line, struct log_line *out)
{
    struct span rest = line, text, quoted;
    uint64_t status;
    *out = (struct log_line){.client = span_cut(line, ' ', &text)};
    if (!between(&rest, '[', ']', &text) || !read_time(text, &out->time_s) ||
        !between(&rest, '"', '"', &text) || !read_request(text, out))
        return false;
    struct span number = span_cut(span_trim(rest), ' ', &rest);
    struct span bytes = span_cut(rest, ' ', &rest);
    if (!span_u64(number, &status) || status > 999 || !span_u64(bytes, &out->bytes))
        return false;
    out->status = (int)status;
    while (!out->has_range && between(&rest, '"', '"', &quoted))
        read_range(quoted, out);
    return true;
}
