/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROLLOUT_PAPERS_H
#define CONTROL_ROLLOUT_PAPERS_H

#include "lib/base/buf.h"
#include "lib/base/check.h"

/* What the configuration has beside sites: certificates, keys and routing rules, each a JSON text
 * in its public form (secrets as digests). They are durable as parts of the newest version's
 * document. One lock, held for memory only. Threads: any; changed on the state's (or main, at
 * start). */
enum paper_kind { PAPER_CERTIFICATE, PAPER_KEY, PAPER_ROUTING, PAPER_KINDS };

struct paper {
    enum paper_kind kind;
    struct span name; /* empty: PAPER_ROUTING, of which there is one */
    struct span text; /* p == NULL: there is none any more */
};

struct papers;
struct papers *papers_create(void) __attribute__((returns_nonnull));
void papers_destroy(struct papers **p);
void papers_put(struct papers *p, const struct paper *one);
/* papers_replace: those of a whole document, in place of all. ERR_SYNTAX, ERR_TOO_BIG. */
MUST_USE int papers_replace(struct papers *p, struct span document);

/* papers_get: its text at the end of out; false: there is none. */
bool papers_get(struct papers *p, enum paper_kind kind, struct span name, struct buf *out);
/* papers_write_kind: as elements of an open array, by name. papers_write: all, as members
 * "certificates", "keys" and "routing" of an open object, as they would be with `edit` (NULL: as
 * they are); what there is none of is left out. */
struct json_out;
void papers_write_kind(struct papers *p, enum paper_kind kind, struct json_out *o);
void papers_write(struct papers *p, const struct paper *edit, struct json_out *o);

#endif
