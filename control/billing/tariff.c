/* SPDX-License-Identifier: MIT
 * A carrier's month. */
#include "control/billing/tariff.h"

#include "lib/base/option.h"

#include <math.h>
#include <stdlib.h>

#define NUMBER_BYTES 32

static double price_of_bytes(const struct tariff *t, double bytes)
{
    double sum = 0, from = 0;
    for (size_t i = 0; i < t->tier_count && bytes > from; i++) {
        double to = fmin(bytes, t->tiers[i].up_to_bytes);
        sum += (to - from) / TARIFF_GB * t->tiers[i].per_gb;
        from = to;
    }
    return sum;
}

struct tariff_cost tariff_cost_of(const struct tariff *t, uint64_t out_bytes,
                                  uint64_t p95_bytes_per_s)
{
    double mbps = (double)p95_bytes_per_s / TARIFF_MBPS;
    double over = fmax(0, mbps - t->commit_mbps);
    double bandwidth = t->commit_mbps * t->per_mbps + over * t->over_per_mbps;
    return (struct tariff_cost){.bytes = t->rate * price_of_bytes(t, (double)out_bytes),
                                .bandwidth = t->rate * bandwidth,
                                .flat = t->rate * t->flat};
}

static bool read_price(struct span text, double *out)
{
    char copy[NUMBER_BYTES], *end;
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && *out >= 0 && isfinite(*out);
}

bool tariff_read_tier(struct span text, double before, struct tariff_tier *out)
{
    int64_t up_to;
    struct span price, amount = span_cut(text, ' ', &price);
    *out = (struct tariff_tier){.up_to_bytes = HUGE_VAL};
    if (price.p == NULL)
        return read_price(amount, &out->per_gb);
    if (option_parse_bytes(amount, &up_to) != 0 || (double)up_to <= before)
        return false;
    out->up_to_bytes = (double)up_to;
    return read_price(span_trim(price), &out->per_gb);
}

size_t tariff_find(const struct tariff *v, size_t count, struct span node)
{
    size_t rest = count;
    for (size_t i = 0; i < count; i++) {
        if (v[i].node_count == 0)
            rest = i;
        for (size_t k = 0; k < v[i].node_count; k++)
            if (span_eq(v[i].nodes[k], node))
                return i;
    }
    return rest;
}
