/* SPDX-License-Identifier: MIT
 * Answers on standard output: tables for people, JSON for machines. */
#include "control/ctl/ctl.h"

#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define RING     32
#define TEXT_MAX 512
#define GAP      2

struct ctl_table {
    const char *const *heads;
    size_t columns, count; /* of cells */
    char **cells;
};

struct ctl_table *ctl_table_create(const char *const *heads, size_t columns)
{
    struct ctl_table *t = mem_zalloc(sizeof *t);
    t->heads = heads;
    t->columns = columns;
    return t;
}

/* What a server says may hold anything; a terminal shall see text. */
static void make_harmless(char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

void ctl_cell(struct ctl_table *t, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    make_harmless(text);
    t->cells = mem_grow(t->cells, t->count + 1, sizeof *t->cells);
    t->cells[t->count++] = mem_strdup(text);
}

static size_t width_of(const struct ctl_table *t, size_t column)
{
    size_t width = strlen(t->heads[column]);
    for (size_t i = column; i < t->count; i += t->columns)
        width = strlen(t->cells[i]) > width ? strlen(t->cells[i]) : width;
    return width;
}

static void show_cell(const struct ctl_table *t, size_t column, const char *text)
{
    bool is_last = column + 1 == t->columns;
    if (is_last)
        printf("%s\n", text);
    else
        printf("%-*s", (int)(width_of(t, column) + GAP), text);
}

void ctl_table_show(struct ctl_table **pt)
{
    struct ctl_table *t = *pt;
    *pt = NULL;
    for (size_t c = 0; c < t->columns; c++)
        show_cell(t, c, t->heads[c]);
    for (size_t i = 0; i < t->count; i++)
        show_cell(t, i % t->columns, t->cells[i]);
    for (size_t i = 0; i < t->count; i++)
        mem_free(t->cells[i]);
    mem_free(t->cells);
    mem_free(t);
}

void ctl_show_json(const struct ctl_reply *r)
{
    fwrite(r->body.p, 1, r->body.n, stdout);
    putchar('\n');
}

static char *next_of_ring(void)
{
    static char ring[RING][TEXT_MAX];
    static unsigned at;
    return ring[at++ % RING];
}

const char *ctl_text(struct ctl_reply *r, const struct json_t *o, const char *key)
{
    char *out = next_of_ring();
    struct span s = json_in_text(&r->json, o, key, TEXT_MAX - 1);
    if (s.n == 0)
        return "-";
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    make_harmless(out);
    return out;
}

const char *ctl_number(struct ctl_reply *r, const struct json_t *o, const char *key)
{
    char *out = next_of_ring();
    if (!json_in_has(o, key))
        return "-";
    snprintf(out, TEXT_MAX, "%.10g", json_in_real(&r->json, o, key, 0));
    return out;
}

const char *ctl_joined(struct ctl_reply *r, const struct json_t *o, const char *key)
{
    char *out = next_of_ring();
    const struct json_t *v = json_in_array(&r->json, o, key, SIZE_MAX);
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_in_count(v) && n < TEXT_MAX; i++) {
        struct span s = json_in_text_at(&r->json, v, i, TEXT_MAX);
        n += (size_t)snprintf(out + n, TEXT_MAX - n, "%s%.*s", i > 0 ? " " : "", SPAN_FMT(s));
    }
    return n > 0 ? out : "-";
}

const char *ctl_bytes(double bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    char *out = next_of_ring();
    size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        bytes /= 1000;
        unit++;
    }
    snprintf(out, TEXT_MAX, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
    return out;
}
