/* SPDX-License-Identifier: MIT */

/* The system's clocks, and one spelling of a wall moment without the C library's time zones (whose
 * functions take a lock). Any thread. */
#include "lib/base/clock.h"

#include "lib/base/span.h"

#include <time.h>

#define MSEC_PER_DAY (86400LL * MSEC_PER_SEC)
#define YEAR_10000   253402300800000LL /* 10000-01-01T00:00:00Z: one digit too many */

static nsec_t now_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

msec_t clock_wall_ms(void)
{
    return now_ns(CLOCK_REALTIME) / (NSEC_PER_SEC / MSEC_PER_SEC);
}

msec_t clock_mono_ms(void)
{
    return now_ns(CLOCK_MONOTONIC) / (NSEC_PER_SEC / MSEC_PER_SEC);
}

nsec_t clock_mono_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

nsec_t clock_thread_ns(void)
{
    return now_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Days to a civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". Years are
 * counted from March, so that the leap day is the last; an era is 400 of them. */
static char *put_date(char *at, int64_t days)
{
    int64_t since_era0 = days + 719468; /* from 0000-03-01 */
    int64_t era = since_era0 / 146097, day_of_era = since_era0 % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    at = two_digits(at, (unsigned)(year / 100));
    at = two_digits(at, (unsigned)(year % 100));
    *at++ = '-';
    at = two_digits(at, (unsigned)month);
    *at++ = '-';
    return two_digits(at, (unsigned)day);
}

void clock_iso(msec_t wall_ms, char out[CLOCK_ISO_BYTES + 1])
{
    if (wall_ms < 0)
        wall_ms = 0;
    if (wall_ms >= YEAR_10000)
        wall_ms = YEAR_10000 - 1;
    unsigned rest = (unsigned)(wall_ms % MSEC_PER_DAY);
    char *at = put_date(out, wall_ms / MSEC_PER_DAY);
    *at++ = 'T';
    at = two_digits(at, rest / 3600000);
    *at++ = ':';
    at = two_digits(at, rest / 60000 % 60);
    *at++ = ':';
    at = two_digits(at, rest / 1000 % 60);
    *at++ = '.';
    at = two_digits(at, rest % 1000 / 10);
    *at++ = (char)('0' + rest % 10);
    *at++ = 'Z';
    *at = '\0';
}
