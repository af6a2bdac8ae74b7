/* SPDX-License-Identifier: MIT
 * byeorictl site: which there are; one's document; a new one from a file. */
#include "control/ctl/ctl.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DOCUMENT_BYTES (64 << 10)

static const char *const heads[] = {"SITE", "HOSTS", "ORIGINS", "FROM"};

static void show_all(struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    const struct json_t *sites = json_in_array(&r->json, r->json.root, "sites", SIZE_MAX);
    for (size_t i = 0; i < json_in_count(sites); i++) {
        const struct json_t *s = json_in_at(sites, i);
        ctl_cell(t, "%s", ctl_text(r, s, "name"));
        ctl_cell(t, "%s", ctl_joined(r, s, "hosts"));
        ctl_cell(t, "%s", ctl_joined(r, s, "origins"));
        ctl_cell(t, "%s", json_in_bool(&r->json, s, "from_file", false) ? "file" : "api");
    }
    ctl_table_show(&t);
}

/* One request about one site (or all: name NULL). */
static int ask(struct ctl *c, const char *method, const char *name, struct span body)
{
    struct ctl_reply r;
    struct buf target;
    buf_init(&target, 1024);
    buf_add_span(&target, SPAN("/v1/sites"));
    if (name != NULL) {
        buf_add_char(&target, '/');
        ctl_encode(&target, name);
    }
    buf_add_char(&target, '\0');
    struct ctl_request request = {.method = method, .target = target.p, .body = body};
    int result = ctl_ask(c, &request, &r);
    if (result == CTL_GOOD && (c->is_json || name != NULL))
        ctl_show_json(&r);
    else if (result == CTL_GOOD)
        show_all(&r);
    buf_finish(&target);
    ctl_reply_finish(&r);
    return result;
}

/* The whole of a file, or of standard input for "-". */
static bool read_document(const char *file, struct buf *out)
{
    int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? 1 : -1;
    while (n > 0) {
        char *room = buf_room(out, 4096);
        n = room != NULL ? read(fd, room, 4096) : -1;
        if (n > 0)
            buf_filled(out, (size_t)n);
    }
    if (fd > STDIN_FILENO)
        close(fd);
    if (n < 0)
        fprintf(stderr, "byeorictl: %s: cannot be read, or is larger than 64 KiB\n", file);
    return n == 0;
}

static int put(struct ctl *c, const char *name, const char *file)
{
    struct buf document;
    buf_init(&document, DOCUMENT_BYTES);
    int result = CTL_USAGE;
    if (read_document(file, &document))
        result = ask(c, "PUT", name, buf_span(&document));
    buf_finish(&document);
    return result;
}

static int run(struct ctl *c)
{
    const char *what = c->argc > 0 ? c->argv[0] : "list";
    if (strcmp(what, "list") == 0 && c->argc <= 1)
        return ask(c, "GET", NULL, SPAN_NONE);
    if (strcmp(what, "get") == 0 && c->argc == 2)
        return ask(c, "GET", c->argv[1], SPAN_NONE);
    if (strcmp(what, "delete") == 0 && c->argc == 2)
        return ask(c, "DELETE", c->argv[1], SPAN_NONE);
    if (strcmp(what, "put") == 0 && c->argc == 3)
        return put(c, c->argv[1], c->argv[2]);
    return ctl_misuse(&ctl_site, "not understood");
}

const struct ctl_verb ctl_site = {"site", "site [list | get NAME | put NAME FILE | delete NAME]",
                                  "the sites and their documents (FILE: JSON, - for stdin)", run};
