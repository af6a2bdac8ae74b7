/* SPDX-License-Identifier: MIT */

/* Accept-Encoding: RFC 9110 s.12.5.3. */
#include "lib/http/accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *value; /* NULL: no such field */
    int gzip, identity;
} cases[] = {
    {NULL, 0, 1000},
    {"", 0, 1},
    {"gzip", 1000, 1},
    {"GZip;q=0.5, br", 500, 1},
    {"x-gzip", 1000, 1},
    {"gzip ; Q=0.001", 1, 1},
    {"gzip;q=0", 0, 1},
    {"gzip;q=1.000", 1000, 1},
    {"gzip;q=1.001", 0, 1},
    {"gzip;q=2", 0, 1},
    {"gzip;q=0.1234", 0, 1},
    {"gzip;q=", 0, 1},
    {"gzip;q", 0, 1},
    {"gzip;q=x", 0, 1},
    {"*", 1000, 1000},
    {"*;q=0", 0, 0},
    {"*;q=0, gzip", 1000, 0},
    {"gzip;q=0, *", 0, 1000},
    {"identity;q=0, gzip;q=0.3", 300, 0},
    {"identity;q=0.5, *;q=0", 0, 500},
    {"gzipped, br", 0, 1},
};

static void weighs_codings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena mem;
        struct fields fs;
        arena_init(&mem, 4096);
        fields_init(&fs, &mem);
        if (cases[i].value != NULL)
            fields_add(&fs, FIELD_ACCEPT_ENCODING, span_of(cases[i].value));
        print_message("%s\n", cases[i].value != NULL ? cases[i].value : "none");
        assert_int_equal(accept_coding_quality(&fs, SPAN("gzip")), cases[i].gzip);
        assert_int_equal(accept_coding_quality(&fs, SPAN("identity")), cases[i].identity);
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weighs_codings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
