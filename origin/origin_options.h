/* SPDX-License-Identifier: MIT */
/* private to origin */
#ifndef ORIGIN_ORIGIN_OPTIONS_H
#define ORIGIN_ORIGIN_OPTIONS_H

#include "lib/daemon/admin_base.h"
#include "lib/daemon/listen.h"
#include "origin/connect/mirror_doc.h"

/* The record of origin.conf. */
struct origin_options {
    int64_t workers, drain_ms;
    int log_level;
    const char *folder, *index;
    bool uses_sendfile;
    int64_t io_threads, io_queue, releases_ms;
    int64_t idle_ms, stall_ms, conns;
    struct option_records listens, certificates, rules;
    struct option_records storages; /* struct storage_options; one, or a folder */
    struct mirror_options mirrors;
    struct tls_options tls;
    struct admin_options admin;
};
extern const struct option_section origin_section;

/* origin_options_check: what spans options. 0, or ERR_CONFIG and why. */
MUST_USE int origin_options_check(struct option_config *config, struct buf *why);

#endif
