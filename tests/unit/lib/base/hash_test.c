/* SPDX-License-Identifier: MIT */
#include "lib/base/hash.h"

#include "lib/base/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void what_is_hashed_with_wide_registers_has_the_same_hash(void **state)
{
    static uint8_t bytes[(1 << 20) + 7];
    const size_t sizes[] = {0, 1, 240, 241, 4095, 4096, 4097, 65536, sizeof(bytes)};
    (void)state;
    digest_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_true(hash64(bytes, sizes[i]) == XXH3_64bits(bytes, sizes[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_hashed_with_wide_registers_has_the_same_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
