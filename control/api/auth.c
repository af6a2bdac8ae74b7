/* SPDX-License-Identifier: MIT
 * Bearer tokens. They are compared as digests, so that not even their length shows in time. */
#include "control/api/auth.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define TOKEN_MIN 16

int auth_token_read(const char *file, char out[API_TOKEN_BYTES], struct buf *why)
{
    char text[API_TOKEN_BYTES + 1];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        buf_printf(why, "%s: %s", file, err_text(err_of_errno(failed)));
        return err_of_errno(failed);
    }
    struct span rest, line = span_trim(span_cut(span_make(text, (size_t)n), '\n', &rest));
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n < TOKEN_MIN || line.n >= API_TOKEN_BYTES) {
        buf_printf(why, "%s: a token has %d to %d characters, on the first line", file, TOKEN_MIN,
                   API_TOKEN_BYTES - 1);
        return ERR_CONFIG;
    }
    memset(out, 0, API_TOKEN_BYTES);
    memcpy(out, line.p, line.n);
    return 0;
}

static bool is_token(struct span borne, const char *token)
{
    uint8_t a[DIGEST_SHA256_BYTES], b[DIGEST_SHA256_BYTES];
    digest_sha256(borne, a);
    digest_sha256(span_of(token), b);
    return digest_is_equal(span_make(a, sizeof a), span_make(b, sizeof b));
}

bool auth_may(const struct api_config *c, const struct exchange *x, enum auth_right right)
{
    if (right == AUTH_OPEN)
        return true;
    struct span value = fields_value(&x->request.fields, FIELD_AUTHORIZATION);
    struct span borne, scheme = span_cut(value, ' ', &borne);
    if (!span_ieq(scheme, SPAN("Bearer")))
        return false;
    return is_token(span_trim(borne), right == AUTH_NODE ? c->node_token : c->operator_token);
}
