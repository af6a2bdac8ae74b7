/* SPDX-License-Identifier: MIT */

/* Rates are kept as logarithms, so that to let one decay is a subtraction. Logarithms are those of
 * a float's bits: straight between powers of two, and exact enough for bins of half a power. */
#include "edge/store/odds.h"

#include "lib/base/check.h"
#include "lib/base/mem.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#define WAYS         4u /* entries of a bucket: one line of cache */
#define BYTES_A_NAME 2048
#define BUCKETS_MIN  16u
#define WATCHED_MIN  256u
#define WATCHED_MAX  16384u
#define WATCH_ONE_IN 4         /* of those that are offered */
#define HORIZON      2         /* caches full */
#define MOMENTS      (1 << 16) /* of a horizon: the unit of time is a share of it */
#define PAST         4         /* horizons after which what was not read is past */
#define FAST         1.0F      /* time in which a rate decays to 1/e, in horizons */
#define SLOW         8.0F
#define CURSOR_LIVE  0.25F /* of a horizon: a download that was not seen for longer is over */
#define LOG2_E       1.442695F
#define LOG_UNIT     1024.0F /* of logarithms that are kept in 16 bits */
#define LOG_NOTHING  INT16_MIN
#define RATE         0.03F /* of learning; each weight's falls as it has learned */
#define RATE_FALL    0.3F

enum feature {
    AGE,
    GAP,
    RATE_FAST,
    RATE_SLOW,
    COUNT,
    SIZE,
    AGE_OF_GAP,
    COUNT_AGE,
    PLACE,
    OBJECT,
    CURSOR,
    FEATURES
};
#define BINS 32

/* Of a name. An object has one too: there `gap` is the last block that was read of it. */
struct entry {
    uint32_t tag; /* 0: free */
    uint32_t last;
    int16_t fast, slow; /* logarithms, as of `last` */
    uint16_t gap;       /* logarithm; 0: it was read once */
    uint8_t count, spare;
};
_Static_assert(sizeof(struct entry) == 16, "kept as two words");

struct slot {
    _Atomic uint64_t words[2];
};

/* Being watched. `since` 0: free. */
struct watched {
    _Atomic uint64_t name;
    _Atomic uint32_t since;
    _Atomic uint8_t bins[FEATURES];
};

struct weight {
    _Atomic float value, learned;
};

struct odds {
    uint64_t buckets, watched_mask; /* watched: one less than their number */
    uint64_t moment_bytes;
    _Atomic uint64_t read_bytes;
    _Atomic uint32_t offered, hand;
    struct weight bias, weights[FEATURES][BINS];
    struct watched *watched;
    struct slot slots[];
};

static float log2_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return (float)bits * 0x1p-23F - 127;
}

static float exp2_of(float x)
{
    float within = x < -126 ? -126 : x > 126 ? 126 : x;
    uint32_t bits = (uint32_t)((within + 127) * 0x1p23F);
    float y;
    memcpy(&y, &bits, sizeof(y));
    return y;
}

static float get(const _Atomic float *f)
{
    return atomic_load_explicit(f, memory_order_relaxed);
}

static void set(_Atomic float *f, float to)
{
    atomic_store_explicit(f, to, memory_order_relaxed);
}

/* What is known before anything was learned: who was read more, and lately, is read again. */
static void believe(struct odds *r)
{
    for (int i = 0; i < BINS; i++) {
        set(&r->weights[RATE_SLOW][i].value, 0.25F * (float)(i - BINS / 2));
        set(&r->weights[RATE_FAST][i].value, 0.1F * (float)(i - BINS / 2));
    }
    set(&r->weights[COUNT][1].value, -1.0F);
    set(&r->bias.value, -0.5F);
}

struct odds *odds_create(const struct odds_config *config, size_t *weight)
{
    int64_t names = config->cache_bytes / BYTES_A_NAME;
    int64_t most = config->most_bytes / (int64_t)sizeof(struct entry);
    uint64_t buckets = BUCKETS_MIN, watched = WATCHED_MIN;
    int64_t room = (names < most ? names : most) / WAYS;
    if (room > (int64_t)buckets)
        buckets = room < UINT32_MAX ? (uint64_t)room : UINT32_MAX;
    while (watched < WATCHED_MAX && watched < buckets / 4)
        watched *= 2;
    struct odds *r = mem_zalloc(sizeof(struct odds) + buckets * WAYS * sizeof(struct slot));
    r->watched = mem_zarray(watched, sizeof(*r->watched));
    r->buckets = buckets;
    r->watched_mask = watched - 1;
    r->moment_bytes = (uint64_t)(config->cache_bytes * HORIZON / MOMENTS) + 1;
    atomic_store(&r->read_bytes, r->moment_bytes); /* moment 0 is never */
    believe(r);
    *weight = odds_weight(r);
    return r;
}

size_t odds_weight(const struct odds *r)
{
    return sizeof(*r) + r->buckets * WAYS * sizeof(struct slot) +
           (r->watched_mask + 1) * sizeof(struct watched);
}

void odds_destroy(struct odds **pr)
{
    struct odds *r = *pr;
    *pr = NULL;
    if (r != NULL)
        mem_free(r->watched);
    mem_free(r);
}

static uint32_t now_of(const struct odds *r)
{
    uint64_t bytes = atomic_load_explicit(&r->read_bytes, memory_order_relaxed);
    return (uint32_t)(bytes / r->moment_bytes);
}

static uint32_t tag_of(uint64_t name)
{
    return (uint32_t)(name >> 32) | 1u;
}

static struct slot *bucket_of(struct odds *r, uint64_t name)
{
    return &r->slots[((name & UINT32_MAX) * r->buckets >> 32) * WAYS];
}

static struct entry load(const struct slot *s)
{
    struct entry e;
    uint64_t words[2] = {atomic_load_explicit(&s->words[0], memory_order_relaxed),
                         atomic_load_explicit(&s->words[1], memory_order_relaxed)};
    memcpy(&e, words, sizeof(e));
    return e;
}

static void store(struct slot *s, const struct entry *e)
{
    uint64_t words[2];
    memcpy(words, e, sizeof(words));
    atomic_store_explicit(&s->words[0], words[0], memory_order_relaxed);
    atomic_store_explicit(&s->words[1], words[1], memory_order_relaxed);
}

/* The name's slot and what it says; where it is not known, the slot that it would take. */
static struct slot *find(struct odds *r, uint64_t name, uint32_t now, struct entry *out)
{
    struct slot *bucket = bucket_of(r, name), *oldest = bucket;
    uint32_t longest = 0;
    for (uint32_t i = 0; i < WAYS; i++) {
        struct entry e = load(&bucket[i]);
        uint32_t age = e.tag == 0 ? UINT32_MAX : now - e.last;
        *out = e;
        if (e.tag == tag_of(name))
            return &bucket[i];
        if (age >= longest) {
            longest = age;
            oldest = &bucket[i];
        }
    }
    *out = (struct entry){.last = now, .fast = LOG_NOTHING, .slow = LOG_NOTHING};
    return oldest;
}

static float horizons(uint32_t moments)
{
    return (float)moments / MOMENTS;
}

/* The logarithm of a rate, after a time. */
static float decayed(int16_t rate, float age, float span)
{
    return (float)rate / LOG_UNIT - age * (LOG2_E / span);
}

static int16_t one_more(int16_t rate, float age, float span)
{
    float before = rate == LOG_NOTHING ? -100 : decayed(rate, age, span);
    float after = log2_of(exp2_of(before) + 1) * LOG_UNIT;
    return after < INT16_MAX ? (int16_t)after : INT16_MAX;
}

static void note(struct odds *r, uint64_t name, uint32_t now, uint32_t index, bool is_object)
{
    struct entry e;
    struct slot *s = find(r, name, now, &e);
    float age = horizons(now - e.last);
    if (is_object)
        e.gap = (uint16_t)(index < UINT16_MAX ? index : UINT16_MAX);
    else if (e.tag != 0)
        e.gap = (uint16_t)((log2_of((float)(now - e.last) + 1) + 1) * LOG_UNIT);
    e.fast = one_more(e.fast, age, FAST);
    e.slow = one_more(e.slow, age, SLOW);
    e.count = (uint8_t)(e.count + (e.count < UINT8_MAX));
    e.tag = tag_of(name);
    e.last = now;
    store(s, &e);
}

/* A bin for a logarithm; 0 belongs in the one called `middle`. */
static uint8_t bin(float log, float each, int middle)
{
    int at = (int)floorf(log * each) + middle;
    return (uint8_t)(at < 0 ? 0 : at < BINS ? at : BINS - 1);
}

static void look_at_object(struct odds *r, const struct odds_block *b, uint32_t now,
                           uint8_t bins[FEATURES])
{
    struct entry o;
    find(r, b->object, now, &o);
    if (o.tag == 0)
        return;
    float age = horizons(now - o.last);
    bins[OBJECT] = bin(decayed(o.slow, age, SLOW), 2, BINS / 2);
    if (age < CURSOR_LIVE && o.gap < b->index)
        bins[CURSOR] = (uint8_t)(1 + bin(log2_of((float)(b->index - o.gap)), 2, 0) % (BINS - 1));
}

/* What the model sees of a block. */
static void look(struct odds *r, const struct odds_block *b, uint8_t bins[FEATURES])
{
    struct entry e;
    uint32_t now = now_of(r);
    find(r, b->name, now, &e);
    float age = horizons(now - e.last), age_log = log2_of((float)(now - e.last) + 1);
    float gap_log = (float)e.gap / LOG_UNIT - 1;
    memset(bins, 0, FEATURES);
    bins[AGE] = bin(age_log, 1.5F, 0);
    bins[GAP] = e.gap == 0 ? BINS - 1 : bin(gap_log, 1.5F, 0);
    bins[RATE_FAST] = bin(decayed(e.fast, age, FAST) + 2, 2, BINS / 2);
    bins[RATE_SLOW] = bin(decayed(e.slow, age, SLOW) + 2, 2, BINS / 2);
    bins[COUNT] = e.count < BINS ? e.count : BINS - 1;
    bins[SIZE] = bin(log2_of((float)b->bytes + 1) - 8, 1, 0);
    bins[AGE_OF_GAP] = e.gap == 0 ? 0 : bin(age_log - gap_log, 1.5F, BINS / 2);
    bins[COUNT_AGE] = (uint8_t)((e.count < 3 ? e.count : 3) * 8 + bins[AGE] / 4);
    if (b->count != 1) {
        bins[PLACE] = (uint8_t)(1 + bin(log2_of((float)b->index + 1), 2, 0) % (BINS - 1));
        look_at_object(r, b, now, bins);
    }
}

static float chance(float odds)
{
    return 1 / (1 + exp2_of(-LOG2_E * odds));
}

static float judge(const struct odds *r, const uint8_t bins[FEATURES])
{
    float sum = get(&r->bias.value);
    for (int i = 0; i < FEATURES; i++)
        sum += get(&r->weights[i][bins[i]].value);
    return sum;
}

static void correct(struct weight *w, float error)
{
    float learned = get(&w->learned) + error * error;
    set(&w->learned, learned);
    set(&w->value, get(&w->value) + RATE * error / sqrtf(1 + RATE_FALL * learned));
}

static void learn(struct odds *r, const uint8_t bins[FEATURES], bool was_read)
{
    float error = (was_read ? 1.0F : 0.0F) - chance(judge(r, bins));
    correct(&r->bias, error);
    for (int i = 0; i < FEATURES; i++)
        correct(&r->weights[i][bins[i]], error);
}

static bool is_over(uint32_t since, uint32_t now)
{
    return now - since > MOMENTS;
}

/* It was read, or the horizon has passed. */
static void conclude(struct odds *r, struct watched *w, uint32_t now)
{
    uint8_t bins[FEATURES];
    uint32_t since = atomic_exchange_explicit(&w->since, 0, memory_order_relaxed);
    if (since == 0)
        return;
    for (int i = 0; i < FEATURES; i++)
        bins[i] = atomic_load_explicit(&w->bins[i], memory_order_relaxed);
    learn(r, bins, !is_over(since, now));
}

static struct watched *watched_of(struct odds *r, uint64_t name)
{
    return &r->watched[name >> 32 & r->watched_mask];
}

static void sweep_one(struct odds *r, uint32_t now)
{
    uint32_t at = atomic_fetch_add_explicit(&r->hand, 1, memory_order_relaxed);
    struct watched *w = &r->watched[at & r->watched_mask];
    uint32_t since = atomic_load_explicit(&w->since, memory_order_relaxed);
    if (since != 0 && is_over(since, now))
        conclude(r, w, now);
}

static void watch(struct odds *r, uint64_t name, const uint8_t bins[FEATURES])
{
    uint32_t offered = atomic_fetch_add_explicit(&r->offered, 1, memory_order_relaxed);
    struct watched *w = watched_of(r, name);
    /* A multiplication that spreads: by turns it would be always the same ones of a pattern. */
    bool is_due = (offered * 0x9e3779b1u >> 16) % WATCH_ONE_IN == 0;
    if (!is_due || atomic_load_explicit(&w->since, memory_order_relaxed) != 0)
        return;
    atomic_store_explicit(&w->name, name, memory_order_relaxed);
    for (int i = 0; i < FEATURES; i++)
        atomic_store_explicit(&w->bins[i], bins[i], memory_order_relaxed);
    atomic_store_explicit(&w->since, now_of(r), memory_order_relaxed);
}

void odds_read(struct odds *r, const struct odds_block *b)
{
    uint32_t now = now_of(r);
    struct watched *w = watched_of(r, b->name);
    if (atomic_load_explicit(&w->name, memory_order_relaxed) == b->name)
        conclude(r, w, now);
    sweep_one(r, now);
    note(r, b->name, now, 0, false);
    if (b->count != 1)
        note(r, b->object, now, b->index, true);
    atomic_fetch_add_explicit(&r->read_bytes, b->bytes, memory_order_relaxed);
}

float odds_chance(struct odds *r, const struct odds_block *b)
{
    uint8_t bins[FEATURES];
    look(r, b, bins);
    return chance(judge(r, bins));
}

float odds_watch(struct odds *r, const struct odds_block *b)
{
    uint8_t bins[FEATURES];
    look(r, b, bins);
    watch(r, b->name, bins);
    return chance(judge(r, bins));
}

bool odds_is_past(struct odds *r, const struct odds_block *b)
{
    struct entry e;
    uint32_t now = now_of(r);
    find(r, b->name, now, &e);
    return e.tag == 0 || now - e.last > PAST * MOMENTS;
}

uint64_t odds_read_bytes(const struct odds *r)
{
    return atomic_load_explicit(&r->read_bytes, memory_order_relaxed);
}
