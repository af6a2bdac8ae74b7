/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_CTL_CTL_H
#define CONTROL_CTL_CTL_H

#include "lib/base/buf.h"
#include "lib/codec/json_in.h"

#include <stdbool.h>

/* byeorictl: what every verb is given, and what it may use. One thread, one request at a time. */
enum ctl_exit {
    CTL_GOOD = 0,
    CTL_REFUSED = 1, /* a negative answer: refused, not found, not complete */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,
};

struct ctl {
    const char *control;                     /* URL of the API */
    const char *token_file;                  /* "" : none */
    const char *ca_file;                     /* "" : the system's */
    const char *certificate_file, *key_file; /* "" : none is shown */
    bool is_json;
    /* the verb's own */
    int argc;
    char **argv; /* after the verb */
};

struct ctl_verb {
    const char *name;
    const char *usage; /* after "byeorictl" */
    const char *meaning;
    int (*run)(struct ctl *c); /* an enum ctl_exit */
};
extern const struct ctl_verb ctl_status, ctl_nodes, ctl_route, ctl_explain, ctl_objects, ctl_purge,
    ctl_prefill, ctl_site, ctl_certificate, ctl_key, ctl_routing, ctl_cost, ctl_config, ctl_token,
    ctl_audit;

/* An answer. ctl_reply_finish when done with it; a zeroed one is fine. */
struct ctl_reply {
    int status;
    struct buf body;
    struct json_in json; /* root == NULL where the body is no JSON */
};
void ctl_reply_finish(struct ctl_reply *r);

/* ctl_ask: one request to base + target (base NULL: the control plane, with the token). body: JSON,
 * or empty. CTL_GOOD for a 2xx; else a line on standard error was written: CTL_REFUSED (with its
 * problem's detail) or CTL_UNREACHABLE. */
struct ctl_request {
    const char *base;
    const char *method;
    const char *target; /* path and query, encoded */
    struct span body;
};
int ctl_ask(const struct ctl *c, const struct ctl_request *request, struct ctl_reply *out);

/* ctl_tell: asks, and shows a good answer: as it came with --json, else by `show`. */
typedef void (*ctl_show_fn)(void *ctx, struct ctl_reply *r);
int ctl_tell(const struct ctl *c, const struct ctl_request *request, ctl_show_fn show, void *ctx);

/* ctl_document: one request about one of the documents below a path, or (name NULL) about all.
 * show NULL: the answer as it came. */
struct ctl_document {
    const char *method, *path;
    const char *name;
    const char *act; /* "/rotate"; NULL: none */
    struct span body;
    ctl_show_fn show;
};
int ctl_document(struct ctl *c, const struct ctl_document *d);
/* ctl_document_put: with a file's bytes as its body. */
int ctl_document_put(struct ctl *c, struct ctl_document d, const char *file);

/* ctl_collection: what documents of every kind have: list, get NAME, put NAME FILE, delete NAME;
 * whatever else was said is a misuse of the verb. */
struct ctl_collection {
    const char *path;
    ctl_show_fn show_all;
};
int ctl_collection(struct ctl *c, const struct ctl_collection *all, const struct ctl_verb *verb);
/* ctl_read_file: the whole of a file, or of standard input for "-"; false: a line on standard error
 * says why not. */
bool ctl_read_file(const char *file, struct buf *out);

/* ctl_edges: fn for the edge at that admin address, or (NULL) for each that the control plane knows
 * of. The worst of its results, or why the control plane could not tell. */
typedef int (*ctl_edge_fn)(void *ctx, const char *name, const char *admin_url);
int ctl_edges(struct ctl *c, const char *edge, ctl_edge_fn fn, void *ctx);

/* ctl_show_json: the answer as it came, with a line end. */
void ctl_show_json(const struct ctl_reply *r);
/* ctl_misuse: a line on standard error; CTL_USAGE. */
int ctl_misuse(const struct ctl_verb *verb, const char *what);
/* ctl_flag: whether --name is among the arguments, and takes it out. ctl_value: its value, or NULL.
 */
bool ctl_flag(struct ctl *c, const char *name);
const char *ctl_value(struct ctl *c, const char *name);
/* ctl_encode: text as a query value or path segment (RFC 3986), at the end of out. */
void ctl_encode(struct buf *out, const char *text);

/* Tables for people: cells are added row by row; widths are found when it is shown. */
struct ctl_table;
struct ctl_table *ctl_table_create(const char *const *heads, size_t columns);
void ctl_cell(struct ctl_table *t, const char *format, ...) PRINTF(2, 3);
void ctl_table_show(struct ctl_table **t); /* takes it */

/* Members of answers as text for cells: "-" where absent. Borrowed until the reply is finished,
 * or from a small ring of buffers. */
const char *ctl_text(struct ctl_reply *r, const struct json_t *o, const char *key);
const char *ctl_number(struct ctl_reply *r, const struct json_t *o, const char *key);
const char *ctl_joined(struct ctl_reply *r, const struct json_t *o, const char *key); /* a list */
const char *ctl_bytes(double bytes);

#endif
