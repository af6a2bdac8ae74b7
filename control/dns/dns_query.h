/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_QUERY_H
#define CONTROL_DNS_DNS_QUERY_H

#include "lib/base/arena.h"
#include "lib/net/addr.h"

/* A DNS question as it came (RFC 1035, 6891, 7871, 7873), read strictly. Pure. */
#define DNS_HEADER_BYTES 12
#define DNS_NAME_BYTES   255

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_SOA = 6,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_HTTPS = 65,
    DNS_TYPE_IXFR = 251,
    DNS_TYPE_META_END = 254, /* IXFR, AXFR, MAILB, MAILA: never answered */
    DNS_TYPE_ANY = 255,
};

enum dns_class {
    DNS_CLASS_IN = 1,
    DNS_CLASS_CH = 3, /* what a server tells of itself (RFC 4892) */
    DNS_CLASS_ANY = 255,
};

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_NOTAUTH = 9,
    DNS_BADVERS = 16,
    DNS_BADCOOKIE = 23,
};

/* Whose answer is asked for, where that is not the sender (RFC 7871). */
struct dns_subnet {
    struct addr address; /* bits beyond source_bits are zero */
    uint8_t source_bits; /* 0: the client wants no part of this */
};

struct dns_cookie {
    uint8_t client[8], server[32];
    uint8_t server_bytes; /* 0: the client has none of a server's yet */
};

struct dns_query {
    struct span wire;  /* borrowed */
    size_t name_bytes; /* 0: there is no question to answer, or none to repeat */
    uint16_t type, class;
    bool has_edns, has_subnet, has_cookie;
    bool has_nsid;          /* asks who answers (RFC 5001) */
    uint16_t payload_bytes; /* that the sender takes by UDP */
    struct dns_subnet subnet;
    uint8_t name[DNS_NAME_BYTES + 1]; /* as in messages, in lower case; written in whole words */
    struct dns_cookie cookie;
};

/* dns_query_read: an rcode: NOERROR and all of *out, or how to answer instead; or ERR_SYNTAX: no
 * question, not to be answered at all. mem: for the time of the call. */
MUST_USE int dns_query_read(struct dns_query *out, struct span wire, struct arena *mem);

/* The two ways it reads a message of DNS_HEADER_BYTES at least. Where the first knows the form
 * (true), both say the same. The second, of one whose head says "one question": ERR_SYNTAX where
 * the rest is not what the head says. */
bool dns_query_read_plain(struct dns_query *out, struct span wire, int *rcode);
int dns_query_read_any(struct dns_query *out, struct span wire, struct arena *mem);

#endif
