/* SPDX-License-Identifier: MIT
 *
 * Members as the file and the control plane name them; owners by score. Few members and a question
 * only where something is to be fetched, so each question scores them all. */
#include "edge/cluster/members.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/hrw.h"
#include "lib/base/mem.h"

#include <math.h>
#include <pthread.h>

#define FAULT_ROOM 8192

struct member {
    struct peer *peer; /* NULL: this node */
    uint64_t hash;
    double weight;
};

struct members {
    pthread_mutex_t lock;
    struct peers *peers;
    double hot_per_s;
    struct span own_url;
    struct option_texts fixed;
    struct tls_client *tls;       /* for https */
    struct member v[MEMBERS_MAX]; /* under the lock, as is count */
    size_t count;
};

static const struct option cluster_rows[] = {
    OPTION_ROW(
        "url", TEXT, OPTION_FIELD(struct cluster_options, url), "",
        "Where siblings reach this node: \"http://10.0.0.1:8080\"; what stands for it among them."),
    OPTION_ROW("siblings", TEXTS, OPTION_FIELD(struct cluster_options, siblings), "",
               "URLs of the edges of the same place, asked for what they have; the same list on "
               "all of them."),
    OPTION_ROW("join", BOOL, OPTION_FIELD(struct cluster_options, joins), "false",
               "Whether the edges that the control plane knows at the same point of the map are "
               "siblings too."),
    OPTION_ROW("ca", TEXT, OPTION_FIELD(struct cluster_options, ca), "",
               "PEM file of the authorities that may sign for siblings asked by https. Unset: the "
               "system's."),
    OPTION_ROW("certificate", TEXT, OPTION_FIELD(struct cluster_options, certificate), "",
               "PEM file: this node's own certificate, where siblings ask for one."),
    OPTION_ROW("key", TEXT, OPTION_FIELD(struct cluster_options, key), "",
               "PEM file: its private key."),
    OPTION_ROW_WITH("hot_rate", INT, OPTION_FIELD(struct cluster_options, hot_per_s), "20",
                    "Asks for one key a second that one owner is enough for; every multiple of it "
                    "adds an owner.",
                    .min = 1, .max = 1000000),
    {.name = NULL},
};
const struct option_section cluster_section = {
    .options = cluster_rows,
    .record_bytes = sizeof(struct cluster_options),
    .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE,
};

static bool is_member_url(struct span text, struct url *url)
{
    return url_parse(text, url) == 0 && span_eq(url->path, SPAN("/")) && url->query.p == NULL;
}

static bool asks_by_https(const struct cluster_options *o)
{
    bool asks = o->joins; /* by whatever the control plane says */
    for (size_t i = 0; i < o->siblings.count; i++)
        asks = asks || span_starts(span_of(o->siblings.v[i]), SPAN("https:"));
    return asks;
}

/* *out NULL: no sibling is asked by https. */
static int read_tls(const struct cluster_options *o, struct tls_client **out, struct buf *why)
{
    struct tls_client_spec spec = {
        .ca_file = o->ca, .chain_file = o->certificate, .key_file = o->key};
    *out = NULL;
    return asks_by_https(o) ? tls_client_create(out, &spec, why) : 0;
}

static int check_tls(const struct cluster_options *o, const struct option_config *config,
                     struct buf *why)
{
    const char *name = o->ca[0] != '\0' ? "ca" : "certificate";
    struct tls_client *tls;
    struct buf found;
    buf_init(&found, FAULT_ROOM);
    int err = read_tls(o, &tls, &found);
    if (err != 0)
        option_error(why, option_file(config), option_line(config, o, name), "cluster: %s: %.*s",
                     name, SPAN_FMT(span_trim(buf_span(&found))));
    tls_client_unref(&tls);
    buf_finish(&found);
    return err;
}

int cluster_check(const struct cluster_options *options, const struct option_config *config,
                  struct buf *why)
{
    const char *file = option_file(config);
    struct url url;
    int err = 0;
    for (size_t i = 0; i < options->siblings.count; i++) {
        const char *text = options->siblings.v[i];
        if (is_member_url(span_of(text), &url))
            continue;
        option_error(why, file, option_line(config, options, "siblings"),
                     "cluster: siblings: \"%s\" is not like \"http://10.0.0.2:8080\"", text);
        err = ERR_CONFIG;
    }
    if (options->url[0] != '\0' && !is_member_url(span_of(options->url), &url)) {
        option_error(why, file, option_line(config, options, "url"),
                     "cluster: url: \"%s\" is not like \"http://10.0.0.1:8080\"", options->url);
        err = ERR_CONFIG;
    }
    if (options->siblings.count > 0 && options->url[0] == '\0') {
        option_error(why, file, option_line(config, options, "siblings"),
                     "cluster: url: must be given where siblings are");
        err = ERR_CONFIG;
    }
    if (check_tls(options, config, why) != 0)
        err = ERR_CONFIG;
    return err;
}

static bool has_locked(const struct members *m, uint64_t hash)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->v[i].hash == hash)
            return true;
    }
    return false;
}

static void add_locked(struct members *m, const struct member_spec *spec)
{
    struct url url;
    uint64_t hash = hash64(spec->url.p, spec->url.n);
    if (m->count == MEMBERS_MAX || has_locked(m, hash) || !is_member_url(spec->url, &url))
        return;
    bool is_self = spec->is_self || span_eq(spec->url, m->own_url);
    m->v[m->count++] = (struct member){.peer = is_self ? NULL : peers_get(m->peers, &url, m->tls),
                                       .hash = hash,
                                       .weight = spec->weight};
}

static size_t take_all_locked(struct members *m, struct peer **out)
{
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (m->v[i].peer != NULL)
            out[count++] = m->v[i].peer;
    }
    m->count = 0;
    return count;
}

static void let_go(struct peer **all, size_t count)
{
    while (count > 0)
        peer_unref(&all[--count]);
}

void members_set(struct members *m, const struct member_spec *v, size_t count)
{
    struct peer *before[MEMBERS_MAX];
    pthread_mutex_lock(&m->lock);
    size_t gone = take_all_locked(m, before);
    struct member_spec self = {.url = m->own_url, .weight = 1, .is_self = true};
    for (size_t i = 0; i < m->fixed.count; i++)
        add_locked(m, &(struct member_spec){.url = span_of(m->fixed.v[i]), .weight = 1});
    for (size_t i = 0; i < count; i++)
        add_locked(m, &v[i]);
    if (m->own_url.n > 0)
        add_locked(m, &self);
    pthread_mutex_unlock(&m->lock);
    let_go(before, gone); /* after the new ones: who stays keeps its state */
}

int members_configure(struct members *m, const struct cluster_options *options, struct buf *why)
{
    struct tls_client *tls, *before;
    struct peer *all[MEMBERS_MAX];
    size_t gone = 0;
    int err = read_tls(options, &tls, why);
    if (err != 0)
        return err;
    pthread_mutex_lock(&m->lock);
    before = m->tls;
    m->tls = tls;
    if (options->ca[0] != '\0' || options->certificate[0] != '\0')
        gone = take_all_locked(m, all); /* made anew, with what the files hold now */
    m->hot_per_s = (double)options->hot_per_s;
    m->own_url = span_of(options->url);
    m->fixed = options->siblings;
    pthread_mutex_unlock(&m->lock);
    let_go(all, gone);
    tls_client_unref(&before);
    members_set(m, NULL, 0);
    return 0;
}

struct members *members_create(struct peers *peers)
{
    struct members *m = mem_zalloc(sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    m->peers = peers;
    return m;
}

void members_destroy(struct members **pm)
{
    struct peer *all[MEMBERS_MAX];
    struct members *m = *pm;
    *pm = NULL;
    if (m == NULL)
        return;
    let_go(all, take_all_locked(m, all));
    if (m->tls != NULL)
        tls_client_unref(&m->tls);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

/* A sibling only has to look, so one that was slow is left out until its probe is answered. */
static bool is_there(const struct member *one)
{
    return one->peer == NULL || peer_is_well(one->peer);
}

/* The member of the given rank among those that are there; NULL: there are not so many. */
static const struct member *best_below_locked(const struct members *m, uint64_t key, double below)
{
    const struct member *best = NULL;
    double best_score = 0;
    for (size_t i = 0; i < m->count; i++) {
        double score = hrw_score(key, m->v[i].hash, m->v[i].weight);
        if (is_there(&m->v[i]) && score < below && score > best_score) {
            best = &m->v[i];
            best_score = score;
        }
    }
    return best;
}

/* One of the key's owners; NULL: this node is one. */
static struct peer *owner_locked(struct members *m, uint64_t key, size_t owners, uint32_t pick)
{
    const struct member *found[MEMBERS_MAX];
    size_t count = 0;
    double below = HUGE_VAL;
    while (count < owners) {
        const struct member *one = best_below_locked(m, key, below);
        if (one == NULL)
            break;
        if (one->peer == NULL)
            return NULL;
        found[count++] = one;
        below = hrw_score(key, one->hash, one->weight);
    }
    return count > 0 ? found[pick % count]->peer : NULL;
}

struct peer *members_owner(struct members *m, uint64_t key, double rate, uint32_t pick)
{
    pthread_mutex_lock(&m->lock);
    double owners = 1 + rate / m->hot_per_s;
    size_t most = m->count;
    struct peer *p =
        most > 1 ? owner_locked(m, key, owners < (double)most ? (size_t)owners : most, pick) : NULL;
    if (p != NULL)
        peer_ref(p);
    pthread_mutex_unlock(&m->lock);
    return p;
}
