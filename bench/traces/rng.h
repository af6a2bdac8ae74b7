/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TRACES_RNG_H
#define BENCH_TRACES_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Numbers that depend on the seed alone, on every machine. */
struct rng {
    uint64_t state;
};

uint64_t rng_next(struct rng *r);
uint64_t rng_mix(uint64_t x);   /* a fixed scrambling of x: ids, permutations */
double rng_unit(struct rng *r); /* [0, 1) */
double rng_exponential(struct rng *r, double mean);
double rng_normal(struct rng *r);
double rng_lognormal(struct rng *r, double median, double sigma);
double rng_pareto(struct rng *r, double least, double alpha);
uint64_t rng_below(struct rng *r, uint64_t n);

/* A choice among `count` by weight. Owner: who made it. */
struct chooser {
    double *sums; /* running */
    size_t count;
};
void chooser_zipf(struct chooser *c, size_t count, double alpha);
/* chooser_begin, then chooser_add in order. */
void chooser_begin(struct chooser *c, size_t count);
void chooser_add(struct chooser *c, double weight);
size_t chooser_draw(const struct chooser *c, struct rng *r);
void chooser_finish(struct chooser *c);

#endif
