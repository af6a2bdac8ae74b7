/* SPDX-License-Identifier: MIT
 *
 * The form of what lies in memcached. */
#include "edge/cluster/item.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"

#include <endian.h>

#define ITEM_MARK "BYitem1\n"

/* Offsets in the fixed part; 136 .. 160 are for later. */
enum { AT_BEGIN = 0, AT_SUM = 8, AT_NUMBERS = 16, AT_LOG = 88 };
enum { N_LO, N_HI, N_AT, N_SIZE, N_WALL, N_AGE, N_SEQ, N_HEAD, N_BODY, N_COUNT };
_Static_assert(AT_NUMBERS + 8 * N_COUNT == AT_LOG, "what lies in memcached: change the mark");
_Static_assert(AT_LOG + HEARTBEAT_NAME_BYTES <= ITEM_FIXED_BYTES, "the log's id has its place");

size_t item_bytes(const struct item *i)
{
    return ITEM_FIXED_BYTES + i->head.n + i->body.n;
}

static uint64_t sum_of(const uint8_t *bytes, size_t n)
{
    return hash64(bytes + AT_NUMBERS, n - AT_NUMBERS);
}

void item_write(const struct item *i, uint8_t *out)
{
    uint64_t numbers[N_COUNT] = {
        [N_LO] = i->key.lo,           [N_HI] = i->key.hi,           [N_AT] = (uint64_t)i->at,
        [N_SIZE] = (uint64_t)i->size, [N_WALL] = (uint64_t)i->wall, [N_AGE] = (uint64_t)i->age_ms,
        [N_SEQ] = i->purges.seq,      [N_HEAD] = i->head.n,         [N_BODY] = i->body.n,
    };
    memset(out, 0, ITEM_FIXED_BYTES);
    memcpy(out + AT_BEGIN, ITEM_MARK, 8);
    for (int n = 0; n < N_COUNT; n++) {
        uint64_t little = htole64(numbers[n]);
        memcpy(out + AT_NUMBERS + 8 * n, &little, 8);
    }
    memcpy(out + AT_LOG, i->purges.log, strlen(i->purges.log));
    if (i->head.n > 0)
        memcpy(out + ITEM_FIXED_BYTES, i->head.p, i->head.n);
    if (i->body.n > 0)
        memcpy(out + ITEM_FIXED_BYTES + i->head.n, i->body.p, i->body.n);
    uint64_t sum = htole64(sum_of(out, item_bytes(i)));
    memcpy(out + AT_SUM, &sum, 8);
}

static bool has_sense(const struct item *i)
{
    return i->at >= 0 && i->size >= 0 && i->age_ms >= 0 && i->wall >= 0 && i->body.n > 0 &&
           i->body.n <= INT64_MAX - (uint64_t)i->at && i->at + (int64_t)i->body.n <= i->size &&
           i->head.n <= ITEM_HEAD_BYTES;
}

int item_read(struct span bytes, struct item *out)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    uint64_t sum, v[N_COUNT];
    if (bytes.n < ITEM_FIXED_BYTES || memcmp(p + AT_BEGIN, ITEM_MARK, 8) != 0)
        return ERR_CORRUPT;
    memcpy(&sum, p + AT_SUM, 8);
    for (int n = 0; n < N_COUNT; n++) {
        memcpy(&v[n], p + AT_NUMBERS + 8 * n, 8);
        v[n] = le64toh(v[n]);
    }
    size_t room = bytes.n - ITEM_FIXED_BYTES;
    if (le64toh(sum) != sum_of(p, bytes.n) || v[N_HEAD] > room || v[N_BODY] != room - v[N_HEAD])
        return ERR_CORRUPT;
    *out = (struct item){
        .key = {.lo = v[N_LO], .hi = v[N_HI]},
        .at = (int64_t)v[N_AT],
        .size = (int64_t)v[N_SIZE],
        .wall = (msec_t)v[N_WALL],
        .age_ms = (msec_t)v[N_AGE],
        .purges.seq = v[N_SEQ],
        .head = span_make(p + ITEM_FIXED_BYTES, v[N_HEAD]),
        .body = span_make(p + ITEM_FIXED_BYTES + v[N_HEAD], v[N_BODY]),
    };
    memcpy(out->purges.log, p + AT_LOG, HEARTBEAT_NAME_BYTES);
    return has_sense(out) ? 0 : ERR_CORRUPT;
}

/* Bytes of framing are for the message at hand: none is believed. */
static bool is_of_framing(enum field_id id)
{
    return id == FIELD_CONTENT_LENGTH || id == FIELD_CONTENT_RANGE ||
           id == FIELD_TRANSFER_ENCODING || id == FIELD_CONNECTION || id == FIELD_AGE;
}

bool item_fields(const struct item *i, struct fields *out)
{
    struct span rest = i->head;
    while (rest.n > 0) {
        const char *end = memmem(rest.p, rest.n, "\r\n", 2);
        if (end == NULL)
            return false;
        struct span value, name = span_cut(span_make(rest.p, (size_t)(end - rest.p)), ':', &value);
        value = span_trim(value);
        if (!token_is_valid(name) || !field_value_is_valid(value) ||
            is_of_framing(field_id_of(name)))
            return false;
        fields_add_named(out, name, value);
        rest = span_skip(rest, (size_t)(end + 2 - rest.p));
    }
    return !arena_overflowed(out->mem);
}

void item_key(const struct hash128 *key, int64_t at, int64_t block_bytes,
              char out[ITEM_KEY_BYTES + 1])
{
    uint64_t parts[4] = {htole64(key->lo), htole64(key->hi), htole64((uint64_t)at),
                         htole64((uint64_t)block_bytes)};
    struct hash128 h = hash128(parts, sizeof(parts), 0);
    uint64_t both[2] = {htole64(h.lo), htole64(h.hi)};
    out[0] = 'b';
    out[1] = '1';
    digest_hex((const uint8_t *)both, sizeof(both), out + 2);
}
