/* SPDX-License-Identifier: MIT
 *
 * The first rows in an order out of any number that come in none: a heap of as many as are wanted,
 * whose top is the one that goes next. */
#include "edge/admin/object_list.h"

#include "lib/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

bool object_sort_of(struct span text, enum object_sort *out)
{
    static const char *const names[] = {
#define X(id, name) name,
        OBJECT_SORTS(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!span_eq(text, span_of(names[i])))
            continue;
        *out = (enum object_sort)i;
        return true;
    }
    return false;
}

static bool is_wanted(struct span sought, struct span found)
{
    return sought.p == NULL || span_eq(sought, found);
}

bool object_filter_fits(const struct object_filter *f, struct span key)
{
    struct span site = span_cut(key, '\n', &key), host = span_cut(key, '\n', &key);
    return is_wanted(f->site, site) && is_wanted(f->host, host) &&
           (f->path.p == NULL || span_starts(key, f->path));
}

void object_mark_write(const struct object_mark *m, char out[OBJECT_MARK_BYTES])
{
    snprintf(out, OBJECT_MARK_BYTES, "%016" PRIx64 "%016" PRIx64, (uint64_t)m->value, m->id);
}

static bool read_hex(const char *p, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, p[i]);
        if (p[i] == '\0' || at == NULL)
            return false;
        *out = *out << 4 | (uint64_t)(at - digits);
    }
    return true;
}

bool object_mark_read(struct span text, struct object_mark *out)
{
    uint64_t value;
    if (text.n != 32 || !read_hex(text.p, &value) || !read_hex(text.p + 16, &out->id))
        return false;
    out->value = (int64_t)value;
    return true;
}

struct object_mark object_list_mark(const struct object_list *l, const struct object_row *r)
{
    struct object_mark m = {.id = r->id};
    switch (l->sort) {
    case OBJECT_SORT_BYTES:
        m.value = r->bytes;
        break;
    case OBJECT_SORT_HITS:
        m.value = (int64_t)r->hits;
        break;
    case OBJECT_SORT_AGE:
        m.value = -r->stored_wall;
        break;
    }
    return m;
}

/* <0: a stands before b. The larger value, then the larger id, comes first. */
static int compare(const struct object_mark *a, const struct object_mark *b)
{
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    return (a->id < b->id) - (a->id > b->id);
}

static int compare_rows(const struct object_list *l, const struct object_row *a,
                        const struct object_row *b)
{
    struct object_mark x = object_list_mark(l, a), y = object_list_mark(l, b);
    return compare(&x, &y);
}

static struct span copy_of(struct span s)
{
    size_t n = s.n < OBJECT_KEY_BYTES ? s.n : OBJECT_KEY_BYTES;
    char *p = mem_alloc(n + 1);
    memcpy(p, s.p, n);
    return span_make(p, n);
}

static void forget_copy(struct span s)
{
    mem_free((char *)(uintptr_t)s.p);
}

void object_list_init(struct object_list *l)
{
    CHECK(l->limit >= 1 && l->limit <= OBJECT_ROWS_MAX);
    if (l->is_sums) {
        l->sums = mem_zarray(OBJECT_SUMS_MAX, sizeof(*l->sums));
        l->by_name = map_create();
    } else {
        l->rows = mem_zarray(l->limit, sizeof(*l->rows));
    }
}

void object_list_finish(struct object_list *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        forget_copy(l->rows[i].key);
    for (uint32_t i = 0; i < l->sum_count; i++)
        forget_copy(l->sums[i].name);
    mem_free(l->rows);
    mem_free(l->sums);
    map_destroy(l->by_name);
    *l = (struct object_list){0};
}

static void count_in(struct object_sum *s, const struct object_row *r)
{
    s->objects++;
    s->hits += r->hits;
    s->bytes += r->bytes;
    s->disk_bytes += r->disk_bytes;
}

/* What r is summed up with: its site; of one site, the host and the path to the first '/' after
 * what was sought. */
static struct span name_of(const struct object_filter *f, struct span key)
{
    struct span rest, query, site = span_cut(key, '\n', &rest);
    if (f->site.p == NULL)
        return site;
    struct span host = span_cut(rest, '\n', &rest);
    struct span path = span_cut(span_cut(rest, '\n', &query), '?', &query);
    size_t n = f->path.p != NULL ? f->path.n : 1;
    while (n < path.n && path.p[n] != '/')
        n++;
    n = n < path.n ? n + 1 : path.n; /* also where what was sought reaches into the query */
    return span_make(host.p, (size_t)(path.p - host.p) + n);
}

static void add_to_sum(struct object_list *l, const struct object_row *r)
{
    struct span name = name_of(&l->filter, r->key);
    name.n = name.n < OBJECT_KEY_BYTES ? name.n : OBJECT_KEY_BYTES;
    struct object_sum *s = map_get(l->by_name, name);
    if (s == NULL && l->sum_count < OBJECT_SUMS_MAX) {
        s = &l->sums[l->sum_count++];
        s->name = copy_of(name);
        map_put(l->by_name, name, s);
    }
    count_in(s != NULL ? s : &l->other, r);
}

static void swap(struct object_row *a, struct object_row *b)
{
    struct object_row kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_down(struct object_list *l, uint32_t at)
{
    for (;;) {
        uint32_t last = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < l->count; child++)
            last = compare_rows(l, &l->rows[child], &l->rows[last]) > 0 ? child : last;
        if (last == at)
            return;
        swap(&l->rows[at], &l->rows[last]);
        at = last;
    }
}

static void sift_up(struct object_list *l, uint32_t at)
{
    while (at > 0 && compare_rows(l, &l->rows[at], &l->rows[(at - 1) / 2]) > 0) {
        swap(&l->rows[at], &l->rows[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void add_to_rows(struct object_list *l, const struct object_row *r)
{
    struct object_mark mark = object_list_mark(l, r);
    if (l->has_after && compare(&mark, &l->after) <= 0)
        return;
    bool is_full = l->count == l->limit;
    l->has_more = l->has_more || is_full;
    if (is_full && compare_rows(l, r, &l->rows[0]) >= 0)
        return;
    uint32_t at = is_full ? 0 : l->count++;
    forget_copy(l->rows[at].key);
    l->rows[at] = *r;
    l->rows[at].key = copy_of(r->key);
    if (is_full)
        sift_down(l, 0);
    else
        sift_up(l, at);
}

void object_list_add(struct object_list *l, const struct object_row *r)
{
    count_in(&l->total, r);
    if (l->is_sums)
        add_to_sum(l, r);
    else
        add_to_rows(l, r);
}

static int compare_sums(const void *a, const void *b, void *ctx)
{
    const struct object_sum *x = a, *y = b;
    const struct object_list *l = ctx;
    if (l->sort == OBJECT_SORT_HITS && x->hits != y->hits)
        return x->hits > y->hits ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return span_cmp(x->name, y->name);
}

static void order_sums(struct object_list *l)
{
    qsort_r(l->sums, l->sum_count, sizeof(*l->sums), compare_sums, l);
    while (l->sum_count > l->limit) {
        struct object_sum *s = &l->sums[--l->sum_count];
        l->other.objects += s->objects;
        l->other.hits += s->hits;
        l->other.bytes += s->bytes;
        l->other.disk_bytes += s->disk_bytes;
        forget_copy(s->name);
    }
}

static int compare_for_sort(const void *a, const void *b, void *ctx)
{
    return compare_rows(ctx, a, b);
}

void object_list_order(struct object_list *l)
{
    if (l->is_sums)
        order_sums(l);
    else
        qsort_r(l->rows, l->count, sizeof(*l->rows), compare_for_sort, l);
}
