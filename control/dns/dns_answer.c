/* SPDX-License-Identifier: MIT
 * Answers for names. What edges a region gets is decided once and remembered, record by record as
 * it goes on the wire, until anything that it was decided from has changed. */
#include "control/dns/dns_answer.h"

#include "lib/base/mem.h"

#define REMEMBERED 8192
#define LINE_BYTES 64 /* of the processor's cache */
#define DEGRADED_S 5  /* TTL while the best edge there is is not able */
#define TOGETHER   32 /* questions that are looked up side by side */

struct subject {
    uint32_t meaning, region, type;
};

/* An answer of one address, which most are, is in one line. */
struct remembered {
    uint64_t generation; /* of everything it was decided from */
    struct subject of;
    _Alignas(struct dns_body) uint8_t body[]; /* as much of one as is used */
};
#define BODY_HEAD_BYTES offsetof(struct dns_body, wire)

struct dns_answerer {
    struct dns_answerer_spec spec;
    struct dns_names *names;
    struct dns_survey survey;
    const struct dns_atlas *atlas;                   /* that fits, or NULL */
    uint64_t seen_picture, seen_config, seen_survey; /* versions that the next was drawn for */
    uint64_t seen_shares;
    uint64_t generation;
    struct dns_view view;        /* of the questions that were looked up last */
    uint8_t *remembered, *lines; /* [REMEMBERED] of each_bytes; where the first line begins */
    size_t each_bytes;
    struct dns_body body; /* an answer that is not remembered */
};

/* One question as it is being answered. */
struct answering {
    const struct dns_asked *asked;
    const struct dns_query *q; /* its */
    struct arena *mem;
};

/* ---- a site's edges ---- */

struct edges {
    struct dns_resident who;
    struct decide_verdict verdict;
};

static void decide_edges(struct dns_answerer *a, const struct answering *k, enum node_family family,
                         struct edges *e)
{
    struct decide_question question = {.client = &e->who.client.any,
                                       .place = &e->who.place,
                                       .key_hash = k->asked->meaning->key_hash,
                                       .family = family,
                                       .price_class = k->asked->meaning->price_class,
                                       .has_one_standing = true,
                                       .wanted = a->spec.zone->answers};
    counter_add(&a->spec.counters->decisions, 1);
    decide(a->view.picture, a->view.rules, &question, &e->verdict);
}

static size_t add_addresses(const struct node_addresses *from, uint16_t type, uint8_t *to,
                            size_t room)
{
    bool is_v6 = type == DNS_TYPE_AAAA;
    size_t each = is_v6 ? sizeof from->v6[0] : sizeof from->v4[0];
    size_t n = is_v6 ? from->v6_count : from->v4_count;
    if (n > room)
        n = room;
    memcpy(to, is_v6 ? from->v6[0] : from->v4[0], n * each);
    return n;
}

static uint32_t ttl_of(const struct dns_answerer *a, const struct decide_verdict *v)
{
    uint32_t ttl = a->spec.zone->ttl_s;
    bool is_able = v->count > 0 && v->v[0].standing <= STANDING_FULL;
    return is_able || ttl < DEGRADED_S ? ttl : DEGRADED_S;
}

static void negative(struct dns_answerer *a, const struct answering *k, struct dns_body *out,
                     enum dns_rcode rcode)
{
    dns_body_negative(out, k->q, a->spec.zone, rcode, k->mem);
}

static void site_addresses(struct dns_answerer *a, const struct answering *k, uint16_t type,
                           struct edges *e, struct dns_body *out)
{
    uint8_t bytes[DNS_BODY_RECORDS * 16];
    struct dns_addresses list = {.v = bytes, .each = type == DNS_TYPE_AAAA ? 16 : 4};
    decide_edges(a, k, type == DNS_TYPE_AAAA ? NODE_IPV6 : NODE_IPV4, e);
    for (size_t i = 0; i < e->verdict.count; i++)
        list.count += add_addresses(&e->verdict.v[i].node->spec.addresses, type,
                                    bytes + list.count * list.each, DNS_BODY_RECORDS - list.count);
    list.ttl_s = ttl_of(a, &e->verdict);
    if (list.count > 0)
        dns_body_addresses(out, k->q, &list, k->mem);
    else
        dns_body_empty(out, DNS_NOERROR);
}

/* 0: it has no https. */
static uint16_t https_port(const struct picture_node *n)
{
    return n->spec.https_url.n > 0 ? (uint16_t)node_url_port(n->spec.https_url) : 0;
}

/* The record speaks for all addresses of the name: only where all its edges have the same https. */
static void site_https(struct dns_answerer *a, const struct answering *k, struct edges *e,
                       struct dns_body *out)
{
    static const enum node_family families[] = {NODE_IPV4, NODE_IPV6};
    uint16_t port = 0;
    uint32_t ttl_s = a->spec.zone->ttl_s;
    bool is_common = true;
    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        decide_edges(a, k, families[f], e);
        if (e->verdict.count > 0 && ttl_of(a, &e->verdict) < ttl_s)
            ttl_s = ttl_of(a, &e->verdict);
        for (size_t i = 0; i < e->verdict.count; i++) {
            uint16_t its = https_port(e->verdict.v[i].node);
            is_common = is_common && its != 0 && (port == 0 || its == port);
            port = its;
        }
    }
    if (is_common && port != 0)
        dns_body_https(out, k->q, port, ttl_s, k->mem);
    else
        dns_body_empty(out, DNS_NOERROR);
}

static void site_records(struct dns_answerer *a, const struct answering *k, uint16_t type,
                         struct edges *e, struct dns_body *out)
{
    if (type == DNS_TYPE_HTTPS)
        site_https(a, k, e, out);
    else
        site_addresses(a, k, type, e, out);
}

static bool is_remembered(const struct dns_answerer *a, const struct remembered *r,
                          const struct subject *of)
{
    return r->generation == a->generation && r->of.meaning == of->meaning &&
           r->of.region == of->region && r->of.type == of->type;
}

static struct remembered *place_at(const struct dns_answerer *a, size_t i)
{
    return (struct remembered *)(void *)(a->lines + i * a->each_bytes);
}

/* Without a seed: who makes subjects meet here has us decide again, as any new subject has. */
static uint64_t mixed(const struct subject *of)
{
    uint64_t h = ((uint64_t)of->region << 32 | of->meaning) * 0x9e3779b97f4a7c15U;
    return ((h ^ h >> 32) + of->type) * 0xff51afd7ed558ccdU;
}

static size_t first_of(uint64_t hash)
{
    return (hash >> 32) % (REMEMBERED / 2) * 2;
}

/* One of two places; where it is in neither, the one to be given up. */
static struct remembered *place_for(const struct dns_answerer *a, const struct subject *of)
{
    uint64_t hash = mixed(of);
    size_t first = first_of(hash);
    for (size_t i = first; i < first + 2; i++)
        if (is_remembered(a, place_at(a, i), of))
            return place_at(a, i);
    for (size_t i = first; i < first + 2; i++)
        if (place_at(a, i)->generation != a->generation)
            return place_at(a, i);
    return place_at(a, first + (hash >> 63));
}

static const struct dns_body *remember(const struct dns_answerer *a, struct remembered *r,
                                       const struct subject *of)
{
    CHECK(sizeof *r + BODY_HEAD_BYTES + a->body.bytes <= a->each_bytes);
    r->generation = a->generation;
    r->of = *of;
    return memcpy(r->body, &a->body, BODY_HEAD_BYTES + a->body.bytes);
}

static const struct dns_body *in_region(struct dns_answerer *a, const struct answering *k,
                                        uint16_t type)
{
    const struct subject of = {k->asked->meaning->id, k->asked->region.id, type};
    struct remembered *r = place_for(a, &of);
    if (is_remembered(a, r, &of))
        return (const struct dns_body *)(const void *)r->body;
    struct edges e = {.who = *dns_atlas_resident(a->atlas, of.region)};
    site_records(a, k, type, &e, &a->body);
    return remember(a, r, &of);
}

/* While no atlas fits: for that one address. */
static struct dns_answer decide_alone(struct dns_answerer *a, const struct answering *k,
                                      uint16_t type)
{
    struct edges e = {.who.client = *k->asked->client};
    bool is_v6 = e.who.client.any.sa_family == AF_INET6;
    counter_add(&a->spec.counters->unmapped, 1);
    geo_set_find(a->view.geo, &e.who.client.any, false, &e.who.place);
    site_records(a, k, type, &e, &a->body);
    return (struct dns_answer){&a->body, is_v6 ? 128 : 32};
}

/* Negative answers are for everybody (RFC 7871 s.7.4), and are not remembered: they hold the
 * question's own name. */
static struct dns_answer answer_site(struct dns_answerer *a, const struct answering *k,
                                     uint16_t type)
{
    struct dns_answer out;
    if (a->atlas != NULL)
        out = (struct dns_answer){in_region(a, k, type), k->asked->region.bits};
    else
        out = decide_alone(a, k, type);
    if (out.body->answers > 0)
        return out;
    negative(a, k, &a->body, DNS_NOERROR);
    return (struct dns_answer){.body = &a->body};
}

/* ---- other names ---- */

static void answer_addresses(struct dns_answerer *a, const struct answering *k, uint16_t type,
                             const struct node_addresses *from)
{
    uint8_t bytes[NODE_ADDRESSES * 16];
    struct dns_addresses list = {.v = bytes, .each = type == DNS_TYPE_AAAA ? 16 : 4};
    list.ttl_s = a->spec.zone->ttl_s;
    if (type == DNS_TYPE_A || type == DNS_TYPE_AAAA)
        list.count = add_addresses(from, type, bytes, NODE_ADDRESSES);
    if (list.count > 0)
        dns_body_addresses(&a->body, k->q, &list, k->mem);
    else
        negative(a, k, &a->body, DNS_NOERROR);
}

static void answer_node(struct dns_answerer *a, const struct answering *k, uint16_t type)
{
    const struct picture_node *n = &a->view.picture->nodes[k->asked->meaning->index];
    if (type == DNS_TYPE_HTTPS && https_port(n) != 0)
        dns_body_https(&a->body, k->q, https_port(n), a->spec.zone->ttl_s, k->mem);
    else
        answer_addresses(a, k, type, &n->spec.addresses);
}

static void answer_zone(struct dns_answerer *a, const struct answering *k)
{
    if (k->q->type == DNS_TYPE_NS)
        dns_body_ns(&a->body, k->q, a->spec.zone, k->mem);
    else if (k->q->type == DNS_TYPE_SOA || k->q->type == DNS_TYPE_ANY)
        dns_body_soa(&a->body, k->q, a->spec.zone, k->mem);
    else
        negative(a, k, &a->body, DNS_NOERROR);
}

static bool is_of_edges(uint16_t type)
{
    return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_HTTPS;
}

static struct dns_answer answer_type(struct dns_answerer *a, const struct answering *k,
                                     uint16_t type)
{
    switch (k->asked->meaning->kind) {
    case DNS_NAME_SITE:
        if (is_of_edges(type))
            return answer_site(a, k, type);
        negative(a, k, &a->body, DNS_NOERROR);
        break;
    case DNS_NAME_NODE:
        answer_node(a, k, type);
        break;
    case DNS_NAME_SERVER:
        answer_addresses(a, k, type, &a->spec.zone->servers[k->asked->meaning->index].addresses);
        break;
    case DNS_NAME_ZONE:
        answer_zone(a, k);
        break;
    case DNS_NAME_BRANCH:
        negative(a, k, &a->body, DNS_NOERROR);
        break;
    case DNS_NAME_ABSENT:
        negative(a, k, &a->body, DNS_NXDOMAIN);
        break;
    }
    return (struct dns_answer){.body = &a->body};
}

/* RFC 8482 s.4.1: of all types, one that is there is given. */
static struct dns_answer answer_name(struct dns_answerer *a, const struct answering *k)
{
    if (k->q->type != DNS_TYPE_ANY)
        return answer_type(a, k, k->q->type);
    struct dns_answer out = answer_type(a, k, DNS_TYPE_A);
    return out.body->answers > 0 ? out : answer_type(a, k, DNS_TYPE_AAAA);
}

/* ---- what the server tells of itself ---- */

static bool is_own_name(const struct dns_query *q)
{
    static const struct span names[] = {{"\2id\6server", 11}, {"\10hostname\4bind", 15}};
    struct span asked = span_make(q->name, q->name_bytes);
    bool is_text = q->type == DNS_TYPE_TXT || q->type == DNS_TYPE_ANY;
    return is_text && (span_eq(asked, names[0]) || span_eq(asked, names[1]));
}

static struct dns_answer answer_chaos(struct dns_answerer *a, const struct answering *k)
{
    struct span identity = span_of(a->spec.zone->identity);
    if (identity.n > 0 && is_own_name(k->q))
        dns_body_text(&a->body, k->q, identity, k->mem);
    else
        dns_body_empty(&a->body, DNS_REFUSED);
    return (struct dns_answer){.body = &a->body};
}

/* ---- look-ups ---- */

/* A picture a second is new and usually says nothing new to us. */
static void catch_up(struct dns_answerer *a)
{
    const struct dns_view *view = &a->view;
    const struct dns_atlas *atlas = dns_surveyor_now(a->spec.surveyor, &a->survey);
    if (a->seen_picture == view->picture->version && a->seen_config == view->config_version &&
        a->seen_survey == a->survey.version)
        return;
    bool has_names = dns_names_fits(a->names, view->picture);
    bool is_same = has_names && a->seen_config == view->config_version &&
                   a->seen_survey == a->survey.version && a->seen_shares == view->picture->shares;
    if (!has_names) {
        dns_names_destroy(&a->names);
        a->names = dns_names_create(a->spec.zone, view->picture);
    }
    a->atlas = dns_atlas_fits(atlas, view) ? atlas : NULL;
    a->generation += is_same ? 0 : 1;
    a->seen_picture = view->picture->version;
    a->seen_config = view->config_version;
    a->seen_survey = a->survey.version;
    a->seen_shares = view->picture->shares;
}

/* What is asked for, and by whom; labels: of a name, before the zone's. */
static void sort_out(const struct dns_answerer *a, struct dns_asked *k, struct span *labels)
{
    const struct dns_query *q = k->query;
    k->subject = DNS_SUBJECT_NONE;
    k->client = q->has_subnet && q->subnet.source_bits > 0 ? &q->subnet.address : k->sender;
    if (q->class == DNS_CLASS_CH) {
        k->subject = DNS_SUBJECT_CHAOS;
        return;
    }
    ptrdiff_t below = dns_name_below(q->name, q->name_bytes, &a->spec.zone->name);
    bool is_meta = q->type >= DNS_TYPE_IXFR && q->type <= DNS_TYPE_META_END;
    if (below < 0 || is_meta || (q->class != DNS_CLASS_IN && q->class != DNS_CLASS_ANY))
        return;
    k->subject = DNS_SUBJECT_NAME;
    *labels = span_make(q->name, (size_t)below);
}

/* Those whose clients are of a region go into `whose`. */
static size_t find_names(const struct dns_answerer *a, struct dns_asked *v, size_t count,
                         struct dns_asked **whose)
{
    struct span labels[TOGETHER];
    const struct dns_meaning *meanings[TOGETHER];
    size_t names = 0, sites = 0;
    for (size_t i = 0; i < count; i++) {
        sort_out(a, &v[i], &labels[names]);
        names += v[i].subject == DNS_SUBJECT_NAME;
    }
    dns_names_find(a->names, labels, names, meanings);
    names = 0;
    for (size_t i = 0; i < count; i++) {
        if (v[i].subject != DNS_SUBJECT_NAME)
            continue;
        v[i].meaning = meanings[names++];
        if (v[i].meaning->kind == DNS_NAME_SITE && a->atlas != NULL)
            whose[sites++] = &v[i];
    }
    return sites;
}

static void find_regions(const struct dns_answerer *a, struct dns_asked **v, size_t count)
{
    const struct addr *clients[TOGETHER];
    struct dns_region regions[TOGETHER];
    for (size_t i = 0; i < count; i++)
        clients[i] = v[i]->client;
    dns_atlas_find(a->atlas, clients, count, regions);
    for (size_t i = 0; i < count; i++) {
        v[i]->region = regions[i];
        const struct subject of = {v[i]->meaning->id, regions[i].id, v[i]->query->type};
        const char *pair = (const char *)place_at(a, first_of(mixed(&of)));
        __builtin_prefetch(pair);
        __builtin_prefetch(pair + a->each_bytes);
    }
}

/* ---- the public face ---- */

/* Room for the longest answer of a site, in whole lines. */
static size_t each_bytes(const struct dns_zone *zone)
{
    size_t records = zone->answers * NODE_ADDRESSES * DNS_BODY_AAAA_BYTES;
    size_t wire = records > DNS_BODY_HTTPS_BYTES ? records : DNS_BODY_HTTPS_BYTES;
    size_t n = sizeof(struct remembered) + BODY_HEAD_BYTES +
               (wire < DNS_BODY_BYTES ? wire : DNS_BODY_BYTES);
    return (n + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

struct dns_answerer *dns_answerer_create(const struct dns_answerer_spec *spec)
{
    struct dns_answerer *a = mem_zalloc(sizeof *a);
    a->spec = *spec;
    a->each_bytes = each_bytes(spec->zone);
    a->remembered = mem_zarray(REMEMBERED * a->each_bytes + LINE_BYTES, 1);
    a->lines = a->remembered + LINE_BYTES - (uintptr_t)a->remembered % LINE_BYTES;
    return a;
}

void dns_answerer_destroy(struct dns_answerer **pa)
{
    struct dns_answerer *a = *pa;
    *pa = NULL;
    if (a == NULL)
        return;
    dns_names_destroy(&a->names);
    dns_survey_finish(&a->survey);
    mem_free(a->remembered);
    mem_free(a);
}

void dns_answer_look(struct dns_answerer *a, struct dns_asked *v, size_t count)
{
    struct dns_asked *whose[TOGETHER];
    a->view = a->spec.view(a->spec.view_ctx);
    catch_up(a);
    for (size_t at = 0, many; at < count; at += many) {
        many = count - at < TOGETHER ? count - at : TOGETHER;
        find_regions(a, whose, find_names(a, v + at, many, whose));
    }
}

struct dns_answer dns_answer_find(struct dns_answerer *a, const struct dns_asked *asked,
                                  struct arena *mem)
{
    const struct answering k = {.asked = asked, .q = asked->query, .mem = mem};
    switch (asked->subject) {
    case DNS_SUBJECT_CHAOS:
        return answer_chaos(a, &k);
    case DNS_SUBJECT_NAME:
        return answer_name(a, &k);
    case DNS_SUBJECT_NONE:
        break;
    }
    dns_body_empty(&a->body, DNS_REFUSED);
    return (struct dns_answer){.body = &a->body};
}
