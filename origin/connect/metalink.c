/* SPDX-License-Identifier: MIT
 *
 * Metalink documents (RFC 5854). */
#include "lib/base/err.h"
#include "lib/proto/mirrors.h"
#include "origin/connect/mirror_doc.h"
#include "origin/connect/sigv4.h"

#define URL_ARENA (64 << 10)

/* As content of an element or value of an attribute; what XML 1.0 cannot hold becomes '_'. */
static void put_text(struct buf *out, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '&')
            buf_add_span(out, SPAN("&amp;"));
        else if (c == '<')
            buf_add_span(out, SPAN("&lt;"));
        else if (c == '>')
            buf_add_span(out, SPAN("&gt;"));
        else if (c == '"')
            buf_add_span(out, SPAN("&quot;"));
        else
            buf_add_char(out, c < 0x20 ? '_' : (char)c);
    }
}

static void put_hash(struct buf *out, const uint8_t sha256[DIGEST_SHA256_BYTES], const char *type)
{
    char hex[2 * DIGEST_SHA256_BYTES + 1];
    digest_hex(sha256, DIGEST_SHA256_BYTES, hex);
    buf_printf(out, "<hash%s>%s</hash>\n", type, hex);
}

static void put_urls(const struct mirror_doc *d, const struct manifest_file *f, struct buf *out)
{
    struct arena mem;
    arena_init(&mem, URL_ARENA);
    struct span path = sigv4_encode_path(f->path, &mem);
    buf_printf(out, MIRRORS_MARK "/%.*s%.*s" MIRRORS_MARK_END "\n", SPAN_FMT(d->release->name),
               SPAN_FMT(path));
    for (size_t i = 0; i < d->options->urls.count; i++) {
        buf_printf(out, "<url priority=\"%zu\">", MIRRORS_PRIORITY + i);
        put_text(out, span_of(d->options->urls.v[i]));
        buf_printf(out, "/%.*s%.*s</url>\n", SPAN_FMT(d->release->name), SPAN_FMT(path));
    }
    arena_finish(&mem);
}

/* name: what the file is called where it is put, with folders where it stands among others. */
static void put_file(const struct mirror_doc *d, const struct manifest_file *f, struct span name,
                     struct buf *out)
{
    buf_add_span(out, SPAN("<file name=\""));
    put_text(out, name);
    buf_printf(out, "\">\n<size>%lld</size>\n", (long long)f->size_bytes);
    put_hash(out, f->sha256, " type=\"sha-256\"");
    if (f->block_count > 0) {
        buf_printf(out, "<pieces length=\"%lld\" type=\"sha-256\">\n",
                   (long long)d->release->block_bytes);
        for (size_t i = 0; i < f->block_count; i++)
            put_hash(out, f->blocks[i], "");
        buf_add_span(out, SPAN("</pieces>\n"));
    }
    put_urls(d, f, out);
    buf_add_span(out, SPAN("</file>\n"));
}

static void put_all(const struct mirror_doc *d, struct buf *out)
{
    for (size_t i = 0; i < d->release->count; i++)
        if (!manifest_is_delta(d->release->files[i].path))
            put_file(d, &d->release->files[i], span_skip(d->release->files[i].path, 1), out);
}

int metalink_write(const struct mirror_doc *d, struct buf *out)
{
    char when[CLOCK_ISO_BYTES + 1];
    clock_iso(d->release->published * MSEC_PER_SEC, when);
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n"
               "<generator>byeori</generator>\n<published>%s</published>\n",
               when);
    if (d->file != NULL)
        put_file(d, d->file, mirror_name_of(d->file->path), out);
    else
        put_all(d, out);
    buf_add_span(out, SPAN("</metalink>\n"));
    return buf_overflowed(out) ? ERR_TOO_BIG : 0;
}
