/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_BODY_H
#define CONTROL_DNS_DNS_BODY_H

#include "control/dns/dns_query.h"
#include "control/dns/dns_zone.h"

/* The records of an answer, as they follow its question in the message. Addresses and HTTPS records
 * of a name hold for every spelling and for every name whose answer they are: they may be kept;
 * those with other names in them hold for this question only. Pure. */
#define DNS_BODY_BYTES       512
#define DNS_BODY_RECORDS     16
#define DNS_BODY_AAAA_BYTES  28 /* of a record: the name is a pointer */
#define DNS_BODY_HTTPS_BYTES 40 /* at most */

struct dns_body {
    enum dns_rcode rcode;
    bool is_authoritative;
    uint16_t bytes;
    uint16_t each_bytes;   /* of answers that are alike, so that fewer are an answer too; or 0 */
    uint16_t needed_bytes; /* without the additional section, which may be left out */
    uint16_t answers, authorities, additionals;
    uint8_t wire[DNS_BODY_BYTES];
};

/* Each makes the whole of *out for q, which has a name; mem: for the time of the call. */
void dns_body_empty(struct dns_body *out, enum dns_rcode rcode);
/* dns_body_negative: the SOA that says how long (RFC 2308): NXDOMAIN, or NOERROR for no such type.
 */
void dns_body_negative(struct dns_body *out, const struct dns_query *q, const struct dns_zone *zone,
                       enum dns_rcode rcode, struct arena *mem);
void dns_body_soa(struct dns_body *out, const struct dns_query *q, const struct dns_zone *zone,
                  struct arena *mem);
/* dns_body_ns: with the servers' addresses as far as they are in the zone. */
void dns_body_ns(struct dns_body *out, const struct dns_query *q, const struct dns_zone *zone,
                 struct arena *mem);

/* dns_body_addresses: A where each is 4 bytes, AAAA where 16; count 1..DNS_BODY_RECORDS, in order.
 */
struct dns_addresses {
    const uint8_t *v;
    size_t count, each;
    uint32_t ttl_s;
};
void dns_body_addresses(struct dns_body *out, const struct dns_query *q,
                        const struct dns_addresses *a, struct arena *mem);
/* dns_body_text: TXT of the question's class; text: up to 255 bytes. */
void dns_body_text(struct dns_body *out, const struct dns_query *q, struct span text,
                   struct arena *mem);
/* dns_body_https: RFC 9460: the name itself, with HTTP/2 and HTTP/1.1, at a port. */
void dns_body_https(struct dns_body *out, const struct dns_query *q, uint16_t port, uint32_t ttl_s,
                    struct arena *mem);

#endif
