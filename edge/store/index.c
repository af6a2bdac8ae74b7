/* SPDX-License-Identifier: MIT */

/* Chained buckets under sharded locks. The table never grows: its size comes from the memory that
 * objects may take at all, so that no look-up ever waits for a rehash. Objects leave the index
 * under the shard's lock and are given back outside it. Threads: any. */
#include "edge/store/index.h"

#include "edge/store/generation_inner.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#define SHARDS           64u
#define PURGES_KEPT      64u /* a shard */
#define EVICT_VISITS_MAX 64u
#define SITE_MARKS       256u /* sites that share one share their purges' refusals, nothing else */
#define BUCKETS_AT_ONCE  64u

struct purge_mark {
    struct hash128 hash;
    uint64_t moment;
};

struct shard {
    pthread_mutex_t lock;
    struct object **buckets;
    uint32_t mask;
    uint32_t purges_at; /* where the next one goes */
    struct list clock;  /* objects; the front is the next to be looked at */
    counter_t count;    /* written under the lock, read by anybody */
    uint64_t floor;     /* purges up to this moment are no longer remembered one by one */
    struct purge_mark purges[PURGES_KEPT];
};

struct index {
    uint32_t variants_max;
    _Atomic uint32_t turn; /* shard that index_evict takes next */
    _Atomic uint64_t moment;
    _Atomic uint64_t site_marks[SITE_MARKS]; /* moment of the last purge of a whole site */
    struct object **buckets;
    struct shard shards[SHARDS];
};

struct index *index_create(uint32_t buckets, uint32_t variants_max, size_t *bytes)
{
    CHECK(buckets >= SHARDS && (buckets & (buckets - 1)) == 0);
    struct index *ix = mem_zalloc(sizeof(*ix));
    *bytes = sizeof(*ix) + buckets * sizeof(*ix->buckets);
    ix->variants_max = variants_max;
    ix->moment = 1;
    ix->buckets = mem_zarray(buckets, sizeof(*ix->buckets));
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct shard *sh = &ix->shards[i];
        pthread_mutex_init(&sh->lock, NULL);
        sh->buckets = ix->buckets + (size_t)i * (buckets / SHARDS);
        sh->mask = buckets / SHARDS - 1;
        list_init(&sh->clock);
    }
    return ix;
}

void index_destroy(struct index *ix)
{
    if (ix == NULL)
        return;
    for (uint32_t i = 0; i < SHARDS; i++) {
        CHECK(list_is_empty(&ix->shards[i].clock));
        pthread_mutex_destroy(&ix->shards[i].lock);
    }
    mem_free(ix->buckets);
    mem_free(ix);
}

/* The upper half chooses the shard, the lower the bucket. */
static struct shard *shard_of(struct index *ix, const struct hash128 *h)
{
    return &ix->shards[h->hi % SHARDS];
}

static struct object **bucket_of(struct shard *sh, const struct hash128 *h)
{
    return &sh->buckets[h->lo & sh->mask];
}

static bool key_eq(const struct store_key *a, const struct store_key *b)
{
    return a->hash.lo == b->hash.lo && a->hash.hi == b->hash.hi && span_eq(a->text, b->text);
}

uint64_t index_moment(const struct index *ix)
{
    return atomic_load(&ix->moment);
}

uint64_t index_count(const struct index *ix)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < SHARDS; i++)
        count += counter_get(&ix->shards[i].count);
    return count;
}

struct object *index_select(struct index *ix, const struct store_key *key, object_match_fn matches,
                            void *ctx)
{
    struct shard *sh = shard_of(ix, &key->hash);
    pthread_mutex_lock(&sh->lock);
    struct object *o = *bucket_of(sh, &key->hash);
    while (o != NULL && !(key_eq(&o->key, key) && (matches == NULL || matches(ctx, o))))
        o = o->chain_next;
    if (o != NULL) {
        object_ref(o);
        o->was_used = true;
        counter_add(&o->uses, 1);
    }
    pthread_mutex_unlock(&sh->lock);
    return o;
}

/* *at leaves the index for the list of those to be given back. */
static void take_out_locked(struct shard *sh, struct object **at, struct index_left *left)
{
    struct object *o = *at;
    *at = o->chain_next;
    list_remove(&o->clock_link);
    counter_add(&sh->count, (uint64_t)-1);
    atomic_store(&o->is_indexed, false);
    generation_owner_clear(o->generation, o);
    o->chain_next = left->first;
    left->first = o;
    left->count++;
}

uint64_t index_let_go(struct index_left *left)
{
    uint64_t count = left->count;
    while (left->first != NULL) {
        struct object *o = left->first;
        left->first = o->chain_next;
        object_unref(&o);
    }
    left->count = 0;
    return count;
}

static _Atomic uint64_t *site_mark(struct index *ix, struct span site)
{
    return &ix->site_marks[hash64_seeded(site.p, site.n) % SITE_MARKS];
}

/* Whether a purge that o falls under came after `moment`. */
static bool is_purged_since_locked(struct index *ix, const struct shard *sh, const struct object *o,
                                   uint64_t moment)
{
    const struct hash128 *h = &o->key.hash;
    if (sh->floor > moment || atomic_load(site_mark(ix, o->site)) > moment)
        return true;
    for (uint32_t i = 0; i < PURGES_KEPT; i++) {
        const struct purge_mark *p = &sh->purges[i];
        if (p->moment > moment && p->hash.lo == h->lo && p->hash.hi == h->hi)
            return true;
    }
    return false;
}

static bool is_same_variant(const struct object *a, const struct object *b)
{
    return span_eq(a->vary_names, b->vary_names) && span_eq(a->vary_values, b->vary_values);
}

/* The same variant, and the oldest of too many. */
static void displace_locked(struct index *ix, struct shard *sh, const struct object *o,
                            struct index_left *left)
{
    uint32_t variants = 1;
    struct object **at = bucket_of(sh, &o->key.hash);
    while (*at != NULL) {
        bool is_sibling = key_eq(&(*at)->key, &o->key);
        if (is_sibling && (is_same_variant(*at, o) || variants >= ix->variants_max)) {
            take_out_locked(sh, at, left);
            continue;
        }
        variants += is_sibling;
        at = &(*at)->chain_next;
    }
}

int index_insert(struct index *ix, struct object *o, uint64_t moment, struct index_left *left)
{
    struct shard *sh = shard_of(ix, &o->key.hash);
    pthread_mutex_lock(&sh->lock);
    CHECK(!atomic_load(&o->is_indexed));
    if (is_purged_since_locked(ix, sh, o, moment)) {
        pthread_mutex_unlock(&sh->lock);
        return ERR_CHANGED;
    }
    displace_locked(ix, sh, o, left);
    struct object **bucket = bucket_of(sh, &o->key.hash);
    o->chain_next = *bucket;
    *bucket = o;
    list_push_back(&sh->clock, &o->clock_link);
    counter_add(&sh->count, 1);
    object_ref(o);
    atomic_store(&o->is_indexed, true);
    generation_owner_set(o->generation, o);
    pthread_mutex_unlock(&sh->lock);
    return 0;
}

static struct object **find_locked(struct shard *sh, const struct object *o)
{
    struct object **at = bucket_of(sh, &o->key.hash);
    while (*at != o)
        at = &(*at)->chain_next;
    return at;
}

void index_remove(struct index *ix, struct object *o, struct index_left *left)
{
    struct shard *sh = shard_of(ix, &o->key.hash);
    pthread_mutex_lock(&sh->lock);
    if (atomic_load(&o->is_indexed))
        take_out_locked(sh, find_locked(sh, o), left);
    pthread_mutex_unlock(&sh->lock);
}

/* The moment is drawn under the lock: whoever asks for one later sees the key without what is
 * purged here, and whoever asked before is refused. */
static void remember_purge_locked(struct index *ix, struct shard *sh, const struct hash128 *h)
{
    struct purge_mark *p = &sh->purges[sh->purges_at];
    sh->purges_at = (sh->purges_at + 1) % PURGES_KEPT;
    if (p->moment > sh->floor)
        sh->floor = p->moment;
    *p = (struct purge_mark){.hash = *h, .moment = atomic_fetch_add(&ix->moment, 1) + 1};
}

/* What a purge falls on: a key, or a site, or (site.p == NULL) everything. */
struct purge_scope {
    const struct store_key *key;
    struct span site;
    bool is_soft;
};

static bool scope_has(const struct purge_scope *scope, const struct object *o)
{
    if (scope->key != NULL)
        return key_eq(&o->key, scope->key);
    return scope->site.p == NULL || span_eq(o->site, scope->site);
}

static uint64_t purge_chain_locked(struct shard *sh, struct object **at,
                                   const struct purge_scope *scope, struct index_left *left)
{
    uint64_t met = 0;
    while (*at != NULL) {
        bool is_met = scope_has(scope, *at);
        met += is_met;
        if (is_met && !scope->is_soft) {
            take_out_locked(sh, at, left);
            continue;
        }
        if (is_met)
            atomic_store(&(*at)->is_soft_purged, true);
        at = &(*at)->chain_next;
    }
    return met;
}

uint64_t index_purge(struct index *ix, const struct store_key *key, bool is_soft,
                     struct index_left *left)
{
    struct purge_scope scope = {.key = key, .is_soft = is_soft};
    struct shard *sh = shard_of(ix, &key->hash);
    pthread_mutex_lock(&sh->lock);
    remember_purge_locked(ix, sh, &key->hash);
    uint64_t met = purge_chain_locked(sh, bucket_of(sh, &key->hash), &scope, left);
    pthread_mutex_unlock(&sh->lock);
    return met;
}

/* The mark comes first: whoever inserts into a bucket that was walked already finds it, as both
 * hold the shard's lock. */
static void mark_site(struct index *ix, struct span site)
{
    uint64_t moment = atomic_fetch_add(&ix->moment, 1) + 1;
    if (site.p != NULL) {
        atomic_store(site_mark(ix, site), moment);
        return;
    }
    for (uint32_t i = 0; i < SITE_MARKS; i++)
        atomic_store(&ix->site_marks[i], moment);
}

uint64_t index_purge_site(struct index *ix, struct span site, bool is_soft, struct index_left *left)
{
    struct purge_scope scope = {.site = site, .is_soft = is_soft};
    uint64_t met = 0;
    mark_site(ix, site);
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct shard *sh = &ix->shards[i];
        for (uint32_t b = 0; b <= sh->mask; b++) {
            if (b % BUCKETS_AT_ONCE == 0)
                pthread_mutex_lock(&sh->lock);
            met += purge_chain_locked(sh, &sh->buckets[b], &scope, left);
            if (b % BUCKETS_AT_ONCE == BUCKETS_AT_ONCE - 1 || b == sh->mask)
                pthread_mutex_unlock(&sh->lock);
        }
    }
    return met;
}

/* Whether o may leave for want of room: nobody but the index holds it, nobody reads or feeds it. */
static bool is_idle_locked(struct object *o)
{
    return atomic_load(&o->refs) == 1 && !generation_is_busy(o->generation);
}

void index_evict(struct index *ix, uint32_t max, struct index_left *left)
{
    for (uint32_t i = 0; i < SHARDS && left->count < max; i++) {
        struct shard *sh = &ix->shards[atomic_fetch_add(&ix->turn, 1) % SHARDS];
        pthread_mutex_lock(&sh->lock);
        uint64_t visits =
            2 * counter_get(&sh->count); /* the second time round finds who was used */
        if (visits > EVICT_VISITS_MAX)
            visits = EVICT_VISITS_MAX;
        for (; visits > 0 && left->count < max && !list_is_empty(&sh->clock); visits--) {
            struct object *o = LIST_THING(sh->clock.next, struct object, clock_link);
            if (!o->was_used && is_idle_locked(o)) {
                take_out_locked(sh, find_locked(sh, o), left);
                continue;
            }
            o->was_used = false;
            list_remove(&o->clock_link);
            list_push_back(&sh->clock, &o->clock_link);
        }
        pthread_mutex_unlock(&sh->lock);
    }
}

void index_clear(struct index *ix, struct index_left *left)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct shard *sh = &ix->shards[i];
        pthread_mutex_lock(&sh->lock);
        while (!list_is_empty(&sh->clock)) {
            struct object *o = LIST_THING(sh->clock.next, struct object, clock_link);
            take_out_locked(sh, find_locked(sh, o), left);
        }
        pthread_mutex_unlock(&sh->lock);
    }
}
