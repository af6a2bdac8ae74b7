/* SPDX-License-Identifier: MIT
 *
 * The `control` section and the files that it names. Main thread. */
#include "edge/admin/control_options.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/whole_file.h"
#include "lib/http/url.h"

#define TOKEN_MAX_BYTES 512
#define FAULT_ROOM      8192

static const struct option control_rows[] = {
    OPTION_ROW("url", TEXT, OPTION_FIELD(struct control_options, url), "",
               "The control plane: \"http://127.0.0.1:7000\". Unset: the edge stands alone."),
    OPTION_ROW("token_file", TEXT, OPTION_FIELD(struct control_options, token_file), "",
               "File with this node's token."),
    OPTION_ROW("state_file", TEXT, OPTION_FIELD(struct control_options, state_file), "",
               "Where the last good state of the control plane is kept."),
    OPTION_ROW("secret_key_file", TEXT, OPTION_FIELD(struct control_options, secret_key_file), "",
               "File with keys of 64 hex digits, a line each, the newest first: state_file, in "
               "which there are private keys, is sealed with it; unset: it is kept in clear."),
    OPTION_ROW(
        "ca", TEXT, OPTION_FIELD(struct control_options, ca), "",
        "PEM file of the authorities that may sign for the control plane. Unset: the system's."),
    OPTION_ROW("certificate", TEXT, OPTION_FIELD(struct control_options, certificate), "",
               "PEM file: this node's own certificate, where the control plane asks for one."),
    OPTION_ROW("key", TEXT, OPTION_FIELD(struct control_options, key), "",
               "PEM file: its private key."),
    {.name = NULL},
};
const struct option_section control_section = {
    .options = control_rows,
    .record_bytes = sizeof(struct control_options),
    .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE,
};

int control_keys(const struct control_options *options, struct seal_keys **out, struct buf *why)
{
    *out = NULL;
    if (options->secret_key_file[0] == '\0')
        return 0;
    return seal_keys_read(out, options->secret_key_file, why);
}

int control_bearer(const struct control_options *options, char **out, struct buf *why)
{
    struct buf token;
    const char *file = options->token_file;
    *out = NULL;
    if (file[0] == '\0')
        return 0;
    buf_init(&token, TOKEN_MAX_BYTES);
    int err = whole_file_first_line(file, &token);
    if (err == 0 && token.n > 0)
        *out = mem_printf("Bearer %.*s", SPAN_FMT(buf_span(&token)));
    else
        buf_printf(why, "%s: %s", file, err != 0 ? err_text(err) : "is empty");
    buf_wipe(&token);
    return *out != NULL ? 0 : ERR_CONFIG;
}

int control_tls(const struct control_options *options, struct tls_client **out, struct buf *why)
{
    struct url url;
    struct tls_client_spec spec = {
        .ca_file = options->ca, .chain_file = options->certificate, .key_file = options->key};
    *out = NULL;
    if (url_parse(span_of(options->url), &url) != 0 || url.scheme != SCHEME_HTTPS)
        return 0;
    return tls_client_create(out, &spec, why);
}

/* What was found is a fault of this option. */
static int tell(const struct control_options *options, const struct option_config *config,
                const char *name, struct buf *found, struct buf *why)
{
    option_error(why, option_file(config), option_line(config, options, name), "control: %s: %.*s",
                 name, SPAN_FMT(span_trim(buf_span(found))));
    buf_clear(found);
    return ERR_CONFIG;
}

static int check_files(const struct control_options *o, const struct option_config *config,
                       struct buf *found, struct buf *why)
{
    struct seal_keys *keys;
    struct tls_client *tls;
    char *bearer;
    int err = 0;
    if (control_keys(o, &keys, found) != 0)
        err = tell(o, config, "secret_key_file", found, why);
    if (control_bearer(o, &bearer, found) != 0)
        err = tell(o, config, "token_file", found, why);
    if (control_tls(o, &tls, found) != 0)
        err = tell(o, config, o->ca[0] != '\0' ? "ca" : "certificate", found, why);
    seal_keys_destroy(&keys);
    mem_free(bearer);
    tls_client_unref(&tls);
    return err;
}

int control_check(const struct control_options *options, const struct option_config *config,
                  struct buf *why)
{
    struct url url;
    struct buf found;
    int err = 0;
    buf_init(&found, FAULT_ROOM);
    if (options->url[0] != '\0' && url_parse(span_of(options->url), &url) != 0) {
        buf_printf(&found, "\"%s\" is not like \"http://127.0.0.1:7000\"", options->url);
        err = tell(options, config, "url", &found, why);
    }
    if (check_files(options, config, &found, why) != 0)
        err = ERR_CONFIG;
    buf_finish(&found);
    return err;
}
