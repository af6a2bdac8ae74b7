/* SPDX-License-Identifier: MIT
 * Certificates and ticket keys of a program, from its configuration and then from their files for
 * as long as it runs.
 *
 * Files are asked once a second for what stat() tells of them, rather than watched: that also sees
 * what happens behind a symbolic link or on a network file system, and costs nothing. A chain and
 * its key are written one after the other, so they are read when a second went by without a change.
 *
 * Main thread; what connections use is shared behind a lock that is held for a pointer copy. */
#include "lib/daemon/certificates.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/daemon/given.h"
#include "lib/net/tls_identity.h"
#include "lib/net/tls_tickets.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/stat.h>

#define FILES_EACH    3
#define WHY_MAX_BYTES 4096

/* What tells one content of a few files from another. */
struct marks {
    struct mark {
        dev_t device;
        ino_t inode;
        off_t bytes;
        struct timespec changed;
    } of[FILES_EACH];
};

/* Files that belong together and are followed. */
struct followed {
    char *name;
    char *files[FILES_EACH]; /* "": none */
    struct marks tried;      /* when last read, well or not */
    struct marks seen;       /* when last looked at */
};

struct certificate {
    struct followed on; /* chain, key, OCSP response */
    struct tls_identity *identity;
};

/* What a configuration leads to; replaced whole by another one. */
struct holdings {
    struct certificate *v;
    size_t count;
    struct followed keys; /* of tickets */
};

struct certificates {
    struct loop *loop;
    struct timer follow;
    struct holdings now;
    struct given *given;         /* by the control plane; NULL: nothing */
    struct tls_tickets *tickets; /* one for life: sessions outlive certificates */
    uint64_t refused;
    sec_t swapped_at; /* wall; 0: not since the start */
    pthread_mutex_t lock;
    struct tls_server *servers[2]; /* [offers_h2]; under the lock */
};

/* What is agreed on within the handshake, in the order we like it (RFC 7301). */
static const char *const alpn[2][3] = {{"http/1.1", NULL}, {"h2", "http/1.1", NULL}};

static const struct option certificate_rows[] = {
    OPTION_ROW("chain", TEXT, OPTION_FIELD(struct certificate_options, chain), NULL,
               "PEM file: the certificate, then its intermediates. Followed on disk."),
    OPTION_ROW("key", TEXT, OPTION_FIELD(struct certificate_options, key), NULL,
               "PEM file: its private key. Followed on disk."),
    OPTION_ROW("ocsp", TEXT, OPTION_FIELD(struct certificate_options, ocsp), "",
               "DER file: an OCSP response to staple while it is current. Followed on disk; may "
               "come later."),
    {.name = NULL},
};

const struct option_section certificate_section = {
    .options = certificate_rows,
    .record_bytes = sizeof(struct certificate_options),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct certificate_options, name),
    .line_offset_bytes = offsetof(struct certificate_options, line),
};

static const struct option tls_rows[] = {
    OPTION_ROW("ticket_keys", TEXT, OPTION_FIELD(struct tls_options, ticket_keys), "",
               "File of session ticket keys that nodes share: 80 bytes each (openssl rand 80), the "
               "newest first. Followed on disk. Unset: own random keys, a new one every 6 hours."),
    {.name = NULL},
};

const struct option_section tls_section = {
    .options = tls_rows,
    .record_bytes = sizeof(struct tls_options),
    .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE,
};

/* ---- files ---- */

static struct marks marks_of(const struct followed *f)
{
    struct marks m;
    memset(&m, 0, sizeof m); /* compared as bytes */
    for (int i = 0; i < FILES_EACH; i++) {
        struct stat st;
        if (f->files[i][0] == '\0' || stat(f->files[i], &st) != 0)
            continue;
        m.of[i].device = st.st_dev;
        m.of[i].inode = st.st_ino;
        m.of[i].bytes = st.st_size;
        m.of[i].changed.tv_sec = st.st_mtim.tv_sec;
        m.of[i].changed.tv_nsec = st.st_mtim.tv_nsec;
    }
    return m;
}

static bool is_same(const struct marks *a, const struct marks *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* True: other files than those last read, and not about to change any more. */
static bool is_to_be_read(struct followed *f)
{
    struct marks now = marks_of(f);
    bool is_settled = is_same(&now, &f->seen);
    f->seen = now;
    if (!is_settled || is_same(&now, &f->tried))
        return false;
    f->tried = now;
    return true;
}

static void followed_init(struct followed *f, const char *name, const char *const files[FILES_EACH])
{
    f->name = mem_strdup(name);
    for (int i = 0; i < FILES_EACH; i++)
        f->files[i] = mem_strdup(files[i]);
    f->tried = f->seen = marks_of(f);
}

static void followed_finish(struct followed *f)
{
    mem_free(f->name);
    for (int i = 0; i < FILES_EACH; i++)
        mem_free(f->files[i]);
}

/* ---- what a configuration leads to ---- */

static int read_identity(struct tls_identity **out, const struct followed *f, struct buf *why)
{
    struct tls_pair files = {
        .chain_file = f->files[0], .key_file = f->files[1], .ocsp_file = f->files[2]};
    return tls_identity_load(out, &files, why);
}

static void holdings_finish(struct holdings *h)
{
    for (size_t i = 0; i < h->count; i++) {
        followed_finish(&h->v[i].on);
        tls_identity_unref(&h->v[i].identity);
    }
    mem_free(h->v);
    followed_finish(&h->keys);
}

/* Every fault is said. Marks are taken before files are read: a change between is seen later. */
static int holdings_init(struct holdings *h, const struct certificates_spec *spec, struct buf *why)
{
    const struct certificate_options *o = spec->certificates->v;
    int err = 0;
    h->count = spec->certificates->count;
    h->v = mem_zarray(h->count + 1, sizeof *h->v);
    followed_init(&h->keys, "ticket_keys", (const char *[]){spec->tls->ticket_keys, "", ""});
    for (size_t i = 0; i < h->count; i++) {
        struct certificate *c = &h->v[i];
        followed_init(&c->on, o[i].name, (const char *[]){o[i].chain, o[i].key, o[i].ocsp});
        int fault = read_identity(&c->identity, &c->on, why);
        err = err != 0 ? err : fault;
    }
    if (err != 0)
        holdings_finish(h);
    return err;
}

/* What was found is a fault of that line. */
static int tell(const struct option_config *config, int line, const char *of, struct buf *found,
                struct buf *why)
{
    option_error(why, option_file(config), line, "%s: %.*s", of,
                 SPAN_FMT(span_trim(buf_span(found))));
    buf_clear(found);
    return ERR_CERTIFICATE;
}

static int check_pairs(const struct option_records *certificates,
                       const struct option_config *config, struct buf *why)
{
    const struct certificate_options *o = certificates->v;
    struct buf found;
    int err = 0;
    buf_init(&found, WHY_MAX_BYTES);
    for (size_t i = 0; i < certificates->count; i++) {
        struct tls_pair files = {
            .chain_file = o[i].chain, .key_file = o[i].key, .ocsp_file = o[i].ocsp};
        struct tls_identity *identity = NULL;
        char *of = mem_printf("certificate \"%s\"", o[i].name);
        if (tls_identity_load(&identity, &files, &found) != 0)
            err = tell(config, o[i].line, of, &found, why);
        tls_identity_unref(&identity);
        mem_free(of);
    }
    buf_finish(&found);
    return err;
}

int certificates_check(const struct certificates_spec *spec, const struct option_config *config,
                       struct buf *why)
{
    struct tls_tickets *tickets = tls_tickets_create();
    struct buf found;
    buf_init(&found, WHY_MAX_BYTES);
    int err = check_pairs(spec->certificates, config, why);
    if (tls_tickets_load(tickets, spec->tls->ticket_keys, &found) != 0)
        err = tell(config, option_line(config, spec->tls, "ticket_keys"), "tls.ticket_keys", &found,
                   why);
    buf_finish(&found);
    tls_tickets_unref(&tickets);
    return err;
}

/* ---- swapping ---- */

static size_t given_count(const struct certificates *c)
{
    return c->given != NULL ? c->given->certificate_count : 0;
}

/* Connections from now on use what is held now. */
static void put_to_use(struct certificates *c)
{
    struct tls_server *fresh[2] = {NULL, NULL}, *old[2];
    size_t own = c->now.count, count = own + given_count(c);
    struct tls_identity **all = mem_zarray(count + 1, sizeof(struct tls_identity *));
    for (size_t i = 0; i < count; i++)
        all[i] = i < own ? c->now.v[i].identity : c->given->certificates[i - own].identity;
    for (int h2 = 0; h2 < 2 && count > 0; h2++) {
        struct tls_server_spec spec = {
            .identities = all, .count = count, .alpn = alpn[h2], .tickets = c->tickets};
        fresh[h2] = tls_server_create(&spec);
    }
    mem_free(all);
    pthread_mutex_lock(&c->lock);
    memcpy(old, c->servers, sizeof old);
    memcpy(c->servers, fresh, sizeof fresh);
    pthread_mutex_unlock(&c->lock);
    tls_server_unref(&old[0]);
    tls_server_unref(&old[1]);
}

/* The file's keys, else those that were given, else random ones of our own. */
static int use_ticket_keys(struct certificates *c, const char *file, struct buf *why)
{
    if (file[0] != '\0' || c->given == NULL || c->given->tickets.n == 0)
        return tls_tickets_load(c->tickets, file, why);
    return tls_tickets_set(c->tickets, buf_span(&c->given->tickets), why);
}

static sec_t now_s(const struct certificates *c)
{
    return loop_wall(c->loop) / MSEC_PER_SEC;
}

static void note_refusal(struct certificates *c, const char *name, struct buf *why)
{
    struct span rest = buf_span(why), line;
    c->refused++;
    while ((line = span_cut(rest, '\n', &rest)).n > 0)
        LOG_ERROR("certificate-refused", "name=%s why=\"%.*s\" kept=\"the one in use\"", name,
                  SPAN_FMT(line));
}

/* A good pair that has expired is no improvement on one that has not. */
static int check_dates(const struct certificates *c, const struct tls_identity *fresh,
                       const struct tls_identity *old, struct buf *why)
{
    sec_t now = now_s(c);
    if (tls_identity_not_after(fresh) > now || tls_identity_not_after(old) <= now)
        return 0;
    buf_printf(why, "has expired, and the one in use has not\n");
    return ERR_CERTIFICATE;
}

static bool follow_certificate(struct certificates *c, struct certificate *one)
{
    struct tls_identity *fresh = NULL;
    struct buf why;
    if (!is_to_be_read(&one->on))
        return false;
    buf_init(&why, WHY_MAX_BYTES);
    int err = read_identity(&fresh, &one->on, &why);
    if (err == 0)
        err = check_dates(c, fresh, one->identity, &why);
    if (err != 0) {
        note_refusal(c, one->on.name, &why);
        tls_identity_unref(&fresh);
    } else {
        tls_identity_unref(&one->identity);
        one->identity = fresh;
        LOG_INFO("certificate-swapped", "name=%s expires=%lld staple=%s", one->on.name,
                 (long long)tls_identity_not_after(fresh),
                 tls_identity_has_staple(fresh) ? "yes" : "no");
    }
    buf_finish(&why);
    return err == 0;
}

static void follow_keys(struct certificates *c)
{
    const char *file = c->now.keys.files[0];
    struct buf why;
    tls_tickets_turn(c->tickets, loop_now(c->loop));
    if (file[0] == '\0' || !is_to_be_read(&c->now.keys))
        return;
    buf_init(&why, WHY_MAX_BYTES);
    if (tls_tickets_load(c->tickets, file, &why) != 0)
        note_refusal(c, c->now.keys.name, &why);
    else
        LOG_INFO("ticket-keys-swapped", "file=%s", file);
    buf_finish(&why);
}

static void on_follow(struct timer *t)
{
    struct certificates *c = CONTAINER_OF(t, struct certificates, follow);
    bool has_changed = false;
    for (size_t i = 0; i < c->now.count; i++)
        has_changed = follow_certificate(c, &c->now.v[i]) || has_changed;
    if (has_changed) {
        put_to_use(c);
        c->swapped_at = now_s(c);
    }
    follow_keys(c);
    timer_set(&c->follow, CERTIFICATES_FOLLOW_MS);
}

/* ---- the whole ---- */

int certificates_create(struct certificates **out, struct loop *l,
                        const struct certificates_spec *spec, struct buf *why)
{
    struct certificates *c = mem_zalloc(sizeof *c);
    *out = NULL;
    c->loop = l;
    c->tickets = tls_tickets_create();
    int err = tls_tickets_load(c->tickets, spec->tls->ticket_keys, why);
    if (err == 0)
        err = holdings_init(&c->now, spec, why);
    if (err != 0) {
        tls_tickets_unref(&c->tickets);
        mem_free(c);
        return err;
    }
    pthread_mutex_init(&c->lock, NULL);
    put_to_use(c);
    timer_init(&c->follow, l, on_follow);
    timer_set(&c->follow, CERTIFICATES_FOLLOW_MS);
    *out = c;
    return 0;
}

int certificates_reload(struct certificates *c, const struct certificates_spec *spec,
                        struct buf *why)
{
    struct holdings fresh;
    int err = holdings_init(&fresh, spec, why);
    if (err == 0) {
        err = use_ticket_keys(c, spec->tls->ticket_keys, why);
        if (err != 0)
            holdings_finish(&fresh);
    }
    if (err != 0) {
        c->refused++;
        return err;
    }
    holdings_finish(&c->now);
    c->now = fresh;
    put_to_use(c);
    c->swapped_at = now_s(c);
    return 0;
}

void certificates_give(struct certificates *c, struct given *given)
{
    struct given *old = c->given;
    struct buf why;
    buf_init(&why, WHY_MAX_BYTES);
    c->given = given;
    if (use_ticket_keys(c, c->now.keys.files[0], &why) != 0)
        note_refusal(c, c->now.keys.name, &why); /* the file's, which broke meanwhile */
    buf_finish(&why);
    if (given_count(c) > 0 || (old != NULL && old->certificate_count > 0)) {
        put_to_use(c);
        c->swapped_at = now_s(c);
    }
    given_destroy(&old);
}

const struct given *certificates_given(const struct certificates *c)
{
    return c->given;
}

void certificates_destroy(struct certificates **pc)
{
    struct certificates *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    timer_finish(&c->follow);
    holdings_finish(&c->now);
    given_destroy(&c->given);
    tls_server_unref(&c->servers[0]);
    tls_server_unref(&c->servers[1]);
    tls_tickets_unref(&c->tickets);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

struct tls_server *certificates_tls(struct certificates *c, bool offers_h2)
{
    pthread_mutex_lock(&c->lock);
    struct tls_server *tls = c->servers[offers_h2];
    if (tls != NULL)
        tls_server_ref(tls);
    pthread_mutex_unlock(&c->lock);
    return tls;
}

static void add_label(const char *text, struct buf *out)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *p);
    }
}

static void write_expiry(const char *name, const struct tls_identity *i, struct buf *out)
{
    buf_printf(out, "byeori_tls_certificate_expiry_seconds{certificate=\"");
    add_label(name, out);
    buf_printf(out, "\"} %" PRId64 "\n", tls_identity_not_after(i));
}

static bool has_own(const struct certificates *c, const char *name)
{
    for (size_t i = 0; i < c->now.count; i++)
        if (strcmp(c->now.v[i].on.name, name) == 0)
            return true;
    return false;
}

void certificates_write_metrics(const struct certificates *c, struct buf *out)
{
    buf_printf(out, "# HELP byeori_tls_certificate_expiry_seconds when a certificate in use "
                    "expires, Unix time\n"
                    "# TYPE byeori_tls_certificate_expiry_seconds gauge\n");
    for (size_t i = 0; i < c->now.count; i++)
        write_expiry(c->now.v[i].on.name, c->now.v[i].identity, out);
    for (size_t i = 0; i < given_count(c); i++)
        if (!has_own(c, c->given->certificates[i].name))
            write_expiry(c->given->certificates[i].name, c->given->certificates[i].identity, out);
    buf_printf(out,
               "# HELP byeori_tls_refused_total changed certificates and keys that could not be "
               "used\n# TYPE byeori_tls_refused_total counter\nbyeori_tls_refused_total %" PRIu64
               "\n",
               c->refused);
    buf_printf(
        out,
        "# HELP byeori_tls_swap_time_seconds when certificates were last swapped, Unix time; "
        "0: not since the start\n# TYPE byeori_tls_swap_time_seconds gauge\n"
        "byeori_tls_swap_time_seconds %" PRId64 "\n",
        c->swapped_at);
}
