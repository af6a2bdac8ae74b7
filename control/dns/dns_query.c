/* SPDX-License-Identifier: MIT
 * Questions from the wire. libknot takes the message apart; what is refused, and how, is decided
 * here. Nothing here answers. */
#include "control/dns/dns_query.h"

#include "control/dns/dns_knot.h"
#include "lib/base/err.h"

#define FAMILY_IPV4 1 /* IANA address families, in RFC 7871 */
#define FAMILY_IPV6 2

static const uint8_t *bytes_of(struct span wire)
{
    return (const uint8_t *)wire.p;
}

/* A family that is not known is as if there were no option; what breaks the rules of the option is
 * a format error (RFC 7871 s.7.1.2, 7.2.1). */
static int read_subnet(struct dns_query *q, const uint8_t *option)
{
    knot_edns_client_subnet_t ecs;
    uint16_t n = knot_edns_opt_get_length(option);
    const uint8_t *data = option + KNOT_EDNS_OPTION_HDRLEN;
    if (n < 4)
        return DNS_FORMERR;
    uint16_t family = knot_wire_read_u16(data);
    if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
        return DNS_NOERROR;
    if (knot_edns_client_subnet_parse(&ecs, data, n) != KNOT_EOK || ecs.scope_len != 0 ||
        n != 4U + (ecs.source_len + 7U) / 8U)
        return DNS_FORMERR;
    struct addr *a = &q->subnet.address;
    if (family == FAMILY_IPV4) {
        *a = (struct addr){.v4 = {.sin_family = AF_INET}};
        memcpy(&a->v4.sin_addr, ecs.address, sizeof a->v4.sin_addr);
    } else {
        *a = (struct addr){.v6 = {.sin6_family = AF_INET6}};
        memcpy(&a->v6.sin6_addr, ecs.address, sizeof a->v6.sin6_addr);
    }
    q->subnet.source_bits = ecs.source_len;
    q->has_subnet = true;
    if (ecs.source_len % 8 != 0 && (uint8_t)(data[n - 1] << ecs.source_len % 8) != 0)
        return DNS_FORMERR; /* libknot clears such bits, which the answer would have to repeat */
    return DNS_NOERROR;
}

static int read_edns(struct dns_query *q, const knot_pkt_t *packet)
{
    if (!knot_pkt_has_edns(packet))
        return DNS_NOERROR;
    q->has_edns = true;
    q->payload_bytes = knot_edns_get_payload(packet->opt_rr);
    if (knot_edns_get_version(packet->opt_rr) != KNOT_EDNS_VERSION)
        return DNS_BADVERS;
    const uint8_t *option = knot_pkt_edns_option(packet, KNOT_EDNS_OPTION_CLIENT_SUBNET);
    return option != NULL ? read_subnet(q, option) : DNS_NOERROR;
}

static int read_packet(struct dns_query *q, knot_pkt_t *packet)
{
    if (knot_pkt_parse(packet, KNOT_PF_NOCANON | KNOT_PF_KEEPWIRE) != KNOT_EOK)
        return ERR_SYNTAX;
    const knot_dname_t *name = knot_pkt_qname(packet);
    if (name == NULL || packet->qname_size > sizeof q->name)
        return ERR_SYNTAX;
    q->name_bytes = packet->qname_size;
    memcpy(q->name, name, q->name_bytes);
    q->type = knot_pkt_qtype(packet);
    q->class = knot_pkt_qclass(packet);
    int rcode = read_edns(q, packet);
    if (rcode == DNS_NOERROR && knot_pkt_has_tsig(packet))
        return DNS_NOTAUTH; /* there are no keys here (RFC 8945 s.5.2) */
    return rcode;
}

int dns_query_read(struct dns_query *out, struct span wire, struct arena *mem)
{
    const uint8_t *head = bytes_of(wire);
    out->wire = wire;
    out->name_bytes = 0;
    out->has_edns = out->has_subnet = false;
    out->payload_bytes = 0;
    if (wire.n < DNS_HEADER_BYTES || wire.n > UINT16_MAX || knot_wire_get_qr(head))
        return ERR_SYNTAX;
    if (knot_wire_get_opcode(head) != KNOT_OPCODE_QUERY)
        return DNS_NOTIMP;
    if (knot_wire_get_qdcount(head) != 1)
        return DNS_FORMERR;
    /* With KEEPWIRE libknot does not write there, though it is not told by a const. */
    uint8_t *copy = arena_alloc(mem, wire.n);
    memcpy(copy, wire.p, wire.n);
    knot_mm_t mm = dns_knot_memory(mem);
    knot_pkt_t *packet = knot_pkt_new(copy, (uint16_t)wire.n, &mm);
    return packet != NULL ? read_packet(out, packet) : ERR_SYNTAX;
}
