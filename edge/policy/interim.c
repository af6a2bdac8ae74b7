/* SPDX-License-Identifier: MIT */

/* What of interim answers is passed on. They are hints for one request: who waits for the same
 * resource gets them too, unless something shows that they are meant for one client alone. */
#include "edge/policy/interim.h"

#include "lib/http/hop.h"

bool interim_told(const struct site *site, const struct response_head *head,
                  struct response_head *out, struct arena *mem)
{
    if (site->interim != INTERIM_PASS)
        return false;
    *out = (struct response_head){
        .status = head->status, .reason = head->reason, .content_length = LENGTH_UNKNOWN};
    fields_init(&out->fields, mem);
    hop_copy(&out->fields, &head->fields);
    fields_remove(&out->fields, FIELD_CONTENT_LENGTH);
    return !arena_overflowed(mem);
}

bool interim_is_for_all(const struct request_head *leader, const struct response_head *told)
{
    return fields_find(&leader->fields, FIELD_AUTHORIZATION, 0) == NULL &&
           fields_find(&told->fields, FIELD_SET_COOKIE, 0) == NULL;
}
