/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_CONFIG_COMMIT_H
#define CONTROL_API_CONFIG_COMMIT_H

#include "control/api/api_worker.h"

/* A new version of the configuration, made durable with what it changes, its place in the history
 * and its entry of the audit log, in one commit; then it is on its way to the edges. The state's
 * thread; the caller then changes what is in memory. */
struct config_commit {
    const struct state_change *changes; /* of the sites */
    size_t count;
    struct span document;       /* all of it, in public form: secrets as digests */
    const struct secret *fresh; /* those of its secrets that come with it */
    size_t fresh_count;
    bool is_direct; /* to all edges at once, whatever the rules say */
};
#define CONFIG_DOCUMENT_BYTES (HEARTBEAT_MAX_BYTES - HEARTBEAT_HEAD_BYTES)

/* config_document: all of the configuration, in public form, as it would be with a site's change or
 * a paper's (NULL: as it is). ERR_TOO_BIG: more than an edge takes. */
MUST_USE int config_document(struct api *a, const struct state_change *site,
                             const struct paper *paper, struct buf *out);
/* config_commit: 0 and out->version, or the state's error, ERR_TOO_BIG; ERR_SYNTAX, ERR_CERTIFICATE
 * with a sentence in why: edges would refuse its certificates or keys. */
struct config_result {
    uint64_t version;
    struct buf *why;
};
MUST_USE int config_commit(struct api *a, struct state *s, const struct config_commit *c,
                           const struct audit_entry *e, struct config_result *out);
/* config_return: the content of version `to` again, as a new version and to all edges at once. 0
 * and out->version, or ERR_NOT_FOUND, ERR_EXISTS (the file has one of the sites), or the state's
 * error. */
MUST_USE int config_return(struct api *a, struct state *s, uint64_t to, const struct audit_entry *e,
                           struct config_result *out);
/* config_settle: what is newest becomes stable. */
MUST_USE int config_settle(struct api *a, struct state *s, uint64_t version);
/* config_load: at start, when the registry has its sites. Adds a sentence to why where the error
 * does not tell enough. */
MUST_USE int config_load(struct api *a, struct state *s, struct buf *why);

#endif
