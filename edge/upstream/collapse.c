/* SPDX-License-Identifier: MIT
 *
 * The table of flights. Knows keys and waiters, not what flies: that is flight.c. A shard's lock is
 * the only one here; nothing is called and no mail is posted while it is held.
 *
 * A waiter has one mail. While it is on its way with interim answers (is_mailed), landing and later
 * interim answers post none: whoever runs it looks for both, until there is nothing left. */
#include "edge/upstream/collapse.h"

#include "edge/store/object.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

#define SHARDS      64
#define PASSES_EACH 256 /* remembered in a shard: 16,384 keys in all, 24 bytes each */

/* One flight. Counted by the table and by each waiter: who was woken still reads the interim
 * answers. */
struct joined {
    _Atomic uint32_t refs;
    struct shard *shard;
    struct list waiters;
    _Atomic uint8_t interims_count;
    struct interim *interims[COLLAPSE_INTERIMS_MAX];
};

/* In one allocation, followed by its texts: it is freed on any thread. */
struct interim {
    struct response_head head;
    struct field v[];
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

struct hash128 collapse_key(const struct hash128 *key, struct span vary_values)
{
    if (vary_values.n == 0)
        return *key;
    return hash128(vary_values.p, vary_values.n, key->lo ^ key->hi);
}

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

static void joined_unref(struct joined **pj)
{
    struct joined *j = *pj;
    *pj = NULL;
    if (atomic_fetch_sub_explicit(&j->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (uint8_t i = 0; i < j->interims_count; i++)
        mem_free(j->interims[i]);
    mem_free(j);
}

static void set_outcome(struct collapse_waiter *w, const struct collapse_landing *landing)
{
    w->outcome = landing->outcome;
    w->err = landing->err;
    w->status = landing->status;
    w->is_new = landing->is_new;
    w->object = landing->object;
    if (w->object != NULL)
        object_ref(w->object);
}

/* Nothing of w is touched after woken. */
static void wake(struct mail *m)
{
    struct collapse_waiter *w = CONTAINER_OF(m, struct collapse_waiter, mail);
    joined_unref(&w->joined);
    w->woken(w);
}

/* Tells what there is, until there is no more: only then may w leave again. */
static void wake_told(struct mail *m)
{
    struct collapse_waiter *w = CONTAINER_OF(m, struct collapse_waiter, mail);
    struct joined *j = w->joined;
    bool has_more, is_over;
    do {
        uint8_t count = atomic_load_explicit(&j->interims_count, memory_order_acquire);
        while (w->heard < count)
            w->informed(w, &j->interims[w->heard++]->head);
        pthread_mutex_lock(&j->shard->lock);
        is_over = !list_is_linked(&w->link);
        has_more = w->heard < atomic_load_explicit(&j->interims_count, memory_order_relaxed);
        w->is_mailed = has_more;
        pthread_mutex_unlock(&j->shard->lock);
    } while (has_more);
    if (is_over)
        wake(m);
}

/* Who comes after an interim answer is told of it by mail too. */
static void enlist_locked(struct joined *j, struct collapse_waiter *w)
{
    atomic_fetch_add_explicit(&j->refs, 1, memory_order_relaxed);
    w->joined = j;
    w->object = NULL;
    w->heard = 0;
    w->is_mailed = atomic_load_explicit(&j->interims_count, memory_order_relaxed) > 0;
    list_push_back(&j->waiters, &w->link);
}

static enum collapse_role join_locked(struct shard *s, const struct hash128 *key,
                                      struct collapse_waiter *w, msec_t now)
{
    if (is_passed_locked(s, key, now))
        return COLLAPSE_NOT_STORABLE;
    struct joined *j = map_get(s->flights, key_span(key));
    if (j == NULL) {
        j = mem_zalloc(sizeof(*j));
        j->refs = 1;
        j->shard = s;
        list_init(&j->waiters);
        map_put(s->flights, key_span(key), j);
        return COLLAPSE_LEAD;
    }
    if (w != NULL)
        enlist_locked(j, w);
    return COLLAPSE_WAIT;
}

enum collapse_role collapse_join(struct collapse *c, const struct hash128 *key,
                                 struct collapse_waiter *w, msec_t now)
{
    struct shard *s = shard_of(c, key);
    pthread_mutex_lock(&s->lock);
    enum collapse_role role = join_locked(s, key, w, now);
    bool is_late = role == COLLAPSE_WAIT && w != NULL && w->is_mailed;
    pthread_mutex_unlock(&s->lock);
    if (is_late)
        mailbox_post(w->home, &w->mail, wake_told);
    return role;
}

static const struct collapse_landing cancelled = {.outcome = COLLAPSE_FAILED, .err = ERR_CANCELLED};

bool collapse_leave(struct collapse *c, const struct hash128 *key, struct collapse_waiter *w)
{
    struct shard *s = shard_of(c, key);
    pthread_mutex_lock(&s->lock);
    bool was_waiting = list_is_linked(&w->link), is_free = was_waiting && !w->is_mailed;
    if (was_waiting) {
        set_outcome(w, &cancelled);
        list_remove(&w->link);
    }
    pthread_mutex_unlock(&s->lock);
    if (is_free)
        joined_unref(&w->joined);
    return is_free;
}

/* Waiters whose mail is posted after the lock is given back belong to nobody else: who is not
 * linked, or has a mail on its way, cannot leave. */
static struct mail *take_waiters_locked(struct joined *j, const struct collapse_landing *landing,
                                        uint32_t *count)
{
    struct mail *first = NULL;
    struct list *l;
    while ((l = list_pop(&j->waiters)) != NULL) {
        struct collapse_waiter *w = LIST_THING(l, struct collapse_waiter, link);
        set_outcome(w, landing);
        ++*count;
        if (w->is_mailed)
            continue;
        w->mail.next = first;
        first = &w->mail;
    }
    return first;
}

static void post_all(struct mail *m, mail_fn run)
{
    while (m != NULL) {
        struct mail *next = m->next;
        struct collapse_waiter *w = CONTAINER_OF(m, struct collapse_waiter, mail);
        mailbox_post(w->home, m, run);
        m = next;
    }
}

static struct span pack(char **at, struct span s)
{
    struct span copy = {*at, s.n};
    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static struct interim *interim_copy(const struct response_head *head)
{
    size_t bytes = sizeof(struct interim) + head->fields.count * sizeof(struct field);
    for (uint32_t i = 0; i < head->fields.count; i++)
        bytes += head->fields.v[i].name.n + head->fields.v[i].value.n;
    struct interim *it = mem_zalloc(bytes);
    char *at = (char *)&it->v[head->fields.count];
    it->head = (struct response_head){.status = head->status, .content_length = LENGTH_UNKNOWN};
    it->head.fields.v = it->v;
    it->head.fields.count = it->head.fields.room = head->fields.count;
    it->head.fields.ids = head->fields.ids;
    for (uint32_t i = 0; i < head->fields.count; i++) {
        const struct field *f = &head->fields.v[i];
        it->v[i] = (struct field){pack(&at, f->name), pack(&at, f->value), f->id};
    }
    return it;
}

/* Those whose mail is not on its way already. */
static struct mail *tell_waiters_locked(struct joined *j)
{
    struct mail *first = NULL;
    LIST_EACH(l, &j->waiters)
    {
        struct collapse_waiter *w = LIST_THING(l, struct collapse_waiter, link);
        if (w->is_mailed)
            continue;
        w->is_mailed = true;
        w->mail.next = first;
        first = &w->mail;
    }
    return first;
}

void collapse_inform(struct collapse *c, const struct hash128 *key,
                     const struct response_head *head)
{
    struct shard *s = shard_of(c, key);
    struct interim *it = interim_copy(head);
    struct mail *m = NULL;
    pthread_mutex_lock(&s->lock);
    struct joined *j = map_get(s->flights, key_span(key));
    uint8_t count = atomic_load_explicit(&j->interims_count, memory_order_relaxed);
    bool has_room = count < COLLAPSE_INTERIMS_MAX;
    if (has_room) {
        j->interims[count] = it;
        atomic_store_explicit(&j->interims_count, count + 1, memory_order_release);
        m = tell_waiters_locked(j);
    }
    pthread_mutex_unlock(&s->lock);
    if (!has_room)
        mem_free(it);
    post_all(m, wake_told);
}

bool collapse_is_passed(struct collapse *c, const struct hash128 *key, msec_t now, msec_t *left_ms)
{
    struct shard *s = shard_of(c, key);
    pthread_mutex_lock(&s->lock);
    bool is_passed = is_passed_locked(s, key, now);
    *left_ms = is_passed ? passed_slot(s, key)->until - now : 0;
    pthread_mutex_unlock(&s->lock);
    return is_passed;
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
    post_all(m, wake);
    joined_unref(&j);
    return count;
}
