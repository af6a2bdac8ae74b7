/* SPDX-License-Identifier: MIT */

/* Reads a segment without its payload. A record that does not fit costs itself: where records
 * are followed by themselves, the next flush, on a page, is looked for within LOST_MAX.
 * Threads: any. */
#include "edge/store/disk_scan.h"

#include "edge/store/object_image.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#define WINDOW_BYTES (4u << 20) /* read at once of records that lie close together */
#define WINDOW_MIN   (64u << 10)
#define LOST_MAX     (32u << 20)
#define KEPT_MIN     1024u

struct scan {
    const struct medium_disk *m;
    uint32_t segment;
    uint64_t sequence;
    disk_scan_fn fn;
    void *ctx;
    bool is_over; /* fn had enough */
    /* what is in memory of the segment */
    uint8_t *window;
    uint64_t at;
    size_t n, reach; /* reach: how much of it the last one asked for */
};

/* How much to read there: of payloads that are gone past next to nothing. */
static size_t window_at(struct scan *s, uint64_t from, size_t least)
{
    bool goes_on = s->n > 0 && from <= s->at + s->n;
    s->reach = goes_on && 2 * s->reach <= WINDOW_BYTES ? 2 * s->reach : s->reach;
    if (!goes_on)
        s->reach = WINDOW_MIN;
    return s->reach > least ? s->reach : least;
}

/* Pointer to the segment's bytes [at, at + n), or NULL: they cannot be read or lie beyond it. */
static const void *bytes_at(struct scan *s, uint64_t at, size_t n)
{
    if (at + n > s->m->segment_bytes)
        return NULL;
    if (at < s->at || at + n > s->at + s->n) {
        uint64_t from = at / DISK_PAGE * DISK_PAGE, left = s->m->segment_bytes - from;
        size_t wanted = window_at(s, from, (size_t)(disk_up(at + n, DISK_PAGE) - from));
        if (wanted > left)
            wanted = (size_t)left;
        s->n = 0;
        if (medium_disk_read(s->m, s->segment, from, s->window, wanted) != 0)
            return NULL;
        s->at = from;
        s->n = wanted;
    }
    return s->window + (at - s->at);
}

static void give(struct scan *s, const struct disk_record *r, const void *payload)
{
    if (payload != NULL && hash64(payload, r->length) != r->payload_sum)
        return;
    s->is_over = !s->fn(s->ctx, r, payload);
}

/* The record at `at`, given if it is one. Returns where the next one may be, or 0. */
static uint64_t follow(struct scan *s, uint64_t at)
{
    struct disk_record r;
    const void *p = bytes_at(s, at, sizeof(r)), *payload = NULL;
    if (p == NULL)
        return 0;
    memcpy(&r, p, sizeof(r));
    if (!disk_record_fits(&r, s->sequence, s->m->segment_bytes) || r.at != disk_payload_of(&r, at))
        return 0;
    if (disk_has_summary(&r)) {
        payload = r.length <= OBJECT_IMAGE_MAX ? bytes_at(s, r.at, r.length) : NULL;
        if (payload == NULL)
            return 0;
    }
    give(s, &r, payload);
    return disk_up((uint64_t)r.at + r.length, DISK_RECORD_ALIGN);
}

static void scan_records(struct scan *s)
{
    uint64_t at = DISK_PAGE, lost = 0;
    while (at + sizeof(struct disk_record) <= s->m->segment_bytes && lost < LOST_MAX &&
           !s->is_over) {
        uint64_t next = follow(s, at);
        if (next != 0) {
            at = next;
            lost = 0;
            continue;
        }
        lost += DISK_PAGE;
        at = disk_up(at + 1, DISK_PAGE);
    }
}

static void scan_summary(struct scan *s, const uint8_t *p, size_t n)
{
    struct disk_record r;
    for (size_t at = 0; at + sizeof(r) <= n && !s->is_over;) {
        memcpy(&r, p + at, sizeof(r));
        at += sizeof(r);
        if (!disk_record_fits(&r, s->sequence, s->m->segment_bytes))
            return;
        bool has_payload = disk_has_summary(&r);
        if (has_payload && r.length > n - at)
            return;
        give(s, &r, has_payload ? p + at : NULL);
        at += has_payload ? r.length : 0;
    }
}

/* Whether there was a summary, whole. */
static bool try_summary(struct scan *s)
{
    struct disk_foot foot;
    const void *p = bytes_at(s, s->m->segment_bytes - DISK_PAGE, sizeof(foot));
    if (p == NULL)
        return false;
    memcpy(&foot, p, sizeof(foot));
    if (!disk_foot_fits(&foot, s->sequence, s->m->segment_bytes))
        return false;
    size_t bytes = disk_up(foot.summary_bytes, DISK_PAGE);
    if (bytes == 0)
        return true;
    uint8_t *summary = disk_pages_get(bytes);
    bool is_whole = medium_disk_read(s->m, s->segment, foot.summary_at, summary, bytes) == 0 &&
                    hash64(summary, foot.summary_bytes) == foot.summary_sum;
    if (is_whole)
        scan_summary(s, summary, foot.summary_bytes);
    disk_pages_put(summary, bytes);
    return is_whole;
}

int disk_scan(const struct medium_disk *m, uint32_t segment, uint64_t sequence, disk_scan_fn fn,
              void *ctx)
{
    struct scan s = {.m = m, .segment = segment, .sequence = sequence, .fn = fn, .ctx = ctx};
    s.window = disk_pages_get(WINDOW_BYTES);
    bool is_readable = bytes_at(&s, m->segment_bytes - DISK_PAGE, DISK_PAGE) != NULL;
    if (is_readable && !try_summary(&s))
        scan_records(&s);
    disk_pages_put(s.window, WINDOW_BYTES);
    return is_readable ? 0 : ERR_IO;
}

static bool keep(void *ctx, const struct disk_record *r, const void *payload)
{
    struct disk_summary *s = ctx;
    if (s->count == s->room) {
        s->room = s->room > 0 ? 2 * s->room : KEPT_MIN;
        s->at = mem_grow(s->at, s->room, sizeof(*s->at));
    }
    size_t n = payload != NULL ? r->length : 0, at = s->records.n;
    char *p = buf_room(&s->records, sizeof(*r) + n);
    if (p == NULL)
        return false; /* cannot be: all of them are less than the segment */
    memcpy(p, r, sizeof(*r));
    if (n > 0)
        memcpy(p + sizeof(*r), payload, n);
    buf_filled(&s->records, sizeof(*r) + n);
    s->at[s->count++] = (uint32_t)at;
    return true;
}

int disk_summary_read(struct disk_summary *s, const struct medium_disk *m, uint32_t segment,
                      uint64_t sequence)
{
    *s = (struct disk_summary){0};
    buf_init(&s->records, m->segment_bytes);
    return disk_scan(m, segment, sequence, keep, s);
}

void disk_summary_back(const struct disk_summary *s, disk_scan_fn fn, void *ctx)
{
    for (size_t i = s->count; i > 0; i--) {
        struct disk_record r;
        const char *p = s->records.p + s->at[i - 1];
        memcpy(&r, p, sizeof(r));
        if (!fn(ctx, &r, disk_has_summary(&r) ? p + sizeof(r) : NULL))
            return;
    }
}

void disk_summary_finish(struct disk_summary *s)
{
    buf_finish(&s->records);
    mem_free(s->at);
}

int disk_scan_sequence(const struct medium_disk *m, uint32_t segment, uint64_t *out)
{
    struct disk_head *head = disk_pages_get(DISK_PAGE);
    int r = medium_disk_read(m, segment, 0, head, DISK_PAGE);
    bool is_ours = r == 0 && disk_head_fits(head) && head->disk_id == m->id &&
                   head->segment_bytes == m->segment_bytes;
    *out = is_ours ? head->sequence : 0;
    disk_pages_put(head, DISK_PAGE);
    return r;
}
