/* SPDX-License-Identifier: MIT */

/* Access logs as traces: one pass for how large each file is, one for the rows. */
#include "bench/traces/convert.h"
#include "bench/traces/log_tsv.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"

#include <string.h>

/* Bytes of each file, by the number of its path. */
static uint64_t *size_of(struct map *sizes, const uint64_t *object)
{
    struct span key = span_make(object, sizeof(*object));
    uint64_t *size = map_get(sizes, key);
    if (size == NULL) {
        size = mem_zalloc(sizeof(*size));
        map_put(sizes, key, size);
    }
    return size;
}

static void sizes_free(struct map *sizes)
{
    struct span key;
    void *size;
    for (size_t at = 0; map_next(sizes, &at, &key, &size);)
        mem_free(size);
    map_destroy(sizes);
}

/* A log being read: lines of one of the two formats. */
struct log_source {
    FILE *in;
    bool is_table;
    bool has_names; /* of the table's columns */
    struct log_tsv table;
    char line[16384];
};

static bool read_line(struct log_source *s, struct log_line *out)
{
    struct span text = {s->line, strcspn(s->line, "\r\n")};
    struct log_tsv named;
    if (!s->is_table)
        return log_line_read(text, out);
    if (log_tsv_names(text, &named)) {
        s->table = named;
        s->has_names = true;
        return false;
    }
    return s->has_names && log_tsv_read(&s->table, text, out);
}

/* The next line that is a request for content. */
static bool next_request(struct log_source *s, struct log_line *out)
{
    while (fgets(s->line, sizeof(s->line), s->in) != NULL) {
        if (read_line(s, out) && out->bytes > 0 && out->bytes < INT64_MAX / 2 &&
            out->length < INT64_MAX / 2 && out->first < INT64_MAX / 2 &&
            (out->status == 200 || (out->status == 206 && out->has_range)))
            return true;
    }
    return false;
}

static uint64_t object_of(const struct log_line *l)
{
    uint64_t parts[3] = {hash64(l->host.p, l->host.n), hash64(l->query.p, l->query.n),
                         hash64(l->path.p, l->path.n)};
    return hash64(parts, sizeof(parts));
}

static uint64_t first_of(const struct log_line *l)
{
    return l->status == 206 ? l->first : 0;
}

static struct trace_row row_of(const struct log_line *l, uint64_t object, uint64_t size)
{
    uint64_t offset = first_of(l), length = size - offset;
    if (l->length > 0 && l->length < length)
        length = l->length;
    if (l->status == 206 && l->last - l->first < length)
        length = l->last - l->first + 1;
    uint64_t client = hash64(l->client.p, l->client.n);
    return (struct trace_row){.object = object,
                              .size = size,
                              .offset = offset,
                              .length = length,
                              .taken = l->bytes < length ? l->bytes : length,
                              .client = (uint32_t)client,
                              .bytes_s = UINT32_MAX};
}

static void measure_files(struct log_source *s, struct map *sizes)
{
    struct log_line l;
    while (next_request(s, &l)) {
        uint64_t object = object_of(&l), *size = size_of(sizes, &object);
        uint64_t end = first_of(&l) + (l.length > l.bytes ? l.length : l.bytes);
        *size = end > *size ? end : *size;
    }
    rewind(s->in);
}

/* Returns the moment of the last row. */
static uint64_t write_rows(struct log_source *s, struct map *sizes, struct trace_writer *w)
{
    struct log_line l;
    int64_t began_s = -1;
    uint64_t now_us = 0;
    while (next_request(s, &l)) {
        uint64_t object = object_of(&l);
        struct trace_row row = row_of(&l, object, *size_of(sizes, &object));
        began_s = began_s < 0 ? l.time_s : began_s;
        uint64_t at_us = l.time_s > began_s ? (uint64_t)(l.time_s - began_s) * 1000000 : 0;
        now_us = at_us > now_us ? at_us : now_us;
        row.time_us = now_us;
        trace_add(w, &row);
    }
    return now_us;
}

static int convert(struct log_source *s, const char *from, const char *to)
{
    static const struct trace_head foreign = {.places = 1, .scale = 1, .kind = "foreign"};
    struct trace_writer w;
    s->in = fopen(from, "re");
    if (s->in == NULL)
        return ERR_NOT_FOUND;
    struct map *sizes = map_create();
    measure_files(s, sizes);
    int r = trace_begin(&w, to, &foreign);
    if (r == 0) {
        w.head.duration_us = write_rows(s, sizes, &w) + 1;
        r = trace_end(&w) ? 0 : ERR_IO;
    }
    sizes_free(sizes);
    fclose(s->in);
    return r;
}

int convert_from_log(const char *from, const char *to)
{
    struct log_source s = {.is_table = false};
    return convert(&s, from, to);
}

int convert_from_tsv(const char *from, const char *to)
{
    struct log_source s = {.is_table = true};
    return convert(&s, from, to);
}
