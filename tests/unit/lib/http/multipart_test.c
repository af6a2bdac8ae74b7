/* SPDX-License-Identifier: MIT */
#include "lib/http/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void total_is(const struct multipart *m, const struct byte_range *r, int count)
{
    int64_t total = (int64_t)m->after.n;
    for (int i = 0; i < count; i++)
        total += (int64_t)m->before[i].n + r[i].last - r[i].first + 1;
    assert_int_equal(m->total_bytes, total);
}

static void parts_stand_between_delimiters_and_the_total_counts_every_byte(void **state)
{
    (void)state;
    struct byte_range ranges[] = {{0, 9}, {500, 999}};
    struct multipart_spec spec = {ranges, 2, 1000, SPAN("text/plain"), SPAN("xyz")};
    struct multipart m;
    struct arena mem;
    arena_init(&mem, 65536);
    multipart_plan(&m, &spec, &mem);
    assert_true(span_eq(m.before[0], SPAN("--xyz\r\nContent-Type: text/plain\r\n"
                                          "Content-Range: bytes 0-9/1000\r\n\r\n")));
    assert_true(span_eq(m.before[1], SPAN("\r\n--xyz\r\nContent-Type: text/plain\r\n"
                                          "Content-Range: bytes 500-999/1000\r\n\r\n")));
    assert_true(span_eq(m.after, SPAN("\r\n--xyz--\r\n")));
    assert_true(span_eq(m.content_type, SPAN("multipart/byteranges; boundary=xyz")));
    total_is(&m, ranges, 2);
    arena_finish(&mem);
}

static void a_representation_without_type_gives_parts_without_type(void **state)
{
    (void)state;
    struct byte_range range = {0, 0};
    struct multipart_spec spec = {&range, 1, 1, SPAN_NONE, SPAN("b")};
    struct multipart m;
    struct arena mem;
    arena_init(&mem, 65536);
    multipart_plan(&m, &spec, &mem);
    assert_true(span_eq(m.before[0], SPAN("--b\r\nContent-Range: bytes 0-0/1\r\n\r\n")));
    total_is(&m, &range, 1);
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_stand_between_delimiters_and_the_total_counts_every_byte),
        cmocka_unit_test(a_representation_without_type_gives_parts_without_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
