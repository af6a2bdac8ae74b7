/* SPDX-License-Identifier: MIT
 * Any bytes as a DNS message: no answer by UDP is longer than twice its question, each is a message
 * that libknot can read, and has the question as it came. */
#include "control/dns/dns_knot.h"
#include "control/dns/dns_reply.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct arena mem;
    static struct dns_query q;
    static uint8_t out[DNS_UDP_BYTES + 512];
    struct dns_zone zone = {.server_count = 1};
    struct dns_body body;
    arena_init(&mem, 1 << 20);
    int rcode = dns_query_read(&q, span_make(p, n), &mem);
    if (rcode >= 0) {
        CHECK(dns_name_parse(&zone.name, SPAN("cdn.example")) == 0);
        zone.contact = zone.servers[0].name = zone.name;
        if (rcode == DNS_NOERROR)
            dns_body_negative(&body, &q, &zone, DNS_NXDOMAIN, &mem);
        else
            dns_body_empty(&body, (enum dns_rcode)rcode);
        struct dns_reply r = {&body, 24, DNS_UDP_BYTES, true};
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
