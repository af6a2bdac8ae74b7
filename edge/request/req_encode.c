/* SPDX-License-Identifier: MIT
 *
 * Stored content that is sent coded. The first who takes it so has it coded as it is sent; what
 * comes out is kept for all others, who get the content as it is until then. */
#include "edge/request/req.h"

#include "edge/policy/encode_choice.h"
#include "lib/codec/zstd_stream.h"
#include "lib/http/etag.h"
#include "lib/http/hop.h"

#define SAMPLE_BYTES     ((size_t)16 * 1024)
#define SAMPLE_BYTES_MIN ((size_t)1024)
#define RUNNING_MAX      8 /* contents being coded by one worker: each has some MiB of state */

/* Another cache in front (it tells by CDN-Loop) gets the content as it is, and codes for its own
 * clients: it needs the strong validator, and ranges. */
bool req_may_encode(const struct req *r)
{
    const struct object *o = r->object;
    if (fields_find(&r->x->request.fields, FIELD_CDN_LOOP, 0) != NULL)
        return false;
    struct fields fields = object_fields(o);
    struct encode_content content = {
        .status = o->status, .fields = &fields, .size = generation_length(o->generation)};
    return encode_may(r->site, &content);
}

bool req_is_encoded_match(const struct req *r)
{
    const struct fields *fs = &r->x->request.fields;
    struct span etag = encode_etag(object_validators(r->object).etag, &r->x->mem);
    const struct field *f = fields_find(fs, FIELD_IF_NONE_MATCH, 0);
    for (; etag.p != NULL && f != NULL;
         f = fields_find(fs, FIELD_IF_NONE_MATCH, (uint32_t)(f - fs->v) + 1)) {
        if (etag_list_has(f->value, etag, false))
            return true;
    }
    return false;
}

/* What is compressed already shows in its first bytes, where they are here. */
static bool looks_worth(const struct req *r, int64_t first)
{
    struct block_view v;
    bool is_worth = true;
    if (generation_view(r->object->generation, first, &v) != 1)
        return true;
    size_t n = v.len < SAMPLE_BYTES ? v.len : SAMPLE_BYTES;
    if (n >= SAMPLE_BYTES_MIN)
        is_worth = encode_is_worth(n, zstd_size_quick(span_make(v.mem, n)));
    block_view_release(&v);
    return is_worth;
}

/* Which bytes are coded, and under which id they are kept. */
struct task {
    struct encoded_table *table; /* led by us; NULL: they are not kept */
    uint64_t id;
    int64_t first, last, size; /* size LENGTH_UNKNOWN: last is INT64_MAX */
};

static struct body *begin(struct req *r, const struct task *t)
{
    struct req_worker *w = r->worker;
    int busy = encode_load_permille(&w->encode_load, clock_mono_ns());
    struct encode_spec spec = {.table = t->table,
                               .id = t->id,
                               .loop = w->loop,
                               .load = &w->encode_load,
                               .level = encode_level(r->site, busy),
                               .size = t->size,
                               .max = r->site->encode_max_bytes,
                               .is_worth = encode_is_worth};
    bool has_time = spec.level > 0 && w->encode_load.running < RUNNING_MAX;
    if (!has_time || !looks_worth(r, t->first)) {
        if (t->table != NULL)
            encoded_give_up(t->table, t->id, has_time);
        return NULL;
    }
    struct body *from = req_body(r, t->first, t->last);
    struct body *body = encode_body(&spec, &from);
    body_close(&from);
    counter_add(&w->count.encodings, body != NULL);
    return body;
}

/* The whole, kept for others. */
static struct body *begin_whole(struct req *r, uint64_t id)
{
    int64_t size = generation_length(r->object->generation);
    struct task t = {.table = r->worker->encoded,
                     .id = id,
                     .last = size == LENGTH_UNKNOWN ? INT64_MAX : size - 1,
                     .size = size};
    return begin(r, &t);
}

bool req_encode(struct req *r, struct response_head *head, struct body **body)
{
    struct req_worker *w = r->worker;
    uint64_t id = generation_id(r->object->generation);
    bool is_head = req_is_head(r);
    struct encoded *copy;
    enum encoded_state state =
        is_head ? encoded_look(w->encoded, id, &copy) : encoded_ask(w->encoded, id, &copy);
    head->content_length = LENGTH_UNKNOWN;
    *body = NULL;
    if (state == ENCODED_BUSY || state == ENCODED_WORTHLESS)
        return false;
    if (state == ENCODED_LEAD && (*body = begin_whole(r, id)) == NULL)
        return false;
    if (state == ENCODED_HERE) {
        head->content_length = (int64_t)copy->size;
        *body = is_head ? NULL : encoded_body(&copy);
    }
    encoded_unref(&copy);
    encode_fields(&head->fields, &r->x->mem);
    counter_add(&w->count.encoded, 1);
    return true;
}

static bool may_pack(const struct req *r, const struct response_head *head)
{
    const struct request_head *q = &r->x->request;
    struct fields fields = object_fields(r->object);
    struct encode_content content = {
        .status = r->object->status, .fields = &fields, .size = head->content_length};
    return r->is_from_peer && q->major_version == 1 && q->minor_version >= 1 &&
           hop_takes_zstd(&q->fields) && encode_may_pack(r->site, &content);
}

/* The whole is the same frame that clients get as a content coding: made once for both. */
static struct body *pack_whole(struct req *r, const struct task *t)
{
    struct encoded *copy;
    struct body *body = NULL;
    enum encoded_state state = encoded_ask(r->worker->encoded, t->id, &copy);
    if (state == ENCODED_LEAD)
        return begin_whole(r, t->id);
    if (state == ENCODED_BUSY)
        return begin(r, t);
    if (state == ENCODED_HERE)
        body = encoded_body(&copy);
    return body;
}

struct body *req_pack(struct req *r, struct response_head *head, int64_t first, int64_t last)
{
    struct task t = {.id = generation_id(r->object->generation),
                     .first = first,
                     .last = last,
                     .size = head->content_length};
    if (!may_pack(r, head))
        return NULL;
    int64_t size = generation_length(r->object->generation);
    bool is_whole = first == 0 && (size == LENGTH_UNKNOWN || last == size - 1);
    struct body *body =
        is_whole && size <= r->site->encode_max_bytes ? pack_whole(r, &t) : begin(r, &t);
    head->is_zstd = body != NULL;
    counter_add(&r->worker->count.packed, body != NULL);
    return body;
}
