/* SPDX-License-Identifier: MIT
 * city FILE [BITS]: writes a City-type database of more than three million IPv4 networks, laid out
 * as the real ones are: an IPv6 tree with 28-bit records, IPv4 under ::/96, 120,000 places, names
 * in several languages. BITS (16): how long the shortest networks are that are not split; 12 gives
 * a small one. Always the same bytes.
 *
 * MaxMind DB file format 2.0: search tree, 16 zero bytes, data section, metadata. */
#include "lib/base/buf.h"
#include "lib/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define PLACES      120000
#define SPLIT_SHARE 78 /* of 100 networks that may be split, are */
#define LAST_BITS   24
#define IPV4_AT     96
#define MARKER      "\xab\xcd\xefMaxMind.com"
#define DATA_BYTES  (512 << 20)

enum kind { TEXT = 2, DOUBLE = 3, U16 = 5, U32 = 6, MAP = 7, U64 = 9, ARRAY = 11 };

struct tree {
    struct node {
        uint32_t half[2]; /* a node; IS_PLACE and its number; or 0: nothing */
    } * v;
    uint32_t count, room;
    uint64_t networks;
    unsigned whole_bits; /* longer ones may be networks */
};
#define IS_PLACE 0x80000000U

static uint64_t dice = 7;

static uint32_t roll(uint32_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(dice >> 33) % below;
}

/* ---- the tree ---- */

static uint32_t new_node(struct tree *t)
{
    if (t->count == t->room) {
        t->room = t->room * 2 + 1024;
        t->v = mem_grow(t->v, t->room, sizeof *t->v);
    }
    t->v[t->count] = (struct node){{0, 0}};
    return t->count++;
}

static uint32_t grow(struct tree *t, unsigned bits)
{
    bool is_leaf = bits == LAST_BITS || (bits >= t->whole_bits && roll(100) >= SPLIT_SHARE);
    if (is_leaf) {
        t->networks++;
        return roll(PLACES) | IS_PLACE;
    }
    uint32_t at = new_node(t);
    for (int i = 0; i < 2; i++) {
        uint32_t half = grow(t, bits + 1); /* which may move t->v */
        t->v[at].half[i] = half;
    }
    return at;
}

static void grow_all(struct tree *t)
{
    for (uint32_t i = 0; i < IPV4_AT; i++) {
        uint32_t at = new_node(t);
        t->v[at].half[0] = at + 1;
    }
    grow(t, 0);
}

/* ---- the data section ---- */

static void put_control(struct buf *b, enum kind kind, size_t n)
{
    bool is_extended = kind > MAP;
    uint8_t first = (uint8_t)(is_extended ? 0 : kind << 5);
    size_t extra = n - 29;
    buf_add_char(b, (char)(first | (n < 29 ? n : 29)));
    if (is_extended)
        buf_add_char(b, (char)(kind - 7));
    if (n >= 29)
        buf_add_char(b, (char)extra); /* none is longer than 284 */
}

static void put_text(struct buf *b, const char *s)
{
    put_control(b, TEXT, strlen(s));
    buf_add(b, s, strlen(s));
}

static void put_uint(struct buf *b, enum kind kind, uint64_t v)
{
    size_t n = 0;
    while (v >> (8 * n) != 0)
        n++;
    put_control(b, kind, n);
    while (n-- > 0)
        buf_add_char(b, (char)(v >> (8 * n)));
}

static void put_double(struct buf *b, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    put_control(b, DOUBLE, 8);
    for (int i = 7; i >= 0; i--)
        buf_add_char(b, (char)(bits >> (8 * i)));
}

static void put_names(struct buf *b, const char *name)
{
    static const char *const languages[] = {"de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"};
    put_text(b, "names");
    put_control(b, MAP, ARRAY_LEN(languages));
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        put_text(b, languages[i]);
        put_text(b, name);
    }
}

static void put_part(struct buf *b, const char *key, const char *code_key, const char *code)
{
    char name[32];
    put_text(b, key);
    put_control(b, MAP, 3);
    put_text(b, code_key);
    put_text(b, code);
    put_text(b, "geoname_id");
    put_uint(b, U32, 1000000 + roll(9000000));
    snprintf(name, sizeof name, "%s %s", key, code);
    put_names(b, name);
}

static void put_place(struct buf *b, uint32_t number)
{
    static const struct {
        const char *continent, *country;
    } lands[] = {{"AS", "KR"}, {"AS", "JP"}, {"EU", "DE"}, {"EU", "FR"}, {"NA", "US"},
                 {"SA", "BR"}, {"AF", "ZA"}, {"OC", "AU"}, {"AS", "IN"}, {"NA", "CA"}};
    static const uint16_t radii[] = {1, 5, 10, 20, 50, 100, 200, 500, 1000, 20};
    uint32_t land = roll(ARRAY_LEN(lands));
    char name[32];
    snprintf(name, sizeof name, "City %u", number);
    put_control(b, MAP, 4);
    put_text(b, "city");
    put_control(b, MAP, 2);
    put_text(b, "geoname_id");
    put_uint(b, U32, number + 1);
    put_names(b, name);
    put_part(b, "continent", "code", lands[land].continent);
    put_part(b, "country", "iso_code", lands[land].country);
    put_text(b, "location");
    put_control(b, MAP, 4);
    put_text(b, "accuracy_radius");
    put_uint(b, U16, radii[roll(ARRAY_LEN(radii))]);
    put_text(b, "latitude");
    put_double(b, (double)roll(120000) / 1000 - 60);
    put_text(b, "longitude");
    put_double(b, (double)roll(360000) / 1000 - 180);
    put_text(b, "time_zone");
    put_text(b, "Asia/Seoul");
}

static void put_metadata(struct buf *b, const struct tree *t)
{
    buf_add(b, MARKER, sizeof MARKER - 1);
    put_control(b, MAP, 9);
    put_text(b, "binary_format_major_version");
    put_uint(b, U16, 2);
    put_text(b, "binary_format_minor_version");
    put_uint(b, U16, 0);
    put_text(b, "build_epoch");
    put_uint(b, U64, 1790000000);
    put_text(b, "database_type");
    put_text(b, "GeoLite2-City");
    put_text(b, "description");
    put_control(b, MAP, 1);
    put_text(b, "en");
    put_text(b, "of no real networks");
    put_text(b, "ip_version");
    put_uint(b, U16, 6);
    put_text(b, "languages");
    put_control(b, ARRAY, 1);
    put_text(b, "en");
    put_text(b, "node_count");
    put_uint(b, U32, t->count);
    put_text(b, "record_size");
    put_uint(b, U16, 28);
}

/* ---- the file ---- */

static uint32_t record_of(const struct tree *t, uint32_t half, const uint32_t *offsets)
{
    if ((half & IS_PLACE) != 0)
        return t->count + 16 + offsets[half & ~IS_PLACE];
    return half != 0 ? half : t->count;
}

static void put_tree(struct buf *b, const struct tree *t, const uint32_t *offsets)
{
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t left = record_of(t, t->v[i].half[0], offsets);
        uint32_t right = record_of(t, t->v[i].half[1], offsets);
        const char bytes[7] = {(char)(left >> 16),  (char)(left >> 8),
                               (char)left,          (char)((left >> 20 & 0xf0) | right >> 24),
                               (char)(right >> 16), (char)(right >> 8),
                               (char)right};
        buf_add(b, bytes, sizeof bytes);
    }
}

int main(int argc, char **argv)
{
    struct tree tree = {.whole_bits = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 16};
    uint32_t *offsets = mem_zarray(PLACES, sizeof *offsets);
    struct buf data, out;
    if (argc < 2 || tree.whole_bits > LAST_BITS) {
        fprintf(stderr, "usage: city FILE [BITS]\n");
        return 1;
    }
    buf_init(&data, DATA_BYTES);
    buf_init(&out, DATA_BYTES);
    grow_all(&tree);
    for (uint32_t i = 0; i < PLACES; i++) {
        offsets[i] = (uint32_t)data.n;
        put_place(&data, i);
    }
    put_tree(&out, &tree, offsets);
    buf_add(&out, (const char[16]){0}, 16);
    buf_add_span(&out, buf_span(&data));
    put_metadata(&out, &tree);
    FILE *file = fopen(argv[1], "wb");
    bool is_written = file != NULL && !buf_overflowed(&out) && !buf_overflowed(&data) &&
                      fwrite(out.p, 1, out.n, file) == out.n;
    is_written = file != NULL && fclose(file) == 0 && is_written;
    printf("networks=%llu nodes=%u bytes=%zu\n", (unsigned long long)tree.networks, tree.count,
           out.n);
    buf_finish(&out);
    buf_finish(&data);
    mem_free(offsets);
    mem_free(tree.v);
    return is_written ? 0 : 1;
}
