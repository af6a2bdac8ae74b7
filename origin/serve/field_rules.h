/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_SERVE_FIELD_RULES_H
#define ORIGIN_SERVE_FIELD_RULES_H

#include "lib/base/option.h"
#include "lib/http/headers.h"

/* Which fields an answer gets by its path: Cache-Control, tags, type. Rules stand in the order of
 * the
 * file; the first whose pattern fits decides, so that specific ones go first. Pure. */
struct field_rule {
    const char *pattern; /* glob on the whole path: '*' also crosses '/' */
    int line;
    const char *cache_control;      /* "": none is sent */
    struct option_texts tags;       /* Cache-Tag, comma-separated */
    const char *content_type;       /* "": by the name's ending */
    struct option_texts companions; /* endings of encoded forms beside the file (companions.h) */
    const char *dictionary;         /* Use-As-Dictionary's match (RFC 9842); "": it is none */
};
extern const struct option_section field_rule_section; /* titled by the pattern, any number */

/* field_rules_check: patterns start with '/' or '*'; values hold no control bytes. */
MUST_USE int field_rules_check(const struct option_records *rules, const char *file,
                               struct buf *why);
/* field_rules_of: the rule that decides for path; NULL: none does. */
const struct field_rule *field_rules_of(const struct option_records *rules, struct span path);
/* field_rules_add: adds the fields for path; values are borrowed from the rule, from stored_type
 * or from fs->mem. stored_type: as the storage has it (empty: unknown); a rule's own goes before
 * it, the name's ending after. */
void field_rules_add(const struct field_rule *rule, struct span path, struct span stored_type,
                     struct fields *fs);

#endif
