/* SPDX-License-Identifier: MIT
 *
 * The state file: lines of "name value", then the document to the end. Read strictly: a file that
 * is not whole is of no use, and then there is no state, as at the first start. */
#include "edge/admin/control_state.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define HEAD_MAX_BYTES 1024
#define FIRST_LINE     "byeori-edge-state 1"

void control_state_init(struct control_state *s)
{
    memset(s, 0, sizeof(*s));
    buf_init(&s->document, HEARTBEAT_MAX_BYTES);
}

void control_state_finish(struct control_state *s)
{
    buf_finish(&s->document);
}

static int read_file(const char *file, struct buf *out)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_of_errno(errno);
    ssize_t n = 1;
    while (n > 0) {
        char *room = buf_room(out, HEAD_MAX_BYTES);
        n = room != NULL ? read(fd, room, HEAD_MAX_BYTES) : -1;
        if (n > 0)
            buf_filled(out, (size_t)n);
    }
    close(fd);
    return n < 0 ? ERR_IO : 0;
}

/* The value of the next line, which must be called `name`; p == NULL: it is not. */
static struct span line_value(struct span *rest, const char *name)
{
    struct span value, line = span_cut(*rest, '\n', rest);
    struct span first = span_cut(line, ' ', &value);
    return span_eq(first, span_of(name)) ? value : SPAN_NONE;
}

static void digest_text(struct span document, char out[2 * DIGEST_SHA256_BYTES + 1])
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    digest_sha256(document, digest);
    digest_hex(digest, sizeof(digest), out);
}

static int parse(struct control_state *s, struct span rest)
{
    char digest[2 * DIGEST_SHA256_BYTES + 1];
    if (!span_eq(span_cut(rest, '\n', &rest), SPAN(FIRST_LINE)))
        return ERR_VERSION;
    struct span log = line_value(&rest, "purge_log");
    struct span seq = line_value(&rest, "purge_seq");
    struct span version = line_value(&rest, "config_version");
    struct span sum = line_value(&rest, "sha256");
    if (log.n >= sizeof(s->purge_log) || !span_u64(seq, &s->purge_seq) ||
        !span_u64(version, &s->config_version))
        return ERR_CORRUPT;
    digest_text(rest, digest);
    if (!span_eq(sum, span_of(digest)))
        return ERR_CORRUPT;
    memcpy(s->purge_log, log.p, log.n);
    s->purge_log[log.n] = '\0';
    buf_add_span(&s->document, rest);
    return 0;
}

int control_state_load(struct control_state *s, const char *file)
{
    struct buf text;
    buf_init(&text, HEARTBEAT_MAX_BYTES + HEAD_MAX_BYTES);
    int err = read_file(file, &text);
    if (err == 0)
        err = parse(s, buf_span(&text));
    if (err != 0) {
        s->purge_log[0] = '\0';
        s->purge_seq = s->config_version = 0;
        buf_clear(&s->document);
    }
    buf_finish(&text);
    return err;
}

static int write_all(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return err_of_errno(errno);
        if (n > 0)
            text = span_skip(text, (size_t)n);
    }
    return fsync(fd) == 0 ? 0 : ERR_IO;
}

static int replace_file(const char *file, const char *beside, struct span text)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_of_errno(errno);
    int err = write_all(fd, text);
    if (close(fd) != 0 && err == 0)
        err = ERR_IO;
    if (err == 0 && rename(beside, file) != 0)
        err = err_of_errno(errno);
    if (err != 0)
        unlink(beside);
    return err;
}

int control_state_save(const struct control_state *s, const char *file)
{
    char digest[2 * DIGEST_SHA256_BYTES + 1];
    char *beside = mem_printf("%s.new", file);
    struct buf text;
    digest_text(buf_span(&s->document), digest);
    buf_init(&text, HEARTBEAT_MAX_BYTES + HEAD_MAX_BYTES);
    buf_printf(&text, FIRST_LINE "\npurge_log %s\npurge_seq %" PRIu64 "\n", s->purge_log,
               s->purge_seq);
    buf_printf(&text, "config_version %" PRIu64 "\nsha256 %s\n", s->config_version, digest);
    buf_add_span(&text, buf_span(&s->document));
    int err = buf_overflowed(&text) ? ERR_TOO_BIG : replace_file(file, beside, buf_span(&text));
    buf_finish(&text);
    mem_free(beside);
    return err;
}
