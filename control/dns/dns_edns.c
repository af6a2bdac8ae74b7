/* SPDX-License-Identifier: MIT
 * EDNS (RFC 6891): the client subnet (RFC 7871) and the cookie (RFC 7873), each read strictly, and
 * whether the server's name is wanted (RFC 5001); all other options are nothing to us. */
#include "control/dns/dns_edns.h"

#include "control/dns/dns_knot.h"
#include "lib/base/err.h"

#define FAMILY_IPV4 1 /* IANA address families, in RFC 7871 */
#define FAMILY_IPV6 2
#define SUBNET_HEAD 4 /* family, source and scope */

/* The first `bytes` of an address; the others are zero. */
static void put_address(struct addr *out, unsigned family, const uint8_t *p, size_t bytes)
{
    uint8_t *to = out->v6.sin6_addr.s6_addr;
    if (family == FAMILY_IPV4) {
        *out = (struct addr){.v4 = {.sin_family = AF_INET}};
        to = (uint8_t *)&out->v4.sin_addr;
    } else {
        *out = (struct addr){.v6 = {.sin6_family = AF_INET6}};
    }
    for (size_t i = 0; i < bytes; i++)
        to[i] = p[i];
}

/* A family that is not known is as if there were no option; what breaks the rules of the option is
 * a format error (RFC 7871 s.7.1.2, 7.2.1). */
static int read_subnet(struct dns_query *q, struct span data)
{
    const uint8_t *p = (const uint8_t *)data.p;
    if (data.n < SUBNET_HEAD)
        return DNS_FORMERR;
    uint16_t family = knot_wire_read_u16(p);
    if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
        return DNS_NOERROR;
    unsigned bits = p[2], most = family == FAMILY_IPV4 ? 32 : 128;
    size_t bytes = (bits + 7U) / 8U;
    if (bits > most || p[3] != 0 || data.n != SUBNET_HEAD + bytes)
        return DNS_FORMERR;
    if (bits % 8 != 0 && (uint8_t)(p[data.n - 1] << bits % 8) != 0)
        return DNS_FORMERR;
    put_address(&q->subnet.address, family, p + SUBNET_HEAD, bytes);
    q->subnet.source_bits = (uint8_t)bits;
    q->has_subnet = true;
    return DNS_NOERROR;
}

/* RFC 7873 s.5.2.2: 8 bytes of the client's, then none or 8 to 32 of a server's. */
static int read_cookie(struct dns_query *q, struct span data)
{
    struct dns_cookie *c = &q->cookie;
    size_t theirs = data.n - sizeof c->client;
    if (data.n < sizeof c->client || (theirs > 0 && theirs < 8) || theirs > sizeof c->server)
        return DNS_FORMERR;
    memcpy(c->client, data.p, sizeof c->client);
    memcpy(c->server, data.p + sizeof c->client, theirs);
    c->server_bytes = (uint8_t)theirs;
    q->has_cookie = true;
    return DNS_NOERROR;
}

/* Once something is wrong nothing more is read, but for the lengths of what follows. */
static int read_option(struct dns_query *q, uint16_t code, struct span data, bool *has_seen_subnet)
{
    if (code == KNOT_EDNS_OPTION_CLIENT_SUBNET && !*has_seen_subnet) {
        *has_seen_subnet = true;
        return read_subnet(q, data);
    }
    if (code == KNOT_EDNS_OPTION_COOKIE && !q->has_cookie)
        return read_cookie(q, data);
    if (code == KNOT_EDNS_OPTION_NSID)
        q->has_nsid = true;
    return DNS_NOERROR;
}

int dns_edns_read(struct dns_query *q, const struct dns_edns *e)
{
    const uint8_t *p = (const uint8_t *)e->options.p, *end = p + e->options.n;
    bool has_seen_subnet = false;
    int rcode = e->version == KNOT_EDNS_VERSION ? DNS_NOERROR : DNS_BADVERS;
    q->has_edns = true;
    q->payload_bytes = e->payload_bytes;
    while (end - p >= KNOT_EDNS_OPTION_HDRLEN) {
        size_t n = knot_wire_read_u16(p + 2), left = (size_t)(end - p) - KNOT_EDNS_OPTION_HDRLEN;
        if (n > left)
            return ERR_SYNTAX;
        struct span data = span_make(p + KNOT_EDNS_OPTION_HDRLEN, n);
        if (rcode == DNS_NOERROR)
            rcode = read_option(q, knot_wire_read_u16(p), data, &has_seen_subnet);
        p += KNOT_EDNS_OPTION_HDRLEN + n;
    }
    return p == end ? rcode : ERR_SYNTAX;
}
