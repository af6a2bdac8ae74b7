/* SPDX-License-Identifier: MIT
 * Any bytes as a DNS message: both ways to read it say the same; no answer by UDP is longer than
 * twice its question, each is a message that libknot can read, and has the question as it came. */
#include "control/dns/dns_knot.h"
#include "control/dns/dns_reply.h"
#include "tests/fuzz/fuzz.h"

static void compare(struct span wire, struct arena *mem)
{
    static struct dns_query quick, slow;
    const uint8_t *p = (const uint8_t *)wire.p;
    int rcode;
    bool is_one = wire.n >= DNS_HEADER_BYTES && (p[2] & 0xf8) == 0 && p[4] == 0 && p[5] == 1;
    if (!is_one || !dns_query_read_plain(&quick, wire, &rcode))
        return;
    CHECK(rcode == dns_query_read_any(&slow, wire, mem) && quick.name_bytes == slow.name_bytes);
    CHECK(memcmp(quick.name, slow.name, quick.name_bytes) == 0);
    CHECK(quick.type == slow.type && quick.class == slow.class);
    CHECK(quick.has_edns == slow.has_edns && quick.has_subnet == slow.has_subnet);
    CHECK(quick.has_cookie == slow.has_cookie);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct arena mem;
    static struct dns_query q;
    static uint8_t out[DNS_UDP_BYTES + 512];
    struct dns_zone zone = {.server_count = 1};
    struct dns_body body;
    arena_init(&mem, 1 << 20);
    compare(span_make(p, n), &mem);
    int rcode = dns_query_read(&q, span_make(p, n), &mem);
    if (rcode >= 0) {
        CHECK(dns_name_parse(&zone.name, SPAN("cdn.example")) == 0);
        zone.contact = zone.servers[0].name = zone.name;
        if (rcode == DNS_NOERROR && q.name_bytes > 0)
            dns_body_negative(&body, &q, &zone, DNS_NXDOMAIN, &mem);
        else
            dns_body_empty(&body, (enum dns_rcode)rcode);
        struct dns_reply r = {
            .body = &body, .scope_bits = 24, .room = DNS_UDP_BYTES, .is_udp = true};
        size_t written = dns_reply_write(&q, &r, out);
        CHECK(written <= 2 * n && written <= DNS_UDP_BYTES);
        CHECK(q.name_bytes == 0 || memcmp(out + 12, p + 12, q.name_bytes + 4) == 0);
        knot_mm_t mm = dns_knot_memory(&mem);
        knot_pkt_t *packet = knot_pkt_new(out, (uint16_t)written, &mm);
        CHECK(packet != NULL && (q.name_bytes == 0 || knot_pkt_parse(packet, 0) == KNOT_EOK));
    }
    arena_finish(&mem);
    return 0;
}
