/* SPDX-License-Identifier: MIT */

/* byeori_sim: plays traces against the edge's store and against other caches of the same bytes, and
 * prints a line of JSON for each cell (trace, share, cache) as it ends, and one for all. A trace is
 * loaded once; its cells are processes, as many at a time as there are jobs. run.py makes a table
 * of the lines. */
#include "bench/sim/cache.h"
#include "bench/sim/edge_cache.h"
#include "bench/sim/jobs.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHARES_MOST 16

struct options {
    const char *only;
    double share; /* of the working set: the cache's bytes */
    double bytes; /* in place of the share; 0: unset */
    double ahead_bytes;
    double memory_share; /* of the cache's bytes: memory; 1: no disk */
    struct workload_spec work;
    /* the cells */
    char *const *traces;
    int traces_count, shares_count;
    double shares[SHARES_MOST];
    struct jobs jobs;
};

/* What all cells have played. */
struct played {
    uint64_t cells, rows, touches;
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static int64_t cache_bytes(const struct options *o, const struct workload *w)
{
    return (int64_t)(o->bytes > 0 ? o->bytes : o->share * (double)w->bytes);
}

static bool is_wanted(const struct options *o, const char *name)
{
    return o->only == NULL || strstr(o->only, name) != NULL;
}

struct outcome {
    const char *name;
    int64_t cache_bytes;
    double object_miss, byte_miss, fetched, disk_written, disk_read, carried;
    double block_bytes, object_bytes;
    double ns, requests_s;
};

static void print(const struct options *o, const struct outcome *r)
{
    printf("{\"trace\":\"%s\",\"share\":%g,\"cache\":\"%s\",\"cache_bytes\":%lld,"
           "\"object_miss\":%.5f,\"byte_miss\":%.5f,\"fetched\":%.5f,\"disk_written\":%.5f,"
           "\"disk_read\":%.5f,\"carried\":%.5f,\"block_bytes\":%.1f,\"object_bytes\":%.1f,\"ns\":%"
           ".1f,\"requests_s\":"
           "%.0f}\n",
           o->work.path, o->share, r->name, (long long)r->cache_bytes, r->object_miss, r->byte_miss,
           r->fetched, r->disk_written, r->disk_read, r->carried, r->block_bytes, r->object_bytes,
           r->ns, r->requests_s);
    fflush(stdout);
}

static void run_other(const struct options *o, const struct workload *w,
                      const struct cache_ops *ops)
{
    struct cache_spec spec = {.workload = w, .bytes = cache_bytes(o, w)};
    void *cache = ops->create(&spec);
    uint64_t wanted = 0, missed = 0, misses = 0, written_all = 0, fetched = 0;
    double began = cpu_s();
    for (uint64_t i = 0; i < w->touch_count; i++) {
        const struct touch *t = &w->touches[i];
        uint64_t written = 0;
        bool is_hit = ops->touch(cache, t, i, &written);
        if (i < w->warm_touches)
            continue;
        wanted += t->wanted;
        missed += is_hit ? 0 : t->wanted;
        fetched += is_hit ? 0 : t->bytes;
        misses += !is_hit;
        written_all += written;
    }
    double took = cpu_s() - began, bytes = (double)wanted;
    ops->destroy(cache);
    struct outcome r = {.name = ops->name,
                        .cache_bytes = spec.bytes,
                        .object_miss = (double)misses / (double)(w->touch_count - w->warm_touches),
                        .byte_miss = (double)missed / bytes,
                        .fetched = (double)fetched / bytes,
                        .disk_written = (double)written_all / bytes,
                        .block_bytes = (double)ops->block_bytes,
                        .ns = took * 1e9 / (double)w->touch_count,
                        .requests_s = (double)w->trace.head->rows / took};
    print(o, &r);
}

static void run_edge(const struct options *o, const struct workload *w, const char *policy)
{
    const struct trace_head *head = w->trace.head;
    int64_t bytes = cache_bytes(o, w);
    struct edge_cache_spec spec = {.policy = policy,
                                   .memory_bytes = (int64_t)((double)bytes * o->memory_share),
                                   .block_bytes = (int64_t)w->block_bytes,
                                   .ahead_bytes = (int64_t)o->ahead_bytes};
    spec.disk_bytes = o->memory_share < 1 ? bytes - spec.memory_bytes : 0;
    struct edge_cache *c = edge_cache_create(&spec);
    struct edge_counts warm = {0};
    double began = cpu_s();
    for (uint64_t i = 0; i < head->rows; i++) {
        if (i == w->warm_rows)
            warm = edge_cache_counts(c);
        if (o->work.place < 0 || w->rows[i].place == o->work.place)
            edge_cache_row(c, &w->rows[i]);
    }
    double took = cpu_s() - began;
    struct edge_counts n = edge_cache_counts(c);
    struct edge_weight weight = edge_cache_weight(c);
    double wanted = (double)(n.wanted_bytes - warm.wanted_bytes);
    uint64_t written =
        n.disk_kept_bytes + n.disk_moved_bytes - warm.disk_kept_bytes - warm.disk_moved_bytes;
    char name[64];
    snprintf(name, sizeof(name), "byeori %s", policy);
    struct outcome r = {.name = name,
                        .cache_bytes = bytes,
                        .object_miss =
                            (double)(n.row_misses - warm.row_misses) / (double)(n.rows - warm.rows),
                        .byte_miss = (double)(n.missed_bytes - warm.missed_bytes) / wanted,
                        .fetched = (double)(n.fetched_bytes - warm.fetched_bytes) / wanted,
                        .disk_written = (double)written / wanted,
                        .disk_read = (double)(n.disk_read_bytes - warm.disk_read_bytes) / wanted,
                        .carried = (double)(n.carried_bytes - warm.carried_bytes) / wanted,
                        .block_bytes = (double)weight.block_bytes / (double)(weight.blocks + 1),
                        .object_bytes = (double)weight.object_bytes / (double)(weight.objects + 1),
                        .ns = took * 1e9 / (double)w->touch_count,
                        .requests_s = (double)n.rows / took};
    print(o, &r); /* what the cache has goes with its process */
}

static int usage(void)
{
    fputs(
        "byeori_sim TRACE.. [--share 0.05,..] [--bytes B] [--memory 0.1] [--place N]\n"
        "           [--only NAME,NAME] [--block 1048576] [--byte-factor 1] [--ahead 0] [--jobs 1]\n"
        "  --bytes: of the cache, in place of the share; --memory 1: no disk\n",
        stderr);
    return 2;
}

static bool read_shares(struct options *o, const char *text)
{
    char *end = NULL;
    for (o->shares_count = 0; o->shares_count < SHARES_MOST; text = end + 1) {
        o->shares[o->shares_count++] = strtod(text, &end);
        if (end == text || *end != ',')
            break;
    }
    return end != text && *end == '\0';
}

static bool read_option(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--share") == 0)
        return read_shares(o, value);
    if (strcmp(name, "--bytes") == 0)
        o->bytes = strtod(value, NULL);
    else if (strcmp(name, "--memory") == 0)
        o->memory_share = strtod(value, NULL);
    else if (strcmp(name, "--ahead") == 0)
        o->ahead_bytes = strtod(value, NULL);
    else if (strcmp(name, "--place") == 0)
        o->work.place = (int)strtol(value, NULL, 10);
    else if (strcmp(name, "--block") == 0)
        o->work.block_bytes = strtoul(value, NULL, 10);
    else if (strcmp(name, "--byte-factor") == 0)
        o->work.byte_factor = strtoul(value, NULL, 10);
    else if (strcmp(name, "--only") == 0)
        o->only = value;
    else if (strcmp(name, "--jobs") == 0)
        o->jobs.most = (int)strtol(value, NULL, 10);
    else
        return false;
    return true;
}

static bool read_options(struct options *o, int argc, char **argv)
{
    int i = 1;
    o->traces = argv + 1;
    while (i < argc && strncmp(argv[i], "--", 2) != 0)
        i++;
    o->traces_count = i - 1;
    for (; i + 1 < argc; i += 2) {
        if (!read_option(o, argv[i], argv[i + 1]))
            return false;
    }
    return i == argc && o->traces_count > 0 && o->work.block_bytes > 0 && o->work.byte_factor > 0 &&
           o->jobs.most > 0;
}

/* The slow ones first: what is quick fills up the end. */
static void play_share(struct options *o, const struct workload *w, struct played *sum)
{
    static const char *const policies[] = {"s3-fifo", "learned", "lru", "clock"};
    size_t count = ARRAY_LEN(policies) + caches_count;
    for (size_t i = 0; i < count; i++) {
        bool is_edge = i < ARRAY_LEN(policies);
        size_t other = i - ARRAY_LEN(policies);
        if (!is_wanted(o, is_edge ? policies[i] : caches[other]->name))
            continue;
        sum->cells++;
        sum->rows += w->trace.head->rows;
        sum->touches += w->touch_count;
        if (!jobs_fork(&o->jobs))
            continue;
        trace_expect(&w->trace);
        if (is_edge)
            run_edge(o, w, policies[i]);
        else
            run_other(o, w, caches[other]);
        _exit(0);
    }
}

static bool play_trace(struct options *o, struct played *sum)
{
    struct workload w;
    int r = workload_load(&w, &o->work);
    if (r != 0) {
        fprintf(stderr, "byeori_sim: %s: %s\n", o->work.path, err_text(r));
        return false;
    }
    for (int i = 0; i < o->shares_count; i++) {
        o->share = o->shares[i];
        play_share(o, &w, sum);
    }
    workload_free(&w);
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.shares = {0.05},
                        .shares_count = 1,
                        .memory_share = 0.1,
                        .work = {.place = -1, .block_bytes = SIM_BLOCK_BYTES, .byte_factor = 1},
                        .jobs = {.most = 1}};
    struct played sum = {0};
    bool is_well = true;
    if (!read_options(&o, argc, argv))
        return usage();
    double began = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < o.traces_count && is_well; i++) {
        o.work.path = o.traces[i];
        is_well = play_trace(&o, &sum);
    }
    is_well = jobs_wait(&o.jobs) && is_well;
    double took = seconds(CLOCK_MONOTONIC) - began;
    printf("{\"cells\":%llu,\"jobs\":%d,\"seconds\":%.3f,\"requests_s\":%.0f,"
           "\"decisions_s\":%.0f}\n",
           (unsigned long long)sum.cells, o.jobs.most, took, (double)sum.rows / took,
           (double)sum.touches / took);
    return is_well ? 0 : 1;
}
