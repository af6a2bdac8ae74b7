/* SPDX-License-Identifier: MIT
 *
 * Also run under ThreadSanitizer: one lands, others join and leave. */
#include "edge/upstream/collapse.h"

#include "lib/base/err.h"
#include "lib/net/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 3000 };

static const struct hash128 key = {1, 2}, other = {3, 4};

static void the_first_leads_and_the_others_wait(void **state)
{
    struct collapse *c = collapse_create();
    struct collapse_waiter w = {0};
    struct collapse_landing landing = {.outcome = COLLAPSE_AGAIN, .now = 0};
    (void)state;
    assert_int_equal(collapse_join(c, &key, &w, 0), COLLAPSE_LEAD);
    assert_int_equal(collapse_join(c, &other, &w, 0), COLLAPSE_LEAD);
    assert_int_equal(collapse_join(c, &key, NULL, 0), COLLAPSE_WAIT);
    assert_int_equal(collapse_join(c, &key, &w, 0), COLLAPSE_WAIT);
    assert_true(collapse_leave(c, &key, &w));
    assert_int_equal(collapse_land(c, &key, &landing), 0);
    assert_int_equal(collapse_land(c, &other, &landing), 0);
    assert_int_equal(collapse_join(c, &key, &w, 0), COLLAPSE_LEAD);
    collapse_land(c, &key, &landing);
    collapse_destroy(&c);
}

static void what_was_not_storable_is_remembered_for_a_while(void **state)
{
    struct collapse *c = collapse_create();
    struct collapse_waiter w = {0};
    struct collapse_landing pass = {.outcome = COLLAPSE_PASS, .now = 100, .pass_ms = 50};
    (void)state;
    collapse_join(c, &key, &w, 100);
    collapse_land(c, &key, &pass);
    assert_int_equal(collapse_join(c, &key, &w, 149), COLLAPSE_NOT_STORABLE);
    assert_int_equal(collapse_join(c, &other, &w, 149), COLLAPSE_LEAD);
    assert_int_equal(collapse_join(c, &key, &w, 150), COLLAPSE_LEAD);
    collapse_land(c, &other, &pass);
    collapse_land(c, &key, &pass);
    collapse_destroy(&c);
}

struct player {
    pthread_t thread;
    struct loop *loop;
    struct collapse *table;
    struct collapse_waiter waiter;
    struct loop_task turn;
    int rounds, led, woken, heard;
};

static const struct response_head early = {.status = 103, .content_length = LENGTH_UNKNOWN};

static void on_told(struct collapse_waiter *w, const struct response_head *head)
{
    struct player *p = CONTAINER_OF(w, struct player, waiter);
    assert_int_equal(head->status, 103);
    p->heard++;
}

static void play(struct player *p)
{
    struct collapse_landing landing = {.outcome = COLLAPSE_FAILED, .err = ERR_TIMEOUT};
    while (p->rounds++ < ROUNDS) {
        enum collapse_role role = collapse_join(p->table, &key, &p->waiter, 0);
        if (role == COLLAPSE_LEAD) {
            p->led++;
            for (int i = p->rounds % 4; i > 0; i--)
                collapse_inform(p->table, &key, &early);
            collapse_land(p->table, &key, &landing);
        } else if (p->rounds % 3 != 0 || !collapse_leave(p->table, &key, &p->waiter)) {
            return; /* its mail goes on */
        }
    }
    loop_stop(p->loop);
}

static void on_woken(struct collapse_waiter *w)
{
    struct player *p = CONTAINER_OF(w, struct player, waiter);
    assert_int_equal(w->outcome, COLLAPSE_FAILED);
    assert_true(w->err == ERR_TIMEOUT || w->err == ERR_CANCELLED); /* landed, or left too late */
    p->woken++;
    play(p);
}

static void on_turn(struct loop_task *t)
{
    play(CONTAINER_OF(t, struct player, turn));
}

static void *run(void *ctx)
{
    struct player *p = ctx;
    loop_task_init(&p->turn, on_turn);
    loop_defer(p->loop, &p->turn);
    loop_run(p->loop);
    return NULL;
}

static void keep_told(struct collapse_waiter *w, const struct response_head *head)
{
    struct player *p = CONTAINER_OF(w, struct player, waiter);
    assert_true(span_eq(fields_value(&head->fields, FIELD_LOCATION), SPAN("</a>")));
    p->heard += head->status;
}

static void stop_woken(struct collapse_waiter *w)
{
    struct player *p = CONTAINER_OF(w, struct player, waiter);
    assert_int_equal(w->err, ERR_DNS);
    p->woken++;
    loop_stop(p->loop);
}

/* One who waits, one who comes later: both hear all that fits, in order, before they are woken. */
static void who_waits_hears_interim_answers_first(void **state)
{
    struct collapse *c = collapse_create();
    struct loop *l = loop_create();
    struct player p[2] = {{.loop = l}, {.loop = l}};
    struct field link = {SPAN("Location"), SPAN("</a>"), FIELD_LOCATION};
    struct response_head head = {
        .fields = {.v = &link, .count = 1, .room = 1, .ids = field_bit(FIELD_LOCATION)}};
    struct collapse_landing landing = {.outcome = COLLAPSE_FAILED, .err = ERR_DNS};
    (void)state;
    assert_int_equal(collapse_join(c, &key, &p[0].waiter, 0), COLLAPSE_LEAD);
    for (int i = 0; i < 2; i++) {
        p[i].waiter = (struct collapse_waiter){
            .home = loop_mailbox(l), .woken = stop_woken, .informed = keep_told};
        assert_int_equal(collapse_join(c, &key, &p[i].waiter, 0), COLLAPSE_WAIT);
        for (head.status = 101; head.status < 110 && i == 0; head.status++)
            collapse_inform(c, &key, &head);
    }
    collapse_land(c, &key, &landing);
    loop_run(l);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(p[i].heard, 101 + 102 + 103 + 104 + 105 + 106 + 107 + 108);
        assert_int_equal(p[i].woken, 1);
    }
    loop_destroy(&l);
    collapse_destroy(&c);
}

static void many_threads_lead_wait_and_leave(void **state)
{
    struct collapse *c = collapse_create();
    struct player players[THREADS] = {0};
    int led = 0;
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        struct player *p = &players[i];
        p->table = c;
        p->loop = loop_create();
        p->waiter = (struct collapse_waiter){
            .home = loop_mailbox(p->loop), .woken = on_woken, .informed = on_told};
        assert_int_equal(pthread_create(&p->thread, NULL, run, p), 0);
    }
    for (int i = 0; i < THREADS; i++) /* all first: one that lands still rings at the others */
        pthread_join(players[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) {
        loop_destroy(&players[i].loop);
        led += players[i].led;
    }
    assert_true(led > 0);
    collapse_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_leads_and_the_others_wait),
        cmocka_unit_test(what_was_not_storable_is_remembered_for_a_while),
        cmocka_unit_test(who_waits_hears_interim_answers_first),
        cmocka_unit_test(many_threads_lead_wait_and_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
