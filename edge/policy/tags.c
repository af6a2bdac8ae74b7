/* SPDX-License-Identifier: MIT */

/* Tags and groups of an answer. More of them than fit into the field's own bound cannot come, so
 * all are kept. Where a list is broken it says nothing (RFC 9651 s.4.2). */
#include "edge/policy/tags.h"

#include "lib/base/digest.h"
#include "lib/base/hash.h"
#include "lib/http/structured.h"

#include <stdatomic.h>

#define STRING_BYTES_MIN 3 /* "", of a list */

static _Atomic uint64_t secret_now; /* 0: not drawn yet */

uint64_t tag_secret(void)
{
    uint64_t secret = atomic_load_explicit(&secret_now, memory_order_relaxed), drawn;
    if (secret != 0)
        return secret;
    digest_random(&drawn, sizeof(drawn));
    drawn |= 1;
    return atomic_compare_exchange_strong(&secret_now, &secret, drawn) ? drawn : secret;
}

void tag_secret_set(uint64_t secret)
{
    atomic_store(&secret_now, secret | 1);
}

uint64_t tag_hash(struct span name)
{
    return hash128(name.p, name.n, tag_secret()).lo;
}

/* A set that grows: its room is counted before. */
struct gathering {
    uint64_t *v;
    uint32_t count;
};

static bool parts_by_space(struct span field)
{
    return span_ieq(field, SPAN("Surrogate-Key")) || span_ieq(field, SPAN("xkey"));
}

static void gather_words(struct gathering *g, struct span list)
{
    while (list.p != NULL) {
        struct span word = span_cut(list, ' ', &list);
        if (word.n > 0)
            g->v[g->count++] = tag_hash(word);
    }
}

static void gather_line(struct gathering *g, struct span value, bool by_space)
{
    while (value.p != NULL) {
        struct span tag = span_trim(span_cut(value, ',', &value));
        if (by_space)
            gather_words(g, tag);
        else if (tag.n > 0)
            g->v[g->count++] = tag_hash(tag);
    }
}

static const struct field *next_named(const struct fields *fs, struct span name,
                                      const struct field *after)
{
    return fields_find_named(fs, name, after != NULL ? (uint32_t)(after - fs->v) + 1 : 0);
}

/* At most one tag for every other byte. */
static size_t tags_room(const struct fields *fs, struct span name)
{
    size_t room = 0;
    for (const struct field *f = next_named(fs, name, NULL); f != NULL; f = next_named(fs, name, f))
        room += f->value.n / 2 + 1;
    return room;
}

/* The members of a list of strings; 0 where it is none. */
static int strings_of(const struct fields *fs, struct span name, struct structured_item **out,
                      struct arena *mem)
{
    if (fields_find_named(fs, name, 0) == NULL)
        return 0;
    struct span text = fields_joined(fs, name, mem);
    int max = (int)(text.n / STRING_BYTES_MIN) + 1;
    *out = arena_zalloc(mem, (size_t)max * sizeof(**out));
    int count = structured_list(text, *out, max, mem);
    for (int i = 0; i < count; i++) {
        if ((*out)[i].type != STRUCTURED_STRING)
            return 0;
    }
    return count > 0 ? count : 0;
}

struct tag_set tags_of(const struct fields *response, const struct site *site, struct arena *mem)
{
    struct span name = span_of(site->tag_field[0] != '\0' ? site->tag_field : "Cache-Tag");
    struct structured_item *items;
    int groups = strings_of(response, SPAN("Cache-Groups"), &items, mem);
    size_t room = tags_room(response, name) + (size_t)groups;
    struct gathering g = {0};
    if (room > 0)
        g.v = arena_alloc(mem, room * sizeof(uint64_t));
    if (room == 0 || arena_overflowed(mem))
        return (struct tag_set){0};
    bool by_space = parts_by_space(name);
    for (const struct field *f = next_named(response, name, NULL); f != NULL;
         f = next_named(response, name, f))
        gather_line(&g, f->value, by_space);
    for (int i = 0; i < groups; i++)
        g.v[g.count++] = tag_hash(items[i].text);
    return (struct tag_set){.v = g.v, .count = g.count, .groups = (uint32_t)groups};
}

int tags_invalidated(const struct fields *response, struct span **out, struct arena *mem)
{
    struct structured_item *items;
    int count = strings_of(response, SPAN("Cache-Group-Invalidation"), &items, mem);
    *out = arena_alloc(mem, (size_t)count * sizeof(**out) + 1);
    for (int i = 0; i < count; i++)
        (*out)[i] = items[i].text;
    return count;
}
