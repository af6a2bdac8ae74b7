/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TRACES_TRACE_H
#define BENCH_TRACES_TRACE_H

#include "lib/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Traces of requests: a head of 64 bytes, then rows of 64 bytes in the order of their time, little
 * endian. README.md tells each field. Owner: who opened; one thread. */
#define TRACE_MAGIC   0x31454341525442ull /* "BTRACE1" */
#define TRACE_VERSION 1u

struct trace_head {
    uint64_t magic;
    uint32_t version, places;
    uint64_t rows, seed;
    uint64_t duration_us;
    double scale; /* real bytes are these times so many */
    char kind[16];
};
_Static_assert(sizeof(struct trace_head) == 64, "file format: bump TRACE_VERSION");

struct trace_row {
    uint64_t time_us; /* since the trace began */
    uint64_t object;  /* the same file for ever */
    uint64_t size;    /* of this version of the whole file */
    uint64_t offset;  /* first byte asked for */
    uint64_t length;  /* bytes asked for, at least one */
    uint64_t taken;   /* bytes after which the client goes away; length: it takes all */
    uint32_t version; /* of the file: grows when it is replaced */
    uint32_t client;
    uint32_t bytes_s; /* how fast this client takes */
    uint16_t place, site;
};
_Static_assert(sizeof(struct trace_row) == 64, "file format: bump TRACE_VERSION");

/* Reading: all rows mapped. 0 or a code of err.def. */
struct trace {
    const struct trace_head *head;
    const struct trace_row *rows;
    size_t mapped;
};
MUST_USE int trace_open(struct trace *t, const char *path);
/* trace_expect: this process will read all of it soon: one call instead of a fault a page. */
void trace_expect(const struct trace *t);
void trace_close(struct trace *t);

/* Writing, front to back. trace_end: writes the head; false: something was not written. */
struct trace_writer {
    FILE *file;
    struct trace_head head;
};
MUST_USE int trace_begin(struct trace_writer *w, const char *path, const struct trace_head *head);
void trace_add(struct trace_writer *w, const struct trace_row *r);
MUST_USE bool trace_end(struct trace_writer *w);

/* trace_scale: a row's bytes made fewer: each byte of the result stands for `factor` of the
 * trace's; ranges that met still meet. Pure. */
struct trace_row trace_scale(const struct trace_row *r, uint64_t factor);

#endif
