/* SPDX-License-Identifier: MIT */

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) and what is drawn from it. */
#include "bench/traces/rng.h"

#include "lib/base/mem.h"

#include <math.h>

uint64_t rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t rng_next(struct rng *r)
{
    r->state += 0x9e3779b97f4a7c15u;
    return rng_mix(r->state);
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

double rng_exponential(struct rng *r, double mean)
{
    return -mean * log(1 - rng_unit(r));
}

double rng_normal(struct rng *r)
{
    double a = sqrt(-2 * log(1 - rng_unit(r)));
    return a * cos(2 * 3.14159265358979323846 * rng_unit(r));
}

double rng_lognormal(struct rng *r, double median, double sigma)
{
    return median * exp(sigma * rng_normal(r));
}

double rng_pareto(struct rng *r, double least, double alpha)
{
    return least * pow(1 - rng_unit(r), -1 / alpha);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    return (uint64_t)(rng_unit(r) * (double)n);
}

void chooser_begin(struct chooser *c, size_t count)
{
    mem_free(c->sums);
    *c = (struct chooser){.sums = mem_zarray(count, sizeof(*c->sums))};
}

void chooser_add(struct chooser *c, double weight)
{
    c->sums[c->count] = weight + (c->count > 0 ? c->sums[c->count - 1] : 0);
    c->count++;
}

void chooser_zipf(struct chooser *c, size_t count, double alpha)
{
    chooser_begin(c, count);
    for (size_t i = 0; i < count; i++)
        chooser_add(c, pow((double)(i + 1), -alpha));
}

size_t chooser_draw(const struct chooser *c, struct rng *r)
{
    double at = rng_unit(r) * c->sums[c->count - 1];
    size_t low = 0, high = c->count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c->sums[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void chooser_finish(struct chooser *c)
{
    mem_free(c->sums);
    *c = (struct chooser){0};
}
