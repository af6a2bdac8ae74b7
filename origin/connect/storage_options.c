/* SPDX-License-Identifier: MIT
 *
 * The options of a storage across a network, and which connector they make. */
#include "origin/connect/storage_options.h"

#include "lib/base/err.h"
#include "origin/connect/kinds.h"

#define FIELD(f) OPTION_FIELD(struct storage_options, f)

static const char *const styles[] = {"path", "virtual", NULL};
static const char *const auths[] = {"v1", "v3", "tempurl", NULL};

static const struct option rows[] = {
    OPTION_ROW(
        "url", TEXT, FIELD(url), "",
        "The storage's URL, with a path where its API has one; swift: \"\": as the login tells."),
    OPTION_ROW("address", TEXT, FIELD(address), "",
               "Name or address to connect to instead of the URL's host."),
    OPTION_ROW("bucket", TEXT, FIELD(bucket), "", "Bucket (s3) or container (swift)."),
    OPTION_ROW("prefix", TEXT, FIELD(prefix), "",
               "What stands before every path in the bucket, for instance \"releases/\"."),
    OPTION_ROW("region", TEXT, FIELD(region), "",
               "Region to sign for (s3; \"\": us-east-1), or whose endpoint to take (swift; \"\": "
               "the first)."),
    OPTION_ROW("credentials_file", TEXT, FIELD(credentials_file), "",
               "File with the secrets, followed when it changes: aws_access_key_id, "
               "aws_secret_access_key, aws_session_token (s3), password or temp_url_key (swift), "
               "authorization (http)."),
    OPTION_ROW_WITH("style", CHOICE, FIELD(style), "path",
                    "Where s3 has the bucket's name: in the path, or before the host.",
                    .choices = styles),
    OPTION_ROW_WITH("auth", CHOICE, FIELD(auth), "v1",
                    "How swift is entered: TempAuth (v1), Keystone (v3), or temporary URLs.",
                    .choices = auths),
    OPTION_ROW("auth_url", TEXT, FIELD(auth_url), "",
               "Where swift's tokens come from: .../auth/v1.0, or Keystone's .../v3."),
    OPTION_ROW("user", TEXT, FIELD(user), "", "User for swift's tokens (v1: account:user)."),
    OPTION_ROW("project", TEXT, FIELD(project), "", "Project that Keystone's token is for."),
    OPTION_ROW("user_domain", TEXT, FIELD(user_domain), "Default",
               "Keystone's domain of the user."),
    OPTION_ROW("project_domain", TEXT, FIELD(project_domain), "Default",
               "Keystone's domain of the project."),
    OPTION_ROW("ca_file", TEXT, FIELD(ca_file), "",
               "Roots to verify an https storage with; \"\": the system's."),
    OPTION_ROW("client_chain", TEXT, FIELD(chain_file), "",
               "Client certificate for an https storage."),
    OPTION_ROW("client_key", TEXT, FIELD(key_file), "", "Its key."),
    OPTION_ROW("unverified", BOOL, FIELD(is_unverified), "false",
               "Take any certificate. For trials only."),
    OPTION_ROW_WITH("tries", INT, FIELD(tries), "4",
                    "How often a question is asked before it fails.", .min = 1, .max = 30),
    OPTION_ROW_WITH("connect_timeout", DURATION, FIELD(connect_ms), "3s",
                    "How long a connection may take to be made.", .min = 10, .max = 600000),
    OPTION_ROW_WITH("first_byte_timeout", DURATION, FIELD(first_byte_ms), "20s",
                    "How long the storage may take to begin an answer.", .min = 10, .max = 600000),
    OPTION_ROW_WITH("stall_timeout", DURATION, FIELD(stall_ms), "20s",
                    "How long an answer may stand still.", .min = 10, .max = 600000),
    OPTION_ROW_WITH("idle_connections", INT, FIELD(idle_per_worker), "32",
                    "Connections that each worker keeps for the next question.", .max = 4096),
    OPTION_ROW_WITH("part", BYTES, FIELD(part_bytes), "64MiB",
                    "What is larger is uploaded in parts of this size.", .min = 5242880,
                    .max = 5368709120LL),
    OPTION_ROW_WITH("reads", INT, FIELD(reads), "64",
                    "Reads from the storage at a time, over all workers.", .min = 1,
                    .max = 1048576),
    OPTION_ROW_WITH("reads_per_key", INT, FIELD(reads_per_key), "1",
                    "Of them, reads of one object.", .min = 1, .max = 1048576),
    OPTION_ROW_WITH("queue", INT, FIELD(queue), "10000",
                    "Requests that may wait for their turn; beyond: 503 with Retry-After.",
                    .max = 16777216),
    OPTION_ROW_WITH("queue_wait", DURATION, FIELD(wait_ms), "15s",
                    "How long a request may wait before it is told 503.", .min = 1, .max = 600000),
    OPTION_ROW_WITH(
        "key_wait", DURATION, FIELD(key_wait_ms), "2s",
        "How long it waits for other reads of its object; then only `reads` holds it up.",
        .max = 600000),
    {.name = NULL},
};

const struct option_section storage_section = {
    .options = rows,
    .record_bytes = sizeof(struct storage_options),
    .is_titled = true,
    .title_offset_bytes = FIELD(kind),
    .line_offset_bytes = FIELD(line),
};

static const struct remote_kind *const kinds[] = {&remote_plain, &remote_s3, &remote_swift};

int storage_create(struct connector **out, const struct storage_options *o, const char *file,
                   struct buf *why)
{
    *out = NULL;
    if (o->key_wait_ms >= o->wait_ms) {
        option_error(why, file, o->line, "key_wait: must be shorter than queue_wait");
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(o->kind, kinds[i]->name) == 0)
            return remote_create(out, kinds[i], o, file, why);
    option_error(why, file, o->line, "storage \"%s\": there are \"http\", \"s3\" and \"swift\"",
                 o->kind);
    return ERR_CONFIG;
}

int storage_check(const struct storage_options *o, const char *file, struct buf *why)
{
    struct connector *c;
    int err = storage_create(&c, o, file, why);
    connector_destroy(&c);
    return err;
}
