/* SPDX-License-Identifier: MIT
 * Orders and reports of prefills as JSON. Pure. */
#include "lib/proto/prefill.h"

#include "lib/proto/heartbeat.h"

static const char *const state_names[] = {
#define X(id, name) [PREFILL_##id] = name,
    PREFILL_STATES(X)
#undef X
};

const char *prefill_state_name(enum prefill_state s)
{
    return state_names[s];
}

static bool state_of(struct span name, enum prefill_state *out)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
        *out = (enum prefill_state)i;
        if (span_eq(name, span_of(state_names[i])))
            return true;
    }
    return false;
}

static bool id_is_valid(struct span id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return id.n > 0 && id.n <= PREFILL_ID_BYTES;
}

/* Whoever asks for it judges the rest. */
static bool is_of_http(struct span url)
{
    return span_starts(url, SPAN("http://")) || span_starts(url, SPAN("https://"));
}

static void read_urls(struct json_in *in, const struct json_t *from, struct prefill_order *out,
                      struct arena *mem)
{
    const struct json_t *urls = json_in_array(in, from, "urls", PREFILL_URLS_MAX);
    size_t count = json_in_count(urls);
    if (count == 0)
        json_in_fault(in, "urls", "must be a list of at least one");
    out->urls = arena_zalloc(mem, (count + 1) * sizeof(*out->urls));
    for (size_t i = 0; i < count && !arena_overflowed(mem) && !json_in_is_faulty(in); i++) {
        out->urls[i] = arena_dup(mem, json_in_text_at(in, urls, i, HEARTBEAT_URL_BYTES));
        if (!is_of_http(out->urls[i]))
            json_in_fault(in, "urls", "must be absolute http or https URLs");
        out->url_count = i + 1;
    }
}

void prefill_order_read(struct json_in *in, const struct json_t *from, msec_t now_wall,
                        struct prefill_order *out, struct arena *mem)
{
    *out =
        (struct prefill_order){.id = arena_dup(mem, json_in_text(in, from, "id", PREFILL_ID_BYTES)),
                               .rate_per_s = json_in_u64(in, from, "rate", 0),
                               .pin_until = (msec_t)json_in_u64(in, from, "pin_until_ms", 0)};
    uint64_t pin_s = json_in_u64(in, from, "pin_s", 0);
    uint64_t parallel = json_in_u64(in, from, "parallel", PREFILL_PARALLEL);
    if (pin_s > PREFILL_PIN_MAX_S ||
        out->pin_until > now_wall + (msec_t)(2 * PREFILL_PIN_MAX_S) * MSEC_PER_SEC)
        json_in_fault(in, "pin_s", "is longer than a year");
    else if (pin_s > 0)
        out->pin_until = now_wall + (msec_t)pin_s * MSEC_PER_SEC;
    if (parallel < 1 || parallel > PREFILL_PARALLEL_MAX)
        json_in_fault(in, "parallel", "must be from 1 to 16");
    out->parallel = (uint32_t)parallel;
    if (out->id.n > 0 && !id_is_valid(out->id))
        json_in_fault(in, "id", "must be of letters, digits and '-'");
    read_urls(in, from, out, mem);
}

void prefill_order_write(const struct prefill_order *order, struct json_out *o)
{
    json_out_text(o, "id", order->id);
    json_out_u64(o, "rate", order->rate_per_s);
    json_out_int(o, "pin_until_ms", order->pin_until);
    json_out_u64(o, "parallel", order->parallel);
    json_out_array(o, "urls");
    for (size_t i = 0; i < order->url_count; i++)
        json_out_text(o, NULL, order->urls[i]);
    json_out_end_array(o);
}

void prefill_report_write(const struct prefill_report *r, struct json_out *o)
{
    json_out_text(o, "id", r->id);
    json_out_text(o, "state", span_of(prefill_state_name(r->state)));
#define X(name, meaning) json_out_u64(o, #name, r->name);
    PREFILL_SUMS(X)
#undef X
    if (r->fault.n > 0)
        json_out_text(o, "fault", r->fault);
}

void prefill_report_read(struct json_in *in, const struct json_t *from, struct prefill_report *out,
                         struct arena *mem)
{
    *out = (struct prefill_report){
        .id = arena_dup(mem, json_in_text(in, from, "id", PREFILL_ID_BYTES)),
        .fault = arena_dup(mem, json_in_text(in, from, "fault", PREFILL_FAULT_BYTES))};
    if (!id_is_valid(out->id))
        json_in_fault(in, "id", "must be of letters, digits and '-'");
    if (!state_of(json_in_text(in, from, "state", PREFILL_ID_BYTES), &out->state))
        json_in_fault(in, "state", "is no state of a prefill");
#define X(name, meaning) out->name = json_in_u64(in, from, #name, 0);
    PREFILL_SUMS(X)
#undef X
}
