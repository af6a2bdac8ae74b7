/* SPDX-License-Identifier: MIT
 * private to control/dns: what a question says in its OPT record */
#ifndef CONTROL_DNS_DNS_EDNS_H
#define CONTROL_DNS_DNS_EDNS_H

#include "control/dns/dns_query.h"

/* The record as it stands in the message, without its owner and type. Pure. */
struct dns_edns {
    uint16_t payload_bytes;
    uint8_t version;
    struct span options; /* codes and lengths with their data; borrowed */
};

/* dns_edns_read: into q; an rcode; or ERR_SYNTAX: the options' lengths do not add up. Of an option
 * that is there twice the first counts. */
MUST_USE int dns_edns_read(struct dns_query *q, const struct dns_edns *e);

#endif
