/* SPDX-License-Identifier: MIT
 * Bearer tokens. Only digests are compared, so that not even a token's length shows in time. */
#include "control/api/auth.h"

#include "control/api/steer.h"
#include "lib/base/err.h"
#include "lib/daemon/listen.h"
#include "lib/base/hash.h"
#include "lib/base/whole_file.h"

#define TOKEN_MIN 16
#define TOKEN_MAX 255

int auth_token_read(const char *file, uint8_t digest[DIGEST_SHA256_BYTES], struct buf *why)
{
    struct buf token;
    buf_init(&token, TOKEN_MAX);
    int err = whole_file_first_line(file, &token);
    if (err != 0 && err != ERR_TOO_BIG) {
        buf_printf(why, "%s: %s", file, err_text(err));
    } else if (err != 0 || token.n < TOKEN_MIN) {
        buf_printf(why, "%s: a token has %d to %d characters, on the first line", file, TOKEN_MIN,
                   TOKEN_MAX);
        err = ERR_CONFIG;
    } else {
        digest_sha256(buf_span(&token), digest);
    }
    buf_wipe(&token);
    return err;
}

static bool is_same(const uint8_t a[DIGEST_SHA256_BYTES], const uint8_t b[DIGEST_SHA256_BYTES])
{
    return digest_is_equal(span_make(a, DIGEST_SHA256_BYTES), span_make(b, DIGEST_SHA256_BYTES));
}

static void name_caller(struct token *t, const char *name, unsigned rights)
{
    memcpy(t->name, name, strlen(name) + 1);
    t->rights = rights;
}

/* false: it bears no token that is known. */
static bool find_caller(struct api_worker *w, const struct exchange *x, struct token *out)
{
    const struct api_config *c = api_worker_config(w);
    uint8_t digest[DIGEST_SHA256_BYTES];
    struct span value = fields_value(&x->request.fields, FIELD_AUTHORIZATION);
    struct span borne, scheme = span_cut(value, ' ', &borne);
    if (!span_ieq(scheme, SPAN("Bearer")))
        return false;
    digest_sha256(span_trim(borne), digest);
    bool is_operator = is_same(digest, c->operator_digest);
    bool is_node = is_same(digest, c->node_digest) && c->has_node_token;
    if (!is_operator && !is_node)
        return tokens_find(w->api->tokens, digest, out);
    name_caller(out, is_operator ? "operator" : "node", /* one token may be both */
                (is_operator ? TOKEN_ADMIN : 0U) | (is_node ? TOKEN_NODE : 0U));
    return true;
}

static uint64_t hash_of(const char *text)
{
    return hash64_seeded(text, strlen(text));
}

enum auth_verdict auth_check(struct api_worker *w, const struct exchange *x, unsigned rights)
{
    struct api_caller *who = &w->caller;
    struct addr from = steer_client(api_worker_config(w), x);
    msec_t now = loop_now(w->loop);
    bool is_heartbeat = (rights & TOKEN_NODE) != 0;
    *who = (struct api_caller){.token = {.name = ""}};
    addr_ip_text(&from, who->from);
    if (rights == 0)
        return AUTH_PASS;
    if (!is_heartbeat && limit_is_spent(w->api->wrong_tokens, hash_of(who->from), now))
        return AUTH_TOO_OFTEN;
    if (!find_caller(w, x, &who->token))
        return limit_take(w->api->wrong_tokens, hash_of(who->from), now) ? AUTH_NO_TOKEN
                                                                         : AUTH_TOO_OFTEN;
    if (!token_has(&who->token, rights))
        return AUTH_NO_RIGHT;
    if (!is_heartbeat && !limit_take(w->api->callers, hash_of(who->token.name), now))
        return AUTH_TOO_OFTEN;
    return AUTH_PASS;
}

bool auth_is_node(const struct api_worker *w, struct span node)
{
    const struct token *t = &w->caller.token;
    return t->node[0] == '\0' || span_eq(span_of(t->node), node);
}

bool auth_is_private(const struct exchange *x)
{
    const struct listen_tag *tag = x->listener_tag;
    return tag->is_tls || addr_is_loopback(conn_peer(x->conn));
}
