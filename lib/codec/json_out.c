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

/* Few bytes nearly always: without a call. Some are copied twice. */
static char *put_few(char *at, struct span s)
{
    uint64_t first, last;
    uint32_t short_first, short_last;
    if (s.n > 2 * sizeof first)
        return mempcpy(at, s.p, s.n);
    if (s.n >= sizeof first) {
        memcpy(&first, s.p, sizeof first);
        memcpy(&last, s.p + s.n - sizeof last, sizeof last);
        memcpy(at, &first, sizeof first);
        memcpy(at + s.n - sizeof last, &last, sizeof last);
    } else if (s.n >= sizeof short_first) {
        memcpy(&short_first, s.p, sizeof short_first);
        memcpy(&short_last, s.p + s.n - sizeof short_last, sizeof short_last);
        memcpy(at, &short_first, sizeof short_first);
        memcpy(at + s.n - sizeof short_last, &short_last, sizeof short_last);
    } else {
        for (size_t i = 0; i < s.n; i++)
            at[i] = s.p[i];
    }
    return at + s.n;
}

/* Whether they go as they are. */
static bool put_eight(char *at, const char *from)
{
    uint64_t eight;
    memcpy(&eight, from, sizeof eight);
    memcpy(at, &eight, sizeof eight);
    return are_plain(eight);
}

/* Whether all of text goes as it is; then it is at `at`. */
static bool put_plain(char *at, struct span text)
{
    size_t n = 0;
    for (; n + 8 < text.n; n += 8)
        if (!put_eight(at + n, text.p + n))
            return false;
    if (text.n >= 8)
        return put_eight(at + text.n - 8, text.p + text.n - 8);
    if (text.n >= 4) {
        uint32_t first, last;
        memcpy(&first, text.p, 4);
        memcpy(&last, text.p + text.n - 4, 4);
        memcpy(at, &first, 4);
        memcpy(at + text.n - 4, &last, 4);
        return are_plain((uint64_t)last << 32 | first);
    }
    for (; n < text.n; n++) {
        if (!is_plain((uint8_t)text.p[n]))
            return false;
        at[n] = text.p[n];
    }
    return true;
}

static void add_string(struct buf *to, struct span text)
{
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
#define LEAD_ROOM 4 /* beside the key: comma, quotes and colon */

static inline char *put_lead(struct json_out *o, struct span key, char *at)
{
    *at = ',';
    at += o->needs_comma;
    o->needs_comma = true;
    if (key.p == NULL)
        return at;
    *at++ = '"';
    at = put_few(at, key);
    memcpy(at, "\":", 2);
    return at + 2;
}

/* NULL: the buffer has overflowed. The room is for the lead and so many bytes of a value. */
static inline char *begin(struct json_out *o, struct span key, size_t value_bytes)
{
    char *at = buf_room(o->to, key.n + LEAD_ROOM + value_bytes);
    return at != NULL ? put_lead(o, key, at) : NULL;
}

static void end(struct json_out *o, const char *at)
{
    buf_filled(o->to, (size_t)(at - (o->to->p + o->to->n)));
}

void json_out_begin(struct json_out *o, struct buf *to)
{
    *o = (struct json_out){.to = to};
}

void json_out_open(struct json_out *o, struct span key, char bracket)
{
    char *at = begin(o, key, 1);
    o->needs_comma = false;
    if (at == NULL)
        return;
    *at++ = bracket;
    end(o, at);
}

void json_out_close(struct json_out *o, char bracket)
{
    buf_add_char(o->to, bracket);
    o->needs_comma = true;
}

/* Most strings are plain to their end, and go with their key in one piece. */
void json_out_text_of(struct json_out *o, struct span key, struct span text)
{
    char *at = begin(o, key, text.n + 2);
    if (at == NULL)
        return;
    if (!put_plain(at + 1, text)) {
        end(o, at);
        add_string(o->to, text);
        return;
    }
    at[0] = at[text.n + 1] = '"';
    end(o, at + text.n + 2);
}

void json_out_u64_of(struct json_out *o, struct span key, uint64_t n)
{
    char *at = begin(o, key, U64_ROOM);
    if (at != NULL)
        end(o, u64_write(at, n));
}

void json_out_int_of(struct json_out *o, struct span key, int64_t n)
{
    char *at = begin(o, key, 1 + U64_ROOM);
    if (at == NULL)
        return;
    if (n < 0)
        *at++ = '-';
    end(o, u64_write(at, n < 0 ? 0 - (uint64_t)n : (uint64_t)n));
}

/* As a whole number of 10^-decimals, where it fits one (NULL: it does not): printf takes a
 * microsecond. */
#define SHORT_REAL_MAX  1e9
#define SHORT_REAL_ROOM 24

static char *put_short_real(char *at, double x, int decimals)
{
    static const uint64_t scales[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    if (decimals < 0 || (size_t)decimals >= ARRAY_LEN(scales) || fabs(x) > SHORT_REAL_MAX)
        return NULL;
    uint64_t scale = scales[decimals], n = (uint64_t)(fabs(x) * (double)scale + 0.5);
    uint64_t whole = n / scale, rest = n - whole * scale;
    if (x < 0 && n > 0)
        *at++ = '-';
    at = u64_write(at, whole);
    if (rest == 0)
        return at;
    *at = '.';
    int left = decimals;
    for (; left > 1; left -= 2, rest /= 100)
        two_digits(at + left - 1, (unsigned)(rest % 100));
    if (left > 0)
        at[1] = (char)('0' + rest);
    for (at += decimals; *at == '0';)
        at--;
    return at + 1;
}

static void add_long_real(struct buf *to, double x, int decimals)
{
    char text[400]; /* DBL_MAX has 309 digits before the point */
    int n = snprintf(text, sizeof text, "%.*f", decimals, x);
    CHECK(n > 0 && n < (int)sizeof text);
    while (decimals > 0 && n > 1 && text[n - 1] == '0')
        n--;
    if (decimals > 0 && text[n - 1] == '.')
        n--;
    buf_add(to, text, (size_t)n);
}

void json_out_real_of(struct json_out *o, struct span key, double x, int decimals)
{
    if (!isfinite(x)) {
        json_out_raw_of(o, key, SPAN("null"));
        return;
    }
    char *at = begin(o, key, SHORT_REAL_ROOM);
    if (at == NULL)
        return;
    char *after = put_short_real(at, x, decimals);
    end(o, after != NULL ? after : at);
    if (after == NULL)
        add_long_real(o->to, x, decimals);
}

void json_out_raw_of(struct json_out *o, struct span key, struct span text)
{
    char *at = begin(o, key, text.n);
    if (at != NULL)
        end(o, put_few(at, text));
}

void json_out_key(struct json_out *o, struct span key)
{
    json_out_text_of(o, SPAN_NONE, key);
    buf_add_char(o->to, ':');
    o->needs_comma = false;
}
