/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_LIMIT_H
#define CONTROL_DNS_DNS_LIMIT_H

#include "lib/base/clock.h"
#include "lib/net/addr.h"

/* How many answers a network (IPv4 /24, IPv6 /56) may still have: who fakes a sender's address
 * reaches his victim with no more than that. One table for all workers, of fixed size, without a
 * lock. Threads: any, but create and destroy. */
struct dns_limit;

enum dns_limit_verdict { DNS_LIMIT_PASS, DNS_LIMIT_DROP, DNS_LIMIT_CUT };

/* rate: a second, and as many at once; 0: any number. slip: each how manieth beyond it is CUT; 0:
 * none is. */
struct dns_limit *dns_limit_create(int64_t rate, int64_t slip) __attribute__((returns_nonnull));
void dns_limit_destroy(struct dns_limit **l);
/* dns_limit_who: a client's network, for dns_limit_take, which follows after other work: what it
 * reads is asked for. */
uint64_t dns_limit_who(const struct dns_limit *l, const struct addr *client);
enum dns_limit_verdict dns_limit_take(struct dns_limit *l, uint64_t who, msec_t now);

#endif
