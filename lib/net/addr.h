/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_ADDR_H
#define LIB_NET_ADDR_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <sys/socket.h>
#include <netinet/in.h>

/* A socket address, IPv4 or IPv6. IPv4-mapped IPv6 is turned into IPv4 when it is read. Pure. */
struct addr {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};
#define ADDR_TEXT_ROOM 56 /* "[v6]:port" and the zero */

/* addr_parse: "127.0.0.1:80", "[::1]:80"; default_port < 0: a port must be given. Numbers only.
 * addr_parse_ip: no port. */
MUST_USE int addr_parse(struct span text, int default_port, struct addr *out);
MUST_USE int addr_parse_ip(struct span text, struct addr *out);
void addr_from_sockaddr(struct addr *out, const struct sockaddr *sa);
socklen_t addr_bytes(const struct addr *a);
int addr_port(const struct addr *a);
void addr_set_port(struct addr *a, int port);
bool addr_is_loopback(const struct addr *a);
bool addr_ip_eq(const struct addr *a, const struct addr *b); /* ports not looked at */
/* Both end with a zero and return the length. addr_text: with port; addr_ip_text: without. */
size_t addr_text(const struct addr *a, char out[ADDR_TEXT_ROOM]);
size_t addr_ip_text(const struct addr *a, char out[ADDR_TEXT_ROOM]);

#endif
