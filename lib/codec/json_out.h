/* SPDX-License-Identifier: MIT */
#ifndef LIB_CODEC_JSON_OUT_H
#define LIB_CODEC_JSON_OUT_H

#include "lib/base/buf.h"

/* JSON (RFC 8259) written straight into a buffer, in one pass: no tree, no allocation but the
 * buffer's. Overflow sticks in the buffer and is asked for once, at the end. Bytes that are not
 * UTF-8 are written as U+FFFD, so that whatever goes in, what comes out is JSON.
 * key: a constant in ASCII without quotes, or NULL inside an array (and for the outermost value).
 * Threads: one at a time. */
struct json_out {
    struct buf *to;
    bool needs_comma;
};

void json_out_begin(struct json_out *o, struct buf *to);

/* The same with a key whose length is known: constants are measured where they stand. */
void json_out_open(struct json_out *o, struct span key, char bracket);
void json_out_close(struct json_out *o, char bracket);
void json_out_text_of(struct json_out *o, struct span key, struct span text);
void json_out_int_of(struct json_out *o, struct span key, int64_t n);
void json_out_u64_of(struct json_out *o, struct span key, uint64_t n);
void json_out_real_of(struct json_out *o, struct span key, double x, int decimals);
void json_out_raw_of(struct json_out *o, struct span key, struct span text);

static inline void json_out_object(struct json_out *o, const char *key)
{
    json_out_open(o, span_of(key), '{');
}

static inline void json_out_end_object(struct json_out *o)
{
    json_out_close(o, '}');
}

static inline void json_out_array(struct json_out *o, const char *key)
{
    json_out_open(o, span_of(key), '[');
}

static inline void json_out_end_array(struct json_out *o)
{
    json_out_close(o, ']');
}

static inline void json_out_text(struct json_out *o, const char *key, struct span text)
{
    json_out_text_of(o, span_of(key), text);
}

static inline void json_out_int(struct json_out *o, const char *key, int64_t n)
{
    json_out_int_of(o, span_of(key), n);
}

static inline void json_out_u64(struct json_out *o, const char *key, uint64_t n)
{
    json_out_u64_of(o, span_of(key), n);
}

/* At most `decimals` digits after the point; what is not finite is written as null. */
static inline void json_out_real(struct json_out *o, const char *key, double x, int decimals)
{
    json_out_real_of(o, span_of(key), x, decimals);
}

/* text is JSON already (checked by who has it): a value, or members with commas between. */
static inline void json_out_raw(struct json_out *o, const char *key, struct span text)
{
    json_out_raw_of(o, span_of(key), text);
}

static inline void json_out_bool(struct json_out *o, const char *key, bool b)
{
    json_out_raw_of(o, span_of(key), b ? SPAN("true") : SPAN("false"));
}

static inline void json_out_null(struct json_out *o, const char *key)
{
    json_out_raw_of(o, span_of(key), SPAN("null"));
}

/* A key that comes from outside; the value follows by a call with key NULL. */
void json_out_key(struct json_out *o, struct span key);

#endif
