/* SPDX-License-Identifier: MIT
 * Overrides, proxies and regions, from options to what decisions read. */
#include "control/control_rules.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/geo/continent.h"

#include <stdlib.h>

static struct override *overrides_of(const struct control_options *o, struct arena *mem)
{
    const struct control_override *from = o->overrides.v;
    struct override *v = arena_zalloc(mem, (o->overrides.count + 1) * sizeof *v);
    for (size_t i = 0; i < o->overrides.count; i++) {
        struct span *edges = arena_zalloc(mem, (from[i].edges.count + 1) * sizeof *edges);
        for (size_t k = 0; k < from[i].edges.count; k++)
            edges[k] = span_of(from[i].edges.v[k]);
        v[i].network = span_of(from[i].network);
        v[i].edges = edges;
        v[i].edge_count = from[i].edges.count;
    }
    return v;
}

static struct override *proxies_of(const struct control_options *o, struct arena *mem)
{
    struct override *v = arena_zalloc(mem, (o->trusted_proxies.count + 1) * sizeof *v);
    for (size_t i = 0; i < o->trusted_proxies.count; i++)
        v[i].network = span_of(o->trusted_proxies.v[i]);
    return v;
}

static int compare_asns(const void *a, const void *b)
{
    const struct asn_rule *x = a, *y = b;
    return x->asn < y->asn ? -1 : x->asn > y->asn;
}

static bool read_asn(const char *text, uint32_t *out)
{
    uint64_t n;
    struct span s = span_of(text);
    if (span_starts(s, SPAN("AS")))
        s = span_skip(s, 2);
    if (!span_u64(s, &n) || n == 0 || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

/* Ascending; those that are no numbers are left out (check_asns tells). */
static struct asn_rule *asns_of(const struct control_options *o, size_t *count, struct arena *mem)
{
    const struct control_override *from = o->asns.v;
    struct asn_rule *v = arena_zalloc(mem, (o->asns.count + 1) * sizeof *v);
    *count = 0;
    for (size_t i = 0; i < o->asns.count; i++) {
        struct span *edges = arena_zalloc(mem, (from[i].edges.count + 1) * sizeof *edges);
        for (size_t k = 0; k < from[i].edges.count; k++)
            edges[k] = span_of(from[i].edges.v[k]);
        v[*count].edges = edges;
        v[*count].edge_count = from[i].edges.count;
        *count += read_asn(from[i].network, &v[*count].asn);
    }
    qsort(v, *count, sizeof *v, compare_asns);
    return v;
}

static void check_asns(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_override *v = o->asns.v;
    uint32_t a, b;
    for (size_t i = 0; i < o->asns.count; i++) {
        if (!read_asn(v[i].network, &a)) {
            option_error(why, file, v[i].line, "asn %s: must be a number from 1 to 4294967295",
                         v[i].network);
            continue;
        }
        for (size_t k = 0; k < i; k++)
            if (read_asn(v[k].network, &b) && a == b)
                option_error(why, file, v[i].line, "asn %s stands there twice", v[i].network);
    }
    if (o->asns.count > 0 && o->geoip_asn[0] == '\0')
        option_error(why, file, v[0].line, "asn: needs geoip_asn, the database of operators");
}

static void check_sentinels(const struct control_options *o, const char *file, struct buf *why)
{
    struct geo_sentinel s;
    for (size_t i = 0; i < o->geoip_sentinels.count; i++) {
        const char *fault = geo_sentinel_read(span_of(o->geoip_sentinels.v[i]), &s);
        if (fault[0] != '\0')
            option_error(why, file, 1, "geoip_sentinels: \"%s\" %s", o->geoip_sentinels.v[i],
                         fault);
    }
}

void control_rules_geo(const struct control_options *o, struct geo_follow_spec *out,
                       struct arena *mem)
{
    struct geo_sentinel *v = arena_zalloc(mem, (o->geoip_sentinels.count + 1) * sizeof *v);
    *out = (struct geo_follow_spec){
        .files =
            {[GEO_CITY] = o->geoip, [GEO_COUNTRY] = o->geoip_country, [GEO_ASN] = o->geoip_asn},
        .sentinels = v,
        .sentinel_count = o->geoip_sentinels.count};
    for (size_t i = 0; i < o->geoip_sentinels.count; i++) {
        const char *fault = geo_sentinel_read(span_of(o->geoip_sentinels.v[i]), &v[i]);
        CHECK(fault[0] == '\0'); /* it was checked */
    }
}

/* "" or what is wrong with it. */
static const char *read_region(const struct control_region *from, struct region *out)
{
    *out = (struct region){.name = span_of(from->name),
                           .hash = hash64(from->name, strlen(from->name)),
                           .continent = picture_code(span_of(from->continent)),
                           .takes_guests = from->takes_guests};
    if (from->continent[0] != '\0' && !continent_is(span_of(from->continent)))
        return "continent: must be AF, AN, AS, EU, NA, OC or SA";
    if (from->countries.count > REGION_MAX_COUNTRIES)
        return "countries: are too many";
    for (size_t i = 0; i < from->countries.count; i++) {
        struct span country = span_of(from->countries.v[i]);
        if (continent_of(country)[0] == '\0')
            return "countries: must be two capital letters each (ISO 3166-1)";
        out->countries[out->country_count++] = picture_code(country);
    }
    if (out->country_count == 0 && out->continent == 0)
        return "countries, continent: one of them must be given";
    return "";
}

static void check_regions(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_region *v = o->regions.v;
    struct region region;
    for (size_t i = 0; i < o->regions.count; i++) {
        const char *fault = i < REGION_MAX ? read_region(&v[i], &region) : "is one too many";
        if (fault[0] != '\0')
            option_error(why, file, v[i].line, "region %s: %s", v[i].name, fault);
        for (size_t k = 0; k < i; k++)
            if (strcmp(v[i].name, v[k].name) == 0)
                option_error(why, file, v[i].line, "region %s stands there twice", v[i].name);
    }
}

static bool has_region(const struct control_options *o, const char *name)
{
    const struct control_region *v = o->regions.v;
    for (size_t i = 0; i < o->regions.count; i++)
        if (strcmp(v[i].name, name) == 0)
            return true;
    return false;
}

/* An edge of a region that nobody declared would stand outside all boundaries. */
static void check_members(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_node *v = o->nodes.v;
    for (size_t i = 0; i < o->nodes.count; i++)
        if (v[i].region[0] != '\0' && !has_region(o, v[i].region))
            option_error(why, file, v[i].line, "node %s: there is no region \"%s\"", v[i].id,
                         v[i].region);
}

static struct region_table *regions_of(const struct control_options *o, struct arena *mem)
{
    const struct control_region *v = o->regions.v;
    if (o->regions.count == 0)
        return NULL;
    struct region_table *t = arena_zalloc(mem, sizeof *t);
    for (; t->count < o->regions.count; t->count++) {
        const char *fault = read_region(&v[t->count], &t->v[t->count]);
        CHECK(fault[0] == '\0'); /* it was checked */
        t->v[t->count].name = arena_dup(mem, t->v[t->count].name);
    }
    return t;
}

static bool has_node(const struct control_options *o, const char *id)
{
    const struct control_node *v = o->nodes.v;
    for (size_t i = 0; i < o->nodes.count; i++)
        if (strcmp(v[i].id, id) == 0)
            return true;
    return false;
}

static void check_networks(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_override *v = o->overrides.v;
    struct override_table *table = NULL;
    struct arena mem;
    struct buf text;
    size_t faulty = 0;
    arena_init(&mem, 16 << 20);
    buf_init(&text, 1024);
    if (override_table_create(&table, overrides_of(o, &mem), o->overrides.count, &faulty, &text) !=
        0)
        option_error(why, file, v[faulty].line, "override: %.*s", SPAN_FMT(buf_span(&text)));
    override_table_destroy(&table);
    buf_clear(&text);
    if (override_table_create(&table, proxies_of(o, &mem), o->trusted_proxies.count, &faulty,
                              &text) != 0)
        option_error(why, file, 1, "trusted_proxies: %.*s", SPAN_FMT(buf_span(&text)));
    override_table_destroy(&table);
    for (size_t i = 0; i < o->overrides.count; i++)
        for (size_t k = 0; k < v[i].edges.count; k++)
            if (!has_node(o, v[i].edges.v[k]))
                LOG_WARN("override-node-unknown", "network=%s node=%s note=\"not in this file\"",
                         v[i].network, v[i].edges.v[k]);
    buf_finish(&text);
    arena_finish(&mem);
}

void control_rules_check(const struct control_options *o, const char *file, struct buf *why)
{
    check_networks(o, file, why);
    check_asns(o, file, why);
    check_sentinels(o, file, why);
    check_regions(o, file, why);
    check_members(o, file, why);
}

int control_rules_make(const struct control_options *o, struct api_config *c, struct buf *why)
{
    size_t faulty;
    c->rules.near_km = (double)o->near_km;
    c->rules.vague_km = (double)o->vague_km;
    c->rules.regions = regions_of(o, &c->mem);
    c->rules.asns = asns_of(o, &c->rules.asn_count, &c->mem);
    int err = override_table_create(&c->overrides, overrides_of(o, &c->mem), o->overrides.count,
                                    &faulty, why);
    if (err == 0 && o->trusted_proxies.count > 0)
        err = override_table_create(&c->proxies, proxies_of(o, &c->mem), o->trusted_proxies.count,
                                    &faulty, why);
    c->rules.overrides = c->overrides;
    return err;
}
