/* SPDX-License-Identifier: MIT
 * Questions on connections, answered by an echo. */
#include "control/dns/dns_tcp.h"

#include <sys/socket.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MANY        1000
#define MESSAGE     4 /* bytes: a length, and a number */
#define PATIENCE_MS 60000
#define MUCH        200 /* questions of one client in a turn, when others wait */

static struct loop *loop;
static struct dns_tcp tcp;
static struct loop_task watch;
static int client; /* the other end of a connection */
static int answered, seen, most_in_a_turn;
static uint8_t asked[MANY * MESSAGE], got[MANY * MESSAGE];
static size_t got_bytes;

static size_t on_question(void *ctx, const struct addr *peer, struct span question, uint8_t *out)
{
    (void)ctx;
    (void)peer;
    answered++;
    memcpy(out, question.p, question.n);
    return question.n;
}

/* Once in each turn: what another client would wait for. */
static void on_watch(struct loop_task *t)
{
    int now = answered - seen;
    most_in_a_turn = now > most_in_a_turn ? now : most_in_a_turn;
    seen = answered;
    ssize_t n = read(client, got + got_bytes, sizeof got - got_bytes);
    got_bytes += n > 0 ? (size_t)n : 0;
    if (got_bytes == sizeof got)
        loop_stop(loop);
    else
        loop_defer(loop, t);
}

static void on_late(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static int begin(void **state)
{
    int ends[2];
    struct addr peer = {.any = {.sa_family = AF_UNIX}};
    (void)state;
    loop = loop_create();
    dns_tcp_init(&tcp, loop, on_question, NULL);
    if (loop == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
        return -1;
    dns_tcp_accept(&tcp, ends[0], &peer);
    client = ends[1];
    loop_task_init(&watch, on_watch);
    loop_defer(loop, &watch);
    return 0;
}

static int end(void **state)
{
    (void)state;
    loop_undefer(&watch);
    dns_tcp_finish(&tcp);
    loop_destroy(&loop);
    return close(client);
}

static void put_message(uint8_t *at, uint16_t number)
{
    const uint8_t bytes[MESSAGE] = {0, 2, (uint8_t)(number >> 8), (uint8_t)number};
    memcpy(at, bytes, sizeof bytes);
}

static void one_client_with_many_questions_leaves_others_their_turn(void **state)
{
    struct timer late;
    (void)state;
    for (uint16_t i = 0; i < MANY; i++)
        put_message(asked + (size_t)i * MESSAGE, i);
    assert_int_equal(write(client, asked, sizeof asked), sizeof asked);
    timer_init(&late, loop, on_late);
    timer_set(&late, PATIENCE_MS);
    loop_run(loop);
    timer_finish(&late);
    assert_int_equal(answered, MANY);
    assert_in_range(most_in_a_turn, 1, MUCH);
    assert_int_equal(got_bytes, sizeof got);
    assert_memory_equal(got, asked, sizeof asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_client_with_many_questions_leaves_others_their_turn,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
