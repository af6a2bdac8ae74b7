/* SPDX-License-Identifier: MIT
 *
 * Also run under ThreadSanitizer: many workers pass a few places on. */
#include "edge/upstream/gate.h"

#include "lib/net/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { THREADS = 4, PLACES = 2, ROUNDS = 2000, CROWD = 10 };

struct visitor {
    struct gate_ticket *ticket;
    int *turn;
    int admitted_as; /* 0: not yet */
};

static void on_admitted(void *ctx)
{
    struct visitor *v = ctx;
    v->admitted_as = ++*v->turn;
}

static void enter(struct gate *g, struct loop *l, struct visitor *v, uint64_t key)
{
    struct gate_entry entry = {
        .home = loop_mailbox(l), .key = key, .admitted = on_admitted, .ctx = v};
    v->ticket = gate_enter(g, &entry);
}

static void who_waits_is_called_when_a_place_is_left(void **state)
{
    struct loop *l = loop_create();
    struct gate *g = gate_create(1);
    int turn = 0;
    struct visitor a = {.turn = &turn}, b = {.turn = &turn}, c = {.turn = &turn};
    (void)state;
    enter(g, l, &a, 1);
    assert_true(gate_is_in(a.ticket) && gate_is_full(g) && !gate_has_waiting(a.ticket));
    enter(g, l, &b, 1);
    enter(g, l, &c, 1);
    assert_true(!gate_is_in(b.ticket) && gate_has_waiting(a.ticket));
    gate_leave(&b.ticket); /* gave up waiting */
    gate_leave(&a.ticket);
    assert_true(gate_is_full(g)); /* the place is c's already */
    loop_deliver(l);
    assert_true(gate_is_in(c.ticket) && b.admitted_as == 0 && c.admitted_as == 1);
    gate_leave(&c.ticket);
    assert_false(gate_is_full(g));
    gate_unref(&g);
    loop_destroy(&l);
}

static void who_comes_in_the_background_is_behind_all_and_leaves_a_quarter(void **state)
{
    struct loop *l = loop_create();
    struct gate *g = gate_create(4);
    int turn = 0;
    struct visitor b[4] = {{0}}, u[4] = {{0}};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct gate_entry entry = {
            .home = loop_mailbox(l), .is_background = true, .admitted = on_admitted, .ctx = &b[i]};
        b[i].turn = u[i].turn = &turn;
        b[i].ticket = gate_enter(g, &entry);
        assert_true(gate_is_in(b[i].ticket) == (i < 3));
    }
    enter(g, l, &u[0], 1);
    assert_true(gate_is_in(u[0].ticket) && gate_is_full(g) && !gate_has_waiting(u[0].ticket));
    enter(g, l, &u[1], 1);
    assert_true(!gate_is_in(u[1].ticket) && gate_has_waiting(b[0].ticket));
    gate_leave(&b[0].ticket);
    loop_deliver(l);
    assert_true(gate_is_in(u[1].ticket) && b[3].admitted_as == 0);
    gate_leave(&u[0].ticket);
    assert_false(gate_is_full(g)); /* the last place is not for the background */
    gate_leave(&u[1].ticket);
    loop_deliver(l);
    assert_true(gate_is_in(b[3].ticket));
    for (int i = 1; i < 4; i++)
        gate_leave(&b[i].ticket);
    assert_false(gate_is_full(g));
    gate_unref(&g);
    loop_destroy(&l);
}

static void who_leaves_when_called_passes_the_place_on(void **state)
{
    struct loop *l = loop_create();
    struct gate *g = gate_create(1);
    int turn = 0;
    struct visitor a = {.turn = &turn}, b = {.turn = &turn}, c = {.turn = &turn};
    (void)state;
    enter(g, l, &a, 1);
    enter(g, l, &b, 1);
    enter(g, l, &c, 1);
    gate_leave(&a.ticket);
    gate_leave(&b.ticket); /* its mail is on the way */
    gate_unref(&g);
    loop_deliver(l);
    loop_deliver(l);
    assert_true(b.admitted_as == 0 && gate_is_in(c.ticket));
    gate_leave(&c.ticket);
    loop_destroy(&l);
}

/* A crowd for one resource came first; one for another need not wait for all of it. */
static void lanes_are_served_in_turn(void **state)
{
    struct loop *l = loop_create();
    struct gate *g = gate_create(1);
    int turn = 0;
    struct visitor in = {.turn = &turn}, crowd[CROWD], other = {.turn = &turn};
    (void)state;
    enter(g, l, &in, 1);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = (struct visitor){.turn = &turn};
        enter(g, l, &crowd[i], 1);
    }
    enter(g, l, &other, 2);
    gate_leave(&in.ticket);
    for (int i = 0; i < CROWD + 1; i++) {
        loop_deliver(l);
        for (int k = 0; k < CROWD; k++)
            if (crowd[k].admitted_as == i + 1)
                gate_leave(&crowd[k].ticket);
        if (other.admitted_as == i + 1)
            gate_leave(&other.ticket);
    }
    assert_int_equal(turn, CROWD + 1);
    assert_true(other.admitted_as <= 2);
    for (int i = 1; i < CROWD; i++)
        assert_true(crowd[i].admitted_as > crowd[i - 1].admitted_as);
    gate_unref(&g);
    loop_destroy(&l);
}

struct player {
    pthread_t thread;
    struct loop *loop;
    struct gate *gate;
    struct gate_ticket *ticket;
    struct loop_task turn;
    int rounds;
};

static _Atomic int inside;

static void play(struct player *p);

static void on_in(void *ctx)
{
    struct player *p = ctx;
    assert_true(atomic_fetch_add(&inside, 1) < PLACES);
    atomic_fetch_sub(&inside, 1);
    gate_leave(&p->ticket);
    play(p);
}

static void play(struct player *p)
{
    while (p->rounds++ < ROUNDS) {
        struct gate_entry entry = {
            .home = loop_mailbox(p->loop), .key = (uint64_t)p->rounds, .admitted = on_in, .ctx = p};
        p->ticket = gate_enter(p->gate, &entry);
        if (!gate_is_in(p->ticket) && p->rounds % 3 != 0)
            return; /* its mail goes on */
        if (gate_is_in(p->ticket)) {
            assert_true(atomic_fetch_add(&inside, 1) < PLACES);
            atomic_fetch_sub(&inside, 1);
        }
        gate_leave(&p->ticket);
    }
    loop_stop(p->loop);
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

static void many_threads_share_a_few_places(void **state)
{
    struct gate *g = gate_create(PLACES);
    struct player players[THREADS] = {0};
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        players[i].gate = g;
        players[i].loop = loop_create();
        assert_int_equal(pthread_create(&players[i].thread, NULL, run, &players[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(players[i].thread, NULL);
    for (int k = 0; k < THREADS; k++) /* who left while called still passes its place on */
        for (int i = 0; i < THREADS; i++)
            loop_deliver(players[i].loop);
    assert_false(gate_is_full(g));
    for (int i = 0; i < THREADS; i++)
        loop_destroy(&players[i].loop);
    gate_unref(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_is_called_when_a_place_is_left),
        cmocka_unit_test(who_comes_in_the_background_is_behind_all_and_leaves_a_quarter),
        cmocka_unit_test(who_leaves_when_called_passes_the_place_on),
        cmocka_unit_test(lanes_are_served_in_turn),
        cmocka_unit_test(many_threads_share_a_few_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
