/* SPDX-License-Identifier: MIT */
#ifndef LIB_CODEC_JSON_IN_H
#define LIB_CODEC_JSON_IN_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"

/* JSON (RFC 8259) read whole into a tree (jansson): strict UTF-8, no duplicate keys, nesting
 * bounded. Values are then asked for by key, and the first that is of the wrong kind or out of
 * bounds sticks as the document's fault, to be asked for once, at the end. An absent key is no
 * fault: the fallback stands, which is how old and new peers understand each other.
 * Spans returned are borrowed from the tree. Threads: one at a time. */
struct json_t;
struct json_in {
    struct json_t *root;
    char fault[96]; /* "" : none yet; else a sentence that names the key */
};

/* json_in_parse: 0, ERR_TOO_BIG past max_bytes, or ERR_SYNTAX with the reason in in->fault.
 * json_in_finish: also after a failed parse and on a zeroed one.
 * json_in_end: finishes, and says what came of it all: err where the parse gave one, ERR_SYNTAX for
 * a fault, ERR_TOO_BIG where mem (may be NULL), which held what was read, had no room; `why` gets
 * the sentence. */
MUST_USE int json_in_parse(struct json_in *in, struct span text, size_t max_bytes);
void json_in_finish(struct json_in *in);
MUST_USE int json_in_end(struct json_in *in, int err, const struct arena *mem, struct buf *why);
static inline bool json_in_is_faulty(const struct json_in *in)
{
    return in->fault[0] != '\0';
}
/* json_in_fault: sets a fault of the caller's own finding, if none is there. */
void json_in_fault(struct json_in *in, const char *key, const char *what);

/* o: an object of the tree, or NULL (as if every key were absent). */
struct span json_in_text(struct json_in *in, const struct json_t *o, const char *key, size_t max);
uint64_t json_in_u64(struct json_in *in, const struct json_t *o, const char *key,
                     uint64_t fallback);
double json_in_real(struct json_in *in, const struct json_t *o, const char *key, double fallback);
bool json_in_bool(struct json_in *in, const struct json_t *o, const char *key, bool fallback);
const struct json_t *json_in_object(struct json_in *in, const struct json_t *o, const char *key);
/* An array of at most max elements; NULL when absent. */
const struct json_t *json_in_array(struct json_in *in, const struct json_t *o, const char *key,
                                   size_t max);
size_t json_in_count(const struct json_t *array); /* NULL: 0 */
const struct json_t *json_in_at(const struct json_t *array, size_t i);
bool json_in_has(const struct json_t *o, const char *key);
/* json_in_member: whatever kind it is of; NULL when absent. */
const struct json_t *json_in_member(const struct json_t *o, const char *key);
/* The element as text; p == NULL and a fault where it is not, or longer than max. */
struct span json_in_text_at(struct json_in *in, const struct json_t *array, size_t i, size_t max);
/* json_in_each: the members of o, one a call, in no order; *at starts as NULL; false at the end. */
bool json_in_each(const struct json_t *o, void **at, struct span *key, const struct json_t **value);
enum json_kind {
    JSON_KIND_OTHER, /* null, or a number with a fraction; also NULL */
    JSON_KIND_TEXT,
    JSON_KIND_INT,
    JSON_KIND_BOOL,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
};
enum json_kind json_in_kind(const struct json_t *v);
/* json_in_text_of: v itself as text; p == NULL and a fault, which names key, where it is not. */
struct span json_in_text_of(struct json_in *in, const struct json_t *v, const char *key,
                            size_t max);
/* json_in_dump: v as compact JSON. */
void json_in_dump(const struct json_t *v, struct buf *out);

#endif
