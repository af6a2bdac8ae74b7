/* SPDX-License-Identifier: MIT
 *
 * The table of flights. Knows keys and waiters, not what flies: that is flight.c. A shard's lock is
 * the only one here; nothing is called and no mail is posted while it is held. */
#include "edge/upstream/collapse.h"

#include "edge/store/object.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"

#include <pthread.h>

#define SHARDS      64
#define PASSES_EACH 256 /* remembered in a shard: 16,384 keys in all, 24 bytes each */

struct joined {
    struct list waiters;
};

struct passed {
    struct hash128 key;
    msec_t until;
};

struct shard {
    pthread_mutex_t lock;
    struct map *flights; /* hash128 -> struct joined */
    struct passed passed[PASSES_EACH];
};

struct collapse {
    struct shard shards[SHARDS];
};

struct collapse *collapse_create(void)
{
    struct collapse *c = mem_zalloc(sizeof(*c));
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&c->shards[i].lock, NULL);
        c->shards[i].flights = map_create();
    }
    return c;
}

void collapse_destroy(struct collapse **pc)
{
    struct collapse *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    for (int i = 0; i < SHARDS; i++) {
        CHECK(map_count(c->shards[i].flights) == 0);
        map_destroy(c->shards[i].flights);
        pthread_mutex_destroy(&c->shards[i].lock);
    }
    mem_free(c);
}

static struct shard *shard_of(struct collapse *c, const struct hash128 *key)
{
    return &c->shards[key->hi % SHARDS];
}

static struct span key_span(const struct hash128 *key)
{
    return span_make(key, sizeof(*key));
}

static struct passed *passed_slot(struct shard *s, const struct hash128 *key)
{
    return &s->passed[key->lo % PASSES_EACH];
}

static bool is_passed_locked(struct shard *s, const struct hash128 *key, msec_t now)
{
    const struct passed *p = passed_slot(s, key);
    return p->until > now && p->key.lo == key->lo && p->key.hi == key->hi;
}

static enum collapse_role join_locked(struct shard *s, const struct hash128 *key,
                                      struct collapse_waiter *w, msec_t now)
{
    if (is_passed_locked(s, key, now))
        return COLLAPSE_NOT_STORABLE;
    struct joined *j = map_get(s->flights, key_span(key));
    if (j == NULL) {
        j = mem_alloc(sizeof(*j));
        list_init(&j->waiters);
        map_put(s->flights, key_span(key), j);
        return COLLAPSE_LEAD;
    }
    if (w != NULL) {
        w->object = NULL;
        list_push_back(&j->waiters, &w->link);
    }
    return COLLAPSE_WAIT;
}

enum collapse_role collapse_join(struct collapse *c, const struct hash128 *key,
                                 struct collapse_waiter *w, msec_t now)
{
    struct shard *s = shard_of(c, key);
    pthread_mutex_lock(&s->lock);
    enum collapse_role role = join_locked(s, key, w, now);
    pthread_mutex_unlock(&s->lock);
    return role;
}

bool collapse_leave(struct collapse *c, const struct hash128 *key, struct collapse_waiter *w)
{
    struct shard *s = shard_of(c, key);
    pthread_mutex_lock(&s->lock);
    bool was_waiting = list_is_linked(&w->link);
    if (was_waiting)
        list_remove(&w->link);
    pthread_mutex_unlock(&s->lock);
    return was_waiting;
}

static void wake(struct mail *m)
{
    struct collapse_waiter *w = CONTAINER_OF(m, struct collapse_waiter, mail);
    w->woken(w);
}

/* Waiters that were taken off under the lock belong to nobody else: no one can leave any more, for
 * their links are cut one by one before the lock is given back. */
static struct mail *take_waiters_locked(struct joined *j, const struct collapse_landing *landing,
                                        uint32_t *count)
{
    struct mail *first = NULL, **end = &first;
    struct list *l;
    while ((l = list_pop(&j->waiters)) != NULL) {
        struct collapse_waiter *w = LIST_THING(l, struct collapse_waiter, link);
        w->outcome = landing->outcome;
        w->err = landing->err;
        w->status = landing->status;
        w->is_new = landing->is_new;
        w->object = landing->object;
        if (w->object != NULL)
            object_ref(w->object);
        *end = &w->mail;
        w->mail.next = NULL;
        end = &w->mail.next;
        ++*count;
    }
    return first;
}

uint32_t collapse_land(struct collapse *c, const struct hash128 *key,
                       const struct collapse_landing *landing)
{
    struct shard *s = shard_of(c, key);
    uint32_t count = 0;
    pthread_mutex_lock(&s->lock);
    struct joined *j = map_remove(s->flights, key_span(key));
    CHECK(j != NULL);
    struct mail *m = take_waiters_locked(j, landing, &count);
    if (landing->pass_ms > 0)
        *passed_slot(s, key) = (struct passed){*key, landing->now + landing->pass_ms};
    pthread_mutex_unlock(&s->lock);
    mem_free(j);
    while (m != NULL) {
        struct mail *next = m->next;
        struct collapse_waiter *w = CONTAINER_OF(m, struct collapse_waiter, mail);
        mailbox_post(w->home, m, wake);
        m = next;
    }
    return count;
}
