/* SPDX-License-Identifier: MIT
 * Bodies that are ready from the start: bytes, constants, files. Bodies that wait for something
 * belong to whoever they wait for. Runs on the loop of the session that pulls. */
#include "lib/web/body.h"

#include "lib/base/arena.h"
#include "lib/base/mem.h"

#include <unistd.h>

struct ready_body {
    struct body body;
    const uint8_t *mem;
    int fd;
    int64_t from;
    uint64_t left;
};

static int ready_peek(struct body *b, struct body_piece *out)
{
    const struct ready_body *r = CONTAINER_OF(b, struct ready_body, body);
    if (r->left == 0)
        return 0;
    *out = (struct body_piece){.mem = r->mem, .fd = r->fd, .from = r->from, .len = r->left};
    return 1;
}

static void ready_advance(struct body *b, size_t n)
{
    struct ready_body *r = CONTAINER_OF(b, struct ready_body, body);
    CHECK(n <= r->left);
    if (r->mem != NULL)
        r->mem += n;
    r->from += (int64_t)n;
    r->left -= n;
}

static void ready_close(struct body *b)
{
    struct ready_body *r = CONTAINER_OF(b, struct ready_body, body);
    if (r->fd >= 0)
        (void)close(r->fd);
    mem_free(r);
}

static void arena_close(struct body *b)
{
    (void)b;
}

static const struct body_ops arena_ops = {"arena", ready_peek, ready_advance, arena_close};
static const struct body_ops bytes_ops = {"bytes", ready_peek, ready_advance, ready_close};
static const struct body_ops file_ops = {"file", ready_peek, ready_advance, ready_close};

struct body *body_of_bytes(struct span data)
{
    struct ready_body *r = mem_alloc(sizeof *r + data.n);
    uint8_t *copy = (uint8_t *)(r + 1);
    *r = (struct ready_body){.body = {.ops = &bytes_ops}, .mem = copy, .fd = -1, .left = data.n};
    if (data.n > 0)
        memcpy(copy, data.p, data.n);
    return &r->body;
}

struct body *body_in_arena(struct span data, struct arena *mem)
{
    struct ready_body *r = arena_alloc(mem, sizeof *r);
    struct span copy = arena_dup(mem, data);
    *r = (struct ready_body){
        .body = {.ops = &arena_ops}, .mem = (const uint8_t *)copy.p, .fd = -1, .left = copy.n};
    return &r->body;
}

struct body *body_of_constant(struct span data)
{
    struct ready_body *r = mem_alloc(sizeof *r);
    *r = (struct ready_body){
        .body = {.ops = &bytes_ops}, .mem = (const uint8_t *)data.p, .fd = -1, .left = data.n};
    return &r->body;
}

struct body *body_of_file(int fd, int64_t from, int64_t len)
{
    CHECK(fd >= 0 && from >= 0 && len >= 0);
    struct ready_body *r = mem_alloc(sizeof *r);
    *r = (struct ready_body){
        .body = {.ops = &file_ops}, .fd = fd, .from = from, .left = (uint64_t)len};
    return &r->body;
}
