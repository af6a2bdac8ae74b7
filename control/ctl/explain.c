/* SPDX-License-Identifier: MIT
 * byeorictl explain: what edges know about a URL, asked at their admin listeners: of one edge
 * (--edge), or of every one whose admin URL the control plane knows. */
#include "control/ctl/ctl.h"

#include <stdio.h>

#define HEADERS_MAX 32
#define ROW         "  %-22s "

struct asking {
    struct ctl *c;
    const char *url;
    const char *headers[HEADERS_MAX]; /* "Name: value" */
    size_t count;
};

/* Text of several lines on one. */
static void show_lines(struct ctl_reply *r, const struct json_t *o, const char *key)
{
    struct span text = json_in_text(&r->json, o, key, SIZE_MAX);
    for (size_t i = 0; i < text.n; i++) {
        bool is_end = text.p[i] == '\n';
        bool is_text = (unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f;
        putchar(is_end ? ' ' : is_text ? text.p[i] : '?');
    }
}

/* Which option it was, and where it stands. */
static void show_option(struct ctl_reply *r, const struct json_t *o)
{
    if (json_in_has(o, "option"))
        printf("  [%s: %s]", ctl_text(r, o, "option"), ctl_text(r, o, "at"));
    printf("\n");
}

static void show_key(struct ctl_reply *r, const struct json_t *root)
{
    const struct json_t *rules = json_in_array(&r->json, root, "key_rules", SIZE_MAX);
    printf(ROW, "key");
    show_lines(r, root, "key");
    printf("\n");
    for (size_t i = 0; i < json_in_count(rules); i++) {
        printf(ROW, i == 0 ? "shaped by" : "");
        show_option(r, json_in_at(rules, i));
    }
}

static void show_runs(struct ctl_reply *r, const struct json_t *generation)
{
    const struct json_t *runs = json_in_array(&r->json, generation, "runs", SIZE_MAX);
    for (size_t i = 0; i < json_in_count(runs); i++) {
        const struct json_t *run = json_in_at(runs, i);
        const char *first = ctl_number(r, run, "first"), *last = ctl_number(r, run, "last");
        printf("%s %s", i == 0 ? ":" : ",", first);
        if (strcmp(first, last) != 0)
            printf("-%s", last);
    }
    printf("%s\n", json_in_bool(&r->json, generation, "runs_cut", false) ? ", ..." : "");
}

/* "12 by the shield, 3 by the origin": those that brought any. */
static void show_places(struct ctl_reply *r, const struct json_t *g)
{
    static const char *const tiers[] = {"origin", "shield", "sibling", "memcached"};
    const struct json_t *by = json_in_object(&r->json, g, "brought_by");
    const char *between = "; brought by ";
    printf(ROW "%s in memory, %s on disk", "blocks", ctl_number(r, g, "blocks_in_memory"),
           ctl_number(r, g, "blocks_on_disk"));
    const char *coded = ctl_number(r, g, "blocks_coded");
    if (strcmp(coded, "0") != 0)
        printf(" (%s coded)", coded);
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        const char *count = ctl_number(r, by, tiers[i]);
        if (strcmp(count, "0") == 0)
            continue;
        printf("%s%s: %s", between, tiers[i], count);
        between = ", ";
    }
    printf("\n");
}

static void show_tiers(struct ctl_reply *r, const struct json_t *root)
{
    const struct json_t *tiers = json_in_array(&r->json, root, "tiers", SIZE_MAX);
    for (size_t i = 0; i < json_in_count(tiers); i++) {
        const struct json_t *t = json_in_at(tiers, i);
        printf(ROW "%s", i == 0 ? "what is absent, from" : "", ctl_text(r, t, "tier"));
        if (json_in_has(t, "name"))
            printf(" %s", ctl_text(r, t, "name"));
        if (json_in_has(t, "state"))
            printf(" (%s)", ctl_text(r, t, "state"));
        printf("\n");
    }
}

static void show_generation(struct ctl_reply *r, const struct json_t *g)
{
    bool has_length = json_in_has(g, "length_bytes");
    printf(ROW "%s bytes, %s of %s blocks of %s", "generation",
           has_length ? ctl_number(r, g, "length_bytes") : "not yet known",
           ctl_number(r, g, "blocks_present"), ctl_number(r, g, "blocks"),
           ctl_number(r, g, "block_bytes"));
    show_runs(r, g);
    show_places(r, g);
}

static void show_object(struct ctl_reply *r, const struct json_t *o)
{
    const struct json_t *why = json_in_array(&r->json, o, "why", SIZE_MAX);
    bool is_soft_purged = json_in_bool(&r->json, o, "soft_purged", false);
    printf(ROW "%s, stored %s, found %s times, %s tags%s\n", "object", ctl_number(r, o, "status"),
           ctl_text(r, o, "stored"), ctl_number(r, o, "uses"), ctl_number(r, o, "tags"),
           is_soft_purged ? "; PURGED, softly" : "");
    if (json_in_has(o, "etag"))
        printf(ROW "%s\n", "etag", ctl_text(r, o, "etag"));
    if (json_in_has(o, "vary")) {
        printf(ROW "%s: ", "variant", ctl_text(r, o, "vary"));
        show_lines(r, o, "variant");
        printf("\n");
    }
    show_generation(r, json_in_object(&r->json, o, "generation"));
    for (size_t i = 0; i < json_in_count(why); i++) {
        const struct json_t *line = json_in_at(why, i);
        printf(ROW "%s", ctl_text(r, line, "what"), ctl_text(r, line, "text"));
        show_option(r, line);
    }
}

/* name: of the edge. */
static void show(void *name, struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    printf("%s: %s\n", (const char *)name, ctl_text(r, root, "url"));
    printf(ROW "%s: %s\n", "decision", ctl_text(r, root, "decision"), ctl_text(r, root, "because"));
    printf(ROW "%s\n", "a request would", ctl_text(r, root, "would"));
    printf(ROW "%s  [%s]\n", "site", ctl_text(r, root, "site"), ctl_text(r, root, "site_at"));
    show_key(r, root);
    show_tiers(r, root);
    if (json_in_has(root, "object"))
        show_object(r, json_in_object(&r->json, root, "object"));
}

static int ask_edge(void *ctx, const char *name, const char *admin_url)
{
    const struct asking *a = ctx;
    struct buf target;
    buf_init(&target, 64 << 10);
    buf_add_span(&target, SPAN("/v1/explain?url="));
    ctl_encode(&target, a->url);
    for (size_t i = 0; i < a->count; i++) {
        buf_add_span(&target, SPAN("&header="));
        ctl_encode(&target, a->headers[i]);
    }
    buf_add_char(&target, '\0');
    struct ctl_request request = {.base = admin_url, .method = "GET", .target = target.p};
    int result = ctl_tell(a->c, &request, show, (void *)(uintptr_t)name);
    buf_finish(&target);
    return result;
}

static int run(struct ctl *c)
{
    struct asking a = {.c = c};
    const char *header, *edge = ctl_value(c, "--edge");
    while ((header = ctl_value(c, "-H")) != NULL) {
        if (a.count == HEADERS_MAX || strchr(header, ':') == NULL)
            return ctl_misuse(&ctl_explain, "-H is like \"Name: value\", at most 32 times");
        a.headers[a.count++] = header;
    }
    if (c->argc != 1)
        return ctl_misuse(&ctl_explain, "needs one URL");
    a.url = c->argv[0];
    return ctl_edges(c, edge, ask_edge, &a);
}

const struct ctl_verb ctl_explain = {"explain",
                                     "explain URL [-H \"Name: value\"]... [--edge ADMIN-ADDRESS]",
                                     "what the edges know about a URL, and why", run};
