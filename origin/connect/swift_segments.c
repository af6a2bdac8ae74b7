/* SPDX-License-Identifier: MIT
 *
 * Segments of large objects: written, listed, and found again where an object goes. */
#include "origin/connect/swift_segments.h"

#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <stdio.h>

#define NAME_MAX_BYTES 4096
#define NAMES_MAX      10000 /* of one object: more than a list of Swift's may have */

static struct span container_of(struct remote_loop *at, struct arena *mem)
{
    return arena_printf(mem, "%s_segments", at->remote->options->bucket);
}

static struct span segment_path(const struct remote_upload *u, struct arena *mem, uint32_t i)
{
    return arena_printf(mem, "%.*s/%s/%08u", SPAN_FMT(u->put->path), u->id, i);
}

/* As Swift names it: the path below the container, without the '/' that begins it. */
static struct span name_of(struct remote_loop *at, struct span path, struct arena *mem)
{
    if (span_starts(path, SPAN("/")))
        path = span_skip(path, 1);
    return arena_printf(mem, "%s%.*s", at->remote->options->prefix, SPAN_FMT(path));
}

static void ask_begin(struct remote_upload *u, struct remote_ask *a)
{
    struct arena *mem = remote_ask_kept(a);
    snprintf(u->id, sizeof u->id, "%s-%lld", u->sha256_hex, (long long)u->part_bytes);
    remote_remains_keep(&u->remains, arena_printf(mem, "%.*s/%s/", SPAN_FMT(u->put->path), u->id));
    a->method = METHOD_PUT;
    a->bucket = container_of(u->at, mem);
    a->path = SPAN_NONE;
}

static void ask_part(struct remote_upload *u, struct remote_ask *a, uint32_t i)
{
    a->bucket = container_of(u->at, remote_ask_kept(a));
    a->path = segment_path(u, remote_ask_kept(a), i);
}

static void ask_end(struct remote_upload *u, struct remote_ask *a)
{
    struct json_out out;
    struct arena mem;
    a->method = METHOD_PUT;
    remote_ask_query(a, SPAN("multipart-manifest"), SPAN("put"));
    json_out_begin(&out, &u->text);
    json_out_array(&out, NULL);
    arena_init(&mem, 16384);
    for (uint32_t i = 0; i < u->count; i++) {
        arena_reset(&mem);
        struct span container = container_of(u->at, &mem);
        struct span name = name_of(u->at, segment_path(u, &mem, i), &mem);
        json_out_object(&out, NULL);
        json_out_text(&out, "path",
                      arena_printf(&mem, "/%.*s/%.*s", SPAN_FMT(container), SPAN_FMT(name)));
        json_out_text(&out, "etag", span_of(u->parts[i].etag));
        json_out_int(&out, "size_bytes", u->parts[i].size_bytes);
        json_out_end_object(&out);
    }
    arena_finish(&mem);
    json_out_end_array(&out);
}

const struct remote_parts swift_parts = {
    .count_max = 1000,
    .describes_end = true,
    .keeps_parts = true,
    .ask_begin = ask_begin,
    .ask_part = ask_part,
    .ask_end = ask_end,
};

/* "container/name" with or without a '/' before it: what stands after our segments' container, if
 * it lies below the object's path there; else p == NULL. */
static struct span own_name(struct remote_remains *r, struct span name)
{
    struct span container = container_of(r->at, &r->mem), own = name_of(r->at, r->path, &r->mem);
    if (span_starts(name, SPAN("/")))
        name = span_skip(name, 1);
    if (!span_starts(name, container))
        return SPAN_NONE;
    name = span_skip(name, container.n);
    if (!span_starts(name, SPAN("/")))
        return SPAN_NONE;
    name = span_skip(name, 1);
    return span_starts(name, own) && span_starts(span_skip(name, own.n), SPAN("/")) ? name
                                                                                    : SPAN_NONE;
}

static void ask_listing(struct remote_remains *r, struct remote_ask *names, struct span prefix)
{
    names->bucket = container_of(r->at, &r->mem);
    names->path = SPAN_NONE;
    remote_ask_query(names, SPAN("format"), SPAN("json"));
    remote_ask_query(names, SPAN("prefix"), prefix);
}

/* The segments of a static one that we wrote are those under its digest (Ceph's gateway does not
 * give the list); of one by others its list tells; of a dynamic one they begin with its prefix. */
static bool ask_names(struct remote_remains *r, const struct response_head *object,
                      struct remote_ask *names)
{
    struct span prefix = SPAN_NONE;
    if (r->at->remote->options->auth == STORAGE_AUTH_TEMPURL)
        return false;
    bool is_static = span_ieq(remote_field(object, "X-Static-Large-Object"), SPAN("true"));
    struct span sha256 = remote_field(object, r->at->remote->kind->sha256_field);
    if (is_static && sha256.n == 2 * (size_t)DIGEST_SHA256_BYTES) {
        struct span own = name_of(r->at, r->path, &r->mem);
        ask_listing(r, names, arena_printf(&r->mem, "%.*s/%.*s-", SPAN_FMT(own), SPAN_FMT(sha256)));
        return true;
    }
    if (is_static) {
        remote_ask_query(names, SPAN("multipart-manifest"), SPAN("get"));
        return true;
    }
    if (url_decode(remote_field(object, "X-Object-Manifest"), &r->mem, &prefix) != 0)
        return false;
    prefix = own_name(r, prefix);
    if (prefix.p == NULL)
        return false;
    ask_listing(r, names, prefix);
    return true;
}

/* Both answers are rows with a name: of a list with its container, of a listing without. */
static int take_names(struct remote_remains *r, struct json_in *in)
{
    struct span container = container_of(r->at, &r->mem);
    size_t own = span_of(r->at->remote->options->prefix).n, count = json_in_count(in->root);
    if (json_in_kind(in->root) != JSON_KIND_ARRAY || count > NAMES_MAX)
        return ERR_PROTOCOL;
    for (size_t i = 0; i < count; i++) {
        struct span name = json_in_text(in, json_in_at(in->root, i), "name", NAME_MAX_BYTES);
        if (!span_starts(name, SPAN("/")))
            name = arena_printf(&r->mem, "%.*s/%.*s", SPAN_FMT(container), SPAN_FMT(name));
        name = own_name(r, name);
        if (name.p != NULL)
            remote_remains_add(r, container,
                               arena_printf(&r->mem, "/%.*s", SPAN_FMT(span_skip(name, own))));
    }
    return json_in_is_faulty(in) ? ERR_PROTOCOL : 0;
}

static int read_names(struct remote_remains *r, struct span answer)
{
    struct json_in in = {.root = NULL};
    if (answer.n == 0) /* 204: nothing there */
        return 0;
    int err = json_in_parse(&in, answer, REMOTE_ANSWER_MAX);
    if (err == 0)
        err = take_names(r, &in);
    json_in_finish(&in);
    return err;
}

const struct remote_remains_kind swift_remains = {.ask = ask_names, .read = read_names};
