/* SPDX-License-Identifier: MIT
 *
 * byeori-origin store: lists, puts and removes through the same connectors as everything else. */
#include "origin/store/main.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_ARENA (16 << 20)
#define STEP_BYTES (1 << 20)

static const char usage_text[] =
    "usage: byeori-origin store STORE list [PREFIX]\n"
    "       byeori-origin store STORE put FILE PATH\n"
    "       byeori-origin store STORE remove PATH...\n"
    "\n"
    "Lists (bytes and path), puts and removes what lies in a storage. STORE: a folder, or a\n"
    "configuration of byeori-origin whose storage is meant. Paths begin with '/'. What releases\n"
    "consist of lies below /.byeori: see the README before anything there is removed.\n";

/* The storage, and the question to it that is under way. */
struct session {
    struct command command;
    struct connector_list list;
    struct connector_put put;
    struct connector_remove remove;
    int fd; /* of the file that is put */
};

static const struct connector_ops *ops_of(const struct session *s)
{
    return s->command.store->ops;
}

static int complain(const char *path, int err)
{
    fprintf(stderr, "byeori-origin store: %s: %s\n", path, err_text(err));
    return err;
}

static void on_page(struct connector_list *l, int err)
{
    command_step_over(&CONTAINER_OF(l, struct session, list)->command, err);
}

static int list(struct session *s, const char *prefix)
{
    char *after = NULL;
    int err;
    do {
        s->list = (struct connector_list){.prefix = span_of(prefix),
                                          .after = span_of(after != NULL ? after : ""),
                                          .home = s->command.home,
                                          .done = on_page};
        arena_init(&s->list.mem, LIST_ARENA);
        ops_of(s)->list(s->command.store, &s->list);
        err = command_wait(&s->command);
        for (size_t i = 0; err == 0 && i < s->list.count; i++)
            printf("%lld %.*s\n", (long long)s->list.entries[i].size_bytes,
                   SPAN_FMT(s->list.entries[i].path));
        mem_free(after);
        bool has_more = err == 0 && s->list.next.n > 0;
        after = has_more ? mem_strndup(s->list.next.p, s->list.next.n) : NULL;
        arena_finish(&s->list.mem);
    } while (after != NULL);
    return err == 0 ? 0 : complain(prefix, err);
}

static int digest_of(int fd, int64_t size, uint8_t out[DIGEST_SHA256_BYTES])
{
    uint8_t *piece = mem_alloc(STEP_BYTES);
    struct digest_stream *d = digest_sha256_create();
    int64_t at = 0;
    ssize_t n;
    while ((n = pread(fd, piece, STEP_BYTES, at)) > 0) {
        digest_add(d, piece, (size_t)n);
        at += n;
    }
    digest_end(&d, out);
    mem_free(piece);
    return n < 0 ? ERR_IO : at != size ? ERR_CHANGED : 0;
}

static struct body *file_body(struct connector_put *p, int64_t from, int64_t len)
{
    return body_of_file(dup(CONTAINER_OF(p, struct session, put)->fd), from, len);
}

static void on_put(struct connector_put *p, int err)
{
    command_step_over(&CONTAINER_OF(p, struct session, put)->command, err);
}

static int put_open(struct session *s, const char *path)
{
    uint8_t sha256[DIGEST_SHA256_BYTES];
    struct stat st;
    if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return ERR_UNSUPPORTED;
    int err = digest_of(s->fd, st.st_size, sha256);
    if (err != 0)
        return err;
    s->put = (struct connector_put){.path = span_of(path),
                                    .home = s->command.home,
                                    .size_bytes = st.st_size,
                                    .sha256 = sha256,
                                    .is_commit = true,
                                    .open = file_body,
                                    .done = on_put};
    ops_of(s)->put(s->command.store, &s->put);
    return command_wait(&s->command);
}

static int put(struct session *s, const char *file, const char *path)
{
    s->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        fprintf(stderr, "byeori-origin store: %s: %s\n", file, strerror(errno));
        return ERR_IO;
    }
    int err = put_open(s, path);
    close(s->fd);
    return err == 0 ? 0 : complain(path, err);
}

static void on_removed(struct connector_remove *r, int err)
{
    command_step_over(&CONTAINER_OF(r, struct session, remove)->command, err);
}

static int remove_all(struct session *s, char **paths, int count)
{
    int first = 0;
    for (int i = 0; i < count; i++) {
        s->remove = (struct connector_remove){
            .path = span_of(paths[i]), .home = s->command.home, .done = on_removed};
        ops_of(s)->remove(s->command.store, &s->remove);
        int err = command_wait(&s->command);
        if (err != 0)
            complain(paths[i], err);
        first = first == 0 ? err : first;
    }
    return first;
}

/* words: the command and what follows it. */
static int obey(struct session *s, int count, char **words)
{
    if (strcmp(words[0], "list") == 0)
        return list(s, count > 1 ? words[1] : "/");
    if (strcmp(words[0], "put") == 0)
        return put(s, words[1], words[2]);
    return remove_all(s, words + 1, count - 1);
}

static bool is_command(int count, char **words)
{
    int first_path = 1;
    if (strcmp(words[0], "put") == 0)
        first_path = count == 3 ? 2 : 0;
    else if (strcmp(words[0], "list") == 0)
        first_path = count <= 2 ? 1 : 0;
    else if (strcmp(words[0], "remove") != 0 || count < 2)
        first_path = 0;
    bool good = first_path > 0;
    for (int i = first_path; good && i < count; i++)
        good = words[i][0] == '/';
    return good;
}

int store_main(int argc, char **argv, connector_open_fn open)
{
    struct session s = {.fd = -1};
    bool asks_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc < 3 || !is_command(argc - 2, argv + 2)) {
        fputs(usage_text, asks_help ? stdout : stderr);
        return asks_help ? 0 : 2;
    }
    int err = command_begin(&s.command, open, argv[1]);
    if (err == 0)
        err = obey(&s, argc - 2, argv + 2);
    else
        fprintf(stderr, "byeori-origin store: %.*s\n", SPAN_FMT(buf_span(&s.command.why)));
    command_end(&s.command);
    return err != 0 ? 1 : 0;
}
