/* SPDX-License-Identifier: MIT */

/* byeori_network: plays a trace of many places against a whole network: each request goes where the
 * routing code sends its client, through that edge's store, then the shield's, then the origin.
 * Prints what came from where, how evenly the edges of a place share its work, and what the 95th
 * percentile of the origin costs. bench/README.md tells how to read it. */
#include "bench/sim/edge_cache.h"
#include "bench/sim/explain.h"
#include "bench/sim/workload.h"

#include "bench/traces/convert.h"
#include "control/billing/percentile.h"
#include "control/route/decide.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE_US  (300 * 1000000ull)
#define HOUR_US    (3600 * 1000000ull)
#define JITTER_DEG 0.2 /* users live around their town's middle */
#define EDGE_MIN   ((int64_t)4 << 20)

struct options {
    const char *trace, *samples;     /* samples: a file to be written, or NULL */
    const char *policy;              /* of eviction */
    double edge_bytes, shield_bytes; /* in place of the shares; 0: unset */
    uint32_t places, edges;
    double edge_share, shield_share; /* of the bytes that the trace touches */
    double won_per_gbps;             /* a month */
    bool is_explained;               /* what its misses are made of, too */
};

struct network {
    struct options options;
    struct workload work;
    struct picture *picture;
    struct heat *heat;
    struct edge_cache **edges, *shield;
    uint64_t *sent;        /* [edges]: bytes in the hour at hand */
    uint64_t *to_clients;  /* [samples] */
    uint64_t *from_above;  /* [samples]: what edges had not, from the shield or the origin */
    uint64_t *from_origin; /* [samples] */
    size_t samples;
    double skew_sum; /* over places and hours: busiest edge over the mean, by bytes */
    double skew_bytes, skew_worst;
    uint64_t away; /* bytes that edges of another place sent */
    uint64_t edge_missed, wanted;
    uint64_t touch;   /* of the workload: the one at hand */
    uint16_t *asked;  /* [touches]: number of the edge */
    uint8_t *sources; /* [touches]: SENT_BY_... */
};

static void place_of(uint32_t number, double *lat, double *lon)
{
    *lat = -60 + 120 * (number % 10) / 9.0;
    *lon = -175 + 350 * (number / 10 % 10) / 9.0;
}

static void add_edges(struct network *n)
{
    struct picture *p = picture_create(n->options.edges);
    for (uint32_t i = 0; i < n->options.edges; i++) {
        struct picture_node *node = &p->nodes[p->node_count++];
        struct span id = arena_printf(&p->mem, "e%u", i);
        double lat, lon;
        place_of(i % n->options.places, &lat, &lon);
        *node = (struct picture_node){.spec = {.id = id,
                                               .http_url = SPAN("http://e.example"),
                                               .country = SPAN("KR"),
                                               .lat = lat,
                                               .lon = lon,
                                               .has_point = true,
                                               .weight = 1,
                                               .price_class = 1},
                                      .health = HEALTH_UP,
                                      .spare = 1,
                                      .hash = hash64(id.p, id.n)};
        map_put(p->node_by_id, id, node);
    }
    picture_seal(p);
    n->picture = p;
    n->heat = heat_create();
}

static int64_t bytes_of(const struct network *n, double bytes, double share)
{
    int64_t b = (int64_t)(bytes > 0 ? bytes : share * (double)n->work.bytes);
    return b > EDGE_MIN ? b : EDGE_MIN;
}

static int64_t edge_bytes(const struct network *n)
{
    return bytes_of(n, n->options.edge_bytes, n->options.edge_share);
}

static int64_t shield_bytes(const struct network *n)
{
    return bytes_of(n, n->options.shield_bytes, n->options.shield_share);
}

static struct edge_cache *cache_of(const struct network *n, int64_t bytes)
{
    struct edge_cache_spec spec = {.policy = n->options.policy,
                                   .memory_bytes = bytes,
                                   .block_bytes = (int64_t)SIM_BLOCK_BYTES};
    return edge_cache_create(&spec);
}

/* The number of the edge that this client is sent to. */
static uint32_t route(struct network *n, const struct trace_row *r)
{
    static const struct decide_rules rules = {.near_km = 50, .vague_km = 500};
    uint64_t mixed = hash64(&r->client, sizeof(r->client));
    struct sockaddr_in client = {.sin_family = AF_INET, .sin_addr.s_addr = (uint32_t)mixed};
    struct place place = {.is_found = true, .has_point = true, .country = "KR"};
    struct decide_verdict v;
    place_of(r->place, &place.lat, &place.lon);
    place.lat += JITTER_DEG * ((double)(mixed >> 32 & 0xff) / 255 - 0.5);
    place.lon += JITTER_DEG * ((double)(mixed >> 40 & 0xff) / 255 - 0.5);
    place.at = geo_point(place.lat, place.lon);
    struct decide_question q = {.client = (const struct sockaddr *)&client,
                                .place = &place,
                                .key_hash = hash64(&r->object, sizeof(r->object)),
                                .heat = n->heat,
                                .wanted = 1};
    decide(n->picture, &rules, &q, &v);
    CHECK(v.count == 1);
    heat_note(n->heat, &v.spot, (msec_t)(r->time_us / 1000));
    return (uint32_t)(v.v[0].node - n->picture->nodes);
}

/* Whether the cache has what the row wants, which is of one block; from now on it has. */
static bool has(struct edge_cache *c, const struct trace_row *r)
{
    uint64_t before = edge_cache_counts(c).missed_bytes;
    edge_cache_row(c, r);
    return edge_cache_counts(c).missed_bytes == before;
}

static void end_hour(struct network *n)
{
    uint32_t places = n->options.places, each = n->options.edges / places;
    for (uint32_t p = 0; p < places; p++) {
        uint64_t sum = 0, most = 0;
        for (uint32_t e = p; e < n->options.edges; e += places) {
            sum += n->sent[e];
            most = n->sent[e] > most ? n->sent[e] : most;
        }
        double skew = sum > 0 ? (double)most * each / (double)sum : 0;
        n->skew_sum += skew * (double)sum;
        n->skew_bytes += (double)sum;
        n->skew_worst = skew > n->skew_worst ? skew : n->skew_worst;
    }
    memset(n->sent, 0, n->options.edges * sizeof(*n->sent));
}

/* What the row wants of one block. */
static struct trace_row block_of(const struct trace_row *r, uint64_t block)
{
    struct trace_row b = *r;
    uint64_t from = block * SIM_BLOCK_BYTES, to = from + SIM_BLOCK_BYTES,
             end = r->offset + r->taken;
    b.offset = r->offset > from ? r->offset : from;
    b.taken = (end < to ? end : to) - b.offset;
    return b;
}

static void count(struct network *n, const struct trace_row *r, uint32_t edge, int source)
{
    size_t sample = r->time_us / SAMPLE_US;
    n->to_clients[sample] += r->taken;
    n->from_above[sample] += source != SENT_BY_EDGE ? r->taken : 0;
    n->from_origin[sample] += source == SENT_BY_ORIGIN ? r->taken : 0;
    n->edge_missed += source != SENT_BY_EDGE ? r->taken : 0;
    n->sent[edge] += r->taken;
    n->away += edge % n->options.places != r->place ? r->taken : 0;
    n->wanted += r->taken;
}

/* Block by block: an edge asks above only for those that it lacks. */
static void play_row(struct network *n, const struct trace_row *r, bool is_counted)
{
    uint32_t edge = route(n, r);
    uint64_t end = trace_touch_end(r, SIM_BLOCK_BYTES);
    for (uint64_t block = r->offset / SIM_BLOCK_BYTES; block < end; block++) {
        struct trace_row b = block_of(r, block);
        int source = has(n->edges[edge], &b) ? SENT_BY_EDGE
                     : has(n->shield, &b)    ? SENT_BY_SHIELD
                                             : SENT_BY_ORIGIN;
        n->asked[n->touch] = (uint16_t)edge;
        n->sources[n->touch++] = (uint8_t)source;
        if (is_counted)
            count(n, &b, edge, source);
    }
}

static void play(struct network *n)
{
    const struct trace *t = &n->work.trace;
    uint64_t hour = 0;
    for (uint64_t i = 0; i < t->head->rows; i++) {
        const struct trace_row *r = &t->rows[i];
        if (r->time_us / HOUR_US != hour)
            end_hour(n);
        hour = r->time_us / HOUR_US;
        play_row(n, r, i >= n->work.warm_rows);
    }
    end_hour(n);
}

static uint64_t sum_of(const uint64_t *v, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += v[i];
    return sum;
}

static double gbit_s(const struct network *n, uint64_t bytes_a_sample)
{
    return (double)bytes_a_sample * 8 * n->work.trace.head->scale * 1e6 / (double)SAMPLE_US / 1e9;
}

/* Whole samples after the warm-up, in bytes of the trace. */
static void write_samples(const struct network *n, size_t first)
{
    FILE *out = fopen(n->options.samples, "we");
    if (out == NULL) {
        perror(n->options.samples);
        exit(1);
    }
    fputs("time_s,demand,above,origin\n", out);
    for (size_t i = first + 1; i + 1 < n->samples; i++)
        fprintf(out, "%llu,%llu,%llu,%llu\n", (unsigned long long)(i * SAMPLE_US / 1000000),
                (unsigned long long)n->to_clients[i], (unsigned long long)n->from_above[i],
                (unsigned long long)n->from_origin[i]);
    if (fclose(out) != 0) {
        perror(n->options.samples);
        exit(1);
    }
}

static void report_reasons(const struct network *n)
{
    struct explain_run run = {.work = &n->work,
                              .edges = n->asked,
                              .sources = n->sources,
                              .edge_count = n->options.edges,
                              .edge_bytes = edge_bytes(n),
                              .shield_bytes = shield_bytes(n)};
    struct explanation e;
    double wanted = (double)n->wanted;
    explain(&run, &e);
    printf(",\"edge_first\":%.4f,\"edge_again\":%.4f,\"origin_first\":%.4f,"
           "\"origin_again\":%.4f,\"belady_shield\":%.4f,\"belady_both\":%.4f",
           (double)e.edge_first / wanted, (double)e.edge_again / wanted,
           (double)e.origin_first / wanted, (double)e.origin_again / wanted,
           (double)e.belady_shield / wanted, (double)e.belady_both / wanted);
}

static void report(struct network *n, double took_s)
{
    size_t first = n->work.trace.rows[n->work.warm_rows].time_us / SAMPLE_US;
    if (n->options.samples != NULL)
        write_samples(n, first);
    size_t count = n->samples - first;
    uint64_t origin = sum_of(n->from_origin, n->samples);
    double asked = gbit_s(n, percentile_95(n->to_clients + first, count));
    double sent = gbit_s(n, percentile_95(n->from_origin + first, count));
    double wanted = (double)n->wanted;
    printf("{\"places\":%u,\"edges\":%u,\"edge_share\":%g,\"shield_share\":%g,"
           "\"from_edge\":%.4f,\"from_shield\":%.4f,\"from_origin\":%.4f,\"other_place\":%.4f,"
           "\"skew_mean\":%.3f,\"skew_worst\":%.3f,\"asked_gbps_95\":%.3f,\"origin_gbps_95\":%.3f,"
           "\"won_without\":%.0f,\"won_with\":%.0f,\"requests_s\":%.0f",
           n->options.places, n->options.edges, n->options.edge_share, n->options.shield_share,
           1 - (double)n->edge_missed / wanted, (double)(n->edge_missed - origin) / wanted,
           (double)origin / wanted, (double)n->away / wanted, n->skew_sum / n->skew_bytes,
           n->skew_worst, asked, sent, asked * n->options.won_per_gbps,
           sent * n->options.won_per_gbps, (double)n->work.trace.head->rows / took_s);
    if (n->options.is_explained)
        report_reasons(n);
    puts("}");
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(struct network *n)
{
    uint32_t edges = n->options.edges;
    n->samples = n->work.trace.head->duration_us / SAMPLE_US + 1;
    n->sent = mem_zarray(edges, sizeof(*n->sent));
    n->to_clients = mem_zarray(n->samples, sizeof(*n->to_clients));
    n->from_above = mem_zarray(n->samples, sizeof(*n->from_above));
    n->from_origin = mem_zarray(n->samples, sizeof(*n->from_origin));
    n->asked = mem_zarray(n->work.touch_count, sizeof(*n->asked));
    n->sources = mem_zarray(n->work.touch_count, sizeof(*n->sources));
    n->edges = mem_zarray(edges, sizeof(struct edge_cache *));
    add_edges(n);
    for (uint32_t i = 0; i < edges; i++)
        n->edges[i] = cache_of(n, edge_bytes(n));
    n->shield = cache_of(n, shield_bytes(n));
    double began = cpu_s();
    play(n);
    report(n, cpu_s() - began);
    for (uint32_t i = 0; i < edges; i++)
        edge_cache_destroy(&n->edges[i]);
    edge_cache_destroy(&n->shield);
    picture_unref(&n->picture);
    heat_destroy(&n->heat);
    mem_free(n->edges);
    mem_free(n->sent);
    mem_free(n->asked);
    mem_free(n->sources);
    mem_free(n->to_clients);
    mem_free(n->from_above);
    mem_free(n->from_origin);
}

static int usage(void)
{
    fputs("byeori_network TRACE [--places 100] [--edges 1000] [--edge-share 0.01]\n"
          "               [--shield-share 0.2] [--won 10000000]\n"
          "               [--edge-bytes B] [--shield-bytes B] [--samples FILE.csv]\n"
          "               [--explain yes] [--policy s3-fifo]\n",
          stderr);
    return 2;
}

static bool take_option(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--places") == 0)
        o->places = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "--edges") == 0)
        o->edges = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "--edge-share") == 0)
        o->edge_share = strtod(value, NULL);
    else if (strcmp(name, "--shield-share") == 0)
        o->shield_share = strtod(value, NULL);
    else if (strcmp(name, "--edge-bytes") == 0)
        o->edge_bytes = strtod(value, NULL);
    else if (strcmp(name, "--shield-bytes") == 0)
        o->shield_bytes = strtod(value, NULL);
    else if (strcmp(name, "--samples") == 0)
        o->samples = value;
    else if (strcmp(name, "--explain") == 0)
        o->is_explained = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--policy") == 0)
        o->policy = value;
    else if (strcmp(name, "--won") == 0)
        o->won_per_gbps = strtod(value, NULL);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct network n = {.options = {.policy = "s3-fifo",
                                    .places = 100,
                                    .edges = 1000,
                                    .edge_share = 0.01,
                                    .shield_share = 0.2,
                                    .won_per_gbps = 1e7}};
    if (argc < 2 || argc % 2 != 0)
        return usage();
    n.options.trace = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        if (!take_option(&n.options, argv[i], argv[i + 1]))
            return usage();
    }
    struct workload_spec spec = {
        .path = n.options.trace, .place = -1, .block_bytes = SIM_BLOCK_BYTES};
    int r = workload_load(&n.work, &spec);
    bool is_even = n.options.places > 0 && n.options.edges <= UINT16_MAX &&
                   n.options.edges >= n.options.places && n.options.edges % n.options.places == 0;
    if (r == 0 && (!is_even || n.work.trace.head->places > n.options.places))
        r = ERR_CONFIG;
    if (r != 0)
        fprintf(stderr, "byeori_network: %s: %s\n", n.options.trace, err_text(r));
    else
        run(&n);
    workload_free(&n.work);
    return r != 0;
}
