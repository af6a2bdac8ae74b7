/* SPDX-License-Identifier: MIT
 *
 * Bencoding, written. */
#include "lib/codec/bencode.h"

#include <inttypes.h>

void bencode_begin(struct bencode *b, struct buf *to)
{
    *b = (struct bencode){.to = to};
}

static void put_key(struct bencode *b, const char *key)
{
    bool is_in_dict = b->depth > 0 && b->open[b->depth - 1].is_dict;
    CHECK(is_in_dict == (key != NULL));
    if (key == NULL)
        return;
    const char **last = &b->open[b->depth - 1].last;
    CHECK(*last == NULL || strcmp(*last, key) < 0);
    *last = key;
    buf_printf(b->to, "%zu:%s", strlen(key), key);
}

void bencode_bytes(struct bencode *b, const char *key, struct span bytes)
{
    put_key(b, key);
    buf_printf(b->to, "%zu:", bytes.n);
    buf_add_span(b->to, bytes);
}

void bencode_int(struct bencode *b, const char *key, int64_t value)
{
    put_key(b, key);
    buf_printf(b->to, "i%" PRId64 "e", value);
}

static void put_open(struct bencode *b, const char *key, bool is_dict)
{
    put_key(b, key);
    CHECK(b->depth < BENCODE_DEPTH_MAX);
    b->open[b->depth].is_dict = is_dict;
    b->open[b->depth++].last = NULL;
    buf_add_char(b->to, is_dict ? 'd' : 'l');
}

void bencode_dict(struct bencode *b, const char *key)
{
    put_open(b, key, true);
}

void bencode_list(struct bencode *b, const char *key)
{
    put_open(b, key, false);
}

void bencode_end(struct bencode *b)
{
    CHECK(b->depth > 0);
    b->depth--;
    buf_add_char(b->to, 'e');
}
