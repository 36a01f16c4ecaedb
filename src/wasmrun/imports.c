/* SPDX-License-Identifier: Apache-2.0 */
/* See imports.h. Names are the module's: they are printed, and compared with what is known. */
#include "wasmrun/imports.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *start; /* of the name of the module that is imported from */
    const char *words;
} origins[] = {
    {"wasi_snapshot_preview1", ""},
    {"wasi_unstable", "it was built for an older WASI: build it anew with a C library of preview 1"},
    {"wasi:", "it is made for components (WASI 0.2): build it for wasm32-wasi, WASI preview 1"},
    {"wbg", "it is made for a browser by wasm-bindgen: build it for wasm32-wasi"},
    {"__wbindgen", "it is made for a browser by wasm-bindgen: build it for wasm32-wasi"},
    {"gojs", "it is made for a browser by Go: build it with GOOS=wasip1"},
    {"go", "it is made for a browser by Go: build it with GOOS=wasip1"},
    {"a", "it is made for JavaScript by Emscripten: build it with -sSTANDALONE_WASM"},
    {"env", "it expects a host program of its own: what `env` gives is linked into a program for WASI (Emscripten: "
            "-sSTANDALONE_WASM)"},
};

const char *imports_origin(const struct wasm_name *module)
{
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        size_t n = strlen(origins[i].start);
        const bool family = strchr(origins[i].start, ':') || !strncmp(origins[i].start, "__", 2);
        if (module->len >= n && (family || module->len == n) && !memcmp(module->text, origins[i].start, n))
            return origins[i].words;
    }
    return "moat gives WASI preview 1 alone";
}

int imports_resolve(struct wasi *w, const struct wasm_module *m, struct arena *a, struct wasm_extern **out,
                    struct err *err)
{
    uint32_t missing = 0;
    struct err first = {0};
    const char *origin = "";

    *out = arena_array(a, m->n_imports + 1, sizeof **out);
    if (!*out)
        return err_set(err, -ENOMEM, "no memory for %u imports", m->n_imports);
    for (uint32_t i = 0; i < m->n_imports; i++) {
        int r = wasi_resolve(w, m, &m->imports[i], &(*out)[i], missing ? &(struct err){0} : &first);
        if (r < 0 && missing++ == 0)
            origin = imports_origin(&m->imports[i].module);
    }
    if (!missing)
        return 0;
    const char *more = missing > 1 ? arena_printf(a, ", and %u more", missing - 1) : "";
    return err_set(err, first.code, "%s%s%s%s", first.text, more ? more : "", *origin ? ": " : "", origin);
}
