/* SPDX-License-Identifier: MIT
 * Arithmetic of usage. Pure. */
#include "lib/proto/usage.h"

const char *ledger_source_name(enum ledger_source source)
{
    static const char *const names[] = {
#define X(id, name) [LEDGER_##id] = name,
        LEDGER_SOURCES(X)
#undef X
    };
    return names[source];
}

uint64_t usage_out_bytes(const struct usage *u)
{
    uint64_t sum = 0;
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        sum += u->out_bytes[i];
    return sum;
}

bool usage_is_zero(const struct usage *u)
{
    uint64_t sum = usage_out_bytes(u);
#define X(name, meaning) sum |= u->name;
    USAGE_COUNTERS(X)
#undef X
    return sum == 0;
}

void usage_add(struct usage *to, const struct usage *more)
{
#define X(name, meaning) to->name += more->name;
    USAGE_COUNTERS(X)
#undef X
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        to->out_bytes[i] += more->out_bytes[i];
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

struct usage usage_since(const struct usage *now, const struct usage *before)
{
    struct usage d;
#define X(name, meaning) d.name = grown(now->name, before->name);
    USAGE_COUNTERS(X)
#undef X
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        d.out_bytes[i] = grown(now->out_bytes[i], before->out_bytes[i]);
    return d;
}
