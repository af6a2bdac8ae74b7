/* SPDX-License-Identifier: MIT */

/* index_bench fill FOLDER BLOCKS EACH: a disk with that many blocks of 512 bytes, EACH to an
 * object. index_bench open FOLDER OBJECTS: opens it as an edge does at its start, and prints
 * objects, blocks, bytes of resident memory that this took, of them bytes of heads (fields and
 * texts), milliseconds until the newest object was read, and until all were known. */
#include "edge/store/store.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES  512
#define MEMORY_BYTES ((int64_t)4 << 30)
#define DISK_BYTES   ((int64_t)9 << 30)
#define QUEUE_BYTES  ((int64_t)16 << 20)

static struct store *open_store(const char *folder)
{
    struct store *st;
    struct buf why;
    struct store_disk disk = {.path = folder, .size_bytes = DISK_BYTES, .weight = 1};
    struct store_config config = {.memory_bytes = MEMORY_BYTES,
                                  .block_max_bytes = 1 << 20,
                                  .disks = &disk,
                                  .disk_count = 1,
                                  .disk_admission = STORE_ADMIT_ALL};
    buf_init(&why, 1000);
    if (store_create(&st, &config, &why) != 0) {
        fprintf(stderr, "%.*s\n", SPAN_FMT(buf_span(&why)));
        exit(1);
    }
    buf_finish(&why);
    return st;
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void fill_block(struct generation *g, int64_t index)
{
    struct block_writer w;
    int64_t first;
    CHECK(generation_claim(g, index, 1, &first) == 1 && block_write_begin(&w, g, index) == 0);
    CHECK(block_write_prepare(&w, w.room) == 0);
    memset(w.at, (int)index, w.room);
    block_write_add(&w, w.room);
}

static struct store_key key_of(long number, char text[64])
{
    int n = snprintf(text, 64, "site\nhost\n/path/%ld", number);
    return (struct store_key){span_make(text, (size_t)n), hash128(text, (size_t)n, 0)};
}

static void add_object(struct store *st, long number, int64_t blocks)
{
    static const struct freshness fresh = {.lifetime_ms = 60000};
    char text[64];
    struct field v[4] = {
        {.name = SPAN("Content-Type"), .value = SPAN("text/plain"), .id = FIELD_CONTENT_TYPE},
        {.name = SPAN("ETag"), .value = SPAN("\"5f8a-60b1c3d2\""), .id = FIELD_ETAG},
        {.name = SPAN("Cache-Control"), .value = SPAN("max-age=60"), .id = FIELD_CACHE_CONTROL},
        {.name = SPAN("Date"), .value = SPAN("Sun, 06 Nov 1994 08:49:37 GMT"), .id = FIELD_DATE}};
    struct fields fs = {.v = v, .count = 4, .room = 4};
    struct object_spec spec = {.key = key_of(number, text),
                               .site = SPAN("site"),
                               .vary_names = SPAN(""),
                               .vary_values = SPAN(""),
                               .status = 200,
                               .fields = &fs,
                               .freshness = &fresh,
                               .validators = {.last_modified = -1},
                               .generation =
                                   generation_create(st, blocks * BLOCK_BYTES, BLOCK_BYTES)};
    struct object *o = object_create(st, &spec);
    CHECK(o != NULL && store_insert(st, o, store_moment(st)) == 0);
    for (int64_t i = 0; i < blocks; i++)
        fill_block(spec.generation, i);
    object_unref(&o);
    generation_unref(&spec.generation);
}

static void fill(const char *folder, long blocks, long each)
{
    struct store *st = open_store(folder);
    struct store_disk_usage u;
    for (long i = 0; i < blocks / each; i++) {
        add_object(st, i, each);
        while (store_disk_usage(st, 0, &u) && u.queued_bytes > QUEUE_BYTES)
            usleep(1000);
    }
    store_destroy(&st);
}

static void count_head(void *ctx, const struct object *o)
{
    long *bytes = ctx;
    *bytes += (long)(object_weight(o) - sizeof(*o));
}

/* Its first block comes from the disk. */
static void read_object(struct store *st, long number)
{
    char text[64];
    struct store_key key = key_of(number, text);
    struct object *o = NULL;
    struct block_view v;
    while ((o = store_peek(st, &key, NULL, NULL)) == NULL)
        usleep(1000);
    while (generation_view(o->generation, 0, &v) != 1)
        usleep(100);
    block_view_release(&v);
    object_unref(&o);
}

static void show(const char *folder, long objects)
{
    struct store_usage u;
    long before = resident_bytes(), heads = 0;
    uint64_t at = 0;
    nsec_t began = clock_mono_ns();
    struct store *st = open_store(folder);
    if (objects > 0)
        read_object(st, objects - 1);
    double first_ms = (double)(clock_mono_ns() - began) / 1e6;
    CHECK(store_wait_open(st, INT64_C(600000)));
    double took_ms = (double)(clock_mono_ns() - began) / 1e6;
    long after = resident_bytes();
    store_usage(st, &u);
    while (store_walk(st, &at, count_head, &heads)) {
    }
    printf("%llu %lld %ld %ld %.0f %.0f\n", (unsigned long long)u.objects, (long long)u.disk_blocks,
           after - before, heads, first_ms, took_ms);
    store_destroy(&st);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "fill") == 0)
        fill(argv[2], strtol(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "open") == 0)
        show(argv[2], strtol(argv[3], NULL, 10));
    else
        return 2;
    return 0;
}
