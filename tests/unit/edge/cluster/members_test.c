/* SPDX-License-Identifier: MIT
 *
 * Who owns a key, and what changes when one is dead or a key is hot. */
#include "edge/cluster/hot_keys.h"
#include "edge/cluster/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define KEYS 3000

static const char *const urls[] = {"http://10.0.0.1:80", "http://10.0.0.2:80",
                                   "http://10.0.0.3:80"};

struct place {
    struct peers *peers;
    struct members *nodes[3]; /* as each of the three sees it */
};

static void place_open(struct place *p)
{
    p->peers = peers_create();
    for (int i = 0; i < 3; i++) {
        struct cluster_options o = {.ca = "",
                                    .certificate = "",
                                    .key = "",
                                    .url = urls[i],
                                    .siblings = {urls, 3},
                                    .hot_per_s = 10};
        p->nodes[i] = members_create(p->peers);
        assert_int_equal(members_configure(p->nodes[i], &o, NULL), 0);
    }
}

static void place_close(struct place *p)
{
    for (int i = 0; i < 3; i++)
        members_destroy(&p->nodes[i]);
    peers_destroy(&p->peers);
}

/* The port tells nothing: the third number of the address, or `node` itself. */
static int owner_by(struct place *p, int node, uint64_t key, double rate)
{
    struct peer *o = members_owner(p->nodes[node], key * UINT64_C(0x9e3779b97f4a7c15), rate, 0);
    int owner = o != NULL ? o->target.host[7] - '1' : node;
    peer_unref(&o);
    return owner;
}

static void all_agree_and_each_has_its_share(void **state)
{
    struct place p;
    int share[3] = {0};
    (void)state;
    place_open(&p);
    for (uint64_t key = 1; key <= KEYS; key++) {
        int owner = owner_by(&p, 0, key, 0);
        assert_int_equal(owner_by(&p, 1, key, 0), owner);
        assert_int_equal(owner_by(&p, 2, key, 0), owner);
        share[owner]++;
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(share[i], KEYS / 4, KEYS / 2);
    place_close(&p);
}

static void keys_of_a_dead_one_alone_move(void **state)
{
    struct place p;
    struct url url;
    (void)state;
    place_open(&p);
    int before[KEYS];
    for (uint64_t key = 0; key < KEYS; key++)
        before[key] = owner_by(&p, 0, key, 0);
    assert_int_equal(url_parse(span_of(urls[1]), &url), 0);
    struct peer *dead = peers_get(p.peers, &url, NULL);
    peer_failed(dead);
    for (uint64_t key = 0; key < KEYS; key++) {
        int after = owner_by(&p, 0, key, 0);
        assert_int_not_equal(after, 1);
        if (before[key] != 1)
            assert_int_equal(after, before[key]);
    }
    peer_unref(&dead);
    place_close(&p);
}

static void a_hot_key_has_more_owners_up_to_all(void **state)
{
    struct place p;
    (void)state;
    place_open(&p);
    for (uint64_t key = 0; key < 100; key++) {
        int asks = 0;
        for (int node = 0; node < 3; node++) {
            assert_int_equal(owner_by(&p, node, key, 1000), node);
            asks += owner_by(&p, node, key, 10) != node; /* two owners, one who asks */
        }
        assert_int_equal(asks, 1);
    }
    place_close(&p);
}

static void members_of_the_control_plane_come_beside_those_of_the_file(void **state)
{
    struct place p;
    (void)state;
    place_open(&p);
    struct member_spec heavy = {.url = SPAN("http://10.0.0.4:80"), .weight = 1000};
    members_set(p.nodes[0], &heavy, 1);
    int at_four = 0;
    for (uint64_t key = 0; key < 1000; key++)
        at_four += owner_by(&p, 0, key, 0) == 3;
    assert_in_range(at_four, 950, 1000);
    members_set(p.nodes[0], NULL, 0);
    assert_int_not_equal(owner_by(&p, 0, 7, 0), 3);
    place_close(&p);
}

static void rates_rise_and_are_forgotten(void **state)
{
    static struct hot_keys h;
    (void)state;
    double rate = 0;
    for (msec_t now = 0; now < 10000; now += 20)
        rate = hot_keys_ask(&h, 5, now);
    assert_in_range((int)rate, 40, 60);                     /* fifty a second */
    assert_true(hot_keys_ask(&h, 5 + HOT_KEYS, 10000) < 1); /* the same slot */
    assert_true(hot_keys_ask(&h, 5, 30000) < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_agree_and_each_has_its_share),
        cmocka_unit_test(keys_of_a_dead_one_alone_move),
        cmocka_unit_test(a_hot_key_has_more_owners_up_to_all),
        cmocka_unit_test(members_of_the_control_plane_come_beside_those_of_the_file),
        cmocka_unit_test(rates_rise_and_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
