/* SPDX-License-Identifier: MIT
 * Response-rate limiting as token buckets of one word: the moment at which the bucket is full again
 * (GCRA), in microseconds. Networks that meet in a bucket share it: under a flood from everywhere
 * the limit is stricter, never looser; which ones meet nobody outside can know. */
#include "control/dns/dns_limit.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <stdatomic.h>

#define BUCKETS (1U << 16)
#define US      1000000

struct dns_limit {
    uint64_t cost_us; /* of one answer; 0: free */
    uint64_t slip;
    _Atomic uint64_t refused;
    _Atomic uint64_t full_at[BUCKETS];
};

struct dns_limit *dns_limit_create(int64_t rate, int64_t slip)
{
    struct dns_limit *l = mem_zalloc(sizeof *l);
    l->cost_us = rate > 0 ? (uint64_t)(US / rate) : 0;
    l->slip = (uint64_t)slip;
    return l;
}

void dns_limit_destroy(struct dns_limit **pl)
{
    mem_free(*pl);
    *pl = NULL;
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

/* A bucket holds a second's worth. */
static bool take(struct dns_limit *l, _Atomic uint64_t *bucket, uint64_t now_us)
{
    uint64_t full_at = atomic_load_explicit(bucket, memory_order_relaxed), fresh;
    do {
        fresh = (full_at > now_us ? full_at : now_us) + l->cost_us;
        if (fresh - now_us > US)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(bucket, &full_at, fresh, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

enum dns_limit_verdict dns_limit_take(struct dns_limit *l, const struct addr *client, msec_t now)
{
    if (l->cost_us == 0)
        return DNS_LIMIT_PASS;
    if (take(l, &l->full_at[network_hash(client) % BUCKETS], (uint64_t)now * 1000))
        return DNS_LIMIT_PASS;
    uint64_t refused = atomic_fetch_add_explicit(&l->refused, 1, memory_order_relaxed) + 1;
    return l->slip > 0 && refused % l->slip == 0 ? DNS_LIMIT_CUT : DNS_LIMIT_DROP;
}
