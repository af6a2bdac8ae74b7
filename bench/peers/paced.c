/* SPDX-License-Identifier: MIT
 * A client with several threads, each with one request on its way. What they saw is one line of
 * JSON, times counted from when a request was due.
 *
 *   paced hits|handshakes PORT HOST PATH SECONDS THREADS [PER_SECOND]
 *
 * hits: GET on kept connections in the clear. handshakes: for each request a connection and a full
 * handshake of TLS 1.3, read to the end of the stream. PER_SECOND of all threads; unset: as many
 * as can be. */
#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define TIMES_MAX   (1 << 20) /* answers of a thread whose time is kept */

struct client {
    pthread_t thread;
    int fd; /* of hits; -1: not connected */
    uint64_t answers, bytes, errors;
    uint32_t *times_us;
};

static SSL_CTX *context; /* NULL: hits */
static struct sockaddr_in server;
static char request[1024], *host;
static uint64_t begin_us, end_us, pause_us; /* pause: between two of one thread */

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int connect_to_server(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0)
        err(1, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* Each gives the bytes of the answer; 0: it failed. */

static uint64_t ask_by_tls(SSL *ssl)
{
    char answer[16384];
    uint64_t got = 0;
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, request, (int)strlen(request)) <= 0)
        return 0;
    for (int n; (n = SSL_read(ssl, answer, sizeof(answer))) > 0; got += (uint64_t)n)
        if (got == 0 && strncmp(answer, "HTTP/1.1 200", 12) != 0)
            return 0;
    return got;
}

static uint64_t handshake(struct client *c)
{
    (void)c;
    int fd = connect_to_server();
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, host);
    uint64_t bytes = ask_by_tls(ssl);
    SSL_free(ssl);
    close(fd);
    return bytes;
}

/* The length of the answer that begins in p; 0: not known yet. */
static size_t answer_bytes(const char *p)
{
    const char *end = strstr(p, "\r\n\r\n"), *length = strcasestr(p, "\r\ncontent-length: ");
    if (end == NULL || length == NULL || length > end)
        return 0;
    return (size_t)(end + 4 - p) + strtoul(length + 18, NULL, 10);
}

static uint64_t hit(struct client *c)
{
    char answer[65536];
    size_t got = 0, all = 0, wanted = strlen(request);
    if (c->fd < 0)
        c->fd = connect_to_server();
    ssize_t n = send(c->fd, request, wanted, MSG_NOSIGNAL);
    while (n > 0 && (all == 0 || got < all) && got < sizeof(answer) - 1) {
        n = recv(c->fd, answer + got, sizeof(answer) - 1 - got, 0);
        got += n > 0 ? (size_t)n : 0;
        answer[got] = '\0';
        all = all == 0 ? answer_bytes(answer) : all;
    }
    if (n > 0 && got == all && strncmp(answer, "HTTP/1.1 200", 12) == 0)
        return got;
    close(c->fd);
    c->fd = -1;
    return 0;
}

static void *run(void *arg)
{
    struct client *c = arg;
    uint64_t due = now_us();
    while (due < end_us) {
        uint64_t now = now_us();
        if (now < due)
            usleep((useconds_t)(due - now));
        uint64_t bytes = context != NULL ? handshake(c) : hit(c);
        c->errors += bytes == 0;
        c->bytes += bytes;
        now = now_us();
        if (bytes > 0 && c->answers < TIMES_MAX)
            c->times_us[c->answers] = (uint32_t)(now - due);
        c->answers += bytes > 0;
        due = pause_us > 0 ? due + pause_us : now;
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(struct client *clients, int count)
{
    struct client sum = {0};
    uint32_t *all = malloc(sizeof(*all) * TIMES_MAX);
    size_t kept = 0;
    for (int i = 0; i < count; i++) {
        struct client *c = &clients[i];
        sum.answers += c->answers;
        sum.bytes += c->bytes;
        sum.errors += c->errors;
        for (uint64_t t = 0; t < c->answers && t < TIMES_MAX && kept < TIMES_MAX; t++)
            all[kept++] = c->times_us[t];
    }
    qsort(all, kept, sizeof(*all), by_value);
    printf("{\"requests\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"us\": %" PRIu64
           ", \"errors\": %" PRIu64 ", \"p50_us\": %u, \"p99_us\": %u}\n",
           sum.answers, sum.bytes, now_us() - begin_us, sum.errors, kept ? all[kept / 2] : 0,
           kept ? all[kept * 99 / 100] : 0);
}

static void set_up(char **argv, bool is_tls)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10))};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    host = argv[3];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", argv[4], host,
             is_tls ? "Connection: close\r\n" : "");
    if (!is_tls)
        return;
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

int main(int argc, char **argv)
{
    static struct client clients[THREADS_MAX];
    bool is_tls = argc > 1 && strcmp(argv[1], "handshakes") == 0;
    if ((argc != 7 && argc != 8) || (!is_tls && strcmp(argv[1], "hits") != 0))
        errx(2, "usage: paced hits|handshakes PORT HOST PATH SECONDS THREADS [PER_SECOND]");
    int count = (int)strtol(argv[6], NULL, 10);
    if (count < 1 || count > THREADS_MAX)
        errx(2, "1 to %d threads", THREADS_MAX);
    set_up(argv, is_tls);
    if (argc == 8)
        pause_us = (uint64_t)count * 1000000 / strtoull(argv[7], NULL, 10);
    begin_us = now_us();
    end_us = begin_us + strtoull(argv[5], NULL, 10) * 1000000;
    for (int i = 0; i < count; i++) {
        clients[i] = (struct client){.fd = -1, .times_us = malloc(sizeof(uint32_t) * TIMES_MAX)};
        if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
            errx(1, "no thread");
    }
    for (int i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    report(clients, count);
    return 0;
}
