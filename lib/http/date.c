/* SPDX-License-Identifier: MIT */

/* HTTP-date: written in one form, read in three (RFC 9110 s.5.6.7). The calendar is the proleptic
 * Gregorian one; no table of time zones, no state. */
#include "lib/http/date.h"

#include "lib/http/chars.h"

#define DAY_S         86400
#define DATE_FIRST_S  INT64_C(-62167219200) /* 0000-01-01T00:00:00Z: four digits of year */
#define DATE_LAST_S   INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define ERA_DAYS      146097                /* 400 years */
#define EPOCH_SHIFT_D 719468                /* days from 0000-03-01 to 1970-01-01 */

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char day_tails[7][7] = {"day", "day", "sday", "nesday", "rsday", "day", "urday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
};

/* Years begin in March here, so that the leap day is the last of its year. */
static int64_t days_of_civil(const struct civil *c)
{
    int64_t year = c->month <= 2 ? c->year - 1 : c->year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = (c->month + 9) % 12;
    int64_t day_of_year = (153 * month + 2) / 5 + c->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_SHIFT_D;
}

/* days: counted from 0000-03-01 of an era before year 0, so that all of it is positive. */
static struct civil civil_of_days(int64_t days)
{
    days += EPOCH_SHIFT_D + ERA_DAYS;
    int64_t era = days / ERA_DAYS, day_of_era = days % ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    int64_t year = year_of_era + (era - 1) * 400 + (month >= 10);
    return (struct civil){.year = (int)year,
                          .month = (int)(month < 10 ? month + 3 : month - 9),
                          .day = (int)(day_of_year - (153 * month + 2) / 5 + 1)};
}

static void put2(char *out, int v)
{
    out[0] = (char)('0' + v / 10);
    out[1] = (char)('0' + v % 10);
}

void date_write(sec_t wall_s, char out[DATE_BYTES])
{
    sec_t s = wall_s < DATE_FIRST_S ? DATE_FIRST_S : wall_s > DATE_LAST_S ? DATE_LAST_S : wall_s;
    sec_t days = s / DAY_S - (s % DAY_S < 0);
    int in_day = (int)(s - days * DAY_S);
    struct civil c = civil_of_days(days);
    int week_day = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */

    memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", DATE_BYTES);
    memcpy(out, day_names[week_day], 3);
    put2(out + 5, c.day);
    memcpy(out + 8, month_names[c.month - 1], 3);
    put2(out + 12, c.year / 100);
    put2(out + 14, c.year % 100);
    put2(out + 17, in_day / 3600);
    put2(out + 20, in_day / 60 % 60);
    put2(out + 23, in_day % 60);
}

/* A number of exactly n digits at p, or -1. */
static int digits(const char *p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (!char_is_digit(p[i]))
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

/* Letters in any case: a cache should not be stricter with them (RFC 9111 s.4.2). */
static bool says(const char *p, const char *text, size_t n)
{
    return span_ieq(span_make(p, n), span_make(text, n));
}

static int month_of(const char *p)
{
    for (int m = 0; m < 12; m++) {
        if (says(p, month_names[m], 3))
            return m + 1;
    }
    return -1;
}

static int week_day_of(const char *p)
{
    for (int d = 0; d < 7; d++) {
        if (says(p, day_names[d], 3))
            return d;
    }
    return -1;
}

/* "08:49:37" at p into c. */
static bool read_time(const char *p, struct civil *c)
{
    c->hour = digits(p, 2);
    c->minute = digits(p + 3, 2);
    c->second = digits(p + 6, 2);
    return p[2] == ':' && p[5] == ':' && c->hour >= 0 && c->minute >= 0 && c->second >= 0;
}

static int month_days(int year, int month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* Second 60 is a leap second (s.5.6.7 takes it from RFC 5322); it becomes the next minute. */
static bool civil_to_s(const struct civil *c, sec_t *out)
{
    if (c->year < 0 || c->month < 1 || c->day < 1 || c->day > month_days(c->year, c->month) ||
        c->hour > 23 || c->minute > 59 || c->second > 60)
        return false;
    *out = days_of_civil(c) * DAY_S + c->hour * 3600 + c->minute * 60 + c->second;
    return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool parse_imf(const char *p, sec_t *out)
{
    struct civil c = {.day = digits(p + 5, 2), .month = month_of(p + 8), .year = digits(p + 12, 4)};
    return week_day_of(p) >= 0 && p[3] == ',' && p[4] == ' ' && p[7] == ' ' && p[11] == ' ' &&
           p[16] == ' ' && says(p + 25, " GMT", 4) && read_time(p + 17, &c) && civil_to_s(&c, out);
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(const char *p, sec_t *out)
{
    struct civil c = {.day = p[8] == ' ' ? digits(p + 9, 1) : digits(p + 8, 2),
                      .month = month_of(p + 4),
                      .year = digits(p + 20, 4)};
    return week_day_of(p) >= 0 && p[3] == ' ' && p[7] == ' ' && p[10] == ' ' && p[19] == ' ' &&
           read_time(p + 11, &c) && civil_to_s(&c, out);
}

/* The year that ends in two digits and is at most 50 years ahead of now. */
static int full_year(int two_digits, sec_t now_s)
{
    sec_t days = now_s / DAY_S;
    int now_year = days >= 0 && now_s <= DATE_LAST_S ? civil_of_days(days).year : 1970;
    int year = now_year - now_year % 100 + two_digits;
    if (year > now_year + 50)
        return year - 100;
    return year + 100 <= now_year + 50 ? year + 100 : year;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool parse_rfc850(struct span s, sec_t now_s, sec_t *out)
{
    int week_day = s.n > 3 ? week_day_of(s.p) : -1;
    if (week_day < 0)
        return false;
    size_t tail = strlen(day_tails[week_day]);
    if (s.n != 3 + tail + 24 || !says(s.p + 3, day_tails[week_day], tail))
        return false;
    const char *p = s.p + 3 + tail; /* ", 06-Nov-94 08:49:37 GMT" */
    int two_digits = digits(p + 9, 2);
    struct civil c = {.day = digits(p + 2, 2), .month = month_of(p + 5)};
    c.year = two_digits < 0 ? -1 : full_year(two_digits, now_s);
    return p[0] == ',' && p[1] == ' ' && p[4] == '-' && p[8] == '-' && p[11] == ' ' &&
           says(p + 20, " GMT", 4) && read_time(p + 12, &c) && civil_to_s(&c, out);
}

bool date_parse(struct span text, sec_t now_s, sec_t *out)
{
    if (text.n == DATE_BYTES && text.p[3] == ',')
        return parse_imf(text.p, out);
    if (text.n == 24 && text.p[3] == ' ')
        return parse_asctime(text.p, out);
    return parse_rfc850(text, now_s, out);
}
