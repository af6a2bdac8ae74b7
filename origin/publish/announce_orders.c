/* SPDX-License-Identifier: MIT
 *
 * Orders of purges and prefills for a release. */
#include "origin/publish/announce_orders.h"

#include "lib/codec/json_out.h"
#include "lib/proto/mirrors.h"
#include "lib/proto/prefill.h"
#include "origin/connect/sigv4.h"

#define URL_ARENA    (64 << 10)
#define PREFILL_ROOM (PREFILL_BODY_BYTES - 16384) /* for URLs, with what JSON adds */

/* Of a path below the release, encoded, from mem. */
static struct span url_of(const struct announce_orders *o, struct span path, struct arena *mem)
{
    return arena_printf(mem, "%.*s/%.*s%.*s", SPAN_FMT(o->site), SPAN_FMT(o->name),
                        SPAN_FMT(sigv4_encode_path(path, mem)));
}

static void put_purge(struct buf *body, const char *kind, struct span url)
{
    struct json_out out;
    buf_clear(body);
    json_out_begin(&out, body);
    json_out_object(&out, NULL);
    json_out_text(&out, kind, url);
    json_out_end_object(&out);
}

/* Of a file its own URL and those of its documents; of the release only the documents. */
static const char *const endings[] = {"", MIRRORS_SUFFIX, TORRENT_SUFFIX};

bool announce_next_purge(struct announce_orders *o, struct buf *body)
{
    struct arena mem;
    bool is_file = o->file < o->changes->count;
    if (!is_file && o->ending == ARRAY_LEN(endings))
        return false;
    arena_init(&mem, URL_ARENA);
    struct span path = is_file ? o->changes->paths[o->file] : SPAN_NONE;
    const char *ending = endings[o->ending++];
    if (is_file || ending[0] != '\0')
        put_purge(body, "url",
                  url_of(o, arena_printf(&mem, "%.*s%s", SPAN_FMT(path), ending), &mem));
    else
        put_purge(body, "prefix", url_of(o, SPAN("/"), &mem));
    if (is_file && o->ending == ARRAY_LEN(endings)) {
        o->file++;
        o->ending = o->file < o->changes->count ? 0 : 1; /* the rest of the release stays */
    }
    arena_finish(&mem);
    return true;
}

static void put_edges(struct json_out *out, const char *edges)
{
    if (strcmp(edges, "all") == 0)
        return;
    json_out_array(out, "nodes");
    for (struct span rest = span_of(edges); rest.p != NULL;)
        json_out_text(out, NULL, span_cut(rest, ',', &rest));
    json_out_end_array(out);
}

bool announce_next_prefill(struct announce_orders *o, struct buf *body)
{
    struct json_out out;
    struct arena mem;
    size_t count = 0;
    if (o->edges == NULL)
        return false;
    buf_clear(body);
    arena_init(&mem, URL_ARENA);
    json_out_begin(&out, body);
    json_out_object(&out, NULL);
    put_edges(&out, o->edges);
    json_out_array(&out, "urls");
    for (; o->urls < o->tree->count && count < PREFILL_URLS_MAX && body->n < PREFILL_ROOM;
         o->urls++) {
        struct span path = o->tree->files[o->urls].entry.path;
        if (manifest_is_delta(path))
            continue;
        json_out_text(&out, NULL, url_of(o, path, &mem));
        arena_reset(&mem);
        count++;
    }
    json_out_end_array(&out);
    json_out_end_object(&out);
    arena_finish(&mem);
    return count > 0;
}

struct span announce_token(struct span text)
{
    struct span rest;
    return span_trim(span_cut(text, '\n', &rest));
}
