/* SPDX-License-Identifier: MIT
 * The document's rules first, then those of the file that it says nothing about. */
#include "control/route/rule_set.h"

#include "lib/base/err.h"
#include "lib/geo/continent.h"

#include <stdlib.h>

static const struct routing_doc no_rules;

bool rule_asn_read(struct span text, uint32_t *out)
{
    uint64_t n;
    if (span_starts(text, SPAN("AS")))
        text = span_skip(text, 2);
    if (!span_u64(text, &n) || n == 0 || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

const char *rule_region_read(const struct routing_region *from, struct region *out)
{
    *out = (struct region){.name = from->name,
                           .hash = hash64(from->name.p, from->name.n),
                           .continent = picture_code(from->continent),
                           .takes_guests = from->takes_guests};
    if (from->continent.n > 0 && !continent_is(from->continent))
        return "continent: must be AF, AN, AS, EU, NA, OC or SA";
    if (from->countries.count > REGION_MAX_COUNTRIES)
        return "countries: are too many";
    for (size_t i = 0; i < from->countries.count; i++) {
        if (continent_of(from->countries.v[i])[0] == '\0')
            return "countries: must be two capital letters each (ISO 3166-1)";
        out->countries[out->country_count++] = picture_code(from->countries.v[i]);
    }
    if (out->country_count == 0 && out->continent == 0)
        return "countries, continent: one of them must be given";
    return "";
}

/* ---- networks ---- */

static struct override override_of(const struct routing_rule *from)
{
    return (struct override){
        .network = from->users, .edges = from->edges.v, .edge_count = from->edges.count};
}

static bool has_network(const struct override *v, size_t count, struct override one)
{
    if (override_parse(&one) != 0)
        return false; /* whoever makes the table says so */
    for (size_t i = 0; i < count; i++) {
        struct override other = v[i];
        if (override_parse(&other) == 0 && other.bits == one.bits &&
            memcmp(other.bytes, one.bytes, sizeof one.bytes) == 0)
            return true;
    }
    return false;
}

static int make_overrides(struct rule_set *out, const struct routing_doc *document,
                          const struct routing_doc *file, struct arena *mem, struct buf *why)
{
    size_t count = 0, faulty = 0;
    struct override *v =
        arena_zalloc(mem, (document->override_count + file->override_count + 1) * sizeof *v);
    for (size_t i = 0; i < document->override_count; i++)
        v[count++] = override_of(&document->overrides[i]);
    for (size_t i = 0; i < file->override_count; i++) {
        struct override one = override_of(&file->overrides[i]);
        if (!has_network(v, document->override_count, one))
            v[count++] = one;
    }
    return override_table_create(&out->overrides, v, count, &faulty, why);
}

/* ---- network operators ---- */

static bool has_asn(const struct asn_rule *v, size_t count, uint32_t asn)
{
    for (size_t i = 0; i < count; i++)
        if (v[i].asn == asn)
            return true;
    return false;
}

static int compare_asns(const void *a, const void *b)
{
    const struct asn_rule *x = a, *y = b;
    return x->asn < y->asn ? -1 : x->asn > y->asn;
}

/* Those of one source; one that another source has already is passed over, one that this source has
 * twice is a fault. */
static int add_asns(struct rule_set *out, const struct routing_rule *from, size_t count,
                    struct buf *why)
{
    size_t before = out->asn_count;
    for (size_t i = 0; i < count; i++) {
        struct asn_rule one = {.edges = from[i].edges.v, .edge_count = from[i].edges.count};
        if (!rule_asn_read(from[i].users, &one.asn)) {
            buf_printf(why, "asn %.*s: must be a number from 1 to 4294967295",
                       SPAN_FMT(from[i].users));
            return ERR_SYNTAX;
        }
        if (has_asn(out->asns, before, one.asn))
            continue;
        if (has_asn(out->asns + before, out->asn_count - before, one.asn)) {
            buf_printf(why, "asn %.*s stands there twice", SPAN_FMT(from[i].users));
            return ERR_EXISTS;
        }
        out->asns[out->asn_count++] = one;
    }
    return 0;
}

/* ---- regions ---- */

static bool has_region(const struct region_table *t, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(t->v[i].name, name))
            return true;
    return false;
}

static int add_regions(struct region_table *t, const struct routing_region *from, size_t count,
                       struct buf *why)
{
    size_t before = t->count;
    for (size_t i = 0; i < count; i++) {
        const char *fault = "";
        if (has_region(t, before, from[i].name))
            continue;
        if (has_region(t, t->count, from[i].name))
            fault = "stands there twice";
        else if (t->count == REGION_MAX)
            fault = "is one too many";
        else
            fault = rule_region_read(&from[i], &t->v[t->count]);
        if (fault[0] != '\0') {
            buf_printf(why, "region %.*s: %s", SPAN_FMT(from[i].name), fault);
            return ERR_SYNTAX;
        }
        t->count++;
    }
    return 0;
}

int rule_set_make(struct rule_set *out, const struct routing_doc *document,
                  const struct routing_doc *file, struct arena *mem, struct buf *why)
{
    const struct routing_doc *d = document != NULL ? document : &no_rules;
    *out = (struct rule_set){0};
    out->asns = arena_zalloc(mem, (d->asn_count + file->asn_count + 1) * sizeof *out->asns);
    int err = make_overrides(out, d, file, mem, why);
    if (err == 0)
        err = add_asns(out, d->asns, d->asn_count, why);
    if (err == 0)
        err = add_asns(out, file->asns, file->asn_count, why);
    if (err == 0 && out->asn_count > 0)
        qsort(out->asns, out->asn_count, sizeof *out->asns, compare_asns);
    if (err == 0 && d->region_count + file->region_count > 0) {
        out->regions = arena_zalloc(mem, sizeof *out->regions);
        err = add_regions(out->regions, d->regions, d->region_count, why);
        if (err == 0)
            err = add_regions(out->regions, file->regions, file->region_count, why);
    }
    if (err != 0)
        override_table_destroy(&out->overrides);
    return err;
}
