/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler that is not there: what baseline/ answers, for programs that only interpret. */
#include "wasm/baseline/compile.h"
#include "wasm/runtime/store.h"

#include <errno.h>

int wasm_code_prepare(struct err *err)
{
    return 0;
}

int wasm_compile(const struct wasm_module *m, const struct wasm_compile_options *o, struct wasm_code **out,
                 struct err *err)
{
    return err_set(err, -ENOTSUP, "this program has no compiler");
}

void wasm_code_free(struct wasm_code *c)
{
}

const void *wasm_code_entry(const struct wasm_code *c, uint32_t function)
{
    return NULL;
}

enum wasm_trap wasm_code_enter(struct wasm_store *s, struct wasm_func *f, union wasm_value *values, void *guest_sp)
{
    return wasm_fail(s, "this program runs no compiled code");
}

const void *wasm_code_host_entry(const struct wasm_functype *type)
{
    return NULL;
}

bool wasm_code_find(const struct wasm_code *c, const void *pc, uint32_t *function, uint32_t *offset)
{
    return false;
}

void wasm_code_bytes(const struct wasm_code *c, const void **start, size_t *size)
{
    *start = NULL;
    *size = 0;
}

void wasm_code_interrupt(struct wasm_store *s)
{
}

uint64_t wasm_code_return_address(uint64_t frame, uint64_t end, const struct wasm_functype *type)
{
    return 0;
}
