/* SPDX-License-Identifier: MIT
 *
 * byeori-origin store: lists, puts and removes through the same connectors as everything else. */
#include "origin/store/main.h"

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/iopool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IO_THREADS 1
#define IO_QUEUE   64
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

/* The one loop, and the question that is under way on it. */
struct session {
    struct loop *home;
    struct connector *store;
    struct connector_list list;
    struct connector_put put;
    struct connector_remove remove;
    int fd; /* of the file that is put */
    int err;
    bool is_over;
};

static void step_over(struct session *s, int err)
{
    s->err = err;
    s->is_over = true;
    loop_stop(s->home);
}

/* One that was over at once has stopped a loop that did not run yet: running it may end early. */
static int wait_for_step(struct session *s)
{
    while (!s->is_over)
        loop_run(s->home);
    s->is_over = false;
    return s->err;
}

static int complain(const char *path, int err)
{
    fprintf(stderr, "byeori-origin store: %s: %s\n", path, err_text(err));
    return err;
}

static void on_page(struct connector_list *l, int err)
{
    step_over(CONTAINER_OF(l, struct session, list), err);
}

static int list(struct session *s, const char *prefix)
{
    char *after = NULL;
    int err;
    do {
        s->list = (struct connector_list){.prefix = span_of(prefix),
                                          .after = span_of(after != NULL ? after : ""),
                                          .home = s->home,
                                          .done = on_page};
        arena_init(&s->list.mem, LIST_ARENA);
        s->store->ops->list(s->store, &s->list);
        err = wait_for_step(s);
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
    step_over(CONTAINER_OF(p, struct session, put), err);
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
                                    .home = s->home,
                                    .size_bytes = st.st_size,
                                    .sha256 = sha256,
                                    .is_commit = true,
                                    .open = file_body,
                                    .done = on_put};
    s->store->ops->put(s->store, &s->put);
    return wait_for_step(s);
}

static int put(struct session *s, const char *file, const char *path)
{
    s->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return complain(file, ERR_NOT_FOUND);
    int err = put_open(s, path);
    close(s->fd);
    return err == 0 ? 0 : complain(path, err);
}

static void on_removed(struct connector_remove *r, int err)
{
    step_over(CONTAINER_OF(r, struct session, remove), err);
}

static int remove_all(struct session *s, char **paths, int count)
{
    int first = 0;
    for (int i = 0; i < count; i++) {
        s->remove = (struct connector_remove){
            .path = span_of(paths[i]), .home = s->home, .done = on_removed};
        s->store->ops->remove(s->store, &s->remove);
        int err = wait_for_step(s);
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
    struct buf why;
    struct session s = {.home = NULL};
    bool asks_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc < 3 || !is_command(argc - 2, argv + 2)) {
        fputs(usage_text, asks_help ? stdout : stderr);
        return asks_help ? 0 : 2;
    }
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    s.home = loop_create();
    CHECK(s.home != NULL);
    struct iopool *io = iopool_create(IO_THREADS, IO_QUEUE);
    buf_init(&why, 8192);
    int err = open(argv[1], io, &s.store, &why);
    if (err == 0) {
        connector_enter(s.store, s.home);
        err = obey(&s, argc - 2, argv + 2);
        connector_leave(s.store, s.home);
    } else {
        fprintf(stderr, "byeori-origin store: %.*s\n", SPAN_FMT(buf_span(&why)));
    }
    loop_deliver(s.home);
    iopool_destroy(&io);
    connector_destroy(&s.store);
    loop_destroy(&s.home);
    buf_finish(&why);
    return err != 0 ? 1 : 0;
}
