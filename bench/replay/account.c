/* SPDX-License-Identifier: MIT */

/* One blocking GET of /metrics, and the few lines of it that are an account. */
#include "bench/replay/account.h"

#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <sys/time.h>
#include <unistd.h>

#define WAIT_S     10
#define TEXT_BYTES (4u << 20)

static void add_line(struct span line, struct account *sum)
{
    static const struct span site = {"byeori_edge_site_", 17};
    struct span value, name = span_cut(line, ' ', &value);
    uint64_t n;
    if (!span_u64(value, &n))
        return;
    if (span_eq(name, SPAN("byeori_http_server_untaken_bytes_total")))
        sum->untaken_bytes += n;
    if (!span_starts(name, site))
        return;
    name = span_skip(name, site.n);
    if (span_starts(name, SPAN("requests_total{")))
        sum->requests += n;
    else if (span_starts(name, SPAN("upstream_bytes_total{")))
        sum->upstream_bytes += n;
    if (!span_starts(name, SPAN("out_bytes_total{")))
        return;
    sum->out_bytes += n;
    sum->from_shield += span_ends(name, SPAN("source=\"shield\"}")) ? n : 0;
    sum->from_origin += span_ends(name, SPAN("source=\"origin\"}")) ? n : 0;
}

void account_add(struct span text, struct account *sum)
{
    while (text.n > 0)
        add_line(span_cut(text, '\n', &text), sum);
}

static int ask(int fd, const struct addr *admin, struct buf *out)
{
    static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
    struct timeval bound = {.tv_sec = WAIT_S};
    char piece[16384];
    ssize_t n;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
    if (connect(fd, &admin->any, addr_bytes(admin)) != 0)
        return ERR_REFUSED;
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
        return ERR_CLOSED;
    while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
        buf_add(out, piece, (size_t)n);
    if (n < 0)
        return ERR_TIMEOUT;
    bool is_good = span_starts(buf_span(out), SPAN("HTTP/1.1 200 ")) && !buf_overflowed(out);
    return is_good ? 0 : ERR_PROTOCOL;
}

int account_read(const struct addr *admin, struct account *sum)
{
    struct buf text;
    int fd = socket(admin->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    buf_init(&text, TEXT_BYTES);
    int r = ask(fd, admin, &text);
    if (r == 0)
        account_add(buf_span(&text), sum);
    buf_finish(&text);
    close(fd);
    return r;
}
