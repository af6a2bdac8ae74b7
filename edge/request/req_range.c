/* SPDX-License-Identifier: MIT
 *
 * Several ranges in one answer: multipart/byteranges (RFC 9110 s.14.6), part after part, so that
 * one of them at a time holds anything. */
#include "edge/request/req.h"

#include "lib/base/digest.h"
#include "lib/http/multipart.h"
#include "lib/http/range.h"
#include "lib/web/body_chain.h"

#define BOUNDARY_BYTES 16

/* In the exchange's arena, which outlives the body. */
struct parts {
    struct req *r;
    struct multipart plan;
    struct byte_range *ranges;
    int count;
};

/* before, bytes, before, bytes, ..., after. */
static struct body *next_part(void *ctx, int i)
{
    struct parts *p = ctx;
    int range = i / 2;
    if (range < p->count && i % 2 == 0)
        return body_of_constant(p->plan.before[range]);
    if (range < p->count)
        return req_body(p->r, p->ranges[range].first, p->ranges[range].last);
    return i == 2 * p->count ? body_of_constant(p->plan.after) : NULL;
}

struct body *req_ranges_body(struct req *r, struct response_head *head,
                             const struct byte_range *ranges, int count)
{
    struct arena *mem = &r->x->mem;
    uint8_t random[BOUNDARY_BYTES];
    char boundary[2 * BOUNDARY_BYTES + 1];
    digest_random(random, sizeof(random));
    digest_hex(random, sizeof(random), boundary);
    struct parts *p = arena_zalloc(mem, sizeof(*p));
    p->r = r;
    p->count = count;
    p->ranges = arena_alloc(mem, (size_t)count * sizeof(*ranges));
    memcpy(p->ranges, ranges, (size_t)count * sizeof(*ranges));
    struct fields stored = object_fields(r->object);
    struct multipart_spec spec = {.ranges = p->ranges,
                                  .count = count,
                                  .size = generation_length(r->object->generation),
                                  .type = fields_value(&stored, FIELD_CONTENT_TYPE),
                                  .boundary = arena_dup(mem, span_of(boundary))};
    multipart_plan(&p->plan, &spec, mem);
    fields_set(&head->fields, FIELD_CONTENT_TYPE, p->plan.content_type);
    head->content_length = p->plan.total_bytes;
    struct body_chain_source chain = {.next = next_part, .ctx = p};
    return body_chain(&chain);
}
