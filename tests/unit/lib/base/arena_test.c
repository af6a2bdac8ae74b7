/* SPDX-License-Identifier: MIT */
#include "lib/base/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    unsigned char *last = NULL;
    size_t last_bytes = 0;
    for (size_t bytes = 0; bytes < 3000; bytes = bytes * 2 + 1) {
        arena_bytes(&a, 1);
        unsigned char *p = arena_alloc(&a, bytes);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, (int)bytes, bytes);
        for (size_t i = 0; i < last_bytes; i++)
            assert_int_equal(last[i], last_bytes & 0xff);
        last = p;
        last_bytes = bytes;
    }
    assert_false(arena_overflowed(&a));
    arena_finish(&a);
}

static void a_reset_arena_uses_the_same_memory_again(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    void *first = arena_alloc(&a, 100);
    for (int i = 0; i < 100; i++)
        arena_alloc(&a, 500);
    arena_alloc(&a, 100000);
    arena_reset(&a);
    assert_int_equal(a.used_bytes, 0);
    void *again = arena_alloc(&a, 100);
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 100), again);
    arena_finish(&a);
    arena_finish(&a);
    arena_init(&a, 1 << 20);
    assert_non_null(first);
    assert_non_null(arena_alloc(&a, 1)); /* from the thread's free list */
    arena_finish(&a);
}

static void a_finished_arena_hands_its_chunk_to_the_next_of_the_thread(void **state)
{
    (void)state;
    struct arena a, b;
    arena_init(&a, 4096);
    arena_init(&b, 4096);
    void *p = arena_alloc(&a, 10);
    arena_finish(&a);
    assert_ptr_equal(arena_alloc(&b, 10), p);
    arena_finish(&b);
}

static void overflow_sticks_until_reset_and_hands_out_zeroed_memory_apart(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 100);
    assert_non_null(arena_alloc(&a, 100));
    assert_false(arena_overflowed(&a));
    unsigned char *p = arena_alloc(&a, 70000), *q = arena_alloc(&a, 1);
    assert_true(arena_overflowed(&a));
    for (size_t i = 0; i < 70000; i++)
        assert_int_equal(p[i], 0);
    memset(p, 0xff, 70000);
    assert_int_equal(*q, 0);
    assert_true(arena_overflowed(&a));
    assert_true(span_eq(arena_dup(&a, SPAN("abc")), SPAN("abc")));
    arena_reset(&a);
    assert_false(arena_overflowed(&a));
    assert_non_null(arena_alloc(&a, 100));
    assert_false(arena_overflowed(&a));
    arena_finish(&a);
}

static void text_is_copied_joined_and_formatted(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct span s = arena_dup(&a, SPAN("hello"));
    assert_true(span_eq(s, SPAN("hello")));
    assert_string_equal(arena_cstr(&a, s), "hello");
    assert_string_equal(arena_cstr(&a, SPAN_NONE), "");
    assert_null(arena_dup(&a, SPAN_NONE).p);
    struct span parts[] = {SPAN("a"), SPAN_NONE, SPAN(""), SPAN("bc")};
    assert_true(span_eq(arena_join(&a, parts, ARRAY_LEN(parts)), SPAN("abc")));
    assert_int_equal(arena_join(&a, parts, 0).n, 0);
    assert_true(span_eq(arena_printf(&a, "%d-%s", 7, "x"), SPAN("7-x")));
    struct span wide = arena_printf(&a, "%2000d", 5);
    assert_int_equal(wide.n, 2000);
    assert_int_equal(wide.p[1999], '5');
    assert_int_equal(wide.p[2000], '\0');
    unsigned char *z = arena_zalloc(&a, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(z[i], 0);
    arena_finish(&a);
}

static void a_zeroed_arena_may_be_finished(void **state)
{
    (void)state;
    struct arena a = {0};
    arena_finish(&a);
    arena_reset(&a);
}

static void *use_and_end(void *unused)
{
    (void)unused;
    struct arena many[300];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        arena_init(&many[i], 4096);
        arena_alloc(&many[i], 1000);
    }
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        arena_finish(&many[i]);
    return NULL;
}

static void a_thread_that_ends_frees_its_chunks(void **state)
{
    (void)state; /* the leak check of the sanitizer is the judge */
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, use_and_end, NULL), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_reset_arena_uses_the_same_memory_again),
        cmocka_unit_test(a_finished_arena_hands_its_chunk_to_the_next_of_the_thread),
        cmocka_unit_test(overflow_sticks_until_reset_and_hands_out_zeroed_memory_apart),
        cmocka_unit_test(text_is_copied_joined_and_formatted),
        cmocka_unit_test(a_zeroed_arena_may_be_finished),
        cmocka_unit_test(a_thread_that_ends_frees_its_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
