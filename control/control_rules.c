/* SPDX-License-Identifier: MIT
 * Overrides, proxies and regions, from options to what decisions read. */
#include "control/control_rules.h"

#include "lib/base/err.h"
#include "lib/base/log.h"

static struct site_doc_texts texts_of(const struct option_texts *from, struct arena *mem)
{
    struct site_doc_texts t = {arena_zalloc(mem, (from->count + 1) * sizeof *t.v), from->count};
    for (size_t i = 0; i < from->count; i++)
        t.v[i] = span_of(from->v[i]);
    return t;
}

static struct routing_rule *rules_of(const struct option_records *records, struct arena *mem)
{
    const struct control_override *from = records->v;
    struct routing_rule *v = arena_zalloc(mem, (records->count + 1) * sizeof *v);
    for (size_t i = 0; i < records->count; i++)
        v[i] = (struct routing_rule){span_of(from[i].network), texts_of(&from[i].edges, mem)};
    return v;
}

static struct routing_region region_of_file(const struct control_region *from, struct arena *mem)
{
    return (struct routing_region){.name = span_of(from->name),
                                   .countries = texts_of(&from->countries, mem),
                                   .continent = span_of(from->continent),
                                   .takes_guests = from->takes_guests};
}

/* The file's rules in the form that a document's have; lives like o and mem. */
static struct routing_doc doc_of_file(const struct control_options *o, struct arena *mem)
{
    const struct control_region *regions = o->regions.v;
    struct routing_doc d = {.overrides = rules_of(&o->overrides, mem),
                            .override_count = o->overrides.count,
                            .asns = rules_of(&o->asns, mem),
                            .asn_count = o->asns.count,
                            .region_count = o->regions.count,
                            .near_km = (uint64_t)o->near_km,
                            .vague_km = (uint64_t)o->vague_km};
    d.regions = arena_zalloc(mem, (d.region_count + 1) * sizeof *d.regions);
    for (size_t i = 0; i < d.region_count; i++)
        d.regions[i] = region_of_file(&regions[i], mem);
    return d;
}

static struct override *proxies_of(const struct control_options *o, struct arena *mem)
{
    struct override *v = arena_zalloc(mem, (o->trusted_proxies.count + 1) * sizeof *v);
    for (size_t i = 0; i < o->trusted_proxies.count; i++)
        v[i].network = span_of(o->trusted_proxies.v[i]);
    return v;
}

static void check_asns(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_override *v = o->asns.v;
    uint32_t a, b;
    for (size_t i = 0; i < o->asns.count; i++) {
        if (!rule_asn_read(span_of(v[i].network), &a)) {
            option_error(why, file, v[i].line, "asn %s: must be a number from 1 to 4294967295",
                         v[i].network);
            continue;
        }
        for (size_t k = 0; k < i; k++)
            if (rule_asn_read(span_of(v[k].network), &b) && a == b)
                option_error(why, file, v[i].line, "asn %s stands there twice", v[i].network);
    }
    if (o->asns.count > 0 && o->geoip_asn[0] == '\0')
        option_error(why, file, v[0].line, "asn: needs geoip_asn, the database of operators");
}

static void check_sentinels(struct option_config *config, struct buf *why)
{
    const struct control_options *o = option_record(config);
    int line = option_line(config, o, "geoip_sentinels");
    struct geo_sentinel s;
    for (size_t i = 0; i < o->geoip_sentinels.count; i++) {
        const char *fault = geo_sentinel_read(span_of(o->geoip_sentinels.v[i]), &s);
        if (fault[0] != '\0')
            option_error(why, option_file(config), line, "geoip_sentinels: \"%s\" %s",
                         o->geoip_sentinels.v[i], fault);
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

static void check_regions(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_region *v = o->regions.v;
    struct region region;
    struct arena mem;
    arena_init(&mem, 1 << 20);
    for (size_t i = 0; i < o->regions.count; i++) {
        struct routing_region one = region_of_file(&v[i], &mem);
        const char *fault = i < REGION_MAX ? rule_region_read(&one, &region) : "is one too many";
        if (fault[0] != '\0')
            option_error(why, file, v[i].line, "region %s: %s", v[i].name, fault);
        for (size_t k = 0; k < i; k++)
            if (strcmp(v[i].name, v[k].name) == 0)
                option_error(why, file, v[i].line, "region %s stands there twice", v[i].name);
    }
    arena_finish(&mem);
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

static bool has_node(const struct control_options *o, const char *id)
{
    const struct control_node *v = o->nodes.v;
    for (size_t i = 0; i < o->nodes.count; i++)
        if (strcmp(v[i].id, id) == 0)
            return true;
    return false;
}

static void check_networks(struct option_config *config, struct buf *why)
{
    const struct control_options *o = option_record(config);
    const char *file = option_file(config);
    const struct control_override *v = o->overrides.v;
    struct override_table *table = NULL;
    struct arena mem;
    struct buf text;
    size_t faulty = 0;
    arena_init(&mem, 16 << 20);
    buf_init(&text, 1024);
    struct override *networks = arena_zalloc(&mem, (o->overrides.count + 1) * sizeof *networks);
    for (size_t i = 0; i < o->overrides.count; i++)
        networks[i].network = span_of(v[i].network);
    if (override_table_create(&table, networks, o->overrides.count, &faulty, &text) != 0)
        option_error(why, file, v[faulty].line, "override: %.*s", SPAN_FMT(buf_span(&text)));
    override_table_destroy(&table);
    buf_clear(&text);
    if (override_table_create(&table, proxies_of(o, &mem), o->trusted_proxies.count, &faulty,
                              &text) != 0)
        option_error(why, file, option_line(config, o, "trusted_proxies"), "trusted_proxies: %.*s",
                     SPAN_FMT(buf_span(&text)));
    override_table_destroy(&table);
    for (size_t i = 0; i < o->overrides.count; i++)
        for (size_t k = 0; k < v[i].edges.count; k++)
            if (!has_node(o, v[i].edges.v[k]))
                LOG_WARN("override-node-unknown", "network=%s node=%s note=\"not in this file\"",
                         v[i].network, v[i].edges.v[k]);
    buf_finish(&text);
    arena_finish(&mem);
}

void control_rules_check(struct option_config *config, struct buf *why)
{
    const struct control_options *o = option_record(config);
    const char *file = option_file(config);
    check_networks(config, why);
    check_asns(o, file, why);
    check_sentinels(config, why);
    check_regions(o, file, why);
    check_members(o, file, why);
}

int control_rules_make(const struct control_options *o, const struct routing_doc *document,
                       struct api_config *c, struct buf *why)
{
    size_t faulty;
    struct rule_set rules;
    struct routing_doc file = doc_of_file(o, &c->mem);
    bool has_near = document != NULL && document->has_near;
    bool has_vague = document != NULL && document->has_vague;
    int err = rule_set_make(&rules, document, &file, &c->mem, why);
    if (err == 0 && o->trusted_proxies.count > 0)
        err = override_table_create(&c->proxies, proxies_of(o, &c->mem), o->trusted_proxies.count,
                                    &faulty, why);
    c->knows_operators = o->geoip_asn[0] != '\0';
    if (rules.asn_count > 0 && !c->knows_operators) /* it had one when the document was taken */
        LOG_WARN("asn-rules-idle", "rules=%zu note=\"they need geoip_asn, which is not set\"",
                 rules.asn_count);
    c->overrides = rules.overrides;
    c->rules =
        (struct decide_rules){.overrides = rules.overrides,
                              .asns = rules.asns,
                              .asn_count = rules.asn_count,
                              .regions = rules.regions,
                              .near_km = (double)(has_near ? document->near_km : file.near_km),
                              .vague_km = (double)(has_vague ? document->vague_km : file.vague_km)};
    return err;
}
