/* SPDX-License-Identifier: MIT
 * Also run under ThreadSanitizer. */
#include "lib/net/mailbox.h"

#include "lib/base/mem.h"
#include "lib/net/loop.h"

#include <pthread.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { SENDERS = 4, LETTERS = 20000 };

struct letter {
    struct mail mail;
    int sender, number;
};

struct sender {
    pthread_t thread;
    int index, next_wanted;
};

static struct loop *loop;
static struct sender senders[SENDERS];
static int left;

static void on_letter(struct mail *m)
{
    struct letter *l = CONTAINER_OF(m, struct letter, mail);
    struct sender *s = &senders[l->sender];
    assert_int_equal(l->number, s->next_wanted);
    s->next_wanted++;
    mem_free(l);
    if (--left == 0)
        loop_stop(loop);
}

/* Now and then a pause, so that the loop falls asleep and has to be woken. */
static void *send_all(void *ctx)
{
    struct sender *s = ctx;
    struct timespec pause = {.tv_nsec = 200 * 1000};
    for (int i = 0; i < LETTERS; i++) {
        struct letter *l = mem_alloc(sizeof(*l));
        *l = (struct letter){.sender = s->index, .number = i};
        mailbox_post(loop_mailbox(loop), &l->mail, on_letter);
        if (i % 997 == 0)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static void mail_of_four_threads_arrives_whole_and_in_order(void **state)
{
    (void)state;
    loop = loop_create();
    assert_non_null(loop);
    left = SENDERS * LETTERS;
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.index = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    loop_run(loop);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_int_equal(senders[i].next_wanted, LETTERS);
    }
    loop_destroy(&loop);
}

static struct mail again;
static int rounds;

static void post_again(struct mail *m)
{
    if (++rounds < 1000)
        mailbox_post(loop_mailbox(loop), m, post_again);
    else
        loop_stop(loop);
}

static void a_mail_may_be_posted_again_from_its_own_function(void **state)
{
    (void)state;
    loop = loop_create();
    assert_non_null(loop);
    mailbox_post(loop_mailbox(loop), &again, post_again);
    loop_run(loop);
    assert_int_equal(rounds, 1000);
    loop_destroy(&loop);
}

/* Two loops play one letter back and forth: every wake-up that got lost would end the game. */
struct player {
    struct loop *loop;
    pthread_t thread;
};
static struct player players[2];
static struct mail ball;
static int strokes;

static void stop_player(struct mail *m)
{
    struct player *p = m == &ball ? &players[0] : &players[1];
    loop_stop(p->loop);
}

static void hit(struct mail *m)
{
    static struct mail farewell;
    if (++strokes < 20000) {
        mailbox_post(loop_mailbox(players[strokes % 2].loop), m, hit);
        return;
    }
    mailbox_post(loop_mailbox(players[0].loop), &ball, stop_player);
    mailbox_post(loop_mailbox(players[1].loop), &farewell, stop_player);
}

static void *play(void *ctx)
{
    struct player *p = ctx;
    loop_run(p->loop);
    return NULL;
}

static void two_loops_never_lose_a_wake_up(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        players[i].loop = loop_create();
    mailbox_post(loop_mailbox(players[0].loop), &ball, hit);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(players[i].thread, NULL);
    assert_int_equal(strokes, 20000);
    for (int i = 0; i < 2; i++)
        loop_destroy(&players[i].loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_of_four_threads_arrives_whole_and_in_order),
        cmocka_unit_test(a_mail_may_be_posted_again_from_its_own_function),
        cmocka_unit_test(two_loops_never_lose_a_wake_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
