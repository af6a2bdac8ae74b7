/* SPDX-License-Identifier: MIT */

/* Marks in an open-addressed table of hashes with the process's secret, and a short list of
 * prefixes. Every site that has marks has a row of its own that counts them; the row of site 0 is
 * everything. Threads: any. */
#include "edge/store/purge_marks.h"

#include "edge/policy/tags.h"
#include "edge/store/object.h"
#include "lib/base/mem.h"

#include <pthread.h>

#define BYTES_A_SLOT  8192 /* of the store's memory: half a percent of it at most */
#define SLOTS_MIN     512u
#define SLOTS_MAX     (1u << 17)
#define PREFIXES_MAX  128
#define PREFIX_BYTES  512 /* a longer one is cut: it purges more */
#define SITE_ANY      0
#define SITES_AT_ONCE 8 /* merged when there is no room: the heaviest ones */

struct mark {
    uint64_t key; /* 0: free */
    uint64_t site;
    uint64_t hard, soft; /* number of the newest purge of either sort; 0: none */
    uint32_t count;      /* row of a site: its other marks */
    bool is_site;
};

struct prefix {
    uint64_t number, site, host;
    bool is_soft;
    uint16_t length;
    char text[PREFIX_BYTES]; /* as keys begin: site, host, path */
};

struct purge_marks {
    uint32_t magic, mask, bound, used; /* slots - 1; marks at most; marks */
    _Atomic uint64_t clock, newest, floor;
    uint64_t swept;
    pthread_rwlock_t lock; /* of all below */
    uint32_t prefix_count;
    struct prefix *prefixes; /* by number */
    struct mark *slots;
};
#define PURGE_MARKS_MAGIC 0x9a9e3a4bU

struct purge_marks *purge_marks_create(int64_t memory_bytes, size_t *bytes)
{
    struct purge_marks *pm = mem_zalloc(sizeof(*pm));
    uint32_t slots = SLOTS_MIN;
    while (slots < memory_bytes / BYTES_A_SLOT && slots < SLOTS_MAX)
        slots *= 2;
    pm->magic = PURGE_MARKS_MAGIC;
    pm->mask = slots - 1;
    pm->bound = slots / 4 * 3;
    pm->clock = 1;
    pm->slots = mem_zarray(slots, sizeof(*pm->slots));
    pm->prefixes = mem_zarray(PREFIXES_MAX, sizeof(*pm->prefixes));
    pthread_rwlock_init(&pm->lock, NULL);
    *bytes = sizeof(*pm) + slots * sizeof(*pm->slots) + PREFIXES_MAX * sizeof(*pm->prefixes);
    return pm;
}

void purge_marks_destroy(struct purge_marks **ppm)
{
    struct purge_marks *pm = *ppm;
    *ppm = NULL;
    if (pm == NULL)
        return;
    CHECK_OBJ(pm, PURGE_MARKS_MAGIC);
    pthread_rwlock_destroy(&pm->lock);
    mem_free(pm->slots);
    mem_free(pm->prefixes);
    pm->magic = 0;
    mem_free(pm);
}

uint64_t purge_marks_now(const struct purge_marks *pm)
{
    return atomic_load(&pm->clock);
}

uint64_t purge_marks_draw(struct purge_marks *pm)
{
    return atomic_fetch_add(&pm->clock, 1) + 1;
}

uint64_t purge_marks_newest(const struct purge_marks *pm)
{
    return atomic_load(&pm->newest);
}

uint64_t purge_marks_floor(const struct purge_marks *pm)
{
    return atomic_load(&pm->floor);
}

/* ---- the table ---- */

struct mark_name {
    uint64_t kind, site, host, value;
};

static uint64_t key_of(const struct mark_name *n)
{
    uint64_t key = hash64_seeded(n, sizeof(*n));
    return key != 0 ? key : 1;
}

static uint64_t hash_or_any(struct span s)
{
    return s.n > 0 ? hash64_seeded(s.p, s.n) : SITE_ANY;
}

static struct mark *slot_of(const struct purge_marks *pm, uint64_t key)
{
    uint32_t i = (uint32_t)key & pm->mask;
    while (pm->slots[i].key != 0 && pm->slots[i].key != key)
        i = (i + 1) & pm->mask;
    return &pm->slots[i];
}

static struct mark *slot_named(const struct purge_marks *pm, const struct mark_name *n)
{
    return slot_of(pm, key_of(n));
}

static void raise(struct mark *m, uint64_t number, bool is_soft)
{
    uint64_t *at = is_soft ? &m->soft : &m->hard;
    if (*at < number)
        *at = number;
}

/* The row of a site, made where it is not there: there is room for it. */
static struct mark *site_row(struct purge_marks *pm, uint64_t site)
{
    uint64_t key = key_of(&(struct mark_name){PURGE_SITE, site, 0, 0});
    struct mark *m = slot_of(pm, key);
    if (m->key == 0) {
        *m = (struct mark){.key = key, .site = site, .is_site = true};
        pm->used++;
    }
    return m;
}

/* Frees slot i; those after it that it had pushed away move up. */
static void erase(struct purge_marks *pm, uint32_t i)
{
    uint32_t hole = i;
    for (uint32_t j = (i + 1) & pm->mask; pm->slots[j].key != 0; j = (j + 1) & pm->mask) {
        uint32_t home = (uint32_t)pm->slots[j].key & pm->mask;
        bool may_move = ((j - home) & pm->mask) >= ((j - hole) & pm->mask);
        if (may_move) {
            pm->slots[hole] = pm->slots[j];
            hole = j;
        }
    }
    pm->slots[hole] = (struct mark){0};
    pm->used--;
}

/* All marks of a site become one on it. */
static void merge_site(struct purge_marks *pm, uint64_t site)
{
    uint64_t hard = 0, soft = 0;
    for (uint32_t i = 0; i <= pm->mask; i++) {
        struct mark *m = &pm->slots[i];
        while (m->key != 0 && m->site == site) {
            hard = m->hard > hard ? m->hard : hard;
            soft = m->soft > soft ? m->soft : soft;
            erase(pm, i);
        }
    }
    struct mark *row = site_row(pm, site);
    raise(row, hard, false);
    raise(row, soft, true);
}

static void merge_all(struct purge_marks *pm)
{
    for (uint32_t i = 0; i <= pm->mask; i++)
        pm->slots[i].site = SITE_ANY;
    merge_site(pm, SITE_ANY);
}

/* The site that has most marks; its count. */
static uint32_t heaviest(const struct purge_marks *pm, uint64_t *site)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i <= pm->mask; i++) {
        const struct mark *m = &pm->slots[i];
        if (m->is_site && m->count > most) {
            most = m->count;
            *site = m->site;
        }
    }
    return most;
}

/* Marks that the sweep has carried to every object go. */
static void forget(struct purge_marks *pm, uint64_t upto)
{
    for (uint32_t i = 0; i <= pm->mask; i++) {
        struct mark *m = &pm->slots[i];
        while (m->key != 0 && !m->is_site && m->hard <= upto && m->soft <= upto) {
            site_row(pm, m->site)->count--;
            erase(pm, i);
        }
    }
    for (uint32_t i = 0; i <= pm->mask; i++) {
        struct mark *m = &pm->slots[i];
        while (m->key != 0 && m->is_site && m->count == 0 && m->hard <= upto && m->soft <= upto)
            erase(pm, i);
    }
    uint32_t gone = 0;
    while (gone < pm->prefix_count && pm->prefixes[gone].number <= upto)
        gone++;
    pm->prefix_count -= gone;
    memmove(pm->prefixes, pm->prefixes + gone, pm->prefix_count * sizeof(*pm->prefixes));
    atomic_store(&pm->floor, upto);
}

/* Room for a mark and the row of its site. */
static void make_room(struct purge_marks *pm)
{
    uint64_t site = SITE_ANY;
    if (pm->used + 2 <= pm->bound)
        return;
    if (pm->swept > atomic_load(&pm->floor))
        forget(pm, pm->swept);
    if (pm->used + 2 <= pm->bound)
        return;
    for (int i = 0; i < SITES_AT_ONCE && heaviest(pm, &site) > 1; i++)
        merge_site(pm, site);
    if (pm->used + 2 > pm->bound)
        merge_all(pm);
}

static void put(struct purge_marks *pm, const struct mark_name *n, uint64_t number, bool is_soft)
{
    make_room(pm);
    struct mark *row = site_row(pm, n->site);
    if (n->kind == PURGE_SITE) {
        raise(row, number, is_soft);
        return;
    }
    struct mark *m = slot_named(pm, n);
    if (m->key == 0) {
        row->count++;
        *m = (struct mark){.key = key_of(n), .site = n->site};
        pm->used++;
    }
    raise(m, number, is_soft);
}

/* ---- prefixes ---- */

static void add_prefix(struct purge_marks *pm, const struct purge_scope *s, uint64_t number,
                       bool is_soft)
{
    if (pm->prefix_count == PREFIXES_MAX && pm->swept > atomic_load(&pm->floor))
        forget(pm, pm->swept);
    if (pm->prefix_count == PREFIXES_MAX) {
        const struct prefix *oldest = &pm->prefixes[0];
        struct mark_name host = {PURGE_HOST, oldest->site, oldest->host, 0};
        put(pm, &host, oldest->number, oldest->is_soft);
        pm->prefix_count--;
        memmove(pm->prefixes, pm->prefixes + 1, pm->prefix_count * sizeof(*pm->prefixes));
    }
    struct prefix *p = &pm->prefixes[pm->prefix_count++];
    *p = (struct prefix){.number = number,
                         .site = hash_or_any(s->site),
                         .host = hash_or_any(s->host),
                         .is_soft = is_soft};
    struct span parts[] = {s->site, SPAN("\n"), s->host, SPAN("\n"), s->value};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t room = sizeof(p->text) - p->length, n = parts[i].n < room ? parts[i].n : room;
        if (n > 0)
            memcpy(p->text + p->length, parts[i].p, n);
        p->length = (uint16_t)(p->length + n);
    }
}

void purge_marks_add(struct purge_marks *pm, const struct purge_scope *scope, bool is_soft)
{
    struct mark_name n = {.kind = scope->kind,
                          .site = hash_or_any(scope->site),
                          .host = hash_or_any(scope->host),
                          .value = scope->value.n > 0 ? tag_hash(scope->value) : 0};
    if (scope->kind == PURGE_ALL)
        n = (struct mark_name){.kind = PURGE_SITE, .site = SITE_ANY};
    pthread_rwlock_wrlock(&pm->lock);
    uint64_t number = purge_marks_draw(pm);
    if (scope->kind == PURGE_PREFIX)
        add_prefix(pm, scope, number, is_soft);
    else
        put(pm, &n, number, is_soft);
    atomic_store(&pm->newest, number);
    pthread_rwlock_unlock(&pm->lock);
}

/* ---- judging ---- */

struct judging {
    const struct purge_marks *pm;
    uint64_t hard, soft;
};

static void weigh(struct judging *j, const struct mark_name *n)
{
    const struct mark *m = slot_named(j->pm, n);
    if (m->key == 0)
        return;
    j->hard = m->hard > j->hard ? m->hard : j->hard;
    j->soft = m->soft > j->soft ? m->soft : j->soft;
}

static void weigh_tags(struct judging *j, const struct object *o, uint64_t site, uint64_t host)
{
    struct tag_set tags = object_tags(o);
    for (uint32_t i = 0; i < tags.count; i++) {
        weigh(j, &(struct mark_name){PURGE_TAG, site, 0, tags.v[i]});
        weigh(j, &(struct mark_name){PURGE_TAG, SITE_ANY, 0, tags.v[i]});
        if (i >= tags.count - tags.groups)
            weigh(j, &(struct mark_name){PURGE_GROUP, site, host, tags.v[i]});
    }
}

static void weigh_prefixes(struct judging *j, const struct object *o, uint64_t since)
{
    struct span key = object_key_text(o);
    for (uint32_t i = j->pm->prefix_count; i > 0; i--) {
        const struct prefix *p = &j->pm->prefixes[i - 1];
        if (p->number <= since)
            return;
        uint64_t *newest = p->is_soft ? &j->soft : &j->hard;
        if (*newest < p->number && span_starts(key, span_make(p->text, p->length)))
            *newest = p->number;
    }
}

enum purge_verdict purge_marks_judge(struct purge_marks *pm, const struct object *o, uint64_t since,
                                     uint64_t *newest)
{
    struct judging j = {.pm = pm};
    struct span rest;
    span_cut(object_key_text(o), '\n', &rest);
    uint64_t site = hash_or_any(object_site(o)), host = hash_or_any(span_cut(rest, '\n', &rest));
    pthread_rwlock_rdlock(&pm->lock);
    *newest = atomic_load(&pm->newest);
    if (pm->used > 0) {
        weigh(&j, &(struct mark_name){PURGE_SITE, SITE_ANY, 0, 0});
        weigh(&j, &(struct mark_name){PURGE_SITE, site, 0, 0});
        weigh(&j, &(struct mark_name){PURGE_HOST, site, host, 0});
        weigh_tags(&j, o, site, host);
    }
    weigh_prefixes(&j, o, since);
    pthread_rwlock_unlock(&pm->lock);
    if (j.hard > since)
        return PURGE_VERDICT_HARD;
    return j.soft > since ? PURGE_VERDICT_SOFT : PURGE_VERDICT_NONE;
}

void purge_marks_swept(struct purge_marks *pm, uint64_t number)
{
    pthread_rwlock_wrlock(&pm->lock);
    pm->swept = number;
    pthread_rwlock_unlock(&pm->lock);
}

uint32_t purge_marks_count(struct purge_marks *pm)
{
    pthread_rwlock_rdlock(&pm->lock);
    uint32_t count = pm->used + pm->prefix_count;
    pthread_rwlock_unlock(&pm->lock);
    return count;
}
