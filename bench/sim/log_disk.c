/* SPDX-License-Identifier: MIT */

/* The log: segments of records in order; a record is a generation's id, a block's number and its
 * length. edge/store/disk_log.c is what it follows, step by step, with jobs that end at once. */
#include "bench/sim/log_disk.h"

#include "edge/store/disk_place.h"
#include "edge/store/disk_turn.h"
#include "edge/store/store.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#define SEGMENTS_SOUGHT   64
#define SEGMENT_BYTES_MIN ((int64_t)4 << 20)
#define SEGMENT_BYTES_MAX ((int64_t)64 << 20)

struct record {
    uint64_t generation;
    uint32_t index, bytes;
};

struct log_segment {
    struct record *v;
    uint32_t count, room;
    int64_t bytes;
    uint64_t sequence, turn; /* as disk_segment; sequence 0: free */
};

struct log_disk {
    struct store *store;
    int64_t segment_bytes;
    uint32_t count, open;
    uint64_t sequence;
    struct log_disk_counts counts;
    uint8_t *uses; /* of the records of the segment that was looked at last; or GONE */
    uint32_t uses_room;
    struct log_segment segments[];
};

static struct log_disk *the_disk; /* the store's calls name the store alone */

static uint32_t append(struct log_disk *d, const struct record *r)
{
    struct log_segment *s = &d->segments[d->open];
    if (s->count == s->room) {
        s->room = s->room > 0 ? 2 * s->room : 64;
        s->v = mem_grow(s->v, s->room, sizeof(*s->v));
    }
    s->v[s->count] = *r;
    s->bytes += r->bytes;
    return s->count++;
}

/* As disk_log.c does with a block that was used since it came: written anew at the log's end. */
static bool move(struct log_disk *d, struct generation *g, const struct record *r)
{
    if (d->segments[d->open].bytes + r->bytes > d->segment_bytes)
        return false;
    uint32_t at = append(d, r);
    generation_lock(g);
    struct block *b = block_table_find(&g->table, r->index);
    b->disk_segment = d->open;
    b->disk_at = at;
    if ((b->flags & BLOCK_READ_ALL) != 0)
        block_set_flags(b, b->flags - BLOCK_READ_ONE);
    generation_unlock(g);
    d->counts.moved_bytes += r->bytes;
    return true;
}

/* An object of which nothing is left anywhere. */
static void let_go(struct log_disk *d, struct generation *g)
{
    generation_lock(g);
    bool is_bare = block_table_held(&g->table) == 0 && !generation_is_busy_locked(g);
    struct object *o = is_bare ? generation_owner(g) : NULL;
    if (o != NULL)
        object_ref(o); /* the index holds one as long as it is the owner */
    generation_unlock(g);
    if (o != NULL)
        store_remove(d->store, o);
    object_unref(&o);
}

/* Whether the record's block is there still, and was used since it came. */
#define GONE 0xff

static uint8_t uses_of(const struct log_disk *d, uint32_t segment, uint32_t at)
{
    const struct record *r = &d->segments[segment].v[at];
    const struct disk_record named = {.index = r->index, .at = at};
    struct generation *g = generation_known(d->store, r->generation);
    uint32_t uses;
    bool has = g != NULL && disk_place_has(g, &named, segment, &uses);
    generation_unref(&g);
    return has ? (uint8_t)uses : GONE;
}

/* Notes in d->uses what became of the segment's blocks. Returns the bytes of those that were used.
 */
static uint64_t look_at(struct log_disk *d, uint32_t segment)
{
    const struct log_segment *s = &d->segments[segment];
    uint64_t used = 0;
    if (d->uses_room < s->count) {
        d->uses_room = s->room;
        d->uses = mem_grow(d->uses, d->uses_room, sizeof(*d->uses));
    }
    for (uint32_t i = 0; i < s->count; i++) {
        d->uses[i] = uses_of(d, segment, i);
        used += d->uses[i] != GONE && d->uses[i] > 0 ? s->v[i].bytes : 0;
    }
    return used;
}

static void forget(struct log_disk *d, uint32_t segment, uint32_t at)
{
    const struct record *r = &d->segments[segment].v[at];
    const struct disk_record named = {.index = r->index, .at = at};
    struct generation *g = generation_known(d->store, r->generation);
    if (g != NULL && disk_place_clear(g, &named, segment))
        let_go(d, g);
    generation_unref(&g);
}

/* Those of so many uses go on, as long as the budget lasts. */
static void move_used(struct log_disk *d, uint32_t segment, uint8_t uses, int64_t *budget)
{
    const struct log_segment *s = &d->segments[segment];
    for (uint32_t i = 0; i < s->count; i++) {
        const struct record *r = &s->v[i];
        if (d->uses[i] != uses || *budget < r->bytes)
            continue;
        struct generation *g = generation_known(d->store, r->generation);
        if (move(d, g, r)) {
            *budget -= r->bytes;
            d->uses[i] = GONE;
        }
        generation_unref(&g);
    }
}

/* What was looked at last. */
static void reclaim(struct log_disk *d, uint32_t segment)
{
    struct log_segment *s = &d->segments[segment];
    int64_t budget = d->segment_bytes / DISK_MOVE_SHARE;
    for (uint8_t uses = DISK_PLACE_USES_MAX; uses > 0; uses--)
        move_used(d, segment, uses, &budget);
    for (uint32_t i = 0; i < s->count; i++) {
        if (d->uses[i] != GONE)
            forget(d, segment, i);
    }
    s->count = 0;
    s->bytes = 0;
    s->sequence = 0;
}

/* As in disk_turn.c. */
static uint32_t first_segment(const struct log_disk *d)
{
    uint32_t first = SEGMENT_NONE;
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = 0; i < d->count; i++) {
        const struct log_segment *s = &d->segments[i];
        uint64_t turn = s->turn > s->sequence ? s->turn : s->sequence;
        if (s->sequence != 0 && i != d->open && turn < lowest) {
            first = i;
            lowest = turn;
        }
    }
    return first;
}

/* It stays for one use of each of its blocks. */
static void pass(struct log_disk *d, uint32_t segment)
{
    struct log_segment *s = &d->segments[segment];
    for (uint32_t i = 0; i < s->count; i++) {
        const struct disk_record named = {.index = s->v[i].index, .at = i};
        if (d->uses[i] == GONE || d->uses[i] == 0)
            continue;
        struct generation *g = generation_known(d->store, s->v[i].generation);
        disk_place_pass(g, &named, segment);
        generation_unref(&g);
    }
    s->turn = d->sequence;
}

/* As disk_turn_next: the one to be given up, looked at. */
static uint32_t next_segment(struct log_disk *d)
{
    uint32_t segment = first_segment(d), bytes = (uint32_t)d->segment_bytes;
    for (int left = DISK_PASSES_MOST;; left--) {
        uint64_t used = look_at(d, segment), since = d->sequence - d->segments[segment].sequence;
        if (left == 0 || !disk_turn_passes(used, bytes, since, d->count))
            return segment;
        pass(d, segment);
        segment = first_segment(d);
    }
}

static void open_free(struct log_disk *d)
{
    for (d->open = 0; d->segments[d->open].sequence != 0;)
        d->open++;
    d->segments[d->open].sequence = ++d->sequence;
}

static bool has_free(const struct log_disk *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->segments[i].sequence == 0)
            return true;
    }
    return false;
}

/* The open segment is full: the next one, and where that was the last free one, another is given
 * up. */
static void turn(struct log_disk *d)
{
    open_free(d);
    if (has_free(d))
        return;
    reclaim(d, next_segment(d));
}

/* As disks.c: a segment is left that was never open. */
static bool has_room(const struct store *st, const struct generation *g)
{
    (void)st;
    (void)g;
    return the_disk->sequence < the_disk->count;
}

static void keep(struct store *st, struct generation *g, int64_t index)
{
    struct log_disk *d = the_disk;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, index);
    CHECK(b != NULL && b->disk_segment == SEGMENT_NONE);
    if (d->segments[d->open].bytes + b->filled > d->segment_bytes) {
        generation_unlock(g); /* nobody else is here */
        turn(d);
        generation_lock(g);
    }
    struct record r = {g->roster.id, (uint32_t)index, b->filled};
    b->disk_at = append(d, &r);
    b->disk_segment = d->open;
    generation_on_disk_locked(g, 1);
    bool is_first = g->roster.disk == DISK_NONE;
    g->roster.disk = 0;
    generation_unlock(g);
    if (is_first)
        roster_add(&st->roster, &g->roster);
    d->counts.kept_bytes += r.bytes;
}

/* disk_load.c in one step. */
static int load(struct store *st, struct generation *g, int64_t index)
{
    struct segments *ss = &st->segments;
    struct place p;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, index);
    CHECK(b != NULL && b->state == BLOCK_STORED);
    b->state = BLOCK_FILLING;
    uint32_t bytes = b->filled;
    generation_unlock(g);
    struct record_wanted want = {.bytes = bytes,
                                 .queue = ss->policy->enter(&ss->queues, EVICT_LOADED, NULL)};
    int r = block_reserve(st, &want, b, &p);
    generation_lock(g);
    b->state = r == 0 ? BLOCK_PRESENT : BLOCK_STORED;
    if (r == 0) {
        segments_place(ss, b, &p);
        block_set_flags(b, b->flags | BLOCK_LOADED);
        atomic_fetch_add_explicit(&st->blocks, 1, memory_order_relaxed);
    }
    generation_unlock(g);
    if (r != 0)
        return ERR_NO_SPACE;
    segment_unref(p.segment);
    the_disk->counts.read_bytes += bytes;
    return ERR_AGAIN;
}

static void read_ahead(struct store *st, struct generation *g, int64_t from, int64_t to)
{
    (void)st;
    (void)g;
    (void)from;
    (void)to;
}

struct log_disk *log_disk_create(struct store *st, int64_t bytes)
{
    int64_t each = bytes / SEGMENTS_SOUGHT;
    each = each < SEGMENT_BYTES_MIN ? SEGMENT_BYTES_MIN : each;
    each = each > SEGMENT_BYTES_MAX ? SEGMENT_BYTES_MAX : each;
    uint32_t count = (uint32_t)(bytes / each) + 1; /* one of them is always free */
    struct log_disk *d = mem_zalloc(sizeof(*d) + count * sizeof(d->segments[0]));
    d->store = st;
    d->segment_bytes = each;
    d->count = count;
    d->segments[0].sequence = d->sequence = 1;
    CHECK(the_disk == NULL && count > 2);
    the_disk = d;
    st->disk_keep = keep;
    st->disk_has_room = has_room;
    st->disk_load = load;
    st->disk_read_ahead = read_ahead;
    return d;
}

void log_disk_destroy(struct log_disk **pd)
{
    struct log_disk *d = *pd;
    *pd = the_disk = NULL;
    if (d == NULL)
        return;
    for (uint32_t i = 0; i < d->count; i++)
        mem_free(d->segments[i].v);
    mem_free(d->uses);
    mem_free(d);
}

struct log_disk_counts log_disk_counts(const struct log_disk *d)
{
    return d->counts;
}
