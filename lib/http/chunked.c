/* SPDX-License-Identifier: MIT */

/* The chunked coding, byte by byte but for the data. What the chunks sum up to is the reader's
 * matter. */
#include "lib/http/chunked.h"

#include "lib/http/chars.h"

#define EXTENSION_BYTES 256
#define TRAILER_BYTES   8192
#define SIZE_DIGITS     16

/*  SIZE+ (EXT (QUOTE ESCAPE)*)* SIZE_LF  ->  DATA  DATA_CR  DATA_LF  ->  SIZE
 *                                        ->  TRAILER (NAME+ VALUE* VALUE_LF)*  END_LF  ->  END
 * Extensions: RFC 9112 s.7.1.1. A line break ends no quoted string: it is a fault there.
 * The order is by who takes the next byte; step() goes by it. */
enum chunked_state {
    STATE_SIZE_FIRST,
    STATE_SIZE, /* on_size */
    STATE_BWS,  /* behind the size: only ';' may follow */
    STATE_EXT,  /* on_extension */
    STATE_QUOTE,
    STATE_ESCAPE, /* on_quote */
    STATE_TRAILER,
    STATE_NAME,
    STATE_VALUE, /* on_trailer */
    STATE_SIZE_LF,
    STATE_DATA_LF,
    STATE_VALUE_LF,
    STATE_END_LF, /* on_line_feed */
    STATE_DATA_CR,
    STATE_DATA,
    STATE_END,
    STATE_BAD
};

void chunked_init(struct chunked *c)
{
    *c = (struct chunked){.state = STATE_SIZE_FIRST};
}

static enum chunked_state on_size(struct chunked *c, char b)
{
    int digit = char_hex(b);
    if (digit < 0)
        return c->state == STATE_SIZE_FIRST ? STATE_BAD
               : b == '\r'                  ? STATE_SIZE_LF
               : b == ';'                   ? STATE_EXT
               : char_is_space(b)           ? STATE_BWS
                                            : STATE_BAD;
    /* Line bytes are digits so far. What does not fit a signed length fits no file either. */
    if (c->line_bytes > SIZE_DIGITS || c->left > (INT64_MAX >> 4))
        return STATE_BAD;
    c->left = c->left << 4 | (uint64_t)digit;
    return STATE_SIZE;
}

static enum chunked_state on_extension(const struct chunked *c, char b)
{
    if (b == ';')
        return STATE_EXT;
    if (char_is_space(b))
        return (enum chunked_state)c->state;
    if (c->state == STATE_BWS)
        return STATE_BAD;
    if (b == '\r')
        return STATE_SIZE_LF;
    if (b == '"')
        return STATE_QUOTE;
    return char_is(b, CHAR_TOKEN) || b == '=' ? STATE_EXT : STATE_BAD;
}

static enum chunked_state on_quote(const struct chunked *c, char b)
{
    if (!char_is(b, CHAR_VALUE))
        return STATE_BAD;
    if (c->state == STATE_ESCAPE)
        return STATE_QUOTE;
    return b == '"' ? STATE_EXT : b == '\\' ? STATE_ESCAPE : STATE_QUOTE;
}

static enum chunked_state on_trailer(const struct chunked *c, char b)
{
    if (c->line_bytes > TRAILER_BYTES)
        return STATE_BAD;
    if (c->state == STATE_NAME && b == ':')
        return STATE_VALUE;
    if (c->state == STATE_VALUE)
        return b == '\r' ? STATE_VALUE_LF : char_is(b, CHAR_VALUE) ? STATE_VALUE : STATE_BAD;
    if (c->state == STATE_TRAILER && b == '\r')
        return STATE_END_LF;
    return char_is(b, CHAR_TOKEN) ? STATE_NAME : STATE_BAD;
}

/* A new line of the chunked coding begins: its bytes are counted from 0. */
static enum chunked_state next_line(struct chunked *c, enum chunked_state state)
{
    c->line_bytes = 0;
    return state;
}

static enum chunked_state on_line_feed(struct chunked *c, char b)
{
    if (b != '\n')
        return STATE_BAD;
    if (c->state == STATE_SIZE_LF)
        return next_line(c, c->left != 0 ? STATE_DATA : STATE_TRAILER);
    if (c->state == STATE_DATA_LF)
        return next_line(c, STATE_SIZE_FIRST);
    return c->state == STATE_VALUE_LF ? STATE_TRAILER : STATE_END;
}

/* The state behind the byte b; not for DATA, END and BAD, where no byte is looked at. */
static enum chunked_state step(struct chunked *c, char b)
{
    c->line_bytes++;
    if (c->state <= STATE_SIZE)
        return on_size(c, b);
    if (c->state <= STATE_ESCAPE) {
        if (c->line_bytes > SIZE_DIGITS + EXTENSION_BYTES)
            return STATE_BAD;
        return c->state <= STATE_EXT ? on_extension(c, b) : on_quote(c, b);
    }
    if (c->state <= STATE_VALUE)
        return on_trailer(c, b);
    if (c->state <= STATE_END_LF)
        return on_line_feed(c, b);
    return b == '\r' ? STATE_DATA_LF : STATE_BAD; /* DATA_CR */
}

enum chunked_event chunked_next(struct chunked *c, struct span *in, struct span *data)
{
    *data = SPAN_NONE;
    for (;;) {
        if (c->state == STATE_END)
            return CHUNKED_END;
        if (c->state == STATE_BAD)
            return CHUNKED_BAD;
        if (in->n == 0)
            return CHUNKED_MORE;
        if (c->state == STATE_DATA) {
            *data = span_make(in->p, c->left < in->n ? (size_t)c->left : in->n);
            *in = span_skip(*in, data->n);
            chunked_skip(c, data->n);
            return CHUNKED_DATA;
        }
        c->state = step(c, in->p[0]);
        *in = span_skip(*in, 1);
    }
}

uint64_t chunked_direct(const struct chunked *c)
{
    return c->state == STATE_DATA ? c->left : 0;
}

void chunked_skip(struct chunked *c, uint64_t n)
{
    CHECK(c->state == STATE_DATA && n <= c->left);
    c->left -= n;
    if (c->left == 0)
        c->state = STATE_DATA_CR;
}

size_t chunked_write_head(char out[CHUNKED_HEAD_ROOM], uint64_t n)
{
    size_t digits = n == 0 ? 1 : (size_t)(67 - __builtin_clzll(n)) / 4;
    for (size_t i = digits; i-- > 0; n >>= 4)
        out[i] = "0123456789abcdef"[n & 15];
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
