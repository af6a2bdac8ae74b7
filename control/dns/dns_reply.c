/* SPDX-License-Identifier: MIT
 * Messages put together. An answer by UDP goes to whoever the sender says he is: it is never more
 * than twice the question, so that nobody is worth attacking through here. */
#include "control/dns/dns_reply.h"

#include "control/dns/dns_knot.h"
#include "lib/base/buf.h"

#define AMPLIFICATION 2
#define UDP_MIN_BYTES 512 /* RFC 1035 s.4.2.1: without EDNS, and what EDNS may not go below */

/* What of a body is sent. */
struct cut {
    uint16_t bytes, answers, authorities, additionals;
    bool is_truncated;
};

static size_t question_bytes(const struct dns_query *q)
{
    return q->name_bytes > 0 ? q->name_bytes + 4 : 0;
}

static size_t edns_bytes(const struct dns_query *q, const struct dns_reply *r)
{
    size_t n = q->has_edns ? KNOT_EDNS_MIN_SIZE : 0;
    if (r->cookie != NULL)
        n += KNOT_EDNS_OPTION_HDRLEN + sizeof q->cookie.client + DNS_COOKIE_BYTES;
    if (q->has_subnet)
        n += KNOT_EDNS_OPTION_HDRLEN + 4U + (q->subnet.source_bits + 7U) / 8U;
    return n;
}

static size_t identity_bytes(const struct dns_query *q, const struct dns_reply *r)
{
    bool is_told = q->has_nsid && r->identity.n > 0;
    return is_told ? KNOT_EDNS_OPTION_HDRLEN + r->identity.n : 0;
}

static size_t limit_of(const struct dns_query *q, const struct dns_reply *r)
{
    if (!r->is_udp)
        return r->room;
    size_t limit = q->payload_bytes > UDP_MIN_BYTES ? q->payload_bytes : UDP_MIN_BYTES;
    if (limit > DNS_UDP_BYTES)
        limit = DNS_UDP_BYTES;
    bool is_bounded = !r->is_proven && q->wire.n * AMPLIFICATION < limit;
    return is_bounded ? q->wire.n * AMPLIFICATION : limit;
}

static struct cut cut_of(const struct dns_body *b, size_t room)
{
    struct cut c = {b->bytes, b->answers, b->authorities, b->additionals, false};
    if (b->bytes <= room)
        return c;
    if (b->each_bytes > 0 && b->each_bytes <= room) {
        c.answers = (uint16_t)(room / b->each_bytes);
        c.bytes = (uint16_t)(c.answers * b->each_bytes);
        return c;
    }
    c.additionals = 0;
    c.bytes = b->needed_bytes;
    if (c.bytes > room)
        c = (struct cut){.is_truncated = true};
    return c;
}

static size_t write_head(const struct dns_query *q, const struct dns_body *b, const struct cut *c,
                         uint8_t *out)
{
    const uint8_t *in = (const uint8_t *)q->wire.p;
    size_t n = DNS_HEADER_BYTES + question_bytes(q);
    memcpy(out, in, n);
    uint8_t kept = in[KNOT_WIRE_OFFSET_FLAGS1] & (KNOT_WIRE_OPCODE_MASK | KNOT_WIRE_RD_MASK);
    out[KNOT_WIRE_OFFSET_FLAGS1] = kept | KNOT_WIRE_QR_MASK;
    out[KNOT_WIRE_OFFSET_FLAGS2] = b->rcode & KNOT_WIRE_RCODE_MASK;
    if (b->is_authoritative && q->class != DNS_CLASS_ANY) /* RFC 1034 s.3.7.1 */
        knot_wire_set_aa(out);
    if (c->is_truncated)
        knot_wire_set_tc(out);
    knot_wire_set_qdcount(out, q->name_bytes > 0);
    knot_wire_set_ancount(out, c->answers);
    knot_wire_set_nscount(out, c->authorities);
    knot_wire_set_arcount(out, (uint16_t)(c->additionals + q->has_edns));
    return n;
}

static size_t write_subnet(const struct dns_subnet *s, unsigned scope_bits, uint8_t *out)
{
    bool is_v6 = s->address.any.sa_family == AF_INET6;
    size_t n = (s->source_bits + 7U) / 8U;
    const void *ip =
        is_v6 ? (const void *)&s->address.v6.sin6_addr : (const void *)&s->address.v4.sin_addr;
    knot_wire_write_u16(out, KNOT_EDNS_OPTION_CLIENT_SUBNET);
    knot_wire_write_u16(out + 2, (uint16_t)(4 + n));
    knot_wire_write_u16(out + 4, is_v6 ? 2 : 1);
    out[6] = s->source_bits;
    out[7] = s->source_bits > 0 ? (uint8_t)scope_bits : 0;
    memcpy(out + 8, ip, n);
    return 8 + n;
}

static size_t write_cookie(const struct dns_query *q, const uint8_t *ours, uint8_t *out)
{
    uint8_t *at = out + KNOT_EDNS_OPTION_HDRLEN;
    knot_wire_write_u16(out, KNOT_EDNS_OPTION_COOKIE);
    knot_wire_write_u16(out + 2, sizeof q->cookie.client + DNS_COOKIE_BYTES);
    at = mempcpy(at, q->cookie.client, sizeof q->cookie.client);
    at = mempcpy(at, ours, DNS_COOKIE_BYTES);
    return (size_t)(at - out);
}

static size_t write_identity(struct span identity, uint8_t *out)
{
    knot_wire_write_u16(out, KNOT_EDNS_OPTION_NSID);
    knot_wire_write_u16(out + 2, (uint16_t)identity.n);
    memcpy(out + KNOT_EDNS_OPTION_HDRLEN, identity.p, identity.n);
    return KNOT_EDNS_OPTION_HDRLEN + identity.n;
}

/* RFC 6891 s.6.1.2: the root, OPT, our payload, extended rcode, version 0, no flags, options. */
static size_t write_edns(const struct dns_query *q, const struct dns_reply *r, bool is_identified,
                         uint8_t *out)
{
    size_t n = KNOT_EDNS_MIN_SIZE;
    memset(out, 0, n);
    knot_wire_write_u16(out + 1, KNOT_RRTYPE_OPT);
    knot_wire_write_u16(out + 3, DNS_UDP_BYTES);
    out[KNOT_EDNS_EXT_RCODE_POS] = KNOT_EDNS_RCODE_HI((unsigned)r->body->rcode);
    if (q->has_subnet)
        n += write_subnet(&q->subnet, r->scope_bits, out + n);
    if (r->cookie != NULL)
        n += write_cookie(q, r->cookie, out + n);
    if (is_identified)
        n += write_identity(r->identity, out + n);
    knot_wire_write_u16(out + 9, (uint16_t)(n - KNOT_EDNS_MIN_SIZE));
    return n;
}

size_t dns_reply_write(const struct dns_query *q, const struct dns_reply *r, uint8_t *out)
{
    size_t fixed = DNS_HEADER_BYTES + question_bytes(q) + edns_bytes(q, r), limit = limit_of(q, r);
    size_t identity = identity_bytes(q, r);
    bool is_identified = identity > 0 && fixed + r->body->bytes + identity <= limit;
    struct cut c = cut_of(r->body, limit > fixed ? limit - fixed : 0);
    size_t n = write_head(q, r->body, &c, out);
    memcpy(out + n, r->body->wire, c.bytes);
    n += c.bytes;
    return q->has_edns ? n + write_edns(q, r, is_identified, out + n) : n;
}

size_t dns_reply_cut(const struct dns_query *q, uint8_t *out)
{
    struct dns_body none;
    struct cut c = {.is_truncated = true};
    dns_body_empty(&none, DNS_NOERROR);
    size_t n = write_head(q, &none, &c, out);
    struct dns_reply r = {.body = &none};
    return q->has_edns ? n + write_edns(q, &r, false, out + n) : n;
}

bool dns_reply_is_cut(const uint8_t *message)
{
    return knot_wire_get_tc(message) != 0;
}
