/* SPDX-License-Identifier: MIT
 * Texts by kind and name. What they say is their readers' matter. */
#include "control/rollout/papers.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <pthread.h>

#define DOCUMENT_BYTES (2 << 20)
#define NAME_BYTES     64
#define MAX_OF_A_KIND  1024

struct sheet {
    struct span name, text; /* both of mem_strndup */
};

struct papers {
    pthread_mutex_t lock;
    struct shelf {
        struct sheet *v; /* by name */
        size_t count;
    } of[PAPER_KINDS];
};

static const char *const members[PAPER_KINDS] = {
    [PAPER_CERTIFICATE] = "certificates", [PAPER_KEY] = "keys", [PAPER_ROUTING] = "routing"};

struct papers *papers_create(void)
{
    struct papers *p = mem_zalloc(sizeof *p);
    CHECK(pthread_mutex_init(&p->lock, NULL) == 0);
    return p;
}

static void free_sheet(struct sheet *s)
{
    mem_free((void *)(uintptr_t)s->name.p);
    mem_free((void *)(uintptr_t)s->text.p);
}

static void clear(struct papers *p)
{
    for (int kind = 0; kind < PAPER_KINDS; kind++) {
        for (size_t i = 0; i < p->of[kind].count; i++)
            free_sheet(&p->of[kind].v[i]);
        p->of[kind].count = 0;
    }
}

void papers_destroy(struct papers **pp)
{
    struct papers *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    clear(p);
    for (int kind = 0; kind < PAPER_KINDS; kind++)
        mem_free(p->of[kind].v);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

static size_t place_of(const struct shelf *s, struct span name, bool *is_there)
{
    size_t i = 0;
    while (i < s->count && span_cmp(s->v[i].name, name) < 0)
        i++;
    *is_there = i < s->count && span_eq(s->v[i].name, name);
    return i;
}

static struct span copy_of(struct span s)
{
    return span_make(mem_strndup(s.n > 0 ? s.p : "", s.n), s.n);
}

static void put(struct papers *p, const struct paper *one)
{
    struct shelf *s = &p->of[one->kind];
    bool is_there;
    size_t at = place_of(s, one->name, &is_there);
    if (is_there) {
        free_sheet(&s->v[at]);
        memmove(&s->v[at], &s->v[at + 1], (--s->count - at) * sizeof *s->v);
    }
    if (one->text.p == NULL)
        return;
    s->v = mem_grow(s->v, s->count + 1, sizeof *s->v);
    memmove(&s->v[at + 1], &s->v[at], (s->count++ - at) * sizeof *s->v);
    s->v[at] = (struct sheet){copy_of(one->name), copy_of(one->text)};
}

void papers_put(struct papers *p, const struct paper *one)
{
    pthread_mutex_lock(&p->lock);
    put(p, one);
    pthread_mutex_unlock(&p->lock);
}

static void put_tree(struct papers *p, enum paper_kind kind, struct span name,
                     const struct json_t *tree)
{
    struct buf text;
    buf_init(&text, DOCUMENT_BYTES);
    json_in_dump(tree, &text);
    put(p, &(struct paper){kind, name, buf_span(&text)});
    buf_finish(&text);
}

int papers_replace(struct papers *p, struct span document)
{
    struct json_in in;
    int err = json_in_parse(&in, document, DOCUMENT_BYTES);
    const struct json_t *routing = json_in_object(&in, in.root, members[PAPER_ROUTING]);
    pthread_mutex_lock(&p->lock);
    if (err == 0)
        clear(p);
    for (int kind = 0; err == 0 && kind < PAPER_ROUTING; kind++) {
        const struct json_t *list = json_in_array(&in, in.root, members[kind], MAX_OF_A_KIND);
        for (size_t i = 0; i < json_in_count(list); i++) {
            const struct json_t *one = json_in_at(list, i);
            put_tree(p, (enum paper_kind)kind, json_in_text(&in, one, "name", NAME_BYTES), one);
        }
    }
    if (err == 0 && routing != NULL)
        put_tree(p, PAPER_ROUTING, SPAN_NONE, routing);
    pthread_mutex_unlock(&p->lock);
    if (err == 0 && json_in_is_faulty(&in))
        err = ERR_SYNTAX;
    json_in_finish(&in);
    return err;
}

bool papers_get(struct papers *p, enum paper_kind kind, struct span name, struct buf *out)
{
    bool is_there;
    pthread_mutex_lock(&p->lock);
    size_t at = place_of(&p->of[kind], name, &is_there);
    if (is_there)
        buf_add_span(out, p->of[kind].v[at].text);
    pthread_mutex_unlock(&p->lock);
    return is_there;
}

void papers_write_kind(struct papers *p, enum paper_kind kind, struct json_out *o)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->of[kind].count; i++)
        json_out_raw(o, NULL, p->of[kind].v[i].text);
    pthread_mutex_unlock(&p->lock);
}

/* ---- documents ---- */

/* The texts of a kind with the edit in its place, in mem of the caller: at most count + 1. */
static size_t with_edit(const struct shelf *s, const struct paper *edit, struct span *out)
{
    size_t n = 0;
    bool is_due = edit != NULL && edit->text.p != NULL;
    for (size_t i = 0; i < s->count; i++) {
        int order = edit != NULL ? span_cmp(s->v[i].name, edit->name) : -1;
        if (order >= 0 && is_due) {
            out[n++] = edit->text;
            is_due = false;
        }
        if (order != 0)
            out[n++] = s->v[i].text;
    }
    if (is_due)
        out[n++] = edit->text;
    return n;
}

static void write_kind(const struct shelf *s, enum paper_kind kind, const struct paper *edit,
                       struct json_out *o)
{
    struct span *texts = mem_zarray(s->count + 1, sizeof *texts);
    size_t count = with_edit(s, edit, texts);
    if (kind == PAPER_ROUTING && count > 0) {
        json_out_raw(o, members[kind], texts[0]);
    } else if (count > 0) {
        json_out_array(o, members[kind]);
        for (size_t i = 0; i < count; i++)
            json_out_raw(o, NULL, texts[i]);
        json_out_end_array(o);
    }
    mem_free(texts);
}

void papers_write(struct papers *p, const struct paper *edit, struct json_out *o)
{
    pthread_mutex_lock(&p->lock);
    for (int kind = 0; kind < PAPER_KINDS; kind++)
        write_kind(&p->of[kind], (enum paper_kind)kind,
                   edit != NULL && (int)edit->kind == kind ? edit : NULL, o);
    pthread_mutex_unlock(&p->lock);
}
