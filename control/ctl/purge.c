/* SPDX-License-Identifier: MIT
 * byeorictl purge: one URL, or all that a prefix, a host, a tag or a site names, on every edge;
 * --wait until each that is heard has applied it. */
#include "control/ctl/ctl.h"

#include "lib/codec/json_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define WAIT_S  30
#define STEP_MS 50

static const char *const heads[] = {"NODE", "PURGE"};

static void show(struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *nodes = json_in_array(&r->json, root, "nodes", SIZE_MAX);
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    printf("purge %s: applied by %s, waiting for %s, away %s\n", ctl_number(r, root, "seq"),
           ctl_number(r, root, "applied"), ctl_number(r, root, "waiting"),
           ctl_number(r, root, "away"));
    for (size_t i = 0; i < json_in_count(nodes); i++) {
        ctl_cell(t, "%s", ctl_text(r, json_in_at(nodes, i), "id"));
        ctl_cell(t, "%s", ctl_text(r, json_in_at(nodes, i), "state"));
    }
    ctl_table_show(&t);
}

/* Asks again and again; *r becomes the last answer. */
static int wait_until_complete(struct ctl *c, struct ctl_reply *r)
{
    char target[64];
    uint64_t seq = json_in_u64(&r->json, r->json.root, "seq", 0);
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    snprintf(target, sizeof target, "/v1/purges/%" PRIu64, seq);
    for (int steps = WAIT_S * 1000 / STEP_MS;; steps--) {
        if (json_in_bool(&r->json, r->json.root, "complete", false))
            return CTL_GOOD;
        if (steps == 0) {
            fprintf(stderr, "byeorictl: purge %" PRIu64 " is not complete after %d s\n", seq,
                    WAIT_S);
            return CTL_REFUSED;
        }
        nanosleep(&step, NULL);
        ctl_reply_finish(r);
        int result = ctl_ask(c, &(struct ctl_request){.method = "GET", .target = target}, r);
        if (result != CTL_GOOD)
            return result;
    }
}

/* The order's body from the arguments; how many things it names. */
static int write_order(struct ctl *c, struct buf *body)
{
    static const char *const kinds[] = {"prefix", "host", "tag"};
    struct json_out o;
    json_out_begin(&o, body);
    json_out_object(&o, NULL);
    json_out_bool(&o, "soft", ctl_flag(c, "--soft"));
    bool is_all = ctl_flag(c, "--all");
    if (is_all)
        json_out_bool(&o, "all", true);
    int count = is_all;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char flag[16];
        snprintf(flag, sizeof flag, "--%s", kinds[i]);
        const char *value = ctl_value(c, flag);
        if (value == NULL)
            continue;
        json_out_text(&o, kinds[i], span_of(value));
        count++;
    }
    const char *site = ctl_value(c, "--site");
    if (site != NULL)
        json_out_text(&o, "site", span_of(site));
    if (c->argc > 0)
        json_out_text(&o, "url", span_of(c->argv[0]));
    count += c->argc + (count == 0 && c->argc == 0 && site != NULL);
    json_out_end_object(&o);
    return count;
}

static int run(struct ctl *c)
{
    struct ctl_reply r;
    struct buf body;
    bool waits = ctl_flag(c, "--wait");
    buf_init(&body, 16 << 10);
    if (write_order(c, &body) != 1) {
        buf_finish(&body);
        return ctl_misuse(&ctl_purge, "needs one of a URL, --prefix, --host, --tag, --site, --all");
    }
    struct ctl_request request = {.method = "POST", .target = "/v1/purge", .body = buf_span(&body)};
    int result = ctl_ask(c, &request, &r);
    bool is_ordered = result == CTL_GOOD;
    if (is_ordered && waits)
        result = wait_until_complete(c, &r);
    if (is_ordered && c->is_json)
        ctl_show_json(&r);
    else if (is_ordered && result != CTL_UNREACHABLE)
        show(&r);
    buf_finish(&body);
    ctl_reply_finish(&r);
    return result;
}

const struct ctl_verb ctl_purge = {
    "purge",
    "purge URL | --prefix URL | --host HOST | --tag TAG | --all | --site NAME  [--soft] [--wait]",
    "make it gone (or stale) on every edge; --tag T --site NAME: of one site", run};
