/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* What every fuzzer defines: takes any input, returns 0, aborts where a property does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#endif
