/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_COLLAPSE_H
#define EDGE_UPSTREAM_COLLAPSE_H

#include "lib/base/hash.h"
#include "lib/base/list.h"
#include "lib/base/clock.h"
#include "lib/http/message.h"
#include "lib/net/mailbox.h"

#include <stdbool.h>

/* Who is bringing what: at most one flight per key on this node, over all workers. The first who
 * asks leads; the others are woken by one mail each when the flight lands, and told before it of
 * interim answers (1xx). Sharded by the key; a shard's lock is held for a few pointers only, mails
 * are posted after it.
 *
 * Keys that turned out not to be storable are remembered for a while (a bounded table, later ones
 * displace earlier ones), so that requests for them do not queue up behind one another. */
struct collapse;
struct joined;
struct object;

enum collapse_outcome {
    COLLAPSE_OBJECT, /* *object: to be answered from, if it fits the request; referenced */
    COLLAPSE_PASS,   /* not for the cache: fetch for yourself */
    COLLAPSE_AGAIN,  /* purged meanwhile, or led elsewhere to nothing: look again */
    COLLAPSE_FAILED, /* upstream gave no answer: err */
};

struct collapse_waiter {
    struct mail mail; /* first */
    struct list link;
    /* set before collapse_join */
    struct mailbox *home;
    void (*woken)(struct collapse_waiter *w); /* on home's loop, once */
    /* On home's loop, before woken, for each interim answer, also for those that came before this
     * one joined; may call collapse_leave. The head is borrowed during the call. */
    void (*informed)(struct collapse_waiter *w, const struct response_head *head);
    /* set before woken */
    enum collapse_outcome outcome;
    int err, status; /* FAILED: of upstream's answer where there was one, else 0 */
    struct object *object;
    bool is_new; /* OBJECT: all its bytes come by fills that began with this flight, or later */
    /* the table's own */
    struct joined *joined;
    uint8_t heard;  /* interim answers told of */
    bool is_mailed; /* a mail about them is on its way; under the shard's lock */
};

/* collapse_key: who may wait for one another: requests for a key with the same values of what is
 * known to be varied by ("" where nothing is). */
struct hash128 collapse_key(const struct hash128 *key, struct span vary_values);

enum collapse_role { COLLAPSE_LEAD, COLLAPSE_WAIT, COLLAPSE_NOT_STORABLE };

struct collapse *collapse_create(void) __attribute__((returns_nonnull));
void collapse_destroy(struct collapse **c); /* nothing may fly */

/* collapse_join: LEAD: the caller must land it, w is not registered; WAIT: w is (NULL: nothing to
 * wake, only asking); NOT_STORABLE: remembered, nothing registered. Any thread. */
enum collapse_role collapse_join(struct collapse *c, const struct hash128 *key,
                                 struct collapse_waiter *w, msec_t now);
/* collapse_leave: true: no mail will come; false: it is on its way, w must stay until woken. */
bool collapse_leave(struct collapse *c, const struct hash128 *key, struct collapse_waiter *w);

/* collapse_inform: an interim answer for all who wait, and who come until the flight lands. Copied;
 * beyond COLLAPSE_INTERIMS_MAX of a flight they are dropped. For the leader, on its thread. */
#define COLLAPSE_INTERIMS_MAX 8
void collapse_inform(struct collapse *c, const struct hash128 *key,
                     const struct response_head *head);

/* collapse_is_passed: whether the key is remembered as not storable, and for how long still. */
bool collapse_is_passed(struct collapse *c, const struct hash128 *key, msec_t now, msec_t *left_ms);

/* collapse_land: ends the flight and wakes all; each gets a reference to object. A PASS is
 * remembered until now + pass_ms (0: not). Returns how many waited. */
struct collapse_landing {
    enum collapse_outcome outcome;
    int err, status;
    struct object *object; /* borrowed */
    bool is_new;
    msec_t now, pass_ms;
};
uint32_t collapse_land(struct collapse *c, const struct hash128 *key,
                       const struct collapse_landing *landing);

#endif
