/* SPDX-License-Identifier: MIT
 * Records of answers, written by libknot into a message of their own behind the question they
 * answer, so that names are compressed as they will be in the real one. */
#include "control/dns/dns_body.h"

#include "control/dns/dns_knot.h"

#define SOA_REFRESH_S 3600 /* nobody transfers this zone: figures of custom */
#define SOA_RETRY_S   600
#define SOA_EXPIRE_S  604800
#define NS_TTL_S      3600

struct making {
    knot_pkt_t *packet; /* NULL: no room */
    knot_mm_t mm;
    size_t head_bytes;
};

static knot_dname_t *dname(const uint8_t *name)
{
    return (knot_dname_t *)(uintptr_t)name; /* libknot reads it only */
}

static struct making begin(const struct dns_query *q, struct arena *mem)
{
    struct making m = {.mm = dns_knot_memory(mem)};
    m.head_bytes = DNS_HEADER_BYTES + q->name_bytes + 4;
    m.packet = knot_pkt_new(NULL, (uint16_t)(m.head_bytes + DNS_BODY_BYTES), &m.mm);
    if (knot_pkt_put_question(m.packet, dname(q->name), q->class, q->type) != KNOT_EOK)
        m.packet = NULL;
    return m;
}

struct record {
    const uint8_t *owner; /* NULL: the question's name */
    uint16_t type;
    uint32_t ttl_s;
    const uint8_t *data;
    size_t bytes;
};

/* One record a call: a set of several would be put in canonical order, and the order is the rank.
 */
static void put(struct making *m, const struct dns_query *q, const struct record *r)
{
    knot_rrset_t set;
    if (m->packet == NULL)
        return;
    uint16_t class = q->class == DNS_CLASS_CH ? DNS_CLASS_CH : DNS_CLASS_IN;
    knot_rrset_init(&set, dname(r->owner != NULL ? r->owner : q->name), r->type, class, r->ttl_s);
    uint16_t hint = r->owner == NULL ? KNOT_COMPR_HINT_QNAME : KNOT_COMPR_HINT_NONE;
    if (knot_rrset_add_rdata(&set, r->data, (uint16_t)r->bytes, &m->mm) != KNOT_EOK ||
        knot_pkt_put(m->packet, hint, &set, KNOT_PF_NOTRUNC) != KNOT_EOK)
        m->packet = NULL;
}

static void finish(struct dns_body *out, const struct making *m)
{
    if (m->packet == NULL) { /* sizes are bounded by dns_zone_read and the callers */
        dns_body_empty(out, DNS_SERVFAIL);
        return;
    }
    *out = (struct dns_body){.is_authoritative = true};
    out->bytes = (uint16_t)(m->packet->size - m->head_bytes);
    out->needed_bytes = out->bytes;
    out->answers = knot_wire_get_ancount(m->packet->wire);
    out->authorities = knot_wire_get_nscount(m->packet->wire);
    out->additionals = knot_wire_get_arcount(m->packet->wire);
    memcpy(out->wire, m->packet->wire + m->head_bytes, out->bytes);
}

void dns_body_empty(struct dns_body *out, enum dns_rcode rcode)
{
    *out = (struct dns_body){.rcode = rcode};
}

static void put_soa(struct making *m, const struct dns_query *q, const struct dns_zone *z)
{
    const struct dns_name *names[] = {&z->servers[0].name, &z->contact};
    const uint32_t numbers[] = {z->serial, SOA_REFRESH_S, SOA_RETRY_S, SOA_EXPIRE_S,
                                z->negative_ttl_s};
    uint8_t data[2 * DNS_NAME_BYTES + sizeof numbers];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        memcpy(data + n, names[i]->v, names[i]->bytes);
        n += names[i]->bytes;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++, n += sizeof numbers[0])
        knot_wire_write_u32(data + n, numbers[i]);
    put(m, q, &(struct record){z->name.v, KNOT_RRTYPE_SOA, z->negative_ttl_s, data, n});
}

static void enter(struct making *m, knot_section_t section)
{
    if (m->packet != NULL && knot_pkt_begin(m->packet, section) != KNOT_EOK)
        m->packet = NULL;
}

void dns_body_negative(struct dns_body *out, const struct dns_query *q, const struct dns_zone *zone,
                       enum dns_rcode rcode, struct arena *mem)
{
    struct making m = begin(q, mem);
    enter(&m, KNOT_AUTHORITY);
    put_soa(&m, q, zone);
    finish(out, &m);
    if (out->authorities > 0)
        out->rcode = rcode;
}

void dns_body_soa(struct dns_body *out, const struct dns_query *q, const struct dns_zone *zone,
                  struct arena *mem)
{
    struct making m = begin(q, mem);
    enter(&m, KNOT_ANSWER);
    put_soa(&m, q, zone);
    finish(out, &m);
}

static void put_server_addresses(struct making *m, const struct dns_query *q,
                                 const struct dns_zone_server *s)
{
    const struct node_addresses *a = &s->addresses;
    for (size_t i = 0; i < a->v4_count; i++)
        put(m, q, &(struct record){s->name.v, DNS_TYPE_A, NS_TTL_S, a->v4[i], 4});
    for (size_t i = 0; i < a->v6_count; i++)
        put(m, q, &(struct record){s->name.v, DNS_TYPE_AAAA, NS_TTL_S, a->v6[i], 16});
}

void dns_body_ns(struct dns_body *out, const struct dns_query *q, const struct dns_zone *zone,
                 struct arena *mem)
{
    struct making m = begin(q, mem);
    struct dns_body whole;
    enter(&m, KNOT_ANSWER);
    for (size_t i = 0; i < zone->server_count; i++) {
        const struct dns_name *name = &zone->servers[i].name;
        put(&m, q, &(struct record){NULL, DNS_TYPE_NS, NS_TTL_S, name->v, name->bytes});
    }
    finish(out, &m);
    enter(&m, KNOT_ADDITIONAL);
    for (size_t i = 0; i < zone->server_count; i++)
        if (dns_name_below(zone->servers[i].name.v, zone->servers[i].name.bytes, &zone->name) > 0)
            put_server_addresses(&m, q, &zone->servers[i]);
    if (m.packet == NULL) /* the addresses have no room: they can be asked for */
        return;
    finish(&whole, &m);
    whole.needed_bytes = out->bytes;
    *out = whole;
}

void dns_body_addresses(struct dns_body *out, const struct dns_query *q,
                        const struct dns_addresses *a, struct arena *mem)
{
    struct making m = begin(q, mem);
    uint16_t type = a->each == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA;
    enter(&m, KNOT_ANSWER);
    for (size_t i = 0; i < a->count; i++)
        put(&m, q, &(struct record){NULL, type, a->ttl_s, a->v + i * a->each, a->each});
    finish(out, &m);
    if (out->answers > 0)
        out->each_bytes = out->bytes / out->answers;
}

void dns_body_text(struct dns_body *out, const struct dns_query *q, struct span text,
                   struct arena *mem)
{
    struct making m = begin(q, mem);
    uint8_t data[1 + UINT8_MAX];
    CHECK(text.n <= UINT8_MAX);
    data[0] = (uint8_t)text.n;
    memcpy(data + 1, text.p, text.n);
    enter(&m, KNOT_ANSWER);
    put(&m, q, &(struct record){NULL, DNS_TYPE_TXT, 0, data, 1 + text.n});
    finish(out, &m);
}

void dns_body_https(struct dns_body *out, const struct dns_query *q, uint16_t port, uint32_t ttl_s,
                    struct arena *mem)
{
    /* SvcPriority 1, TargetName ".", alpn (key 1) = h2, http/1.1; then port (key 3) */
    static const uint8_t fixed[] = "\0\1"
                                   "\0"
                                   "\0\1\0\14"
                                   "\2h2"
                                   "\10http/1.1";
    struct making m = begin(q, mem);
    uint8_t data[sizeof fixed - 1 + 6];
    size_t n = sizeof fixed - 1;
    memcpy(data, fixed, n);
    if (port != 443) {
        memcpy(data + n, "\0\3\0\2", 4);
        knot_wire_write_u16(data + n + 4, port);
        n += 6;
    }
    enter(&m, KNOT_ANSWER);
    put(&m, q, &(struct record){NULL, DNS_TYPE_HTTPS, ttl_s, data, n});
    finish(out, &m);
}
