/* SPDX-License-Identifier: MIT
 *
 * Looking something up in a storage across a network: with the first read in one exchange where
 * the asker will read. Runs on its loop. */
#include "origin/connect/remote_body.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "origin/connect/remote_content.h"

struct look_up {
    struct remote_read *read;
    struct connector_find *find;
    struct remote_loop *at;
};

static void begin(struct look_up *l, enum method method, int64_t from, int64_t to);

/* Who may not read is a failure of the storage (502), not a missing object: S3 tells who may not
 * list neither from the other, and a wrong key must not make a whole catalogue vanish. */
static void fail(struct look_up *l, int err)
{
    struct connector_find *find = l->find;
    uint64_t told = 0;
    const struct response_head *head =
        l->read->ask.state == REMOTE_ASK_ANSWERED ? remote_ask_head(&l->read->ask) : NULL;
    if (err == ERR_BUSY && head != NULL &&
        span_u64(fields_value(&head->fields, FIELD_RETRY_AFTER), &told) && told <= 3600)
        find->retry_after_s = (sec_t)told;
    remote_read_end(l->read);
    mem_free(l->read);
    mem_free(l);
    find->done(find, err == ERR_DENIED ? ERR_IO : err);
}

static void on_answer(struct remote_read *r, int err)
{
    struct look_up *l = r->owner;
    struct connector_find *find = l->find;
    if (err == ERR_UNSATISFIABLE && r->ask.method == METHOD_GET) {
        remote_read_end(r);
        mem_free(r);
        begin(l, METHOD_HEAD, 0, -1);
        return;
    }
    if (err == 0)
        err = remote_describe(l->at, remote_ask_head(&r->ask), find);
    if (err != 0) {
        fail(l, err);
        return;
    }
    find->content = remote_content_create(l->at, find, r);
    mem_free(l);
    find->done(find, 0);
}

static void begin(struct look_up *l, enum method method, int64_t from, int64_t to)
{
    l->read = mem_zalloc(sizeof *l->read);
    remote_read_init(l->read, l->at, method, l->find->path);
    l->read->done = on_answer;
    l->read->owner = l;
    remote_read_start(l->read, from, to);
}

void remote_find(struct connector *c, struct connector_find *find)
{
    struct look_up *l = mem_zalloc(sizeof *l);
    l->find = find;
    l->at = remote_at(c, find->home);
    find->retry_after_s = 0;
    find->has_sha256 = false;
    int64_t to = find->will_read && find->read_len >= 0 ? find->read_from + find->read_len : -1;
    if (find->will_read)
        begin(l, METHOD_GET, find->read_from, to);
    else
        begin(l, METHOD_HEAD, 0, -1);
}
