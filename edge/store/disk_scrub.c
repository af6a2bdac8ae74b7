/* SPDX-License-Identifier: MIT */

/* Goes from segment to segment, beginning anywhere, since a node that is restarted often would else
 * see its first segments alone. A read waits for a moment in which nobody else reads, though not
 * for ever: on a disk that is never idle the scrub gets on by one block in IDLE_WAIT_MS.
 * Threads: its own. */
#include "edge/store/disk_scrub.h"

#include "edge/store/disk_place.h"
#include "edge/store/disk_scan.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#define ROUND_MS     600000 /* at least: a small disk need not be read all the time */
#define UNWELL_MS    1000   /* between looks at a dead disk, and between reads of a slow one */
#define IDLE_STEP_MS 5
#define IDLE_WAIT_MS 200
#define AHEAD_MS     50 /* that much of the rate is read at once */

struct scrub {
    struct disk *d;
    uint32_t segment;
    nsec_t due; /* when the rate allows the next read */
    uint8_t *pages;
    size_t room;
};

/* Until the rate, the disk and those who read it let it. false: the end. */
static bool wait_turn(struct scrub *s)
{
    struct disk *d = s->d;
    nsec_t now = clock_mono_ns();
    if (s->due < now)
        s->due = now;
    msec_t early = (s->due - now) / (NSEC_PER_SEC / MSEC_PER_SEC);
    bool goes_on = early <= AHEAD_MS || disk_rest(d, early);
    while (goes_on && !disk_is_up(d))
        goes_on = disk_rest(d, UNWELL_MS);
    /* Slow is what the last read was: where nobody else reads, this one finds out. */
    if (goes_on && atomic_load(&d->state) == STORE_DISK_SLOW)
        goes_on = disk_rest(d, UNWELL_MS);
    for (msec_t waited = 0; goes_on && waited < IDLE_WAIT_MS; waited += IDLE_STEP_MS) {
        if (atomic_load(&d->loads_out) == 0)
            break;
        goes_on = disk_rest(d, IDLE_STEP_MS);
    }
    return goes_on && disk_rest(d, 0);
}

/* 0, ERR_CORRUPT, ERR_IO. */
static int verify(struct scrub *s, const struct disk_record *r)
{
    const struct medium_piece piece = {s->segment, r->at, r->length};
    const uint8_t *payload;
    if (medium_disk_around(&piece) > s->room)
        return ERR_CORRUPT; /* no block is so large */
    int err = medium_disk_read_around(&s->d->medium, &piece, s->pages, &payload);
    if (err == 0 && hash64(payload, r->length) != r->payload_sum)
        err = ERR_CORRUPT;
    return err;
}

/* What lay there lies there no more where it cannot be read. */
static void account(struct scrub *s, const struct disk_record *r, struct generation *g, int err)
{
    struct store_counters *c = &s->d->store->counters;
    counter_add_shared(&c->disk_scrubbed_bytes, r->length);
    counter_add_shared(&c->disk_scrubbed_blocks, 1);
    if (err != 0 && disk_place_clear(g, r, s->segment) && err == ERR_CORRUPT) {
        counter_add_shared(&c->disk_corrupt, 1);
        counter_add_shared(&c->disk_scrub_damaged, 1);
    }
    s->due += (nsec_t)r->length * NSEC_PER_SEC / s->d->store->disk_scrub_per_s;
}

static bool on_record(void *ctx, const struct disk_record *r, const void *payload)
{
    struct scrub *s = ctx;
    (void)payload;
    if (!disk_is_block(r))
        return true;
    if (!wait_turn(s))
        return false;
    struct generation *g = generation_known(s->d->store, r->generation);
    if (g != NULL && disk_place_enter(s->d, g, r, s->segment)) {
        msec_t began = clock_mono_ms();
        int err = verify(s, r);
        disk_read_told(s->d, clock_mono_ms() - began, err != ERR_IO);
        disk_segment_leave(s->d, s->segment);
        account(s, r, g, err);
    }
    generation_unref(&g);
    return true;
}

/* The segment may be written over meanwhile: its records fit it no more then, and that is its end.
 */
static void scrub_segment(struct scrub *s)
{
    uint64_t sequence;
    if (disk_scan_sequence(&s->d->medium, s->segment, &sequence) == 0 && sequence != 0 &&
        disk_scan(&s->d->medium, s->segment, sequence, on_record, s) != 0)
        disk_read_told(s->d, 0, false);
}

void disk_scrub_all(struct disk *d)
{
    struct scrub s = {.d = d, .room = (size_t)d->store->block_max_bytes + 2 * DISK_PAGE};
    msec_t began = clock_mono_ms();
    uint32_t first;
    digest_random(&first, sizeof(first));
    s.segment = first % d->medium.count;
    s.pages = disk_pages_get(s.room);
    bool goes_on = disk_wait_recovered(d, -1);
    for (uint32_t n = 0; goes_on && wait_turn(&s);) {
        scrub_segment(&s);
        s.segment = (s.segment + 1) % d->medium.count;
        if (++n < d->medium.count)
            continue;
        msec_t took = clock_mono_ms() - began;
        counter_add_shared(&d->store->counters.disk_scrub_rounds, 1);
        if (took < ROUND_MS && !disk_rest(d, ROUND_MS - took))
            break;
        began = clock_mono_ms();
        n = 0;
    }
    disk_pages_put(s.pages, s.room);
}
