/* SPDX-License-Identifier: MIT
 *
 * A GET of an object: the range it asks for, what the answer has of it, and its bytes. */
#include "origin/connect/remote_read.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/http/range.h"

#include <stdio.h>

static struct remote_read *read_of(struct remote_ask *a)
{
    return CONTAINER_OF(a, struct remote_read, ask);
}

/* Where in the object the answer's body lies. */
static int place(struct remote_read *r, const struct response_head *head)
{
    struct content_range range = {0, head->content_length - 1, head->content_length};
    if (head->status == 206 &&
        content_range_parse(fields_value(&head->fields, FIELD_CONTENT_RANGE), &range) != 0)
        return ERR_PROTOCOL;
    if (head->content_length == LENGTH_UNKNOWN || range.first < 0 || range.first > r->from ||
        range.last - range.first + 1 != head->content_length)
        return ERR_PROTOCOL;
    int64_t end = range.last + 1;
    if (r->to >= 0 && end < r->to)
        return ERR_PROTOCOL; /* less than was asked for */
    r->at = r->from;
    r->end = r->to >= 0 ? r->to : end;
    r->skip = r->from - range.first;
    return 0;
}

static void on_done(struct remote_ask *a, int err)
{
    struct remote_read *r = read_of(a);
    if (err == 0)
        err = remote_err_of(remote_ask_head(a)->status);
    if (err == 0 && a->method == METHOD_GET)
        err = place(r, remote_ask_head(a));
    r->done(r, err);
}

static void on_readable(struct remote_ask *a)
{
    struct remote_read *r = read_of(a);
    if (r->readable != NULL)
        r->readable(r);
}

void remote_read_init(struct remote_read *r, struct remote_loop *at, enum method method,
                      struct span path)
{
    *r = (struct remote_read){.path = mem_strndup(path.p, path.n)};
    remote_ask_init(&r->ask, at, method, span_make(r->path, path.n));
    r->ask.done = on_done;
    r->ask.readable = on_readable;
    remote_ask_field(&r->ask, SPAN("accept-encoding"), SPAN("identity"));
}

void remote_read_start(struct remote_read *r, int64_t from, int64_t to)
{
    r->from = from;
    r->to = to;
    if (r->ask.method == METHOD_GET && (from > 0 || to >= 0)) {
        int n = to >= 0 ? snprintf(r->range, sizeof r->range, "bytes=%lld-%lld", (long long)from,
                                   (long long)to - 1)
                        : snprintf(r->range, sizeof r->range, "bytes=%lld-", (long long)from);
        remote_ask_field(&r->ask, SPAN("range"), span_make(r->range, (size_t)n));
    }
    remote_ask_start(&r->ask);
}

static ssize_t skip_some(struct remote_read *r, void *dst, size_t room)
{
    size_t most = (size_t)r->skip < room ? (size_t)r->skip : room;
    ssize_t n = remote_ask_read(&r->ask, dst, most);
    if (n > 0)
        r->skip -= n;
    return n == 0 ? ERR_TRUNCATED : n;
}

ssize_t remote_read_take(struct remote_read *r, void *dst, size_t room)
{
    while (r->skip > 0) {
        ssize_t n = skip_some(r, dst, room);
        if (n < 0)
            return n;
    }
    if (r->at == r->end)
        return 0;
    size_t most = r->end - r->at < (int64_t)room ? (size_t)(r->end - r->at) : room;
    ssize_t n = remote_ask_read(&r->ask, dst, most);
    if (n == 0)
        return ERR_TRUNCATED;
    if (n > 0)
        r->at += n;
    return n;
}

void remote_read_end(struct remote_read *r)
{
    /* An answer that was read to its end tells so when it is asked once more; only then may its
     * connection be used again. */
    char beyond;
    if (r->ask.call != NULL && r->ask.state == REMOTE_ASK_ANSWERED && r->skip == 0 &&
        r->at == r->end && r->ask.method == METHOD_GET)
        (void)!remote_ask_read(&r->ask, &beyond, sizeof beyond);
    remote_ask_end(&r->ask);
    mem_free(r->path);
    *r = (struct remote_read){.at = 0};
}
