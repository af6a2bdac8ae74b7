/* SPDX-License-Identifier: MIT
 *
 * Listening addresses and certificates of a program, from its configuration to accepted
 * connections.
 * Knows nothing of what is served. Threads as in the header; the certificates in use are the only
 * thing shared, behind a lock held for a pointer copy. */
#include "lib/daemon/listen.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/listener.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

struct listen_port {
    struct listen_set *set;
    struct listen_tag tag;
    bool offers_h2;
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
    struct listen_port *ports;
    struct listen_here *here; /* [worker * count + port]; each touched by its worker's thread */
    pthread_mutex_t tls_lock;
    struct tls_server *tls[2]; /* [offers_h2] */
};

/* What is agreed on within the handshake, in the order we like it (RFC 7301). */
static const char *const alpn[2][3] = {{"http/1.1", NULL}, {"h2", "http/1.1", NULL}};

static const struct option listen_rows[] = {
    {"address",
     OPTION_TEXT,
     OPTION_FIELD(struct listen_options, address),
     0,
     0,
     NULL,
     "Where to listen: \"0.0.0.0:8080\", \"[::]:8443\". Port 0: the system chooses one.",
     {NULL}},
    {"tls",
     OPTION_BOOL,
     OPTION_FIELD(struct listen_options, tls),
     0,
     0,
     "false",
     "Speak TLS with the configured certificates.",
     {NULL}},
    {"http2",
     OPTION_BOOL,
     OPTION_FIELD(struct listen_options, http2),
     0,
     0,
     "true",
     "Offer HTTP/2 beside HTTP/1.1 where TLS is spoken.",
     {NULL}},
    {.name = NULL},
};

const struct option_section listen_section = {
    .options = listen_rows,
    .record_bytes = sizeof(struct listen_options),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct listen_options, name),
    .line_offset_bytes = offsetof(struct listen_options, line),
};

static const struct option certificate_rows[] = {
    {"chain",
     OPTION_TEXT,
     OPTION_FIELD(struct certificate_options, chain),
     0,
     0,
     NULL,
     "PEM file: the certificate, then its intermediates.",
     {NULL}},
    {"key",
     OPTION_TEXT,
     OPTION_FIELD(struct certificate_options, key),
     0,
     0,
     NULL,
     "PEM file: its private key.",
     {NULL}},
    {.name = NULL},
};

const struct option_section certificate_section = {
    .options = certificate_rows,
    .record_bytes = sizeof(struct certificate_options),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct certificate_options, name),
    .line_offset_bytes = offsetof(struct certificate_options, line),
};

static const struct listen_options *listen_option(const struct option_records *r, size_t i)
{
    return (const struct listen_options *)r->v + i;
}

static bool any_tls(const struct option_records *listens)
{
    for (size_t i = 0; i < listens->count; i++)
        if (listen_option(listens, i)->tls)
            return true;
    return false;
}

static void unref_tls(struct tls_server *tls[2])
{
    tls_server_unref(&tls[0]);
    tls_server_unref(&tls[1]);
}

/* The certificates as TLS contexts, without and with HTTP/2; NULL where none are configured. */
static int load_tls(struct tls_server *out[2], const struct option_records *certificates,
                    struct buf *why)
{
    out[0] = out[1] = NULL;
    if (certificates->count == 0)
        return 0;
    const struct certificate_options *c = certificates->v;
    struct tls_pair *pairs = mem_zarray(certificates->count, sizeof *pairs);
    for (size_t i = 0; i < certificates->count; i++)
        pairs[i] = (struct tls_pair){.chain_file = c[i].chain, .key_file = c[i].key};
    int err = tls_server_create(&out[0], pairs, certificates->count, alpn[0], why);
    if (err == 0)
        err = tls_server_create(&out[1], pairs, certificates->count, alpn[1], why);
    mem_free(pairs);
    if (err != 0)
        unref_tls(out);
    return err;
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

int listen_check(const struct option_records *listens, const struct option_records *certificates,
                 const char *file, struct buf *why)
{
    struct tls_server *tls[2];
    int err = check_addresses(listens, file, why);
    if (any_tls(listens) && certificates->count == 0) {
        option_error(why, file, listen_option(listens, 0)->line,
                     "a listener has tls = true, but there is no certificate section");
        err = ERR_CONFIG;
    }
    if (load_tls(tls, certificates, why) != 0)
        err = ERR_CONFIG;
    unref_tls(tls);
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
    if (addr_parse(span_of(o->address), -1, &port->tag.address) != 0)
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
    pthread_mutex_init(&set->tls_lock, NULL);
    int err = listen_check(spec->listens, spec->certificates, spec->file, why);
    if (err == 0)
        err = load_tls(set->tls, spec->certificates, why);
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

static struct tls_server *tls_now(struct listen_set *set, bool offers_h2)
{
    pthread_mutex_lock(&set->tls_lock);
    struct tls_server *tls = set->tls[offers_h2];
    if (tls != NULL)
        tls_server_ref(tls);
    pthread_mutex_unlock(&set->tls_lock);
    return tls;
}

static void on_accept(void *ctx, int fd, const struct addr *peer)
{
    struct listen_here *here = ctx;
    const struct listen_port *port = here->port;
    struct tls_server *tls = port->tag.is_tls ? tls_now(port->set, port->offers_h2) : NULL;
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

int listen_reload(struct listen_set *set, const struct option_records *certificates,
                  const char *file, struct buf *why)
{
    struct tls_server *tls[2], *old[2];
    bool needs_tls = false;
    for (size_t i = 0; i < set->count; i++)
        needs_tls = needs_tls || set->ports[i].tag.is_tls;
    if (needs_tls && certificates->count == 0) {
        option_error(why, file, 1,
                     "a listener has tls = true, but there is no certificate section");
        return ERR_CONFIG;
    }
    int err = load_tls(tls, certificates, why);
    if (err != 0)
        return err;
    pthread_mutex_lock(&set->tls_lock);
    memcpy(old, set->tls, sizeof old);
    memcpy(set->tls, tls, sizeof tls);
    pthread_mutex_unlock(&set->tls_lock);
    unref_tls(old);
    return 0;
}

size_t listen_count(const struct listen_set *set)
{
    return set->count;
}

const struct listen_tag *listen_at(const struct listen_set *set, size_t i)
{
    return &set->ports[i].tag;
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
        mem_free(set->ports[i].name);
    }
    unref_tls(set->tls);
    pthread_mutex_destroy(&set->tls_lock);
    mem_free(set->ports);
    mem_free(set->here);
    mem_free(set);
}
