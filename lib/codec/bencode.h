/* SPDX-License-Identifier: MIT */
#ifndef LIB_CODEC_BENCODE_H
#define LIB_CODEC_BENCODE_H

#include "lib/base/buf.h"

/* Writes bencoding (BEP 3), value by value. Inside a dictionary each value has a key, and keys come
 * in the order of their bytes, which is checked: a document out of order has another info hash for
 * each reader. Inside a list and at the top the key is NULL. Pure. */
#define BENCODE_DEPTH_MAX 8
struct bencode {
    struct buf *to;
    int depth;
    struct {
        bool is_dict;
        const char *last; /* key; borrowed */
    } open[BENCODE_DEPTH_MAX];
};

void bencode_begin(struct bencode *b, struct buf *to);
void bencode_bytes(struct bencode *b, const char *key, struct span bytes);
void bencode_int(struct bencode *b, const char *key, int64_t value);
void bencode_dict(struct bencode *b, const char *key);
void bencode_list(struct bencode *b, const char *key);
void bencode_end(struct bencode *b); /* of the dictionary or list opened last */

#endif
