/* SPDX-License-Identifier: MIT
 *
 * Whether two records say the same. */
#include "lib/base/option.h"

#include "lib/base/err.h"

static bool is_same_record(const struct option_section *s, const void *a, const void *b);

static bool are_same_texts(const struct option_texts *a, const struct option_texts *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->v[i], b->v[i]) == 0;
    return same;
}

static bool are_same_sections(const struct option_section *s, const void *a, const void *b)
{
    if (s->is_single)
        return is_same_record(s, a, b);
    const struct option_records *x = a, *y = b;
    bool same = x->count == y->count;
    for (size_t i = 0; same && i < x->count; i++) {
        const char *l = (const char *)x->v + i * s->record_bytes;
        const char *r = (const char *)y->v + i * s->record_bytes;
        same = is_same_record(s, l, r);
    }
    return same;
}

static bool is_same_value(const struct option *row, const void *a, const void *b)
{
    const void *x = (const char *)a + row->offset_bytes, *y = (const char *)b + row->offset_bytes;
    switch (row->type) {
    case OPTION_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case OPTION_INT:
    case OPTION_BYTES:
    case OPTION_DURATION:
        return *(const int64_t *)x == *(const int64_t *)y;
    case OPTION_RATIO: /* the same spelling gives the same bits */
        return memcmp(x, y, sizeof(double)) == 0;
    case OPTION_TEXT:
        return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    case OPTION_TEXTS:
        return are_same_texts(x, y);
    case OPTION_CHOICE:
        return *(const int *)x == *(const int *)y;
    case OPTION_SECTION:
        return are_same_sections(row->section, x, y);
    }
    return false;
}

static bool is_same_record(const struct option_section *s, const void *a, const void *b)
{
    bool same = true;
    if (s->is_titled)
        same = strcmp(*(const char *const *)((const char *)a + s->title_offset_bytes),
                      *(const char *const *)((const char *)b + s->title_offset_bytes)) == 0;
    for (const struct option *row = s->options; same && row->name != NULL; row++)
        same = is_same_value(row, a, b);
    return same;
}

const char *option_changed(const struct option_section *s, const void *a, const void *b,
                           const char *const *names)
{
    for (; *names != NULL; names++) {
        const struct option *row = s->options;
        while (row->name != NULL && strcmp(row->name, *names) != 0)
            row++;
        CHECK(row->name != NULL);
        if (!is_same_value(row, a, b))
            return row->name;
    }
    return NULL;
}

int option_refuse_changed(const struct option_section *root, struct option_config *was,
                          struct option_config *is, const char *const *names, struct buf *why)
{
    const void *record = option_record(is);
    const char *name = option_changed(root, option_record(was), record, names);
    if (name == NULL)
        return 0;
    option_error(why, option_file(is), option_line(is, record, name),
                 "%s: cannot change without a restart", name);
    return ERR_CONFIG;
}
