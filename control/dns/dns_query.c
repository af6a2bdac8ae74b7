/* SPDX-License-Identifier: MIT
 * Questions from the wire. Nearly all of them have one form: a question, and perhaps an OPT record.
 * That form is read here, in one pass and without memory; whatever is not exactly that is taken
 * apart by libknot, and what is refused, and how, is decided here. Nothing here answers. */
#include "control/dns/dns_query.h"

#include "control/dns/dns_edns.h"
#include "control/dns/dns_knot.h"
#include "lib/base/err.h"

#define LABEL_BYTES 63
#define OPT_BYTES   11 /* owner, type, payload, flags, length of the options */

/* What is not read yet; each part takes its bytes from the front. */
struct rest {
    const uint8_t *p, *end;
};

static size_t left(const struct rest *r)
{
    return (size_t)(r->end - r->p);
}

/* ---- by libknot ---- */

static int read_packet_edns(struct dns_query *q, const knot_pkt_t *packet)
{
    const knot_rrset_t *opt = packet->opt_rr;
    if (opt == NULL)
        return DNS_NOERROR;
    const knot_rdata_t *data = opt->rrs.rdata;
    struct dns_edns e = {.payload_bytes = knot_edns_get_payload(opt),
                         .version = knot_edns_get_version(opt),
                         .options = span_make(data->data, data->len)};
    return dns_edns_read(q, &e);
}

static int read_packet(struct dns_query *q, knot_pkt_t *packet)
{
    if (knot_pkt_parse(packet, KNOT_PF_NOCANON | KNOT_PF_KEEPWIRE) != KNOT_EOK)
        return ERR_SYNTAX;
    const knot_dname_t *name = knot_pkt_qname(packet);
    if (name == NULL || packet->qname_size > DNS_NAME_BYTES)
        return ERR_SYNTAX;
    q->name_bytes = packet->qname_size;
    memcpy(q->name, name, q->name_bytes);
    q->type = knot_pkt_qtype(packet);
    q->class = knot_pkt_qclass(packet);
    int rcode = read_packet_edns(q, packet);
    if (rcode == DNS_NOERROR && knot_pkt_has_tsig(packet))
        return DNS_NOTAUTH; /* there are no keys here (RFC 8945 s.5.2) */
    return rcode;
}

static void clear(struct dns_query *q, struct span wire)
{
    q->wire = wire;
    q->name_bytes = 0;
    q->has_edns = q->has_subnet = q->has_cookie = q->has_nsid = false;
    q->payload_bytes = 0;
}

int dns_query_read_any(struct dns_query *out, struct span wire, struct arena *mem)
{
    clear(out, wire);
    /* With KEEPWIRE libknot does not write there, though it is not told by a const. */
    uint8_t *copy = arena_alloc(mem, wire.n);
    memcpy(copy, wire.p, wire.n);
    knot_mm_t mm = dns_knot_memory(mem);
    knot_pkt_t *packet = knot_pkt_new(copy, (uint16_t)wire.n, &mm);
    return packet != NULL ? read_packet(out, packet) : ERR_SYNTAX;
}

/* ---- the one form ---- */

/* Lengths of labels are less than any letter. */
static void put_name(struct dns_query *q, const struct rest *r, size_t n)
{
    size_t i = 0;
    for (uint64_t eight; i < n && i + sizeof eight <= left(r); i += sizeof eight) {
        memcpy(&eight, r->p + i, sizeof eight);
        eight = span_lower8(eight);
        memcpy(q->name + i, &eight, sizeof eight);
    }
    for (; i < n; i++)
        q->name[i] = (uint8_t)span_lower8(r->p[i]);
    q->name_bytes = n;
}

static bool read_name(struct dns_query *q, struct rest *r)
{
    size_t n = 0, room = left(r) < DNS_NAME_BYTES ? left(r) : DNS_NAME_BYTES;
    for (bool is_root = false; !is_root;) {
        if (n >= room || r->p[n] > LABEL_BYTES)
            return false;
        is_root = r->p[n] == 0;
        n += r->p[n] + 1U;
    }
    put_name(q, r, n);
    r->p += n;
    return true;
}

/* Where a class stands, OPT has the sender's payload size. libknot reads a size of 1 as the class
 * IN and refuses the record: both ways have to say the same, so such a message is left to it. */
static bool read_opt(struct dns_edns *e, struct rest *r)
{
    const uint8_t *p = r->p;
    if (left(r) < OPT_BYTES || p[0] != 0 || knot_wire_read_u16(p + 1) != KNOT_RRTYPE_OPT)
        return false;
    *e = (struct dns_edns){.payload_bytes = knot_wire_read_u16(p + 3),
                           .version = p[6],
                           .options = span_make(p + OPT_BYTES, left(r) - OPT_BYTES)};
    return e->version == KNOT_EDNS_VERSION && e->payload_bytes != KNOT_CLASS_IN &&
           knot_wire_read_u16(p + 9) == e->options.n;
}

/* Flags and counts: a question and nothing else, but for what may be behind it. */
static bool is_plain_head(const uint8_t *head)
{
    static const uint8_t mask[8] = {(uint8_t)~KNOT_WIRE_RD_MASK, 0, 255, 255, 255, 255, 255, 255};
    static const uint8_t plain[8] = {0, 0, 0, 1, 0, 0, 0, 0};
    uint64_t is, of, wanted;
    memcpy(&is, head + KNOT_WIRE_OFFSET_FLAGS1, sizeof is);
    memcpy(&of, mask, sizeof of);
    memcpy(&wanted, plain, sizeof wanted);
    return (is & of) == wanted;
}

bool dns_query_read_plain(struct dns_query *out, struct span wire, int *rcode)
{
    const uint8_t *head = (const uint8_t *)wire.p;
    struct rest r = {head + DNS_HEADER_BYTES, head + wire.n};
    struct dns_edns e;
    clear(out, wire);
    if (!is_plain_head(head) || !read_name(out, &r) || left(&r) < 4)
        return false;
    out->type = knot_wire_read_u16(r.p);
    out->class = knot_wire_read_u16(r.p + 2);
    r.p += 4;
    *rcode = DNS_NOERROR;
    if (knot_wire_get_arcount(head) == 0)
        return left(&r) == 0;
    if (knot_wire_get_arcount(head) > 1 || !read_opt(&e, &r))
        return false;
    *rcode = dns_edns_read(out, &e);
    return *rcode != ERR_SYNTAX;
}

/* RFC 7873 s.5.4: no question but a cookie: to learn ours. */
static bool read_cookie_alone(struct dns_query *q, struct rest *r)
{
    struct dns_edns e;
    const uint8_t *head = r->p - DNS_HEADER_BYTES;
    bool is_alone = knot_wire_get_ancount(head) == 0 && knot_wire_get_nscount(head) == 0 &&
                    knot_wire_get_arcount(head) == 1;
    return is_alone && read_opt(&e, r) && dns_edns_read(q, &e) == DNS_NOERROR && q->has_cookie;
}

static int refuse(struct dns_query *q, struct span wire, int rcode)
{
    clear(q, wire);
    return rcode;
}

static int read_no_question(struct dns_query *q, struct span wire)
{
    const uint8_t *head = (const uint8_t *)wire.p;
    struct rest r = {head + DNS_HEADER_BYTES, head + wire.n};
    clear(q, wire);
    return read_cookie_alone(q, &r) ? DNS_NOERROR : refuse(q, wire, DNS_FORMERR);
}

/* What is not of the one form. */
static int read_slowly(struct dns_query *q, struct span wire, struct arena *mem)
{
    const uint8_t *head = (const uint8_t *)wire.p;
    if (knot_wire_get_qr(head))
        return refuse(q, wire, ERR_SYNTAX);
    if (knot_wire_get_opcode(head) != KNOT_OPCODE_QUERY)
        return refuse(q, wire, DNS_NOTIMP);
    if (knot_wire_get_qdcount(head) == 0)
        return read_no_question(q, wire);
    if (knot_wire_get_qdcount(head) != 1)
        return refuse(q, wire, DNS_FORMERR);
    int rcode = dns_query_read_any(q, wire, mem);
    return rcode == ERR_SYNTAX ? DNS_FORMERR : rcode; /* two OPT records too: RFC 6891 s.6.1.1 */
}

int dns_query_read(struct dns_query *out, struct span wire, struct arena *mem)
{
    int rcode;
    if (wire.n < DNS_HEADER_BYTES || wire.n > UINT16_MAX)
        return refuse(out, wire, ERR_SYNTAX);
    return dns_query_read_plain(out, wire, &rcode) ? rcode : read_slowly(out, wire, mem);
}
