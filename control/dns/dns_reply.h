/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_REPLY_H
#define CONTROL_DNS_DNS_REPLY_H

#include "control/dns/dns_body.h"
#include "control/dns/dns_cookies.h"

/* The whole message that answers a question: its head and question as they came (the case of the
 * name kept), the records that fit, EDNS where the question had it. Pure. */
#define DNS_UDP_BYTES 1232 /* fits any path (DNS flag day 2020) */
#define DNS_TCP_BYTES 65535

struct dns_reply {
    const struct dns_body *body;
    unsigned scope_bits;   /* told where the question had a client subnet */
    size_t room;           /* at most; at least DNS_UDP_BYTES where is_udp */
    bool is_udp;           /* then: what the sender takes, and at most twice what it sent, */
    bool is_proven;        /* where this does not say that it was the sender */
    const uint8_t *cookie; /* our part, where the question has one; or NULL */
    struct span identity;  /* told where the question wants it and there is room; n 0: never */
};

/* Bytes written. Fewer of the records that are alike where not all fit, then no additional ones,
 * then none at all and TC. */
size_t dns_reply_write(const struct dns_query *q, const struct dns_reply *r, uint8_t *out);
/* dns_reply_cut: nothing but "come by TCP", no longer than the question. */
size_t dns_reply_cut(const struct dns_query *q, uint8_t *out);
bool dns_reply_is_cut(const uint8_t *message); /* whether it has TC */

#endif
