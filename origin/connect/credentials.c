/* SPDX-License-Identifier: MIT
 *
 * Secrets in a file of their own, followed while they are used. */
#include "origin/connect/credentials.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/option.h"
#include "origin/connect/storage_options.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LOOK_EVERY_MS 5000

static int read_all(int fd, struct buf *out)
{
    for (;;) {
        char *room = buf_room(out, 4096);
        if (room == NULL)
            return ERR_TOO_BIG;
        ssize_t n = read(fd, room, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? 0 : ERR_IO;
        buf_filled(out, (size_t)n);
    }
}

int credentials_load(struct credentials *c, const char *file)
{
    struct buf text = {.p = NULL};
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    buf_init(&text, CREDENTIALS_MAX);
    int err = fstat(fd, &st) == 0 ? read_all(fd, &text) : ERR_IO;
    close(fd);
    if (err != 0) {
        buf_finish(&text);
        return err;
    }
    buf_finish(&c->text);
    c->text = text;
    c->file = file;
    c->seen = st;
    c->mark++;
    return 0;
}

void credentials_open(struct credentials *c, const char *file)
{
    if (file[0] != '\0' && credentials_load(c, file) != 0)
        c->file = file;
}

void *credentials_enter(struct remote_loop *at)
{
    struct credentials *c = mem_zalloc(sizeof *c);
    credentials_open(c, at->remote->options->credentials_file);
    return c;
}

void credentials_leave(struct remote_loop *at, void *state)
{
    (void)at;
    credentials_finish(state);
    mem_free(state);
}

int credentials_check(const struct credentials_check *check, struct buf *why)
{
    struct credentials c = {.file = NULL};
    int err = credentials_load(&c, check->credentials_file);
    if (err != 0)
        option_error(why, check->config_file, check->line, "credentials_file: \"%s\": %s",
                     check->credentials_file, err_text(err));
    for (const char *const *name = check->names; err == 0 && *name != NULL; name++) {
        if (credentials_value(&c, *name).n > 0)
            continue;
        option_error(why, check->config_file, check->line, "credentials_file: \"%s\" lacks %s",
                     check->credentials_file, *name);
        err = ERR_CONFIG;
    }
    credentials_finish(&c);
    return err != 0 ? ERR_CONFIG : 0;
}

void credentials_finish(struct credentials *c)
{
    if (c->text.p != NULL)
        explicit_bzero(c->text.p, c->text.cap);
    buf_finish(&c->text);
}

static bool has_changed(const struct credentials *c)
{
    struct stat now;
    return stat(c->file, &now) == 0 &&
           (now.st_ino != c->seen.st_ino || now.st_size != c->seen.st_size ||
            now.st_mtim.tv_sec != c->seen.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != c->seen.st_mtim.tv_nsec);
}

void credentials_follow(struct credentials *c, msec_t now)
{
    if (now < c->next_look || c->file == NULL)
        return;
    c->next_look = now + LOOK_EVERY_MS;
    if (!has_changed(c))
        return;
    int err = credentials_load(c, c->file);
    if (err == 0)
        LOG_INFO("credentials-renewed", "file=\"%s\"", c->file);
    else
        LOG_WARN_LIMITED("credentials-kept", "file=\"%s\" reason=\"%s\"", c->file, err_text(err));
}

struct span credentials_value(const struct credentials *c, const char *name)
{
    struct span rest = buf_span(&c->text);
    while (rest.p != NULL) {
        struct span line = span_trim(span_cut(rest, '\n', &rest)), value;
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';' || line.p[0] == '[')
            continue;
        struct span key = span_trim(span_cut(line, '=', &value));
        if (value.p != NULL && span_eq(key, span_of(name)))
            return span_trim(value);
    }
    return SPAN_NONE;
}
