/* SPDX-License-Identifier: MIT
 *
 * The options of byeori-origin. */
#include "origin/origin_options.h"

#include "lib/base/err.h"
#include "origin/connect/storage_options.h"
#include "origin/serve/field_rules.h"

#include <sys/stat.h>

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

#define FIELD(f) OPTION_FIELD(struct origin_options, f)

static const struct option rows[] = {
    {"workers",
     OPTION_INT,
     FIELD(workers),
     0,
     256,
     "0",
     "Worker threads, each with its own event loop; 0: one per core.",
     {NULL}},
    {"folder",
     OPTION_TEXT,
     FIELD(folder),
     0,
     0,
     "",
     "The folder to serve; nothing outside it is reachable.",
     {NULL}},
    {"index",
     OPTION_TEXT,
     FIELD(index),
     0,
     0,
     "index.html",
     "File that answers for a path ending in '/'; \"\": none does.",
     {NULL}},
    {"sendfile",
     OPTION_BOOL,
     FIELD(uses_sendfile),
     0,
     0,
     "true",
     "Send straight from the page cache. Set to false where files are overwritten in place.",
     {NULL}},
    {"releases",
     OPTION_DURATION,
     FIELD(releases_ms),
     0,
     86400000,
     "5s",
     "How long after it was published a release may stay unseen; 0: none is served.",
     {NULL}},
    {"io_threads",
     OPTION_INT,
     FIELD(io_threads),
     1,
     256,
     "4",
     "Threads for opening and reading what is not in the page cache.",
     {NULL}},
    {"io_queue",
     OPTION_INT,
     FIELD(io_queue),
     1,
     1 << 20,
     "1024",
     "Look-ups and reads that may wait for such a thread; beyond: 503 with Retry-After.",
     {NULL}},
    {"idle_timeout",
     OPTION_DURATION,
     FIELD(idle_ms),
     1,
     86400000,
     "75s",
     "How long a kept-alive connection may rest between requests.",
     {NULL}},
    {"stall_timeout",
     OPTION_DURATION,
     FIELD(stall_ms),
     100,
     86400000,
     "60s",
     "How long a transfer may stand still before it is cut.",
     {NULL}},
    {"connections",
     OPTION_INT,
     FIELD(conns),
     1,
     10000000,
     "100000",
     "Connections for each worker; more are closed at once.",
     {NULL}},
    {"drain",
     OPTION_DURATION,
     FIELD(drain_ms),
     0,
     3600000,
     "30s",
     "How long a stopping program finishes answers already begun.",
     {NULL}},
    {"log_level",
     OPTION_CHOICE,
     FIELD(log_level),
     0,
     0,
     "info",
     "What is logged on standard error.",
     {.choices = log_levels}},
    {.name = "storage",
     .type = OPTION_SECTION,
     .offset_bytes = FIELD(storages),
     .meaning = "A storage across a network, in place of a folder: \"http\", \"s3\" or \"swift\".",
     .section = &storage_section},
    {.name = "mirrors",
     .type = OPTION_SECTION,
     .offset_bytes = FIELD(mirrors),
     .meaning = "Lists of mirrors and torrents beside published files.",
     .section = &mirror_section},
    {.name = "listen",
     .type = OPTION_SECTION,
     .offset_bytes = FIELD(listens),
     .meaning = "An address that answers HTTP.",
     .section = &listen_section},
    {.name = "certificate",
     .type = OPTION_SECTION,
     .offset_bytes = FIELD(certificates),
     .meaning = "A certificate for TLS listeners, chosen by the names in it.",
     .section = &certificate_section},
    {.name = "tls",
     .type = OPTION_SECTION,
     .offset_bytes = FIELD(tls),
     .meaning = "What TLS listeners have in common.",
     .section = &tls_section},
    {.name = "admin",
     .type = OPTION_SECTION,
     .offset_bytes = FIELD(admin),
     .meaning = "Metrics and health, on an address of their own.",
     .section = &admin_section},
    {.name = "rule",
     .type = OPTION_SECTION,
     .offset_bytes = FIELD(rules),
     .meaning = "Fields for paths that fit the pattern in the title; the first that fits decides.",
     .section = &field_rule_section},
    {.name = NULL},
};

const struct option_section origin_section = {
    .options = rows,
    .record_bytes = sizeof(struct origin_options),
    .line_offset_bytes = OPTION_NO_LINE,
};

static int check_store(const struct origin_options *o, const char *file, struct buf *why)
{
    struct stat st;
    bool has_folder = o->folder[0] != '\0';
    if (has_folder == (o->storages.count > 0) || o->storages.count > 1) {
        option_error(why, file, 1, "either a folder or one storage section is served");
        return ERR_CONFIG;
    }
    if (!has_folder)
        return storage_check(o->storages.v, file, why);
    if (stat(o->folder, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    option_error(why, file, 1, "folder: \"%s\" is not a folder", o->folder);
    return ERR_CONFIG;
}

int origin_options_check(const struct origin_options *o, const char *file, struct buf *why)
{
    struct certificates_spec certificates = {&o->certificates, &o->tls};
    int err = listen_check(&o->listens, o->certificates.count > 0, file, why);
    if (certificates_check(&certificates, why) != 0)
        err = ERR_CONFIG;
    if (o->listens.count == 0) {
        option_error(why, file, 1,
                     "listen: there is no listen section: listen \"http\" { address = "
                     "\"127.0.0.1:9000\" }");
        err = ERR_CONFIG;
    }
    if (check_store(o, file, why) != 0 || mirror_check(&o->mirrors, file, why) != 0)
        err = ERR_CONFIG;
    if (field_rules_check(&o->rules, file, why) != 0 ||
        admin_check(&o->admin, o->certificates.count > 0, file, why) != 0)
        err = ERR_CONFIG;
    return err;
}
