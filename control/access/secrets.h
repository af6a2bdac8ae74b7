/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ACCESS_SECRETS_H
#define CONTROL_ACCESS_SECRETS_H

#include "lib/base/seal.h"
#include "control/state/state.h"
#include "lib/proto/secret_doc.h"

/* What the configuration keeps secret: private keys and signing secrets, each once, by its digest.
 * Documents name digests only, so the history, the API's answers and the audit log cannot tell a
 * secret; what goes to edges is put together here. A secret that no version needs any more is
 * taken out of the state. In the state they are sealed where there are keys for that, else as they
 * are: {"key": id, "sealed": hex, "gone_at": n} or {"text": ..., "gone_at": n}.
 * Threads: the state's (load: at start). */
struct secrets;

/* secrets_create: takes keys (NULL: none). */
struct secrets *secrets_create(struct seal_keys *keys) __attribute__((returns_nonnull));
void secrets_destroy(struct secrets **s); /* wipes them */
/* secrets_load: seals anew what the newest key has not sealed. ERR_DENIED and a sentence in why:
 * some are sealed with a key that is not there. */
MUST_USE int secrets_load(struct secrets *s, struct state *state, struct buf *why);

/* A new version of the configuration: its public document, and the secrets that it brings. */
struct secrets_version {
    uint64_t version, keep; /* how many versions can be gone back to */
    struct span document;
    const struct secret *fresh;
    size_t fresh_count;
};
/* secrets_plan: the facts that go with it, in mem, and how many; 0 or ERR_*. secrets_done: they
 * were committed. */
MUST_USE int secrets_plan(struct secrets *s, const struct secrets_version *v,
                          struct state_change **out, size_t *count, struct arena *mem);
void secrets_done(struct secrets *s, const struct secrets_version *v);
/* secrets_tell: the document as edges get it, with what it names by digest. ERR_NOT_FOUND: one of
 * them is not there. */
MUST_USE int secrets_tell(const struct secrets *s, const struct secrets_version *v,
                          struct buf *out);

#endif
