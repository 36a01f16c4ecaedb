/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case for the software processor out of bytes: a mode, registers, tables, code, all of it partly damaged. It is run
 * with a bound, twice: in large slices, and one instruction at a time with hardly any room for decoded code. Both must
 * end in the same state.
 */
#ifndef MOAT_TESTS_FUZZ_CPU_CASE_H
#define MOAT_TESTS_FUZZ_CPU_CASE_H

#include <stddef.h>
#include <stdint.h>

/* Instructions that were run; aborts when something is wrong. */
uint64_t cpu_case_run(const uint8_t *data, size_t n);

#endif
