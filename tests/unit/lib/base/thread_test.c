/* SPDX-License-Identifier: MIT */
#include "lib/base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct seen {
    pthread_barrier_t is_named; /* who started it has its name set */
    sigset_t blocked;
    char name[16];
};

static void *look(void *ctx)
{
    struct seen *s = ctx;
    pthread_barrier_wait(&s->is_named);
    pthread_sigmask(SIG_BLOCK, NULL, &s->blocked);
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    return NULL;
}

static void test_it_is_named_and_hears_of_its_own_faults_alone(void **state)
{
    static const int of_others[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE};
    static const int its_own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    struct seen s;
    sigset_t before, after;
    pthread_t t;
    (void)state;
    pthread_barrier_init(&s.is_named, NULL, 2);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(thread_start(&t, look, &s, "looker"), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    pthread_barrier_wait(&s.is_named);
    pthread_join(t, NULL);
    pthread_barrier_destroy(&s.is_named);
    assert_string_equal(s.name, "looker");
    for (size_t i = 0; i < ARRAY_LEN(of_others); i++) {
        assert_true(sigismember(&s.blocked, of_others[i]));
        assert_int_equal(sigismember(&after, of_others[i]), sigismember(&before, of_others[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(its_own); i++)
        assert_false(sigismember(&s.blocked, its_own[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_named_and_hears_of_its_own_faults_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
