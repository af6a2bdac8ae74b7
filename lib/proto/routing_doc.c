/* SPDX-License-Identifier: MIT
 * Routing rules from JSON. */
#include "lib/proto/routing_doc.h"

#include "lib/codec/json_in.h"

#define DOCUMENT_BYTES (2 << 20)

static struct site_doc_texts read_texts(struct json_in *in, const struct json_t *o, const char *key,
                                        struct arena *mem)
{
    const struct json_t *from = json_in_array(in, o, key, SITE_DOC_MAX_HOSTS);
    struct site_doc_texts t = {.count = json_in_count(from)};
    t.v = arena_zalloc(mem, (t.count + 1) * sizeof *t.v);
    for (size_t i = 0; i < t.count; i++)
        t.v[i] = arena_dup(mem, json_in_text_at(in, from, i, SITE_DOC_VALUE_BYTES));
    return t;
}

static struct site_doc_texts read_edges(struct json_in *in, const struct json_t *o,
                                        struct arena *mem)
{
    struct site_doc_texts edges = read_texts(in, o, "edges", mem);
    if (edges.count == 0 || edges.count > ROUTING_DOC_MAX_EDGES)
        json_in_fault(in, "edges", "must be 1 to 64 nodes");
    for (size_t i = 0; i < edges.count; i++)
        if (!site_doc_name_is_valid(edges.v[i]))
            json_in_fault(in, "edges", "an element is no name of a node");
    return edges;
}

struct reading {
    struct json_in *in;
    const struct json_t *rules;
    struct arena *mem;
};

/* users: the member that says whose rule it is, as text or (an AS) as a number. */
static struct routing_rule *read_rules(const struct reading *r, const char *key, const char *users,
                                       size_t *count)
{
    struct json_in *in = r->in;
    struct arena *mem = r->mem;
    const struct json_t *list = json_in_array(in, r->rules, key, ROUTING_DOC_MAX_RULES);
    struct routing_rule *v = arena_zalloc(mem, (json_in_count(list) + 1) * sizeof *v);
    *count = json_in_count(list);
    for (size_t i = 0; i < *count && !arena_overflowed(mem); i++) {
        const struct json_t *one = json_in_at(list, i);
        if (json_in_kind(json_in_member(one, users)) == JSON_KIND_INT)
            v[i].users =
                arena_printf(mem, "%llu", (unsigned long long)json_in_u64(in, one, users, 0));
        else
            v[i].users = arena_dup(mem, json_in_text(in, one, users, SITE_DOC_NAME_BYTES));
        v[i].edges = read_edges(in, one, mem);
    }
    return v;
}

static void read_regions(const struct reading *r, struct routing_doc *out)
{
    struct json_in *in = r->in;
    struct arena *mem = r->mem;
    const struct json_t *list = json_in_array(in, r->rules, "regions", SITE_DOC_MAX_HOSTS);
    out->region_count = json_in_count(list);
    out->regions = arena_zalloc(mem, (out->region_count + 1) * sizeof *out->regions);
    for (size_t i = 0; i < out->region_count && !arena_overflowed(mem); i++) {
        const struct json_t *one = json_in_at(list, i);
        struct routing_region *region = &out->regions[i];
        region->name = arena_dup(mem, json_in_text(in, one, "name", SITE_DOC_NAME_BYTES));
        if (!site_doc_name_is_valid(region->name))
            json_in_fault(in, "regions", "a name is not valid");
        region->countries = read_texts(in, one, "countries", mem);
        region->continent = arena_dup(mem, json_in_text(in, one, "continent", 2));
        region->takes_guests = json_in_bool(in, one, "guests", false);
    }
}

static bool read_km(const struct reading *r, const char *key, uint64_t *out)
{
    *out = json_in_u64(r->in, r->rules, key, 0);
    if (*out > ROUTING_DOC_MAX_KM)
        json_in_fault(r->in, key, "must be from 0 to 20000");
    return json_in_has(r->rules, key);
}

static void refuse_others(const struct reading *r)
{
    static const char *const members[] = {"overrides", "asns", "regions", "near_km", "vague_km"};
    const struct json_t *value;
    struct span key;
    for (void *at = NULL; json_in_each(r->rules, &at, &key, &value);) {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            is_known |= span_eq(key, span_of(members[i]));
        if (!is_known) /* a rule that is mistyped must not be thought to hold */
            json_in_fault(r->in, "routing", "has a member that is no rule");
    }
}

static void read_doc(const struct reading *r, struct routing_doc *out)
{
    if (json_in_kind(r->rules) != JSON_KIND_OBJECT)
        json_in_fault(r->in, "routing", "is no object");
    refuse_others(r);
    out->overrides = read_rules(r, "overrides", "network", &out->override_count);
    out->asns = read_rules(r, "asns", "asn", &out->asn_count);
    read_regions(r, out);
    out->has_near = read_km(r, "near_km", &out->near_km);
    out->has_vague = read_km(r, "vague_km", &out->vague_km);
}

int routing_doc_read(struct span text, struct routing_doc *out, struct arena *mem, struct buf *why)
{
    struct json_in in;
    *out = (struct routing_doc){0};
    int err = json_in_parse(&in, text, ROUTING_DOC_MAX_BYTES);
    if (err == 0)
        read_doc(&(struct reading){&in, in.root, mem}, out);
    return json_in_end(&in, err, mem, why);
}

int routing_doc_find(struct span document, struct routing_doc *out, struct arena *mem,
                     struct buf *why)
{
    struct json_in in;
    *out = (struct routing_doc){0};
    if (document.n == 0)
        return 0;
    int err = json_in_parse(&in, document, DOCUMENT_BYTES);
    const struct json_t *rules = err == 0 ? json_in_member(in.root, "routing") : NULL;
    if (rules != NULL)
        read_doc(&(struct reading){&in, rules, mem}, out);
    return json_in_end(&in, err, mem, why);
}
