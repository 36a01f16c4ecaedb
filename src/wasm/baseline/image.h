/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled code in a file: the module itself, its machine code at a page's beginning, and the arrays about it. Life:
 * wasm_code_save() by a process that has compiled it -> the file is mapped whole, to be read and run -> the module in
 * it is decoded from there -> wasm_code_load() -> as after wasm_compile(). The mapping must outlive the code.
 *
 * Whoever can write the file runs code in whoever loads it: what is checked here are accidents (another version,
 * another CPU, a damaged disk), and that no offset leads out of the file.
 */
#ifndef MOAT_WASM_BASELINE_IMAGE_H
#define MOAT_WASM_BASELINE_IMAGE_H

#include "wasm/baseline/compile.h"

#include <stdbool.h>

/* Whether it begins as such a file does; else it may be a module. */
bool wasm_image_is(const uint8_t *bytes, size_t size);

/* The module's bytes in it, and where the code begins, behind all else and at a page's beginning: what lies before it
 * need not be executable. false: it is cut, damaged (its sum is wrong), or no image, and not to be used at all. */
bool wasm_image_module(const uint8_t *bytes, size_t size, const uint8_t **module, size_t *module_size, size_t *code_at);

/* Of bytes for which wasm_image_module() holds. Its code is of no use under these options, on this CPU or for this
 * build (-ESTALE), or damaged (-EPROTO): compile the module then. -ENOMEM. perf_map and arena of the options mean
 * nothing here. */
int wasm_code_load(const uint8_t *bytes, size_t size, const struct wasm_module *m, const struct wasm_compile_options *o,
                   struct wasm_code **out, struct err *err);

/* Writes all to `fd`, from its beginning. o: those that it was compiled with. 0 or -errno. */
int wasm_code_save(const struct wasm_code *c, const struct wasm_compile_options *o, int fd, struct err *err);

#endif
