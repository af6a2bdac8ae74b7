/* SPDX-License-Identifier: MIT
 *
 * byeori_replay: plays a trace through real servers, with a scripted origin behind them, and
 * compares every byte. bench/README.md tells how to read what it prints. Exit code: 0 only if no
 * byte was wrong, no answer missing or old, and the ledgers agree with our own count. */
#include "bench/replay/player.h"

#include "lib/base/err.h"
#include "lib/base/log.h"

#include <err.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

struct options {
    const char *trace, *samples;
    int origin_port;
    bool is_in_place;
    struct crowd_spec crowd;
    struct player_spec player;
};

enum {
    FOR_SERVERS = 256,
    FOR_EDGES,
    FOR_SHIELDS,
    FOR_ORIGIN,
    FOR_HOST,
    FOR_SEATS,
    FOR_BYTES,
    FOR_TIME,
    FOR_SAMPLE,
    FOR_WAITING,
    FOR_SAMPLES,
    FOR_IN_PLACE
};

static const struct option long_options[] = {
    {"servers", required_argument, NULL, FOR_SERVERS},
    {"edges", required_argument, NULL, FOR_EDGES},
    {"shields", required_argument, NULL, FOR_SHIELDS},
    {"origin-port", required_argument, NULL, FOR_ORIGIN},
    {"host", required_argument, NULL, FOR_HOST},
    {"seats", required_argument, NULL, FOR_SEATS},
    {"byte-factor", required_argument, NULL, FOR_BYTES},
    {"time-factor", required_argument, NULL, FOR_TIME},
    {"sample", required_argument, NULL, FOR_SAMPLE},
    {"waiting", required_argument, NULL, FOR_WAITING},
    {"samples", required_argument, NULL, FOR_SAMPLES},
    {"in-place", no_argument, NULL, FOR_IN_PLACE},
    {0},
};

NORETURN static void usage(void)
{
    fputs("byeori_replay TRACE --servers IP:PORT,.. --origin-port PORT --samples FILE.csv\n"
          "  --edges IP:PORT,..    admin addresses of the servers: byeori's, with ledgers\n"
          "  --shields IP:PORT,..  and of those that ask the origin for them\n"
          "  --host NAME           (replay.example)\n"
          "  --seats N             connections kept for each server (200)\n"
          "  --byte-factor N       bytes of the trace for one here (1)\n"
          "  --time-factor X       seconds of the trace for one here (3600)\n"
          "  --sample SECONDS      of the trace, from ledger to ledger (300)\n"
          "  --waiting N           requests on their way at most (5000)\n"
          "  --in-place            a new version has the old name\n",
          stderr);
    exit(2);
}

static uint32_t read_addresses(const char *text, struct addr *out)
{
    struct span rest = span_of(text);
    uint32_t count = 0;
    while (rest.n > 0) {
        struct span one = span_cut(rest, ',', &rest);
        if (count == CROWD_SERVERS_MAX || addr_parse(one, -1, &out[count++]) != 0)
            errx(2, "%s: at most %d of IP:PORT, with commas between", text, CROWD_SERVERS_MAX);
    }
    return count;
}

static uint64_t read_count(const char *text, uint64_t least)
{
    uint64_t n;
    if (!span_u64(span_of(text), &n) || n < least)
        errx(2, "%s: a number from %llu", text, (unsigned long long)least);
    return n;
}

static void take_option(struct options *o, int name, const char *value)
{
    switch (name) {
    case FOR_SERVERS:
        o->crowd.server_count = read_addresses(value, o->crowd.servers);
        break;
    case FOR_EDGES:
        o->player.edge_count = read_addresses(value, o->player.edges);
        break;
    case FOR_SHIELDS:
        o->player.shield_count = read_addresses(value, o->player.shields);
        break;
    case FOR_ORIGIN:
        o->origin_port = (int)read_count(value, 1);
        break;
    case FOR_HOST:
        o->crowd.host = value;
        break;
    case FOR_SEATS:
        o->crowd.seats = (uint32_t)read_count(value, 1);
        break;
    case FOR_BYTES:
        o->player.byte_factor = read_count(value, 1);
        break;
    case FOR_TIME:
        o->player.time_factor = strtod(value, NULL);
        break;
    case FOR_SAMPLE:
        o->player.sample_us = read_count(value, 1) * 1000000;
        break;
    case FOR_WAITING:
        o->player.most_waiting = read_count(value, 1);
        break;
    case FOR_SAMPLES:
        o->samples = value;
        break;
    case FOR_IN_PLACE:
        o->is_in_place = true;
        break;
    default:
        usage();
    }
}

static void read_options(struct options *o, int argc, char **argv)
{
    *o = (struct options){.crowd = {.host = "replay.example", .seats = 200},
                          .player = {.byte_factor = 1,
                                     .time_factor = 3600,
                                     .sample_us = 300 * 1000000ull,
                                     .most_waiting = 5000}};
    for (int name; (name = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
        take_option(o, name, optarg);
    if (optind + 1 != argc || o->crowd.server_count == 0 || o->origin_port == 0 ||
        o->samples == NULL || !(o->player.time_factor > 0))
        usage();
    o->trace = argv[optind];
}

static void report(const struct options *o, const struct player_result *r)
{
    const struct crowd_counts *c = crowd_counts_of(o->player.crowd);
    const struct scripted_counts *s = scripted_counts_of(o->player.origin);
    uint64_t origin_body = atomic_load(&s->body_bytes);
    printf("{\"byte_factor\":%llu,\"time_factor\":%g,\"requests\":%llu,\"seconds\":%.3f,"
           "\"held_s\":%.3f,\"settled_s\":%.3f,\"latest_s\":%.3f,\"warm_s\":%.0f,",
           (unsigned long long)o->player.byte_factor, o->player.time_factor,
           (unsigned long long)c->requests, r->seconds, r->held_s, r->settled_s, r->latest_s,
           r->warm_s);
    printf("\"client_bytes\":%llu,\"origin_bytes\":%llu,\"origin_body_bytes\":%llu,"
           "\"origin_requests\":%llu,\"origin_not_modified\":%llu,\"origin_cut\":%llu,",
           (unsigned long long)c->body_bytes, (unsigned long long)scripted_bytes(o->player.origin),
           (unsigned long long)origin_body, (unsigned long long)atomic_load(&s->requests),
           (unsigned long long)atomic_load(&s->not_modified),
           (unsigned long long)atomic_load(&s->cut));
    printf("\"left\":%llu,\"wrong\":%llu,\"old\":%llu,\"failed\":%llu,\"again\":%llu,"
           "\"connections\":%llu,\"most_connections\":%llu,",
           (unsigned long long)c->left, (unsigned long long)c->wrong, (unsigned long long)c->old,
           (unsigned long long)c->failed, (unsigned long long)c->again,
           (unsigned long long)c->dialled, (unsigned long long)c->most_seats);
    printf("\"samples\":%llu,\"client_apart\":%llu,\"origin_apart\":%llu,\"past_shield\":%llu}\n",
           (unsigned long long)r->samples, (unsigned long long)r->client_apart,
           (unsigned long long)r->origin_apart, (unsigned long long)r->past_shield);
}

static bool is_clean(const struct options *o, const struct player_result *r)
{
    const struct crowd_counts *c = crowd_counts_of(o->player.crowd);
    return c->wrong + c->old + c->failed + r->client_apart + r->origin_apart == 0;
}

/* Everything stands: play. The exit code. */
static int run(struct options *o)
{
    struct player_result result;
    o->crowd.base = o->player.base = event_base_new();
    o->player.samples = fopen(o->samples, "we");
    if (o->player.base == NULL || o->player.samples == NULL)
        err(1, "%s", o->samples);
    o->player.crowd = crowd_create(&o->crowd);
    int r = player_run(&o->player, &result);
    report(o, &result);
    if (r != 0)
        warnx("%s", err_text(r));
    int code = r == 0 && is_clean(o, &result) ? 0 : 1;
    crowd_destroy(&o->player.crowd);
    event_base_free(o->player.base);
    fclose(o->player.samples);
    return code;
}

int main(int argc, char **argv)
{
    struct options o;
    struct trace trace;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    read_options(&o, argc, argv);
    sigaction(SIGPIPE, &ignore, NULL);
    log_set_level(LOG_LEVEL_WARN);
    int r = trace_open(&trace, o.trace);
    if (r != 0)
        errx(1, "%s: %s", o.trace, err_text(r));
    o.player.trace = &trace;
    struct catalog *catalog = catalog_create();
    o.crowd.catalog = o.is_in_place ? catalog : NULL;
    struct scripted *origin = scripted_start(o.origin_port, catalog);
    if (origin == NULL)
        err(1, "port %d", o.origin_port);
    o.player.origin = origin;
    int code = run(&o);
    scripted_stop(&origin);
    catalog_destroy(&catalog);
    trace_close(&trace);
    return code;
}
