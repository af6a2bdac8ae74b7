/* SPDX-License-Identifier: MIT
 *
 * Published releases before a storage: which there are, their manifests, and from a path to the
 * object under its digest. Runs on the asking loop; manifests are parsed on an I/O thread. */
#include "origin/connect/release.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "origin/connect/fetch.h"
#include "origin/connect/manifest.h"
#include "origin/connect/per_loop.h"
#include "origin/connect/release_doc.h"

#include <stdio.h>

#define RELEASES_MAX 100000 /* that one loop knows */
#define LIST_ARENA   (16 << 20)

struct shelf;

/* KNOWN ─asked for─> LOADING ─> LOADED, or KNOWN again where that failed */
enum release_state { RELEASE_KNOWN, RELEASE_LOADING, RELEASE_LOADED };

struct release {
    struct shelf *shelf;
    char *name;
    enum release_state state;
    uint32_t seen; /* the listing that had it last */
    /* Of its manifest, as listed: another one has other files. */
    int64_t listed_bytes;
    uint64_t listed_mark;
    bool is_outdated; /* what is LOADING may be the one before */
    struct manifest manifest;
    uint32_t readers;    /* of it, on I/O threads: it stays as it is */
    struct list waiting; /* of struct look_up */
    /* while LOADING */
    struct connector_fetch fetch;
    struct buf why;
    struct iojob job;
    struct arena mem;
    int err;
};

/* What one loop knows. */
struct shelf {
    struct releases *all;
    struct loop *home;
    struct map *names; /* -> struct release */
    bool is_listed, is_listing, is_leaving;
    bool has_failed; /* the last listing: what is known does not wait for the next one */
    uint32_t listing;
    msec_t next_listing;
    struct list waiting; /* of struct look_up, until the listing under way is over */
    struct connector_list list;
    char *after;      /* page of the listing */
    uint32_t pending; /* manifests that are being read or written about */
};

struct releases {
    struct connector connector; /* first */
    struct connector_ops ops;   /* body, put, ... are the storage's own */
    struct connector *inner;
    struct iopool *io;
    msec_t refresh_ms;
    const struct mirror_options *mirrors;
    struct per_loop shelves; /* struct shelf */
};

/* One look-up on its way through. */
struct look_up {
    struct list link;
    struct shelf *shelf;
    struct connector_find *asked;
    struct connector_find find; /* of the object */
    char path[MANIFEST_OBJECT_BYTES + 1];
    struct manifest_file file; /* its digest, size and type; no blocks */
    sec_t published;
    char type[CONNECTOR_TYPE_ROOM];
    struct release *release; /* whose document is written */
    struct release_doc doc;
};

static struct releases *releases_of(struct connector *c)
{
    return CONTAINER_OF(c, struct releases, connector);
}

static void resolve(struct look_up *l);

static void release_free(struct release *r)
{
    CHECK(list_is_empty(&r->waiting) && r->state != RELEASE_LOADING && r->readers == 0);
    manifest_finish(&r->manifest);
    mem_free(r->name);
    mem_free(r);
}

/* Whoever waited goes on; what they find may have failed, which they see for themselves. */
static void resume_all(struct list *waiting)
{
    struct list now;
    list_init(&now);
    list_move_all(&now, waiting);
    for (struct list *l; (l = list_pop(&now)) != NULL;)
        resolve(LIST_THING(l, struct look_up, link));
}

static void fail_all(struct list *waiting, int err)
{
    for (struct list *l; (l = list_pop(waiting)) != NULL;) {
        struct look_up *up = LIST_THING(l, struct look_up, link);
        struct connector_find *asked = up->asked;
        mem_free(up);
        asked->done(asked, err);
    }
}

/* A shelf goes when its loop has left and nothing is under way for it. */
static void shelf_settle(struct shelf *s)
{
    struct span name;
    void *value;
    size_t at = 0;
    if (!s->is_leaving || s->is_listing || s->pending > 0)
        return;
    while (map_next(s->names, &at, &name, &value))
        release_free(value);
    map_destroy(s->names);
    mem_free(s->after);
    mem_free(s);
}

/* A release that is listed no more is forgotten, but not while it is being read. */
static void forget_unseen(struct shelf *s)
{
    struct span name;
    void *value;
    size_t at = 0;
    while (map_next(s->names, &at, &name, &value)) {
        struct release *r = value;
        if (r->seen == s->listing || r->state == RELEASE_LOADING || r->readers > 0)
            continue;
        map_remove(s->names, span_of(r->name));
        release_free(r);
    }
}

/* One whose manifest was replaced is read anew, at its next use or after the reading under way.
 * What a document is written from stays until it is listed next time. */
static void compare(struct release *r, const struct connector_entry *e)
{
    bool is_same = r->listed_bytes == e->size_bytes && r->listed_mark == e->mark;
    if (is_same || r->readers > 0)
        return;
    r->listed_bytes = e->size_bytes;
    r->listed_mark = e->mark;
    r->is_outdated = r->state == RELEASE_LOADING;
    if (r->is_outdated)
        return;
    manifest_finish(&r->manifest);
    r->state = RELEASE_KNOWN;
}

static void learn(struct shelf *s, const struct connector_entry *e)
{
    struct span name = manifest_name_of(e->path);
    if (name.n == 0)
        return;
    struct release *r = map_get(s->names, name);
    if (r == NULL && map_count(s->names) < RELEASES_MAX) {
        r = mem_zalloc(sizeof *r);
        r->shelf = s;
        r->name = mem_strndup(name.p, name.n);
        list_init(&r->waiting);
        map_put(s->names, name, r);
    }
    if (r == NULL)
        return;
    r->seen = s->listing;
    compare(r, e);
}

static void list_page(struct shelf *s);

static void listing_over(struct shelf *s, int err)
{
    arena_finish(&s->list.mem);
    mem_free(s->after);
    s->after = NULL;
    s->is_listing = false;
    s->next_listing = loop_now(s->home) + s->all->refresh_ms;
    bool has_none = err == ERR_UNSUPPORTED || err == ERR_DENIED;
    if (err != 0 && err != ERR_UNSUPPORTED && err != ERR_CANCELLED)
        LOG_WARN_LIMITED("releases-not-listed", "reason=\"%s\"", err_text(err));
    if (err == 0)
        forget_unseen(s);
    s->has_failed = err != 0 && !has_none;
    s->is_listed = s->is_listed || err == 0 || has_none;
    if (s->is_listed && !s->is_leaving)
        resume_all(&s->waiting);
    else
        fail_all(&s->waiting, err == ERR_NOT_FOUND ? ERR_IO : err);
    shelf_settle(s);
}

static void on_page(struct connector_list *list, int err)
{
    struct shelf *s = CONTAINER_OF(list, struct shelf, list);
    for (size_t i = 0; err == 0 && i < list->count; i++)
        learn(s, &list->entries[i]);
    if (err != 0 || list->next.n == 0 || s->is_leaving) {
        listing_over(s, s->is_leaving ? ERR_CANCELLED : err);
        return;
    }
    mem_free(s->after);
    s->after = mem_strndup(list->next.p, list->next.n);
    arena_finish(&list->mem);
    list_page(s);
}

static void list_page(struct shelf *s)
{
    s->list = (struct connector_list){.prefix = SPAN(MANIFEST_RELEASES),
                                      .after = span_of(s->after),
                                      .home = s->home,
                                      .done = on_page};
    arena_init(&s->list.mem, LIST_ARENA);
    s->all->inner->ops->list(s->all->inner, &s->list);
}

static void list_anew(struct shelf *s)
{
    s->is_listing = true;
    s->listing++;
    list_page(s);
}

static void load(struct release *r);

static void load_over(struct release *r)
{
    struct shelf *s = r->shelf;
    buf_finish(&r->fetch.bytes);
    arena_finish(&r->mem);
    s->pending--;
    r->state = r->err == 0 ? RELEASE_LOADED : RELEASE_KNOWN;
    if (r->err == 0 && r->is_outdated) {
        manifest_finish(&r->manifest);
        buf_finish(&r->why);
        load(r);
        return;
    }
    if (r->err != 0) {
        LOG_WARN_LIMITED("manifest-unusable", "release=\"%s\" reason=\"%s\" detail=\"%.*s\"",
                         r->name, err_text(r->err), SPAN_FMT(buf_span(&r->why)));
        manifest_finish(&r->manifest);
    }
    buf_finish(&r->why);
    if (r->err != 0)
        fail_all(&r->waiting, r->err);
    else
        resume_all(&r->waiting);
    shelf_settle(s);
}

static void parse_run(struct iojob *j)
{
    struct release *r = CONTAINER_OF(j, struct release, job);
    r->err = manifest_read(&r->manifest, buf_span(&r->fetch.bytes), &r->why);
    if (r->err == 0 && !span_eq(r->manifest.name, span_of(r->name))) {
        buf_printf(&r->why, "names another release");
        r->err = ERR_SYNTAX;
    }
}

static void parse_done(struct iojob *j)
{
    load_over(CONTAINER_OF(j, struct release, job));
}

static void parse(struct release *r)
{
    r->job = (struct iojob){.run = parse_run, .done = parse_done};
    int err = iopool_submit(r->shelf->all->io, r->shelf->home, &r->job);
    if (err == 0)
        return;
    r->err = err;
    load_over(r);
}

static void on_manifest(struct connector_fetch *f, int err)
{
    struct release *r = CONTAINER_OF(f, struct release, fetch);
    r->err = err;
    if (err == 0)
        parse(r);
    else
        load_over(r);
}

static void load(struct release *r)
{
    struct shelf *s = r->shelf;
    r->state = RELEASE_LOADING;
    r->is_outdated = false;
    s->pending++;
    arena_init(&r->mem, 4096);
    buf_init(&r->why, 256);
    r->fetch = (struct connector_fetch){.from = s->all->inner,
                                        .path = manifest_path(span_of(r->name), &r->mem),
                                        .home = s->home,
                                        .max_bytes = MANIFEST_MAX,
                                        .done = on_manifest};
    connector_fetch_start(&r->fetch);
}

/* The object as the storage has it is the file as the manifest has it, or it is broken. */
static void on_object(struct connector_find *found, int err)
{
    struct look_up *l = CONTAINER_OF(found, struct look_up, find);
    struct connector_find *asked = l->asked;
    if (err == 0 && found->size_bytes != l->file.size_bytes) {
        LOG_WARN_LIMITED("object-damaged", "object=\"%s\" size=%lld expected=%lld", l->path,
                         (long long)found->size_bytes, (long long)l->file.size_bytes);
        content_close(&found->content);
        err = ERR_CORRUPT;
    }
    if (err == 0) {
        char hex[2 * DIGEST_SHA256_BYTES + 1];
        digest_hex(l->file.sha256, sizeof l->file.sha256, hex);
        snprintf(asked->etag, sizeof asked->etag, "\"%s\"", hex);
        memcpy(asked->content_type, l->type, sizeof asked->content_type);
        memcpy(asked->sha256, l->file.sha256, sizeof asked->sha256);
        asked->has_sha256 = true;
        asked->has_mirrors = l->shelf->all->mirrors->urls.count > 0;
        asked->last_modified = l->published;
        asked->size_bytes = found->size_bytes;
        asked->content = found->content;
    }
    asked->retry_after_s = found->retry_after_s;
    mem_free(l);
    /* What a manifest names and the storage has not is a failure of the storage, not a 404. */
    asked->done(asked, err == ERR_NOT_FOUND ? ERR_CORRUPT : err);
}

static void find_object(struct look_up *l, const struct release *r, const struct manifest_file *f)
{
    struct connector *inner = l->shelf->all->inner;
    l->file = (struct manifest_file){.size_bytes = f->size_bytes};
    memcpy(l->file.sha256, f->sha256, sizeof l->file.sha256);
    l->published = r->manifest.published;
    snprintf(l->type, sizeof l->type, "%.*s", SPAN_FMT(f->type));
    manifest_object_path(f->sha256, l->path);
    l->find = (struct connector_find){.path = span_of(l->path),
                                      .home = l->asked->home,
                                      .will_read = l->asked->will_read,
                                      .read_from = l->asked->read_from,
                                      .read_len = l->asked->read_len,
                                      .done = on_object};
    inner->ops->find(inner, &l->find);
}

static void doc_over(struct release_doc *d, int err)
{
    struct look_up *l = CONTAINER_OF(d, struct look_up, doc);
    struct connector_find *asked = l->asked;
    struct shelf *s = l->shelf;
    l->release->readers--;
    s->pending--;
    mem_free(l);
    asked->done(asked, err);
    shelf_settle(s);
}

/* file: NULL: about the whole release. */
static void write_doc(struct look_up *l, struct release *r, const struct manifest_file *file,
                      enum mirror_kind kind)
{
    l->release = r;
    l->doc = (struct release_doc){
        .what = {l->shelf->all->mirrors, &r->manifest, file},
        .kind = kind,
        .asked = l->asked,
        .over = doc_over,
    };
    r->readers++;
    l->shelf->pending++;
    release_doc_start(&l->doc, l->shelf->all->io);
}

/* The release with the longest name that stands before the path; NULL: none does. */
static struct release *release_before(const struct shelf *s, struct span path)
{
    for (size_t n = path.n; n > 1; n--) {
        if (n > MANIFEST_NAME_MAX + 1 || path.p[n - 1] != '/')
            continue;
        struct release *r = map_get(s->names, span_make(path.p + 1, n - 2));
        if (r != NULL)
            return r;
    }
    return NULL;
}

/* Which documents are served at all, and for which path this would be one. */
static enum mirror_kind doc_kind(const struct shelf *s, struct span path, struct span *stem)
{
    return s->all->mirrors->urls.count > 0 ? mirror_kind_of(path, stem) : MIRROR_NONE;
}

/* The release that a path is a document about, or within. */
static struct release *release_of(const struct shelf *s, struct span path)
{
    struct span stem;
    struct release *r = NULL;
    if (doc_kind(s, path, &stem) != MIRROR_NONE && stem.n > 1)
        r = map_get(s->names, span_skip(stem, 1));
    return r != NULL ? r : release_before(s, path);
}

static void pass_on(struct look_up *l)
{
    struct connector *inner = l->shelf->all->inner;
    struct connector_find *asked = l->asked;
    mem_free(l);
    inner->ops->find(inner, asked);
}

/* Of a release whose manifest is there. */
static void answer_from(struct look_up *l, struct release *r)
{
    struct connector_find *asked = l->asked;
    struct span stem, path = span_skip(asked->path, strlen(r->name) + 1);
    const struct manifest_file *f = manifest_find(&r->manifest, path);
    if (f != NULL) {
        find_object(l, r, f);
        return;
    }
    enum mirror_kind kind = doc_kind(l->shelf, path, &stem);
    f = kind != MIRROR_NONE ? manifest_find(&r->manifest, stem) : NULL;
    if (kind != MIRROR_NONE && (f != NULL || stem.n == 0)) {
        write_doc(l, r, f, kind);
        return;
    }
    mem_free(l);
    asked->done(asked, ERR_NOT_FOUND);
}

static void resolve(struct look_up *l)
{
    struct connector_find *asked = l->asked;
    struct release *r = release_of(l->shelf, asked->path);
    if (r == NULL) {
        pass_on(l);
        return;
    }
    if (r->state != RELEASE_LOADED) {
        list_push_back(&r->waiting, &l->link);
        if (r->state == RELEASE_KNOWN)
            load(r);
        return;
    }
    answer_from(l, r);
}

static void release_find(struct connector *c, struct connector_find *asked)
{
    struct releases *all = releases_of(c);
    struct shelf *s = per_loop_get(&all->shelves, asked->home);
    if (span_starts(asked->path, SPAN(MANIFEST_HOME))) {
        asked->done(asked, ERR_NOT_FOUND);
        return;
    }
    struct look_up *l = mem_zalloc(sizeof *l);
    list_init(&l->link);
    l->shelf = s;
    l->asked = asked;
    if (!s->is_listing && (!s->is_listed || loop_now(s->home) >= s->next_listing))
        list_anew(s);
    /* A release may have been published since the last listing, or have given way. Where storage
     * does not tell, what is known is served. */
    if (!s->is_listing || (s->has_failed && release_of(s, asked->path) != NULL))
        resolve(l);
    else
        list_push_back(&s->waiting, &l->link);
}

static void release_enter(struct connector *c, struct loop *home)
{
    struct releases *all = releases_of(c);
    connector_enter(all->inner, home);
    struct shelf *s = mem_zalloc(sizeof *s);
    s->all = all;
    s->home = home;
    s->names = map_create();
    list_init(&s->waiting);
    per_loop_put(&all->shelves, home, s);
}

static void release_leave(struct connector *c, struct loop *home)
{
    struct releases *all = releases_of(c);
    struct shelf *s = per_loop_get(&all->shelves, home);
    s->is_leaving = true;
    s->pending++; /* what is cancelled here ends inside */
    connector_leave(all->inner, home);
    per_loop_remove(&all->shelves, home);
    s->pending--;
    shelf_settle(s);
}

static void release_list(struct connector *c, struct connector_list *l)
{
    struct connector *inner = releases_of(c)->inner;
    inner->ops->list(inner, l);
}

static void release_put(struct connector *c, struct connector_put *p)
{
    struct connector *inner = releases_of(c)->inner;
    inner->ops->put(inner, p);
}

static void release_remove(struct connector *c, struct connector_remove *r)
{
    struct connector *inner = releases_of(c)->inner;
    inner->ops->remove(inner, r);
}

static void release_destroy(struct connector *c)
{
    struct releases *all = releases_of(c);
    connector_destroy(&all->inner);
    mem_free(all);
}

struct connector *release_create(const struct release_spec *spec)
{
    struct releases *all = mem_zalloc(sizeof *all);
    all->ops = (struct connector_ops){
        .name = "releases",
        .enter = release_enter,
        .leave = release_leave,
        .find = release_find,
        .list = release_list,
        .put = release_put,
        .remove = release_remove,
        .destroy = release_destroy,
    };
    all->connector.ops = &all->ops;
    all->inner = spec->inner;
    all->io = spec->io;
    all->refresh_ms = spec->refresh_ms;
    all->mirrors = spec->mirrors;
    return &all->connector;
}
