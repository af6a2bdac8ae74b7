/* SPDX-License-Identifier: MIT
 *
 * A small content of a storage, whole, in memory: found, pulled, closed. */
#include "origin/connect/fetch.h"

#include "lib/base/err.h"

#include <unistd.h>

#define STEP_BYTES 65536

static void over(struct connector_fetch *f, int err)
{
    body_close(&f->body);
    content_close(&f->find.content);
    f->done(f, err);
}

/* One piece, or as much of it as goes at once. */
static int take(struct connector_fetch *f, const struct body_piece *piece)
{
    size_t n = piece->len < STEP_BYTES ? piece->len : STEP_BYTES;
    char *room = buf_room(&f->bytes, n);
    if (room == NULL)
        return ERR_TOO_BIG;
    if (piece->mem != NULL)
        memcpy(room, piece->mem, n);
    else if (pread(piece->fd, room, n, piece->from) != (ssize_t)n)
        return ERR_IO;
    buf_filled(&f->bytes, n);
    body_advance(f->body, n);
    return 1;
}

static void pull(void *ctx)
{
    struct connector_fetch *f = ctx;
    struct body_piece piece;
    int got;
    do {
        got = body_peek(f->body, &piece);
        if (got == 1)
            got = take(f, &piece);
    } while (got == 1);
    if (got != ERR_AGAIN)
        over(f, got);
}

static void on_found(struct connector_find *find, int err)
{
    struct connector_fetch *f = CONTAINER_OF(find, struct connector_fetch, find);
    if (err != 0)
        find->content = NULL;
    else if (find->size_bytes > (int64_t)f->max_bytes)
        err = ERR_TOO_BIG;
    if (err != 0 || find->size_bytes == 0) {
        over(f, err);
        return;
    }
    f->body = content_body(find->content, find->home, 0, find->size_bytes);
    f->body->on_ready = pull;
    f->body->ctx = f;
    pull(f);
}

void connector_fetch_start(struct connector_fetch *f)
{
    f->body = NULL;
    f->find = (struct connector_find){
        .path = f->path, .home = f->home, .will_read = true, .read_len = -1, .done = on_found};
    buf_init(&f->bytes, f->max_bytes);
    f->from->ops->find(f->from, &f->find);
}
