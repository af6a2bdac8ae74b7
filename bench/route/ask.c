/* SPDX-License-Identifier: MIT
 * ask PORT FILE CONNECTIONS SECONDS [RATE [DEPTH]]: HTTP/1.1 questions over keep-alive connections,
 * one on the way on each, or DEPTH of them in one write, and the next when all are answered.
 * FILE holds whole requests, each followed by a zero byte; where a byte of 1 stands before that,
 * what is between must be in the answer. Without RATE, or with 0, as fast as answers come; with
 * RATE so many a second, and each answer's time counts from the moment its question was due, sent
 * or not. Prints answers/s and percentiles, at its end or when terminated; any answer but 200 and
 * 302, or without what must be in it, ends it with 1. */
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/span.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_QUESTIONS 200000
#define ANSWER_BYTES  16384
#define BUCKET_NS     1000 /* of the times; the last holds all that is longer */
#define BUCKETS       200000
#define MAX_DEPTH     16
#define TEN           10

struct peer {
    int fd;
    size_t waiting;                /* for so many answers */
    nsec_t due;                    /* of the questions that are on their way */
    struct span wanted[MAX_DEPTH]; /* of the answers, the last that is waited for first */
    size_t got;
    char answer[ANSWER_BYTES];
};

static struct span questions[MAX_QUESTIONS], wanted[MAX_QUESTIONS];
static size_t question_count, next_question, depth = 1;
static uint32_t times[BUCKETS];
static uint64_t answers;
static volatile sig_atomic_t is_ended;

static void on_end(int number)
{
    (void)number;
    is_ended = 1;
}

static void fail(const char *what)
{
    fprintf(stderr, "ask: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_questions(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        fail(path);
    size_t n = (size_t)ftell(f);
    char *text = mem_alloc(n + 1);
    rewind(f);
    if (fread(text, 1, n, f) != n)
        fail(path);
    fclose(f);
    for (char *p = text; p < text + n && question_count < MAX_QUESTIONS;) {
        struct span whole = span_make(p, strlen(p));
        questions[question_count] = span_cut(whole, '\1', &wanted[question_count]);
        question_count++;
        p += whole.n + 1;
    }
}

static void connect_to(struct peer *p, uint16_t port, int epoll)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &e) != 0)
        fail("connect");
}

static void ask(struct peer *p, nsec_t due)
{
    struct iovec v[MAX_DEPTH];
    struct msghdr m = {.msg_iov = v, .msg_iovlen = depth};
    size_t all = 0;
    for (size_t i = 0; i < depth; i++) {
        struct span q = questions[next_question];
        v[i] = (struct iovec){(void *)(uintptr_t)q.p, q.n};
        all += q.n;
        p->wanted[depth - 1 - i] = wanted[next_question];
        next_question = (next_question + 1) % question_count;
    }
    p->waiting = depth;
    p->due = due;
    p->got = 0;
    if (sendmsg(p->fd, &m, MSG_NOSIGNAL) != (ssize_t)all)
        fail("send");
}

/* Bytes of a whole answer, or 0 while some are missing. */
static size_t whole_bytes(const struct peer *p)
{
    const char *end = memmem(p->answer, p->got, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - p->answer) + 4;
    const char *length = memmem(p->answer, head, "Content-Length: ", 16);
    size_t body = length != NULL ? strtoul(length + 16, NULL, TEN) : 0;
    return p->got >= head + body ? head + body : 0;
}

/* The first of what came, of n bytes, is what was asked for. */
static void take_answer(struct peer *p, size_t n, nsec_t now)
{
    struct span w = p->wanted[--p->waiting];
    bool is_good = memcmp(p->answer + 9, "200", 3) == 0 || memcmp(p->answer + 9, "302", 3) == 0;
    if (!is_good || (w.n > 0 && memmem(p->answer, n, w.p, w.n) == NULL)) {
        fprintf(stderr, "ask: not %.*s: %.*s\n", SPAN_FMT(w), (int)n, p->answer);
        exit(1);
    }
    uint64_t bucket = (uint64_t)(now - p->due) / BUCKET_NS;
    times[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    answers++;
    p->got -= n;
    memmove(p->answer, p->answer + n, p->got);
}

/* Whether no answer is waited for any more. */
static bool read_answers(struct peer *p, nsec_t now)
{
    ssize_t n = recv(p->fd, p->answer + p->got, sizeof p->answer - p->got, MSG_DONTWAIT);
    if (n <= 0)
        fail("recv");
    p->got += (size_t)n;
    for (size_t whole; p->waiting > 0 && (whole = whole_bytes(p)) > 0;)
        take_answer(p, whole, now);
    return p->waiting == 0;
}

/* What is due goes out on the connections that are free; what finds none waits, and its time runs.
 */
static nsec_t send_due(struct peer *peers, int count, nsec_t due, nsec_t period)
{
    nsec_t now = clock_mono_ns();
    for (int i = 0; i < count && due <= now; i++)
        if (peers[i].waiting == 0) {
            ask(&peers[i], due);
            due += period * (nsec_t)depth;
        }
    return due;
}

/* How long it ran, in nanoseconds. */
static nsec_t run(struct peer *peers, int count, int epoll, nsec_t seconds, nsec_t period)
{
    struct epoll_event events[256];
    nsec_t began = clock_mono_ns(), end = began + seconds * NSEC_PER_SEC, due = began;
    for (int i = 0; i < count && period == 0; i++)
        ask(&peers[i], clock_mono_ns());
    while (clock_mono_ns() < end && !is_ended) {
        if (period > 0)
            due = send_due(peers, count, due, period);
        int n = epoll_wait(epoll, events, 256, period > 0 ? 0 : 100);
        nsec_t now = clock_mono_ns();
        for (int i = 0; i < n; i++)
            if (read_answers(events[i].data.ptr, now) && period == 0)
                ask(events[i].data.ptr, now);
    }
    return clock_mono_ns() - began;
}

static double percentile(double share)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += times[i];
        if ((double)seen >= share * (double)answers)
            return (double)(i + 1) * BUCKET_NS / 1e6;
    }
    return (double)BUCKETS * BUCKET_NS / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: ask PORT FILE CONNECTIONS SECONDS [RATE [DEPTH]]\n");
        return 1;
    }
    int count = (int)strtol(argv[3], NULL, TEN), epoll = epoll_create1(0);
    nsec_t seconds = strtol(argv[4], NULL, TEN);
    nsec_t rate = argc > 5 ? strtol(argv[5], NULL, TEN) : 0;
    depth = argc > 6 ? strtoul(argv[6], NULL, TEN) : 1;
    if (depth < 1 || depth > MAX_DEPTH)
        fail("DEPTH");
    struct peer *peers = mem_zarray((size_t)count, sizeof *peers);
    read_questions(argv[2]);
    struct sigaction action = {.sa_handler = on_end};
    if (sigaction(SIGTERM, &action, NULL) != 0)
        fail("sigaction");
    for (int i = 0; i < count; i++)
        connect_to(&peers[i], (uint16_t)strtoul(argv[1], NULL, TEN), epoll);
    nsec_t took = run(peers, count, epoll, seconds, rate > 0 ? NSEC_PER_SEC / rate : 0);
    printf("answers=%llu per_s=%.0f p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f\n",
           (unsigned long long)answers, (double)answers * NSEC_PER_SEC / (double)took,
           percentile(0.5), percentile(0.99), percentile(0.999));
    return 0;
}
