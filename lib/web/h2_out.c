/* SPDX-License-Identifier: MIT
 * The queue of frames between nghttp2 and the socket. Runs on the connection's loop. */
#include "lib/web/h2_out.h"

#include "lib/base/check.h"

#define ENTRIES 96
#define PIECES  64 /* of one write */
/* So much copied is one write's worth; a client that does not read makes us hold no more. */
#define BUFS 3

struct entry {
    const char *p;
    uint32_t n, head_n;
    struct h2_out_user *user;
};

/* In its own first buffer, whose rest is the first room:
 *
 *   entries[0] ... first ... count ... ENTRIES
 *     written       wait       free            */
struct h2_out_block {
    uint32_t first, count;
    char *at, *end; /* room in the newest buffer */
    char *more[BUFS - 1];
    uint32_t more_count;
    struct entry entries[ENTRIES];
};

_Static_assert(sizeof(struct h2_out_block) <= LOOP_BUF_BYTES / 3, "most of it is room");

void h2_out_init(struct h2_out *o, struct loop *l, void (*on_released)(struct h2_out_user *u))
{
    *o = (struct h2_out){.loop = l, .on_released = on_released};
}

static struct h2_out_block *block_of(struct h2_out *o)
{
    if (o->block != NULL)
        return o->block;
    struct h2_out_block *b = loop_buf_get(o->loop);
    b->first = b->count = b->more_count = 0;
    b->at = (char *)(b + 1);
    b->end = (char *)b + LOOP_BUF_BYTES;
    o->block = b;
    return b;
}

static void give_back(struct h2_out *o)
{
    struct h2_out_block *b = o->block;
    for (uint32_t i = 0; i < b->more_count; i++)
        loop_buf_put(o->loop, b->more[i]);
    o->block = NULL;
    loop_buf_put(o->loop, b);
}

void h2_out_drop(struct h2_out *o)
{
    struct h2_out_block *b = o->block;
    if (b == NULL)
        return;
    for (uint32_t i = b->first; i < b->count; i++)
        if (b->entries[i].user != NULL)
            b->entries[i].user->entries--;
    give_back(o);
}

bool h2_out_has_room(const struct h2_out *o)
{
    return o->block == NULL || o->block->count + 2 <= ENTRIES;
}

char *h2_out_reserve(struct h2_out *o, size_t n)
{
    struct h2_out_block *b = block_of(o);
    CHECK(n <= LOOP_BUF_BYTES);
    if ((size_t)(b->end - b->at) >= n)
        return b->at;
    if (b->more_count == BUFS - 1)
        return NULL;
    b->at = b->more[b->more_count++] = loop_buf_get(o->loop);
    b->end = b->at + LOOP_BUF_BYTES;
    return b->at;
}

static void add(struct h2_out_block *b, const struct entry *e)
{
    CHECK(b->count < ENTRIES);
    b->entries[b->count++] = *e;
    if (e->user != NULL)
        e->user->entries++;
}

void h2_out_commit(struct h2_out *o, struct h2_out_user *u, size_t n, size_t head_n)
{
    struct h2_out_block *b = o->block;
    CHECK(b != NULL && n <= (size_t)(b->end - b->at));
    add(b, &(struct entry){b->at, (uint32_t)n, (uint32_t)head_n, u});
    b->at += n;
}

void h2_out_lend(struct h2_out *o, struct h2_out_user *u, struct span p, size_t head_n)
{
    add(block_of(o), &(struct entry){p.p, (uint32_t)p.n, (uint32_t)head_n, u});
}

static void count(const struct entry *e, size_t n)
{
    size_t head = n < e->head_n ? n : e->head_n;
    if (e->user == NULL)
        return;
    e->user->head_bytes += head;
    e->user->body_bytes += n - head;
}

/* The first n bytes that waited are written. */
static void retire(struct h2_out *o, size_t n)
{
    struct h2_out_block *b = o->block;
    while (b->first < b->count) {
        struct entry *e = &b->entries[b->first];
        if (n < e->n) {
            count(e, n);
            e->p += n;
            e->n -= (uint32_t)n;
            e->head_n -= n < e->head_n ? (uint32_t)n : e->head_n;
            return;
        }
        n -= e->n;
        count(e, e->n);
        b->first++;
        if (e->user != NULL && --e->user->entries == 0)
            o->on_released(e->user);
    }
    give_back(o);
}

ssize_t h2_out_write(struct h2_out *o, struct conn *c)
{
    struct iovec v[PIECES];
    int pieces = 0;
    const struct h2_out_block *b = o->block;
    CHECK(b != NULL);
    if (b->first == b->count) { /* something was reserved, and nothing came of it */
        give_back(o);
        return 0;
    }
    for (uint32_t i = b->first; i < b->count; i++) {
        const struct entry *e = &b->entries[i];
        struct iovec *last = pieces > 0 ? &v[pieces - 1] : NULL;
        if (last != NULL && (const char *)last->iov_base + last->iov_len == e->p) {
            last->iov_len += e->n;
            continue;
        }
        if (pieces == PIECES)
            break;
        v[pieces++] = (struct iovec){.iov_base = (void *)(uintptr_t)e->p, .iov_len = e->n};
    }
    ssize_t n = conn_writev(c, v, pieces, false);
    if (n > 0)
        retire(o, (size_t)n);
    return n;
}
