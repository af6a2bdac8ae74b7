/* SPDX-License-Identifier: MIT
 * Response-rate limiting. Which networks share a bucket nobody outside can know. */
#include "control/dns/dns_limit.h"

#include "lib/base/hash.h"
#include "lib/base/limit.h"
#include "lib/base/mem.h"

#include <stdatomic.h>

struct dns_limit {
    struct limit *networks; /* a second's worth at once */
    bool is_unlimited;
    uint64_t slip;
    _Atomic uint64_t refused;
};

struct dns_limit *dns_limit_create(int64_t rate, int64_t slip)
{
    struct dns_limit *l = mem_zalloc(sizeof *l);
    l->networks = limit_create(rate, rate);
    l->is_unlimited = rate == 0;
    l->slip = (uint64_t)slip;
    return l;
}

void dns_limit_destroy(struct dns_limit **pl)
{
    struct dns_limit *l = *pl;
    *pl = NULL;
    if (l == NULL)
        return;
    limit_destroy(&l->networks);
    mem_free(l);
}

static uint64_t network_hash(const struct addr *a)
{
    uint8_t key[8] = {0};
    if (a->any.sa_family == AF_INET6) {
        key[0] = 1;
        memcpy(key + 1, &a->v6.sin6_addr, 7); /* /56 */
    } else {
        memcpy(key + 1, &a->v4.sin_addr, 3); /* /24 */
    }
    return hash64_seeded(key, sizeof key);
}

uint64_t dns_limit_who(const struct dns_limit *l, const struct addr *client)
{
    if (l->is_unlimited)
        return 0;
    uint64_t who = network_hash(client);
    limit_expect(l->networks, who);
    return who;
}

enum dns_limit_verdict dns_limit_take(struct dns_limit *l, uint64_t who, msec_t now)
{
    if (l->is_unlimited || limit_take(l->networks, who, now))
        return DNS_LIMIT_PASS;
    uint64_t refused = atomic_fetch_add_explicit(&l->refused, 1, memory_order_relaxed) + 1;
    return l->slip > 0 && refused % l->slip == 0 ? DNS_LIMIT_CUT : DNS_LIMIT_DROP;
}
