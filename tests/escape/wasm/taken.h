/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts of taken_rows.c: rows of guest/probe's kind, made of the calls that the engine's filter lets through. */
#ifndef MOAT_TESTS_ESCAPE_WASM_TAKEN_H
#define MOAT_TESTS_ESCAPE_WASM_TAKEN_H

#include "probe.h"

extern const struct probe_class left_class;

#endif
