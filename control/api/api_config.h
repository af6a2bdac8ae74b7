/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_CONFIG_H
#define CONTROL_API_API_CONFIG_H

#include "control/billing/cost.h"
#include "control/route/decide.h"
#include "lib/base/arena.h"
#include "lib/base/digest.h"

#include <pthread.h>
#include <stdatomic.h>

/* What a reload may change, as an immutable snapshot: made whole, swapped whole, freed when the
 * last reader has left. Threads: any. */
struct api_config {
    uint32_t magic;
    atomic_uint refs;
    uint64_t version; /* set by api_config_swap */
    struct arena mem; /* what the tables' spans point to */
    struct decide_rules rules;
    struct override_table *overrides; /* rules.overrides */
    struct override_table *proxies;   /* whose X-Forwarded-For is believed */
    uint8_t operator_digest[DIGEST_SHA256_BYTES], node_digest[DIGEST_SHA256_BYTES];
    bool has_node_token;  /* else nodes bear tokens that are bound to them */
    bool knows_operators; /* has an ASN database, which rules for operators need */
    struct price price;
    int64_t redirect_max_age_s;
    struct span redirect_cache_control; /* that says so */
};
#define API_CONFIG_MAGIC 0x7be6a210U

struct api_config *api_config_create(void) __attribute__((returns_nonnull));
void api_config_unref(struct api_config **c); /* NULL is fine */

/* Where the newest one is found. */
struct api_config_box {
    pthread_mutex_t lock;
    struct api_config *newest;
    _Atomic uint64_t version;
};
void api_config_box_init(struct api_config_box *b);
void api_config_box_finish(struct api_config_box *b);
void api_config_swap(struct api_config_box *b, struct api_config *c); /* takes c */
/* api_config_now: the newest, through the place of one thread: borrowed until the next call. */
const struct api_config *api_config_now(struct api_config_box *b, struct api_config **held);

#endif
