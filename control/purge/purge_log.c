/* SPDX-License-Identifier: MIT
 * A ring of the newest purges in memory, the same in the state. */
#include "control/purge/purge_log.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#define FACT_BYTES (16 << 10)
#define KEY_BYTES  21

/* One block of memory: the texts follow the struct. */
struct entry {
    struct purge_record record;
    char texts[];
};

struct purge_log {
    char id[PURGE_LOG_ID_BYTES + 1];
    size_t keep;
    pthread_mutex_t lock;
    struct entry **ring;  /* seq s at [s % keep]; NULL where there is none */
    uint64_t head, floor; /* floor == head + 1: empty */
};

static struct entry *entry_of(const struct purge_record *r)
{
    size_t site = r->purge.site.n, value = r->purge.value.n;
    struct entry *e = mem_alloc(sizeof *e + site + value);
    e->record = *r;
    if (site > 0)
        memcpy(e->texts, r->purge.site.p, site);
    if (value > 0)
        memcpy(e->texts + site, r->purge.value.p, value);
    e->record.purge.site = span_make(e->texts, site);
    e->record.purge.value = span_make(e->texts + site, value);
    return e;
}

static void add_locked(struct purge_log *l, struct entry *e)
{
    uint64_t seq = e->record.purge.seq;
    struct entry **slot = &l->ring[seq % l->keep];
    mem_free(*slot);
    *slot = e;
    l->head = seq;
    if (seq - l->floor >= l->keep)
        l->floor = seq - l->keep + 1;
}

static struct span key_of(uint64_t seq, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%020" PRIu64, seq);
    return span_make(out, KEY_BYTES - 1);
}

/* ---- the state ---- */

static void write_fact(const struct purge_record *r, struct buf *out)
{
    struct json_out o;
    json_out_begin(&o, out);
    json_out_object(&o, NULL);
    json_out_text(&o, "kind", span_of(heartbeat_purge_name(r->purge.kind)));
    json_out_text(&o, "site", r->purge.site);
    json_out_text(&o, "value", r->purge.value);
    json_out_bool(&o, "soft", r->purge.is_soft);
    json_out_int(&o, "at_ms", r->at_wall_ms);
    json_out_end_object(&o);
}

/* A damaged fact is read as the purge that purges most: nothing stale may come of it. */
static bool on_purge(void *ctx, struct span key, struct span value)
{
    struct purge_log *l = ctx;
    struct json_in in;
    struct purge_record r = {.purge.kind = HEARTBEAT_PURGE_SITE};
    if (!span_u64(key, &r.purge.seq) || r.purge.seq == 0)
        return true;
    if (json_in_parse(&in, value, FACT_BYTES) == 0) {
        r.purge.kind = heartbeat_purge_kind_of(json_in_text(&in, in.root, "kind", 16));
        r.purge.site = json_in_text(&in, in.root, "site", HEARTBEAT_NAME_BYTES);
        r.purge.value = json_in_text(&in, in.root, "value", HEARTBEAT_URL_BYTES);
        r.purge.is_soft = json_in_bool(&in, in.root, "soft", false);
        r.at_wall_ms = (msec_t)json_in_u64(&in, in.root, "at_ms", 0);
    }
    if (r.purge.kind != HEARTBEAT_PURGE_SITE && r.purge.value.n == 0) {
        r.purge.kind = HEARTBEAT_PURGE_SITE;
        r.purge.site = SPAN_NONE;
        json_in_fault(&in, "value", "is not there");
    }
    if (l->head == 0 || r.purge.seq != l->head + 1)
        l->floor = r.purge.seq;
    add_locked(l, entry_of(&r));
    if (json_in_is_faulty(&in))
        LOG_WARN("state-purge-damaged", "seq=%" PRIu64 " reason=\"%s\"", r.purge.seq, in.fault);
    json_in_finish(&in);
    return true;
}

static bool on_meta(void *ctx, struct span key, struct span value)
{
    struct purge_log *l = ctx;
    if (span_eq(key, SPAN("purge_log")) && value.n == PURGE_LOG_ID_BYTES)
        memcpy(l->id, value.p, value.n);
    return true;
}

static int give_id(struct purge_log *l, struct state *s)
{
    uint8_t random[PURGE_LOG_ID_BYTES / 2];
    digest_random(random, sizeof random);
    digest_hex(random, sizeof random, l->id);
    return state_commit(s, &(struct state_change){STATE_META, SPAN("purge_log"), span_of(l->id)},
                        1);
}

int purge_log_open(struct purge_log **out, struct state *s, size_t keep)
{
    CHECK(keep > 0);
    struct purge_log *l = mem_zalloc(sizeof *l);
    l->keep = keep;
    l->floor = 1;
    l->ring = mem_zarray(keep, sizeof(struct entry *));
    CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
    int err = state_each(s, STATE_META, SPAN_NONE, on_meta, l);
    if (err == 0 && l->id[0] == '\0')
        err = give_id(l, s);
    if (err == 0)
        err = state_each(s, STATE_PURGE, SPAN_NONE, on_purge, l);
    if (err != 0)
        purge_log_close(&l);
    *out = l;
    return err;
}

void purge_log_close(struct purge_log **pl)
{
    struct purge_log *l = *pl;
    *pl = NULL;
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->keep; i++)
        mem_free(l->ring[i]);
    mem_free(l->ring);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

size_t purge_log_next(const struct purge_log *l, struct purge_record *r,
                      struct state_change out[PURGE_LOG_CHANGES], struct arena *mem)
{
    char key[KEY_BYTES];
    struct buf text;
    r->purge.seq = l->head + 1; /* who appends is this thread alone */
    buf_init(&text, FACT_BYTES);
    write_fact(r, &text);
    size_t count = buf_overflowed(&text) ? 0 : 1;
    out[0] = (struct state_change){STATE_PURGE, arena_dup(mem, key_of(r->purge.seq, key)),
                                   arena_dup(mem, buf_span(&text))};
    buf_finish(&text);
    if (count > 0 && r->purge.seq > l->keep)
        out[count++] = (struct state_change){
            STATE_PURGE, arena_dup(mem, key_of(r->purge.seq - l->keep, key)), SPAN_NONE};
    return count;
}

void purge_log_put(struct purge_log *l, const struct purge_record *r)
{
    struct entry *e = entry_of(r);
    pthread_mutex_lock(&l->lock);
    add_locked(l, e);
    pthread_mutex_unlock(&l->lock);
}

/* ---- readers ---- */

static struct heartbeat_purge copy_of(const struct heartbeat_purge *p, struct arena *mem)
{
    struct heartbeat_purge c = *p;
    c.site = arena_dup(mem, p->site);
    c.value = arena_dup(mem, p->value);
    return c;
}

void purge_log_answer(struct purge_log *l, struct span log, uint64_t seq,
                      struct heartbeat_answer *out, struct arena *mem)
{
    pthread_mutex_lock(&l->lock);
    out->purge_log = span_of(l->id);
    out->purge_floor = l->floor;
    out->purge_head = l->head;
    out->purges = NULL;
    out->purge_count = 0;
    if (!heartbeat_has_gap(log, seq, out) && seq < l->head) {
        size_t count = (size_t)(l->head - seq);
        count = count < HEARTBEAT_MAX_PURGES ? count : HEARTBEAT_MAX_PURGES;
        struct heartbeat_purge *v = arena_zalloc(mem, count * sizeof *v);
        for (size_t i = 0; i < count && !arena_overflowed(mem); i++)
            v[i] = copy_of(&l->ring[(seq + 1 + i) % l->keep]->record.purge, mem);
        out->purges = v;
        out->purge_count = count;
    }
    pthread_mutex_unlock(&l->lock);
}

uint64_t purge_log_head(struct purge_log *l)
{
    pthread_mutex_lock(&l->lock);
    uint64_t head = l->head;
    pthread_mutex_unlock(&l->lock);
    return head;
}

struct span purge_log_id(const struct purge_log *l)
{
    return span_of(l->id);
}

int purge_log_find(struct purge_log *l, uint64_t seq, struct purge_record *out, struct arena *mem)
{
    pthread_mutex_lock(&l->lock);
    bool is_there = seq >= l->floor && seq <= l->head && seq > 0;
    if (is_there) {
        *out = l->ring[seq % l->keep]->record;
        out->purge = copy_of(&out->purge, mem);
    }
    pthread_mutex_unlock(&l->lock);
    return is_there ? 0 : ERR_NOT_FOUND;
}
