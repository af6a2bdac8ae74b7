/* SPDX-License-Identifier: MIT
 *
 * A walk over the XML that S3 storages answer with. Pure. */
#include "origin/connect/s3_xml.h"

#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <expat.h>
#include <limits.h>

#define PATH_MAX_BYTES 512

struct walk {
    XML_Parser parser;
    const struct s3_xml_events *events;
    void *ctx;
    struct buf path, text;
    int depth, err;
};

static void stop(struct walk *w, int err)
{
    if (w->err == 0)
        w->err = err;
    (void)XML_StopParser(w->parser, XML_FALSE);
}

static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
    (void)attributes;
    struct walk *w = ctx;
    if (++w->depth > S3_XML_DEPTH_MAX || local_name(name)[0] == '\0') {
        stop(w, ERR_SYNTAX);
        return;
    }
    buf_printf(&w->path, "%s%s", w->depth > 1 ? "/" : "", local_name(name));
    buf_clear(&w->text);
    if (buf_overflowed(&w->path))
        stop(w, ERR_SYNTAX);
}

static void on_end(void *ctx, const char *name)
{
    struct walk *w = ctx;
    if (w->err != 0) /* expat ends an empty element after it was stopped in its beginning */
        return;
    size_t own = strlen(local_name(name)) + (w->depth > 1 ? 1 : 0);
    int err = w->events->element(w->ctx, buf_span(&w->path), buf_span(&w->text));
    if (err != 0)
        stop(w, err);
    w->depth--;
    w->path.n -= own;
    buf_clear(&w->text);
}

static void on_text(void *ctx, const char *text, int n)
{
    struct walk *w = ctx;
    buf_add(&w->text, text, (size_t)n);
    if (buf_overflowed(&w->text))
        stop(w, ERR_SYNTAX);
}

static void on_doctype(void *ctx, const char *name, const char *system, const char *public, int has)
{
    (void)name, (void)system, (void)public, (void)has;
    stop(ctx, ERR_SYNTAX);
}

int s3_xml_walk(struct span xml, const struct s3_xml_events *events, void *ctx)
{
    struct walk w = {.parser = XML_ParserCreate("UTF-8"), .events = events, .ctx = ctx};
    CHECK(w.parser != NULL);
    buf_init(&w.path, PATH_MAX_BYTES);
    buf_init(&w.text, S3_XML_TEXT_MAX);
    XML_SetUserData(w.parser, &w);
    XML_SetElementHandler(w.parser, on_start, on_end);
    XML_SetCharacterDataHandler(w.parser, on_text);
    XML_SetStartDoctypeDeclHandler(w.parser, on_doctype);
    if (xml.n > INT_MAX ||
        (XML_Parse(w.parser, xml.p, (int)xml.n, XML_TRUE) != XML_STATUS_OK && w.err == 0))
        w.err = ERR_SYNTAX;
    XML_ParserFree(w.parser);
    buf_finish(&w.path);
    buf_finish(&w.text);
    return w.err;
}
