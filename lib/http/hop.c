/* SPDX-License-Identifier: MIT */

/* What an intermediary passes on, and the marks it leaves. */
#include "lib/http/hop.h"

/* Options beyond names.def that one message may list. More have no honest use: then no field that
 * names.def does not know passes on, which leaves out all that they may have named. */
#define OPTIONS_MAX 32

static const bool is_hop[FIELD_COUNT] = {
    [FIELD_CONNECTION] = true,
    [FIELD_KEEP_ALIVE] = true,
    [FIELD_PROXY_AUTHENTICATE] = true,
    [FIELD_PROXY_AUTHORIZATION] = true,
    [FIELD_PROXY_CONNECTION] = true,
    [FIELD_TE] = true,
    [FIELD_TRAILER] = true,
    [FIELD_TRANSFER_ENCODING] = true,
    [FIELD_UPGRADE] = true,
};

struct options {
    struct span names[OPTIONS_MAX];
    size_t count;
    bool are_too_many;
};

/* Of the names that names.def knows, the hop-by-hop ones go in any case, and the others stay: a
 * sender must not make Host or Cache-Control vanish (RFC 9110 s.7.6.1). */
static void read_options(struct options *o, const struct fields *fs)
{
    const struct field *f = fields_find(fs, FIELD_CONNECTION, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_CONNECTION, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, name;
        while (list_next_element(&rest, &name)) {
            if (field_id_of(name) != FIELD_OTHER || span_ieq(name, SPAN("close")))
                continue;
            if (o->count < OPTIONS_MAX)
                o->names[o->count++] = name;
            else
                o->are_too_many = true;
        }
    }
}

/* Named in Connection, or RFC 9110 s.11.7.3, whose name is too long for names.def. */
static bool is_of_hop(const struct options *o, struct span name)
{
    if (span_ieq(name, SPAN("Proxy-Authentication-Info")))
        return true;
    for (size_t i = 0; i < o->count; i++) {
        if (span_ieq(o->names[i], name))
            return true;
    }
    return o->are_too_many;
}

void hop_copy(struct fields *to, const struct fields *from)
{
    struct options o;
    o.count = 0;
    o.are_too_many = false;
    read_options(&o, from);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct field *f = &from->v[i];
        if (f->id != FIELD_OTHER && !is_hop[f->id])
            fields_add(to, f->id, f->value);
        else if (f->id == FIELD_OTHER && !is_of_hop(&o, f->name))
            fields_add_named(to, f->name, f->value);
    }
}

/* Whether an element of the field's lines is `name`, without parameters: a weight of 0 would say
 * no, and nobody who takes it needs any. */
static bool lists(const struct fields *fs, enum field_id id, struct span name)
{
    const struct field *f = fields_find(fs, id, 0);
    for (; f != NULL; f = fields_find(fs, id, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element;
        while (list_next_element(&rest, &element)) {
            if (span_ieq(element, name))
                return true;
        }
    }
    return false;
}

bool hop_takes_zstd(const struct fields *fs)
{
    return lists(fs, FIELD_TE, SPAN("zstd")) && lists(fs, FIELD_CONNECTION, SPAN("TE"));
}

struct span via_value(const struct fields *fs, uint8_t major_version, uint8_t minor_version,
                      struct span name, struct arena *mem)
{
    struct span before = fields_joined(fs, SPAN("Via"), mem);
    struct span version = minor_version == 0 ? SPAN("1.0 ") : SPAN("1.1 ");
    if (major_version == 2)
        version = SPAN("2 ");
    const struct span parts[] = {before, before.n != 0 ? SPAN(", ") : SPAN(""), version, name};
    return arena_join(mem, parts, ARRAY_LEN(parts));
}

bool cdn_loop_has(const struct fields *fs, struct span cdn_id)
{
    const struct field *f = fields_find(fs, FIELD_CDN_LOOP, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_CDN_LOOP, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element, parameters;
        while (list_next_element(&rest, &element)) {
            if (span_ieq(span_trim(span_cut(element, ';', &parameters)), cdn_id))
                return true;
        }
    }
    return false;
}

uint32_t cdn_loop_count(const struct fields *fs)
{
    uint32_t count = 0;
    const struct field *f = fields_find(fs, FIELD_CDN_LOOP, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_CDN_LOOP, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element;
        while (list_next_element(&rest, &element))
            count++;
    }
    return count;
}
