/* SPDX-License-Identifier: MIT
 * The databases are made here, by Debian's MaxMind writer (make_db.pl). */
#include "lib/geo/geo.h"

#include "lib/base/err.h"

#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_FILE (1 << 20)
/* libmaxminddb 1.7 forgets a few bytes of metadata when it refuses a file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:MMDB_open";
}

static char folder[] = "/tmp/geo-test-XXXXXX", good_path[64], bad_path[64];
static char good[MAX_FILE];
static size_t good_bytes;

static const char csv[] = "127.1.0.0/16,Seoul,KR,AS,37.5665,126.978,20\n"
                          "127.1.7.0/24,Incheon,KR,AS,37.4563,126.7052,5\n"
                          "127.2.0.0/16,Frankfurt,DE,EU,50.1109,8.6821,100\n"
                          "2001:db8:100::/40,Seoul,KR,AS,37.5665,126.978,20\n"
                          "127.3.0.0/16,,KR,,,,\n"
                          "127.4.0.0/16,,,,0,0,1000\n"
                          "127.5.0.0/16,,,,-18.1416,178.4419,\n"
                          "127.6.0.0/16\n";

static void make_of(const char *path, const char *type, const char *rows)
{
    char command[256];
    snprintf(command, sizeof command, "TYPE=%s perl tests/unit/lib/geo/make_db.pl %s", type, path);
    FILE *to = popen(command, "w");
    assert_non_null(to);
    assert_int_equal(fwrite(rows, 1, strlen(rows), to), strlen(rows));
    assert_int_equal(pclose(to), 0);
}

static void make(const char *path, const char *type)
{
    make_of(path, type, csv);
}

static int begin(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(good_path, sizeof good_path, "%s/good.mmdb", folder);
    snprintf(bad_path, sizeof bad_path, "%s/bad.mmdb", folder);
    make(good_path, "Test-City");
    FILE *f = fopen(good_path, "rb");
    assert_non_null(f);
    good_bytes = fread(good, 1, sizeof good, f);
    fclose(f);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(good_path);
    unlink(bad_path);
    return rmdir(folder);
}

static void write_file(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static int open_quietly(struct geo **g, const char *path)
{
    struct buf why;
    buf_init(&why, 1024);
    int err = geo_open(g, path, GEO_CITY, &why);
    assert_true(err == 0 ? why.n == 0 : why.n > 0);
    buf_finish(&why);
    return err;
}

static struct place find(const struct geo *g, const char *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct place p = {0};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        geo_find(g, (const struct sockaddr *)&v4, &p);
    else if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
        geo_find(g, (const struct sockaddr *)&v6, &p);
    else
        fail_msg("%s is no address", ip);
    return p;
}

static void an_address_is_found_with_what_its_record_has(void **state)
{
    (void)state;
    static const struct {
        const char *ip, *city, *country, *continent;
        double lat, lon;
        uint32_t radius_km;
        int prefix_bits;
        bool is_found, has_point;
    } rows[] = {
        {"127.1.0.1", "Seoul", "KR", "AS", 37.5665, 126.978, 20, 22, true, true},
        {"127.1.7.9", "Incheon", "KR", "AS", 37.4563, 126.7052, 5, 24, true, true},
        {"127.2.255.1", "Frankfurt", "DE", "EU", 50.1109, 8.6821, 100, 16, true, true},
        {"2001:db8:1ff::1", "Seoul", "KR", "AS", 37.5665, 126.978, 20, 40, true, true},
        {"127.3.0.1", "", "KR", "", 0, 0, 0, 16, true, false},
        {"127.4.0.1", "", "", "", 0, 0, 1000, 16, true, true},
        {"127.5.0.1", "", "", "", -18.1416, 178.4419, 0, 16, true, true},
        {"127.6.0.1", "", "", "", 0, 0, 0, 16, true, false},
        {"127.9.0.1", "", "", "", 0, 0, 0, 0, false, false},
        {"2001:db9::1", "", "", "", 0, 0, 0, 0, false, false},
    };
    struct geo *g;
    assert_int_equal(open_quietly(&g, good_path), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct place p = find(g, rows[i].ip);
        assert_int_equal(p.is_found, rows[i].is_found);
        assert_int_equal(p.has_point, rows[i].has_point);
        assert_string_equal(p.city, rows[i].city);
        assert_string_equal(p.country, rows[i].country);
        assert_string_equal(p.continent, rows[i].continent);
        assert_int_equal(p.radius_km, rows[i].radius_km);
        assert_int_equal(p.prefix_bits, rows[i].prefix_bits);
        assert_true(fabs(p.lat - rows[i].lat) < 1e-9 && fabs(p.lon - rows[i].lon) < 1e-9);
        struct geo_point at = geo_point(p.lat, p.lon);
        assert_true(!p.has_point || geo_km(&p.at, &at) == 0);
    }
    geo_unref(&g);
}

static void without_a_database_every_place_is_unknown(void **state)
{
    (void)state;
    assert_false(find(NULL, "127.1.0.1").is_found);
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct place p;
    geo_find(NULL, &local, &p);
    assert_false(p.is_found);
}

static void an_open_database_does_not_notice_what_happens_to_its_file(void **state)
{
    (void)state;
    struct geo *g;
    write_file(bad_path, good, good_bytes);
    assert_int_equal(open_quietly(&g, bad_path), 0);
    assert_int_equal(truncate(bad_path, 0), 0);
    assert_string_equal(find(g, "127.1.0.1").city, "Seoul");
    write_file(bad_path, "x", 1);
    assert_int_equal(unlink(bad_path), 0);
    assert_string_equal(find(g, "127.1.0.1").city, "Seoul");
    struct geo *second = geo_ref(g);
    geo_unref(&g);
    assert_string_equal(find(second, "127.2.0.1").city, "Frankfurt");
    geo_unref(&second);
}

static void what_is_no_city_database_is_refused(void **state)
{
    (void)state;
    struct geo *g;
    assert_int_equal(open_quietly(&g, "/nonexistent/file"), ERR_NOT_FOUND);
    assert_null(g);
    assert_int_equal(open_quietly(&g, "/tmp"), ERR_IO);
    write_file(bad_path, "", 0);
    assert_int_equal(open_quietly(&g, bad_path), ERR_CORRUPT);
    write_file(bad_path, "hello", 5);
    assert_int_equal(open_quietly(&g, bad_path), ERR_CORRUPT);
    make(bad_path, "Test-Country");
    assert_int_equal(open_quietly(&g, bad_path), ERR_UNSUPPORTED);
    assert_null(g);
}

static void other_kinds_tell_what_they_have(void **state)
{
    (void)state;
    struct geo *g;
    struct buf why;
    struct sockaddr_in a = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, "127.1.7.9", &a.sin_addr), 1);
    buf_init(&why, 1024);
    make(bad_path, "Test-Country");
    assert_int_equal(geo_open(&g, bad_path, GEO_COUNTRY, &why), 0);
    struct place p = find(g, "127.1.7.9");
    assert_string_equal(p.country, "KR");
    assert_string_equal(p.continent, "AS");
    assert_false(p.has_point);
    geo_unref(&g);
    make_of(bad_path, "Test-ASN",
            "127.1.0.0/16,64500,Example Net\n2001:db8::/32,4200000000,Other\n");
    assert_int_equal(geo_open(&g, bad_path, GEO_ASN, &why), 0);
    assert_int_equal(geo_find_asn(g, (const struct sockaddr *)&a), 64500);
    a.sin_addr.s_addr = 0;
    assert_int_equal(geo_find_asn(g, (const struct sockaddr *)&a), 0);
    assert_int_equal(geo_find_asn(NULL, (const struct sockaddr *)&a), 0);
    struct sockaddr_in6 b = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &b.sin6_addr), 1);
    assert_int_equal(geo_find_asn(g, (const struct sockaddr *)&b), 4200000000);
    geo_unref(&g);
    buf_finish(&why);
}

/* Records of 28 bits (make_db.pl): the left half of a node, from its first three bytes. */
static void a_tree_that_leads_back_to_itself_is_refused(void **state)
{
    (void)state;
    struct geo *g;
    char *copy = malloc(good_bytes);
    assert_int_equal(open_quietly(&g, good_path), 0);
    uint32_t nodes = geo_facts_of(g)->nodes;
    geo_unref(&g);
    for (uint32_t i = 1; i < nodes; i += 3) {
        memcpy(copy, good, good_bytes);
        memcpy(copy + 7 * (size_t)i, "\0\0", 3); /* to the root */
        copy[7 * (size_t)i + 3] = (char)(copy[7 * (size_t)i + 3] & 0x0f);
        write_file(bad_path, copy, good_bytes);
        assert_int_equal(open_quietly(&g, bad_path), ERR_CORRUPT);
    }
    free(copy);
}

static void a_file_cut_short_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < good_bytes; n += 37) {
        struct geo *g;
        write_file(bad_path, good, n);
        assert_int_not_equal(open_quietly(&g, bad_path), 0);
    }
}

/* A flipped bit may leave a right database with other contents. Whatever opens must be usable. */
static void no_flipped_bit_can_harm(void **state)
{
    (void)state;
    char *copy = malloc(good_bytes);
    int opened = 0, refused = 0;
    for (size_t bit = 0; bit < good_bytes * 8; bit += 11) {
        memcpy(copy, good, good_bytes);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
        write_file(bad_path, copy, good_bytes);
        struct geo *g;
        if (open_quietly(&g, bad_path) != 0) {
            refused++;
            continue;
        }
        opened++;
        for (int net = 0; net < 12; net++) {
            char ip[32];
            snprintf(ip, sizeof ip, "127.%d.7.1", net);
            struct place p = find(g, ip);
            assert_true(!p.has_point || (fabs(p.lat) <= 90 && fabs(p.lon) <= 180));
        }
        geo_unref(&g);
    }
    assert_true(opened > 0 && refused > 0);
    free(copy);
}

/* What the tree says of an IPv4 address, step by step. */
static struct place walked(const struct geo *g, uint32_t address)
{
    struct geo_net net = geo_root(g, AF_INET), halves[2];
    struct place p;
    uint8_t bits = 0;
    for (; net.kind == GEO_NET_HALVES && bits < 32; bits++) {
        geo_halves(g, net, halves);
        net = halves[address >> (31 - bits) & 1];
    }
    geo_place(g, net, &p);
    p.prefix_bits = p.is_found ? bits : 0;
    return p;
}

static void a_look_up_says_what_the_tree_says(void **state)
{
    static const char *const rows = "1.0.0.0/8,Seoul,KR,AS,30.5,120.25,20\n"
                                    "1.2.0.0/15,Busan,KR,AS,31.5,121.25,21\n"
                                    "1.2.0.0/16,Incheon,KR,AS,32.5,122.25,22\n"
                                    "1.2.3.0/24,Daegu,KR,AS,33.5,123.25,23\n"
                                    "1.2.3.128/25,Daejeon,KR,AS,34.5,124.25,24\n"
                                    "1.2.3.255/32,Gwangju,KR,AS,35.5,125.25,25\n"
                                    "1.2.255.254/31,Suwon,KR,AS,36.5,126.25,26\n"
                                    "1.4.0.0/17,Ulsan,KR,AS,37.5,127.25,27\n"
                                    "255.255.255.255/32,Jeju,KR,AS,38.5,128.25,28\n";
    (void)state;
    struct geo *g;
    struct buf why;
    buf_init(&why, 512);
    make_of(bad_path, "Test-City", rows);
    assert_int_equal(geo_open(&g, bad_path, GEO_CITY, &why), 0);
    size_t found = 0;
    for (uint32_t i = 0; i < 600000; i++) {
        uint32_t address = i < 400000 ? 0x01000000U + i : i * 2654435761U;
        address = i == 599999 ? UINT32_MAX : address;
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
        struct place p, wanted = walked(g, address);
        geo_find(g, (const struct sockaddr *)&a, &p);
        found += p.is_found;
        assert_int_equal(p.prefix_bits, wanted.prefix_bits);
        assert_string_equal(p.city, wanted.city);
    }
    assert_true(found > 400000);
    geo_unref(&g);
    buf_finish(&why);
}

/* More than are looked up side by side, with and without names, known and not, of both families. */
static void many_look_ups_find_what_single_ones_do(void **state)
{
    enum { MANY = 41 };
    static const char *const ips[] = {"127.1.0.1", "127.1.7.9",   "2001:db8:1ff::1", "127.9.0.1",
                                      "127.5.0.1", "2001:db9::1", "127.2.255.1"};
    struct sockaddr_storage addresses[MANY] = {0};
    struct geo_question v[MANY];
    struct place places[MANY];
    struct geo *g;
    (void)state;
    assert_int_equal(open_quietly(&g, good_path), 0);
    for (size_t i = 0; i < MANY; i++) {
        const char *ip = ips[i % ARRAY_LEN(ips)];
        struct sockaddr_in *v4 = (struct sockaddr_in *)&addresses[i];
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addresses[i];
        bool is_v4 = inet_pton(AF_INET, ip, &v4->sin_addr) == 1;
        if (!is_v4)
            assert_int_equal(inet_pton(AF_INET6, ip, &v6->sin6_addr), 1);
        addresses[i].ss_family = is_v4 ? AF_INET : AF_INET6;
        v[i] =
            (struct geo_question){(const struct sockaddr *)&addresses[i], &places[i], i % 2 == 0};
    }
    geo_find_many(g, v, MANY);
    for (size_t i = 0; i < MANY; i++) {
        struct place alone = find(g, ips[i % ARRAY_LEN(ips)]);
        if (i % 2 != 0)
            alone.city[0] = '\0';
        assert_int_equal(places[i].is_found, alone.is_found);
        assert_int_equal(places[i].prefix_bits, alone.prefix_bits);
        assert_string_equal(places[i].country, alone.country);
        assert_string_equal(places[i].city, alone.city);
        assert_true(places[i].lat == alone.lat && places[i].lon == alone.lon);
    }
    geo_find_many(NULL, v, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_false(places[i].is_found);
    geo_unref(&g);
}

static void distances_are_right_across_the_date_line_and_the_poles(void **state)
{
    (void)state;
    static const struct {
        double a[2], b[2], km;
    } rows[] = {
        {{37.5665, 126.978}, {37.5665, 126.978}, 0},
        {{37.5665, 126.978}, {50.1109, 8.6821}, 8548},  /* Seoul, Frankfurt */
        {{51.5074, -0.1278}, {40.7128, -74.006}, 5570}, /* London, New York */
        {{-18.14, 178.44}, {-13.83, -171.77}, 1151},    /* Suva, Apia */
        {{90, 0}, {-90, 77}, 20015},
        {{0, 0}, {0, 180}, 20015},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct geo_point a = geo_point(rows[i].a[0], rows[i].a[1]);
        struct geo_point b = geo_point(rows[i].b[0], rows[i].b[1]);
        double km = geo_km(&a, &b);
        if (fabs(km - rows[i].km) > 5)
            fail_msg("row %zu: %.1f km", i, km);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_found_with_what_its_record_has),
        cmocka_unit_test(without_a_database_every_place_is_unknown),
        cmocka_unit_test(an_open_database_does_not_notice_what_happens_to_its_file),
        cmocka_unit_test(what_is_no_city_database_is_refused),
        cmocka_unit_test(other_kinds_tell_what_they_have),
        cmocka_unit_test(a_tree_that_leads_back_to_itself_is_refused),
        cmocka_unit_test(a_file_cut_short_is_refused),
        cmocka_unit_test(no_flipped_bit_can_harm),
        cmocka_unit_test(a_look_up_says_what_the_tree_says),
        cmocka_unit_test(many_look_ups_find_what_single_ones_do),
        cmocka_unit_test(distances_are_right_across_the_date_line_and_the_poles),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
