/* SPDX-License-Identifier: MIT
 * JSON written in one pass. What is a value and in which order is the caller's matter. */
#include "lib/codec/json_out.h"

#include <math.h>
#include <stdio.h>

/* Length of the well-formed UTF-8 sequence at p (Unicode table 3-7), or 0. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t first_low, first_high, second_low, second_high, length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (p[0] < forms[i].first_low || p[0] > forms[i].first_high)
            continue;
        size_t length = forms[i].length;
        if (length > n ||
            (length > 1 && (p[1] < forms[i].second_low || p[1] > forms[i].second_high)))
            return 0;
        for (size_t k = 2; k < length; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return length;
    }
    return 0;
}

static void add_escaped(struct buf *to, uint8_t c)
{
    static const char shorts[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
                                  ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\'};
    if (c < sizeof shorts && shorts[c] != 0) {
        buf_add_char(to, '\\');
        buf_add_char(to, shorts[c]);
    } else {
        buf_printf(to, "\\u%04x", c);
    }
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Eight bytes at once; each test sets a byte's highest bit, and may set those of bytes above one
 * that is not plain itself. */
static bool are_plain(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101U, tops = ones << 7;
    uint64_t quotes = eight ^ ones * '"', slashes = eight ^ ones * '\\';
    uint64_t controls = eight - ones * 0x20, beyond = eight + ones;
    return ((controls | beyond | eight | (quotes - ones) | (slashes - ones)) & tops) == 0;
}

/* How many bytes at the beginning go as they are, at least. */
static size_t plain_bytes(struct span text)
{
    size_t at = 0;
    for (uint64_t eight; at + sizeof eight <= text.n; at += sizeof eight) {
        memcpy(&eight, text.p + at, sizeof eight);
        if (!are_plain(eight))
            return at;
    }
    while (at < text.n && is_plain((uint8_t)text.p[at]))
        at++;
    return at;
}

/* Most strings are plain to their end. */
static bool add_plain(struct buf *to, struct span text)
{
    if (plain_bytes(text) < text.n)
        return false;
    char *at = buf_room(to, text.n + 2);
    if (at == NULL)
        return true;
    *at = '"';
    if (text.n > 0)
        memcpy(at + 1, text.p, text.n);
    at[text.n + 1] = '"';
    buf_filled(to, text.n + 2);
    return true;
}

static void add_string(struct buf *to, struct span text)
{
    if (add_plain(to, text))
        return;
    const uint8_t *p = (const uint8_t *)text.p;
    size_t at = 0, plain_from = 0;
    buf_add_char(to, '"');
    while (at < text.n) {
        if (is_plain(p[at])) {
            at++;
            continue;
        }
        size_t length = utf8_length(p + at, text.n - at);
        if (length > 0 && p[at] >= 0x20 && p[at] != '"' && p[at] != '\\') {
            at += length;
            continue;
        }
        buf_add(to, p + plain_from, at - plain_from);
        if (length == 0)
            buf_add_span(to, SPAN("\xef\xbf\xbd"));
        else
            add_escaped(to, p[at]);
        plain_from = ++at;
    }
    buf_add(to, p + plain_from, at - plain_from);
    buf_add_char(to, '"');
}

/* What stands before a value: the comma that the one before left owing, and the key, which is a
 * constant and needs no escapes. */
static void add_lead(struct json_out *o, const char *key)
{
    size_t n = key != NULL ? strlen(key) : 0, used = 0;
    char *to = buf_room(o->to, n + 4);
    if (to != NULL) {
        if (o->needs_comma)
            to[used++] = ',';
        if (key != NULL) {
            to[used++] = '"';
            memcpy(to + used, key, n);
            memcpy(to + used + n, "\":", 2);
            used += n + 2;
        }
        buf_filled(o->to, used);
    }
    o->needs_comma = true;
}

#define DIGITS_ROOM 24

/* The decimal digits of n at the end of room; where they begin. */
static char *digits_of(uint64_t n, char room[DIGITS_ROOM])
{
    char *at = room + DIGITS_ROOM;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return at;
}

static void open_with(struct json_out *o, const char *key, char c)
{
    add_lead(o, key);
    buf_add_char(o->to, c);
    o->needs_comma = false;
}

static void close_with(struct json_out *o, char c)
{
    buf_add_char(o->to, c);
    o->needs_comma = true;
}

void json_out_begin(struct json_out *o, struct buf *to)
{
    *o = (struct json_out){.to = to};
}

void json_out_object(struct json_out *o, const char *key)
{
    open_with(o, key, '{');
}

void json_out_end_object(struct json_out *o)
{
    close_with(o, '}');
}

void json_out_array(struct json_out *o, const char *key)
{
    open_with(o, key, '[');
}

void json_out_end_array(struct json_out *o)
{
    close_with(o, ']');
}

void json_out_text(struct json_out *o, const char *key, struct span text)
{
    add_lead(o, key);
    add_string(o->to, text);
}

void json_out_int(struct json_out *o, const char *key, int64_t n)
{
    char room[DIGITS_ROOM];
    char *at = digits_of(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, room);
    add_lead(o, key);
    if (n < 0)
        *--at = '-';
    buf_add(o->to, at, (size_t)(room + sizeof room - at));
}

void json_out_u64(struct json_out *o, const char *key, uint64_t n)
{
    char room[DIGITS_ROOM];
    char *at = digits_of(n, room);
    add_lead(o, key);
    buf_add(o->to, at, (size_t)(room + sizeof room - at));
}

/* As a whole number of 10^-decimals, where it fits one: printf takes a microsecond. */
static bool add_short_real(struct buf *to, double x, int decimals)
{
    static const uint64_t scales[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    char room[DIGITS_ROOM];
    if (decimals < 0 || (size_t)decimals >= ARRAY_LEN(scales) || fabs(x) > 1e9)
        return false;
    uint64_t scale = scales[decimals], n = (uint64_t)llround(fabs(x) * (double)scale);
    for (; decimals > 0 && n % 10 == 0; decimals--) {
        n /= 10;
        scale /= 10;
    }
    if (x < 0 && n > 0)
        buf_add_char(to, '-');
    char *at = digits_of(n / scale, room);
    buf_add(to, at, (size_t)(room + sizeof room - at));
    if (decimals == 0)
        return true;
    at = digits_of(n % scale + scale, room); /* with a 1 before it, which keeps its zeros */
    *at = '.';
    buf_add(to, at, (size_t)(room + sizeof room - at));
    return true;
}

void json_out_real(struct json_out *o, const char *key, double x, int decimals)
{
    add_lead(o, key);
    if (!isfinite(x)) {
        buf_add_span(o->to, SPAN("null"));
        return;
    }
    if (add_short_real(o->to, x, decimals))
        return;
    char text[400]; /* DBL_MAX has 309 digits before the point */
    int n = snprintf(text, sizeof text, "%.*f", decimals, x);
    CHECK(n > 0 && n < (int)sizeof text);
    while (decimals > 0 && n > 1 && text[n - 1] == '0')
        n--;
    if (decimals > 0 && text[n - 1] == '.')
        n--;
    buf_add(o->to, text, (size_t)n);
}

void json_out_bool(struct json_out *o, const char *key, bool b)
{
    add_lead(o, key);
    buf_add_span(o->to, b ? SPAN("true") : SPAN("false"));
}

void json_out_null(struct json_out *o, const char *key)
{
    add_lead(o, key);
    buf_add_span(o->to, SPAN("null"));
}

void json_out_key(struct json_out *o, struct span key)
{
    add_lead(o, NULL);
    add_string(o->to, key);
    buf_add_char(o->to, ':');
    o->needs_comma = false;
}

void json_out_raw(struct json_out *o, const char *key, struct span text)
{
    add_lead(o, key);
    buf_add_span(o->to, text);
}
