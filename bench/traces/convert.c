/* SPDX-License-Identifier: MIT */

/* Formats that others read and write. */
#include "bench/traces/convert.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Where each id stands last, so that the request before can be told its next one. */
struct last_seen {
    uint64_t *ids;
    int64_t *at;
    uint64_t mask;
};

static int64_t *last_of(struct last_seen *l, uint64_t id)
{
    uint64_t i = id & l->mask;
    id += id == 0; /* 0: a free slot */
    while (l->ids[i] != 0 && l->ids[i] != id)
        i = (i + 1) & l->mask;
    if (l->ids[i] == 0)
        l->at[i] = -1;
    l->ids[i] = id;
    return &l->at[i];
}

static void link_next(struct oracle_row *rows, int64_t count)
{
    struct last_seen l = {.mask = 1023};
    while ((int64_t)l.mask < 2 * count)
        l.mask = l.mask * 2 + 1;
    l.ids = mem_zarray(l.mask + 1, sizeof(*l.ids));
    l.at = mem_zarray(l.mask + 1, sizeof(*l.at));
    for (int64_t i = 0; i < count; i++) {
        int64_t *last = last_of(&l, rows[i].object);
        if (*last >= 0)
            rows[*last].next = i;
        rows[i].next = -1;
        *last = i;
    }
    mem_free(l.ids);
    mem_free(l.at);
}

static int64_t touches(const struct trace *t, uint64_t block)
{
    int64_t count = 0;
    for (uint64_t i = 0; i < t->head->rows; i++)
        count += (int64_t)(trace_touch_end(&t->rows[i], block) - t->rows[i].offset / block);
    return count;
}

int convert_to_oracle(const struct trace *t, uint64_t block, const char *path)
{
    int64_t count = touches(t, block), n = 0;
    struct oracle_row *rows = mem_zarray((size_t)count + 1, sizeof(*rows));
    for (uint64_t i = 0; i < t->head->rows; i++) {
        const struct trace_row *r = &t->rows[i];
        for (uint64_t b = r->offset / block; b < trace_touch_end(r, block); b++)
            rows[n++] = (struct oracle_row){.time_s = (uint32_t)(r->time_us / 1000000),
                                            .object = trace_block_id(r, b),
                                            .bytes = (uint32_t)trace_block_bytes(r, b, block)};
    }
    link_next(rows, count);
    FILE *out = fopen(path, "wbe");
    bool is_good = out != NULL && fwrite(rows, sizeof(*rows), (size_t)n, out) == (size_t)n;
    is_good = out != NULL && fclose(out) == 0 && is_good;
    mem_free(rows);
    return is_good ? 0 : ERR_IO;
}

int convert_to_csv(const struct trace *t, FILE *out)
{
    fputs("time_us,place,site,client,object,version,size,offset,length,taken,bytes_s\n", out);
    for (uint64_t i = 0; i < t->head->rows; i++) {
        const struct trace_row *r = &t->rows[i];
        fprintf(out, "%llu,%u,%u,%u,%llu,%u,%llu,%llu,%llu,%llu,%u\n",
                (unsigned long long)r->time_us, r->place, r->site, r->client,
                (unsigned long long)r->object, r->version, (unsigned long long)r->size,
                (unsigned long long)r->offset, (unsigned long long)r->length,
                (unsigned long long)r->taken, r->bytes_s);
    }
    return ferror(out) ? ERR_IO : 0;
}

static struct trace_row whole_object(uint64_t time_us, uint64_t object, uint64_t bytes)
{
    bytes += bytes == 0; /* some traces have empty objects: nothing here asks for nothing */
    return (struct trace_row){.time_us = time_us,
                              .object = object,
                              .size = bytes,
                              .length = bytes,
                              .taken = bytes,
                              .bytes_s = UINT32_MAX};
}

static int finish(struct trace_writer *w, uint64_t last_us)
{
    w->head.duration_us = last_us + 1;
    return trace_end(w) ? 0 : ERR_IO;
}

static const struct trace_head foreign = {.places = 1, .scale = 1, .kind = "foreign"};

int convert_from_oracle(const char *from, const char *to)
{
    struct trace_writer w;
    struct oracle_row o;
    uint64_t last_us = 0;
    FILE *in = fopen(from, "rbe");
    if (in == NULL)
        return ERR_NOT_FOUND;
    int r = trace_begin(&w, to, &foreign);
    while (r == 0 && fread(&o, sizeof(o), 1, in) == 1) {
        last_us = (uint64_t)o.time_s * 1000000;
        struct trace_row row = whole_object(last_us, o.object, o.bytes);
        trace_add(&w, &row);
    }
    fclose(in);
    return r == 0 ? finish(&w, last_us) : r;
}

/* "time,object,bytes[,...]". false: it is not one (as the line of names). */
static bool read_line(const char *line, struct trace_row *out)
{
    char *end;
    double seconds = strtod(line, &end);
    const char *object = end + 1;
    const char *comma = *end == ',' ? strchr(object, ',') : NULL;
    if (end == line || comma == NULL)
        return false;
    uint64_t id = strtoull(object, &end, 10);
    if (end != comma)
        id = hash64(object, (size_t)(comma - object));
    uint64_t bytes = strtoull(comma + 1, &end, 10);
    if (end == comma + 1)
        return false;
    *out = whole_object((uint64_t)(seconds * 1e6), id, bytes);
    return true;
}

int convert_from_csv(const char *from, const char *to)
{
    struct trace_writer w;
    struct trace_row row = {0};
    char line[4096];
    FILE *in = fopen(from, "re");
    if (in == NULL)
        return ERR_NOT_FOUND;
    int r = trace_begin(&w, to, &foreign);
    while (r == 0 && fgets(line, sizeof(line), in) != NULL) {
        if (read_line(line, &row))
            trace_add(&w, &row);
    }
    fclose(in);
    return r == 0 ? finish(&w, row.time_us) : r;
}

int convert_sample(const struct trace *t, double part, const char *path)
{
    struct trace_writer w;
    uint64_t below = part < 1 ? (uint64_t)(part * 0x1p64) : UINT64_MAX;
    int r = trace_begin(&w, path, t->head);
    if (r != 0)
        return r;
    for (uint64_t i = 0; i < t->head->rows; i++) {
        if (hash64(&t->rows[i].object, sizeof(t->rows[i].object)) <= below)
            trace_add(&w, &t->rows[i]);
    }
    return trace_end(&w) ? 0 : ERR_IO;
}
