/* SPDX-License-Identifier: MIT
 * Databases together. */
#include "lib/geo/geo_set.h"

#include "lib/base/mem.h"

struct geo_set *geo_set_create(struct geo *const v[GEO_KINDS])
{
    struct geo_set *s = mem_zalloc(sizeof *s);
    s->magic = GEO_SET_MAGIC;
    s->refs = 1;
    for (int i = 0; i < GEO_KINDS; i++)
        s->v[i] = v[i] != NULL ? geo_ref(v[i]) : NULL;
    return s;
}

struct geo_set *geo_set_ref(struct geo_set *s)
{
    CHECK_OBJ(s, GEO_SET_MAGIC);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void geo_set_unref(struct geo_set **ps)
{
    struct geo_set *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    CHECK_OBJ(s, GEO_SET_MAGIC);
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < GEO_KINDS; i++)
        geo_unref(&s->v[i]);
    s->magic = 0;
    mem_free(s);
}

/* What City does not know, and what it never does. */
static void complete(const struct geo_set *s, const struct geo_question *q)
{
    if (!q->out->is_found && s->v[GEO_COUNTRY] != NULL)
        geo_find_unnamed(s->v[GEO_COUNTRY], q->address, q->out);
    if (s->v[GEO_ASN] != NULL)
        q->out->asn = geo_find_asn(s->v[GEO_ASN], q->address);
}

void geo_set_find(const struct geo_set *s, const struct sockaddr *address, bool with_name,
                  struct place *out)
{
    const struct geo_question q = {address, out, with_name};
    geo_set_find_many(s, &q, 1);
}

void geo_set_find_many(const struct geo_set *s, const struct geo_question *v, size_t count)
{
    geo_find_many(s != NULL ? s->v[GEO_CITY] : NULL, v, count);
    for (size_t i = 0; s != NULL && i < count; i++)
        complete(s, &v[i]);
}

const char *geo_kind_name(enum geo_kind kind)
{
    static const char *const names[GEO_KINDS] = {
        [GEO_CITY] = "city", [GEO_COUNTRY] = "country", [GEO_ASN] = "asn"};
    return names[kind];
}
