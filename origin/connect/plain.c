/* SPDX-License-Identifier: MIT
 *
 * The connector for any HTTP server: objects lie below its URL; it can be read and nothing else. A
 * field of its own (Authorization) may open it. */
#include "origin/connect/kinds.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "origin/connect/credentials.h"
#include "origin/connect/remote_ask.h"

static int plain_sign(struct remote_loop *at, struct remote_ask *a, struct request_head *head,
                      struct client_target *target)
{
    struct credentials *c = at->state;
    struct span path = at->remote->base.path;
    remote_address(at, a, head, target);
    if (span_ends(path, SPAN("/")))
        path.n--;
    head->path = arena_printf(&a->mem, "%.*s%.*s", SPAN_FMT(path), SPAN_FMT(remote_key(at, a)));
    credentials_follow(c, loop_now(at->home));
    struct span authorization = credentials_value(c, "authorization");
    if (authorization.p != NULL)
        fields_add(&head->fields, FIELD_AUTHORIZATION, arena_dup(&a->mem, authorization));
    return 0;
}

static int plain_check(const struct storage_options *o, const char *file, struct buf *why)
{
    static const char *const none[] = {NULL};
    if (o->bucket[0] != '\0') {
        option_error(why, file, o->line, "bucket: an http storage has none");
        return ERR_CONFIG;
    }
    if (o->credentials_file[0] == '\0')
        return 0;
    return credentials_check(&(struct credentials_check){o->credentials_file, none, file, o->line},
                             why);
}

const struct remote_kind remote_plain = {
    .name = "http",
    .enter = credentials_enter,
    .leave = credentials_leave,
    .sign = plain_sign,
    .check = plain_check,
};
