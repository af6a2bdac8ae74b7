/* SPDX-License-Identifier: MIT
 *
 * Heads of answers: the stored or upstream's fields, and ours. */
#include "edge/request/req.h"

#include "lib/http/hop.h"

#define FIELDS_OURS 8

enum ledger_source req_source_of_tier(enum tier t)
{
    static const enum ledger_source sources[TIER_COUNT] = {[TIER_ORIGIN] = LEDGER_ORIGIN,
                                                           [TIER_SHIELD] = LEDGER_SHIELD,
                                                           [TIER_SIBLING] = LEDGER_SIBLING,
                                                           [TIER_MEMCACHED] = LEDGER_MEMCACHED};
    return t < TIER_COUNT ? sources[t] : LEDGER_ORIGIN;
}

void req_add_ours(struct req *r, struct fields *fs)
{
    r->cache_text = cache_status_write(&r->cache, r->worker->config.node, &r->x->mem);
    fields_add(fs, FIELD_VIA, r->worker->via);
    fields_add(fs, FIELD_CACHE_STATUS, r->cache_text);
}

static struct span age_text(const struct req *r, const struct object *o)
{
    msec_t age = object_age_ms(o, loop_wall(r->worker->loop));
    char *text = arena_bytes(&r->x->mem, U64_ROOM);
    return span_make(text, (size_t)(u64_write(text, (uint64_t)(age / MSEC_PER_SEC)) - text));
}

void req_head_of_object(struct req *r, struct response_head *head)
{
    const struct object *o = r->object;
    msec_t left = object_left_ms(o, loop_wall(r->worker->loop));
    *head = (struct response_head){.status = o->status, .content_length = LENGTH_UNKNOWN};
    const struct fields stored = object_fields(o);
    head->fields = stored;
    head->fields.mem = &r->x->mem;
    head->fields.room = stored.count + FIELDS_OURS;
    head->fields.v = arena_alloc(&r->x->mem, head->fields.room * sizeof(struct field));
    memcpy(head->fields.v, stored.v, stored.count * sizeof(struct field));
    r->cache.has_ttl = true;
    r->cache.ttl_s = left / MSEC_PER_SEC;
    for (uint32_t i = 0; i < r->withheld.count; i++)
        fields_add_named(&head->fields, r->withheld.v[i].name, r->withheld.v[i].value);
    fields_add(&head->fields, FIELD_AGE, age_text(r, o));
    req_add_ours(r, &head->fields);
}

/* An answer to HEAD and a 304 have no body, but tell the length that one would have. */
static int64_t length_told(const struct response_head *answer)
{
    uint64_t length;
    struct span text = fields_value(&answer->fields, FIELD_CONTENT_LENGTH);
    if (answer->content_length == 0 && span_u64(text, &length) && length < INT64_MAX)
        return (int64_t)length;
    return answer->content_length;
}

void req_head_of_fetch(struct req *r, struct response_head *head)
{
    const struct response_head *answer = fetch_head(r->fetch);
    *head = (struct response_head){
        .status = answer->status, .reason = answer->reason, .content_length = length_told(answer)};
    fields_init(&head->fields, &r->x->mem);
    hop_copy(&head->fields, &answer->fields);
    fields_remove(&head->fields, FIELD_CONTENT_LENGTH);
    r->cache.forward_status = answer->status;
    if (r->upstream.p == NULL)
        r->upstream = arena_dup(&r->x->mem, fetch_origin_name(r->fetch));
    req_add_ours(r, &head->fields);
}
