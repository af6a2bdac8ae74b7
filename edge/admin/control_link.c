/* SPDX-License-Identifier: MIT
 *
 * One heartbeat after the other.
 *
 *   RESTING ─ its second is over, or there is news ─> ASKING ─ answer or fault ─> RESTING
 *
 * An answer that brought something is acknowledged at once by the next heartbeat. What was refused
 * is not looked at again, so that a bad document cannot make a busy loop. */
#include "edge/admin/control_link.h"

#include "edge/admin/control_state.h"
#include "edge/admin/prefill.h"
#include "edge/admin/place_report.h"
#include "edge/admin/purge_order.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/whole_file.h"
#include "lib/codec/json_out.h"
#include "lib/daemon/metrics_text.h"
#include "lib/web/client.h"

#include <inttypes.h>
#include <unistd.h>

#define CONNECT_MS    1000
#define FIRST_BYTE_MS 5000
#define READ_STEP     16384
#define FAULT_ROOM    1024
#define BOOT_BYTES    8
#define DECODE_MAX    ((size_t)32 << 20)
#define QUIET_FAULTS  60 /* while it stays away: a log line a minute */

/* What rates are computed from. */
struct sample {
    msec_t at;
    uint64_t requests, out_bytes;
    double cpu_s;
};

struct control_link {
    struct control_link_spec spec;
    struct client *client;
    struct tls_client *tls;
    struct client_target target;
    char *host, *path, *bearer;
    char boot[2 * BOOT_BYTES + 1];
    struct control_state state;
    struct seal_keys *keys;             /* of its file; NULL: that is in clear */
    struct heartbeat_site_usage *usage; /* [HEARTBEAT_MAX_SITES] */
    struct place_report place;
    struct timer timer;
    struct call *call;
    struct buf answer;
    msec_t began; /* the heartbeat at hand, or the last one */
    msec_t heard_wall;
    uint64_t sent, failures_in_a_row;
    struct sample before;
    bool has_news;
    uint64_t refused;       /* version of the last document, where that was refused; else 0 */
    char fault[FAULT_ROOM]; /* why it was */
};

static void rest(struct control_link *l)
{
    msec_t now = loop_now(l->spec.loop), next = l->began + HEARTBEAT_PERIOD_MS;
    call_end(&l->call);
    timer_set(&l->timer, l->has_news || next < now ? 0 : next - now);
}

static void give_up(struct control_link *l, const char *what)
{
    if (l->failures_in_a_row++ % QUIET_FAULTS == 0)
        LOG_WARN("control-unreachable", "url=%s reason=\"%s\"", l->spec.options->url, what);
    l->has_news = false;
    rest(l);
}

static int save(struct control_link *l)
{
    const char *file = l->spec.options->state_file;
    int err = file[0] != '\0' ? control_state_save(&l->state, file, l->keys) : 0;
    if (err != 0)
        LOG_WARN_LIMITED("control-state-not-kept", "file=%s error=\"%s\"", file, err_text(err));
    return err;
}

static void note_applied(struct control_link *l)
{
    purge_clock_apply(l->spec.purges, span_of(l->state.purge_log), l->state.purge_seq,
                      store_moment(l->spec.store));
}

static void take_position(struct control_link *l, struct span log, uint64_t seq)
{
    size_t n = log.n < HEARTBEAT_NAME_BYTES ? log.n : HEARTBEAT_NAME_BYTES;
    if (n > 0)
        memcpy(l->state.purge_log, log.p, n);
    l->state.purge_log[n] = '\0';
    l->state.purge_seq = seq;
    note_applied(l);
}

/* A purge of a site that is not served here has nothing to do here. */
static void apply_purge(struct control_link *l, const struct heartbeat_purge *p)
{
    static const enum purge_what whats[] = {[HEARTBEAT_PURGE_URL] = PURGE_WHAT_URL,
                                            [HEARTBEAT_PURGE_SITE] = PURGE_WHAT_SITE,
                                            [HEARTBEAT_PURGE_PREFIX] = PURGE_WHAT_PREFIX,
                                            [HEARTBEAT_PURGE_HOST] = PURGE_WHAT_HOST,
                                            [HEARTBEAT_PURGE_TAG] = PURGE_WHAT_TAG};
    struct purge_order order = {
        .what = whats[p->kind], .site = p->site, .value = p->value, .is_soft = p->is_soft};
    int64_t met;
    int err = purge_order_do(l->spec.store, l->spec.sites(l->spec.ctx)->sites, &order, &met);
    if (err == ERR_SYNTAX)
        LOG_WARN_LIMITED("purge-not-understood", "seq=%" PRIu64 " value=\"%.*s\"", p->seq,
                         SPAN_FMT(p->value));
    LOG_INFO_LIMITED("purged", "seq=%" PRIu64 " kind=%s soft=%d", p->seq,
                     heartbeat_purge_name(p->kind), p->is_soft);
}

#define SETTLE_MS 1000 /* for disks to write purges down before they are acknowledged */

static bool take_purges(struct control_link *l, const struct heartbeat_answer *a)
{
    struct span log = span_of(l->state.purge_log);
    if (heartbeat_has_gap(log, l->state.purge_seq, a)) {
        purge_clock_announce(l->spec.purges, a->purge_log, a->purge_head);
        store_purge_many(l->spec.store, &(struct purge_scope){.kind = PURGE_ALL}, true);
        LOG_WARN("purges-missed", "action=revalidate seq=%" PRIu64, a->purge_head);
        take_position(l, a->purge_log, a->purge_head);
        return true;
    }
    for (size_t i = 0; i < a->purge_count; i++) {
        if (a->purges[i].seq <= l->state.purge_seq)
            continue;
        purge_clock_announce(l->spec.purges, log, a->purges[i].seq);
        apply_purge(l, &a->purges[i]);
        l->state.purge_seq = a->purges[i].seq;
        note_applied(l);
    }
    if (a->purge_count > 0 && !store_settle(l->spec.store, SETTLE_MS))
        LOG_WARN_LIMITED("purge-not-on-disk", "seq=%" PRIu64, l->state.purge_seq);
    return a->purge_count > 0;
}

static bool take_document(struct control_link *l, const struct heartbeat_answer *a)
{
    struct buf why;
    if (a->config_version == l->state.config_version) { /* what it refused is not wanted any more */
        l->refused = 0;
        l->fault[0] = '\0';
    }
    if (a->config.p == NULL || a->config_version == l->state.config_version ||
        a->config_version == l->refused)
        return false;
    buf_init(&why, FAULT_ROOM);
    int err = l->spec.use_document(l->spec.ctx, a->config, &why);
    size_t n = why.n < FAULT_ROOM ? why.n : FAULT_ROOM - 1;
    if (err != 0 && n > 0)
        memcpy(l->fault, why.p, n);
    l->fault[err != 0 ? n : 0] = '\0';
    l->refused = err != 0 ? a->config_version : 0;
    buf_finish(&why);
    if (err != 0) {
        LOG_WARN_LIMITED("document-refused", "version=%" PRIu64 " why=\"%s\"", a->config_version,
                         l->fault);
        return true; /* control learns of it at once, and does not send it again */
    }
    l->state.config_version = a->config_version;
    buf_clear(&l->state.document);
    buf_add_span(&l->state.document, a->config);
    LOG_INFO("document-taken", "version=%" PRIu64, a->config_version);
    return true;
}

/* One that cannot begin now is given again with the next answer. */
static bool take_prefills(struct control_link *l, const struct heartbeat_answer *a)
{
    struct prefill_job *j;
    for (size_t i = 0; i < a->prefill_count; i++) {
        int err = prefill_order(l->spec.prefill, &a->prefills[i], &j);
        if (err != 0 && err != ERR_EXISTS)
            LOG_WARN_LIMITED("prefill-not-begun", "id=%.*s error=\"%s\"",
                             SPAN_FMT(a->prefills[i].id), err_text(err));
        if (err != 0 && err != ERR_EXISTS)
            return false;
    }
    for (size_t i = 0; i < a->prefill_cancel_count; i++) {
        j = prefill_find(l->spec.prefill, a->prefill_cancels[i]);
        if (j != NULL)
            prefill_cancel(l->spec.prefill, j);
    }
    return a->prefill_count + a->prefill_cancel_count > 0;
}

static void on_answer(struct control_link *l)
{
    struct heartbeat_answer a;
    struct arena mem;
    struct buf why;
    buf_init(&why, FAULT_ROOM);
    arena_init(&mem, DECODE_MAX);
    int err = heartbeat_answer_read(buf_span(&l->answer), &a, &mem, &why);
    if (err != 0) {
        give_up(l, "the answer was not understood");
    } else {
        if (l->failures_in_a_row > 0 || l->heard_wall == 0)
            LOG_INFO("control-reached", "url=%s", l->spec.options->url);
        l->failures_in_a_row = 0;
        l->heard_wall = loop_wall(l->spec.loop);
        bool had_purges = take_purges(l, &a);
        l->has_news = take_document(l, &a) || had_purges;
        place_report_set(&l->place, a.place, a.place_count);
        if (l->spec.use_place != NULL)
            l->spec.use_place(l->spec.ctx, a.place, a.place_count);
        if (l->has_news)
            (void)save(l);
        l->has_news = take_prefills(l, &a) || l->has_news;
        rest(l);
    }
    arena_finish(&mem);
    buf_finish(&why);
}

static void on_readable(void *ctx, struct call *c)
{
    struct control_link *l = ctx;
    for (;;) {
        char *room = buf_room(&l->answer, READ_STEP);
        ssize_t n = room != NULL ? call_read(c, room, READ_STEP) : ERR_TOO_BIG;
        if (n == ERR_AGAIN)
            return;
        if (n < 0) {
            give_up(l, err_text((int)n));
            return;
        }
        if (n == 0) {
            on_answer(l);
            return;
        }
        buf_filled(&l->answer, (size_t)n);
    }
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    struct control_link *l = ctx;
    if (head->status == 200)
        on_readable(l, c);
    else if (head->status == 401 || head->status == 403)
        give_up(l, "the token of this node is not accepted");
    else if (head->status == 404)
        give_up(l, "this node is not registered");
    else
        give_up(l, "it answered with an error");
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)c;
    (void)err;
    give_up(ctx, text);
}

static const struct call_events events = {NULL, on_head, on_readable, on_failed};

static void measure(struct control_link *l, struct heartbeat *h)
{
    struct store_usage store;
    struct sample now = {.at = loop_now(l->spec.loop), .cpu_s = metrics_cpu_s()};
    h->usage = l->usage;
    h->usage_count = ledger_usage(l->spec.ledger, l->usage, HEARTBEAT_MAX_SITES);
    for (size_t i = 0; i < h->usage_count; i++)
        now.out_bytes += usage_out_bytes(&l->usage[i].usage);
    l->spec.load(l->spec.ctx, &h->load);
    now.requests = h->load.requests;
    double s = (double)(now.at - l->before.at) / MSEC_PER_SEC;
    if (l->sent > 0 && s > 0) {
        double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
        h->load.requests_per_s = (double)(now.requests - l->before.requests) / s;
        h->load.out_bytes_per_s = (double)(now.out_bytes - l->before.out_bytes) / s;
        h->load.cpu = (now.cpu_s - l->before.cpu_s) / s / cores;
    }
    l->before = now;
    store_usage(l->spec.store, &store);
    h->load.memory_used_bytes = (uint64_t)store.memory_bytes;
    h->load.memory_cap_bytes = (uint64_t)store.memory_cap_bytes;
}

static struct span url_or_none(const char *url)
{
    return url != NULL && url[0] != '\0' ? span_of(url) : SPAN_NONE;
}

static void write_heartbeat(struct control_link *l, struct buf *out)
{
    struct heartbeat_peer peers[HEARTBEAT_MAX_PLACE];
    const struct control_link_spec *s = &l->spec;
    struct heartbeat h = {.node = span_of(s->node),
                          .boot = span_of(l->boot),
                          .program = SPAN("byeori-edge " BYEORI_VERSION),
                          .http_url = url_or_none(s->http_url),
                          .https_url = url_or_none(s->https_url),
                          .admin_url = url_or_none(s->admin_url),
                          .wait_ms = l->heard_wall == 0 ? 0 : HEARTBEAT_PERIOD_MS,
                          .purge_log = span_of(l->state.purge_log),
                          .purge_seq = l->state.purge_seq,
                          .config_version = l->state.config_version,
                          .config_refused = l->refused,
                          .config_fault = span_of(l->fault),
                          .peers = peers,
                          .peer_count = place_report_fill(&l->place, l->spec.peers, peers)};
    struct prefill_report reports[HEARTBEAT_PREFILLS];
    for (size_t i = 0; i < prefill_count(s->prefill) && i < HEARTBEAT_PREFILLS; i++)
        prefill_report(prefill_at(s->prefill, i), &reports[h.prefill_count++]);
    h.prefills = reports;
    measure(l, &h);
    heartbeat_write(&h, out);
}

static void on_timer(struct timer *t)
{
    struct control_link *l = CONTAINER_OF(t, struct control_link, timer);
    struct arena mem;
    struct buf body;
    buf_init(&body, HEARTBEAT_MAX_BYTES);
    write_heartbeat(l, &body);
    arena_init(&mem, READ_STEP);
    struct request_head request = {.method = METHOD_POST,
                                   .method_text = SPAN("POST"),
                                   .scheme = l->target.scheme,
                                   .host = span_of(l->host),
                                   .port = l->target.port,
                                   .path = span_of(l->path),
                                   .content_length = (int64_t)body.n,
                                   .major_version = 1,
                                   .minor_version = 1,
                                   .keeps_alive = true};
    fields_init(&request.fields, &mem);
    fields_add(&request.fields, FIELD_CONTENT_TYPE, SPAN("application/json"));
    if (l->bearer != NULL)
        fields_add(&request.fields, FIELD_AUTHORIZATION, span_of(l->bearer));
    struct call_spec spec = {.target = &l->target,
                             .request = &request,
                             .body = body_of_bytes(buf_span(&body)),
                             .connect_ms = CONNECT_MS,
                             .first_byte_ms = FIRST_BYTE_MS,
                             .stall_ms = FIRST_BYTE_MS};
    l->began = loop_now(l->spec.loop);
    l->has_news = false;
    buf_clear(&l->answer);
    l->call = call_start(l->client, &spec, &events, l);
    l->sent++;
    arena_finish(&mem);
    buf_finish(&body);
}

static int read_target(struct control_link *l, struct buf *why)
{
    struct url url;
    int err = url_parse(span_of(l->spec.options->url), &url);
    if (err == 0)
        err = control_tls(l->spec.options, &l->tls, why);
    if (err != 0)
        return err;
    struct span base =
        span_ends(url.path, SPAN("/")) ? span_make(url.path.p, url.path.n - 1) : url.path;
    l->host = mem_strndup(url.host.p, url.host.n);
    l->path = mem_printf("%.*s/v1/nodes/%s/heartbeat", SPAN_FMT(base), l->spec.node);
    l->target = (struct client_target){
        .scheme = url.scheme, .host = l->host, .port = url.port, .tls = l->tls};
    return 0;
}

static void refuse_state(struct control_link *l, struct buf *why)
{
    LOG_WARN("control-state-not-used", "file=%s error=\"%.*s\"", l->spec.options->state_file,
             SPAN_FMT(buf_span(why)));
}

/* What is of no use is as if it were not there: the edge has its own sites, and learns the others
 * anew. What the newest key has not sealed is sealed by it now, so that an older one may go. */
static void read_state(struct control_link *l)
{
    struct buf why;
    bool is_stale;
    const char *file = l->spec.options->state_file;
    if (file[0] == '\0')
        return;
    buf_init(&why, FAULT_ROOM);
    int err = control_state_load(&l->state, file, l->keys, &is_stale, &why);
    if (err != 0 && err != ERR_NOT_FOUND)
        refuse_state(l, &why);
    if (err == 0)
        note_applied(l);
    if (err == 0 && is_stale && save(l) == 0)
        LOG_INFO("control-state-sealed", "file=%s key=%.*s", file, SPAN_FMT(seal_id(l->keys)));
    if (err == 0 && l->state.document.n > 0 &&
        l->spec.use_document(l->spec.ctx, buf_span(&l->state.document), &why) != 0) {
        refuse_state(l, &why);
        l->state.config_version = 0;
    }
    buf_finish(&why);
}

int control_link_create(struct control_link **out, const struct control_link_spec *spec,
                        struct buf *why)
{
    uint8_t boot[BOOT_BYTES];
    *out = NULL;
    if (spec->options->url[0] == '\0')
        return 0;
    struct control_link *l = mem_zalloc(sizeof(*l));
    l->spec = *spec;
    digest_random(boot, sizeof(boot));
    digest_hex(boot, sizeof(boot), l->boot);
    control_state_init(&l->state);
    buf_init(&l->answer, HEARTBEAT_MAX_BYTES);
    place_report_init(&l->place);
    l->usage = mem_zarray(HEARTBEAT_MAX_SITES, sizeof(*l->usage));
    timer_init(&l->timer, spec->loop, on_timer);
    int err = control_keys(l->spec.options, &l->keys, why);
    if (err == 0)
        err = control_bearer(l->spec.options, &l->bearer, why);
    if (err == 0)
        err = read_target(l, why);
    if (err != 0) {
        control_link_destroy(&l);
        return err;
    }
    l->client = client_create(spec->loop, &client_config_default);
    read_state(l);
    *out = l;
    return 0;
}

void control_link_start(struct control_link *l)
{
    timer_set(&l->timer, 0);
}

void control_link_destroy(struct control_link **pl)
{
    struct control_link *l = *pl;
    *pl = NULL;
    if (l == NULL)
        return;
    timer_finish(&l->timer);
    if (l->call != NULL)
        call_end(&l->call);
    if (l->client != NULL)
        client_destroy(&l->client);
    if (l->tls != NULL)
        tls_client_unref(&l->tls);
    control_state_finish(&l->state);
    seal_keys_destroy(&l->keys);
    buf_finish(&l->answer);
    place_report_finish(&l->place);
    mem_free(l->usage);
    mem_free(l->host);
    mem_free(l->path);
    mem_free(l->bearer);
    mem_free(l);
}

void control_link_status(const struct control_link *l, struct json_out *o)
{
    json_out_object(o, "control");
    json_out_text(o, "url", span_of(l->spec.options->url));
    json_out_bool(o, "is_reached", l->heard_wall != 0 && l->failures_in_a_row == 0);
    if (l->heard_wall != 0)
        json_out_int(o, "heard_ms_ago", loop_wall(l->spec.loop) - l->heard_wall);
    json_out_text(o, "purge_log", span_of(l->state.purge_log));
    json_out_u64(o, "purge_seq", l->state.purge_seq);
    json_out_u64(o, "config_version", l->state.config_version);
    if (l->fault[0] != '\0')
        json_out_text(o, "config_fault", span_of(l->fault));
    json_out_end_object(o);
}

void control_link_metrics(const struct control_link *l, struct buf *out)
{
    bool is_reached = l->heard_wall != 0 && l->failures_in_a_row == 0;
    metrics_gauge("byeori_edge_control_is_reached", "1 while the control plane answers",
                  is_reached ? 1 : 0, out);
    metrics_gauge("byeori_edge_control_purge_seq", "every purge up to this one is applied",
                  (double)l->state.purge_seq, out);
    metrics_gauge("byeori_edge_control_config_version", "version of the site document in use",
                  (double)l->state.config_version, out);
}
