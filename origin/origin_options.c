/* SPDX-License-Identifier: MIT
 *
 * The options of byeori-origin. */
#include "origin/origin_options.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "origin/connect/storage_options.h"
#include "origin/serve/field_rules.h"

#include <sys/stat.h>

#define FIELD(f) OPTION_FIELD(struct origin_options, f)

static const struct option rows[] = {
    OPTION_ROW_WITH("workers", INT, FIELD(workers), "0",
                    "Worker threads, each with its own event loop; 0: one per core.", .max = 256),
    OPTION_ROW("folder", TEXT, FIELD(folder), "",
               "The folder to serve; nothing outside it is reachable."),
    OPTION_ROW("index", TEXT, FIELD(index), "index.html",
               "File that answers for a path ending in '/'; \"\": none does."),
    OPTION_ROW(
        "sendfile", BOOL, FIELD(uses_sendfile), "true",
        "Send straight from the page cache. Set to false where files are overwritten in place."),
    OPTION_ROW_WITH("releases", DURATION, FIELD(releases_ms), "5s",
                    "How long after it was published a release may stay unseen; 0: none is served.",
                    .max = 86400000),
    OPTION_ROW_WITH("io_threads", INT, FIELD(io_threads), "4",
                    "Threads for opening and reading what is not in the page cache.", .min = 1,
                    .max = 256),
    OPTION_ROW_WITH(
        "io_queue", INT, FIELD(io_queue), "1024",
        "Look-ups and reads that may wait for such a thread; beyond: 503 with Retry-After.",
        .min = 1, .max = 1 << 20),
    OPTION_ROW_WITH("idle_timeout", DURATION, FIELD(idle_ms), "75s",
                    "How long a kept-alive connection may rest between requests.", .min = 1,
                    .max = 86400000),
    OPTION_ROW_WITH("stall_timeout", DURATION, FIELD(stall_ms), "60s",
                    "How long a transfer may stand still before it is cut.", .min = 100,
                    .max = 86400000),
    OPTION_ROW_WITH("connections", INT, FIELD(conns), "100000",
                    "Connections for each worker; more are closed at once.", .min = 1,
                    .max = 10000000),
    OPTION_ROW_WITH("drain", DURATION, FIELD(drain_ms), "30s",
                    "How long a stopping program finishes answers already begun.", .max = 3600000),
    OPTION_ROW_WITH("log_level", CHOICE, FIELD(log_level), "info",
                    "What is logged on standard error.", .choices = log_level_names),
    OPTION_ROW_WITH(
        "storage", SECTION, FIELD(storages), NULL,
        "A storage across a network, in place of a folder: \"http\", \"s3\" or \"swift\".",
        .section = &storage_section),
    OPTION_ROW_WITH("mirrors", SECTION, FIELD(mirrors), NULL,
                    "Lists of mirrors and torrents beside published files.",
                    .section = &mirror_section),
    OPTION_ROW_WITH("listen", SECTION, FIELD(listens), NULL, "An address that answers HTTP.",
                    .section = &listen_section),
    OPTION_ROW_WITH("certificate", SECTION, FIELD(certificates), NULL,
                    "A certificate for TLS listeners, chosen by the names in it.",
                    .section = &certificate_section),
    OPTION_ROW_WITH("tls", SECTION, FIELD(tls), NULL, "What TLS listeners have in common.",
                    .section = &tls_section),
    OPTION_ROW_WITH("admin", SECTION, FIELD(admin), NULL,
                    "Metrics and health, on an address of their own.", .section = &admin_section),
    OPTION_ROW_WITH(
        "rule", SECTION, FIELD(rules), NULL,
        "Fields for paths that fit the pattern in the title; the first that fits decides.",
        .section = &field_rule_section),
    {.name = NULL},
};

const struct option_section origin_section = {
    .options = rows,
    .record_bytes = sizeof(struct origin_options),
    .line_offset_bytes = OPTION_NO_LINE,
};

static int check_store(struct option_config *config, struct buf *why)
{
    const struct origin_options *o = option_record(config);
    const char *file = option_file(config);
    struct stat st;
    bool has_folder = o->folder[0] != '\0';
    if (has_folder == (o->storages.count > 0) || o->storages.count > 1) {
        option_error(why, file, 0, "either a folder or one storage section is served");
        return ERR_CONFIG;
    }
    if (!has_folder)
        return storage_check(o->storages.v, file, why);
    if (stat(o->folder, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    option_error(why, file, option_line(config, o, "folder"), "folder: \"%s\" is not a folder",
                 o->folder);
    return ERR_CONFIG;
}

int origin_options_check(struct option_config *config, struct buf *why)
{
    const struct origin_options *o = option_record(config);
    const char *file = option_file(config);
    struct certificates_spec certificates = {&o->certificates, &o->tls};
    int err = listen_check(&o->listens, o->certificates.count > 0, file, why);
    if (certificates_check(&certificates, config, why) != 0)
        err = ERR_CONFIG;
    if (o->listens.count == 0) {
        option_error(why, file, 0,
                     "listen: there is no listen section: listen \"http\" { address = "
                     "\"127.0.0.1:9000\" }");
        err = ERR_CONFIG;
    }
    if (check_store(config, why) != 0)
        err = ERR_CONFIG;
    if (mirror_check(&o->mirrors, config, why) != 0)
        err = ERR_CONFIG;
    if (field_rules_check(&o->rules, file, why) != 0)
        err = ERR_CONFIG;
    if (admin_check(&o->admin, o->certificates.count > 0, config, why) != 0)
        err = ERR_CONFIG;
    return err;
}
