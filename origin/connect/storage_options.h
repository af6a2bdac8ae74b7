/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_STORAGE_OPTIONS_H
#define ORIGIN_CONNECT_STORAGE_OPTIONS_H

#include "lib/base/option.h"
#include "origin/connect/connector.h"

/* A storage across a network, as the configuration names it:
 *   storage "s3" { url = "https://s3.example"  bucket = "games"  credentials_file = "s3.key" } */
enum storage_style { STORAGE_STYLE_PATH, STORAGE_STYLE_VIRTUAL };
enum storage_auth { STORAGE_AUTH_V1, STORAGE_AUTH_V3, STORAGE_AUTH_TEMPURL };

struct storage_options {
    const char *kind; /* the title: "http", "s3", "swift" */
    int line;
    const char *url, *address, *bucket, *prefix, *region, *credentials_file;
    const char *auth_url, *user, *project, *user_domain, *project_domain;
    const char *ca_file, *chain_file, *key_file;
    bool is_unverified;
    int style, auth;
    int64_t tries, connect_ms, first_byte_ms, stall_ms, idle_per_worker, part_bytes;
    /* The gate before it (origin/serve/gate.h). */
    int64_t reads, reads_per_key, queue, wait_ms, key_wait_ms;
};
extern const struct option_section storage_section;

/* storage_create: the connector that one section asks for. 0, or ERR_CONFIG and why. o outlives it.
 * storage_check: the same, without keeping it. */
MUST_USE int storage_create(struct connector **out, const struct storage_options *o,
                            const char *file, struct buf *why);
MUST_USE int storage_check(const struct storage_options *o, const char *file, struct buf *why);

#endif
