/* SPDX-License-Identifier: MIT
 *
 * Listening addresses of a program, from its configuration to accepted connections. Knows nothing
 * of what is served. Threads as in the header; nothing is shared but the certificates, which look
 * after themselves. */
#include "lib/daemon/listen.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/listener.h"

#include <errno.h>
#include <unistd.h>

#define FAULT_ROOM 8192

struct listen_port {
    struct listen_set *set;
    struct listen_tag tag;
    bool offers_h2;
    struct tls_authority *clients; /* NULL: they need no certificate */
    char *name;
    int *fds; /* one for each worker until it has started; then -1 */
};

/* One port on one worker. */
struct listen_here {
    struct listen_port *port;
    struct server *server;
    struct listener *listener;
};

struct listen_set {
    size_t count;
    int workers;
    struct certificates *certificates; /* borrowed */
    struct listen_port *ports;
    struct listen_here *here; /* [worker * count + port]; each touched by its worker's thread */
};

static const struct option listen_rows[] = {
    OPTION_ROW("address", TEXT, OPTION_FIELD(struct listen_options, address), NULL,
               "Where to listen: \"0.0.0.0:8080\", \"[::]:8443\". Port 0: the system chooses one."),
    OPTION_ROW("tls", BOOL, OPTION_FIELD(struct listen_options, tls), "false",
               "Speak TLS with the configured certificates."),
    OPTION_ROW("http2", BOOL, OPTION_FIELD(struct listen_options, http2), "true",
               "Offer HTTP/2 beside HTTP/1.1 where TLS is spoken."),
    OPTION_ROW("client_ca", TEXT, OPTION_FIELD(struct listen_options, client_ca), "",
               "PEM file: only clients with a certificate of these authorities are let in. Unset: "
               "all are."),
    {.name = NULL},
};

const struct option_section listen_section = {
    .options = listen_rows,
    .record_bytes = sizeof(struct listen_options),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct listen_options, name),
    .line_offset_bytes = offsetof(struct listen_options, line),
};

static const struct listen_options *listen_option(const struct option_records *r, size_t i)
{
    return (const struct listen_options *)r->v + i;
}

/* NULL: none speaks TLS. */
static const struct listen_options *first_tls(const struct option_records *listens)
{
    for (size_t i = 0; i < listens->count; i++)
        if (listen_option(listens, i)->tls)
            return listen_option(listens, i);
    return NULL;
}

static int check_addresses(const struct option_records *listens, const char *file, struct buf *why)
{
    int err = 0;
    for (size_t i = 0; i < listens->count; i++) {
        const struct listen_options *o = listen_option(listens, i);
        struct addr addr;
        if (addr_parse(span_of(o->address), -1, &addr) == 0)
            continue;
        option_error(why, file, o->line,
                     "listen \"%s\": address \"%s\" is not ADDRESS:PORT (\"0.0.0.0:8080\", "
                     "\"[::]:8443\")",
                     o->name, o->address);
        err = ERR_CONFIG;
    }
    return err;
}

/* 0, or ERR_CONFIG and what is wrong. */
static int check_clients_of(const struct listen_options *o, struct buf *fault)
{
    struct tls_authority *authority = NULL;
    if (o->client_ca[0] == '\0')
        return 0;
    if (!o->tls) {
        buf_printf(fault, "client_ca needs tls = true");
        return ERR_CONFIG;
    }
    buf_printf(fault, "client_ca: ");
    int err = tls_authority_load(&authority, o->client_ca, fault);
    tls_authority_unref(&authority);
    return err == 0 ? 0 : ERR_CONFIG;
}

static int check_clients(const struct option_records *listens, const char *file, struct buf *why)
{
    struct buf fault;
    int err = 0;
    buf_init(&fault, FAULT_ROOM);
    for (size_t i = 0; i < listens->count; i++) {
        const struct listen_options *o = listen_option(listens, i);
        if (check_clients_of(o, &fault) != 0) {
            option_error(why, file, o->line, "listen \"%s\": %.*s", o->name,
                         SPAN_FMT(span_trim(buf_span(&fault))));
            err = ERR_CONFIG;
        }
        buf_clear(&fault);
    }
    buf_finish(&fault);
    return err;
}

int listen_check(const struct option_records *listens, bool has_certificate, const char *file,
                 struct buf *why)
{
    int err = check_addresses(listens, file, why);
    if (check_clients(listens, file, why) != 0)
        err = ERR_CONFIG;
    const struct listen_options *tls = first_tls(listens);
    if (!has_certificate && tls != NULL) {
        option_error(why, file, tls->line,
                     "listen \"%s\": tls = true, but there is no certificate section", tls->name);
        err = ERR_CONFIG;
    }
    return err;
}

static int bind_port(struct listen_port *port, const struct listen_options *o, int workers,
                     struct buf *why)
{
    char text[ADDR_TEXT_ROOM];
    port->fds = mem_zarray((size_t)workers, sizeof *port->fds);
    for (int i = 0; i < workers; i++)
        port->fds[i] = -1;
    port->name = mem_strdup(o->name);
    port->tag.name = port->name;
    port->tag.is_tls = o->tls;
    port->offers_h2 = o->http2;
    if (addr_parse(span_of(o->address), -1, &port->tag.address) != 0 ||
        (o->client_ca[0] != '\0' && tls_authority_load(&port->clients, o->client_ca, why) != 0))
        return ERR_CONFIG;
    for (int i = 0; i < workers; i++) {
        int rc = listener_bind(&port->tag.address, i == 0, &port->fds[i]);
        if (rc == 0)
            continue;
        buf_printf(
            why, "listen \"%s\": cannot listen on %s: %s%s\n", o->name, o->address, strerror(-rc),
            rc == -EADDRINUSE ? " (another program has the port: stop it or choose another)" : "");
        return ERR_IO;
    }
    addr_text(&port->tag.address, text);
    LOG_INFO("listening", "name=%s address=%s tls=%s", o->name, text, o->tls ? "yes" : "no");
    return 0;
}

int listen_bind(struct listen_set **out, const struct listen_bind_spec *spec, struct buf *why)
{
    struct listen_set *set = mem_zalloc(sizeof *set);
    *out = NULL;
    set->count = spec->listens->count;
    set->workers = spec->workers;
    set->ports = mem_zarray(set->count, sizeof *set->ports);
    set->here = mem_zarray(set->count * (size_t)spec->workers, sizeof *set->here);
    set->certificates = spec->certificates;
    int err = 0;
    for (size_t i = 0; i < set->count && err == 0; i++) {
        set->ports[i].set = set;
        err = bind_port(&set->ports[i], listen_option(spec->listens, i), spec->workers, why);
    }
    if (err != 0) {
        listen_destroy(&set);
        return err;
    }
    *out = set;
    return 0;
}

static void on_accept(void *ctx, int fd, const struct addr *peer)
{
    struct listen_here *here = ctx;
    const struct listen_port *port = here->port;
    struct tls_server *tls =
        port->tag.is_tls ? certificates_tls(port->set->certificates, port->offers_h2) : NULL;
    if (port->tag.is_tls && tls == NULL) { /* the control plane has not given any yet */
        LOG_WARN_LIMITED("no-certificate", "listen=%s note=\"connection closed\"", port->name);
        close(fd);
        return;
    }
    if (tls != NULL && port->clients != NULL) {
        struct tls_server *all = tls;
        tls = tls_server_for(all, port->clients);
        tls_server_unref(&all);
    }
    server_accept(here->server, fd, peer, tls, &here->port->tag);
    tls_server_unref(&tls);
}

static struct listen_here *here_of(struct listen_set *set, int worker)
{
    CHECK(worker >= 0 && worker < set->workers);
    return set->here + (size_t)worker * set->count;
}

void listen_start(struct listen_set *set, int worker, struct loop *l, struct server *s)
{
    struct listen_here *here = here_of(set, worker);
    for (size_t i = 0; i < set->count; i++) {
        here[i] = (struct listen_here){.port = &set->ports[i], .server = s};
        here[i].listener = listener_start(l, set->ports[i].fds[worker], on_accept, &here[i]);
        set->ports[i].fds[worker] = -1;
    }
}

void listen_stop(struct listen_set *set, int worker)
{
    struct listen_here *here = here_of(set, worker);
    for (size_t i = 0; i < set->count; i++)
        listener_stop(&here[i].listener);
}

void listen_destroy(struct listen_set **pset)
{
    struct listen_set *set = *pset;
    *pset = NULL;
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++) {
        for (int w = 0; set->ports[i].fds != NULL && w < set->workers; w++)
            if (set->ports[i].fds[w] >= 0)
                close(set->ports[i].fds[w]);
        mem_free(set->ports[i].fds);
        tls_authority_unref(&set->ports[i].clients);
        mem_free(set->ports[i].name);
    }
    mem_free(set->ports);
    mem_free(set->here);
    mem_free(set);
}
