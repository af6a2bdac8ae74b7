/* SPDX-License-Identifier: MIT
 *
 * The answer from an object: conditions first, then ranges (RFC 9110 s.13.2.2), then its bytes. */
#include "edge/request/req.h"

#include "edge/policy/encode_choice.h"
#include "edge/store/generation.h"
#include "edge/upstream/answer.h"
#include "lib/base/err.h"
#include "lib/http/cache_control.h"

static enum next respond(struct req *r, const struct response_head *head, struct body *body)
{
    if (arena_overflowed(&r->x->mem)) {
        body_close(&body);
        return req_refuse_with(r, 500, "The answer's head is too large.", NULL);
    }
    exchange_respond(r->x, head, body);
    return NEXT_DONE;
}

static void drop_representation(struct fields *fs)
{
    static const enum field_id ids[] = {FIELD_CONTENT_TYPE, FIELD_CONTENT_ENCODING,
                                        FIELD_CONTENT_RANGE, FIELD_CONTENT_DIGEST};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        fields_remove(fs, ids[i]);
}

enum next req_without_body(struct req *r, struct response_head *head, int status)
{
    head->status = status;
    head->content_length = status == 304 ? LENGTH_UNKNOWN : 0;
    drop_representation(&head->fields);
    return respond(r, head, NULL);
}

static void set_content_range(struct req *r, struct response_head *head,
                              const struct content_range *cr)
{
    char *text = arena_bytes(&r->x->mem, CONTENT_RANGE_ROOM);
    size_t n = content_range_write(text, cr);
    fields_set(&head->fields, FIELD_CONTENT_RANGE, span_make(text, n));
}

static enum next unsatisfiable(struct req *r, struct response_head *head, int64_t size)
{
    struct content_range cr = {.first = -1, .last = -1, .size = size};
    drop_representation(&head->fields);
    head->status = 416;
    head->content_length = 0;
    set_content_range(r, head, &cr);
    return respond(r, head, NULL);
}

static struct body *body_of(struct req *r, struct response_head *head, int64_t first, int64_t last)
{
    struct body *packed = req_pack(r, head, first, last);
    return packed != NULL ? packed : req_body(r, first, last);
}

static enum next whole(struct req *r, struct response_head *head, int64_t size)
{
    struct body *body = NULL;
    head->content_length = size;
    if (size != 0 && !req_is_head(r))
        body = body_of(r, head, 0, size == LENGTH_UNKNOWN ? INT64_MAX : size - 1);
    return respond(r, head, body);
}

static enum next partial(struct req *r, struct response_head *head, const struct byte_range *ranges,
                         int count)
{
    int64_t size = generation_length(r->object->generation);
    struct content_range cr = {ranges[0].first, ranges[0].last, size};
    head->status = 206;
    if (count > 1)
        return respond(r, head, req_ranges_body(r, head, ranges, count));
    head->content_length = cr.last - cr.first + 1;
    set_content_range(r, head, &cr);
    return respond(r, head, body_of(r, head, cr.first, cr.last));
}

static void say_ranges(struct fields *fs)
{
    if (!span_eq(fields_value(fs, FIELD_ACCEPT_RANGES), SPAN("bytes")))
        fields_set(fs, FIELD_ACCEPT_RANGES, SPAN("bytes"));
}

/* What the answer will be. */
struct plan {
    enum conditional condition;
    int count; /* of ranges; 0: the whole; ERR_UNSATISFIABLE */
    struct byte_range ranges[RANGES_MAX];
};

static void plan_make(struct plan *p, const struct req *r)
{
    const struct object *o = r->object;
    const struct request_head *q = &r->x->request;
    struct range_spec specs[RANGES_MAX];
    int64_t size = generation_length(o->generation);
    sec_t now_s = loop_wall(r->worker->loop) / MSEC_PER_SEC;
    struct validators validators = object_validators(o);
    p->condition = conditional_of(q, &validators, o->status, now_s);
    p->count = 0;
    if (p->condition == CONDITIONAL_NORMAL && o->status == 200 && size != LENGTH_UNKNOWN)
        p->count = conditional_ranges(q, &validators, now_s, specs);
    p->count = p->count > 0 ? range_resolve(specs, p->count, size, p->ranges) : 0;
}

static bool lacks(struct generation *g, int64_t first, int64_t last)
{
    int64_t block_bytes = generation_block_bytes(g), block = first / block_bytes;
    return generation_lacks(g, block, last / block_bytes - block + 1);
}

/* Whether bytes of the answer have to be brought first. */
static bool is_partial(const struct req *r, const struct plan *p)
{
    struct generation *g = r->object->generation;
    int64_t size = generation_length(g);
    if (p->condition != CONDITIONAL_NORMAL || size <= 0 || req_is_head(r))
        return false;
    if (p->count == 0)
        return lacks(g, 0, size - 1);
    for (int i = 0; i < p->count; i++) {
        if (lacks(g, p->ranges[i].first, p->ranges[i].last))
            return true;
    }
    return false;
}

static bool asks_only_cache(const struct req *r)
{
    struct cache_control cc;
    cache_control_init(&cc);
    cache_control_read(&cc, &r->x->request.fields, FIELD_CACHE_CONTROL);
    return cc.only_if_cached;
}

/* The object has parts only. False: the rest shall not come, or never can: it is as good as none.
 */
static bool go_on_with_parts(struct req *r)
{
    struct validators stored = object_validators(r->object);
    struct validators version = answer_version(&stored, r->site->version_by);
    r->cache.is_hit = false;
    if (asks_only_cache(r)) {
        req_refuse_with(r, 504, "Only parts are in the cache, and only-if-cached was asked.", NULL);
        return false;
    }
    if (answer_can_continue(&version)) {
        r->cache.forward = CACHE_FORWARD_PARTIAL;
        return true;
    }
    generation_abandon(r->object->generation);
    object_unref(&r->object);
    r->step = STEP_LOOKUP;
    return false;
}

/* The coded representation, for who takes it; false: the stored one. */
static bool answer_coded(struct req *r, const struct plan *p, struct response_head *head,
                         enum next *out)
{
    struct body *body;
    if (p->condition != CONDITIONAL_NORMAL || !encode_is_wanted(&r->x->request))
        return false;
    if (req_is_encoded_match(r)) {
        encode_fields(&head->fields, &r->x->mem);
        *out = req_without_body(r, head, 304);
        return true;
    }
    if (!req_encode(r, head, &body))
        return false;
    *out = respond(r, head, body);
    return true;
}

static enum next carry_out(struct req *r, const struct plan *p, struct response_head *head)
{
    const struct object *o = r->object;
    int64_t size = status_has_body(o->status) ? generation_length(o->generation) : 0;
    enum next coded;
    if (r->site->encode != ENCODE_OFF && req_may_encode(r)) {
        encode_vary(&head->fields);
        if (answer_coded(r, p, head, &coded))
            return coded;
    }
    if (p->condition != CONDITIONAL_NORMAL)
        return req_without_body(r, head, p->condition == CONDITIONAL_NOT_MODIFIED ? 304 : 412);
    if (size != LENGTH_UNKNOWN && o->status == 200)
        say_ranges(&head->fields);
    if (p->count == 0)
        return whole(r, head, size);
    if (p->count == ERR_UNSATISFIABLE)
        return unsatisfiable(r, head, size);
    return partial(r, head, p->ranges, p->count);
}

enum next req_deliver(struct req *r)
{
    struct response_head head;
    struct plan plan;
    plan_make(&plan, r);
    if (r->cache.is_hit && is_partial(r, &plan) && !go_on_with_parts(r))
        return NEXT_STEP;
    if (r->cache.is_hit && !r->is_errand)
        counter_add(&r->worker->count.hits, 1);
    req_head_of_object(r, &head);
    return carry_out(r, &plan, &head);
}
