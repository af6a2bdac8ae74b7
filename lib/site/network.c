/* SPDX-License-Identifier: MIT
 * Networks by their bytes: IPv4 in its IPv6 form, so that there is one comparison. */
#include "lib/site/network.h"

#include <arpa/inet.h>

#define IP_ROOM   64
#define V4_OFFSET 12 /* of an IPv4 address in its IPv6 form */

/* How many bits it has, as it is written; -1: no address. */
static int read_ip(struct span ip, uint8_t out[16])
{
    static const uint8_t mapped[V4_OFFSET] = {[10] = 0xff, [11] = 0xff};
    char text[IP_ROOM];
    if (ip.n >= sizeof(text))
        return -1;
    memcpy(text, ip.p, ip.n);
    text[ip.n] = '\0';
    if (inet_pton(AF_INET6, text, out) == 1)
        return 128;
    memcpy(out, mapped, V4_OFFSET);
    return inet_pton(AF_INET, text, out + V4_OFFSET) == 1 ? 32 : -1;
}

static bool bit_of(const uint8_t bytes[16], unsigned i)
{
    return (bytes[i / 8] >> (7 - i % 8) & 1) != 0;
}

bool network_parse(struct span text, struct network *out)
{
    struct span bits_text, ip = span_cut(text, '/', &bits_text);
    int width = read_ip(ip, out->bytes);
    uint64_t bits = (uint64_t)width;
    if (width < 0 || (bits_text.p != NULL && !span_u64(bits_text, &bits)) || bits > (uint64_t)width)
        return false;
    out->bits = (uint8_t)(128 - width + (int)bits);
    for (unsigned i = out->bits; i < 128; i++) {
        if (bit_of(out->bytes, i))
            return false;
    }
    return true;
}

bool network_has(const struct network *n, struct span ip)
{
    uint8_t bytes[16];
    if (read_ip(ip, bytes) < 0)
        return false;
    for (unsigned i = 0; i < n->bits; i++) {
        if (bit_of(bytes, i) != bit_of(n->bytes, i))
            return false;
    }
    return true;
}
