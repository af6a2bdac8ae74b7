/* SPDX-License-Identifier: MIT
 * byeorictl prefill: URLs from standard input, a line each, to some edges or all; follows them with
 * a bar where a person looks on, with a line for each tenth where not. */
#include "control/ctl/ctl.h"

#include "lib/base/clock.h"
#include "lib/base/option.h"
#include "lib/codec/json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define URLS_AT_ONCE  10000 /* of one job, and .. */
#define BYTES_AT_ONCE ((size_t)640 << 10)
#define BODY_BYTES    ((size_t)768 << 10)
#define URL_BYTES     4096
#define BAR_WIDTH     30
#define STEP_MS       200
#define TENTHS        10

static const char *const heads[] = {"NODE",  "STATE",   "DONE",   "FAILED",
                                    "BYTES", "BROUGHT", "PINNED", "FAULT"};
static const char *const list_heads[] = {"ID", "STATE", "DONE", "FAILED", "OF", "BROUGHT", "AT"};

struct following {
    struct ctl *c;
    bool is_terminal;
    int shown_tenth; /* -1: none */
    msec_t began;
};

static double number(struct ctl_reply *r, const struct json_t *o, const char *key)
{
    return json_in_real(&r->json, o, key, 0);
}

/* ---- what is shown ---- */

static void show(struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *nodes = json_in_array(&r->json, root, "nodes", SIZE_MAX);
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    printf("prefill %s: %s\n", ctl_text(r, root, "id"), ctl_text(r, root, "state"));
    for (size_t i = 0; i < json_in_count(nodes); i++) {
        const struct json_t *n = json_in_at(nodes, i);
        ctl_cell(t, "%s", ctl_text(r, n, "id"));
        ctl_cell(t, "%s", ctl_text(r, n, "state"));
        ctl_cell(t, "%s", ctl_number(r, n, "done"));
        ctl_cell(t, "%s", ctl_number(r, n, "failed"));
        ctl_cell(t, "%s", ctl_bytes(number(r, n, "size_bytes")));
        ctl_cell(t, "%s", ctl_bytes(number(r, n, "brought_bytes")));
        ctl_cell(t, "%s", ctl_bytes(number(r, n, "pinned_bytes")));
        ctl_cell(t, "%s", ctl_text(r, n, "fault"));
    }
    ctl_table_show(&t);
}

static void show_list(struct ctl_reply *r)
{
    const struct json_t *jobs = json_in_array(&r->json, r->json.root, "prefills", SIZE_MAX);
    struct ctl_table *t = ctl_table_create(list_heads, ARRAY_LEN(list_heads));
    for (size_t i = 0; i < json_in_count(jobs); i++) {
        const struct json_t *j = json_in_at(jobs, i);
        ctl_cell(t, "%s", ctl_text(r, j, "id"));
        ctl_cell(t, "%s", ctl_text(r, j, "state"));
        ctl_cell(t, "%s", ctl_number(r, j, "done"));
        ctl_cell(t, "%s", ctl_number(r, j, "failed"));
        ctl_cell(t, "%s", ctl_number(r, j, "urls"));
        ctl_cell(t, "%s", ctl_bytes(number(r, j, "brought_bytes")));
        ctl_cell(t, "%s", ctl_text(r, j, "at"));
    }
    ctl_table_show(&t);
}

static int list(struct ctl *c)
{
    struct ctl_reply r;
    int result = ctl_ask(c, &(struct ctl_request){.method = "GET", .target = "/v1/prefills"}, &r);
    if (result == CTL_GOOD && c->is_json)
        ctl_show_json(&r);
    else if (result == CTL_GOOD)
        show_list(&r);
    ctl_reply_finish(&r);
    return result;
}

static void draw(const struct following *f, struct ctl_reply *r, double share)
{
    const struct json_t *root = r->json.root;
    double s = (double)(clock_mono_ms() - f->began) / MSEC_PER_SEC;
    double brought = number(r, root, "brought_bytes");
    char bar[BAR_WIDTH + 1];
    int full = (int)(share * BAR_WIDTH);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)full);
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3.0f %%  %.0f of %.0f  %s brought, %s/s  %.0f failed \033[K", bar,
            100 * share, number(r, root, "done"), number(r, root, "urls"), ctl_bytes(brought),
            ctl_bytes(s > 0 ? brought / s : 0), number(r, root, "failed"));
}

static void show_progress(struct following *f, struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    double all = number(r, root, "urls");
    double over = number(r, root, "done") + number(r, root, "failed");
    double share = all > 0 && over < all ? over / all : 1;
    int tenth = (int)(share * TENTHS);
    if (f->c->is_json)
        return;
    if (f->is_terminal) {
        draw(f, r, share);
    } else if (tenth != f->shown_tenth) {
        printf("%3.0f %%  %.0f of %.0f, %.0f failed, %s brought\n", 100 * share,
               number(r, root, "done"), all, number(r, root, "failed"),
               ctl_bytes(number(r, root, "brought_bytes")));
        fflush(stdout);
    }
    f->shown_tenth = tenth;
}

/* ---- following ---- */

static bool is_over(struct ctl_reply *r)
{
    struct span state = json_in_text(&r->json, r->json.root, "state", 32);
    return span_eq(state, SPAN("done")) || span_eq(state, SPAN("failed")) ||
           span_eq(state, SPAN("cancelled"));
}

/* Asks again and again; *r becomes the last answer. */
static int follow(struct ctl *c, struct ctl_reply *r)
{
    char target[128];
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    struct following f = {.c = c,
                          .is_terminal = isatty(STDERR_FILENO) != 0,
                          .shown_tenth = -1,
                          .began = clock_mono_ms()};
    int result = CTL_GOOD;
    snprintf(target, sizeof target, "/v1/prefills/%s", ctl_text(r, r->json.root, "id"));
    while (result == CTL_GOOD && !is_over(r)) {
        show_progress(&f, r);
        nanosleep(&step, NULL);
        ctl_reply_finish(r);
        result = ctl_ask(c, &(struct ctl_request){.method = "GET", .target = target}, r);
    }
    if (result == CTL_GOOD)
        show_progress(&f, r);
    if (f.is_terminal && !c->is_json)
        fputc('\n', stderr);
    return result;
}

static int tell(struct ctl *c, struct ctl_reply *r)
{
    struct span state = json_in_text(&r->json, r->json.root, "state", 32);
    if (c->is_json)
        ctl_show_json(r);
    else
        show(r);
    return span_eq(state, SPAN("failed")) || span_eq(state, SPAN("cancelled")) ? CTL_REFUSED
                                                                               : CTL_GOOD;
}

static int ask_about(struct ctl *c, const char *method, const char *id)
{
    struct ctl_reply r;
    struct buf target;
    buf_init(&target, 1024);
    buf_add_span(&target, SPAN("/v1/prefills/"));
    ctl_encode(&target, id);
    buf_add_char(&target, '\0');
    int result = ctl_ask(c, &(struct ctl_request){.method = method, .target = target.p}, &r);
    if (result == CTL_GOOD)
        result = tell(c, &r);
    buf_finish(&target);
    ctl_reply_finish(&r);
    return result;
}

/* ---- ordering ---- */

struct terms {
    const char *edges, *id;
    int64_t rate_bytes, pin_ms, parallel;
    bool waits;
};

/* A value as the option files spell it; false: it is none, and a line was written. */
static bool value_of(struct ctl *c, const char *flag, int (*parse)(struct span, int64_t *),
                     int64_t *out)
{
    const char *text = ctl_value(c, flag);
    *out = 0;
    if (text == NULL || parse(span_of(text), out) == 0)
        return true;
    fprintf(stderr, "byeorictl prefill: %s %s is not understood\n", flag, text);
    return false;
}

static bool read_terms(struct ctl *c, struct terms *t)
{
    const char *parallel = ctl_value(c, "--parallel");
    uint64_t n = 0;
    *t = (struct terms){.edges = ctl_value(c, "--edges"),
                        .id = ctl_value(c, "--id"),
                        .waits = !ctl_flag(c, "--no-wait")};
    bool is_good = value_of(c, "--rate", option_parse_bytes, &t->rate_bytes) &&
                   value_of(c, "--pin", option_parse_duration, &t->pin_ms);
    if (parallel != NULL && !span_u64(span_of(parallel), &n))
        is_good = false;
    t->parallel = (int64_t)n;
    return is_good;
}

static void put_edges(struct json_out *o, const char *edges)
{
    struct span rest = span_of(edges);
    json_out_array(o, "nodes");
    while (rest.p != NULL && rest.n > 0) {
        struct span one = span_trim(span_cut(rest, ',', &rest));
        if (one.n > 0)
            json_out_text(o, NULL, one);
    }
    json_out_end_array(o);
}

/* The body of an order without its URLs; part: from 0, tells jobs of one order apart. */
static void begin_order(struct json_out *o, const struct terms *t, int part)
{
    char id[64];
    json_out_object(o, NULL);
    if (t->id != NULL) {
        snprintf(id, sizeof id, part > 0 ? "%s-%d" : "%s", t->id, part + 1);
        json_out_text(o, "id", span_of(id));
    }
    if (t->edges != NULL)
        put_edges(o, t->edges);
    json_out_int(o, "rate", t->rate_bytes);
    json_out_int(o, "pin_s", t->pin_ms / MSEC_PER_SEC);
    if (t->parallel > 0)
        json_out_int(o, "parallel", t->parallel);
    json_out_array(o, "urls");
}

/* As many of the lines that follow as one job may have; how many. */
static int add_urls(struct json_out *o)
{
    static char line[URL_BYTES + 2];
    int count = 0;
    while (count < URLS_AT_ONCE && o->to->n < BYTES_AT_ONCE && fgets(line, sizeof line, stdin)) {
        struct span url = span_trim(span_make(line, strcspn(line, "\r\n")));
        if (url.n == 0 || url.p[0] == '#')
            continue;
        json_out_text(o, NULL, url);
        count++;
    }
    return count;
}

static int run_order(struct ctl *c, const struct terms *t, struct span body)
{
    struct ctl_reply r;
    struct ctl_request request = {.method = "POST", .target = "/v1/prefill", .body = body};
    int result = ctl_ask(c, &request, &r);
    if (result == CTL_GOOD && t->waits)
        result = follow(c, &r);
    if (result == CTL_GOOD)
        result = tell(c, &r);
    ctl_reply_finish(&r);
    return result;
}

/* Job after job, until there are no more lines. */
static int order_all(struct ctl *c, const struct terms *t)
{
    int worst = CTL_GOOD, part = 0;
    for (int count = 1; count > 0 && worst < CTL_USAGE; part++) {
        struct buf body;
        struct json_out o;
        buf_init(&body, BODY_BYTES);
        json_out_begin(&o, &body);
        begin_order(&o, t, part);
        count = add_urls(&o);
        json_out_end_array(&o);
        json_out_end_object(&o);
        int result = count > 0 ? run_order(c, t, buf_span(&body)) : CTL_GOOD;
        if (count == 0 && part == 0)
            result = ctl_misuse(&ctl_prefill, "needs URLs on standard input, a line each");
        worst = result > worst ? result : worst;
        buf_finish(&body);
    }
    return worst;
}

static int run(struct ctl *c)
{
    struct terms t;
    const char *shown = ctl_value(c, "--show"), *cancelled = ctl_value(c, "--cancel");
    if (ctl_flag(c, "--list"))
        return list(c);
    if (shown != NULL || cancelled != NULL)
        return ask_about(c, shown != NULL ? "GET" : "DELETE", shown != NULL ? shown : cancelled);
    if (!read_terms(c, &t) || c->argc > 0)
        return ctl_misuse(&ctl_prefill, "takes options, and URLs on standard input");
    return order_all(c, &t);
}

const struct ctl_verb ctl_prefill = {
    "prefill",
    "prefill [--edges A,B] [--rate 10MiB] [--pin 7d] [--parallel N] [--id ID] [--no-wait] < URLS | "
    "--list | --show ID | --cancel ID",
    "bring URLs to edges before users ask for them", run};
