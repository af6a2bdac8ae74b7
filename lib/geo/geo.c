/* SPDX-License-Identifier: MIT
 * Look-ups in a database that geo_file.c made. */
#include "lib/geo/geo.h"

#include "lib/base/mem.h"
#include "lib/geo/geo_inner.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>

#define CACHE_LINE    64
#define GEO_TOGETHER  16  /* look-ups whose misses of the caches overlap */
#define TAILS_FETCHED 128 /* of a head; most have fewer */

struct geo *geo_ref(struct geo *g)
{
    CHECK_OBJ(g, GEO_MAGIC);
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void geo_unref(struct geo **pg)
{
    struct geo *g = *pg;
    *pg = NULL;
    if (g == NULL)
        return;
    CHECK_OBJ(g, GEO_MAGIC);
    if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    mem_free(g->nodes);
    mem_free(g->records);
    mem_free(g->names);
    mem_free(g->head_runs);
    mem_free(g->head_bits);
    mem_free(g->run_tails);
    mem_free(g->run_refs);
    g->magic = 0;
    mem_free(g);
}

const struct geo_facts *geo_facts_of(const struct geo *g)
{
    CHECK_OBJ(g, GEO_MAGIC);
    return &g->facts;
}

/* ---- the way down ---- */

/* A look-up among the networks in a row: those of a head, then the one of them. */
struct v4_search {
    uint32_t head, tail, at, end;
};

static struct v4_search v4_begin(const struct geo *g, uint32_t address)
{
    uint32_t head = address / TAILS;
    return (struct v4_search){
        .head = head,
        .tail = address % TAILS,
        .at = g->head_runs[head],
        .end = g->head_runs[head + 1],
    };
}

/* Then s->at is the network's. Returns its length. */
static unsigned v4_narrow(const struct geo *g, struct v4_search *s)
{
    uint32_t at = s->at;
    if (s->end - at == 1)
        return g->head_bits[s->head];
    for (uint32_t count = s->end - at; count > 1;) { /* the last that does not begin behind it */
        uint32_t half = count / 2;
        at += g->run_tails[at + half] <= s->tail ? half : 0;
        count -= half;
    }
    uint32_t next = at + 1 < s->end ? g->run_tails[at + 1] : TAILS;
    s->at = at;
    return 32 - (unsigned)__builtin_ctz(next - g->run_tails[at]);
}

static uint32_t find_v4(const struct geo *g, uint32_t address, unsigned *bits)
{
    struct v4_search s = v4_begin(g, address);
    *bits = v4_narrow(g, &s);
    return g->run_refs[s.at];
}

static uint32_t find_v6(const struct geo *g, const uint8_t address[16], unsigned *bits)
{
    uint32_t at = g->v6;
    for (*bits = 0; at < NOTHING && *bits < 128; ++*bits)
        at = g->nodes[at].half[address[*bits / 8] >> (7 - *bits % 8) & 1];
    return at;
}

static const struct geo_record *record_of(const struct geo *g, uint32_t ref)
{
    return ref != NOTHING && (ref & IS_RECORD) != 0 ? &g->records[ref & ~IS_RECORD] : NULL;
}

static uint32_t v4_of(const struct sockaddr *address)
{
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
}

/* NULL: nothing is known of the address. */
static const struct geo_record *find(const struct geo *g, const struct sockaddr *address,
                                     unsigned *bits)
{
    uint32_t at = NOTHING;
    if (g == NULL)
        return NULL;
    CHECK_OBJ(g, GEO_MAGIC);
    if (address->sa_family == AF_INET)
        at = find_v4(g, v4_of(address), bits);
    else if (address->sa_family == AF_INET6)
        at = find_v6(g, ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr,
                     bits);
    return record_of(g, at);
}

static void copy_place(const struct geo_record *r, struct place *out)
{
    out->is_found = true;
    out->has_point = r->has_point;
    out->lat = r->lat;
    out->lon = r->lon;
    out->at = r->at;
    out->radius_km = r->radius_km;
    memcpy(out->country, r->country, sizeof r->country);
    memcpy(out->continent, r->continent, sizeof r->continent);
}

static void copy_name(const struct geo *g, const struct geo_record *r, struct place *out)
{
    if (g->kind == GEO_CITY && r->name_bytes > 0)
        memcpy(out->city, g->names + r->name_at, r->name_bytes);
}

static const struct geo_record *take_place(const struct geo_record *r, unsigned bits,
                                           struct place *out)
{
    *out = (struct place){0};
    if (r == NULL)
        return NULL;
    copy_place(r, out);
    out->prefix_bits = (uint8_t)bits;
    return r;
}

static const struct geo_record *find_place(const struct geo *g, const struct sockaddr *address,
                                           struct place *out)
{
    unsigned bits = 0;
    const struct geo_record *r = find(g, address, &bits);
    return take_place(r, bits, out);
}

void geo_find(const struct geo *g, const struct sockaddr *address, struct place *out)
{
    const struct geo_record *r = find_place(g, address, out);
    if (r != NULL)
        copy_name(g, r, out);
}

void geo_find_unnamed(const struct geo *g, const struct sockaddr *address, struct place *out)
{
    (void)find_place(g, address, out);
}

uint32_t geo_find_asn(const struct geo *g, const struct sockaddr *address)
{
    unsigned bits;
    const struct geo_record *r = find(g, address, &bits);
    return r != NULL ? r->asn : 0;
}

/* ---- several at once ---- */

static bool is_v4(const struct geo_question *q)
{
    return q->address->sa_family == AF_INET;
}

static void fetch(const void *from, size_t bytes)
{
    const char *p = from;
    for (size_t i = 0; i < bytes; i += CACHE_LINE)
        __builtin_prefetch(p + i);
    __builtin_prefetch(p + bytes - 1);
}

/* What each step of a look-up reads is asked for in the step before, for all of them. */
static void find_together(const struct geo *g, const struct geo_question *v, size_t count)
{
    struct v4_search searches[GEO_TOGETHER];
    const struct geo_record *records[GEO_TOGETHER];
    unsigned bits[GEO_TOGETHER] = {0};
    for (size_t i = 0; i < count; i++)
        if (is_v4(&v[i]))
            __builtin_prefetch(&g->head_runs[v4_of(v[i].address) / TAILS]);
    for (size_t i = 0; i < count; i++)
        if (is_v4(&v[i])) {
            struct v4_search *s = &searches[i];
            *s = v4_begin(g, v4_of(v[i].address));
            uint32_t most = s->end - s->at < TAILS_FETCHED ? s->end - s->at : TAILS_FETCHED;
            fetch(&g->run_tails[s->at], most * sizeof *g->run_tails);
        }
    for (size_t i = 0; i < count; i++)
        if (is_v4(&v[i])) {
            bits[i] = v4_narrow(g, &searches[i]);
            __builtin_prefetch(&g->run_refs[searches[i].at]);
        }
    for (size_t i = 0; i < count; i++) {
        records[i] = is_v4(&v[i]) ? record_of(g, g->run_refs[searches[i].at])
                                  : find(g, v[i].address, &bits[i]);
        if (records[i] != NULL)
            fetch(records[i], sizeof *records[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (take_place(records[i], bits[i], v[i].out) != NULL && v[i].with_name)
            copy_name(g, records[i], v[i].out);
}

void geo_find_many(const struct geo *g, const struct geo_question *v, size_t count)
{
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < GEO_TOGETHER ? count - at : GEO_TOGETHER;
        if (g != NULL)
            find_together(g, v + at, n);
        else
            for (size_t i = at; i < at + n; i++)
                *v[i].out = (struct place){0};
    }
}

/* ---- the tree ---- */

static struct geo_net net_of(uint32_t ref)
{
    if (ref == NOTHING)
        return (struct geo_net){GEO_NET_UNKNOWN, 0};
    if ((ref & IS_RECORD) != 0)
        return (struct geo_net){GEO_NET_PLACE, ref & ~IS_RECORD};
    return (struct geo_net){GEO_NET_HALVES, ref};
}

struct geo_net geo_root(const struct geo *g, int family)
{
    return net_of(g == NULL ? NOTHING : family == AF_INET6 ? g->v6 : g->v4);
}

void geo_halves(const struct geo *g, struct geo_net net, struct geo_net out[2])
{
    for (int i = 0; i < 2; i++)
        out[i] = net.kind == GEO_NET_HALVES ? net_of(g->nodes[net.id].half[i]) : net;
}

void geo_place(const struct geo *g, struct geo_net net, struct place *out)
{
    *out = (struct place){0};
    if (net.kind != GEO_NET_PLACE)
        return;
    copy_place(&g->records[net.id], out);
    copy_name(g, &g->records[net.id], out);
}

uint32_t geo_asn(const struct geo *g, struct geo_net net)
{
    return net.kind == GEO_NET_PLACE ? g->records[net.id].asn : 0;
}

struct geo_point geo_point(double lat, double lon)
{
    const double degree = 0.017453292519943295;
    double lat_sin, lat_cos, lon_sin, lon_cos;
    sincos(lat * degree, &lat_sin, &lat_cos);
    sincos(lon * degree, &lon_sin, &lon_cos);
    return (struct geo_point){lat_cos * lon_cos, lat_cos * lon_sin, lat_sin};
}

/* By the chord, which is exact where an arc is short. */
double geo_km(const struct geo_point *a, const struct geo_point *b)
{
    double x = a->x - b->x, y = a->y - b->y, z = a->z - b->z;
    double half = sqrt(x * x + y * y + z * z) / 2;
    return 2 * GEO_EARTH_KM * asin(half < 1 ? half : 1);
}
