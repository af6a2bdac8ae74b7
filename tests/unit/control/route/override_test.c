/* SPDX-License-Identifier: MIT
 * The network that a table finds is the one that a look at each of them finds. */
#include "control/route/override.h"

#include "lib/base/mem.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define NETWORKS   60
#define TEXT_BYTES 64

static uint64_t dice = 1;

static uint64_t roll(uint64_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (dice >> 33) % below;
}

/* IPv4 as ::ffff:0:0/96. Few different bytes, so that networks lie in one another. */
static bool somewhere(uint8_t bytes[16])
{
    bool is_v4 = roll(2) == 0;
    for (int i = 0; i < 16; i++)
        bytes[i] = (uint8_t)(roll(3) * 127);
    if (is_v4) {
        memset(bytes, 0, 10);
        memset(bytes + 10, 0xff, 2);
    }
    return is_v4;
}

static void keep_bits(uint8_t bytes[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static bool holds(const struct override *o, const uint8_t address[16])
{
    uint8_t masked[16];
    memcpy(masked, address, sizeof masked);
    keep_bits(masked, o->bits);
    return memcmp(masked, o->bytes, sizeof masked) == 0;
}

static struct span written(const uint8_t b[16], bool is_v4, unsigned bits, char text[TEXT_BYTES])
{
    if (is_v4)
        return span_make(text, (size_t)snprintf(text, TEXT_BYTES, "%u.%u.%u.%u/%u", b[12], b[13],
                                                b[14], b[15], bits));
    size_t n = 0;
    for (int i = 0; i < 16; i += 2)
        n += (size_t)snprintf(text + n, TEXT_BYTES - n, "%s%02x%02x", i > 0 ? ":" : "", b[i],
                              b[i + 1]);
    return span_make(text, n + (size_t)snprintf(text + n, TEXT_BYTES - n, "/%u", bits));
}

/* Different networks, each with what override_parse makes of it. */
static size_t make_networks(struct override v[NETWORKS], char texts[NETWORKS][TEXT_BYTES])
{
    size_t count = 0;
    for (int tries = 0; tries < NETWORKS; tries++) {
        uint8_t bytes[16];
        bool is_v4 = somewhere(bytes), is_new = true;
        unsigned bits = (unsigned)roll(is_v4 ? 33 : 129);
        keep_bits(bytes, bits + (is_v4 ? 96 : 0));
        struct override *o = &v[count];
        *o = (struct override){.network = written(bytes, is_v4, bits, texts[count])};
        assert_int_equal(override_parse(o), 0);
        for (size_t i = 0; i < count; i++)
            is_new = is_new && (v[i].bits != o->bits || memcmp(v[i].bytes, o->bytes, 16) != 0);
        count += is_new;
    }
    return count;
}

static const struct override *longest(const struct override *v, size_t count,
                                      const uint8_t address[16], unsigned below)
{
    const struct override *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (holds(&v[i], address) && v[i].bits < below && (best == NULL || v[i].bits > best->bits))
            best = &v[i];
    return best;
}

static void check_address(const struct override_table *t, const struct override *v, size_t count)
{
    uint8_t bytes[16];
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool is_v4 = somewhere(bytes);
    memcpy(&v4.sin_addr, bytes + 12, 4);
    memcpy(&v6.sin6_addr, bytes, 16);
    const struct sockaddr *address =
        is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    const struct override *found = NULL, *wanted = NULL;
    do {
        wanted = longest(v, count, bytes, wanted != NULL ? wanted->bits : 129);
        found = override_find(t, address, found);
        assert_int_equal(found != NULL, wanted != NULL);
        if (found != NULL)
            assert_true(span_eq(found->network, wanted->network));
    } while (found != NULL);
}

static void the_longest_network_is_found_and_then_the_next_shorter_ones(void **state)
{
    (void)state;
    for (int world = 0; world < 200; world++) {
        static struct override v[NETWORKS];
        static char texts[NETWORKS][TEXT_BYTES];
        struct override_table *t;
        struct buf why;
        size_t faulty, count = make_networks(v, texts);
        buf_init(&why, 256);
        assert_int_equal(override_table_create(&t, v, count, &faulty, &why), 0);
        for (int i = 0; i < 200; i++)
            check_address(t, v, count);
        override_table_destroy(&t);
        buf_finish(&why);
    }
}

static void who_has_no_address_is_in_no_network(void **state)
{
    struct override v[] = {{.network = SPAN("::/0")}};
    const struct sockaddr nobody = {.sa_family = AF_UNIX};
    struct override_table *t;
    struct buf why;
    size_t faulty;
    (void)state;
    buf_init(&why, 256);
    assert_int_equal(override_table_create(&t, v, 1, &faulty, &why), 0);
    assert_null(override_find(t, &nobody, NULL));
    assert_null(override_find(NULL, &nobody, NULL));
    override_table_destroy(&t);
    buf_finish(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_network_is_found_and_then_the_next_shorter_ones),
        cmocka_unit_test(who_has_no_address_is_in_no_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
