/* SPDX-License-Identifier: MIT
 *
 * What one body that holds the whole is to be streamed into. */
#include "edge/upstream/block_runs.h"

#include "lib/base/mem.h"
#include "lib/http/message.h"

static void append(struct block_runs *r, struct block_run one)
{
    r->v = mem_grow(r->v, r->count + 1, sizeof(*r->v));
    r->v[r->count++] = one;
}

void block_runs_claim(struct block_runs *r, struct generation *g)
{
    int64_t size = generation_length(g), block_bytes = generation_block_bytes(g);
    int64_t end = (size + block_bytes - 1) / block_bytes, at = 0, first, count;
    CHECK(size != LENGTH_UNKNOWN && r->count == 0);
    while (at < end && (count = generation_claim(g, at, end - at, &first)) > 0) {
        at = first + count;
        append(r, (struct block_run){first, at});
    }
}

void block_runs_insert(struct block_runs *r, struct block_run one)
{
    uint32_t i = r->count;
    append(r, one);
    for (; i > r->at && r->v[i - 1].first > one.first; i--)
        r->v[i] = r->v[i - 1];
    r->v[i] = one;
}

bool block_runs_take(struct block_runs *r, struct block_run *out)
{
    if (r->at == r->count)
        return false;
    *out = r->v[r->at++];
    return true;
}

void block_runs_release(struct block_runs *r, struct generation *g, int64_t before)
{
    while (r->at < r->count && r->v[r->at].first < before) {
        const struct block_run *one = &r->v[r->at++];
        generation_release(g, one->first, one->end - one->first);
    }
}

void block_runs_finish(struct block_runs *r)
{
    CHECK(r->at == r->count);
    mem_free(r->v);
}
