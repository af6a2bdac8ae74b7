/* SPDX-License-Identifier: MIT
 * byeorictl config: versions of the configuration, what differs between them, and back to one. */
#include "control/ctl/ctl.h"

#include "lib/base/digest.h"
#include "lib/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT_BYTES (2 << 20)
#define SHOWN_BYTES    400 /* of a text; longer ones (chains) are told by their digest */

static const char *const heads[] = {"VERSION", "WHEN", "WHO", "WHAT"};

static void show_history(void *ctx, struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *versions = json_in_array(&r->json, root, "versions", SIZE_MAX);
    (void)ctx;
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < json_in_count(versions); i++) {
        const struct json_t *v = json_in_at(versions, i);
        ctl_cell(t, "%s", ctl_number(r, v, "version"));
        ctl_cell(t, "%s", ctl_text(r, v, "at"));
        ctl_cell(t, "%s", ctl_text(r, v, "who"));
        ctl_cell(t, "%s", ctl_text(r, v, "what"));
    }
    ctl_table_show(&t);
    printf("newest %s, stable %s, rollout %s: %s of %s edges run the newest, %s refuse it\n",
           ctl_number(r, root, "version"), ctl_number(r, root, "stable"),
           ctl_text(r, root, "stage"), ctl_number(r, root, "running"), ctl_number(r, root, "edges"),
           ctl_number(r, root, "refusing"));
}

static int history(struct ctl *c)
{
    return ctl_tell(c, &(struct ctl_request){.method = "GET", .target = "/v1/config"}, show_history,
                    NULL);
}

static int ask_version(struct ctl *c, const char *version, struct ctl_reply *r)
{
    char target[64];
    snprintf(target, sizeof target, "/v1/config/%.20s", version);
    return ctl_ask(c, &(struct ctl_request){.method = "GET", .target = target}, r);
}

static int show(struct ctl *c, const char *version)
{
    struct ctl_reply r;
    int result = ask_version(c, version, &r);
    if (result == CTL_GOOD)
        ctl_show_json(&r);
    ctl_reply_finish(&r);
    return result;
}

/* ---- differences ---- */

/* A document as lines, one for each value, sorted: 'games options.block "1MiB"' of a site,
 * 'certificate dl not_after "2027-..."', 'routing near_km 50'. */
struct lines {
    char **v;
    size_t count;
};

static void add_line(struct lines *l, const char *owner, struct span key,
                     const struct json_t *value)
{
    struct buf text;
    uint8_t digest[DIGEST_SHA256_BYTES];
    char hex[2 * sizeof digest + 1];
    buf_init(&text, DOCUMENT_BYTES);
    json_in_dump(value, &text);
    bool is_long = text.n > SHOWN_BYTES && json_in_kind(value) == JSON_KIND_TEXT;
    digest_sha256(buf_span(&text), digest);
    digest_hex(digest, sizeof digest, hex);
    l->v = mem_grow(l->v, l->count + 1, sizeof(char *));
    l->v[l->count++] =
        is_long ? mem_printf("%s %.*s (%zu bytes, sha256 %.16s)", owner, SPAN_FMT(key), text.n, hex)
                : mem_printf("%s %.*s %.*s", owner, SPAN_FMT(key), SPAN_FMT(buf_span(&text)));
    buf_finish(&text);
}

static void add_options(struct lines *l, const char *site, const struct json_t *options)
{
    struct span key;
    const struct json_t *value;
    for (void *at = NULL; json_in_each(options, &at, &key, &value);) {
        char *full = mem_printf("options.%.*s", SPAN_FMT(key));
        add_line(l, site, span_of(full), value);
        mem_free(full);
    }
}

static void add_members(struct lines *l, const char *owner, const struct json_t *of)
{
    struct span key;
    const struct json_t *value;
    for (void *at = NULL; json_in_each(of, &at, &key, &value);)
        if (span_eq(key, SPAN("options")))
            add_options(l, owner, value);
        else
            add_line(l, owner, key, value);
}

/* kind: before each one's name. */
static void add_list(struct lines *l, struct ctl_reply *r, const char *member, const char *kind)
{
    const struct json_t *document = json_in_object(&r->json, r->json.root, "document");
    const struct json_t *list = json_in_array(&r->json, document, member, SIZE_MAX);
    for (size_t i = 0; i < json_in_count(list); i++) {
        const struct json_t *one = json_in_at(list, i);
        char *owner = mem_printf("%s%.*s", kind,
                                 SPAN_FMT(json_in_text(&r->json, one, "name", DOCUMENT_BYTES)));
        add_members(l, owner, one);
        mem_free(owner);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct lines lines_of(struct ctl_reply *r)
{
    struct lines l = {NULL, 0};
    const struct json_t *document = json_in_object(&r->json, r->json.root, "document");
    add_list(&l, r, "sites", "");
    add_list(&l, r, "certificates", "certificate ");
    add_list(&l, r, "keys", "key ");
    add_members(&l, "routing", json_in_object(&r->json, document, "routing"));
    if (l.count > 0)
        qsort(l.v, l.count, sizeof(char *), by_text);
    return l;
}

static void free_lines(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++)
        mem_free(l->v[i]);
    mem_free(l->v);
}

/* Both are sorted: one walk. What went stands before what came. */
static void show_difference(const struct lines *a, const struct lines *b)
{
    size_t i = 0, k = 0;
    while (i < a->count || k < b->count) {
        int order = i == a->count ? 1 : k == b->count ? -1 : strcmp(a->v[i], b->v[k]);
        if (order < 0)
            printf("- %s\n", a->v[i]);
        if (order > 0)
            printf("+ %s\n", b->v[k]);
        i += order <= 0;
        k += order >= 0;
    }
}

static int diff(struct ctl *c, const char *from, const char *to)
{
    struct ctl_reply a, b = {0};
    int result = ask_version(c, from, &a);
    if (result == CTL_GOOD)
        result = ask_version(c, to, &b);
    if (result == CTL_GOOD) {
        struct lines before = lines_of(&a), after = lines_of(&b);
        show_difference(&before, &after);
        free_lines(&before);
        free_lines(&after);
    }
    ctl_reply_finish(&a);
    ctl_reply_finish(&b);
    return result;
}

static void show_rollback(void *version, struct ctl_reply *r)
{
    printf("version %s has what version %s had\n", ctl_number(r, r->json.root, "version"),
           (const char *)version);
}

static int rollback(struct ctl *c, char *version)
{
    char body[64];
    int n = snprintf(body, sizeof body, "{\"version\":%.20s}", version);
    struct ctl_request request = {
        .method = "POST", .target = "/v1/config/rollback", .body = span_make(body, (size_t)n)};
    return ctl_tell(c, &request, show_rollback, version);
}

static bool are_numbers(struct ctl *c)
{
    uint64_t n;
    for (int i = 1; i < c->argc; i++)
        if (!span_u64(span_of(c->argv[i]), &n))
            return false;
    return true;
}

static int run(struct ctl *c)
{
    const char *what = c->argc > 0 ? c->argv[0] : "history";
    if (!are_numbers(c))
        return ctl_misuse(&ctl_config, "a version is a number");
    if (strcmp(what, "history") == 0 && c->argc <= 1)
        return history(c);
    if (strcmp(what, "show") == 0 && c->argc == 2)
        return show(c, c->argv[1]);
    if (strcmp(what, "diff") == 0 && c->argc == 3)
        return diff(c, c->argv[1], c->argv[2]);
    if (strcmp(what, "rollback") == 0 && c->argc == 2)
        return rollback(c, c->argv[1]);
    return ctl_misuse(&ctl_config, "not understood");
}

const struct ctl_verb ctl_config = {
    "config", "config [history | show N | diff N M | rollback N]",
    "versions of the configuration, and how far the newest has come", run};
