/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ACCESS_TOKEN_H
#define CONTROL_ACCESS_TOKEN_H

#include "control/state/state.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"

/* Tokens that were made through the API: who may ask for what. Kept as digests only: neither the
 * state's file nor this process's memory tells a token once it was handed out. They are 256 random
 * bits, so a plain SHA-256 hides them as well as a slow hash would; and each request costs one.
 * One lock, held for memory only. Threads: any; load at start; put and take_out after their commit
 * on the state's thread. */
enum token_right {
    TOKEN_NODE = 1, /* heartbeats, of the node that it is bound to */
    TOKEN_READ = 2,
    TOKEN_PURGE = 4,
    TOKEN_ADMIN = 8, /* includes all but TOKEN_NODE */
    TOKEN_PREFILL = 16,
};
#define TOKEN_NAME_BYTES 64
#define TOKEN_TEXT_BYTES 68 /* "byt_" and 64 digits */

struct token {
    char name[TOKEN_NAME_BYTES + 1];
    char node[TOKEN_NAME_BYTES + 1]; /* TOKEN_NODE: the only one it speaks for; "": any */
    char by[TOKEN_NAME_BYTES + 1];   /* who made it */
    unsigned rights;                 /* of enum token_right */
    msec_t at_wall_ms;               /* when */
    uint8_t digest[DIGEST_SHA256_BYTES];
};

/* token_make: fresh text into out, and its digest into t. */
void token_make(struct token *t, char out[TOKEN_TEXT_BYTES + 1]);
/* token_has: whether its rights include one of `rights`. Pure. */
bool token_has(const struct token *t, unsigned rights);
/* token_right_of: 0 where it is no name of a right that can be given ("read", "purge", "prefill",
 * "admin"). */
unsigned token_right_of(struct span name);

struct tokens;
struct tokens *tokens_create(void) __attribute__((returns_nonnull));
void tokens_destroy(struct tokens **t);
MUST_USE int tokens_load(struct tokens *t, struct state *s);
/* tokens_change: the fact of a token; t == NULL: that there is none of this name. In mem. */
struct state_change tokens_change(struct span name, const struct token *t, struct arena *mem);
bool tokens_has(struct tokens *t, struct span name);
void tokens_put(struct tokens *t, const struct token *one);
void tokens_take_out(struct tokens *t, struct span name);
/* tokens_find: by the digest of what a request bears. false: no such token. */
bool tokens_find(struct tokens *t, const uint8_t digest[DIGEST_SHA256_BYTES], struct token *out);
/* tokens_write: as elements of an array that is open, by name, without digests. token_write: as
 * members of an object that is open. */
struct json_out;
void tokens_write(struct tokens *t, struct json_out *o);
void token_write(const struct token *t, struct json_out *o);

#endif
