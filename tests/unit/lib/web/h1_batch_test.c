/* SPDX-License-Identifier: MIT */
/* Requests of one turn of the loop: in what order they are read, answered and written. */
#include "tests/unit/lib/web/apps.h"

#include "lib/web/h1_batch.h"

#include <poll.h>
#include <unistd.h>

#define MANY (2 * H1_BATCH_MOST + 3)

static struct wire w;
static int clients[MANY];
static int answers_seen[MANY]; /* by clients, when the request of this number was handled */

static void connect_all(void)
{
    wire_turn(&w);
    for (int i = 0; i < MANY; i++) {
        clients[i] = w.fd;
        w.fd = -1;
        if (i < MANY - 1)
            wire_connect(&w);
    }
    wire_turn(&w);
}

static void close_all(void)
{
    for (int i = 0; i < MANY; i++)
        close(clients[i]);
    wire_close(&w);
}

static void ask_all(void)
{
    for (int i = 0; i < MANY; i++)
        assert_int_equal(send(clients[i], GET, sizeof GET - 1, 0), sizeof GET - 1);
}

static int count_answers(void)
{
    int count = 0;
    for (int i = 0; i < MANY; i++) {
        struct pollfd p = {.fd = clients[i], .events = POLLIN};
        count += poll(&p, 1, 0) == 1;
    }
    return count;
}

static void reply_and_look(struct wire *unused, struct exchange *x)
{
    answers_seen[w.requests - 1] = count_answers();
    app_reply_hello(unused, x);
}

static void answers_of_a_batch_are_written_when_all_are_made(void **state)
{
    (void)state;
    wire_open(&w, NULL, reply_and_look);
    connect_all();
    ask_all();
    wire_until_done(&w, MANY);
    assert_int_equal(w.requests, MANY);
    for (int i = 0; i < MANY; i++) {
        char got[1000];
        assert_true(answers_seen[i] <= i / H1_BATCH_MOST * H1_BATCH_MOST);
        assert_true(recv(clients[i], got, sizeof got, 0) > 0);
        assert_memory_equal(got, "HTTP/1.1 200", 12);
    }
    close_all();
}

static void cut_the_last(struct wire *unused, struct exchange *x)
{
    if (w.requests == 1) {
        struct session *last = LIST_THING(w.server->sessions.prev, struct session, link);
        last->ops->cut(last);
    }
    app_reply_hello(unused, x);
}

static void one_of_a_batch_may_end_another(void **state)
{
    (void)state;
    wire_open(&w, NULL, cut_the_last);
    connect_all();
    ask_all();
    wire_until_done(&w, MANY - 1);
    assert_int_equal(w.requests, MANY - 1);
    close_all();
}

static struct exchange *waiting[H1_BATCH_MOST];
static int waiting_count, rounds;

static void wait_for_round(struct wire *unused, struct exchange *x)
{
    (void)unused;
    assert_true(waiting_count < H1_BATCH_MOST);
    waiting[waiting_count++] = x;
}

static void answer_round(void *app)
{
    rounds++;
    int before = count_answers();
    while (waiting_count > 0)
        app_reply_hello(app, waiting[--waiting_count]);
    assert_int_equal(count_answers(), before);
}

/* The round answers what waits, and the answers are written behind it. */
static void a_round_comes_between_the_requests_of_a_batch_and_its_writes(void **state)
{
    (void)state;
    rounds = 0;
    wire_open(&w, NULL, wait_for_round);
    server_set_round(w.server, answer_round);
    connect_all();
    ask_all();
    wire_until_done(&w, MANY);
    assert_true(rounds >= (MANY + H1_BATCH_MOST - 1) / H1_BATCH_MOST);
    assert_int_equal(count_answers(), MANY);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_a_batch_are_written_when_all_are_made),
        cmocka_unit_test(one_of_a_batch_may_end_another),
        cmocka_unit_test(a_round_comes_between_the_requests_of_a_batch_and_its_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
