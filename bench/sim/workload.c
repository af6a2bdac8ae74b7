/* SPDX-License-Identifier: MIT */

/* Reads a trace and numbers its blocks. */
#include "bench/sim/workload.h"

#include "bench/traces/convert.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

/* Names to numbers: open addressing, never more than half full. */
struct numbers {
    uint64_t *names; /* 0: free */
    uint32_t *ids;
    uint64_t mask, count;
};

static void numbers_init(struct numbers *n, uint64_t room)
{
    *n = (struct numbers){.mask = room - 1};
    n->names = mem_zarray(room, sizeof(*n->names));
    n->ids = mem_zarray(room, sizeof(*n->ids));
}

static void numbers_finish(struct numbers *n)
{
    mem_free(n->names);
    mem_free(n->ids);
}

static uint64_t slot_of(const struct numbers *n, uint64_t name)
{
    uint64_t i = (name * 0x9e3779b97f4a7c15u >> 20) & n->mask;
    while (n->names[i] != 0 && n->names[i] != name)
        i = (i + 1) & n->mask;
    return i;
}

static void numbers_grow(struct numbers *n)
{
    struct numbers more;
    numbers_init(&more, 2 * (n->mask + 1));
    more.count = n->count;
    for (uint64_t i = 0; i <= n->mask; i++) {
        if (n->names[i] == 0)
            continue;
        uint64_t at = slot_of(&more, n->names[i]);
        more.names[at] = n->names[i];
        more.ids[at] = n->ids[i];
    }
    numbers_finish(n);
    *n = more;
}

static uint32_t number_of(struct numbers *n, uint64_t name, bool *is_new)
{
    name += name == 0;
    if (2 * n->count > n->mask)
        numbers_grow(n);
    uint64_t i = slot_of(n, name);
    *is_new = n->names[i] == 0;
    if (*is_new) {
        n->names[i] = name;
        n->ids[i] = (uint32_t)n->count++;
    }
    return n->ids[i];
}

static uint64_t overlap(const struct trace_row *r, uint64_t block, uint64_t bytes)
{
    uint64_t from = block * bytes, to = from + bytes, end = r->offset + r->taken;
    from = r->offset > from ? r->offset : from;
    to = end < to ? end : to;
    return to > from ? to - from : 0;
}

static void add_row(struct workload *w, struct numbers *n, const struct trace_row *r)
{
    uint64_t bytes = w->block_bytes, end = trace_touch_end(r, bytes);
    for (uint64_t b = r->offset / bytes; b < end; b++) {
        bool is_new;
        struct touch t = {.id = number_of(n, trace_block_id(r, b), &is_new),
                          .bytes = (uint32_t)trace_block_bytes(r, b, bytes),
                          .wanted = (uint32_t)overlap(r, b, bytes)};
        w->touches[w->touch_count++] = t;
        w->bytes += is_new ? t.bytes : 0;
    }
}

static struct trace_row *scaled(const struct trace *t, uint64_t factor)
{
    struct trace_row *rows = mem_zarray(t->head->rows + 1, sizeof(*rows));
    for (uint64_t i = 0; i < t->head->rows; i++)
        rows[i] = trace_scale(&t->rows[i], factor);
    return rows;
}

int workload_load(struct workload *w, const struct workload_spec *spec)
{
    struct numbers n;
    uint64_t room = 0, block = spec->block_bytes;
    *w = (struct workload){.block_bytes = block};
    int r = trace_open(&w->trace, spec->path);
    if (r != 0)
        return r;
    trace_expect(&w->trace);
    uint64_t rows = w->trace.head->rows;
    w->rows = spec->byte_factor > 1 ? scaled(&w->trace, spec->byte_factor) : w->trace.rows;
    for (uint64_t i = 0; i < rows; i++)
        room += trace_touch_end(&w->rows[i], block) - w->rows[i].offset / block;
    w->touches = mem_zarray(room + 1, sizeof(*w->touches));
    w->warm_rows = rows / 4;
    numbers_init(&n, 1 << 16);
    for (uint64_t i = 0; i < rows; i++) {
        if (i == w->warm_rows)
            w->warm_touches = w->touch_count;
        if (spec->place < 0 || w->rows[i].place == spec->place)
            add_row(w, &n, &w->rows[i]);
    }
    w->id_count = (uint32_t)n.count;
    numbers_finish(&n);
    return w->touch_count > 0 && w->touch_count < UINT32_MAX ? 0 : ERR_UNSUPPORTED;
}

void workload_free(struct workload *w)
{
    if (w->rows != w->trace.rows)
        mem_free((void *)(uintptr_t)w->rows);
    trace_close(&w->trace);
    mem_free(w->touches);
    *w = (struct workload){0};
}

uint32_t *workload_next_uses(const struct workload *w)
{
    uint32_t *next = mem_zarray(w->touch_count, sizeof(*next));
    uint32_t *seen = mem_zarray(w->id_count, sizeof(*seen));
    for (uint32_t i = 0; i < w->id_count; i++)
        seen[i] = UINT32_MAX;
    for (uint64_t i = w->touch_count; i-- > 0;) {
        uint32_t id = w->touches[i].id;
        next[i] = seen[id];
        seen[id] = (uint32_t)i;
    }
    mem_free(seen);
    return next;
}
