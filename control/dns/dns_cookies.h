/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_COOKIES_H
#define CONTROL_DNS_DNS_COOKIES_H

#include "control/dns/dns_query.h"

/* Cookies (RFC 7873) as all servers make them (RFC 9018): who shows one that we gave to his address
 * gets what is sent there, so his questions need neither a rate nor short answers. The secret is
 * made at the start, so that a cookie of before is as if there were none. Threads: any, once made.
 */
#define DNS_COOKIE_BYTES 16 /* of our part */

struct dns_cookies {
    uint8_t secret[16];
};
void dns_cookies_init(struct dns_cookies *c);
/* dns_cookies_prove: q has a cookie, and it is ours. now_s: Unix time. */
bool dns_cookies_prove(const struct dns_cookies *c, const struct dns_query *q,
                       const struct addr *sender, uint32_t now_s);
/* dns_cookies_make: our part of the answer to q, which has a cookie. */
void dns_cookies_make(const struct dns_cookies *c, const struct dns_query *q,
                      const struct addr *sender, uint32_t now_s, uint8_t out[DNS_COOKIE_BYTES]);

#endif
