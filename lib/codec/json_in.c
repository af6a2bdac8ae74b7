/* SPDX-License-Identifier: MIT
 * Bounds and one sticking fault around jansson, whose names stay in this file. */
#include "lib/codec/json_in.h"

#include "lib/base/err.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

int json_in_parse(struct json_in *in, struct span text, size_t max_bytes)
{
    *in = (struct json_in){0};
    if (text.n > max_bytes) {
        snprintf(in->fault, sizeof in->fault, "is larger than %zu bytes", max_bytes);
        return ERR_TOO_BIG;
    }
    json_error_t error;
    in->root = json_loadb(text.p != NULL ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    if (in->root != NULL)
        return 0;
    snprintf(in->fault, sizeof in->fault, "line %d column %d: %.60s", error.line, error.column,
             error.text);
    return ERR_SYNTAX;
}

void json_in_finish(struct json_in *in)
{
    json_decref(in->root);
    in->root = NULL;
}

int json_in_end(struct json_in *in, int err, const struct arena *mem, struct buf *why)
{
    bool is_faulty = json_in_is_faulty(in), is_full = mem != NULL && arena_overflowed(mem);
    json_in_finish(in);
    if (is_faulty)
        buf_printf(why, "%s", in->fault);
    else if (is_full)
        buf_printf(why, "does not fit into the memory set apart for it");
    if (err == 0 && is_faulty)
        err = ERR_SYNTAX;
    if (err == 0 && is_full)
        err = ERR_TOO_BIG;
    return err;
}

void json_in_fault(struct json_in *in, const char *key, const char *what)
{
    if (!json_in_is_faulty(in))
        snprintf(in->fault, sizeof in->fault, "%.40s: %.50s", key, what);
}

const struct json_t *json_in_member(const struct json_t *o, const char *key)
{
    return json_object_get(o, key);
}

bool json_in_has(const struct json_t *o, const char *key)
{
    return json_object_get(o, key) != NULL;
}

struct span json_in_text_of(struct json_in *in, const struct json_t *v, const char *key, size_t max)
{
    if (!json_is_string(v)) {
        json_in_fault(in, key, "is no text");
        return SPAN_NONE;
    }
    if (json_string_length(v) > max) {
        json_in_fault(in, key, "is too long");
        return SPAN_NONE;
    }
    return span_make(json_string_value(v), json_string_length(v));
}

struct span json_in_text(struct json_in *in, const struct json_t *o, const char *key, size_t max)
{
    const json_t *v = json_object_get(o, key);
    return v != NULL ? json_in_text_of(in, v, key, max) : SPAN_NONE;
}

struct span json_in_text_at(struct json_in *in, const struct json_t *array, size_t i, size_t max)
{
    return json_in_text_of(in, json_array_get(array, i), "an element", max);
}

uint64_t json_in_u64(struct json_in *in, const struct json_t *o, const char *key, uint64_t fallback)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL)
        return fallback;
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        json_in_fault(in, key, "is no whole number from 0");
        return fallback;
    }
    return (uint64_t)json_integer_value(v);
}

double json_in_real(struct json_in *in, const struct json_t *o, const char *key, double fallback)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL)
        return fallback;
    if (!json_is_number(v) || !isfinite(json_number_value(v))) {
        json_in_fault(in, key, "is no number");
        return fallback;
    }
    return json_number_value(v);
}

bool json_in_bool(struct json_in *in, const struct json_t *o, const char *key, bool fallback)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL)
        return fallback;
    if (!json_is_boolean(v)) {
        json_in_fault(in, key, "is neither true nor false");
        return fallback;
    }
    return json_is_true(v);
}

const struct json_t *json_in_object(struct json_in *in, const struct json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_object(v))
        return v;
    json_in_fault(in, key, "is no object");
    return NULL;
}

const struct json_t *json_in_array(struct json_in *in, const struct json_t *o, const char *key,
                                   size_t max)
{
    const json_t *v = json_object_get(o, key);
    if (v == NULL)
        return NULL;
    if (!json_is_array(v)) {
        json_in_fault(in, key, "is no array");
        return NULL;
    }
    if (json_array_size(v) > max) {
        json_in_fault(in, key, "has too many elements");
        return NULL;
    }
    return v;
}

size_t json_in_count(const struct json_t *array)
{
    return array != NULL ? json_array_size(array) : 0;
}

const struct json_t *json_in_at(const struct json_t *array, size_t i)
{
    return json_array_get(array, i);
}

bool json_in_each(const struct json_t *o, void **at, struct span *key, const struct json_t **value)
{
    json_t *object = (json_t *)(uintptr_t)o; /* jansson's iterators take no const */
    *at = *at == NULL ? json_object_iter(object) : json_object_iter_next(object, *at);
    if (*at == NULL)
        return false;
    *key = span_make(json_object_iter_key(*at), json_object_iter_key_len(*at));
    *value = json_object_iter_value(*at);
    return true;
}

enum json_kind json_in_kind(const struct json_t *v)
{
    if (json_is_string(v))
        return JSON_KIND_TEXT;
    if (json_is_integer(v))
        return JSON_KIND_INT;
    if (json_is_boolean(v))
        return JSON_KIND_BOOL;
    if (json_is_array(v))
        return JSON_KIND_ARRAY;
    return json_is_object(v) ? JSON_KIND_OBJECT : JSON_KIND_OTHER;
}

static int on_dumped(const char *p, size_t n, void *out)
{
    buf_add(out, p, n);
    return 0;
}

void json_in_dump(const struct json_t *v, struct buf *out)
{
    json_dump_callback(v, on_dumped, out, JSON_COMPACT | JSON_ENCODE_ANY);
}
