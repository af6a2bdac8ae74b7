/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_SITE_DOC_H
#define LIB_PROTO_SITE_DOC_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"

/* A site as the control plane keeps and distributes it (lib/proto/README.md, "Site document").
 * The rules of its options are the edge's business: here they are names and values of a form that
 * can stand in a configuration file without doing harm. Pure. Threads: any. */
#define SITE_DOC_NAME_BYTES  64
#define SITE_DOC_VALUE_BYTES 1024
#define SITE_DOC_MAX_HOSTS   256
#define SITE_DOC_MAX_OPTIONS 64
#define SITE_DOC_MAX_BYTES   (64 << 10)
#define SITE_DOC_MAX_PRICE   4

struct site_doc_texts {
    struct span *v;
    size_t count;
};

struct site_doc {
    struct span name;
    struct site_doc_texts hosts;   /* lower case; exact, or "*.example.com" */
    struct site_doc_texts origins; /* may be none: the site is known to control only */
    /* options[i] = values[i]; a value is written as in a configuration file: quoted text or list */
    struct site_doc_texts options, values;
    uint8_t price_class; /* of edges, up to which it pays; 0: any */
};

struct site_docs {
    struct site_doc *v;
    size_t count;
};

/* Readers: 0, or ERR_TOO_BIG, ERR_SYNTAX with a sentence in `why`; spans live as long as mem.
 * site_doc_read: one site; its name may be absent and is then `name`.
 * site_docs_read: {"sites": [...]}, what comes as `config` with a heartbeat's answer. */
MUST_USE int site_doc_read(struct span text, struct span name, struct site_doc *out,
                           struct arena *mem, struct buf *why);
MUST_USE int site_docs_read(struct span text, struct site_docs *out, struct arena *mem,
                            struct buf *why);
/* site_doc_write_conf: as the section `site "name" { ... }` of an edge's configuration file. */
void site_doc_write_conf(const struct site_doc *site, struct buf *out);
/* A name that can stand in files, labels and paths: letters, digits, '.', '_', '-'; 1..64. */
bool site_doc_name_is_valid(struct span name);

#endif
