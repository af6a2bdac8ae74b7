/* SPDX-License-Identifier: MIT */

/* Tables over libconfuse. To libconfuse every option is a text (or a list of texts), so that one
 * set of parsers and sentences serves the file, the defaults and other users; what it keeps for us
 * is "LINE:text", and each section has one hidden option whose default, taken when the section
 * opens, keeps the line of the opening. Nothing here prints or exits.
 *
 * libconfuse's lexer is one per process: loads take turns. Any thread. */
#include "lib/base/option.h"

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/option_text.h"
#include "lib/base/option_value.h"
#include "lib/base/whole_file.h"

#include <confuse.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define OPTION_CONFIG_MAGIC 0x0c0f1d37U
#define TEXT_MAX_BYTES      ((size_t)4 << 20)
#define MEMORY_MAX_BYTES    ((size_t)64 << 20)
#define HIDDEN_NAME         " opened" /* no file can spell it without quotes */
#define FAULTS_MAX          50

/* An option that the file gives. */
struct given {
    const struct given *before;
    const void *record;
    const char *name;
    int line;
};

struct option_config {
    uint32_t magic;
    struct arena mem;
    void *record;
    const char *file;
    struct span source;
    const struct given *given; /* the last one */
};

/* One load. libconfuse's callbacks carry no pointer of ours, hence `loading`. */
struct load {
    struct option_config *config;
    const struct option_section *root;
    struct buf *why;
    int faults;
};
static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static struct load *loading; /* under load_lock */

/* A section being filled: where it stands, what it is called, and where it lies. */
struct place {
    const struct option_section *section;
    const char *prefix; /* "site." ; "" at the root */
    cfg_t *cfg;         /* NULL: the file has no such section, its defaults hold */
    int line;
    void *record;
};

void option_error(struct buf *why, const char *file, int line, const char *format, ...)
{
    struct arena mem;
    arena_init(&mem, TEXT_MAX_BYTES);
    va_list ap;
    va_start(ap, format);
    struct span text = arena_vprintf(&mem, format, ap);
    va_end(ap);
    if (line > 0)
        buf_printf(why, "%s:%d: %.*s\n", file, line, SPAN_FMT(text));
    else
        buf_printf(why, "%s: %.*s\n", file, SPAN_FMT(text));
    arena_finish(&mem);
}

#define FAULT(load, line, ...)                                                                     \
    do {                                                                                           \
        if ((load)->faults++ < FAULTS_MAX)                                                         \
            option_error((load)->why, (load)->config->file, (line), __VA_ARGS__);                  \
    } while (0)

static size_t option_count(const struct option_section *s)
{
    size_t count = 0;
    while (s->options[count].name != NULL)
        count++;
    return count;
}

/* The section below `in` that does know `name`, or NULL. */
static const char *find_home(const struct option_section *in, const char *name)
{
    for (const struct option *row = in->options; row->name != NULL; row++) {
        if (row->type != OPTION_SECTION)
            continue;
        for (const struct option *sub = row->section->options; sub->name != NULL; sub++) {
            if (strcmp(sub->name, name) == 0)
                return row->name;
        }
        const char *deeper = find_home(row->section, name);
        if (deeper != NULL)
            return deeper;
    }
    return NULL;
}

static void fault_unknown(struct load *l, cfg_t *cfg, const char *name)
{
    const char *right[256];
    size_t count = 0;
    for (const cfg_opt_t *o = cfg->opts; o->name != NULL && count < ARRAY_LEN(right); o++) {
        if (strcmp(o->name, HIDDEN_NAME) != 0)
            right[count++] = o->name;
    }
    bool is_root = strcmp(cfg->name, "root") == 0;
    struct buf hint;
    buf_init(&hint, 4096);
    const char *nearest = option_value_nearest(name, right, count);
    const char *home = nearest == NULL ? find_home(l->root, name) : NULL;
    if (nearest != NULL) {
        buf_printf(&hint, "did you mean \"%s\"?", nearest);
    } else if (home != NULL) {
        buf_printf(&hint, "it belongs into a section \"%s\"", home);
    } else {
        buf_printf(&hint, "known here:");
        for (size_t i = 0; i < count; i++)
            buf_printf(&hint, "%s %s", i > 0 ? "," : "", right[i]);
    }
    FAULT(l, cfg->line, "%s: no such option or section %s%s; %.*s", name,
          is_root ? "at the top" : "in section ", is_root ? "" : cfg->name,
          SPAN_FMT(buf_span(&hint)));
    buf_finish(&hint);
}

/* What libconfuse itself has to say. */
static void on_confuse_error(cfg_t *cfg, const char *format, va_list ap) PRINTF(2, 0);
static void on_confuse_error(cfg_t *cfg, const char *format, va_list ap)
{
    if (strcmp(format, "no such option '%s'") == 0) {
        fault_unknown(loading, cfg, va_arg(ap, const char *));
        return;
    }
    char text[512];
    vsnprintf(text, sizeof(text), format, ap);
    FAULT(loading, cfg->line, "%s", text);
}

/* Takes a value of the file: kept with its line. def.number, which texts do not use, is the line
 * of the option's first assignment. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    bool is_later_element = (opt->flags & CFGF_LIST) != 0 && opt->nvalues > 1;
    if (!is_later_element) {
        if (opt->def.number != 0)
            FAULT(loading, cfg->line, "%s: given twice: first on line %ld", opt->name,
                  opt->def.number);
        else
            opt->def.number = cfg->line;
    }
    struct arena *mem = &loading->config->mem;
    *(const char **)result = arena_printf(mem, "%d:%s", cfg->line, value).p;
    return 0;
}

/* libconfuse copies all of it at cfg_init. */
static cfg_opt_t *declare(struct arena *mem, const struct option_section *section)
{
    size_t count = option_count(section);
    cfg_opt_t *opts = arena_zalloc(mem, (count + 2) * sizeof(*opts));
    for (size_t i = 0; i < count; i++) {
        const struct option *row = &section->options[i];
        cfg_opt_t *o = &opts[i];
        o->name = row->name;
        o->flags = CFGF_NODEFAULT;
        o->type = CFGT_STR;
        o->parsecb = on_value;
        if (row->type == OPTION_TEXTS) {
            o->flags |= CFGF_LIST;
        } else if (row->type == OPTION_SECTION) {
            o->type = CFGT_SEC;
            o->flags = CFGF_MULTI;
            if (row->section->is_titled)
                o->flags |= CFGF_TITLE | CFGF_NO_TITLE_DUPES;
            o->parsecb = NULL;
            o->subopts = declare(mem, row->section);
        }
    }
    cfg_opt_t *hidden = &opts[count];
    hidden->name = HIDDEN_NAME;
    hidden->type = CFGT_STR;
    hidden->flags = CFGF_LIST;
    hidden->def.parsed = arena_cstr(mem, SPAN("{0}"));
    hidden->parsecb = on_value;
    return opts;
}

/* "LINE:text" apart. */
static const char *kept_value(const cfg_opt_t *opt, unsigned i, int *line)
{
    const char *kept = opt->values[i]->string, *colon = strchr(kept, ':');
    CHECK(colon != NULL);
    *line = (int)strtol(kept, NULL, 10);
    return colon + 1;
}

static const char *keep(struct load *l, const char *text)
{
    return arena_cstr(&l->config->mem, span_of(text));
}

/* Room for bytes more, or a fault: a file may not grow us without bound. */
static bool has_room(struct load *l, size_t count, size_t each, int line)
{
    const struct arena *mem = &l->config->mem;
    if (!mem->is_overflowed && count <= (mem->limit_bytes - mem->used_bytes) / each)
        return true;
    FAULT(l, line, "the configuration needs more than %zu MiB", MEMORY_MAX_BYTES >> 20);
    return false;
}

static void remember(struct load *l, const struct place *at, const struct option *row,
                     const cfg_opt_t *opt)
{
    struct given *g = arena_zalloc(&l->config->mem, sizeof(*g));
    *g = (struct given){.before = l->config->given,
                        .record = at->record,
                        .name = row->name,
                        .line = (int)opt->def.number};
    l->config->given = g;
}

static void set_one(struct load *l, const struct place *at, const struct option *row,
                    const char *text, int line)
{
    struct buf reason;
    buf_init(&reason, TEXT_MAX_BYTES);
    if (option_value_set(row, at->record, text, &reason) != 0)
        FAULT(l, line, "%s%s: %.*s", at->prefix, row->name, SPAN_FMT(buf_span(&reason)));
    buf_finish(&reason);
}

static void set_texts(struct load *l, const struct place *at, const struct option *row,
                      const cfg_opt_t *opt)
{
    if (!has_room(l, opt->nvalues, sizeof(char *), at->line))
        return;
    const char **v = arena_alloc(&l->config->mem, opt->nvalues * sizeof(*v));
    int unused;
    for (unsigned i = 0; i < opt->nvalues; i++)
        v[i] = keep(l, kept_value(opt, i, &unused));
    struct option_texts *texts = (void *)((char *)at->record + row->offset_bytes);
    *texts = (struct option_texts){.v = v, .count = opt->nvalues};
}

/* The default of a list: {a, b}, written as in the file but without quotes. */
static void set_default_texts(struct load *l, const struct place *at, const struct option *row)
{
    struct span rest = span_trim(span_of(row->fallback));
    if (span_starts(rest, SPAN("{")) && span_ends(rest, SPAN("}")))
        rest = span_trim(span_make(rest.p + 1, rest.n - 2));
    struct option_texts *texts = (void *)((char *)at->record + row->offset_bytes);
    *texts = (struct option_texts){0};
    if (rest.n == 0)
        return;
    const char **v = arena_alloc(&l->config->mem, (rest.n / 2 + 1) * sizeof(*v));
    while (rest.p != NULL)
        v[texts->count++] = arena_cstr(&l->config->mem, span_trim(span_cut(rest, ',', &rest)));
    texts->v = v;
}

static void set_default(struct load *l, const struct place *at, const struct option *row)
{
    if (row->fallback == NULL) {
        if (at->cfg != NULL)
            FAULT(l, at->line, "%s%s: must be given", at->prefix, row->name);
        if (row->type == OPTION_TEXT)
            *(const char **)(void *)((char *)at->record + row->offset_bytes) = "";
        return;
    }
    if (row->type == OPTION_TEXTS) {
        set_default_texts(l, at, row);
        return;
    }
    struct buf unused;
    buf_init(&unused, 4096);
    CHECK(option_value_set(row, at->record, keep(l, row->fallback), &unused) == 0);
    buf_finish(&unused);
}

static void set_given(struct load *l, const struct place *at, const struct option *row,
                      const cfg_opt_t *opt)
{
    int line;
    remember(l, at, row, opt);
    if (row->type == OPTION_TEXTS) {
        set_texts(l, at, row, opt);
        return;
    }
    const char *text = kept_value(opt, 0, &line);
    set_one(l, at, row, keep(l, text), line);
}

static void set_place(const struct place *at)
{
    const struct option_section *s = at->section;
    char *record = at->record;
    if (s->line_offset_bytes != OPTION_NO_LINE)
        memcpy(record + s->line_offset_bytes, &at->line, sizeof(at->line));
}

static void fill_sections(struct load *l, const struct place *at, const struct option *row,
                          const cfg_opt_t *opt);

static void fill(struct load *l, const struct place *at)
{
    set_place(at);
    for (size_t i = 0; at->section->options[i].name != NULL; i++) {
        const struct option *row = &at->section->options[i];
        const cfg_opt_t *opt = at->cfg != NULL ? &at->cfg->opts[i] : NULL;
        if (row->type == OPTION_SECTION) {
            fill_sections(l, at, row, opt);
        } else if (opt == NULL || (opt->nvalues == 0 && (opt->flags & CFGF_MODIFIED) == 0)) {
            set_default(l, at, row);
        } else {
            set_given(l, at, row, opt);
        }
    }
}

static void fill_section(struct load *l, const struct place *above, const struct option *row,
                         cfg_t *cfg, void *record)
{
    const struct option_section *s = row->section;
    struct place at = {.section = s,
                       .prefix = arena_printf(&l->config->mem, "%s%s.", above->prefix, row->name).p,
                       .cfg = cfg,
                       .line = above->line,
                       .record = record};
    if (cfg != NULL)
        kept_value(&cfg->opts[option_count(s)], 0, &at.line);
    if (s->is_titled) {
        const char *title = cfg != NULL ? keep(l, cfg->title) : "";
        if (cfg != NULL && title[0] == '\0')
            FAULT(l, at.line, "%s%s: its title is empty", above->prefix, row->name);
        memcpy((char *)record + s->title_offset_bytes, &title, sizeof(title));
    }
    fill(l, &at);
}

/* Calls fill again: sections stand in sections, as deep as the tables, not as the file. */
static void fill_sections(struct load *l, const struct place *at, const struct option *row,
                          const cfg_opt_t *opt)
{
    const struct option_section *s = row->section;
    char *field = (char *)at->record + row->offset_bytes;
    size_t count = opt != NULL ? opt->nvalues : 0;
    if (s->is_single) {
        fill_section(l, at, row, count > 0 ? opt->values[0]->section : NULL, field);
        for (size_t i = 1; i < count; i++) {
            int line, first;
            kept_value(&opt->values[0]->section->opts[option_count(s)], 0, &first);
            kept_value(&opt->values[i]->section->opts[option_count(s)], 0, &line);
            FAULT(l, line, "%s%s: given twice: first on line %d", at->prefix, row->name, first);
        }
        return;
    }
    struct option_records *records = (void *)field;
    *records = (struct option_records){0};
    if (count == 0 || !has_room(l, count, s->record_bytes, at->line))
        return;
    *records = (struct option_records){.v = arena_zalloc(&l->config->mem, count * s->record_bytes),
                                       .count = count};
    for (size_t i = 0; i < count; i++)
        fill_section(l, at, row, opt->values[i]->section, (char *)records->v + i * s->record_bytes);
}

/* Under load_lock. */
static void parse_and_fill_locked(struct load *l, struct span clean)
{
    struct option_config *c = l->config;
    loading = l; /* cfg_init too calls back, for defaults */
    cfg_t *cfg = cfg_init(declare(&c->mem, l->root), CFGF_NONE);
    FILE *stream = cfg != NULL ? fmemopen((char *)(uintptr_t)clean.p, clean.n, "r") : NULL;
    if (stream == NULL) {
        FAULT(l, 1, "no memory to read it");
        loading = NULL;
        if (cfg != NULL)
            cfg_free(cfg);
        return;
    }
    cfg_set_error_function(cfg, on_confuse_error);
    int verdict = cfg_parse_fp(cfg, stream);
    loading = NULL;
    fclose(stream);
    if (verdict != CFG_SUCCESS && l->faults == 0)
        FAULT(l, cfg->line, "does not follow the syntax");
    if (verdict == CFG_SUCCESS && has_room(l, 1, l->root->record_bytes, 1)) {
        c->record = arena_zalloc(&c->mem, l->root->record_bytes);
        struct place top = {
            .section = l->root, .prefix = "", .cfg = cfg, .line = 1, .record = c->record};
        fill(l, &top);
        if (arena_overflowed(&c->mem))
            (void)has_room(l, SIZE_MAX, 1, 1);
    }
    cfg_free(cfg);
}

int option_load_text(struct option_config **out, const struct option_section *root,
                     const char *name, struct span text, struct buf *why)
{
    *out = NULL;
    struct option_config *c = mem_zalloc(sizeof(*c));
    c->magic = OPTION_CONFIG_MAGIC;
    arena_init(&c->mem, MEMORY_MAX_BYTES);
    c->file = arena_cstr(&c->mem, span_of(name));
    struct load l = {.config = c, .root = root, .why = why};
    struct option_text_fault fault;
    char *clean = text.n < TEXT_MAX_BYTES ? mem_try_alloc(text.n + 1) : NULL;
    if (clean == NULL) {
        FAULT(&l, 1, "larger than %zu MiB", TEXT_MAX_BYTES >> 20);
    } else if (option_text_clean(text, clean, &fault) != 0) {
        FAULT(&l, fault.line, "%s", fault.what);
    } else {
        clean[text.n] = '\n';
        c->source = arena_dup(&c->mem, text);
        pthread_mutex_lock(&load_lock);
        parse_and_fill_locked(&l, span_make(clean, text.n + 1));
        pthread_mutex_unlock(&load_lock);
    }
    mem_free(clean);
    if (l.faults > 0) {
        option_free(&c);
        return ERR_CONFIG;
    }
    *out = c;
    return 0;
}

int option_load(struct option_config **out, const struct option_section *root, const char *file,
                struct buf *why)
{
    *out = NULL;
    struct buf text;
    buf_init(&text, TEXT_MAX_BYTES + 4096);
    int err = whole_file_read(file, &text);
    if (err != 0)
        buf_printf(why, "%s: %s\n", file, err == ERR_TOO_BIG ? err_text(err) : strerror(errno));
    else
        err = option_load_text(out, root, file, buf_span(&text), why);
    buf_finish(&text);
    if (err == 0 || err == ERR_CONFIG || err == ERR_NOT_FOUND)
        return err;
    return ERR_IO;
}

void option_free(struct option_config **cp)
{
    struct option_config *c = *cp;
    *cp = NULL;
    if (c == NULL)
        return;
    CHECK_OBJ(c, OPTION_CONFIG_MAGIC);
    arena_finish(&c->mem);
    c->magic = 0;
    mem_free(c);
}

void *option_record(struct option_config *c)
{
    CHECK_OBJ(c, OPTION_CONFIG_MAGIC);
    return c->record;
}

const char *option_file(const struct option_config *c)
{
    CHECK_OBJ(c, OPTION_CONFIG_MAGIC);
    return c->file;
}

struct span option_source(const struct option_config *c)
{
    CHECK_OBJ(c, OPTION_CONFIG_MAGIC);
    return c->source;
}

int option_line(const struct option_config *c, const void *record, const char *name)
{
    CHECK_OBJ(c, OPTION_CONFIG_MAGIC);
    for (const struct given *g = c->given; g != NULL; g = g->before) {
        if (g->record == record && strcmp(g->name, name) == 0)
            return g->line;
    }
    return 0;
}
