/* SPDX-License-Identifier: MIT
 *
 * An answer as it is stored. Which answers may be, and for how long, is policy's; when they are, is
 * its users'. */
#include "edge/upstream/record.h"

#include "edge/policy/tags.h"
#include "edge/policy/vary.h"
#include "lib/http/date.h"
#include "lib/http/hop.h"

/* Fields that belong to one message or one connection, or to whoever asked, are not stored. What
 * policy leaves out is withheld from all but the one who asked. */
static void leave_out_unstored(const struct record_of *of, struct fields *fs,
                               struct fields *withheld)
{
    struct fields all;
    fields_remove(fs, FIELD_AGE);
    fields_remove(fs, FIELD_CONTENT_LENGTH);
    fields_remove(fs, FIELD_CONTENT_RANGE);
    fields_init(&all, of->mem);
    for (uint32_t i = 0; i < fs->count; i++)
        fields_add_named(&all, fs->v[i].name, fs->v[i].value);
    storable_leave_out(fs, of->site);
    fields_init(withheld, of->mem);
    for (uint32_t i = 0; i < all.count && fs->count < all.count; i++) {
        if (fields_find_named(fs, all.v[i].name, 0) == NULL)
            fields_add_named(withheld, all.v[i].name, all.v[i].value);
    }
}

static void supply_date(const struct record_of *of, struct fields *fs)
{
    if (fields_find(fs, FIELD_DATE, 0) != NULL)
        return;
    char *text = arena_bytes(of->mem, DATE_BYTES);
    date_write(of->answered_wall / MSEC_PER_SEC, text);
    fields_add(fs, FIELD_DATE, span_make(text, DATE_BYTES));
}

enum storable record_judge(const struct record_of *of, const struct response_head *head,
                           struct freshness *out)
{
    struct response_seen seen = {.request = of->request,
                                 .response = head,
                                 .request_wall = of->asked_wall,
                                 .response_wall = of->answered_wall,
                                 .site = of->site};
    return storable_of(&seen, out);
}

struct object *record_make(const struct record_of *of, const struct record_parts *parts,
                           struct fields *withheld)
{
    struct fields fields;
    fields_init(&fields, of->mem);
    hop_copy(&fields, &parts->head->fields);
    leave_out_unstored(of, &fields, withheld);
    supply_date(of, &fields);
    struct span names = vary_names(&parts->head->fields, of->mem);
    struct object_spec spec = {.key = of->key,
                               .site = span_of(of->site->name),
                               .vary_names = names,
                               .vary_values = vary_values(names, &of->request->fields, of->mem),
                               .tags = tags_of(&fields, of->site, of->mem),
                               .status = parts->head->status,
                               .fields = &fields,
                               .freshness = parts->freshness,
                               .validators =
                                   validators_of(&fields, of->answered_wall / MSEC_PER_SEC),
                               .generation = parts->generation};
    if (arena_overflowed(of->mem))
        return NULL;
    return object_create(of->store, &spec);
}

/* Every field of the newer answer replaces the stored one, but those that say how the stored bytes
 * are to be read: they are cut into ranges and may be coded on the way out. */
void record_merge(struct fields *to, const struct fields *stored, const struct response_head *head)
{
    static const enum field_id kept[] = {FIELD_CONTENT_ENCODING, FIELD_CONTENT_RANGE,
                                         FIELD_CONTENT_LENGTH};
    struct fields fresh;
    fields_init(&fresh, to->mem);
    hop_copy(&fresh, &head->fields);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        fields_remove(&fresh, kept[i]);
    for (uint32_t i = 0; i < stored->count; i++) {
        const struct field *old = &stored->v[i];
        if (fields_find_named(&fresh, old->name, 0) == NULL)
            fields_add_named(to, old->name, old->value);
    }
    for (uint32_t i = 0; i < fresh.count; i++)
        fields_add_named(to, fresh.v[i].name, fresh.v[i].value);
}
