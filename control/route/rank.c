/* SPDX-License-Identifier: MIT
 * A short list kept in order while a long one goes by. Most edges are not even scored: what they
 * would have to beat is known. Pure. */
#include "control/route/rank.h"

#include "lib/base/hrw.h"

#include <string.h>

void rank_init(struct rank *r, uint64_t key_hash, size_t room)
{
    CHECK(room >= 1 && room <= RANK_MAX);
    r->key_hash = key_hash;
    r->room = room;
    r->count = r->members = 0;
    r->cheapest = UINT8_MAX;
}

static void count_member(struct rank *r, uint8_t price_class)
{
    if (price_class < r->cheapest) {
        r->cheapest = price_class;
        r->members = 0;
    }
    r->members += price_class == r->cheapest;
}

static bool is_before(const struct ranked *a, const struct ranked *b)
{
    if (a->edge->price_class != b->edge->price_class)
        return a->edge->price_class < b->edge->price_class;
    return a->score > b->score;
}

void rank_add(struct rank *r, const struct picture_edge *e)
{
    double least = 0;
    count_member(r, e->price_class);
    if (r->count == r->room) {
        const struct ranked *last = &r->v[r->count - 1];
        if (e->price_class > last->edge->price_class)
            return;
        if (e->price_class == last->edge->price_class)
            least = last->score;
    }
    struct ranked new = {e, hrw_score_above(r->key_hash, e->hash, e->weight, least)};
    if (!(new.score > 0))
        return;
    size_t at = r->count < r->room ? r->count++ : r->count - 1;
    for (; at > 0 && is_before(&new, &r->v[at - 1]); at--)
        r->v[at] = r->v[at - 1];
    r->v[at] = new;
}

void rank_prefer(struct rank *r, size_t among, uint64_t user_hash)
{
    size_t best = 0;
    double most = 0;
    for (size_t i = 0; i < among && i < r->count; i++) {
        const struct picture_edge *e = r->v[i].edge;
        double score = hrw_score_above(user_hash, e->hash, e->weight, most);
        if (score > 0) {
            most = score;
            best = i;
        }
    }
    rank_put_first(r, r->v[best]);
}

void rank_put_first(struct rank *r, struct ranked first)
{
    size_t at = 0;
    while (at < r->count && r->v[at].edge != first.edge)
        at++;
    if (at == r->count)
        at = r->count < r->room ? r->count++ : r->count - 1;
    memmove(&r->v[1], &r->v[0], at * sizeof r->v[0]);
    r->v[0] = first;
}
