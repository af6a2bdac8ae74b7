/* SPDX-License-Identifier: MIT */
#include "lib/base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define THINGS 12

struct thing {
    int number;
    struct list link;
};

/* The model: numbers in order. */
struct model {
    int v[THINGS];
    size_t n;
};

static void insert_at(struct model *m, size_t at, int number)
{
    memmove(&m->v[at + 1], &m->v[at], (m->n - at) * sizeof(m->v[0]));
    m->v[at] = number;
    m->n++;
}

static bool take_out(struct model *m, int number)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->v[i] != number)
            continue;
        memmove(&m->v[i], &m->v[i + 1], (m->n - i - 1) * sizeof(m->v[0]));
        m->n--;
        return true;
    }
    return false;
}

static void same(const struct list *h, const struct model *m)
{
    size_t i = 0;
    assert_int_equal(list_is_empty(h), m->n == 0);
    LIST_EACH(l, (struct list *)(uintptr_t)h)
    {
        assert_true(i < m->n);
        assert_int_equal(LIST_THING(l, struct thing, link)->number, m->v[i++]);
        assert_ptr_equal(l->next->prev, l);
        assert_true(list_is_linked(l));
    }
    assert_int_equal(i, m->n);
}

static void a_list_says_what_a_naive_model_says(void **state)
{
    (void)state;
    struct thing things[THINGS];
    struct list h;
    struct model m = {.n = 0};
    uint64_t seed = 7;
    list_init(&h);
    for (int i = 0; i < THINGS; i++) {
        things[i].number = i;
        list_init(&things[i].link);
    }
    for (int step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        struct thing *t = &things[(seed >> 33) % THINGS];
        if (!list_is_linked(&t->link) && (seed >> 60) % 2 == 0) {
            list_push_back(&h, &t->link);
            insert_at(&m, m.n, t->number);
        } else if (!list_is_linked(&t->link)) {
            list_push_front(&h, &t->link);
            insert_at(&m, 0, t->number);
        } else if ((seed >> 60) % 4 == 0) {
            struct list *first = list_pop(&h);
            CHECK(first != NULL);
            assert_true(take_out(&m, LIST_THING(first, struct thing, link)->number));
        } else {
            list_remove(&t->link);
            assert_true(take_out(&m, t->number));
            list_remove(&t->link); /* of what is in no list: nothing */
        }
        same(&h, &m);
    }
}

static void everything_moves_to_the_end_of_another_list(void **state)
{
    (void)state;
    struct thing t[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct list a, b;
    list_init(&a);
    list_init(&b);
    for (int i = 0; i < 4; i++)
        list_push_back(i < 2 ? &a : &b, &t[i].link);
    list_move_all(&a, &b);
    same(&a, &(struct model){.v = {0, 1, 2, 3}, .n = 4});
    assert_true(list_is_empty(&b));
    list_move_all(&a, &b);
    same(&a, &(struct model){.v = {0, 1, 2, 3}, .n = 4});
    LIST_EACH_SAFE(l, safe, &a)
    {
        list_remove(l);
    }
    assert_null(list_pop(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_says_what_a_naive_model_says),
        cmocka_unit_test(everything_moves_to_the_end_of_another_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
