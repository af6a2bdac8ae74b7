/* SPDX-License-Identifier: MIT
 *
 * bill: five-minute samples and a price file into what each tariff charges for a month.
 *
 *   bill PRICES SAMPLES.csv FACTOR
 *
 * SAMPLES: a line of names, then lines of numbers: seconds, then columns of bytes in five minutes.
 * FACTOR: real bytes for one of these. Printed: a line of JSON for each column and tariff. The
 * arithmetic is the control plane's own. */
#include "control/billing/percentile.h"
#include "control/control_prices.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_S    300
#define MONTH_S     (30 * 86400)
#define COLUMNS_MAX 8
#define ROWS_MAX    (366 * 288)

struct table {
    char names[COLUMNS_MAX][32];
    size_t columns, rows;
    uint64_t *v[COLUMNS_MAX]; /* [ROWS_MAX] each */
};

static void read_names(struct table *t, char *line)
{
    struct span rest = span_of(line);
    rest.n = strcspn(line, "\r\n");
    (void)span_cut(rest, ',', &rest); /* seconds */
    while (rest.n > 0 && t->columns < COLUMNS_MAX) {
        struct span name = span_cut(rest, ',', &rest);
        snprintf(t->names[t->columns], sizeof(t->names[0]), "%.*s", SPAN_FMT(name));
        t->v[t->columns++] = mem_zarray(ROWS_MAX, sizeof(uint64_t));
    }
}

static void read_row(struct table *t, const char *line, double factor)
{
    struct span rest = span_of(line);
    rest.n = strcspn(line, "\r\n");
    (void)span_cut(rest, ',', &rest);
    for (size_t i = 0; i < t->columns; i++) {
        uint64_t bytes;
        if (!span_u64(span_cut(rest, ',', &rest), &bytes))
            errx(1, "line %zu: %s", t->rows + 2, line);
        t->v[i][t->rows] = (uint64_t)((double)bytes * factor);
    }
    t->rows++;
}

static void read_table(struct table *t, const char *path, double factor)
{
    char line[1024];
    FILE *in = fopen(path, "re");
    if (in == NULL || fgets(line, sizeof(line), in) == NULL)
        err(1, "%s", path);
    read_names(t, line);
    while (t->rows < ROWS_MAX && fgets(line, sizeof(line), in) != NULL)
        read_row(t, line, factor);
    fclose(in);
    if (t->rows == 0)
        errx(1, "%s: no samples", path);
}

/* A month that goes on as these samples did. */
static void print_column(struct table *t, size_t column, const struct price *price)
{
    uint64_t sum = 0, *v = t->v[column];
    for (size_t i = 0; i < t->rows; i++)
        sum += v[i];
    double month = (double)sum * MONTH_S / ((double)t->rows * SAMPLE_S);
    uint64_t p95 = percentile_95(v, t->rows) / SAMPLE_S;
    for (size_t i = 0; i + 1 < price->count; i++) { /* the last: nodes that no tariff names */
        struct tariff_cost c = tariff_cost_of(&price->tariffs[i], (uint64_t)month, p95);
        printf("{\"column\":\"%s\",\"tariff\":\"%.*s\",\"bytes\":%.0f,\"p95_bytes_per_s\":%llu,"
               "\"cost\":%.2f,\"currency\":\"%s\"}\n",
               t->names[column], SPAN_FMT(price->tariffs[i].name), month, (unsigned long long)p95,
               tariff_sum(&c), price->currency);
    }
}

int main(int argc, char **argv)
{
    struct table t = {0};
    struct price price;
    struct arena mem;
    struct buf why;
    if (argc != 4)
        errx(2, "usage: bill PRICES SAMPLES.csv FACTOR");
    buf_init(&why, 4096);
    arena_init(&mem, 16 << 20);
    if (control_prices_file(argv[1], &price, &mem, &why) != 0)
        errx(1, "%.*s", SPAN_FMT(buf_span(&why)));
    read_table(&t, argv[2], strtod(argv[3], NULL));
    for (size_t i = 0; i < t.columns; i++) {
        print_column(&t, i, &price);
        mem_free(t.v[i]);
    }
    buf_finish(&why);
    arena_finish(&mem);
    return 0;
}
