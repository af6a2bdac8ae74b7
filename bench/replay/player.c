/* SPDX-License-Identifier: MIT */

/* When each request goes out, and what a sample of the trace came to. */
#include "bench/replay/player.h"

#include "lib/base/clock.h"
#include "lib/base/err.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <time.h>

#define BURST      64 /* rows that go out before sockets are looked at again */
#define SILENCE_NS (60 * NSEC_PER_SEC)
#define AGREE_NS   (5 * NSEC_PER_SEC) /* an answer is on the ledger a moment after its last byte */
#define POLL_MS    1
#define NO_WAIT    0

struct totals {
    uint64_t client_bytes, origin_bytes, requests; /* our own count */
    struct account edges, shields;
};

struct player {
    const struct player_spec *spec;
    struct player_result *result;
    struct event tick;
    nsec_t began, stood; /* stood: how long the clock stood still */
    uint64_t next;       /* row */
    struct totals before;
};

static nsec_t trace_now_ns(const struct player *p)
{
    return (nsec_t)((double)(clock_mono_ns() - p->began - p->stood) * p->spec->time_factor);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    (void)ctx;
}

/* Lets the sockets work, for ns at most. */
static void turn(struct player *p, nsec_t ns)
{
    struct timeval wait = {.tv_sec = ns / NSEC_PER_SEC, .tv_usec = ns % NSEC_PER_SEC / 1000};
    if (ns > 0)
        evtimer_add(&p->tick, &wait);
    event_base_loop(p->spec->base, ns > 0 ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static uint64_t progress_of(const struct player *p)
{
    const struct crowd_counts *c = crowd_counts_of(p->spec->crowd);
    return c->body_bytes + c->head_bytes + c->requests - c->waiting +
           scripted_bytes(p->spec->origin);
}

static bool is_busy(const struct player *p)
{
    return crowd_counts_of(p->spec->crowd)->waiting > 0 ||
           atomic_load(&scripted_counts_of(p->spec->origin)->active) > 0;
}

static int tell_silence(const struct player *p)
{
    fprintf(stderr, "replay: nothing moves: %llu clients wait, %lld answers of the origin hang\n",
            (unsigned long long)crowd_counts_of(p->spec->crowd)->waiting,
            (long long)atomic_load(&scripted_counts_of(p->spec->origin)->active));
    return ERR_TIMEOUT;
}

/* Until `most` are on their way (0: until nothing moves anywhere); the clock stands meanwhile. */
static int stand(struct player *p, uint64_t most, double *seconds)
{
    nsec_t since = clock_mono_ns(), moved = since;
    uint64_t progress = progress_of(p);
    while (most > 0 ? crowd_counts_of(p->spec->crowd)->waiting >= most : is_busy(p)) {
        turn(p, POLL_MS * 1000000);
        uint64_t now = progress_of(p);
        if (now != progress)
            moved = clock_mono_ns();
        else if (clock_mono_ns() - moved > SILENCE_NS)
            return tell_silence(p);
        progress = now;
    }
    nsec_t took = clock_mono_ns() - since;
    p->stood += took;
    *seconds += (double)took / 1e9;
    return 0;
}

/* All rows that are due before `end_ns` of the trace. */
static int play_until(struct player *p, nsec_t end_ns)
{
    const struct player_spec *spec = p->spec;
    const struct trace *t = spec->trace;
    while (p->next < t->head->rows) {
        nsec_t due = (nsec_t)t->rows[p->next].time_us * 1000, now = trace_now_ns(p);
        if (due >= end_ns)
            break;
        if (due > now) {
            turn(p, (nsec_t)((double)(due - now) / spec->time_factor) + 1000);
            continue;
        }
        double late_s = (double)(now - due) / spec->time_factor / 1e9;
        p->result->latest_s = late_s > p->result->latest_s ? late_s : p->result->latest_s;
        for (int i = 0; i < BURST && p->next < t->head->rows; i++) {
            const struct trace_row *r = &t->rows[p->next];
            if ((nsec_t)r->time_us * 1000 >= end_ns || (nsec_t)r->time_us * 1000 > now)
                break;
            struct trace_row row = trace_scale(r, spec->byte_factor);
            crowd_ask(spec->crowd, &row);
            p->next++;
        }
        turn(p, NO_WAIT);
        int r = stand(p, spec->most_waiting, &p->result->held_s);
        if (r != 0)
            return r;
    }
    return 0;
}

static int read_totals(const struct player *p, struct totals *out)
{
    const struct player_spec *spec = p->spec;
    const struct crowd_counts *c = crowd_counts_of(spec->crowd);
    int r = 0;
    *out = (struct totals){.client_bytes = c->body_bytes,
                           .origin_bytes = scripted_bytes(spec->origin),
                           .requests = c->requests};
    for (uint32_t i = 0; r == 0 && i < spec->edge_count; i++)
        r = account_read(&spec->edges[i], &out->edges);
    for (uint32_t i = 0; r == 0 && i < spec->shield_count; i++)
        r = account_read(&spec->shields[i], &out->shields);
    return r;
}

/* What clients got, as the edges have it. */
static uint64_t client_ledger(const struct totals *t)
{
    return t->edges.out_bytes - t->edges.untaken_bytes;
}

/* What came from the origin, as the ledgers have it: to shields, and to edges that asked it. */
static uint64_t origin_ledger(const struct totals *t)
{
    return t->shields.upstream_bytes + t->edges.upstream_bytes;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

struct differences {
    uint64_t client, origin;
};

static struct differences compare(const struct player *p, const struct totals *now)
{
    const struct totals *was = &p->before;
    uint64_t clients = client_ledger(now) - client_ledger(was);
    uint64_t origin = origin_ledger(now) - origin_ledger(was);
    return (struct differences){apart(clients, now->client_bytes - was->client_bytes),
                                apart(origin, now->origin_bytes - was->origin_bytes)};
}

static bool write_sample(struct player *p, uint64_t at_us, const struct totals *now)
{
    const struct totals *was = &p->before;
    return fprintf(p->spec->samples, "%llu,%llu,%llu,%llu,%llu,%llu,%llu\n",
                   (unsigned long long)(at_us / 1000000),
                   (unsigned long long)(now->requests - was->requests),
                   (unsigned long long)(now->client_bytes - was->client_bytes),
                   (unsigned long long)(now->origin_bytes - was->origin_bytes),
                   (unsigned long long)(client_ledger(now) - client_ledger(was)),
                   (unsigned long long)(origin_ledger(now) - origin_ledger(was)),
                   (unsigned long long)(now->edges.from_shield - was->edges.from_shield)) > 0;
}

/* Reads until ledgers and counts agree, or have had the time to. */
static int end_sample(struct player *p, uint64_t at_us)
{
    struct totals now;
    struct differences d = {0};
    int r = stand(p, 0, &p->result->settled_s);
    nsec_t since = clock_mono_ns();
    while (r == 0) {
        r = read_totals(p, &now);
        d = compare(p, &now);
        if (p->spec->edge_count == 0 || (d.client == 0 && d.origin == 0) ||
            clock_mono_ns() - since > AGREE_NS)
            break;
        turn(p, POLL_MS * 1000000);
    }
    p->stood += clock_mono_ns() - since;
    p->result->settled_s += (double)(clock_mono_ns() - since) / 1e9;
    if (r != 0)
        return r;
    if (p->spec->edge_count > 0) {
        p->result->client_apart += d.client;
        p->result->origin_apart += d.origin;
    }
    if (p->spec->shield_count > 0)
        p->result->past_shield += now.edges.from_origin - p->before.edges.from_origin;
    p->result->samples++;
    r = write_sample(p, at_us, &now) ? 0 : ERR_IO;
    p->before = now;
    return r;
}

/* The first sample that begins at or after `from` and in which something happens. */
static int write_quiet_samples(struct player *p, uint64_t *from)
{
    const struct trace *t = p->spec->trace;
    uint64_t due = t->rows[p->next].time_us;
    for (; *from + p->spec->sample_us <= due; *from += p->spec->sample_us) {
        if (!write_sample(p, *from, &p->before))
            return ERR_IO;
        p->result->samples++;
    }
    return 0;
}

int player_run(const struct player_spec *spec, struct player_result *out)
{
    struct player p = {.spec = spec, .result = out};
    const struct trace_head *head = spec->trace->head;
    uint64_t from = 0;
    *out = (struct player_result){0};
    evtimer_assign(&p.tick, spec->base, on_tick, NULL);
    fputs("time_s,requests,client_bytes,origin_bytes,ledger_client_bytes,ledger_origin_bytes,"
          "shield_bytes\n",
          spec->samples);
    int r = read_totals(&p, &p.before);
    p.began = clock_mono_ns();
    for (; r == 0 && p.next < head->rows; from += spec->sample_us) {
        r = write_quiet_samples(&p, &from);
        if (r == 0)
            r = play_until(&p, (nsec_t)(from + spec->sample_us) * 1000);
        if (r == 0)
            r = end_sample(&p, from);
    }
    evtimer_del(&p.tick);
    out->seconds = (double)(clock_mono_ns() - p.began) / 1e9;
    out->warm_s = head->rows > 0 ? (double)spec->trace->rows[head->rows / 4].time_us / 1e6 : 0;
    if (fflush(spec->samples) != 0 && r == 0)
        r = ERR_IO;
    return r;
}
