/* SPDX-License-Identifier: MIT */
#include "lib/base/mem.h"

#include "lib/base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define THREADS 8

static pthread_barrier_t all_there;

static void *trim(void *ctx)
{
    (void)ctx;
    pthread_barrier_wait(&all_there);
    mem_trim();
    return NULL;
}

/* As disks do whose recovery ends at once. It has to come first: where another allocator stands in
 * for the C library's, these are the first calls that the library's own sees. */
static void test_threads_may_trim_at_once(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    pthread_barrier_init(&all_there, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&threads[i], trim, NULL, "trim"), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&all_there);
}

static void test_what_was_ordered_to_fail_fails_once(void **state)
{
    (void)state;
    mem_fail_at(2);
    void *first = mem_try_alloc(10), *second = mem_try_alloc(10);
    assert_non_null(first);
    assert_null(second);
    assert_true(mem_fail_hit());
    void *grown = mem_try_grow(first, 100);
    assert_non_null(grown);
    mem_fail_at(0);
    mem_free(grown);
}

static void test_zeroed_memory_is_zero_on_both_ways(void **state)
{
    const size_t sizes[] = {1, 1024, 1025, 100000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint8_t *p = mem_zalloc(sizes[i]), any = 0;
        for (size_t at = 0; at < sizes[i]; at++)
            any |= p[at];
        assert_int_equal(any, 0);
        mem_free(p);
    }
}

static void test_texts_are_copied_up_to_their_bound(void **state)
{
    (void)state;
    char *whole = mem_strdup("abc"), *cut = mem_strndup("abc", 2),
         *made = mem_printf("%d-%s", 7, "x");
    assert_string_equal(whole, "abc");
    assert_string_equal(cut, "ab");
    assert_string_equal(made, "7-x");
    mem_free(whole);
    mem_free(cut);
    mem_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_may_trim_at_once),
        cmocka_unit_test(test_what_was_ordered_to_fail_fails_once),
        cmocka_unit_test(test_zeroed_memory_is_zero_on_both_ways),
        cmocka_unit_test(test_texts_are_copied_up_to_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
