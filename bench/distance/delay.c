/* SPDX-License-Identifier: MIT
 * Distance between a client and a server of one machine: a relay that holds every byte back for
 * half a round trip each way, and lets a connection have no more on its way than a TCP of that age
 * would.
 *
 *   delay LISTEN_PORT TARGET_PORT RTT_MS WINDOW_BYTES
 *
 * What is on its way counts until a whole round trip has passed, as until an acknowledgement; a new
 * connection may have ten segments on its way and doubles with each round trip up to WINDOW_BYTES
 * (RFC 5681, RFC 6928), and its first byte waits a round trip for the handshake. Nothing is lost.
 *
 *   client ── read ──> pipe of pieces, each with the moment when it is due ── write ──> server */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES  65536
#define FIRST_WINDOW (10 * 1460)
#define EVENTS       256

static int64_t rtt_us;
static size_t window_max;
static uint16_t target_port;
static int poller;

/* One piece on its way; in a queue of its pipe from arrival until it is acknowledged. */
struct piece {
    struct piece *next;
    int64_t due_us, acknowledged_us;
    size_t at, filled;
    char bytes[PIECE_BYTES];
};

/* One direction. Pieces from `first` on are acknowledged in order, from `unsent` on still to be
 * written. */
struct pipe {
    struct piece *first, *unsent, *last;
    size_t window, on_way;
    int from, to;
    bool has_ended, is_over; /* the sender is done; the receiver was told */
};

struct relay {
    struct relay *next;
    struct pipe up, down;
    int64_t began_us;
    bool is_dead;
};

static struct relay *relays;

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void watch(int fd, struct relay *r)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = r};
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) != 0)
        err(1, "epoll_ctl");
}

static void take_in(struct relay *r, struct pipe *p, int64_t now)
{
    while (!p->has_ended && p->on_way < p->window) {
        struct piece *piece = malloc(sizeof(*piece));
        size_t room = p->window - p->on_way;
        if (piece == NULL)
            err(1, "malloc");
        ssize_t n = recv(p->from, piece->bytes, room < PIECE_BYTES ? room : PIECE_BYTES, 0);
        if (n <= 0) {
            free(piece);
            p->has_ended = n == 0 || errno != EAGAIN;
            return;
        }
        int64_t handshake_us = r->began_us + rtt_us;
        piece->next = NULL;
        piece->at = 0;
        piece->filled = (size_t)n;
        piece->due_us = (now > handshake_us ? now : handshake_us) + rtt_us / 2;
        piece->acknowledged_us = piece->due_us + rtt_us / 2;
        *(p->last != NULL ? &p->last->next : &p->first) = piece;
        p->last = piece;
        if (p->unsent == NULL)
            p->unsent = piece;
        p->on_way += (size_t)n;
    }
}

static void give_out(struct relay *r, struct pipe *p, int64_t now)
{
    while (p->unsent != NULL && p->unsent->due_us <= now) {
        struct piece *piece = p->unsent;
        ssize_t n = send(p->to, piece->bytes + piece->at, piece->filled - piece->at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            r->is_dead = true;
            return;
        }
        piece->at += (size_t)n;
        if (piece->at == piece->filled)
            p->unsent = piece->next;
    }
    if (p->has_ended && p->unsent == NULL && !p->is_over) {
        p->is_over = true;
        shutdown(p->to, SHUT_WR);
    }
}

/* What was acknowledged makes room, and the window grows by it (slow start). */
static void acknowledge(struct pipe *p, int64_t now)
{
    while (p->first != NULL && p->first != p->unsent && p->first->acknowledged_us <= now) {
        struct piece *piece = p->first;
        p->first = piece->next;
        p->on_way -= piece->filled;
        p->window += piece->filled;
        if (p->window > window_max)
            p->window = window_max;
        if (p->first == NULL)
            p->last = NULL;
        free(piece);
    }
}

/* When it next has something to do; INT64_MAX: when a socket says so. */
static int64_t move_pipe(struct relay *r, struct pipe *p, int64_t now)
{
    acknowledge(p, now);
    take_in(r, p, now);
    give_out(r, p, now);
    int64_t next = INT64_MAX;
    if (p->unsent != NULL && p->unsent->due_us > now)
        next = p->unsent->due_us;
    if (p->first != NULL && p->first != p->unsent && p->first->acknowledged_us < next)
        next = p->first->acknowledged_us;
    return next;
}

static void pipe_free(struct pipe *p)
{
    while (p->first != NULL) {
        struct piece *piece = p->first;
        p->first = piece->next;
        free(piece);
    }
}

static void begin(int listener)
{
    struct sockaddr_in target = {.sin_family = AF_INET,
                                 .sin_port = htons(target_port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (client < 0)
        return;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&target, sizeof(target)) != 0) {
        close(client);
        if (server >= 0)
            close(server);
        return;
    }
    struct relay *r = calloc(1, sizeof(*r));
    if (r == NULL)
        err(1, "calloc");
    r->began_us = now_us();
    r->up = (struct pipe){.from = client, .to = server, .window = FIRST_WINDOW};
    r->down = (struct pipe){.from = server, .to = client, .window = FIRST_WINDOW};
    r->next = relays;
    relays = r;
    watch(client, r);
    if (fcntl(server, F_SETFL, O_NONBLOCK) != 0)
        err(1, "fcntl");
    watch(server, r);
}

/* Moves every relay; when the next one is due. */
static int64_t move_all(int64_t now)
{
    int64_t next = INT64_MAX;
    for (struct relay **at = &relays; *at != NULL;) {
        struct relay *r = *at;
        int64_t up = move_pipe(r, &r->up, now), down = move_pipe(r, &r->down, now);
        next = up < next ? up : next;
        next = down < next ? down : next;
        if (!r->is_dead && !(r->up.is_over && r->down.is_over)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        close(r->up.from);
        close(r->up.to);
        pipe_free(&r->up);
        pipe_free(&r->down);
        free(r);
    }
    return next;
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct epoll_event e = {.events = EPOLLIN};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 512) != 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) != 0)
        err(1, "listen on port %d", port);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    if (argc != 5)
        errx(2, "usage: delay LISTEN_PORT TARGET_PORT RTT_MS WINDOW_BYTES");
    target_port = (uint16_t)strtoul(argv[2], NULL, 10);
    rtt_us = strtoll(argv[3], NULL, 10) * 1000;
    window_max = strtoul(argv[4], NULL, 10);
    poller = epoll_create1(0);
    int listener = listen_at((uint16_t)strtoul(argv[1], NULL, 10));
    int64_t next = INT64_MAX;
    for (;;) {
        int64_t wait_us = next == INT64_MAX ? 0 : next - now_us();
        int wait_ms = wait_us > 0 ? (int)((wait_us + 999) / 1000) : 0;
        int n = epoll_wait(poller, events, EVENTS, next == INT64_MAX ? -1 : wait_ms);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                begin(listener);
        }
        next = move_all(now_us());
    }
}
