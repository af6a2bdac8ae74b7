/* SPDX-License-Identifier: MIT
 * The heartbeat and its answer as JSON. Fields unknown here are ignored and absent ones read as
 * zero or empty, so that old and new programs understand each other; what is there must hold. */
#include "lib/proto/heartbeat.h"

#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

/* Empty means absent, on both sides. */
static void write_text(struct json_out *o, const char *key, struct span text)
{
    if (text.n > 0)
        json_out_text(o, key, text);
}

static struct span read_text(struct json_in *in, const struct json_t *o, const char *key,
                             size_t max, struct arena *mem)
{
    struct span s = json_in_text(in, o, key, max);
    return s.n > 0 ? arena_dup(mem, s) : SPAN_NONE;
}

static void write_usage(struct json_out *o, const struct heartbeat_site_usage *u)
{
    json_out_object(o, NULL);
    json_out_text(o, "site", u->site);
#define X(name, meaning)                                                                           \
    if (u->usage.name > 0)                                                                         \
        json_out_u64(o, #name, u->usage.name);
    USAGE_COUNTERS(X)
#undef X
    json_out_object(o, "out_bytes");
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        if (u->usage.out_bytes[i] > 0)
            json_out_u64(o, ledger_source_name((enum ledger_source)i), u->usage.out_bytes[i]);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void read_usage(struct json_in *in, const struct json_t *from,
                       struct heartbeat_site_usage *u, struct arena *mem)
{
    u->site = read_text(in, from, "site", HEARTBEAT_NAME_BYTES, mem);
    if (u->site.n == 0)
        json_in_fault(in, "ledger", "an element has no site");
#define X(name, meaning) u->usage.name = json_in_u64(in, from, #name, 0);
    USAGE_COUNTERS(X)
#undef X
    const struct json_t *by_source = json_in_object(in, from, "out_bytes");
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        u->usage.out_bytes[i] =
            json_in_u64(in, by_source, ledger_source_name((enum ledger_source)i), 0);
}

static void write_load(struct json_out *o, const struct heartbeat_load *load)
{
    json_out_object(o, "load");
    json_out_u64(o, "connections", load->connections);
    json_out_real(o, "requests_per_s", load->requests_per_s, 1);
    json_out_real(o, "out_bytes_per_s", load->out_bytes_per_s, 0);
    json_out_real(o, "cpu", load->cpu, 4);
    json_out_u64(o, "requests", load->requests);
    json_out_u64(o, "errors", load->errors);
    json_out_u64(o, "memory_used_bytes", load->memory_used_bytes);
    json_out_u64(o, "memory_cap_bytes", load->memory_cap_bytes);
    json_out_end_object(o);
}

static struct heartbeat_load read_load(struct json_in *in, const struct json_t *root)
{
    const struct json_t *load = json_in_object(in, root, "load");
    return (struct heartbeat_load){
        .connections = json_in_u64(in, load, "connections", 0),
        .requests_per_s = json_in_real(in, load, "requests_per_s", 0),
        .out_bytes_per_s = json_in_real(in, load, "out_bytes_per_s", 0),
        .cpu = json_in_real(in, load, "cpu", 0),
        .requests = json_in_u64(in, load, "requests", 0),
        .errors = json_in_u64(in, load, "errors", 0),
        .memory_used_bytes = json_in_u64(in, load, "memory_used_bytes", 0),
        .memory_cap_bytes = json_in_u64(in, load, "memory_cap_bytes", 0),
    };
}

static void write_reports(struct json_out *o, const struct heartbeat *h)
{
    json_out_array(o, "prefills");
    for (size_t i = 0; i < h->prefill_count; i++) {
        json_out_object(o, NULL);
        prefill_report_write(&h->prefills[i], o);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void read_reports(struct json_in *in, struct heartbeat *h, struct arena *mem)
{
    const struct json_t *from = json_in_array(in, in->root, "prefills", HEARTBEAT_PREFILLS);
    h->prefill_count = json_in_count(from);
    struct prefill_report *v = arena_zalloc(mem, h->prefill_count * sizeof *v);
    for (size_t i = 0; i < h->prefill_count && !arena_overflowed(mem); i++)
        prefill_report_read(in, json_in_at(from, i), &v[i], mem);
    h->prefills = v;
}

static void write_peers(struct json_out *o, const struct heartbeat *h)
{
    json_out_array(o, "peers");
    for (size_t i = 0; i < h->peer_count; i++) {
        json_out_object(o, NULL);
        json_out_text(o, "id", h->peers[i].id);
        json_out_bool(o, "reached", h->peers[i].is_reached);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void read_peers(struct json_in *in, struct heartbeat *h, struct arena *mem)
{
    const struct json_t *from = json_in_array(in, in->root, "peers", HEARTBEAT_MAX_PLACE);
    h->peer_count = json_in_count(from);
    struct heartbeat_peer *v = arena_zalloc(mem, (h->peer_count + 1) * sizeof *v);
    for (size_t i = 0; i < h->peer_count && !arena_overflowed(mem); i++) {
        const struct json_t *one = json_in_at(from, i);
        v[i].id = read_text(in, one, "id", HEARTBEAT_NAME_BYTES, mem);
        v[i].is_reached = json_in_bool(in, one, "reached", true);
    }
    h->peers = v;
}

void heartbeat_write(const struct heartbeat *h, struct buf *out)
{
    struct json_out o;
    json_out_begin(&o, out);
    json_out_object(&o, NULL);
    json_out_text(&o, "node", h->node);
    json_out_text(&o, "boot", h->boot);
    write_text(&o, "program", h->program);
    write_text(&o, "http_url", h->http_url);
    write_text(&o, "https_url", h->https_url);
    write_text(&o, "admin_url", h->admin_url);
    json_out_u64(&o, "wait_ms", h->wait_ms);
    write_load(&o, &h->load);
    write_text(&o, "purge_log", h->purge_log);
    json_out_u64(&o, "purge_seq", h->purge_seq);
    json_out_u64(&o, "config_version", h->config_version);
    if (h->config_refused > 0)
        json_out_u64(&o, "config_refused", h->config_refused);
    write_text(&o, "config_fault", h->config_fault);
    if (h->peer_count > 0)
        write_peers(&o, h);
    json_out_array(&o, "ledger");
    for (size_t i = 0; i < h->usage_count; i++)
        write_usage(&o, &h->usage[i]);
    json_out_end_array(&o);
    if (h->prefill_count > 0)
        write_reports(&o, h);
    json_out_end_object(&o);
}

static void read_request(struct json_in *in, struct heartbeat *h, struct arena *mem)
{
    const struct json_t *root = in->root;
    *h = (struct heartbeat){
        .node = read_text(in, root, "node", HEARTBEAT_NAME_BYTES, mem),
        .boot = read_text(in, root, "boot", HEARTBEAT_NAME_BYTES, mem),
        .program = read_text(in, root, "program", HEARTBEAT_NAME_BYTES, mem),
        .http_url = read_text(in, root, "http_url", HEARTBEAT_URL_BYTES, mem),
        .https_url = read_text(in, root, "https_url", HEARTBEAT_URL_BYTES, mem),
        .admin_url = read_text(in, root, "admin_url", HEARTBEAT_URL_BYTES, mem),
        .wait_ms = json_in_u64(in, root, "wait_ms", 0),
        .load = read_load(in, root),
        .purge_log = read_text(in, root, "purge_log", HEARTBEAT_NAME_BYTES, mem),
        .purge_seq = json_in_u64(in, root, "purge_seq", 0),
        .config_version = json_in_u64(in, root, "config_version", 0),
        .config_refused = json_in_u64(in, root, "config_refused", 0),
        .config_fault = read_text(in, root, "config_fault", HEARTBEAT_URL_BYTES, mem),
    };
    if (h->node.n == 0)
        json_in_fault(in, "node", "must be given");
    if (h->boot.n == 0)
        json_in_fault(in, "boot", "must be given");
    const struct json_t *ledger = json_in_array(in, root, "ledger", HEARTBEAT_MAX_SITES);
    h->usage_count = json_in_count(ledger);
    struct heartbeat_site_usage *usage = arena_zalloc(mem, h->usage_count * sizeof *usage);
    for (size_t i = 0; i < h->usage_count && !arena_overflowed(mem); i++)
        read_usage(in, json_in_at(ledger, i), &usage[i], mem);
    h->usage = usage;
    read_peers(in, h, mem);
    read_reports(in, h, mem);
}

int heartbeat_read(struct span text, struct heartbeat *out, struct arena *mem, struct buf *why)
{
    struct json_in in;
    int err = json_in_parse(&in, text, HEARTBEAT_MAX_BYTES);
    if (err == 0)
        read_request(&in, out, mem);
    return json_in_end(&in, err, mem, why);
}

static const char *const purge_kinds[HEARTBEAT_PURGE_KINDS] = {
    [HEARTBEAT_PURGE_URL] = "url",       [HEARTBEAT_PURGE_SITE] = "site",
    [HEARTBEAT_PURGE_PREFIX] = "prefix", [HEARTBEAT_PURGE_HOST] = "host",
    [HEARTBEAT_PURGE_TAG] = "tag",
};

const char *heartbeat_purge_name(enum heartbeat_purge_kind kind)
{
    return purge_kinds[kind];
}

enum heartbeat_purge_kind heartbeat_purge_kind_of(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(purge_kinds); i++) {
        if (span_eq(name, span_of(purge_kinds[i])))
            return (enum heartbeat_purge_kind)i;
    }
    return HEARTBEAT_PURGE_SITE;
}

static void write_purge(struct json_out *o, const struct heartbeat_purge *p)
{
    json_out_object(o, NULL);
    json_out_u64(o, "seq", p->seq);
    json_out_text(o, "kind", span_of(heartbeat_purge_name(p->kind)));
    write_text(o, "site", p->site);
    write_text(o, "value", p->value);
    if (p->is_soft)
        json_out_bool(o, "soft", true);
    json_out_end_object(o);
}

static void read_purge(struct json_in *in, const struct json_t *from, struct heartbeat_purge *p,
                       struct arena *mem)
{
    *p = (struct heartbeat_purge){
        .seq = json_in_u64(in, from, "seq", 0),
        .kind = heartbeat_purge_kind_of(json_in_text(in, from, "kind", HEARTBEAT_NAME_BYTES)),
        .site = read_text(in, from, "site", HEARTBEAT_NAME_BYTES, mem),
        .value = read_text(in, from, "value", HEARTBEAT_URL_BYTES, mem),
        .is_soft = json_in_bool(in, from, "soft", false),
    };
    if (p->kind != HEARTBEAT_PURGE_SITE && p->value.n == 0)
        json_in_fault(in, "purges", "a purge has no value");
}

static void write_place(struct json_out *o, const struct heartbeat_answer *a)
{
    json_out_array(o, "place");
    for (size_t i = 0; i < a->place_count; i++) {
        json_out_object(o, NULL);
        json_out_text(o, "id", a->place[i].id);
        json_out_text(o, "url", a->place[i].url);
        json_out_real(o, "weight", a->place[i].weight, 3);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void read_place(struct json_in *in, struct heartbeat_answer *a, struct arena *mem)
{
    const struct json_t *from = json_in_array(in, in->root, "place", HEARTBEAT_MAX_PLACE);
    a->place_count = json_in_count(from);
    struct heartbeat_neighbour *place = arena_zalloc(mem, a->place_count * sizeof *place);
    for (size_t i = 0; i < a->place_count && !arena_overflowed(mem); i++) {
        const struct json_t *one = json_in_at(from, i);
        place[i] =
            (struct heartbeat_neighbour){.id = read_text(in, one, "id", HEARTBEAT_NAME_BYTES, mem),
                                         .url = read_text(in, one, "url", HEARTBEAT_URL_BYTES, mem),
                                         .weight = json_in_real(in, one, "weight", 1)};
    }
    a->place = place;
}

static void write_prefills(struct json_out *o, const struct heartbeat_answer *a)
{
    json_out_array(o, "prefills");
    for (size_t i = 0; i < a->prefill_count; i++) {
        json_out_object(o, NULL);
        prefill_order_write(&a->prefills[i], o);
        json_out_end_object(o);
    }
    json_out_end_array(o);
    json_out_array(o, "prefill_cancels");
    for (size_t i = 0; i < a->prefill_cancel_count; i++)
        json_out_text(o, NULL, a->prefill_cancels[i]);
    json_out_end_array(o);
}

static void read_prefills(struct json_in *in, struct heartbeat_answer *a, struct arena *mem)
{
    const struct json_t *from = json_in_array(in, in->root, "prefills", HEARTBEAT_PREFILLS);
    const struct json_t *cancels =
        json_in_array(in, in->root, "prefill_cancels", HEARTBEAT_PREFILLS);
    a->prefill_count = json_in_count(from);
    struct prefill_order *v = arena_zalloc(mem, a->prefill_count * sizeof *v);
    for (size_t i = 0; i < a->prefill_count && !arena_overflowed(mem); i++)
        prefill_order_read(in, json_in_at(from, i), (msec_t)a->now_ms, &v[i], mem);
    a->prefills = v;
    a->prefill_cancel_count = json_in_count(cancels);
    struct span *ids = arena_zalloc(mem, a->prefill_cancel_count * sizeof *ids);
    for (size_t i = 0; i < a->prefill_cancel_count && !arena_overflowed(mem); i++)
        ids[i] = arena_dup(mem, json_in_text_at(in, cancels, i, PREFILL_ID_BYTES));
    a->prefill_cancels = ids;
}

void heartbeat_answer_write(const struct heartbeat_answer *a, struct buf *out)
{
    struct json_out o;
    json_out_begin(&o, out);
    json_out_object(&o, NULL);
    json_out_u64(&o, "now_ms", a->now_ms);
    json_out_text(&o, "purge_log", a->purge_log);
    json_out_u64(&o, "purge_floor", a->purge_floor);
    json_out_u64(&o, "purge_head", a->purge_head);
    json_out_array(&o, "purges");
    for (size_t i = 0; i < a->purge_count; i++)
        write_purge(&o, &a->purges[i]);
    json_out_end_array(&o);
    json_out_u64(&o, "config_version", a->config_version);
    if (a->config.p != NULL)
        json_out_raw(&o, "config", a->config);
    if (a->place_count > 0)
        write_place(&o, a);
    if (a->prefill_count > 0 || a->prefill_cancel_count > 0)
        write_prefills(&o, a);
    json_out_end_object(&o);
}

#define PURGE_KEYS_BYTES 128 /* what is written around its texts */

/* Each byte of a text may be written as \u00xx. */
static size_t purge_bytes_at_most(const struct heartbeat_purge *p)
{
    return PURGE_KEYS_BYTES + 6 * (p->site.n + p->value.n);
}

void heartbeat_answer_fit(struct heartbeat_answer *a)
{
    size_t count = 0, bytes = HEARTBEAT_HEAD_BYTES + a->config.n;
    while (count < a->purge_count &&
           (bytes += purge_bytes_at_most(&a->purges[count])) <= HEARTBEAT_MAX_BYTES)
        count++;
    a->purge_count = count;
}

static void read_purges(struct json_in *in, struct heartbeat_answer *a, struct arena *mem)
{
    const struct json_t *from = json_in_array(in, in->root, "purges", HEARTBEAT_MAX_PURGES);
    a->purge_count = json_in_count(from);
    struct heartbeat_purge *purges = arena_zalloc(mem, a->purge_count * sizeof *purges);
    for (size_t i = 0; i < a->purge_count && !arena_overflowed(mem); i++) {
        read_purge(in, json_in_at(from, i), &purges[i], mem);
        if (purges[i].seq == 0 || (i > 0 && purges[i].seq != purges[i - 1].seq + 1))
            json_in_fault(in, "purges", "sequence numbers have a gap");
    }
    a->purges = purges;
}

static void read_answer(struct json_in *in, struct heartbeat_answer *a, struct arena *mem)
{
    const struct json_t *root = in->root;
    *a = (struct heartbeat_answer){
        .now_ms = json_in_u64(in, root, "now_ms", 0),
        .purge_log = read_text(in, root, "purge_log", HEARTBEAT_NAME_BYTES, mem),
        .purge_floor = json_in_u64(in, root, "purge_floor", 0),
        .purge_head = json_in_u64(in, root, "purge_head", 0),
        .config_version = json_in_u64(in, root, "config_version", 0),
    };
    if (a->purge_log.n == 0)
        json_in_fault(in, "purge_log", "must be given");
    read_purges(in, a, mem);
    read_place(in, a, mem);
    read_prefills(in, a, mem);
    const struct json_t *config = json_in_object(in, root, "config");
    if (config == NULL)
        return;
    struct buf text;
    buf_init(&text, HEARTBEAT_MAX_BYTES);
    json_in_dump(config, &text);
    a->config = arena_dup(mem, buf_span(&text));
    buf_finish(&text);
}

int heartbeat_answer_read(struct span text, struct heartbeat_answer *out, struct arena *mem,
                          struct buf *why)
{
    struct json_in in;
    int err = json_in_parse(&in, text, HEARTBEAT_MAX_BYTES);
    if (err == 0)
        read_answer(&in, out, mem);
    return json_in_end(&in, err, mem, why);
}

bool heartbeat_has_gap(struct span log, uint64_t seq, const struct heartbeat_answer *a)
{
    return !span_eq(log, a->purge_log) || seq > a->purge_head || seq + 1 < a->purge_floor;
}
