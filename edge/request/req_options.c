/* SPDX-License-Identifier: MIT
 *
 * OPTIONS that has come as far as its client wanted (RFC 9110 s.7.6.2): the node answers itself. */
#include "edge/request/req.h"

#include "lib/http/cache_control.h"

bool req_ends_here(const struct req *r)
{
    const struct request_head *q = &r->x->request;
    sec_t hops;
    return q->method == METHOD_OPTIONS &&
           delta_seconds(fields_value(&q->fields, FIELD_MAX_FORWARDS), &hops) && hops == 0;
}

enum next req_options(struct req *r)
{
    struct response_head head = {.status = 204};
    fields_init(&head.fields, &r->x->mem);
    fields_add(&head.fields, FIELD_ALLOW, SPAN(REQ_METHODS));
    req_add_ours(r, &head.fields);
    exchange_respond(r->x, &head, NULL);
    return NEXT_DONE;
}
