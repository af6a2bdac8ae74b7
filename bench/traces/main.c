/* SPDX-License-Identifier: MIT */

/* trace_make: generates traces, converts them, and says what is in one. README.md tells how. */
#include "bench/traces/convert.h"
#include "bench/traces/world.h"

#include "lib/base/err.h"

#include <stdlib.h>
#include <string.h>

struct kind {
    const char *name, *what;
    double scale; /* by default */
    double game, vod, web;
};

static const struct kind kinds[] = {
    {"game", "releases, patches and installs of large files, in ranges", 64, 1, 0, 0},
    {"vod", "segments of video, most sessions left early", 8, 0, 1, 0},
    {"web", "images and web objects, many asked for once", 1, 0, 0, 1},
    {"week", "all three, places with their own hours", 16, 0.4, 0.4, 0.6},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int usage(void)
{
    fputs("trace_make KIND FILE [--seed 1] [--days 7] [--load 1] [--places 1] [--scale S]\n"
          "trace_make csv TRACE > FILE\n"
          "trace_make oracle TRACE FILE [--block 1048576]\n"
          "trace_make from-oracle FILE TRACE\n"
          "trace_make from-csv FILE TRACE\n"
          "trace_make from-log FILE TRACE\n"
          "trace_make from-tsv FILE TRACE\n"
          "trace_make sample TRACE TRACE --part 0.1\n",
          stderr);
    for (size_t i = 0; i < KINDS; i++)
        fprintf(stderr, "  %-6s %s\n", kinds[i].name, kinds[i].what);
    return 2;
}

/* The value after `name`, or the default. */
static double number(int argc, char **argv, const char *name, double otherwise)
{
    for (int i = 3; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return strtod(argv[i + 1], NULL);
    }
    return otherwise;
}

static int generate(const struct kind *k, const struct world_config *c, const char *path)
{
    struct world w;
    struct trace_writer out;
    struct trace_head head = {.places = c->places,
                              .seed = c->seed,
                              .duration_us = (uint64_t)(c->days * 86400e6),
                              .scale = c->scale};
    snprintf(head.kind, sizeof(head.kind), "%s", k->name);
    int r = trace_begin(&out, path, &head);
    if (r != 0)
        return r;
    world_init(&w, c, &out);
    if (k->game > 0)
        game_add(&w, 0, k->game);
    if (k->vod > 0)
        vod_add(&w, 1, k->vod);
    if (k->web > 0)
        web_add(&w, 2, k->web);
    world_run(&w);
    world_finish(&w);
    return trace_end(&out) ? 0 : ERR_IO;
}

/* Of others' formats: each makes a trace of a file. */
static const struct {
    const char *verb;
    int (*convert)(const char *from, const char *to);
} readers[] = {
    {"from-oracle", convert_from_oracle},
    {"from-csv", convert_from_csv},
    {"from-log", convert_from_log},
    {"from-tsv", convert_from_tsv},
};

/* What is done with a trace that is there. ERR_CONFIG: nothing of that name. */
static int use_trace(int argc, char **argv)
{
    struct trace t;
    const char *verb = argv[1];
    int r = trace_open(&t, argv[2]);
    if (r != 0)
        return r;
    if (strcmp(verb, "csv") == 0)
        r = convert_to_csv(&t, stdout);
    else if (argc > 3 && strcmp(verb, "oracle") == 0)
        r = convert_to_oracle(&t, (uint64_t)number(argc, argv, "--block", 1048576), argv[3]);
    else if (argc > 3 && strcmp(verb, "sample") == 0)
        r = convert_sample(&t, number(argc, argv, "--part", 0.1), argv[3]);
    else
        r = ERR_CONFIG;
    trace_close(&t);
    return r;
}

static int run(int argc, char **argv)
{
    const char *verb = argv[1];
    for (size_t i = 0; i < KINDS; i++) {
        struct world_config c = {.seed = (uint64_t)number(argc, argv, "--seed", 1),
                                 .days = number(argc, argv, "--days", 7),
                                 .scale = number(argc, argv, "--scale", kinds[i].scale),
                                 .load = number(argc, argv, "--load", 1),
                                 .places = (uint32_t)number(argc, argv, "--places", 1)};
        if (strcmp(verb, kinds[i].name) == 0)
            return generate(&kinds[i], &c, argv[2]);
    }
    for (size_t i = 0; argc > 3 && i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (strcmp(verb, readers[i].verb) == 0)
            return readers[i].convert(argv[2], argv[3]);
    }
    return use_trace(argc, argv);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return usage();
    int r = run(argc, argv);
    if (r != 0)
        fprintf(stderr, "trace_make: %s\n", err_text(r));
    return r == ERR_CONFIG ? usage() : r != 0;
}
