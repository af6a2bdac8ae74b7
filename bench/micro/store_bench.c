/* SPDX-License-Identifier: MIT */

/* Nanoseconds of processor time per call of what edge/store does on the way of a request, alone and
 * with two threads at once (each on a core where there are two), and what an object weighs. */
#include "edge/store/store.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/http/message.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#define KEYS        20000
#define CALLS       4000000
#define BLOCK_BYTES (1 << 20)
#define BIG_BLOCKS  256
#define FILL_ROUNDS 8

static struct store *store;
static struct store_key keys[KEYS];
static char texts[KEYS][40];
static struct generation *big;

static nsec_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

struct job {
    const char *name;
    void (*run)(uint64_t from);
    int cpu;
    nsec_t ns;
    uint64_t calls;
};

static void select_all(uint64_t from)
{
    for (uint64_t i = 0; i < CALLS; i++) {
        struct object *o = store_select(store, &keys[(from + i * 7919) % KEYS], NULL, NULL);
        CHECK(o != NULL);
        object_unref(&o);
    }
}

static void select_one(uint64_t from)
{
    (void)from;
    for (uint64_t i = 0; i < CALLS; i++) {
        struct object *o = store_select(store, &keys[0], NULL, NULL);
        object_unref(&o);
    }
}

static void view_blocks(uint64_t from)
{
    for (uint64_t i = 0; i < CALLS; i++) {
        struct block_view v;
        CHECK(generation_view(big, (int64_t)((from + i) % BIG_BLOCKS) * BLOCK_BYTES, &v) == 1);
        block_view_release(&v);
    }
}

static void *run(void *arg)
{
    struct job *j = arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(j->cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set); /* a wish: refused on one core */
    nsec_t began = cpu_ns();
    j->run((uint64_t)j->cpu * 1000);
    j->ns = cpu_ns() - began;
    return NULL;
}

static void measure(const char *name, void (*fn)(uint64_t))
{
    for (int threads = 1; threads <= 2; threads++) {
        pthread_t t[2];
        struct job jobs[2];
        double ns = 0;
        for (int i = 0; i < threads; i++) {
            jobs[i] = (struct job){.name = name, .run = fn, .cpu = i};
            CHECK(pthread_create(&t[i], NULL, run, &jobs[i]) == 0);
        }
        for (int i = 0; i < threads; i++) {
            pthread_join(t[i], NULL);
            ns += (double)jobs[i].ns / CALLS / threads;
        }
        printf("  %-28s %d thread%s %7.1f ns\n", name, threads, threads > 1 ? "s" : " ", ns);
    }
}

static void fill_block(struct generation *g, int64_t index)
{
    struct block_writer w;
    int64_t first;
    CHECK(generation_claim(g, index, 1, &first) == 1);
    CHECK(block_write_begin(&w, g, index) == 0);
    CHECK(block_write_prepare(&w, w.room) == 0);
    memset(w.at, (int)index, w.room);
    block_write_add(&w, w.room);
}

static struct object *add_object(int number, int64_t length)
{
    static const struct freshness fresh = {.lifetime_ms = 60000};
    struct field v[4] = {
        {.name = SPAN("Content-Type"), .value = SPAN("text/plain"), .id = FIELD_CONTENT_TYPE},
        {.name = SPAN("ETag"), .value = SPAN("\"5f8a-60b1c3d2\""), .id = FIELD_ETAG},
        {.name = SPAN("Cache-Control"), .value = SPAN("max-age=60"), .id = FIELD_CACHE_CONTROL},
        {.name = SPAN("Date"), .value = SPAN("Sun, 06 Nov 1994 08:49:37 GMT"), .id = FIELD_DATE}};
    struct fields fs = {.v = v, .count = 4, .room = 4};
    int n = snprintf(texts[number], sizeof(texts[number]), "site\nhost\n/path/%d", number);
    keys[number] = (struct store_key){span_make(texts[number], (size_t)n),
                                      hash128(texts[number], (size_t)n, 0)};
    struct object_spec spec = {.key = keys[number],
                               .site = SPAN("site"),
                               .vary_names = SPAN(""),
                               .vary_values = SPAN(""),
                               .status = 200,
                               .fields = &fs,
                               .freshness = &fresh,
                               .validators = {.last_modified = -1},
                               .generation = generation_create(store, length, BLOCK_BYTES)};
    struct object *o = object_create(store, &spec);
    if (length > 0)
        fill_block(spec.generation, 0);
    CHECK(o != NULL && store_insert(store, o, store_moment(store)) == 0);
    generation_unref(&spec.generation);
    return o;
}

int main(void)
{
    struct buf why = {0};
    struct store_config config = {.memory_bytes = 1LL << 30, .block_max_bytes = BLOCK_BYTES};
    struct store_usage before, after;
    buf_init(&why, 1000);
    CHECK(store_create(&store, &config, &why) == 0);
    store_usage(store, &before);
    for (int i = 0; i < KEYS; i++) {
        struct object *o = add_object(i, 1000);
        object_unref(&o);
    }
    store_usage(store, &after);
    printf("  an object of 1000 bytes with 4 fields weighs %lld bytes, its content included\n",
           (long long)(after.memory_bytes - before.memory_bytes) / KEYS);

    big = generation_create(store, (int64_t)BIG_BLOCKS * BLOCK_BYTES, BLOCK_BYTES);
    nsec_t began = cpu_ns();
    for (int64_t i = 0; i < BIG_BLOCKS; i++)
        fill_block(big, i);
    nsec_t ns = cpu_ns() - began;
    printf("  %-28s 1 thread  %7.1f us\n", "fill 1 MiB (new room)", (double)ns / BIG_BLOCKS / 1e3);

    measure("store_select, many keys", select_all);
    measure("store_select, one key", select_one);
    measure("generation_view and release", view_blocks);
    generation_unref(&big);

    /* more than there is room for: each new block lets another go */
    struct generation *g = generation_create(store, 64LL << 30, BLOCK_BYTES);
    began = cpu_ns();
    for (int64_t i = 0; i < 1024 * FILL_ROUNDS; i++)
        fill_block(g, i);
    ns = cpu_ns() - began;
    printf("  %-28s 1 thread  %7.1f us\n", "fill 1 MiB, evicting 1 MiB",
           (double)ns / (1024 * FILL_ROUNDS) / 1e3);
    generation_unref(&g);
    store_destroy(&store);
    buf_finish(&why);
    return 0;
}
