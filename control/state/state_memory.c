/* SPDX-License-Identifier: MIT
 * Facts in memory, sorted, for tests: what a home must do, with as little as it takes. */
#include "control/state/state.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct fact {
    enum state_kind kind;
    struct span key, value; /* both of mem_alloc */
};

struct state_memory {
    struct state state; /* first */
    struct fact *v;
    size_t count;
    int fail_after;
};

static struct state_memory *self_of(struct state *s)
{
    return CONTAINER_OF(s, struct state_memory, state);
}

static struct span copy_of(struct span s)
{
    return span_make(mem_strndup(s.n > 0 ? s.p : "", s.n), s.n);
}

static void free_span(struct span s)
{
    mem_free((void *)(uintptr_t)s.p);
}

/* Where the fact is, or would be. */
static size_t place_of(const struct state_memory *s, enum state_kind kind, struct span key,
                       bool *is_there)
{
    size_t i = 0;
    int order = -1;
    for (; i < s->count; i++) {
        order = (int)s->v[i].kind - (int)kind;
        if (order == 0)
            order = span_cmp(s->v[i].key, key);
        if (order >= 0)
            break;
    }
    *is_there = i < s->count && order == 0;
    return i;
}

static void apply(struct state_memory *s, const struct state_change *c)
{
    bool is_there;
    size_t at = place_of(s, c->kind, c->key, &is_there);
    if (is_there) {
        free_span(s->v[at].key);
        free_span(s->v[at].value);
        memmove(&s->v[at], &s->v[at + 1], (--s->count - at) * sizeof *s->v);
    }
    if (c->value.p == NULL)
        return;
    s->v = mem_grow(s->v, s->count + 1, sizeof *s->v);
    memmove(&s->v[at + 1], &s->v[at], (s->count++ - at) * sizeof *s->v);
    s->v[at] = (struct fact){c->kind, copy_of(c->key), copy_of(c->value)};
}

static int memory_commit(struct state *state, const struct state_change *changes, size_t count)
{
    struct state_memory *s = self_of(state);
    if (s->fail_after == 0)
        return ERR_IO;
    if (s->fail_after > 0)
        s->fail_after--;
    for (size_t i = 0; i < count; i++)
        apply(s, &changes[i]);
    return 0;
}

static int memory_each(struct state *state, enum state_kind kind, struct span from,
                       state_each_fn fn, void *ctx)
{
    struct state_memory *s = self_of(state);
    bool is_there;
    for (size_t i = place_of(s, kind, from, &is_there); i < s->count && s->v[i].kind == kind; i++)
        if (!fn(ctx, s->v[i].key, s->v[i].value))
            break;
    return 0;
}

static int memory_snapshot(struct state *state, const char *file)
{
    (void)state;
    (void)file;
    return ERR_UNSUPPORTED;
}

static int memory_scrub(struct state *state)
{
    (void)state;
    return 0;
}

static void memory_close(struct state *state)
{
    struct state_memory *s = self_of(state);
    for (size_t i = 0; i < s->count; i++) {
        free_span(s->v[i].key);
        free_span(s->v[i].value);
    }
    mem_free(s->v);
    mem_free(s);
}

static const struct state_ops memory_ops = {.name = "memory",
                                            .commit = memory_commit,
                                            .each = memory_each,
                                            .snapshot = memory_snapshot,
                                            .scrub = memory_scrub,
                                            .close = memory_close};

struct state *state_memory_create(int fail_after)
{
    struct state_memory *s = mem_zalloc(sizeof *s);
    s->state.ops = &memory_ops;
    s->fail_after = fail_after;
    return &s->state;
}
