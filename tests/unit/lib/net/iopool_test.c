/* SPDX-License-Identifier: MIT
 * Also run under ThreadSanitizer. */
#include "lib/net/iopool.h"

#include "lib/base/err.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { JOBS = 2000 };

struct job {
    struct iojob io;
    int input, output;
};

static struct loop *loop;
static struct job jobs[JOBS];
static int left;
static pthread_t home_thread;

static void run_job(struct iojob *j)
{
    struct job *job = CONTAINER_OF(j, struct job, io);
    job->output = job->input * 2;
}

static void done_job(struct iojob *j)
{
    struct job *job = CONTAINER_OF(j, struct job, io);
    assert_true(pthread_equal(home_thread, pthread_self()));
    assert_int_equal(job->output, job->input * 2);
    if (--left == 0)
        loop_stop(loop);
}

static void prepare(void)
{
    loop = loop_create();
    assert_non_null(loop);
    home_thread = pthread_self();
    for (int i = 0; i < JOBS; i++)
        jobs[i] = (struct job){.io = {.run = run_job, .done = done_job}, .input = i};
}

static void jobs_run_elsewhere_and_come_home(void **state)
{
    (void)state;
    prepare();
    struct iopool *pool = iopool_create(3, JOBS);
    assert_non_null(pool);
    left = JOBS;
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(iopool_submit(pool, loop, &jobs[i].io), 0);
    loop_run(loop);
    assert_int_equal(left, 0);
    iopool_destroy(&pool);
    assert_null(pool);
    loop_destroy(&loop);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void wait_at_gate(struct iojob *j)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    run_job(j);
}

static void at_the_bound_a_job_is_refused_and_destroy_finishes_the_rest(void **state)
{
    int taken = 0;
    (void)state;
    prepare();
    struct iopool *pool = iopool_create(1, 4);
    assert_non_null(pool);
    pthread_mutex_lock(&gate);
    while (taken < JOBS) {
        jobs[taken].io.run = wait_at_gate;
        if (iopool_submit(pool, loop, &jobs[taken].io) == ERR_BUSY)
            break;
        taken++;
    }
    assert_in_range(taken, 4, 5); /* four in the queue, and one where the thread took it already */
    pthread_mutex_unlock(&gate);
    iopool_destroy(&pool);
    for (int i = 0; i < taken; i++)
        assert_int_equal(jobs[i].output, 2 * i);
    left = taken;
    loop_run(loop); /* the results were in the mail */
    assert_int_equal(left, 0);
    loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_elsewhere_and_come_home),
        cmocka_unit_test(at_the_bound_a_job_is_refused_and_destroy_finishes_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
