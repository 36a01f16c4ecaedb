/* SPDX-License-Identifier: Apache-2.0 */
/* One function: its frame and the choice of registers. */
#ifndef MOAT_WASM_BASELINE_FUNCTION_H
#define MOAT_WASM_BASELINE_FUNCTION_H

#include "wasm/baseline/internal.h"

/* Parameters that may arrive in registers are among the first so many. */
#define WASM_ARRIVALS 32

/* Pins locals: fills pinned, volatile_pins, saved, local_reg and what belongs to them. True: all that are used. */
bool pins_choose(struct compiler *c, const struct wasm_body *body);

#endif
