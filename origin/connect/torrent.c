/* SPDX-License-Identifier: MIT
 *
 * Torrents (BEP 3) with web seeds (BEP 19). A client adds a release's name and a file's path to a
 * web seed's URL, so that stands for what the last segment of the name lies in. */
#include "lib/base/err.h"
#include "lib/codec/bencode.h"
#include "origin/connect/mirror_doc.h"
#include "origin/connect/sigv4.h"

#define URL_ARENA (1 << 20)

static void put_trackers(const struct option_texts *trackers, struct bencode *b)
{
    if (trackers->count == 0)
        return;
    bencode_bytes(b, "announce", span_of(trackers->v[0]));
    bencode_list(b, "announce-list");
    for (size_t i = 0; i < trackers->count; i++) {
        bencode_list(b, NULL);
        bencode_bytes(b, NULL, span_of(trackers->v[i]));
        bencode_end(b);
    }
    bencode_end(b);
}

static void put_seeds(const struct mirror_doc *d, struct bencode *b)
{
    struct arena mem;
    struct span name = d->release->name, above = {name.p, name.n - mirror_name_of(name).n};
    arena_init(&mem, URL_ARENA);
    bencode_list(b, "url-list");
    for (size_t i = 0; i < d->options->urls.count; i++) {
        const char *base = d->options->urls.v[i];
        bencode_bytes(b, NULL,
                      d->file == NULL
                          ? arena_printf(&mem, "%s/%.*s", base, SPAN_FMT(above))
                          : arena_printf(&mem, "%s/%.*s%.*s", base, SPAN_FMT(name),
                                         SPAN_FMT(sigv4_encode_path(d->file->path, &mem))));
    }
    bencode_end(b);
    arena_finish(&mem);
}

static void put_path(struct span path, struct bencode *b)
{
    bencode_list(b, "path");
    for (struct span rest = span_skip(path, 1); rest.p != NULL;)
        bencode_bytes(b, NULL, span_cut(rest, '/', &rest));
    bencode_end(b);
}

static void put_files(const struct manifest *m, struct bencode *b)
{
    bencode_list(b, "files");
    for (size_t i = 0; i < m->count; i++) {
        if (manifest_is_delta(m->files[i].path))
            continue;
        bencode_dict(b, NULL);
        bencode_int(b, "length", m->files[i].size_bytes);
        put_path(m->files[i].path, b);
        bencode_end(b);
    }
    bencode_end(b);
}

int torrent_write(const struct mirror_doc *d, struct buf *out)
{
    const struct manifest *m = d->release;
    struct bencode b;
    size_t count = d->file != NULL ? d->file->block_count : m->piece_count;
    uint8_t(*pieces)[DIGEST_SHA1_BYTES] = d->file != NULL ? d->file->pieces : m->pieces;
    if (pieces == NULL || count == 0)
        return ERR_NOT_FOUND;
    bencode_begin(&b, out);
    bencode_dict(&b, NULL);
    put_trackers(&d->options->trackers, &b);
    bencode_bytes(&b, "created by", SPAN("byeori"));
    bencode_int(&b, "creation date", m->published);
    bencode_dict(&b, "info");
    if (d->file == NULL)
        put_files(m, &b);
    else
        bencode_int(&b, "length", d->file->size_bytes);
    bencode_bytes(&b, "name", mirror_name_of(d->file != NULL ? d->file->path : m->name));
    bencode_int(&b, "piece length", m->block_bytes);
    bencode_bytes(&b, "pieces", span_make(pieces, count * sizeof *pieces));
    bencode_end(&b);
    put_seeds(d, &b);
    bencode_end(&b);
    return buf_overflowed(out) ? ERR_TOO_BIG : 0;
}
