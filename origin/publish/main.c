/* SPDX-License-Identifier: MIT
 *
 * byeori-origin publish: arguments, the two phases (hash, upload), a line of progress, a result. */
#include "origin/publish/main.h"

#include "lib/base/err.h"
#include "lib/base/option.h"
#include "lib/codec/zstd_stream.h"
#include "origin/publish/announce.h"
#include "origin/publish/delta.h"
#include "origin/publish/hasher.h"
#include "origin/publish/publish.h"
#include "origin/publish/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BAR_CELLS 30
#define BAR_EVERY 100 /* ms */

struct arguments {
    const char *folder, *store;
    struct span name, base; /* base: of the release that deltas start from; empty: none */
    int64_t block_bytes;
    int threads, level;
    uint32_t jobs;
    bool is_dry_run, may_replace, is_quiet;
    struct announce_options announce; /* control NULL: nobody is told */
};

/* One line on a terminal, rewritten; nothing elsewhere. */
struct bar {
    bool is_shown;
    const char *what;
    int64_t total_bytes;
    msec_t began, last;
};

/* A run: the storage, and what is done with it. */
struct session {
    const struct arguments *args;
    struct command command;
    struct tree tree;
    struct publish publish;
    struct deltas deltas;
    struct announce announce;
    struct scratch scratch; /* of deltas */
    struct bar bar;
};

static const char usage_text[] =
    "usage: byeori-origin publish FOLDER --to STORE --as NAME [options]\n"
    "\n"
    "Puts the files of FOLDER into a storage as the release NAME (for instance game/1.4.0). What\n"
    "the storage has already is not sent; the release is seen when all of it is there. Run it "
    "again\n"
    "after a failure: it goes on where it was.\n"
    "\n"
    "  --to STORE      a folder, or a configuration of byeori-origin whose storage is meant\n"
    "  --as NAME       segments of letters, digits, '.', '_' and '-', joined by '/'\n"
    "  --block SIZE    bytes of a block in the manifest (1MiB)\n"
    "  --jobs N        uploads at a time (8)\n"
    "  --threads N     threads that hash (one per core)\n"
    "  --delta-from NAME   besides, each changed file as a zstd delta against that release's "
    "(dcz)\n"
    "  --delta-level N     how hard zstd tries for them, 1 to 19 (12)\n"
    "  --announce URL  afterwards the control plane there is told: what changed is purged, and\n"
    "                  followed until the edges have done it. With:\n"
    "  --site URL      where users reach the storage (https://dl.example.com)\n"
    "  --token-file F  token of the control plane with the rights to purge and prefill\n"
    "  --ca FILE       authorities that may sign for it (the system's)\n"
    "  --prefill E,E   edges that fetch the release at once, by name, or all\n"
    "  --settle TIME   how long gateways may not know of it: their `releases` (5s)\n"
    "  --replace       a release of this name with other files gives way\n"
    "  --dry-run       tells what would be sent\n"
    "  --quiet         no progress\n";

static int usage(const char *what, const char *value)
{
    if (what != NULL)
        fprintf(stderr, "byeori-origin publish: %s%s\n", what, value);
    fputs(usage_text, stderr);
    return 2;
}

static bool read_count(const char *text, int64_t max, int64_t *out)
{
    uint64_t n;
    if (!span_u64(span_of(text), &n) || n == 0 || n > (uint64_t)max)
        return false;
    *out = (int64_t)n;
    return true;
}

struct flag {
    const char *name;
    char code;
    bool has_value;
};
static const struct flag flags[] = {
    {"--to", 't', true},         {"--as", 'a', true},          {"--block", 'b', true},
    {"--jobs", 'j', true},       {"--threads", 'n', true},     {"--replace", 'r', false},
    {"--delta-from", 'f', true}, {"--delta-level", 'l', true}, {"--dry-run", 'd', false},
    {"--quiet", 'q', false},     {"--announce", 'A', true},    {"--site", 'S', true},
    {"--token-file", 'T', true}, {"--ca", 'C', true},          {"--prefill", 'P', true},
    {"--settle", 'W', true},
};

static bool set_announce(struct announce_options *o, char code, const char *value)
{
    switch (code) {
    case 'A':
        o->control = value;
        return true;
    case 'S':
        o->site = value;
        return true;
    case 'T':
        o->token_file = value;
        return true;
    case 'C':
        o->ca_file = value;
        return true;
    case 'P':
        o->edges = value;
        return value[0] != '\0';
    default:
        return option_parse_duration(span_of(value), &o->settle_ms) == 0;
    }
}

static bool set_switch(struct arguments *a, char code)
{
    bool *const on = code == 'r' ? &a->may_replace : code == 'd' ? &a->is_dry_run : &a->is_quiet;
    return *on = true;
}

static bool set(struct arguments *a, char code, const char *value)
{
    int64_t n = 0;
    if (code >= 'A' && code <= 'Z')
        return set_announce(&a->announce, code, value);
    switch (code) {
    case 't':
        a->store = value;
        return true;
    case 'a':
        a->name = span_of(value);
        return manifest_name_is_valid(a->name);
    case 'b':
        return option_parse_bytes(span_of(value), &a->block_bytes) == 0 && a->block_bytes >= 4096 &&
               a->block_bytes <= (1 << 30);
    case 'j':
        a->jobs = read_count(value, 64, &n) ? (uint32_t)n : 0;
        return a->jobs > 0;
    case 'n':
        a->threads = read_count(value, 64, &n) ? (int)n : 0;
        return a->threads > 0;
    case 'f':
        a->base = span_of(value);
        return manifest_name_is_valid(a->base);
    case 'l':
        a->level = read_count(value, ZSTD_STREAM_LEVEL_MAX, &n) ? (int)n : 0;
        return a->level > 0;
    default:
        return set_switch(a, code);
    }
}

static const struct flag *flag_of(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(text, flags[i].name) == 0)
            return &flags[i];
    return NULL;
}

static int read_arguments(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        const struct flag *f = flag_of(argv[i]);
        if (f == NULL && (argv[i][0] == '-' || a->folder != NULL))
            return usage("what is ", argv[i]);
        if (f == NULL) {
            a->folder = argv[i];
            continue;
        }
        if (f->has_value && i + 1 == argc)
            return usage("a value is missing: ", f->name);
        if (!set(a, f->code, f->has_value ? argv[i + 1] : NULL))
            return usage("not a value of it: ", f->name);
        i += f->has_value;
    }
    if (a->folder == NULL || a->store == NULL || a->name.n == 0)
        return usage("FOLDER, --to and --as are needed", "");
    const char *wrong = a->announce.control != NULL ? announce_check(&a->announce) : NULL;
    return wrong != NULL ? usage(wrong, "") : 0;
}

static void bar_begin(struct bar *b, const char *what, int64_t total_bytes)
{
    b->what = what;
    b->total_bytes = total_bytes;
    b->began = clock_mono_ms();
    b->last = 0;
}

static void bar_draw(struct bar *b, int64_t done_bytes)
{
    msec_t now = clock_mono_ms();
    if (!b->is_shown || (now - b->last < BAR_EVERY && done_bytes < b->total_bytes))
        return;
    b->last = now;
    double share = b->total_bytes > 0 ? (double)done_bytes / (double)b->total_bytes : 1;
    double seconds = (double)(now - b->began + 1) / MSEC_PER_SEC;
    int cells = (int)(share * BAR_CELLS);
    fprintf(stderr, "\r%-9s [%-*.*s] %3d %%  %.1f MB/s ", b->what, BAR_CELLS, cells,
            "==============================", (int)(share * 100),
            (double)done_bytes / 1e6 / seconds);
}

static void bar_end(struct bar *b)
{
    if (b->is_shown && b->last != 0)
        fputs("\r\033[K", stderr);
}

static void on_hashed(void *ctx, int64_t done_bytes)
{
    bar_draw(ctx, done_bytes);
}

static void on_progress(struct publish *p)
{
    struct session *s = CONTAINER_OF(p, struct session, publish);
    s->bar.total_bytes = p->totals.new_bytes;
    bar_draw(&s->bar, p->totals.sent_bytes);
}

static void on_published(struct publish *p, int err)
{
    command_step_over(&CONTAINER_OF(p, struct session, publish)->command, err);
}

static void on_deltas(struct deltas *d, int err)
{
    command_step_over(&CONTAINER_OF(d, struct session, deltas)->command, err);
}

static void tell_failed(struct span what)
{
    fprintf(stderr, "byeori-origin publish: %.*s\nNothing of it is seen. Run it again to go on.\n",
            SPAN_FMT(what));
}

static void tell(const struct arguments *a, const struct publish *p, int err)
{
    const struct publish_totals *t = &p->totals;
    if (err == ERR_EXISTS)
        fprintf(stderr,
                "byeori-origin publish: %.*s is there already, with other files (--replace lets it "
                "give way)\n",
                SPAN_FMT(a->name));
    else if (err != 0)
        tell_failed(buf_span(&p->why));
    else if (p->was_there)
        printf("%.*s is published already; nothing was sent\n", SPAN_FMT(a->name));
    else
        printf("%s %.*s: %zu files, %lld bytes; %s %zu contents, %lld bytes\n",
               a->is_dry_run ? "would publish" : "published", SPAN_FMT(a->name), p->tree->count,
               (long long)p->tree->bytes, a->is_dry_run ? "would send" : "sent", t->new_files,
               (long long)t->new_bytes);
}

static void on_announced(struct announce *a, int err)
{
    command_step_over(&CONTAINER_OF(a, struct session, announce)->command, err);
}

static int announce(struct session *s)
{
    struct announce *a = &s->announce;
    *a = (struct announce){.options = &s->args->announce,
                           .home = s->command.home,
                           .tree = &s->tree,
                           .name = s->args->name,
                           .changes = &s->publish.changes,
                           .done = on_announced};
    announce_start(a);
    int err = command_wait(&s->command);
    struct span told = buf_span(&a->told);
    if (err == 0)
        printf("%.*s", SPAN_FMT(told));
    else
        fprintf(stderr,
                "byeori-origin publish: it is published, but not announced: %.*sRun it again to "
                "announce it.\n",
                SPAN_FMT(told));
    buf_finish(&a->told);
    return err;
}

static int upload(struct session *s)
{
    const struct arguments *a = s->args;
    s->publish = (struct publish){.to = s->command.store,
                                  .home = s->command.home,
                                  .tree = &s->tree,
                                  .name = a->name,
                                  .block_bytes = a->block_bytes,
                                  .now = clock_wall_ms() / MSEC_PER_SEC,
                                  .jobs = a->jobs,
                                  .is_dry_run = a->is_dry_run,
                                  .may_replace = a->may_replace,
                                  .progress = on_progress,
                                  .done = on_published};
    bar_begin(&s->bar, "uploading", 0);
    publish_start(&s->publish);
    int err = command_wait(&s->command);
    bar_end(&s->bar);
    tell(a, &s->publish, err);
    if (err == 0 && a->announce.control != NULL && !a->is_dry_run)
        err = announce(s);
    buf_finish(&s->publish.why);
    arena_finish(&s->publish.changes.mem);
    return err;
}

static int hash(struct session *s)
{
    struct hasher_spec spec = {.tree = &s->tree,
                               .block_bytes = s->args->block_bytes,
                               .threads = s->args->threads,
                               .progress = on_hashed,
                               .ctx = &s->bar};
    bar_begin(&s->bar, "hashing", s->tree.bytes);
    int err = hasher_run(&spec, &s->command.why);
    bar_end(&s->bar);
    return err;
}

/* Deltas are files of the release like any other, made in a folder that goes with the run. */
static int add_deltas(struct session *s)
{
    struct deltas *d = &s->deltas;
    if (scratch_open(&s->scratch, &s->command.why) != 0)
        return ERR_IO;
    *d = (struct deltas){.from = s->command.store,
                         .home = s->command.home,
                         .io = s->command.io,
                         .tree = &s->tree,
                         .name = s->args->base,
                         .folder = s->scratch.path,
                         .level = s->args->level,
                         .jobs = COMMAND_IO_THREADS,
                         .done = on_deltas};
    deltas_start(d);
    int err = command_wait(&s->command);
    buf_add_span(&s->command.why, buf_span(&d->why));
    buf_finish(&d->why);
    if (err != 0)
        return err;
    printf("%zu deltas from %.*s: %lld bytes for %lld\n", d->count, SPAN_FMT(s->args->base),
           (long long)d->dcz_bytes, (long long)d->new_bytes);
    err = d->count > 0 ? tree_add(&s->tree, s->scratch.path, &s->command.why) : 0;
    return err != 0 ? err : hash(s);
}

static int run(struct session *s)
{
    int err = tree_add(&s->tree, s->args->folder, &s->command.why);
    if (err == 0)
        err = hash(s);
    if (err == 0 && s->args->base.n > 0)
        err = add_deltas(s);
    if (err != 0)
        tell_failed(buf_span(&s->command.why));
    else
        err = upload(s);
    scratch_close(&s->scratch);
    return err;
}

static int run_with(const struct arguments *a, connector_open_fn open)
{
    struct session s = {.args = a};
    s.bar.is_shown = !a->is_quiet && isatty(STDERR_FILENO) == 1;
    tree_open(&s.tree);
    int err = command_begin(&s.command, open, a->store);
    if (err == 0)
        err = run(&s);
    else
        fprintf(stderr, "byeori-origin publish: %.*s%s", SPAN_FMT(buf_span(&s.command.why)),
                span_ends(buf_span(&s.command.why), SPAN("\n")) ? "" : "\n");
    command_end(&s.command);
    tree_close(&s.tree);
    return err;
}

int publish_main(int argc, char **argv, connector_open_fn open)
{
    struct arguments a = {.block_bytes = 1 << 20,
                          .jobs = 8,
                          .level = 12,
                          .announce.settle_ms = 5000,
                          .threads = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage_text, stdout);
        return 0;
    }
    int status = read_arguments(argc, argv, &a);
    if (status != 0)
        return status;
    return run_with(&a, open) != 0 ? 1 : 0;
}
