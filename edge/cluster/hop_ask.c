/* SPDX-License-Identifier: MIT
 *
 * A dictionary of RFC 9651: log="9d2c41f07a3b6e85", seq=42. Members that are not known mean
 * nothing. */
#include "edge/cluster/hop_ask.h"

#include "lib/http/structured.h"

#include <inttypes.h>

#define MEMBERS_MAX 8

void hop_ask_add(struct fields *fs, const struct hop_ask *ask)
{
    const struct purge_stamp *p = &ask->purges;
    struct span text;
    if (token_is_valid(span_of(p->log)))
        text = arena_printf(fs->mem, "log=\"%s\", seq=%" PRIu64, p->log, p->seq);
    else
        text = SPAN("seq=0");
    fields_add(fs, FIELD_BYEORI_HOP, text);
}

static void take(struct hop_ask *out, const struct structured_item *item)
{
    if (span_eq(item->key, SPAN("seq")) && item->type == STRUCTURED_INTEGER && item->integer > 0)
        out->purges.seq = (uint64_t)item->integer;
    if (span_eq(item->key, SPAN("log")) && item->type == STRUCTURED_STRING &&
        item->text.n <= HEARTBEAT_NAME_BYTES && memchr(item->text.p, '\0', item->text.n) == NULL)
        memcpy(out->purges.log, item->text.p, item->text.n);
}

bool hop_ask_read(const struct fields *fs, struct hop_ask *out, struct arena *mem)
{
    struct structured_item items[MEMBERS_MAX];
    struct span text = fields_value(fs, FIELD_BYEORI_HOP);
    *out = (struct hop_ask){.purges = {.seq = 0}};
    if (text.p == NULL)
        return false;
    int count = structured_dictionary(text, items, MEMBERS_MAX, mem);
    for (int i = 0; i < count; i++)
        take(out, &items[i]);
    return count >= 0;
}
