/* SPDX-License-Identifier: MIT
 *
 * What an answer to HEAD, passed upstream, tells about what is stored for GET (RFC 9111 s.4.3.5):
 * it refreshes that, or shows that it is to be validated before it is used again. */
#include "edge/request/req.h"

#include "edge/policy/vary.h"
#include "edge/upstream/answer.h"
#include "edge/upstream/record.h"

#define REFRESH_BYTES_MAX ((size_t)256 * 1024)

static bool matches(void *ctx, const struct object *o)
{
    struct req *r = ctx;
    return !generation_is_abandoned(o->generation) &&
           vary_matches(object_vary_names(o), object_vary_values(o), &r->x->request.fields,
                        &r->x->mem);
}

/* One client's view of a resource (with its Authorization, say) changes nothing for the others. */
static bool is_for_all(enum storable why)
{
    return why == STORABLE_YES || storable_is_lasting(why);
}

/* The record with the fields of the answer, about the same bytes. */
static void renew(struct req *r, const struct record_of *of, const struct record_parts *parts)
{
    struct fields withheld;
    struct object *o = record_make(of, parts, &withheld);
    if (o != NULL && store_insert(of->store, o, r->moment) == 0)
        r->cache.is_stored = true;
    object_unref(&o);
}

static void apply(struct req *r, const struct record_of *of, const struct response_head *head,
                  struct object *stored)
{
    struct freshness freshness;
    struct response_head merged = {.status = stored->status,
                                   .content_length = generation_length(stored->generation)};
    struct fields fields = object_fields(stored);
    struct validators validators = object_validators(stored);
    fields_init(&merged.fields, of->mem);
    record_merge(&merged.fields, &fields, head);
    enum storable why = record_judge(of, &merged, &freshness);
    sec_t now_s = of->answered_wall / MSEC_PER_SEC;
    bool agrees = head->status == stored->status &&
                  answer_to_head_agrees(head, &validators, merged.content_length, now_s);
    struct record_parts parts = {&merged, &freshness, stored->generation};
    if (!is_for_all(why))
        return;
    if (!agrees)
        store_doubt(stored);
    else if (why == STORABLE_YES)
        renew(r, of, &parts);
    else
        store_remove(of->store, stored);
}

/* 404 and 410 are beyond the letter: what is gone for HEAD is likely gone for GET. */
static bool tells_something(const struct req *r, const struct response_head *head)
{
    return req_is_head(r) && r->key.text.n > 0 &&
           (head->status == 200 || head->status == 404 || head->status == 410);
}

void req_refresh(struct req *r, const struct response_head *head)
{
    struct store *store = r->worker->store;
    struct store_key key = {r->key.text, r->key.hash};
    struct object *stored = tells_something(r, head) ? store_peek(store, &key, matches, r) : NULL;
    if (stored == NULL)
        return;
    struct arena mem;
    struct request_head as_get = r->x->request;
    struct record_of of = {.store = store,
                           .site = r->site,
                           .request = &as_get,
                           .key = key,
                           .asked_wall = fetch_asked_wall(r->fetch),
                           .answered_wall = fetch_answered_wall(r->fetch),
                           .mem = &mem};
    as_get.method = METHOD_GET;
    arena_init(&mem, REFRESH_BYTES_MAX);
    apply(r, &of, head, stored);
    arena_finish(&mem);
    object_unref(&stored);
}
