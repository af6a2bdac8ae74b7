/* SPDX-License-Identifier: MIT
 * Cookies by libknot, which has the hash that RFC 9018 wants (SipHash-2-4). */
#include "control/dns/dns_cookies.h"

#include "control/dns/dns_knot.h"
#include "lib/base/digest.h"

#define OLDEST_S   3600 /* RFC 9018 s.4.3 */
#define YOUNGEST_S 300  /* clocks of servers differ */

_Static_assert(sizeof(struct dns_cookies) == KNOT_EDNS_COOKIE_SECRET_SIZE, "the secret fits");

void dns_cookies_init(struct dns_cookies *c)
{
    digest_random(c->secret, sizeof c->secret);
}

/* What a cookie is made from; libknot wants an address in a room of its own. */
struct ingredients {
    struct sockaddr_storage sender;
    knot_edns_cookie_params_t params;
    knot_edns_cookie_t client;
};

static void gather(struct ingredients *to, const struct dns_cookies *c, const struct dns_query *q,
                   const struct addr *sender, uint32_t now_s)
{
    *to = (struct ingredients){.params = {.version = KNOT_EDNS_COOKIE_VERSION,
                                          .timestamp = now_s,
                                          .lifetime_before = OLDEST_S,
                                          .lifetime_after = YOUNGEST_S,
                                          .client_addr = &to->sender}};
    memcpy(&to->sender, &sender->any, addr_bytes(sender));
    memcpy(to->params.secret, c->secret, sizeof c->secret);
    to->client.len = sizeof q->cookie.client;
    memcpy(to->client.data, q->cookie.client, sizeof q->cookie.client);
}

bool dns_cookies_prove(const struct dns_cookies *c, const struct dns_query *q,
                       const struct addr *sender, uint32_t now_s)
{
    struct ingredients in;
    if (!q->has_cookie || q->cookie.server_bytes != DNS_COOKIE_BYTES)
        return false;
    knot_edns_cookie_t server = {.len = DNS_COOKIE_BYTES};
    memcpy(server.data, q->cookie.server, DNS_COOKIE_BYTES);
    gather(&in, c, q, sender, now_s);
    return knot_edns_cookie_server_check(&server, &in.client, &in.params) == KNOT_EOK;
}

void dns_cookies_make(const struct dns_cookies *c, const struct dns_query *q,
                      const struct addr *sender, uint32_t now_s, uint8_t out[DNS_COOKIE_BYTES])
{
    struct ingredients in;
    knot_edns_cookie_t server;
    gather(&in, c, q, sender, now_s);
    int err = knot_edns_cookie_server_generate(&server, &in.client, &in.params);
    CHECK(err == KNOT_EOK && server.len == DNS_COOKIE_BYTES);
    memcpy(out, server.data, DNS_COOKIE_BYTES);
}
