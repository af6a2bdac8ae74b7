/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_H
#define ORIGIN_CONNECT_REMOTE_H

#include "lib/base/bucket.h"
#include "lib/base/list.h"
#include "lib/http/url.h"
#include "lib/web/client.h"
#include "origin/connect/connector.h"
#include "origin/connect/per_loop.h"
#include "origin/connect/sigv4.h"
#include "origin/connect/storage_options.h"

/* Storages that are reached over HTTP: what they have in common. A kind (plain.c, s3.c, swift.c)
 * says how a request looks and what a listing means; how it is asked, asked again, read and resumed
 * is here.
 *
 *   remote ── remote_loop (one per worker: client, retry budget, the kind's credentials)
 *               └ remote_ask (one question: signed, sent, repeated)     remote_ask.h
 *                   └ remote_read (a GET and its bytes)                 remote_read.h */
struct remote;
struct remote_loop;
struct remote_ask;
struct remote_upload;
struct remote_remains_kind;

struct remote_kind {
    const char *name;
    /* On each loop: what the kind keeps there (credentials); NULL where it keeps nothing. */
    void *(*enter)(struct remote_loop *at);
    void (*leave)(struct remote_loop *at, void *state);
    /* Completes a request that bears method, fields of the question and `mem`: host, port, path,
     * query, credentials; and where it goes. 0; ERR_AGAIN: credentials are on their way, and
     * remote_ask_resume_all will be called; another: it cannot be asked. */
    int (*sign)(struct remote_loop *at, struct remote_ask *a, struct request_head *head,
                struct client_target *target);
    /* The storage said this status of 4xx. true: the credentials were old and others are there or
     * on their way: ask again, once. NULL: there are none. */
    bool (*refresh)(struct remote_loop *at, struct remote_ask *a, int status);
    /* Whether the options make sense for this kind; reads nothing but them and their files. */
    int (*check)(const struct storage_options *o, const char *file, struct buf *why);
    /* The question of a listing, and what its answer says. NULL: cannot list. can_list: whether it
     * can as the options are; NULL: always. */
    bool (*can_list)(const struct storage_options *o);
    void (*ask_list)(struct remote_loop *at, struct remote_ask *a, const struct connector_list *l);
    int (*read_list)(struct remote_loop *at, struct connector_list *l, struct span answer);
    /* Uploads in parts (remote_upload.h). NULL: a content goes in one piece, whatever its size. */
    const struct remote_parts *parts;
    /* Finds segments (remote_remains.h). NULL: an object is what stands at its path. */
    const struct remote_remains_kind *remains;
    const char *sha256_field; /* of a content: hex SHA-256; lower case */
    bool can_write;
    bool finds_url; /* the options may leave the URL to the login */
};

struct remote {
    struct connector connector; /* first */
    const struct remote_kind *kind;
    const struct storage_options *options; /* the configuration's */
    struct url base;                       /* borrowed from the options */
    char *host;                            /* dialled */
    struct tls_client *tls;                /* NULL: not HTTPS */
    struct per_loop loops;                 /* struct remote_loop */
};

struct remote_loop {
    struct remote *remote;
    struct loop *home;
    struct client *client;
    struct bucket retries; /* of all questions on this loop */
    struct list asks;
    void *state; /* the kind's */
};

/* remote_create: 0, or ERR_CONFIG and why (file:line: ...). options outlive it. */
MUST_USE int remote_create(struct connector **out, const struct remote_kind *kind,
                           const struct storage_options *options, const char *file,
                           struct buf *why);
/* remote_at: this loop's side; it has entered. */
struct remote_loop *remote_at(struct connector *c, struct loop *home);
/* remote_address: host, port and target of a request to the storage's own URL. Virtual
 * style: the bucket's name stands before the host's. From the ask's mem. */
void remote_address(struct remote_loop *at, struct remote_ask *a, struct request_head *head,
                    struct client_target *target);
/* remote_key: prefix of the options and path of the ask, as they stand in a URL after the bucket:
 * empty, or from its '/' on. */
struct span remote_key(struct remote_loop *at, struct remote_ask *a);

/* remote_mark: `mark` (0: nothing yet) with one more of what a listing tells of a content. */
uint64_t remote_mark(uint64_t mark, struct span told);
/* remote_field: a field that lib/http has no number for; p == NULL: not there. */
struct span remote_field(const struct response_head *head, const char *name);
/* remote_err_of: what a status means; 0 for 2xx. */
int remote_err_of(int status);
/* remote_describe: fills what a find gives from the head of an answer to GET or HEAD. ERR_PROTOCOL
 * where it does not tell the size. */
int remote_describe(struct remote_loop *at, const struct response_head *head,
                    struct connector_find *find);

#endif
