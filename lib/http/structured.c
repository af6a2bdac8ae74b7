/* SPDX-License-Identifier: MIT */

/* Structured fields: the parsing algorithms of RFC 9651 s.4.2 in their order, each over one cursor.
 * They return false at the first fault, and the field is then as if it were not there. */
#include "lib/http/structured.h"

#include "lib/base/err.h"
#include "lib/http/chars.h"

#define INTEGER_DIGITS  15
#define DECIMAL_DIGITS  12 /* before the point; at most 3 behind it */
#define FRACTION_DIGITS 3

struct cursor {
    const char *p, *end;
    struct arena *mem; /* where strings are unescaped */
};

static char peek(const struct cursor *c) /* '\0' at the end, which is part of nothing */
{
    return c->p < c->end ? *c->p : '\0';
}

static bool take(struct cursor *c, char expected)
{
    if (c->p == c->end || *c->p != expected)
        return false;
    c->p++;
    return true;
}

static void skip_sp(struct cursor *c)
{
    while (peek(c) == ' ')
        c->p++;
}

static void skip_ows(struct cursor *c)
{
    while (char_is_space(peek(c)))
        c->p++;
}

static bool is_alpha(char c)
{
    return char_lower(c) >= 'a' && char_lower(c) <= 'z';
}

static bool is_lower_alpha(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_token_byte(char c)
{
    return char_is(c, CHAR_TOKEN) || c == ':' || c == '/';
}

/* s.4.2.3.3 */
static bool read_key(struct cursor *c, struct span *key)
{
    const char *start = c->p;
    if (!is_lower_alpha(peek(c)) && peek(c) != '*')
        return false;
    while (is_lower_alpha(peek(c)) || char_is_digit(peek(c)) || peek(c) == '_' || peek(c) == '-' ||
           peek(c) == '.' || peek(c) == '*')
        c->p++;
    *key = span_make(start, (size_t)(c->p - start));
    return true;
}

/* Digits into *v, which goes on from its value; how many there were, -1: more than max. */
static int read_digits(struct cursor *c, int max, int64_t *v)
{
    int count = 0;
    for (; char_is_digit(peek(c)); c->p++) {
        if (++count > max)
            return -1;
        *v = *v * 10 + (*c->p - '0');
    }
    return count;
}

/* s.4.2.4; a decimal comes out in thousandths. */
static bool read_number(struct cursor *c, struct structured_item *item)
{
    int64_t v = 0;
    bool is_negative = take(c, '-');
    int digits = read_digits(c, INTEGER_DIGITS, &v);
    if (digits <= 0)
        return false;
    item->type = STRUCTURED_INTEGER;
    if (take(c, '.')) {
        int behind = read_digits(c, FRACTION_DIGITS, &v);
        if (digits > DECIMAL_DIGITS || behind <= 0)
            return false;
        for (; behind < FRACTION_DIGITS; behind++)
            v *= 10;
        item->type = STRUCTURED_DECIMAL;
    }
    item->integer = is_negative ? -v : v;
    return true;
}

/* s.4.2.5 */
static bool read_string(struct cursor *c, struct structured_item *item)
{
    const char *start = ++c->p, *at;
    size_t escapes = 0;
    for (at = start; at < c->end && *at != '"'; at++) {
        if (*at == '\\') {
            if (++at == c->end || (*at != '"' && *at != '\\'))
                return false;
            escapes++;
        } else if (*at < ' ' || *at > '~') {
            return false;
        }
    }
    if (at == c->end)
        return false;
    item->type = STRUCTURED_STRING;
    item->text = span_make(start, (size_t)(at - start));
    c->p = at + 1;
    if (escapes == 0)
        return true;
    char *out = arena_bytes(c->mem, item->text.n - escapes), *to = out;
    for (const char *from = start; from < at; from++)
        *to++ = *from == '\\' ? *++from : *from;
    item->text = span_make(out, (size_t)(to - out));
    return true;
}

/* s.4.2.6 */
static bool read_token(struct cursor *c, struct structured_item *item)
{
    const char *start = c->p++;
    while (is_token_byte(peek(c)))
        c->p++;
    item->type = STRUCTURED_TOKEN;
    item->text = span_make(start, (size_t)(c->p - start));
    return true;
}

/* s.4.2.7; the base64 is the caller's to decode. */
static bool read_bytes(struct cursor *c, struct structured_item *item)
{
    const char *start = ++c->p;
    while (is_alpha(peek(c)) || char_is_digit(peek(c)) || peek(c) == '+' || peek(c) == '/' ||
           peek(c) == '=')
        c->p++;
    item->type = STRUCTURED_BYTES;
    item->text = span_make(start, (size_t)(c->p - start));
    return take(c, ':');
}

/* s.4.2.8 */
static bool read_boolean(struct cursor *c, struct structured_item *item)
{
    c->p++;
    item->type = STRUCTURED_BOOLEAN;
    item->integer = peek(c) == '1';
    return take(c, '0') || take(c, '1');
}

/* s.4.2.9 */
static bool read_date(struct cursor *c, struct structured_item *item)
{
    c->p++;
    if (!read_number(c, item) || item->type != STRUCTURED_INTEGER)
        return false;
    item->type = STRUCTURED_DATE;
    return true;
}

/* UTF-8, byte by byte (RFC 3629 s.4): how many bytes are still to come, and what the next may
 * be. */
struct utf8 {
    int left;
    uint8_t low, high;
};

static bool utf8_step(struct utf8 *u, uint8_t b)
{
    if (u->left > 0) {
        bool is_right = b >= u->low && b <= u->high;
        *u = (struct utf8){u->left - 1, 0x80, 0xbf};
        return is_right;
    }
    *u = (struct utf8){(b >= 0xc0) + (b >= 0xe0) + (b >= 0xf0), 0x80, 0xbf};
    if (b == 0xe0)
        u->low = 0xa0; /* no longer form than needed */
    else if (b == 0xed)
        u->high = 0x9f; /* no surrogates */
    else if (b == 0xf0)
        u->low = 0x90;
    else if (b == 0xf4)
        u->high = 0x8f; /* nothing above U+10FFFF */
    return b < 0x80 || (b >= 0xc2 && b <= 0xf4);
}

/* One byte of a display string, of "%xx" the byte that it means; -1: fault. */
static int read_display_byte(struct cursor *c)
{
    char b = *c->p++;
    if (b < ' ' || b > '~')
        return -1;
    if (b != '%')
        return b;
    if (c->end - c->p < 2 || char_hex(c->p[0]) < 0 || char_hex(c->p[1]) < 0 ||
        char_lower(c->p[0]) != c->p[0] || char_lower(c->p[1]) != c->p[1])
        return -1;
    c->p += 2;
    return char_hex(c->p[-2]) << 4 | char_hex(c->p[-1]);
}

/* s.4.2.10 */
static bool read_display(struct cursor *c, struct structured_item *item)
{
    struct utf8 utf8 = {0, 0, 0};
    c->p++;
    if (!take(c, '"'))
        return false;
    const char *start = c->p;
    while (c->p < c->end && *c->p != '"') {
        int b = read_display_byte(c);
        if (b < 0 || !utf8_step(&utf8, (uint8_t)b))
            return false;
    }
    item->type = STRUCTURED_DISPLAY;
    item->text = span_make(start, (size_t)(c->p - start));
    return take(c, '"') && utf8.left == 0;
}

/* s.4.2.3.1 */
static bool read_bare_item(struct cursor *c, struct structured_item *item)
{
    char first = peek(c);
    *item = (struct structured_item){.key = item->key};
    if (char_is_digit(first) || first == '-')
        return read_number(c, item);
    if (is_alpha(first) || first == '*')
        return read_token(c, item);
    switch (first) {
    case '"':
        return read_string(c, item);
    case ':':
        return read_bytes(c, item);
    case '?':
        return read_boolean(c, item);
    case '@':
        return read_date(c, item);
    case '%':
        return read_display(c, item);
    default:
        return false;
    }
}

/* s.4.2.3.2; checked and left out. */
static bool skip_parameters(struct cursor *c)
{
    struct structured_item value = {.key = SPAN_NONE};
    while (take(c, ';')) {
        skip_sp(c);
        if (!read_key(c, &value.key) || (take(c, '=') && !read_bare_item(c, &value)))
            return false;
    }
    return true;
}

/* s.4.2.1.2; checked, its text is the source. */
static bool read_inner_list(struct cursor *c, struct structured_item *item)
{
    const char *start = c->p++;
    struct structured_item inner = {.key = SPAN_NONE};
    for (;;) {
        skip_sp(c);
        if (take(c, ')'))
            break;
        if (!read_bare_item(c, &inner) || !skip_parameters(c) || (peek(c) != ' ' && peek(c) != ')'))
            return false;
    }
    *item = (struct structured_item){.key = item->key, .type = STRUCTURED_INNER_LIST};
    item->text = span_make(start, (size_t)(c->p - start));
    return skip_parameters(c);
}

static bool read_member(struct cursor *c, struct structured_item *item)
{
    if (peek(c) == '(')
        return read_inner_list(c, item);
    return read_bare_item(c, item) && skip_parameters(c);
}

static bool read_dictionary_member(struct cursor *c, struct structured_item *item)
{
    if (!read_key(c, &item->key))
        return false;
    if (take(c, '='))
        return read_member(c, item);
    *item = (struct structured_item){.key = item->key, .type = STRUCTURED_BOOLEAN, .integer = 1};
    return skip_parameters(c);
}

/* Where a member of this key stands already, or count. */
static int place_of(const struct structured_item *out, int count, struct span key)
{
    int i = 0;
    while (i < count && !span_eq(out[i].key, key))
        i++;
    return i;
}

/* What both kinds have in common (s.4.2.1, s.4.2.2). */
static int read_members(struct cursor *c, struct structured_item *out, int max, bool has_keys)
{
    int count = 0;
    skip_sp(c);
    while (c->p < c->end) {
        struct structured_item item = {.key = SPAN_NONE};
        if (!(has_keys ? read_dictionary_member(c, &item) : read_member(c, &item)))
            return ERR_SYNTAX;
        int place = has_keys ? place_of(out, count, item.key) : count;
        if (place == max)
            return ERR_TOO_BIG;
        out[place] = item;
        count += place == count;
        skip_ows(c);
        if (c->p == c->end)
            break;
        if (!take(c, ','))
            return ERR_SYNTAX;
        skip_ows(c);
        if (c->p == c->end)
            return ERR_SYNTAX; /* a comma with nothing behind it */
    }
    return arena_overflowed(c->mem) ? ERR_TOO_BIG : count;
}

static struct cursor cursor_of(struct span text, struct arena *mem)
{
    return (struct cursor){.p = text.p, .end = text.n != 0 ? text.p + text.n : text.p, .mem = mem};
}

int structured_dictionary(struct span text, struct structured_item *out, int max, struct arena *mem)
{
    struct cursor c = cursor_of(text, mem);
    return read_members(&c, out, max, true);
}

int structured_list(struct span text, struct structured_item *out, int max, struct arena *mem)
{
    struct cursor c = cursor_of(text, mem);
    return read_members(&c, out, max, false);
}
