/* SPDX-License-Identifier: MIT
 * The index of a picture: nodes in the order of their places, each with no more than a decision
 * looks at, so that some hundred of them are a few cache lines. */
#include "control/registry/picture.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"
#include "lib/geo/continent.h"

#include <math.h>
#include <stdlib.h>

/* Points closer than this are one place. */
#define PLACES_A_DEGREE 1000
#define TOLD_BYTES      (64 << 10) /* more than an id and URLs with all their bytes escaped */

/* A node and the place it is sorted by. */
struct spot {
    int32_t lat, lon;
    uint32_t node;
    bool has_point;
};

static int order(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    if (x->has_point != y->has_point)
        return x->has_point ? -1 : 1;
    if (x->lat != y->lat)
        return x->lat < y->lat ? -1 : 1;
    if (x->lon != y->lon)
        return x->lon < y->lon ? -1 : 1;
    return x->node < y->node ? -1 : 1;
}

static struct spot *sorted_spots(const struct picture *p)
{
    struct spot *v = mem_zarray(p->node_count + 1, sizeof *v);
    for (size_t i = 0; i < p->node_count; i++) {
        const struct node_spec *spec = &p->nodes[i].spec;
        v[i] = (struct spot){.node = (uint32_t)i, .has_point = spec->has_point};
        if (spec->has_point) {
            v[i].lat = (int32_t)lround(spec->lat * PLACES_A_DEGREE);
            v[i].lon = (int32_t)lround(spec->lon * PLACES_A_DEGREE);
        }
    }
    qsort(v, p->node_count, sizeof *v, order);
    return v;
}

static double weight_of(const struct picture_node *n)
{
    double capacity = n->spec.capacity_mbps > 0 ? n->spec.capacity_mbps / 1000 : 1;
    return n->spec.weight * capacity * n->spare;
}

static uint8_t offers_of(const struct node_spec *s)
{
    return (uint8_t)((s->http_url.n > 0 ? PICTURE_HTTP : 0) |
                     (s->https_url.n > 0 ? PICTURE_HTTPS : 0) |
                     (s->addresses.v4_count > 0 ? PICTURE_IPV4 : 0) |
                     (s->addresses.v6_count > 0 ? PICTURE_IPV6 : 0));
}

static struct picture_edge edge_of(const struct picture_node *n, uint32_t index)
{
    const struct node_spec *s = &n->spec;
    struct picture_edge e = {.hash = n->hash,
                             .region = s->region.n > 0 ? hash64(s->region.p, s->region.n) : 0,
                             .weight = weight_of(n),
                             .node = index,
                             .country = picture_code(s->country),
                             .continent = picture_code(span_of(continent_of(s->country))),
                             .price_class = s->price_class,
                             .offers = offers_of(s)};
    for (int f = 0; f < NODE_FAMILIES; f++)
        e.standing[f] = (uint8_t)picture_standing(n, (enum node_family)f);
    return e;
}

/* Padding is never hashed. */
static uint64_t routing_of(const struct picture_edge *e, const struct node_spec *s, uint64_t before)
{
    const uint64_t words[] = {before,
                              e->hash,
                              e->region,
                              e->node,
                              (uint64_t)e->country << 16 | e->continent,
                              (uint64_t)e->price_class << 8 | e->offers,
                              (uint64_t)e->standing[0] << 16 | (uint64_t)e->standing[1] << 8 |
                                  e->standing[2],
                              s->has_point};
    const double point[] = {s->lat, s->lon};
    const uint64_t parts[] = {
        hash64(words, sizeof words), hash64(point, sizeof point),
        hash64(s->addresses.v4, s->addresses.v4_count * sizeof s->addresses.v4[0]),
        hash64(s->addresses.v6, s->addresses.v6_count * sizeof s->addresses.v6[0])};
    return hash64(parts, sizeof parts);
}

static uint64_t shares_of(double weight, uint64_t before)
{
    uint64_t words[] = {before, 0};
    memcpy(&words[1], &weight, sizeof weight);
    return hash64(words, sizeof words);
}

static void note_code(struct picture *p, uint16_t code)
{
    p->codes[code % PICTURE_CODES / 64] |= (uint64_t)1 << code % 64;
}

static void write_told(const struct node_spec *s, struct buf *to)
{
    struct json_out o;
    buf_clear(to);
    json_out_begin(&o, to);
    json_out_text(&o, "id", s->id);
    if (s->http_url.n > 0)
        json_out_text(&o, "http_url", s->http_url);
    if (s->https_url.n > 0)
        json_out_text(&o, "https_url", s->https_url);
}

/* Sealed again, most are told as before. */
static void tell_nodes(struct picture *p)
{
    struct buf text;
    buf_init(&text, TOLD_BYTES);
    for (size_t i = 0; i < p->node_count; i++) {
        struct picture_node *n = &p->nodes[i];
        write_told(&n->spec, &text);
        if (!span_eq(n->told, buf_span(&text)))
            n->told = arena_dup(&p->mem, buf_span(&text));
    }
    buf_finish(&text);
}

static void add_point(struct picture_block *b, size_t at, const struct spot *spot)
{
    struct geo_point p =
        geo_point((double)spot->lat / PLACES_A_DEGREE, (double)spot->lon / PLACES_A_DEGREE);
    b->x[at] = p.x;
    b->y[at] = p.y;
    b->z[at] = p.z;
    b->north = (struct picture_latitude){b->z[at], hypot(b->x[at], b->y[at])};
    if (at == 0)
        b->south = b->north;
}

static void add_to_places(struct picture *p, const struct spot *spot, const struct spot *before,
                          uint32_t edge)
{
    bool is_new = before == NULL || before->lat != spot->lat || before->lon != spot->lon;
    if (is_new) {
        const int32_t point[] = {spot->lat, spot->lon};
        add_point(&p->points[p->place_count / PICTURE_BLOCK], p->place_count % PICTURE_BLOCK, spot);
        p->places[p->place_count++] =
            (struct picture_place){.first = edge, .hash = hash64(point, sizeof point)};
    }
    p->places[p->place_count - 1].count++;
}

void picture_seal(struct picture *p)
{
    struct spot *spots = sorted_spots(p);
    mem_free(p->edges);
    mem_free(p->places);
    mem_free(p->points);
    p->edges = mem_zarray(p->node_count + 1, sizeof *p->edges);
    p->places = mem_zarray(p->node_count + 1, sizeof *p->places);
    p->points = mem_zarray(p->node_count / PICTURE_BLOCK + 1, sizeof *p->points);
    p->place_count = 0;
    memset(p->standings, 0, sizeof p->standings);
    memset(p->codes, 0, sizeof p->codes);
    p->routing = p->price_limits;
    p->shares = 0;
    for (size_t i = 0; i < p->node_count; i++) {
        struct picture_node *n = &p->nodes[spots[i].node];
        n->edge = (uint32_t)i;
        n->at = geo_point(n->spec.lat, n->spec.lon);
        p->edges[i] = edge_of(n, spots[i].node);
        note_code(p, p->edges[i].country);
        note_code(p, p->edges[i].continent);
        for (int f = 0; f < NODE_FAMILIES; f++)
            p->standings[f] |= (uint8_t)(1U << p->edges[i].standing[f]);
        p->routing = routing_of(&p->edges[i], &n->spec, p->routing);
        p->shares = shares_of(p->edges[i].weight, p->shares);
        if (spots[i].has_point)
            add_to_places(p, &spots[i], i > 0 ? &spots[i - 1] : NULL, (uint32_t)i);
    }
    mem_free(spots);
    tell_nodes(p);
}
