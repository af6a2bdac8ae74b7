/* SPDX-License-Identifier: MIT
 * Entries live in the state only: they are written one by one and read rarely. */
#include "control/access/audit.h"

#include "lib/base/mem.h"
#include "lib/codec/json_out.h"

#include <inttypes.h>
#include <stdio.h>

#define KEY_BYTES  21
#define FACT_BYTES (16 << 10)

struct audit {
    uint64_t head, keep;
};

static struct span key_of(uint64_t seq, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%020" PRIu64, seq);
    return span_make(out, KEY_BYTES - 1);
}

/* Keys come in order: the last one stays. */
static bool on_entry(void *ctx, struct span key, struct span value)
{
    uint64_t seq;
    (void)value;
    if (span_u64(key, &seq))
        ((struct audit *)ctx)->head = seq;
    return true;
}

int audit_open(struct audit **out, struct state *s, uint64_t keep)
{
    struct audit *a = mem_zalloc(sizeof *a);
    a->keep = keep;
    int err = state_each(s, STATE_AUDIT, SPAN_NONE, on_entry, a);
    if (err != 0)
        audit_close(&a);
    *out = a;
    return err;
}

void audit_close(struct audit **a)
{
    mem_free(*a);
    *a = NULL;
}

static void write_text(struct json_out *o, const char *key, struct span text)
{
    if (text.n > 0)
        json_out_text(o, key,
                      span_make(text.p, text.n < AUDIT_TEXT_BYTES ? text.n : AUDIT_TEXT_BYTES));
}

static struct span fact_of(uint64_t seq, const struct audit_entry *e, struct arena *mem)
{
    char at[CLOCK_ISO_BYTES + 1];
    struct json_out o;
    struct buf text;
    buf_init(&text, FACT_BYTES);
    clock_iso(e->at_wall_ms, at);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_u64(&o, "seq", seq);
    json_out_text(&o, "at", span_of(at));
    write_text(&o, "who", e->who);
    write_text(&o, "from", e->from);
    write_text(&o, "what", e->what);
    write_text(&o, "about", e->about);
    json_out_end_object(&o);
    CHECK(!buf_overflowed(&text));
    struct span fact = arena_dup(mem, buf_span(&text));
    buf_finish(&text);
    return fact;
}

size_t audit_next(struct audit *a, const struct audit_entry *e,
                  struct state_change out[AUDIT_CHANGES], struct arena *mem)
{
    char key[KEY_BYTES];
    uint64_t seq = a->head + 1;
    out[0] =
        (struct state_change){STATE_AUDIT, arena_dup(mem, key_of(seq, key)), fact_of(seq, e, mem)};
    if (seq <= a->keep)
        return 1;
    out[1] =
        (struct state_change){STATE_AUDIT, arena_dup(mem, key_of(seq - a->keep, key)), SPAN_NONE};
    return 2;
}

void audit_done(struct audit *a)
{
    a->head++;
}

int audit_commit(struct audit *a, struct state *s, const struct audit_entry *e,
                 const struct state_change *changes, size_t count)
{
    struct arena mem;
    arena_init(&mem, SIZE_MAX);
    struct state_change *all = arena_alloc(&mem, (count + AUDIT_CHANGES) * sizeof *all);
    if (count > 0)
        memcpy(all, changes, count * sizeof *all);
    count += audit_next(a, e, all + count, &mem);
    int err = state_commit(s, all, count);
    if (err == 0)
        audit_done(a);
    arena_finish(&mem);
    return err;
}

uint64_t audit_head(const struct audit *a)
{
    return a->head;
}

struct writing {
    struct json_out *o;
    uint64_t before;
};

static bool on_write(void *ctx, struct span key, struct span value)
{
    struct writing *w = ctx;
    uint64_t seq;
    if (!span_u64(key, &seq) || seq >= w->before)
        return false;
    json_out_raw(w->o, NULL, value);
    return true;
}

int audit_write(struct state *s, uint64_t from, uint64_t before, struct json_out *o)
{
    char key[KEY_BYTES];
    struct writing w = {o, before};
    return state_each(s, STATE_AUDIT, key_of(from, key), on_write, &w);
}
