/* SPDX-License-Identifier: MIT */

/* Many threads that read, fill, evict and purge the same few objects in a store far too small for
 * them. Every byte that is read is verified against the id of the object it was read for; a reader
 * that waits longer than any honest wait is a lost wake-up. */
#include "tests/unit/edge/store/store_help.h"

#include "edge/store/store_inner.h"
#include "lib/net/mailbox_owner.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS     4
#define KEYS        60
#define BLOCK_BYTES (64 * KIB)
#define WAIT_MAX_MS 20000

static struct store *store;
static _Atomic uint64_t next_id = 1;
static _Atomic uint64_t bytes_read, waits, purges, passes;

struct actor {
    struct mailbox *mailbox;
    uint64_t random;
    int rounds;
    bool does_upkeep;
    bool is_woken;
};

static uint64_t draw(struct actor *a, uint64_t below)
{
    a->random ^= a->random << 13;
    a->random ^= a->random >> 7;
    a->random ^= a->random << 17;
    return (a->random >> 11) % below;
}

/* From nothing to a dozen blocks, odd and even. */
static int64_t length_of(uint64_t key)
{
    static const int64_t lengths[] = {0, 1, 700, 4096, 60000, 65536, 65537, 300000, 800000, 3};
    return lengths[key % 10] + (int64_t)(key / 10) * 64;
}

struct claimed {
    struct generation *generation;
    uint64_t id;
    int64_t first, count, length;
};

/* Writes a claimed block in odd pieces; now and then gives up in the middle. */
static bool write_block(struct actor *a, const struct claimed *c, int64_t index)
{
    struct block_writer w;
    int64_t at = index * BLOCK_BYTES;
    int64_t end = c->length < at + BLOCK_BYTES ? c->length : at + BLOCK_BYTES;
    if (block_write_begin(&w, c->generation, index) != 0) {
        atomic_fetch_add(&passes, 1);
        return false;
    }
    while (at < end) {
        size_t n = 1 + draw(a, 30000);
        if (n > w.room)
            n = w.room;
        if ((int64_t)n > end - at)
            n = (size_t)(end - at);
        if (draw(a, 200) == 0) {
            block_write_abort(&w);
            return false;
        }
        bytes_make(c->id, at, w.at, n);
        block_write_add(&w, n);
        at += (int64_t)n;
        if (draw(a, 8) == 0)
            sched_yield();
    }
    block_write_end(&w); /* nothing where the block is complete by itself */
    return true;
}

static void feed(struct actor *a, const struct claimed *c)
{
    for (int64_t i = 0; i < c->count && (c->first + i) * BLOCK_BYTES < c->length; i++) {
        if (!write_block(a, c, c->first + i)) {
            generation_release(c->generation, c->first + i, c->count - i);
            return;
        }
    }
    if (generation_length(c->generation) == LENGTH_UNKNOWN)
        generation_end(c->generation, c->length);
}

static void woken(struct block_waiter *w)
{
    struct actor *a = *(struct actor **)(void *)(w + 1);
    a->is_woken = true;
}

/* Waits as a worker does: until the mail, or for a while and then cancels. */
static void wait_for(struct actor *a, struct generation *g, int64_t pos)
{
    struct {
        struct block_waiter w;
        struct actor *actor;
    } waiter = {.w = {.home = a->mailbox, .pos = pos, .woken = woken}, .actor = a};
    list_init(&waiter.w.link);
    a->is_woken = false;
    if (generation_wait(g, &waiter.w) == ERR_EXISTS)
        return;
    atomic_fetch_add(&waits, 1);
    bool leaves_early = draw(a, 4) == 0;
    msec_t began = clock_mono_ms();
    for (int turn = 0; !a->is_woken; turn++) {
        if (leaves_early && turn > 3 && generation_wait_cancel(g, &waiter.w))
            return;
        mailbox_deliver(a->mailbox);
        sched_yield();
        if (clock_mono_ms() - began > WAIT_MAX_MS) {
            fprintf(stderr, "no mail came for byte %lld\n", (long long)pos);
            abort();
        }
    }
}

static void verify(const struct block_view *v, uint64_t id, int64_t pos)
{
    if (!bytes_are(id, pos, v->mem, v->len)) {
        fprintf(stderr, "wrong bytes of %llu at %lld\n", (unsigned long long)id, (long long)pos);
        abort();
    }
}

static void read_view(struct actor *a, struct block_view *v, uint64_t id, int64_t pos)
{
    uint8_t from_file[512];
    size_t n = v->len < sizeof(from_file) ? v->len : sizeof(from_file);
    verify(v, id, pos);
    if (draw(a, 4) == 0)
        sched_yield(); /* it is pinned: whatever happens meanwhile, it stays as it is */
    if (pread(v->fd, from_file, n, v->from) != (ssize_t)n || !bytes_are(id, pos, from_file, n))
        abort();
    verify(v, id, pos);
    atomic_fetch_add(&bytes_read, v->len);
    block_view_release(v);
}

/* Reads [pos, end) of o, bringing what nobody brings. */
static void read_range(struct actor *a, struct object *o, int64_t pos, int64_t end)
{
    struct generation *g = o->generation;
    uint64_t id = (uint64_t)object_stored_wall(o);
    struct generation_reader reader = {.pos = pos, .last = end};
    uint64_t number;
    if (!span_u64(span_skip(object_key_text(o), strlen("site\nhost\n/")), &number))
        abort();
    int64_t length = length_of(number);
    list_init(&reader.link);
    generation_reader_attach(g, &reader);
    for (int tries = 0; pos < end && tries < 400; tries++) {
        struct block_view v;
        struct claimed c = {.generation = g, .id = id, .length = length};
        int r = generation_view(g, pos, &v);
        if (r == 1) {
            int64_t n = (int64_t)v.len;
            read_view(a, &v, id, pos);
            pos += n;
            generation_reader_move(g, &reader, pos);
        } else if (r == ERR_AGAIN) {
            wait_for(a, g, pos);
        } else if (r == ERR_NOT_FOUND) {
            c.count = generation_claim(g, pos / BLOCK_BYTES, 3, &c.first);
            if (c.count > 0)
                feed(a, &c);
        } else {
            break; /* the end, or abandoned */
        }
    }
    generation_reader_detach(g, &reader);
}

static void make_object(struct actor *a, const struct store_key *key, uint64_t number)
{
    uint64_t moment = store_moment(store), id = atomic_fetch_add(&next_id, 1);
    bool is_told = draw(a, 3) != 0;
    struct claimed c = {.id = id, .length = length_of(number)};
    struct generation *g =
        generation_create(store, is_told ? c.length : LENGTH_UNKNOWN, BLOCK_BYTES);
    struct object *o = g != NULL ? object_for(store, key, g, id) : NULL;
    c.generation = g;
    if (g != NULL)
        c.count = generation_claim(g, 0, is_told ? (int64_t)draw(a, 4) : INT64_MAX, &c.first);
    if (o != NULL && store_insert(store, o, moment) == 0)
        read_range(a, o, 0, 0);
    if (c.count > 0)
        feed(a, &c);
    if (g != NULL && generation_length(g) == LENGTH_UNKNOWN) {
        generation_abandon(g);
        if (o != NULL)
            store_remove(store, o);
    }
    object_unref(&o);
    generation_unref(&g);
}

/* After a purge nothing may be found that was asked for before it. */
static void purge(const struct store_key *key, uint64_t way)
{
    const struct purge_scope scopes[] = {
        {.kind = PURGE_ALL},
        {.kind = PURGE_SITE, .site = SPAN("site")},
        {.kind = PURGE_HOST, .site = SPAN("site"), .host = SPAN("host")},
        {.kind = PURGE_PREFIX, .site = SPAN("site"), .host = SPAN("host"), .value = SPAN("/")},
        {.kind = PURGE_TAG, .site = SPAN("site"), .value = SPAN("tag")},
    };
    uint64_t before = atomic_load(&next_id);
    atomic_fetch_add(&purges, 1);
    if (way < ARRAY_LEN(scopes))
        store_purge_many(store, &scopes[way], false);
    else
        store_purge(store, key, false);
    struct object *o = store_select(store, key, NULL, NULL);
    if (o != NULL && (uint64_t)object_stored_wall(o) < before)
        abort();
    object_unref(&o);
}

static void act(struct actor *a)
{
    char text[32];
    /* a few are asked for often */
    uint64_t number = draw(a, 2) == 0 ? draw(a, 8) : draw(a, KEYS);
    struct store_key key = key_for(text, number);
    uint64_t dice = draw(a, 300);
    struct object *o = dice > 2 ? store_select(store, &key, NULL, NULL) : NULL;
    if (dice <= 2) {
        purge(&key, dice == 0 ? draw(a, 5) : UINT64_MAX);
    } else if (o == NULL) {
        make_object(a, &key, number);
    } else {
        int64_t length = length_of(number);
        int64_t from = length > 0 ? (int64_t)draw(a, (uint64_t)length) : 0;
        read_range(a, o, from, draw(a, 2) == 0 ? length : from + 1);
        object_unref(&o);
    }
    struct store_usage usage;
    store_usage(store, &usage);
    if (usage.memory_bytes > usage.memory_cap_bytes)
        abort();
}

static void *run(void *arg)
{
    struct actor *a = arg;
    for (int i = 0; i < a->rounds; i++) {
        act(a);
        if (a->does_upkeep)
            store_upkeep(store);
    }
    return NULL;
}

static void stress(int64_t memory_bytes, int rounds, const char *eviction)
{
    pthread_t threads[THREADS];
    struct actor actors[THREADS];
    store = store_evicting(memory_bytes, BLOCK_BYTES, eviction);
    for (int i = 0; i < THREADS; i++) {
        actors[i] = (struct actor){.mailbox = mailbox_create(),
                                   .random = 88172645463325252u + i,
                                   .rounds = rounds,
                                   .does_upkeep = i == 0};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &actors[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        mailbox_destroy(&actors[i].mailbox);
    }
    segments_check(&store->segments);
    const struct store_counters *c = store_counters_of(store);
    printf("%llu MiB read, %llu waits, %llu purges, %llu MiB evicted, %llu KiB carried, "
           "%llu objects evicted, %llu without room\n",
           (unsigned long long)(bytes_read >> 20), (unsigned long long)waits,
           (unsigned long long)purges, (unsigned long long)(counter_get(&c->evicted_bytes) >> 20),
           (unsigned long long)(counter_get(&c->carried_bytes) >> 10),
           (unsigned long long)counter_get(&c->evicted_objects), (unsigned long long)passes);
    store_destroy(&store);
}

static void no_wrong_byte_and_no_lost_wake_up_in_a_store_that_is_far_too_small(void **state)
{
    (void)state;
    stress(4 * MIB, 4000, NULL);
}

static void no_wrong_byte_in_a_store_that_is_a_little_too_small(void **state)
{
    (void)state;
    stress(7 * MIB, 4000, NULL);
}

static void no_wrong_byte_where_the_policy_learns(void **state)
{
    (void)state;
    stress(5 * MIB, 2000, "learned");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wrong_byte_and_no_lost_wake_up_in_a_store_that_is_far_too_small),
        cmocka_unit_test(no_wrong_byte_in_a_store_that_is_a_little_too_small),
        cmocka_unit_test(no_wrong_byte_where_the_policy_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
