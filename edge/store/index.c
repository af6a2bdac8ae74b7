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
#define BUCKETS_AT_ONCE  128u /* of a sweep */
#define WALK_BUCKETS                                                                               \
    1024u                /* of one step of a walk, and as many objects at most, but for those of */
#define WALK_OBJECTS 64u /* the last bucket: some 10 us under a lock */

struct purge_mark {
    uint64_t hash;
    uint64_t moment;
};

struct shard {
    pthread_mutex_t lock;
    struct address *buckets;
    uint32_t mask;
    uint32_t purges_at; /* where the next one goes */
    uint32_t hand;      /* bucket that eviction looks at next */
    counter_t count;    /* written under the lock, read by anybody */
    uint64_t floor;     /* purges up to this moment are no longer remembered one by one */
    uint64_t newest;    /* moment of the newest of those that are */
    struct purge_mark purges[PURGES_KEPT];
};

struct index {
    uint32_t variants_max;
    _Atomic uint32_t turn; /* shard that index_evict takes next */
    struct purge_marks *marks;
    struct address *buckets;
    /* the sweep's own */
    uint64_t sweeps_for, swept; /* number of the newest mark when it began; when it last ended */
    uint32_t sweep_shard, sweep_bucket;
    struct shard shards[SHARDS];
};

struct index *index_create(uint32_t buckets, uint32_t variants_max, struct purge_marks *marks,
                           size_t *bytes)
{
    CHECK(buckets >= SHARDS && (buckets & (buckets - 1)) == 0);
    struct index *ix = mem_zalloc(sizeof(*ix));
    *bytes = sizeof(*ix) + buckets * sizeof(*ix->buckets);
    ix->variants_max = variants_max;
    ix->marks = marks;
    ix->buckets = mem_zarray(buckets, sizeof(*ix->buckets));
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct shard *sh = &ix->shards[i];
        pthread_mutex_init(&sh->lock, NULL);
        sh->buckets = ix->buckets + (size_t)i * (buckets / SHARDS);
        sh->mask = buckets / SHARDS - 1;
    }
    return ix;
}

void index_destroy(struct index *ix)
{
    if (ix == NULL)
        return;
    for (uint32_t i = 0; i < SHARDS; i++) {
        CHECK(counter_get(&ix->shards[i].count) == 0);
        pthread_mutex_destroy(&ix->shards[i].lock);
    }
    mem_free(ix->buckets);
    mem_free(ix);
}

/* The uppermost bits of a key's hash choose the shard, the lowest the bucket. */
static struct shard *shard_of(struct index *ix, uint64_t hash)
{
    return &ix->shards[hash / (UINT64_MAX / SHARDS + 1)];
}

static struct address *bucket_of(struct shard *sh, uint64_t hash)
{
    return &sh->buckets[hash & sh->mask];
}

static uint64_t hash_of(const struct object *o)
{
    return generation_key(o->generation);
}

static struct object *object_at(const struct address *a)
{
    return address_get(a);
}

/* tag: of the key's hash. */
static bool is_of_key(const struct object *o, uint16_t tag, struct span key)
{
    return o->hash_tag == tag && span_eq(object_key_text(o), key);
}

static bool has_same_key(const struct object *a, const struct object *b)
{
    return is_of_key(a, b->hash_tag, object_key_text(b));
}

uint64_t index_count(const struct index *ix)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < SHARDS; i++)
        count += counter_get(&ix->shards[i].count);
    return count;
}

/* *at leaves the index for the list of those to be given back. */
static void take_out_locked(struct shard *sh, struct address *at, struct index_left *left)
{
    struct object *o = object_at(at);
    *at = o->chain_next;
    counter_add(&sh->count, (uint64_t)-1);
    object_unset(o, OBJECT_INDEXED);
    generation_owner_clear(o->generation, o);
    address_set(&o->chain_next, left->first);
    left->first = o;
    left->count++;
}

uint64_t index_let_go(struct index_left *left)
{
    uint64_t count = left->count;
    while (left->first != NULL) {
        struct object *o = left->first;
        left->first = object_at(&o->chain_next);
        object_unref(&o);
    }
    left->count = 0;
    return count;
}

/* It leaves for a purge. */
static void purge_out_locked(struct shard *sh, struct address *at, struct index_left *left)
{
    object_set(object_at(at), OBJECT_PURGED);
    take_out_locked(sh, at, left);
}

/* Compares *at with the marks that it does not know yet. True: it fell to one, and has left. */
static bool compare_locked(struct index *ix, struct shard *sh, struct address *at,
                           struct index_left *left)
{
    struct object *o = object_at(at);
    uint64_t newest, known = object_purges_known(o);
    if (known >= purge_marks_newest(ix->marks))
        return false;
    switch (purge_marks_judge(ix->marks, o, known, &newest)) {
    case PURGE_VERDICT_HARD:
        purge_out_locked(sh, at, left);
        return true;
    case PURGE_VERDICT_SOFT:
        object_set(o, OBJECT_SOFT_PURGED);
        break;
    case PURGE_VERDICT_NONE:
        break;
    }
    object_purges_know(o, newest);
    return false;
}

/* Written under the lock alone: the sum needs no atomic instruction. */
static void use_locked(struct object *o, uint32_t more)
{
    uint32_t uses = object_uses(o);
    uses += more < OBJECT_USED - 1 - uses ? more : OBJECT_USED - 1 - uses;
    atomic_store_explicit(&o->uses, uses | OBJECT_USED, memory_order_relaxed);
}

struct object *index_select(struct index *ix, const struct store_key *key,
                            const struct index_wanted *wanted, struct index_left *left)
{
    struct shard *sh = shard_of(ix, key->hash.lo);
    uint16_t tag = object_hash_tag(key->hash.lo);
    pthread_mutex_lock(&sh->lock);
    struct address *at = bucket_of(sh, key->hash.lo);
    struct object *o;
    while ((o = object_at(at)) != NULL) {
        bool is_variant = is_of_key(o, tag, key->text);
        if (is_variant && compare_locked(ix, sh, at, left))
            continue;
        if (is_variant && (wanted->matches == NULL || wanted->matches(wanted->ctx, o)))
            break;
        at = &o->chain_next;
    }
    if (o != NULL)
        object_ref(o);
    if (o != NULL && wanted->is_use)
        use_locked(o, 1);
    pthread_mutex_unlock(&sh->lock);
    return o;
}

/* Whether a purge of its key came after `moment`. */
static bool is_key_purged_locked(const struct shard *sh, const struct object *o, uint64_t moment)
{
    if (sh->floor > moment)
        return true;
    for (uint32_t i = 0; i < PURGES_KEPT && sh->newest > moment; i++) {
        const struct purge_mark *p = &sh->purges[i];
        if (p->moment > moment && p->hash == hash_of(o))
            return true;
    }
    return false;
}

/* Whether a purge that o falls under came after `moment`. The floor is asked last: what was
 * forgotten while the marks were asked is below it by then. */
static bool is_purged_since_locked(struct index *ix, const struct shard *sh, struct object *o,
                                   uint64_t moment)
{
    uint64_t newest = moment;
    if (is_key_purged_locked(sh, o, moment))
        return true;
    if (purge_marks_newest(ix->marks) > moment &&
        purge_marks_judge(ix->marks, o, moment, &newest) != PURGE_VERDICT_NONE)
        return true;
    if (purge_marks_floor(ix->marks) > moment)
        return true;
    object_purges_know(o, newest);
    return false;
}

bool index_was_purged(struct index *ix, const struct object *o, uint64_t moment)
{
    struct shard *sh = shard_of(ix, hash_of(o));
    uint64_t newest;
    pthread_mutex_lock(&sh->lock);
    bool was_purged = is_key_purged_locked(sh, o, moment);
    pthread_mutex_unlock(&sh->lock);
    return was_purged || purge_marks_judge(ix->marks, o, moment, &newest) != PURGE_VERDICT_NONE ||
           purge_marks_floor(ix->marks) > moment;
}

bool index_is_purged(struct index *ix, struct object *o)
{
    uint64_t newest, known = object_purges_known(o);
    if (object_is(o, OBJECT_PURGED))
        return true;
    if (known == 0 || known >= purge_marks_newest(ix->marks))
        return false;
    return purge_marks_judge(ix->marks, o, known, &newest) == PURGE_VERDICT_HARD ||
           purge_marks_floor(ix->marks) > known;
}

static bool is_same_variant(const struct object *a, const struct object *b)
{
    return span_eq(object_vary_names(a), object_vary_names(b)) &&
           span_eq(object_vary_values(a), object_vary_values(b));
}

/* The same variant, and the oldest of too many. */
static void displace_locked(struct index *ix, struct shard *sh, struct object *o,
                            struct index_left *left)
{
    uint32_t variants = 1;
    struct address *at = bucket_of(sh, hash_of(o));
    struct object *other;
    while ((other = object_at(at)) != NULL) {
        bool is_sibling = has_same_key(other, o);
        if (is_sibling && (is_same_variant(other, o) || variants >= ix->variants_max)) {
            if (other->generation == o->generation)
                use_locked(o, object_uses(other)); /* refreshed: the same bytes */
            take_out_locked(sh, at, left);
            continue;
        }
        variants += is_sibling;
        at = &other->chain_next;
    }
}

/* Variants stand in the order of their Date, the most recent first, and of their arrival where that
 * is the same: the first that matches is the one to use (RFC 9111 s.4.1). */
static struct address *place_locked(struct shard *sh, const struct object *o, bool is_newest)
{
    struct address *place = bucket_of(sh, hash_of(o));
    struct object *other = object_at(place);
    sec_t date = object_date(o->date) - !is_newest;
    for (; other != NULL; other = object_at(&other->chain_next)) {
        if (object_date(other->date) > date && has_same_key(other, o))
            place = &other->chain_next;
    }
    return place;
}

static int insert_locked(struct index *ix, struct object *o, uint64_t moment, bool is_newest,
                         struct index_left *left)
{
    struct shard *sh = shard_of(ix, hash_of(o));
    CHECK(!object_is(o, OBJECT_INDEXED));
    object_purges_know(o, moment);
    if (is_purged_since_locked(ix, sh, o, moment))
        return ERR_CHANGED;
    displace_locked(ix, sh, o, left);
    struct address *place = place_locked(sh, o, is_newest);
    o->chain_next = *place;
    address_set(place, o);
    use_locked(o, 0); /* eviction's hand may be just before it */
    counter_add(&sh->count, 1);
    object_ref(o);
    object_set(o, OBJECT_INDEXED);
    generation_owner_set(o->generation, o);
    return 0;
}

int index_insert(struct index *ix, struct object *o, uint64_t moment, struct index_left *left)
{
    struct shard *sh = shard_of(ix, hash_of(o));
    pthread_mutex_lock(&sh->lock);
    int r = insert_locked(ix, o, moment, true, left);
    pthread_mutex_unlock(&sh->lock);
    return r;
}

int index_return(struct index *ix, struct object *o, const struct index_return *back,
                 struct index_left *left)
{
    struct shard *sh = shard_of(ix, hash_of(o));
    pthread_mutex_lock(&sh->lock);
    struct object *other = object_at(bucket_of(sh, hash_of(o)));
    while (other != NULL && !(has_same_key(other, o) && is_same_variant(other, o)))
        other = object_at(&other->chain_next);
    int r = back->is_outdone(back->ctx, o, other) ? ERR_EXISTS : 0;
    if (r == 0)
        r = insert_locked(ix, o, back->moment, false, left);
    pthread_mutex_unlock(&sh->lock);
    return r;
}

static struct address *find_locked(struct shard *sh, const struct object *o)
{
    struct address *at = bucket_of(sh, hash_of(o));
    for (struct object *other; (other = object_at(at)) != o;)
        at = &other->chain_next;
    return at;
}

void index_remove(struct index *ix, struct object *o, struct index_left *left)
{
    struct shard *sh = shard_of(ix, hash_of(o));
    pthread_mutex_lock(&sh->lock);
    if (object_is(o, OBJECT_INDEXED))
        take_out_locked(sh, find_locked(sh, o), left);
    pthread_mutex_unlock(&sh->lock);
}

/* The moment is drawn under the lock: whoever asks for one later sees the key without what is
 * purged here, and whoever asked before is refused. */
static void remember_purge_locked(struct index *ix, struct shard *sh, uint64_t hash)
{
    struct purge_mark *p = &sh->purges[sh->purges_at];
    sh->purges_at = (sh->purges_at + 1) % PURGES_KEPT;
    if (p->moment > sh->floor)
        sh->floor = p->moment;
    *p = (struct purge_mark){.hash = hash, .moment = purge_marks_draw(ix->marks)};
    sh->newest = p->moment;
}

uint64_t index_purge(struct index *ix, const struct store_key *key, bool is_soft,
                     struct index_left *left)
{
    uint64_t hash = key->hash.lo, met = 0;
    struct shard *sh = shard_of(ix, hash);
    pthread_mutex_lock(&sh->lock);
    remember_purge_locked(ix, sh, hash);
    struct address *at = bucket_of(sh, hash);
    struct object *o;
    while ((o = object_at(at)) != NULL) {
        bool is_met = is_of_key(o, object_hash_tag(hash), key->text);
        met += is_met;
        if (is_met && !is_soft) {
            purge_out_locked(sh, at, left);
            continue;
        }
        if (is_met)
            object_set(o, OBJECT_SOFT_PURGED);
        at = &o->chain_next;
    }
    pthread_mutex_unlock(&sh->lock);
    return met;
}

/* The next few buckets of the shard at hand. */
static void sweep_some_locked(struct index *ix, struct shard *sh, struct index_left *left)
{
    for (uint32_t n = 0; n < BUCKETS_AT_ONCE && ix->sweep_bucket <= sh->mask; n++) {
        struct address *at = &sh->buckets[ix->sweep_bucket++];
        for (struct object *o; (o = object_at(at)) != NULL;) {
            if (!compare_locked(ix, sh, at, left))
                at = &o->chain_next;
        }
    }
}

bool index_sweep(struct index *ix, struct index_left *left)
{
    if (ix->sweeps_for == ix->swept) {
        ix->sweeps_for = purge_marks_newest(ix->marks);
        if (ix->sweeps_for == ix->swept)
            return false;
        ix->sweep_shard = ix->sweep_bucket = 0;
    }
    struct shard *sh = &ix->shards[ix->sweep_shard];
    pthread_mutex_lock(&sh->lock);
    sweep_some_locked(ix, sh, left);
    pthread_mutex_unlock(&sh->lock);
    if (ix->sweep_bucket <= sh->mask)
        return true;
    ix->sweep_bucket = 0;
    if (++ix->sweep_shard == SHARDS) {
        ix->swept = ix->sweeps_for;
        purge_marks_swept(ix->marks, ix->swept);
    }
    return true;
}

bool index_walk(struct index *ix, uint64_t *at, const struct index_visitor *v,
                struct index_left *left)
{
    uint32_t each = ix->shards[0].mask + 1, seen = 0;
    struct shard *sh = &ix->shards[*at / each];
    pthread_mutex_lock(&sh->lock);
    for (uint32_t n = 0; n < WALK_BUCKETS && seen < WALK_OBJECTS; n++) {
        struct address *link = &sh->buckets[*at % each];
        for (struct object *o; (o = object_at(link)) != NULL;) {
            if (compare_locked(ix, sh, link, left))
                continue;
            v->fn(v->ctx, o);
            seen++;
            link = &o->chain_next;
        }
        if (++*at % each == 0)
            break;
    }
    pthread_mutex_unlock(&sh->lock);
    return *at < (uint64_t)each * SHARDS;
}

/* Whether o may leave for want of room: nobody but the index holds it, nobody reads or feeds it. */
static bool is_idle_locked(struct object *o)
{
    return atomic_load(&o->refs) == 1 && !generation_is_busy(o->generation) &&
           !generation_is_pinned(o->generation);
}

/* The objects of one bucket. Returns how many it met. */
static uint64_t evict_bucket_locked(struct shard *sh, struct address *at, uint64_t max,
                                    struct index_left *left)
{
    uint64_t met = 0;
    for (struct object *o; (o = object_at(at)) != NULL && left->count < max; met++) {
        uint32_t uses = atomic_load_explicit(&o->uses, memory_order_relaxed);
        if ((uses & OBJECT_USED) == 0 && is_idle_locked(o)) {
            take_out_locked(sh, at, left);
            continue;
        }
        atomic_store_explicit(&o->uses, uses & ~OBJECT_USED, memory_order_relaxed);
        at = &o->chain_next;
    }
    return met;
}

/* The second time round finds who was used. */
static void evict_locked(struct shard *sh, uint64_t max, struct index_left *left)
{
    uint64_t visits = 2 * counter_get(&sh->count), met = 0;
    if (visits > EVICT_VISITS_MAX)
        visits = EVICT_VISITS_MAX;
    for (uint64_t n = 2 * ((uint64_t)sh->mask + 1); n > 0 && met < visits; n--) {
        if (left->count == max)
            return;
        met += evict_bucket_locked(sh, &sh->buckets[sh->hand], max, left);
        sh->hand = (sh->hand + 1) & sh->mask;
    }
}

void index_evict(struct index *ix, uint32_t max, struct index_left *left)
{
    for (uint32_t i = 0; i < SHARDS && left->count < max; i++) {
        struct shard *sh = &ix->shards[atomic_fetch_add(&ix->turn, 1) % SHARDS];
        pthread_mutex_lock(&sh->lock);
        evict_locked(sh, max, left);
        pthread_mutex_unlock(&sh->lock);
    }
}

void index_clear(struct index *ix, struct index_left *left)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct shard *sh = &ix->shards[i];
        pthread_mutex_lock(&sh->lock);
        for (uint32_t n = 0; n <= sh->mask && counter_get(&sh->count) > 0; n++) {
            while (object_at(&sh->buckets[n]) != NULL)
                take_out_locked(sh, &sh->buckets[n], left);
        }
        pthread_mutex_unlock(&sh->lock);
    }
}
