/* SPDX-License-Identifier: MIT
 * Files followed. What a database is, and whether it is whole, is geo_file.c's matter; here is
 * decided whether it may take the place of the one before. */
#include "lib/geo/geo_follow.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOOK_NS    (NSEC_PER_SEC / 4)
#define KEPT_SHARE 0.8
#define SAMPLES    1000
#define DAY_MS     (86400 * (msec_t)1000)

/* What a file was when it was last looked into. */
struct identity {
    dev_t dev;
    ino_t ino;
    off_t bytes;
    struct timespec changed, written;
    int err; /* of stat; 0 */
};

/* A spec of our own. */
struct followed {
    char *files[GEO_KINDS];
    struct geo_sentinel *sentinels;
    char **texts; /* [count]: of the sentinels */
    size_t count;
};

struct geo_follow {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t bell;
    /* under the lock */
    bool is_ending;
    struct followed *next; /* what to follow from now on; NULL: the same */
    struct geo_set *set;   /* changed by the thread only */
    /* any thread */
    _Atomic uint64_t version; /* of set */
    _Atomic uint64_t swaps, refusals;
    /* the thread's, and the creator's before it starts */
    struct followed *current;
    struct identity seen[GEO_KINDS];
    msec_t warned_at[GEO_KINDS];
};

const char *geo_sentinel_read(struct span text, struct geo_sentinel *out)
{
    struct span country, address = span_cut(text, ' ', &country);
    struct sockaddr_in6 room;
    char cstr[INET6_ADDRSTRLEN] = "";
    if (address.n < sizeof cstr)
        memcpy(cstr, address.p, address.n);
    *out = (struct geo_sentinel){address, country};
    if (inet_pton(AF_INET, cstr, &room) != 1 && inet_pton(AF_INET6, cstr, &room) != 1)
        return "must be an address, a space and a country";
    return country.n == 2 ? "" : "must end with a country of two capital letters";
}

/* ---- beyond doubt ---- */

static struct place find_text(const struct geo *g, struct span address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct place p = {0};
    char cstr[INET6_ADDRSTRLEN] = "";
    memcpy(cstr, address.p, address.n < sizeof cstr ? address.n : sizeof cstr - 1);
    if (inet_pton(AF_INET, cstr, &v4.sin_addr) == 1)
        geo_find(g, (const struct sockaddr *)&v4, &p);
    else if (inet_pton(AF_INET6, cstr, &v6.sin6_addr) == 1)
        geo_find(g, (const struct sockaddr *)&v6, &p);
    return p;
}

static int check_sentinels(const struct followed *spec, const struct geo *new, struct buf *why)
{
    for (size_t i = 0; i < spec->count; i++) {
        const struct geo_sentinel *s = &spec->sentinels[i];
        struct place p = find_text(new, s->address);
        if (span_eq(s->country, span_of(p.country)))
            continue;
        buf_printf(why, "has %.*s in \"%s\", which is in %.*s", SPAN_FMT(s->address), p.country,
                   SPAN_FMT(s->country));
        return ERR_CORRUPT;
    }
    return 0;
}

static bool knows(const struct geo *g, enum geo_kind kind, const struct sockaddr *a)
{
    struct place p;
    if (kind == GEO_ASN)
        return geo_find_asn(g, a) != 0;
    geo_find(g, a, &p);
    return p.is_found;
}

/* An address that g knows something of: by a way down its tree that the dice choose. */
static struct sockaddr_in6 sample(const struct geo *g, uint64_t dice)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    bool is_v6 = (dice & 1) != 0 && geo_root(g, AF_INET6).kind == GEO_NET_HALVES;
    uint8_t *bytes = is_v6 ? a.sin6_addr.s6_addr : (uint8_t *)&v4.sin_addr;
    struct geo_net at = geo_root(g, is_v6 ? AF_INET6 : AF_INET), halves[2];
    for (unsigned bit = 0; bit < (is_v6 ? 128U : 32U) && at.kind == GEO_NET_HALVES; bit++) {
        dice = hash64(&dice, sizeof dice);
        unsigned side = dice & 1;
        geo_halves(g, at, halves);
        if (halves[side].kind == GEO_NET_UNKNOWN)
            side = 1 - side;
        at = halves[side];
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] | side << (7 - bit % 8));
    }
    if (!is_v6)
        memcpy(&a, &v4, sizeof v4);
    return a;
}

static int check_samples(const struct geo *old, const struct geo *new, enum geo_kind kind,
                         struct buf *why)
{
    unsigned known = 0, kept = 0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        struct sockaddr_in6 a = sample(old, i);
        if (!knows(old, kind, (const struct sockaddr *)&a))
            continue;
        known++;
        kept += knows(new, kind, (const struct sockaddr *)&a);
    }
    if (kept >= KEPT_SHARE * known)
        return 0;
    buf_printf(why, "knows %u of %u addresses that the one in force knows", kept, known);
    return ERR_CORRUPT;
}

static int check(const struct followed *spec, const struct geo *old, const struct geo *new,
                 enum geo_kind kind, struct buf *why)
{
    uint32_t nodes = geo_facts_of(new)->nodes;
    int err = kind != GEO_ASN ? check_sentinels(spec, new, why) : 0;
    if (err != 0 || old == NULL)
        return err;
    if (nodes < KEPT_SHARE * geo_facts_of(old)->nodes) {
        buf_printf(why, "has %u nodes, the one in force %u", nodes, geo_facts_of(old)->nodes);
        return ERR_CORRUPT;
    }
    return check_samples(old, new, kind, why);
}

/* ---- taking ---- */

static struct identity identity_of(const char *file)
{
    struct stat st;
    if (stat(file, &st) != 0)
        return (struct identity){.err = errno};
    return (struct identity){.dev = st.st_dev,
                             .ino = st.st_ino,
                             .bytes = st.st_size,
                             .changed = st.st_ctim,
                             .written = st.st_mtim};
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    return a->err == b->err && a->dev == b->dev && a->ino == b->ino && a->bytes == b->bytes &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec;
}

/* The set as it is, but for one kind. */
static void publish(struct geo_follow *f, enum geo_kind kind, struct geo *g, struct span fault)
{
    struct geo_set *old = f->set;
    struct geo *v[GEO_KINDS];
    memcpy(v, old->v, sizeof v);
    v[kind] = g;
    struct geo_set *new = geo_set_create(v);
    memcpy(new->faults, old->faults, sizeof new->faults);
    snprintf(new->faults[kind], GEO_FAULT_BYTES, "%.*s", SPAN_FMT(fault));
    new->version = old->version + 1;
    pthread_mutex_lock(&f->lock);
    f->set = new;
    atomic_store_explicit(&f->version, new->version, memory_order_release);
    pthread_mutex_unlock(&f->lock);
    geo_set_unref(&old);
}

static void take(struct geo_follow *f, enum geo_kind kind)
{
    const char *file = f->current->files[kind];
    struct geo *new = NULL, *old = f->set->v[kind]; /* only this thread changes it */
    struct buf why;
    buf_init(&why, GEO_FAULT_BYTES);
    int err = geo_open(&new, file, kind, &why);
    if (err == 0)
        err = check(f->current, old, new, kind, &why);
    if (err == 0) {
        const struct geo_facts *facts = geo_facts_of(new);
        LOG_INFO("geoip-loaded", "file=%s type=%s nodes=%u records=%llu", file, facts->type,
                 facts->nodes, (unsigned long long)facts->records);
        atomic_fetch_add_explicit(&f->swaps, 1, memory_order_relaxed);
        publish(f, kind, new, SPAN(""));
    } else {
        LOG_WARN("geoip-not-loaded", "file=%s why=\"%.*s\" note=\"%s\"", file,
                 SPAN_FMT(buf_span(&why)),
                 old != NULL ? "the old database stays" : "routing goes on by the other rules");
        atomic_fetch_add_explicit(&f->refusals, 1, memory_order_relaxed);
        publish(f, kind, old, buf_span(&why));
    }
    geo_unref(&new);
    buf_finish(&why);
}

static void warn_of_age(struct geo_follow *f, enum geo_kind kind)
{
    const struct geo *g = f->set->v[kind];
    msec_t now = clock_mono_ms();
    if (g == NULL || (f->warned_at[kind] != 0 && now - f->warned_at[kind] < DAY_MS))
        return;
    int64_t age_s = clock_wall_ms() / MSEC_PER_SEC - (int64_t)geo_facts_of(g)->built_s;
    if (age_s < GEO_STALE_S)
        return;
    f->warned_at[kind] = now;
    LOG_WARN("geoip-old", "database=%s age_days=%lld", geo_kind_name(kind),
             (long long)(age_s / 86400));
}

static void look(struct geo_follow *f, bool is_anew)
{
    for (int i = 0; i < GEO_KINDS; i++) {
        const char *file = f->current->files[i];
        if (file == NULL) {
            if (is_anew)
                publish(f, (enum geo_kind)i, NULL, SPAN(""));
            continue;
        }
        struct identity now = identity_of(file);
        if (is_anew || !is_same(&now, &f->seen[i])) {
            f->seen[i] = now;
            take(f, (enum geo_kind)i);
        }
        warn_of_age(f, (enum geo_kind)i);
    }
}

/* ---- what is followed ---- */

static struct followed *followed_of(const struct geo_follow_spec *spec)
{
    struct followed *c = mem_zalloc(sizeof *c);
    for (int i = 0; i < GEO_KINDS; i++)
        if (spec->files[i] != NULL && spec->files[i][0] != '\0')
            c->files[i] = mem_strdup(spec->files[i]);
    c->count = spec->sentinel_count;
    c->sentinels = mem_zarray(c->count + 1, sizeof *c->sentinels);
    c->texts = mem_zarray(c->count + 1, sizeof *c->texts);
    for (size_t i = 0; i < c->count; i++) {
        const struct geo_sentinel *s = &spec->sentinels[i];
        c->texts[i] = mem_printf("%.*s %.*s", SPAN_FMT(s->address), SPAN_FMT(s->country));
        const char *fault = geo_sentinel_read(span_of(c->texts[i]), &c->sentinels[i]);
        CHECK(fault[0] == '\0');
    }
    return c;
}

static void free_followed(struct followed *c)
{
    if (c == NULL)
        return;
    for (int i = 0; i < GEO_KINDS; i++)
        mem_free(c->files[i]);
    for (size_t i = 0; i < c->count; i++)
        mem_free(c->texts[i]);
    mem_free(c->texts);
    mem_free(c->sentinels);
    mem_free(c);
}

/* ---- the thread ---- */

static void wait_for_look(struct geo_follow *f)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_NS;
    until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
    until.tv_nsec %= NSEC_PER_SEC;
    while (!f->is_ending && f->next == NULL)
        if (pthread_cond_timedwait(&f->bell, &f->lock, &until) != 0)
            break;
}

static void *run(void *ctx)
{
    struct geo_follow *f = ctx;
    for (;;) {
        pthread_mutex_lock(&f->lock);
        wait_for_look(f);
        struct followed *next = f->next;
        bool is_ending = f->is_ending;
        f->next = NULL;
        pthread_mutex_unlock(&f->lock);
        if (next != NULL) {
            free_followed(f->current);
            f->current = next;
        }
        if (is_ending)
            return NULL;
        look(f, next != NULL);
    }
}

struct geo_follow *geo_follow_create(const struct geo_follow_spec *spec)
{
    static struct geo *const none[GEO_KINDS];
    struct geo_follow *f = mem_zalloc(sizeof *f);
    pthread_condattr_t attr;
    f->current = followed_of(spec);
    f->set = geo_set_create(none);
    CHECK(pthread_mutex_init(&f->lock, NULL) == 0 && pthread_condattr_init(&attr) == 0 &&
          pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
          pthread_cond_init(&f->bell, &attr) == 0);
    pthread_condattr_destroy(&attr);
    look(f, true);
    CHECK(thread_start(&f->thread, run, f, "geo") == 0);
    return f;
}

void geo_follow_destroy(struct geo_follow **pf)
{
    struct geo_follow *f = *pf;
    *pf = NULL;
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->is_ending = true;
    pthread_cond_signal(&f->bell);
    pthread_mutex_unlock(&f->lock);
    CHECK(pthread_join(f->thread, NULL) == 0);
    free_followed(f->current);
    geo_set_unref(&f->set);
    pthread_cond_destroy(&f->bell);
    pthread_mutex_destroy(&f->lock);
    mem_free(f);
}

void geo_follow_set(struct geo_follow *f, const struct geo_follow_spec *spec)
{
    struct followed *next = followed_of(spec);
    pthread_mutex_lock(&f->lock);
    struct followed *late = f->next;
    f->next = next;
    pthread_cond_signal(&f->bell);
    pthread_mutex_unlock(&f->lock);
    free_followed(late);
}

uint64_t geo_follow_swaps(const struct geo_follow *f)
{
    return atomic_load_explicit(&f->swaps, memory_order_relaxed);
}

uint64_t geo_follow_refusals(const struct geo_follow *f)
{
    return atomic_load_explicit(&f->refusals, memory_order_relaxed);
}

void geo_view_init(struct geo_view *v, struct geo_follow *f)
{
    *v = (struct geo_view){.follow = f};
}

const struct geo_set *geo_view_now(struct geo_view *v)
{
    struct geo_follow *f = v->follow;
    uint64_t newest = atomic_load_explicit(&f->version, memory_order_acquire);
    if (v->held != NULL && v->held->version == newest)
        return v->held;
    geo_set_unref(&v->held);
    pthread_mutex_lock(&f->lock);
    v->held = geo_set_ref(f->set);
    pthread_mutex_unlock(&f->lock);
    return v->held;
}

void geo_view_finish(struct geo_view *v)
{
    geo_set_unref(&v->held);
}
