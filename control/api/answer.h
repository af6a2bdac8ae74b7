/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_ANSWER_H
#define CONTROL_API_ANSWER_H

#include "lib/base/buf.h"
#include "lib/codec/json_out.h"
#include "lib/web/exchange.h"

/* Answers of the API: JSON, and problem documents (RFC 9457). */
#define ANSWER_MAX_BYTES (16 << 20)

/* One JSON object as it is written. answer_open: *a is the caller's until it goes to answer_close,
 * which sends it, or to answer_drop. */
struct answer {
    struct buf text;
    struct json_out json;
};

struct json_out *answer_open(struct answer *a) __attribute__((returns_nonnull));
void answer_close(struct answer *a, struct exchange *x, int status);
void answer_drop(struct answer *a);

/* answer_json: text is copied; an overflowed one becomes a 500. */
void answer_json(struct exchange *x, int status, const struct buf *text);
/* answer_nothing: 204. */
void answer_nothing(struct exchange *x);
/* answer_problem: the detail is one sentence for a person, without line end. */
void answer_problem(struct exchange *x, int status, const char *format, ...) PRINTF(3, 4);
/* answer_error: the problem that an error code is: 400, 404, 409, 413 or 503. */
void answer_error(struct exchange *x, int err, struct span detail);

#endif
