/* SPDX-License-Identifier: MIT
 * Documents that the control plane keeps by name: one request about one of them, or about all. */
#include "control/ctl/ctl.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DOCUMENT_BYTES (512 << 10)

bool ctl_read_file(const char *file, struct buf *out)
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
        fprintf(stderr, "byeorictl: %s: cannot be read, or is larger than %zu KiB\n", file,
                out->max_bytes >> 10);
    return n == 0;
}

static void show_text(void *ctx, struct ctl_reply *r)
{
    (void)ctx;
    if (r->body.n > 0)
        ctl_show_json(r);
}

int ctl_document(struct ctl *c, const struct ctl_document *d)
{
    struct buf target;
    buf_init(&target, 1024);
    buf_printf(&target, "%s", d->path);
    if (d->name != NULL) {
        buf_add_char(&target, '/');
        ctl_encode(&target, d->name);
    }
    buf_printf(&target, "%s", d->act != NULL ? d->act : "");
    buf_add_char(&target, '\0');
    struct ctl_request request = {.method = d->method, .target = target.p, .body = d->body};
    int result = ctl_tell(c, &request, d->show != NULL ? d->show : show_text, NULL);
    buf_finish(&target);
    return result;
}

int ctl_document_put(struct ctl *c, struct ctl_document d, const char *file)
{
    struct buf text;
    int result = CTL_USAGE;
    buf_init(&text, DOCUMENT_BYTES);
    if (ctl_read_file(file, &text)) {
        d.method = "PUT";
        d.body = buf_span(&text);
        result = ctl_document(c, &d);
    }
    buf_finish(&text);
    return result;
}

int ctl_collection(struct ctl *c, const struct ctl_collection *all, const struct ctl_verb *verb)
{
    const char *what = c->argc > 0 ? c->argv[0] : "list";
    struct ctl_document d = {.path = all->path};
    if (strcmp(what, "list") == 0 && c->argc <= 1) {
        d.method = "GET";
        d.show = all->show_all;
        return ctl_document(c, &d);
    }
    d.name = c->argc > 1 ? c->argv[1] : NULL;
    if (strcmp(what, "put") == 0 && c->argc == 3)
        return ctl_document_put(c, d, c->argv[2]);
    if (strcmp(what, "get") == 0)
        d.method = "GET";
    else if (strcmp(what, "delete") == 0)
        d.method = "DELETE";
    return d.method != NULL && c->argc == 2 ? ctl_document(c, &d)
                                            : ctl_misuse(verb, "not understood");
}
