/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ACCESS_AUDIT_H
#define CONTROL_ACCESS_AUDIT_H

#include "control/state/state.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"

/* The audit log: who changed what, when, and from where. An entry is one of the facts of the commit
 * that makes the change durable, so there is no change without its entry and no entry without its
 * change. Numbered from 1; the oldest go when there are more than `keep`. It never holds a secret:
 * entries name things, they do not quote requests.
 * Threads: the state's (open: at start). */
struct audit;
struct audit_entry {
    msec_t at_wall_ms;
    struct span who;   /* name of the token, or of what in the program itself */
    struct span from;  /* IP address; empty: this machine */
    struct span what;  /* method and path */
    struct span about; /* a few words; may be empty */
};
#define AUDIT_TEXT_BYTES 512 /* of each of them; longer ones are cut */
#define AUDIT_CHANGES    2

MUST_USE int audit_open(struct audit **out, struct state *s, uint64_t keep);
void audit_close(struct audit **a);
/* audit_next: the facts of the next entry, in mem; how many. audit_done: they were committed. */
size_t audit_next(struct audit *a, const struct audit_entry *e,
                  struct state_change out[AUDIT_CHANGES], struct arena *mem);
void audit_done(struct audit *a);
/* audit_commit: changes and their entry, or nothing. 0 or the state's error. */
MUST_USE int audit_commit(struct audit *a, struct state *s, const struct audit_entry *e,
                          const struct state_change *changes, size_t count);
uint64_t audit_head(const struct audit *a); /* number of the newest; 0: none ever */
/* audit_write: entries with numbers from `from` to before `before`, as elements of an array that
 * is open, the newest last. 0 or the state's error. */
struct json_out;
MUST_USE int audit_write(struct state *s, uint64_t from, uint64_t before, struct json_out *o);

#endif
