/* SPDX-License-Identifier: MIT
 * Longest prefix match: networks sorted by length, longest first; within a length by their bytes,
 * so that each length is one binary search. Real tables have few lengths. What is searched is two
 * words a network, apart from what else there is of it. */
#include "control/route/override.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdlib.h>

#define ADDRESS_BITS 128
#define MAPPED_BITS  96 /* ::ffff:0:0/96 */

/* An address, or a network: the bits beyond its length are zero. */
struct key {
    uint64_t high, low;
};

struct override_table {
    struct override *v;
    struct key *keys; /* of v */
    size_t count;
    size_t first_of[ADDRESS_BITS + 2]; /* networks of length b: [first_of[b + 1], first_of[b]) */
    uint8_t lengths[ADDRESS_BITS + 1]; /* that there are, longest first */
    size_t length_count;
};

static void map_v4(const void *v4, uint8_t out[16])
{
    memset(out, 0, 16);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, v4, 4);
}

/* Keeps the first `bits`. */
static void mask(uint8_t bytes[16], unsigned bits)
{
    if (bits >= ADDRESS_BITS)
        return;
    bytes[bits / 8] = (uint8_t)(bytes[bits / 8] & (0xff00 >> bits % 8));
    memset(bytes + bits / 8 + 1, 0, 15 - bits / 8);
}

int override_parse(struct override *o)
{
    struct span rest, ip = span_cut(o->network, '/', &rest);
    char text[INET6_ADDRSTRLEN + 1];
    if (ip.n >= sizeof text)
        return ERR_SYNTAX;
    memcpy(text, ip.p, ip.n);
    text[ip.n] = '\0';
    struct in_addr v4;
    bool is_v4 = inet_pton(AF_INET, text, &v4) == 1;
    if (is_v4)
        map_v4(&v4, o->bytes);
    else if (inet_pton(AF_INET6, text, o->bytes) != 1)
        return ERR_SYNTAX;
    unsigned room = is_v4 ? 32 : ADDRESS_BITS;
    uint64_t bits = room;
    if (rest.p != NULL && (!span_u64(rest, &bits) || bits > room))
        return ERR_SYNTAX;
    o->bits = (uint8_t)(bits + (is_v4 ? MAPPED_BITS : 0));
    uint8_t whole[16];
    memcpy(whole, o->bytes, sizeof whole);
    mask(o->bytes, o->bits);
    return memcmp(whole, o->bytes, sizeof whole) == 0 ? 0 : ERR_SYNTAX;
}

static int order(const void *a, const void *b)
{
    const struct override *x = a, *y = b;
    if (x->bits != y->bits)
        return y->bits - x->bits;
    return memcmp(x->bytes, y->bytes, sizeof x->bytes);
}

static int refuse_twins(const struct override_table *t, size_t *faulty, const struct override *v,
                        struct buf *why)
{
    for (size_t i = 1; i < t->count; i++) {
        if (order(&t->v[i - 1], &t->v[i]) != 0)
            continue;
        buf_printf(why, "network %.*s stands there twice", SPAN_FMT(t->v[i].network));
        for (size_t k = 0; k < t->count; k++)
            if (v[k].network.p == t->v[i].network.p)
                *faulty = k;
        return ERR_EXISTS;
    }
    return 0;
}

static struct key key_of(const uint8_t bytes[16])
{
    uint64_t words[2];
    memcpy(words, bytes, sizeof words);
    return (struct key){be64toh(words[0]), be64toh(words[1])};
}

static void set_keys(struct override_table *t)
{
    t->keys = mem_zarray(t->count + 1, sizeof *t->keys);
    for (size_t i = 0; i < t->count; i++)
        t->keys[i] = key_of(t->v[i].bytes);
}

int override_table_create(struct override_table **out, const struct override *v, size_t count,
                          size_t *faulty, struct buf *why)
{
    struct override_table *t = mem_zalloc(sizeof *t);
    t->v = mem_zarray(count + 1, sizeof *t->v);
    t->count = count;
    int err = 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        t->v[i] = v[i];
        err = override_parse(&t->v[i]);
        if (err != 0) {
            *faulty = i;
            buf_printf(why, "%.*s is no network (address/bits, no bit set beyond them)",
                       SPAN_FMT(v[i].network));
        }
    }
    if (err == 0) {
        qsort(t->v, count, sizeof *t->v, order);
        err = refuse_twins(t, faulty, v, why);
    }
    for (size_t b = 0, at = 0; b <= ADDRESS_BITS; b++) {
        unsigned bits = ADDRESS_BITS - (unsigned)b;
        t->first_of[bits + 1] = at;
        while (at < count && t->v[at].bits == bits)
            at++;
        t->first_of[bits] = at;
        if (at > t->first_of[bits + 1])
            t->lengths[t->length_count++] = (uint8_t)bits;
    }
    if (err != 0)
        override_table_destroy(&t);
    else
        set_keys(t);
    *out = t;
    return err;
}

void override_table_destroy(struct override_table **pt)
{
    struct override_table *t = *pt;
    *pt = NULL;
    if (t == NULL)
        return;
    mem_free(t->v);
    mem_free(t->keys);
    mem_free(t);
}

static bool key_of_address(const struct sockaddr *address, struct key *out)
{
    if (address->sa_family == AF_INET)
        *out = (struct key){
            0, (uint64_t)0xffff << 32 |
                   ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr)};
    else if (address->sa_family == AF_INET6)
        *out = key_of(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
    else
        return false;
    return true;
}

/* The first `bits` of 64; none of them below 0, all above. */
static uint64_t first_bits(uint64_t word, int bits)
{
    return bits <= 0 ? 0 : bits >= 64 ? word : word & ~(UINT64_MAX >> bits);
}

static bool is_below(const struct key *a, const struct key *b)
{
    return a->high != b->high ? a->high < b->high : a->low < b->low;
}

/* NULL: it is not among those from `from` up to `to`. */
static const struct override *find_key(const struct override_table *t, const struct key *k,
                                       size_t from, size_t to)
{
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (is_below(&t->keys[middle], k))
            from = middle + 1;
        else if (is_below(k, &t->keys[middle]))
            to = middle;
        else
            return &t->v[middle];
    }
    return NULL;
}

const struct override *override_find(const struct override_table *t, const struct sockaddr *address,
                                     const struct override *before)
{
    const struct override *found = NULL;
    struct key whole;
    if (t == NULL || t->count == 0 || !key_of_address(address, &whole))
        return NULL;
    for (size_t i = 0; i < t->length_count && found == NULL; i++) {
        int bits = t->lengths[i];
        if (before != NULL && bits >= before->bits)
            continue;
        struct key k = {first_bits(whole.high, bits), first_bits(whole.low, bits - 64)};
        found = find_key(t, &k, t->first_of[bits + 1], t->first_of[bits]);
    }
    return found;
}

enum override_extent override_extent_of(const struct override_table *t, const uint8_t address[16],
                                        unsigned bits)
{
    enum override_extent extent = OVERRIDE_NONE;
    for (size_t i = 0; t != NULL && i < t->count; i++) {
        const struct override *o = &t->v[i];
        uint8_t a[16], b[16];
        unsigned common = bits < o->bits ? bits : o->bits;
        memcpy(a, address, sizeof a);
        memcpy(b, o->bytes, sizeof b);
        mask(a, common);
        mask(b, common);
        if (memcmp(a, b, sizeof a) != 0)
            continue;
        if (o->bits > bits)
            return OVERRIDE_SOME;
        extent = OVERRIDE_ALL;
    }
    return extent;
}
