/* SPDX-License-Identifier: MIT
 *
 * Blocks to and from memcached, with the heads they came with. */
#include "edge/upstream/item_turn.h"

#include "edge/store/generation.h"
#include "lib/base/mem.h"
#include "lib/http/range.h"

#define FRESH_MIN_MS 2000

/* Before the end of the block it is a piece that nobody should store. */
static bool is_whole_block(const struct item_turn *t, const struct item *i)
{
    int64_t left = i->size - t->at;
    return i->at == t->at && (int64_t)i->body.n == (left < t->block_bytes ? left : t->block_bytes);
}

static void make_head(struct item_turn *t)
{
    const struct item *i = &t->item;
    struct response_head *h = &t->head;
    msec_t since = loop_wall(t->fetcher->loop) - i->wall;
    msec_t age = i->age_ms + (since > 0 ? since : 0);
    *h = (struct response_head){.status = 200, .content_length = (int64_t)i->body.n};
    fields_init(&h->fields, t->mem);
    bool is_readable = item_fields(i, &h->fields);
    fields_add(&h->fields, FIELD_AGE, arena_printf(t->mem, "%lld", (long long)age / MSEC_PER_SEC));
    if ((int64_t)i->body.n < i->size) {
        struct content_range cr = {i->at, i->at + (int64_t)i->body.n - 1, i->size};
        char *text = arena_bytes(t->mem, CONTENT_RANGE_ROOM);
        fields_add(&h->fields, FIELD_CONTENT_RANGE,
                   span_make(text, content_range_write(text, &cr)));
        h->status = 206;
    }
    t->has_item = is_readable && !arena_overflowed(t->mem);
}

static void on_value(void *ctx, uint8_t *value, size_t bytes)
{
    struct item_turn *t = ctx;
    t->get = NULL;
    t->value = value;
    if (value != NULL && item_read(span_make(value, bytes), &t->item) == 0 &&
        t->item.key.lo == t->key.lo && t->item.key.hi == t->key.hi && is_whole_block(t, &t->item) &&
        purge_clock_moment(t->fetcher->purges, &t->item.purges, &t->moment))
        make_head(t);
    t->on_over(t);
}

bool item_turn_begin(struct item_turn *t, struct fetcher *fr, const struct item_ask *ask,
                     struct arena *mem)
{
    const struct source *s = ask->source;
    char key[ITEM_KEY_BYTES + 1];
    bool is_passed = s->is_passed || ((s->passed_tiers >> TIER_MEMCACHED) & 1);
    if (t->is_over || ask->key == NULL || is_passed || (ask->first < 0 && ask->last >= 0))
        return false;
    t->is_over = true;
    t->fetcher = fr;
    t->mem = mem;
    t->key = *ask->key;
    t->block_bytes = source_site(s)->block_bytes;
    t->at = ask->first > 0 ? ask->first : 0;
    if (t->at % t->block_bytes != 0)
        return false;
    item_key(&t->key, t->at, t->block_bytes, key);
    t->get = mcache_get(&fr->mcache, key, on_value, t);
    return t->get != NULL;
}

ssize_t item_turn_read(struct item_turn *t, void *dst, size_t room)
{
    size_t left = t->item.body.n - t->read, n = left < room ? left : room;
    if (n > 0)
        memcpy(dst, t->item.body.p + t->read, n);
    t->read += n;
    return (ssize_t)n;
}

void item_turn_leave(struct item_turn *t)
{
    mcache_forget(&t->get);
    mem_free(t->value);
    t->value = NULL;
    t->has_item = false;
}

static bool is_for_others(struct fetcher *fr, struct object *o)
{
    msec_t left = object_left_ms(o, loop_wall(fr->loop));
    return o->status == 200 && object_vary_names(o).n == 0 && left >= FRESH_MIN_MS &&
           !object_is(o, OBJECT_SOFT_PURGED) && !store_is_purged(fr->store, o);
}

static struct span head_lines(const struct object *o, struct arena *mem)
{
    struct span lines = SPAN("");
    struct fields fields = object_fields(o);
    for (uint32_t i = 0; i < fields.count; i++) {
        const struct field *f = &fields.v[i];
        lines = arena_printf(mem, "%.*s%.*s: %.*s\r\n", SPAN_FMT(lines), SPAN_FMT(f->name),
                             SPAN_FMT(f->value));
    }
    return lines;
}

void item_keep(struct fetcher *fr, const struct item_block *b)
{
    const struct object *o = b->object;
    msec_t now = loop_wall(fr->loop);
    char key[ITEM_KEY_BYTES + 1];
    struct arena mem;
    if (fr->mcache.shared == NULL || !is_for_others(fr, b->object))
        return;
    arena_init(&mem, (size_t)ITEM_HEAD_BYTES * 64);
    struct item i = {.key = object_key(o).hash,
                     .at = b->at,
                     .size = generation_length(o->generation),
                     .wall = now,
                     .age_ms = object_age_ms(o, now),
                     .purges = *b->stamp,
                     .head = head_lines(o, &mem),
                     .body = b->bytes};
    uint8_t *value = NULL;
    if (!arena_overflowed(&mem) && i.head.n <= ITEM_HEAD_BYTES && i.size >= 0)
        value = mcache_room(&fr->mcache, item_bytes(&i));
    if (value != NULL) {
        item_write(&i, value);
        item_key(&i.key, i.at, b->block_bytes, key);
        mcache_put(&fr->mcache, key, value, item_bytes(&i), object_left_ms(o, now) / MSEC_PER_SEC);
    }
    arena_finish(&mem);
}
