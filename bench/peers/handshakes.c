/* SPDX-License-Identifier: MIT
 * A client of full TLS handshakes: connect, TLS 1.3 without a session, one GET, read to the end of
 * the stream; again and again on several threads. What it saw is one line of JSON.
 *
 *   handshakes PORT HOST PATH SECONDS THREADS */
#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
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
    uint64_t answers, bytes, errors;
    uint32_t *times_us;
};

static SSL_CTX *context;
static struct sockaddr_in server;
static char request[1024], *host;
static uint64_t begin_us, end_us;

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

/* Bytes of the answer; 0: it failed. */
static uint64_t ask(SSL *ssl)
{
    char answer[16384];
    uint64_t got = 0;
    int n = SSL_connect(ssl);
    if (n != 1 || SSL_write(ssl, request, (int)strlen(request)) <= 0)
        return 0;
    while ((n = SSL_read(ssl, answer, sizeof(answer))) > 0) {
        if (got == 0 && strncmp(answer, "HTTP/1.1 200", 12) != 0)
            return 0;
        got += (uint64_t)n;
    }
    return got;
}

static void *run(void *arg)
{
    struct client *c = arg;
    for (uint64_t start; (start = now_us()) < end_us;) {
        int fd = connect_to_server();
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, fd);
        SSL_set_tlsext_host_name(ssl, host);
        uint64_t bytes = ask(ssl);
        c->errors += bytes == 0;
        c->bytes += bytes;
        if (bytes > 0 && c->answers < TIMES_MAX)
            c->times_us[c->answers] = (uint32_t)(now_us() - start);
        c->answers += bytes > 0;
        SSL_free(ssl);
        close(fd);
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

int main(int argc, char **argv)
{
    static struct client clients[THREADS_MAX];
    if (argc != 6)
        errx(2, "usage: handshakes PORT HOST PATH SECONDS THREADS");
    int count = (int)strtol(argv[5], NULL, 10);
    if (count < 1 || count > THREADS_MAX)
        errx(2, "1 to %d threads", THREADS_MAX);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    host = argv[2];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             argv[3], host);
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    begin_us = now_us();
    end_us = begin_us + strtoull(argv[4], NULL, 10) * 1000000;
    for (int i = 0; i < count; i++) {
        clients[i].times_us = malloc(sizeof(uint32_t) * TIMES_MAX);
        if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
            errx(1, "no thread");
    }
    for (int i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    report(clients, count);
    return 0;
}
