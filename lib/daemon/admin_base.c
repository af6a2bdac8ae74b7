/* SPDX-License-Identifier: MIT
 *
 * The admin listener: what all programs answer there, and the way to the program's own rows.
 * Runs on the main thread's loop, so a slow metrics page never meets a user's request. */
#include "lib/daemon/admin_base.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/whole_file.h"
#include "lib/net/listener.h"

#define METRICS_MAX_BYTES (16u << 20)
#define TOKEN_MAX_BYTES   512
#define FAULT_ROOM        8192

struct admin_base {
    struct admin_base_spec spec;
    struct server *server;
    struct listener *listener;
    struct tls_authority *clients;   /* NULL: they need no certificate */
    char token[TOKEN_MAX_BYTES + 1]; /* "": none needed */
};

static const struct option admin_rows[] = {
    OPTION_ROW(
        "address", TEXT, OPTION_FIELD(struct admin_options, address), "",
        "Where metrics, health and the operator's calls are answered; never a public address."),
    OPTION_ROW("token_file", TEXT, OPTION_FIELD(struct admin_options, token_file), "",
               "File with the token that operators send; unset: none is asked for."),
    OPTION_ROW("tls", BOOL, OPTION_FIELD(struct admin_options, tls), "false",
               "Speak TLS with the configured certificates."),
    OPTION_ROW("client_ca", TEXT, OPTION_FIELD(struct admin_options, client_ca), "",
               "PEM file: only clients with a certificate of these authorities are let in. Unset: "
               "all are."),
    {.name = NULL},
};

const struct option_section admin_section = {
    .options = admin_rows,
    .record_bytes = sizeof(struct admin_options),
    .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE,
};

static int check_tls(const struct admin_options *options, bool has_certificate,
                     const struct option_config *config, struct buf *why)
{
    struct tls_authority *clients;
    const char *wrong = NULL;
    if (options->tls && !has_certificate)
        wrong = "tls = true, but there is no certificate section";
    else if (!options->tls && options->client_ca[0] != '\0')
        wrong = "client_ca needs tls = true";
    if (wrong != NULL) {
        option_error(why, option_file(config),
                     option_line(config, options, options->tls ? "tls" : "client_ca"), "admin: %s",
                     wrong);
        return ERR_CONFIG;
    }
    if (options->client_ca[0] == '\0')
        return 0;
    struct buf fault;
    buf_init(&fault, FAULT_ROOM);
    int err = tls_authority_load(&clients, options->client_ca, &fault);
    if (err != 0)
        option_error(why, option_file(config), option_line(config, options, "client_ca"),
                     "admin: client_ca: %.*s", SPAN_FMT(span_trim(buf_span(&fault))));
    tls_authority_unref(&clients);
    buf_finish(&fault);
    return err;
}

/* Adds it to token; nothing where the options name none. 0, or ERR_IO and what is wrong. */
static int read_token(const struct admin_options *options, struct buf *token, struct buf *fault)
{
    if (options->token_file[0] == '\0')
        return 0;
    int err = whole_file_first_line(options->token_file, token);
    if (err == 0 && token->n > 0)
        return 0;
    buf_printf(fault, "admin: token_file \"%s\": %s", options->token_file,
               err != 0 ? err_text(err) : "is empty");
    return ERR_IO;
}

static int check_token(const struct admin_options *options, const struct option_config *config,
                       struct buf *why)
{
    struct buf token, fault;
    buf_init(&token, TOKEN_MAX_BYTES);
    buf_init(&fault, FAULT_ROOM);
    int err = read_token(options, &token, &fault);
    if (err != 0)
        option_error(why, option_file(config), option_line(config, options, "token_file"), "%.*s",
                     SPAN_FMT(buf_span(&fault)));
    buf_wipe(&token);
    buf_finish(&fault);
    return err;
}

int admin_check(const struct admin_options *options, bool has_certificate,
                const struct option_config *config, struct buf *why)
{
    struct addr addr;
    int err = check_tls(options, has_certificate, config, why);
    if (options->address[0] == 0)
        return err != 0 ? ERR_CONFIG : 0;
    if (addr_parse(span_of(options->address), -1, &addr) != 0) {
        option_error(why, option_file(config), option_line(config, options, "address"),
                     "admin: address \"%s\" is not ADDRESS:PORT (\"127.0.0.1:8081\")",
                     options->address);
        err = ERR_CONFIG;
    }
    if (check_token(options, config, why) != 0)
        err = ERR_CONFIG;
    return err != 0 ? ERR_CONFIG : 0;
}

static void answer_metrics(void *app, struct exchange *x, const struct router_match *m)
{
    struct admin_base *a = app;
    struct buf text;
    (void)m;
    buf_init(&text, METRICS_MAX_BYTES);
    a->spec.metrics(a->spec.app, &text);
    if (buf_overflowed(&text))
        exchange_reply(x, 500, SPAN_NONE, SPAN("The metrics are larger than their bound.\n"));
    else
        exchange_reply(x, 200, SPAN("text/plain; version=0.0.4; charset=utf-8"), buf_span(&text));
    buf_finish(&text);
}

static void answer_healthz(void *app, struct exchange *x, const struct router_match *m)
{
    (void)app;
    (void)m;
    exchange_reply(x, 200, SPAN_NONE, SPAN("ok\n"));
}

static void answer_readyz(void *app, struct exchange *x, const struct router_match *m)
{
    struct admin_base *a = app;
    struct buf why;
    (void)m;
    buf_init(&why, 4096);
    if (a->spec.is_ready == NULL || a->spec.is_ready(a->spec.app, &why))
        exchange_reply(x, 200, SPAN_NONE, SPAN("ready\n"));
    else
        exchange_reply(x, 503, SPAN_NONE, buf_span(&why));
    buf_finish(&why);
}

enum { TAG_OPEN, TAG_TOKEN };

static const struct router_row base_rows[] = {
    {METHOD_GET, "/metrics", answer_metrics, TAG_TOKEN},
    {METHOD_GET, "/healthz", answer_healthz, TAG_OPEN},
    {METHOD_GET, "/readyz", answer_readyz, TAG_OPEN},
    {.pattern = NULL},
};

static bool has_token(const struct admin_base *a, struct exchange *x)
{
    struct span value = fields_value(&x->request.fields, FIELD_AUTHORIZATION);
    if (a->token[0] == 0)
        return true;
    if (value.n < 7 || !span_ieq(span_make(value.p, 7), SPAN("Bearer ")))
        return false;
    return digest_is_equal(span_trim(span_skip(value, 7)), span_of(a->token));
}

static void refuse_token(struct exchange *x)
{
    struct span text = SPAN("A token is needed: Authorization: Bearer <token>.\n");
    struct response_head head = {.status = 401, .content_length = (int64_t)text.n};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_WWW_AUTHENTICATE, SPAN("Bearer"));
    fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("text/plain; charset=utf-8"));
    exchange_respond(x, &head, body_of_constant(text));
}

static void on_request(void *app, struct exchange *x)
{
    struct admin_base *a = app;
    struct router_match m;
    int status;
    x->events = &router_no_events;
    const struct router_row *row = router_find(base_rows, x, &m, &status);
    if (row != NULL && row->tag == TAG_OPEN) {
        row->run(a, x, &m);
        return;
    }
    if (!has_token(a, x)) {
        LOG_WARN_LIMITED("admin-token-refused", "path=\"%.*s\"", SPAN_FMT(x->request.path));
        refuse_token(x);
        return;
    }
    if (row != NULL)
        row->run(a, x, &m);
    else if (a->spec.rows != NULL && status == 404)
        router_run(a->spec.rows, NULL, a->spec.app, x);
    else
        exchange_reply(x, status, SPAN_NONE, SPAN_NONE);
}

static void on_accept(void *ctx, int fd, const struct addr *peer)
{
    struct admin_base *a = ctx;
    struct tls_server *tls =
        a->spec.options->tls ? certificates_tls(a->spec.certificates, false) : NULL;
    if (a->clients != NULL) {
        struct tls_server *all = tls;
        tls = tls_server_for(all, a->clients);
        tls_server_unref(&all);
    }
    server_accept(a->server, fd, peer, tls, NULL);
    tls_server_unref(&tls);
}

int admin_base_start(struct admin_base **out, struct loop *l, const struct admin_base_spec *spec,
                     struct buf *why)
{
    struct addr addr;
    int fd = -1, err = 0;
    *out = NULL;
    if (spec->options->address[0] == 0)
        return 0;
    if (addr_parse(span_of(spec->options->address), -1, &addr) != 0)
        return ERR_CONFIG;
    struct admin_base *a = mem_zalloc(sizeof *a);
    a->spec = *spec;
    struct buf token;
    buf_init(&token, TOKEN_MAX_BYTES);
    err = read_token(spec->options, &token, why);
    if (token.n > 0)
        memcpy(a->token, token.p, token.n);
    buf_wipe(&token);
    if (err == 0 && spec->options->client_ca[0] != 0)
        err = tls_authority_load(&a->clients, spec->options->client_ca, why);
    int rc = err == 0 ? listener_bind(&addr, true, &fd) : 0;
    if (rc != 0) {
        buf_printf(why, "admin: cannot listen on %s: %s\n", spec->options->address, strerror(-rc));
        err = ERR_IO;
    }
    if (err != 0) {
        tls_authority_unref(&a->clients);
        mem_free(a);
        return err;
    }
    char text[ADDR_TEXT_ROOM];
    addr_text(&addr, text);
    LOG_INFO("listening", "name=admin address=%s tls=%s", text, spec->options->tls ? "yes" : "no");
    a->server = server_create(l, &server_config_default, on_request, a);
    a->listener = listener_start(l, fd, on_accept, a);
    *out = a;
    return 0;
}

void admin_base_stop(struct admin_base **pa)
{
    struct admin_base *a = *pa;
    *pa = NULL;
    if (a == NULL)
        return;
    listener_stop(&a->listener);
    server_destroy(&a->server);
    tls_authority_unref(&a->clients);
    mem_free(a);
}
