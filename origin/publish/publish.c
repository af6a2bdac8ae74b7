/* SPDX-License-Identifier: MIT
 *
 * A release into a storage: what is there already, what is missing, and the manifest at the end.
 *
 *   MANIFEST (is it there?) ─> OBJECTS (which are there?) ─> UPLOAD ─> COMMIT ─> done
 *
 * Runs on the caller's loop. */
#include "origin/publish/publish.h"

#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "origin/connect/fetch.h"

#include <unistd.h>

#define LIST_ARENA (16 << 20)
#define JOBS_MAX   64

struct publish_run;

struct upload {
    struct connector_put put; /* first */
    struct connector_remove remove;
    struct publish_run *run;
    struct tree_file *file;
    int fd;
    char path[MANIFEST_OBJECT_BYTES + 1];
};

struct publish_run {
    struct publish *p;
    struct arena mem;
    struct connector_fetch old; /* the manifest that is there */
    bool is_new;                /* there is none */
    struct connector_list list;
    char *after;
    struct map *there;        /* object path -> itself */
    struct map *chosen;       /* object path -> itself: once for each content */
    struct tree_file **queue; /* what is missing */
    size_t count, next;
    uint32_t running;
    bool is_starting;
    int err;
    struct upload commit;
    struct buf manifest;
    uint8_t manifest_sha256[DIGEST_SHA256_BYTES];
};

static void over(struct publish_run *r, int err)
{
    struct publish *p = r->p;
    arena_finish(&r->mem);
    buf_finish(&r->old.bytes);
    buf_finish(&r->manifest);
    map_destroy(r->there);
    map_destroy(r->chosen);
    mem_free(r->after);
    mem_free(r->queue);
    mem_free(r);
    p->run = NULL;
    p->done(p, err);
}

static void fail(struct publish_run *r, struct span what, int err)
{
    if (r->err == 0)
        buf_printf(&r->p->why, "%.*s: %s", SPAN_FMT(what), err_text(err));
    r->err = r->err == 0 ? err : r->err;
}

static void on_commit(struct connector_put *put, int err)
{
    struct upload *u = CONTAINER_OF(put, struct upload, put);
    if (err != 0)
        fail(u->run, put->path, err);
    over(u->run, err);
}

static struct body *manifest_body(struct connector_put *put, int64_t from, int64_t len)
{
    struct upload *u = CONTAINER_OF(put, struct upload, put);
    return body_of_constant(span_make(u->run->manifest.p + from, (size_t)len));
}

static void write_manifest(struct publish_run *r)
{
    const struct publish *p = r->p;
    struct manifest m = {.name = p->name,
                         .published = p->now,
                         .block_bytes = p->block_bytes,
                         .count = p->tree->count,
                         .pieces = p->tree->pieces,
                         .piece_count = p->tree->piece_count};
    m.files = mem_zarray(p->tree->count, sizeof *m.files);
    for (size_t i = 0; i < p->tree->count; i++)
        m.files[i] = p->tree->files[i].entry;
    buf_init(&r->manifest, MANIFEST_MAX);
    manifest_write(&m, &r->manifest);
    mem_free(m.files);
}

static void commit(struct publish_run *r)
{
    write_manifest(r);
    digest_sha256(buf_span(&r->manifest), r->manifest_sha256);
    r->commit.run = r;
    r->commit.put = (struct connector_put){.path = manifest_path(r->p->name, &r->mem),
                                           .home = r->p->home,
                                           .size_bytes = (int64_t)r->manifest.n,
                                           .content_type = SPAN("application/json"),
                                           .sha256 = r->manifest_sha256,
                                           .is_commit = true,
                                           .is_new = r->is_new,
                                           .open = manifest_body,
                                           .done = on_commit};
    if (buf_overflowed(&r->manifest)) {
        fail(r, r->commit.put.path, ERR_TOO_BIG);
        over(r, ERR_TOO_BIG);
        return;
    }
    r->p->to->ops->put(r->p->to, &r->commit.put);
}

static void upload_next(struct publish_run *r);

static void on_progress(struct connector_put *put, int64_t sent)
{
    struct publish *p = CONTAINER_OF(put, struct upload, put)->run->p;
    p->totals.sent_bytes += sent;
    if (p->progress != NULL)
        p->progress(p);
}

static void upload_over(struct upload *u, int err)
{
    struct publish_run *r = u->run;
    if (err != 0)
        fail(r, u->file->entry.path, err);
    close(u->fd);
    mem_free(u);
    r->running--;
    upload_next(r);
}

static void on_withdrawn(struct connector_remove *remove, int err)
{
    (void)err; /* the one that is told comes first */
    upload_over(CONTAINER_OF(remove, struct upload, remove), ERR_CHANGED);
}

/* What was sent is the file only if that has not changed meanwhile. Else it must not lie there
 * under the digest of the file as it was: nobody would ever send that again. */
static void on_uploaded(struct connector_put *put, int err)
{
    struct upload *u = CONTAINER_OF(put, struct upload, put);
    struct connector *to = u->run->p->to;
    if (err != 0 || tree_file_is_unchanged(u->file, u->fd)) {
        upload_over(u, err);
        return;
    }
    u->remove =
        (struct connector_remove){.path = put->path, .home = put->home, .done = on_withdrawn};
    to->ops->remove(to, &u->remove);
}

static struct body *file_body(struct connector_put *put, int64_t from, int64_t len)
{
    struct upload *u = CONTAINER_OF(put, struct upload, put);
    return body_of_file(dup(u->fd), from, len);
}

static void upload(struct publish_run *r, struct tree_file *f)
{
    struct upload *u = mem_zalloc(sizeof *u);
    u->run = r;
    u->file = f;
    u->fd = tree_file_open(f);
    r->running++;
    manifest_object_path(f->entry.sha256, u->path);
    u->put = (struct connector_put){.path = span_of(u->path),
                                    .home = r->p->home,
                                    .size_bytes = f->entry.size_bytes,
                                    .content_type = SPAN("application/octet-stream"),
                                    .sha256 = f->entry.sha256,
                                    .is_new = true,
                                    .open = file_body,
                                    .progress = on_progress,
                                    .done = on_uploaded};
    if (u->fd >= 0) {
        r->p->to->ops->put(r->p->to, &u->put);
        return;
    }
    fail(r, f->entry.path, u->fd);
    r->running--;
    mem_free(u);
}

/* As many at a time as may be; after a failure only what runs is waited for. */
static void upload_next(struct publish_run *r)
{
    if (r->is_starting) /* one ended while it was begun */
        return;
    r->is_starting = true;
    while (r->err == 0 && r->next < r->count && r->running < r->p->jobs)
        upload(r, r->queue[r->next++]);
    r->is_starting = false;
    if (r->running > 0)
        return;
    if (r->err != 0)
        over(r, r->err);
    else if (r->next == r->count)
        commit(r);
}

static void choose(struct publish_run *r)
{
    struct publish_totals *t = &r->p->totals;
    const struct tree *tree = r->p->tree;
    r->queue = mem_zarray(tree->count, sizeof(struct tree_file *));
    for (size_t i = 0; i < tree->count; i++) {
        char path[MANIFEST_OBJECT_BYTES + 1];
        manifest_object_path(tree->files[i].entry.sha256, path);
        if (map_put(r->chosen, span_of(path), r) != NULL)
            continue;
        t->files++;
        t->bytes += tree->files[i].entry.size_bytes;
        if (map_get(r->there, span_of(path)) != NULL)
            continue;
        t->new_files++;
        t->new_bytes += tree->files[i].entry.size_bytes;
        r->queue[r->count++] = &tree->files[i];
    }
    if (r->p->progress != NULL)
        r->p->progress(r->p);
    if (r->p->is_dry_run)
        over(r, 0);
    else
        upload_next(r);
}

static void list_page(struct publish_run *r);

static void on_page(struct connector_list *l, int err)
{
    struct publish_run *r = CONTAINER_OF(l, struct publish_run, list);
    for (size_t i = 0; err == 0 && i < l->count; i++)
        map_put(r->there, l->entries[i].path, r);
    mem_free(r->after);
    r->after = err == 0 && l->next.n > 0 ? mem_strndup(l->next.p, l->next.n) : NULL;
    arena_finish(&l->mem);
    if (err != 0) {
        fail(r, SPAN("listing the storage"), err);
        over(r, err);
    } else if (r->after != NULL) {
        list_page(r);
    } else {
        choose(r);
    }
}

static void list_page(struct publish_run *r)
{
    r->list = (struct connector_list){.prefix = SPAN(MANIFEST_OBJECTS),
                                      .after = span_of(r->after),
                                      .home = r->p->home,
                                      .done = on_page};
    arena_init(&r->list.mem, LIST_ARENA);
    r->p->to->ops->list(r->p->to, &r->list);
}

static bool is_same_file(const struct manifest_file *a, const struct manifest_file *b)
{
    return a->size_bytes == b->size_bytes && memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0;
}

static bool is_same(const struct manifest *m, const struct publish *p)
{
    bool same = m->count == p->tree->count && m->block_bytes == p->block_bytes;
    for (size_t i = 0; same && i < m->count; i++)
        same = span_eq(m->files[i].path, p->tree->files[i].entry.path) &&
               is_same_file(&m->files[i], &p->tree->files[i].entry);
    return same;
}

static void note_change(struct publish_changes *c, struct span path)
{
    if (c->count < PUBLISH_CHANGES_MAX)
        c->paths[c->count] = arena_dup(&c->mem, path);
    c->count++;
}

/* Which of two lists, both in the order of their paths, goes on at this place: < 0 the old one,
 * > 0 the new one, 0 both. */
static int order_at(const struct manifest *m, size_t i, const struct tree *t, size_t k)
{
    if (i == m->count || k == t->count)
        return i == m->count ? 1 : -1;
    return span_cmp(m->files[i].path, t->files[k].entry.path);
}

static void note_changes(const struct manifest *m, const struct tree *t, struct publish_changes *c)
{
    for (size_t i = 0, k = 0; i < m->count || k < t->count;) {
        int order = order_at(m, i, t, k);
        if (order < 0)
            note_change(c, m->files[i].path);
        else if (order > 0 || !is_same_file(&m->files[i], &t->files[k].entry))
            note_change(c, t->files[k].entry.path);
        i += order <= 0;
        k += order >= 0;
    }
    if (c->count > PUBLISH_CHANGES_MAX)
        c->count = 0;
}

/* Its manifest is there: the same release (then all is done), or another one. */
static void compare(struct publish_run *r)
{
    struct publish *p = r->p;
    struct manifest m = {.count = 0};
    struct buf why;
    buf_init(&why, 256);
    int err = manifest_read(&m, buf_span(&r->old.bytes), &why);
    p->was_there = err == 0 && is_same(&m, p);
    if (err == 0)
        note_changes(&m, p->tree, &p->changes);
    manifest_finish(&m);
    buf_finish(&why);
    if (p->was_there) {
        over(r, 0);
    } else if (!p->may_replace) {
        fail(r, p->name, ERR_EXISTS);
        over(r, ERR_EXISTS);
    } else {
        list_page(r);
    }
}

static void on_old_manifest(struct connector_fetch *f, int err)
{
    struct publish_run *r = CONTAINER_OF(f, struct publish_run, old);
    if (err == 0) {
        compare(r);
    } else if (err == ERR_NOT_FOUND) {
        r->is_new = true;
        list_page(r);
    } else {
        fail(r, f->path, err);
        over(r, err);
    }
}

void publish_start(struct publish *p)
{
    struct publish_run *r = mem_zalloc(sizeof *r);
    CHECK(p->jobs > 0 && p->jobs <= JOBS_MAX && manifest_name_is_valid(p->name));
    r->p = p;
    p->run = r;
    p->totals = (struct publish_totals){.files = 0};
    p->was_there = false;
    p->changes.count = 0;
    arena_init(&p->changes.mem, PUBLISH_CHANGES_MAX * (MANIFEST_PATH_MAX + 64));
    buf_init(&p->why, 4096);
    arena_init(&r->mem, 65536);
    r->there = map_create();
    r->chosen = map_create();
    r->old = (struct connector_fetch){.from = p->to,
                                      .path = manifest_path(p->name, &r->mem),
                                      .home = p->home,
                                      .max_bytes = MANIFEST_MAX,
                                      .done = on_old_manifest};
    connector_fetch_start(&r->old);
}
