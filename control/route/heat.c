/* SPDX-License-Identifier: MIT
 * Two sketches, one that fills and the one before it, both asked: a content that is hot stays so
 * when a window ends. */
#include "control/route/heat.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <string.h>

#define ROWS       4
#define LINE_BYTES 64
#define CELLS      4 /* of a row, in one line */
#define LINES      (1U << 13)
#define AREAS      4096
#define FEW        256 /* questions of an area that say nothing about shares yet */
#define SELDOM     4   /* questions for a key that say nothing about its share: chance made them */
#define AREA_SALT  0x9e3779b97f4a7c15U

/* All that is counted of a key is in one line, of the processor's cache too: a question costs one
 * look into memory for each window. */
struct line {
    uint32_t cells[ROWS][CELLS];
};
_Static_assert(sizeof(struct line) == LINE_BYTES, "a line is a line");
_Static_assert(sizeof((struct heat_spot){0}.cell) == ROWS, "a cell of each row");

struct window {
    struct line lines[LINES];
    uint32_t areas[AREAS];
};

struct heat {
    struct window *now, *before;
    msec_t began_at;
    char room[]; /* the two windows, the first where a line begins */
};

static uint32_t least(const struct window *w, const struct heat_spot *s)
{
    const struct line *l = &w->lines[s->line];
    uint32_t n = UINT32_MAX;
    for (int i = 0; i < ROWS; i++)
        if (l->cells[i][s->cell[i]] < n)
            n = l->cells[i][s->cell[i]];
    return n;
}

struct heat *heat_create(void)
{
    struct heat *h = mem_zalloc(sizeof *h + 2 * sizeof *h->now + LINE_BYTES);
    uintptr_t at = (uintptr_t)h->room + LINE_BYTES - 1;
    h->now = (struct window *)(at - at % LINE_BYTES);
    h->before = h->now + 1;
    return h;
}

void heat_destroy(struct heat **ph)
{
    struct heat *h = *ph;
    *ph = NULL;
    mem_free(h);
}

static void turn(struct heat *h, msec_t now)
{
    struct window *oldest = h->before;
    h->before = h->now;
    h->now = oldest;
    memset(oldest, 0, sizeof *oldest);
    if (now - h->began_at >= 2 * HEAT_WINDOW_MS) /* nobody asked for longer than a window */
        memset(h->before, 0, sizeof *h->before);
    h->began_at = now;
}

struct heat_spot heat_find(const struct heat *h, uint64_t key, uint64_t area)
{
    const uint64_t words[] = {key, area};
    if (h == NULL)
        return (struct heat_spot){0};
    uint64_t hash = hash64_seeded(words, sizeof words);
    struct heat_spot s = {.line = (uint32_t)hash % LINES,
                          .area = (uint32_t)(area * AREA_SALT >> 52)};
    for (int i = 0; i < ROWS; i++)
        s.cell[i] = (uint8_t)((hash >> (32 + 2 * i)) % CELLS);
    __builtin_prefetch(&h->now->lines[s.line], 1);
    __builtin_prefetch(&h->before->lines[s.line]);
    __builtin_prefetch(&h->now->areas[s.area], 1);
    __builtin_prefetch(&h->before->areas[s.area]);
    return s;
}

double heat_share(const struct heat *h, const struct heat_spot *s)
{
    if (h == NULL)
        return 0;
    uint32_t all = h->now->areas[s->area] + h->before->areas[s->area];
    if (all < FEW)
        return 0;
    uint32_t asked = least(h->now, s) + least(h->before, s);
    return asked < SELDOM ? 0 : (double)asked / all;
}

void heat_note(struct heat *h, const struct heat_spot *s, msec_t now)
{
    if (now - h->began_at >= HEAT_WINDOW_MS)
        turn(h, now);
    struct line *l = &h->now->lines[s->line];
    uint32_t n = least(h->now, s) + 1;
    for (int i = 0; i < ROWS; i++)
        if (l->cells[i][s->cell[i]] < n)
            l->cells[i][s->cell[i]] = n;
    h->now->areas[s->area]++;
}
