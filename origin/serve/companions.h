/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_SERVE_COMPANIONS_H
#define ORIGIN_SERVE_COMPANIONS_H

#include "lib/http/headers.h"
#include "origin/serve/field_rules.h"

/* Encoded forms of a file, made beforehand and stored beside it: a.js.zst, a.js.br, a.js.gz, and
 * a.js.dcz-<sha256>, which is a delta against the dictionary of that digest (RFC 9842). Which of
 * them a client may have, by what it accepts (RFC 9110 s.12.5.3) and has (Available-Dictionary).
 * Pure. */
struct companion {
    struct span coding; /* Content-Encoding; empty: the file itself */
    struct span suffix; /* what its name has besides */
};
#define COMPANIONS_MAX 5

/* companions_choose: the best first; the file itself is always among them. Suffixes may lie in
 * request->mem. */
int companions_choose(const struct field_rule *rule, const struct fields *request,
                      struct companion out[COMPANIONS_MAX]);
/* companions_vary: what an answer by this rule depends on; empty: nothing. */
struct span companions_vary(const struct field_rule *rule);
/* companions_check: whether a name of the option is one. */
bool companions_is_known(const char *name);

#endif
