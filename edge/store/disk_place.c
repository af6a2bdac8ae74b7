/* SPDX-License-Identifier: MIT */

/* What the disk's threads change in a generation: under its lock, and only after they have looked
 * whether things are still as they were when the job was made. Threads: any. */
#include "edge/store/disk_place.h"

#include "edge/store/object.h"

static bool lies_at(const struct block *b, uint32_t segment, uint32_t spot)
{
    return b->disk_segment == segment && b->disk_at == spot;
}

static bool is_same_locked(const struct disk *d, const struct block *b, const struct disk_job *j)
{
    if (b == NULL || b->checksum != j->checksum || j->generation->roster.disk != d->number)
        return false;
    if (j->kind == DISK_JOB_MOVE)
        return lies_at(b, j->disk_segment, j->disk_at);
    return b->state == BLOCK_PRESENT && b->segment == segment_number(j->segment) &&
           segments_offset(j->segment->home, b) == j->offset;
}

static void spend_use(struct block *b)
{
    if ((b->flags & BLOCK_READ_ALL) != 0)
        block_set_flags(b, b->flags - BLOCK_READ_ONE);
}

void disk_place_commit(struct disk *d, const struct disk_job *j)
{
    struct generation *g = j->generation;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, j->index);
    if (is_same_locked(d, b, j)) {
        if (b->disk_segment == SEGMENT_NONE)
            generation_on_disk_locked(g, 1);
        b->disk_segment = d->writer.segment;
        b->disk_at = j->written_at;
        if (generation_is_pinned(g))
            disk_segment_pin(d, b->disk_segment, disk_spot_bytes(b->disk_at, b->filled),
                             generation_pinned_ms(g));
        if (j->kind == DISK_JOB_MOVE)
            spend_use(b);
        else
            block_set_flags(b, b->flags & ~BLOCK_QUEUED);
    }
    generation_unlock(g);
}

void disk_place_abandon(const struct disk_job *j)
{
    struct generation *g = j->generation;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, j->index);
    if (b != NULL && j->kind == DISK_JOB_BLOCK)
        block_set_flags(b, b->flags & ~BLOCK_QUEUED);
    generation_unlock(g);
}

static uint32_t worth_of(struct generation *g, const struct block *b)
{
    struct segments *ss = &generation_store(g)->segments;
    return ss->policy->worth != NULL ? ss->policy->worth(&ss->queues, b)
                                     : (b->flags & BLOCK_READ_ALL) / BLOCK_READ_ONE;
}

bool disk_place_has(struct generation *g, const struct disk_record *r, uint32_t segment,
                    uint32_t *uses)
{
    generation_lock(g);
    const struct block *b = block_table_find(&g->table, (int64_t)r->index);
    bool has = b != NULL && lies_at(b, segment, disk_spot(r));
    *uses = has ? worth_of(g, b) : 0;
    if (has && generation_is_pinned(g))
        *uses = DISK_PLACE_USES_MAX;
    generation_unlock(g);
    return has;
}

void disk_place_pass(struct generation *g, const struct disk_record *r, uint32_t segment)
{
    generation_lock(g);
    struct block *b = block_table_find(&g->table, (int64_t)r->index);
    if (b != NULL && lies_at(b, segment, disk_spot(r)))
        spend_use(b);
    generation_unlock(g);
}

bool disk_place_enter(struct disk *d, struct generation *g, const struct disk_record *r,
                      uint32_t segment)
{
    generation_lock(g);
    const struct block *b = block_table_find(&g->table, (int64_t)r->index);
    bool has = b != NULL && lies_at(b, segment, disk_spot(r)) && b->state != BLOCK_FILLING;
    if (has) /* under the lock: who gives the segment up clears the place first */
        disk_segment_enter(d, segment);
    generation_unlock(g);
    return has;
}

bool disk_place_clear(struct generation *g, const struct disk_record *r, uint32_t segment)
{
    generation_lock(g);
    struct block *b = block_table_find(&g->table, (int64_t)r->index);
    bool had = b != NULL && lies_at(b, segment, disk_spot(r));
    if (had && b->state == BLOCK_STORED) {
        generation_close_locked(g, b);
    } else if (had) {
        b->disk_segment = SEGMENT_NONE;
        generation_on_disk_locked(g, -1);
    }
    generation_unlock(g);
    return had;
}

struct object *disk_place_owner(struct generation *g)
{
    generation_lock(g);
    struct object *o = generation_owner(g);
    if (o != NULL)
        object_ref(o); /* the index holds one as long as it is the owner */
    generation_unlock(g);
    return o;
}
