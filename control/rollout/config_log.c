/* SPDX-License-Identifier: MIT
 * Versions as facts. */
#include "control/rollout/config_log.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <inttypes.h>
#include <stdio.h>

#define KEY_BYTES  21
#define FACT_BYTES (4 << 20)
#define TEXT_BYTES 512

static struct span key_of(uint64_t version, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%020" PRIu64, version);
    return span_make(out, KEY_BYTES - 1);
}

static struct span fact_of(const struct config_version *v, struct arena *mem)
{
    struct json_out o;
    struct buf text;
    buf_init(&text, FACT_BYTES);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_int(&o, "at_ms", v->at_wall_ms);
    json_out_text(&o, "who", v->who);
    json_out_text(&o, "what",
                  span_make(v->what.p, v->what.n < TEXT_BYTES ? v->what.n : TEXT_BYTES));
    json_out_raw(&o, "document", v->document);
    json_out_end_object(&o);
    struct span fact = buf_overflowed(&text) ? SPAN_NONE : arena_dup(mem, buf_span(&text));
    buf_finish(&text);
    return fact;
}

size_t config_log_changes(const struct config_version *v,
                          struct state_change out[CONFIG_LOG_CHANGES], struct arena *mem)
{
    char key[KEY_BYTES];
    out[0] = (struct state_change){STATE_CONFIG, arena_dup(mem, key_of(v->version, key)),
                                   fact_of(v, mem)};
    if (v->version <= CONFIG_LOG_KEEP)
        return 1;
    out[1] = (struct state_change){
        STATE_CONFIG, arena_dup(mem, key_of(v->version - CONFIG_LOG_KEEP, key)), SPAN_NONE};
    return 2;
}

/* Faults stick to in. */
static struct config_version read_fact(struct json_in *in, uint64_t version)
{
    return (struct config_version){
        .version = version,
        .at_wall_ms = (msec_t)json_in_u64(in, in->root, "at_ms", 0),
        .who = json_in_text(in, in->root, "who", TEXT_BYTES),
        .what = json_in_text(in, in->root, "what", 4 * TEXT_BYTES),
    };
}

struct finding {
    uint64_t version;
    struct config_version *out;
    struct arena *mem;
    bool is_found;
};

static bool on_find(void *ctx, struct span key, struct span value)
{
    struct finding *f = ctx;
    struct json_in in;
    struct buf text;
    uint64_t version;
    if (!span_u64(key, &version) || version != f->version ||
        json_in_parse(&in, value, FACT_BYTES) != 0)
        return false;
    struct config_version v = read_fact(&in, version);
    const struct json_t *document = json_in_object(&in, in.root, "document");
    f->is_found = document != NULL && !json_in_is_faulty(&in);
    buf_init(&text, FACT_BYTES);
    if (f->is_found)
        json_in_dump(document, &text);
    v.who = arena_dup(f->mem, v.who);
    v.what = arena_dup(f->mem, v.what);
    v.document = arena_dup(f->mem, buf_span(&text));
    *f->out = v;
    buf_finish(&text);
    json_in_finish(&in);
    return false;
}

int config_log_find(struct state *s, uint64_t version, struct config_version *out,
                    struct arena *mem)
{
    char key[KEY_BYTES];
    struct finding f = {version, out, mem, false};
    int err = state_each(s, STATE_CONFIG, key_of(version, key), on_find, &f);
    if (err == 0 && arena_overflowed(mem))
        err = ERR_TOO_BIG;
    return err == 0 && !f.is_found ? ERR_NOT_FOUND : err;
}

void config_log_write_one(const struct config_version *v, struct json_out *o)
{
    char at[CLOCK_ISO_BYTES + 1];
    clock_iso(v->at_wall_ms, at);
    json_out_u64(o, "version", v->version);
    json_out_text(o, "at", span_of(at));
    json_out_text(o, "who", v->who);
    json_out_text(o, "what", v->what);
}

static bool on_write(void *ctx, struct span key, struct span value)
{
    struct json_out *o = ctx;
    struct json_in in;
    uint64_t version;
    if (!span_u64(key, &version))
        return true;
    if (json_in_parse(&in, value, FACT_BYTES) == 0) {
        struct config_version v = read_fact(&in, version);
        json_out_object(o, NULL);
        config_log_write_one(&v, o);
        json_out_end_object(o);
    }
    if (json_in_is_faulty(&in))
        LOG_WARN_LIMITED("state-config-damaged", "version=%" PRIu64 " reason=\"%s\"", version,
                         in.fault);
    json_in_finish(&in);
    return true;
}

int config_log_write(struct state *s, struct json_out *o)
{
    return state_each(s, STATE_CONFIG, SPAN_NONE, on_write, o);
}
