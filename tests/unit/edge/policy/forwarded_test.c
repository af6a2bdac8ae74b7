/* SPDX-License-Identifier: MIT
 *
 * What origins are told of clients: RFC 7239, and whose word counts. */
#include "edge/policy/forwarded.h"

#include "tests/unit/edge/policy/policy_help.h"

static void networks_are_read_strictly(void **state)
{
    static const char *const good[] = {"192.0.2.1", "10.0.0.0/8", "0.0.0.0/0",   "2001:db8::/32",
                                       "::1",       "::/0",       "192.0.2.1/32"};
    static const char *const bad[] = {
        "",         "10.0.0.1/8",     "10.0.0.0/33",    "10.0.0.0/",   "x",
        "10.0.0/8", "2001:db8::/129", "2001:db8::1/32", "10.0.0.0/-1", "[::1]"};
    struct network n;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!network_parse(span_of(good[i]), &n))
            fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (network_parse(span_of(bad[i]), &n))
            fail_msg("%s", bad[i]);
    }
}

static void a_network_has_its_addresses(void **state)
{
    static const struct {
        const char *network, *ip;
        bool is_in;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::/32", "2001:db8::7", true},
        {"2001:db8::/32", "2001:db9::7", false},
        {"0.0.0.0/0", "192.0.2.1", true},
        {"0.0.0.0/0", "2001:db8::7", false},
        {"::/0", "192.0.2.1", true},
        {"10.0.0.0/8", "nonsense", false},
        {"192.0.2.0/25", "192.0.2.127", true},
        {"192.0.2.0/25", "192.0.2.128", false},
    };
    struct network n;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(network_parse(span_of(rows[i].network), &n));
        if (network_has(&n, span_of(rows[i].ip)) != rows[i].is_in)
            fail_msg("%s %s", rows[i].network, rows[i].ip);
    }
}

struct row {
    enum forwarded_rule rule;
    bool trusts, is_passed;
    const char *client_ip, *came;
    const char *x, *proto, *standard; /* NULL: absent */
};

#define LIED "X-Forwarded-For: 6.6.6.6\nForwarded: for=6.6.6.6\nX-Forwarded-Proto: https\n"
static const struct row rows[] = {
    {FORWARDED_NONE, true, true, "192.0.2.1", LIED, NULL, NULL, NULL},
    {FORWARDED_X, false, false, "192.0.2.1", LIED, "192.0.2.1", NULL, NULL},
    {FORWARDED_X, false, true, "192.0.2.1", LIED, "192.0.2.1", "http", NULL},
    {FORWARDED_X, true, true, "192.0.2.1", LIED, "6.6.6.6, 192.0.2.1", "https", NULL},
    {FORWARDED_X, true, true, "192.0.2.1", "", "192.0.2.1", "http", NULL},
    {FORWARDED_STANDARD, false, false, "192.0.2.1", LIED, NULL, NULL, "for=192.0.2.1"},
    {FORWARDED_STANDARD, false, true, "2001:db8::1", LIED, NULL, NULL,
     "for=\"[2001:db8::1]\";proto=http"},
    {FORWARDED_STANDARD, true, false, "2001:db8::1", LIED, NULL, NULL,
     "for=6.6.6.6, for=\"[2001:db8::1]\""},
    {FORWARDED_BOTH, true, false, "192.0.2.1", "X-Forwarded-For: a\nX-Forwarded-For: b\n",
     "a, b, 192.0.2.1", NULL, "for=192.0.2.1"},
};

static void expect(size_t row, const struct fields *fs, enum field_id id, const char *value)
{
    struct span got = fields_value(fs, id);
    if (fields_count(fs, id) != (value != NULL) || (value != NULL && !span_eq(got, span_of(value))))
        fail_msg("row %zu: %.*s", row, SPAN_FMT(got));
}

static void only_trusted_proxies_are_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct network n;
        struct site site = {.forwarded = (int)row->rule, .trusted = &n};
        struct request_head request = {.scheme = SCHEME_HTTP};
        struct fields to;
        struct arena mem;
        arena_init(&mem, 16384);
        assert_true(network_parse(span_of(row->client_ip), &n));
        site.trusted_proxies.count = row->trusts;
        fields_of(&request.fields, row->came, &mem);
        fields_init(&to, &mem);
        struct forwarded_ask ask = {&site, &request, span_of(row->client_ip), row->is_passed};
        forwarded_add(&to, &ask, &mem);
        expect(i, &to, FIELD_X_FORWARDED_FOR, row->x);
        expect(i, &to, FIELD_X_FORWARDED_PROTO, row->proto);
        expect(i, &to, FIELD_FORWARDED, row->standard);
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_read_strictly),
        cmocka_unit_test(a_network_has_its_addresses),
        cmocka_unit_test(only_trusted_proxies_are_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
