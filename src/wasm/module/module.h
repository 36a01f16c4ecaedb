/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebAssembly module, decoded (specification chapters 2 and 5). Life: the caller keeps the bytes (a mapped file that
 * nobody can change, or a copy) -> wasm_module_decode() checks all but function bodies and fills the struct, whose
 * pointers lead into the arena and into the bytes -> wasm_validate_function() (validate.h) for each body, all at once
 * or just before it is compiled -> nothing to free but the arena.
 *
 * The bytes are hostile. After decoding, every index, type and offset in this struct is in range and every range of
 * bytes lies within the module.
 */
#ifndef MOAT_WASM_MODULE_MODULE_H
#define MOAT_WASM_MODULE_MODULE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Value types as they are encoded (5.3.1 to 5.3.3). */
enum wasm_type {
    WASM_I32 = 0x7f,
    WASM_I64 = 0x7e,
    WASM_F32 = 0x7d,
    WASM_F64 = 0x7c,
    WASM_V128 = 0x7b,
    WASM_FUNCREF = 0x70,
    WASM_EXTERNREF = 0x6f,
};

static inline bool wasm_type_is_ref(uint8_t t)
{
    return t == WASM_FUNCREF || t == WASM_EXTERNREF;
}

#define WASM_PAGE      65536u
#define WASM_PAGES_MAX 65536u

/* Limits of ours: what is beyond is refused by name (the same as browsers' where they have one). */
#define WASM_MODULE_SIZE_MAX   (1u << 30)
#define WASM_TYPES_MAX         1000000u
#define WASM_FUNCTIONS_MAX     1000000u
#define WASM_IMPORTS_MAX       1000000u
#define WASM_EXPORTS_MAX       1000000u
#define WASM_GLOBALS_MAX       1000000u
#define WASM_SEGMENTS_MAX      1000000u
#define WASM_TABLES_MAX        100000u
#define WASM_TABLE_SIZE_MAX    10000000u /* elements */
#define WASM_PARAMS_MAX        1000u
#define WASM_RESULTS_MAX       1000u
#define WASM_LOCALS_MAX        50000u
#define WASM_LOCALS_ALL_MAX    100000000u /* of all functions together, parameters included */
#define WASM_BODY_SIZE_MAX     7654321u
#define WASM_CONTROL_DEPTH_MAX 100000u  /* nested blocks of one function */
#define WASM_OPERANDS_MAX      1000000u /* on the stack of one function at once */
#define WASM_CONST_DEPTH_MAX   64u      /* operands at once in a constant expression */

/* Which proposals beyond 2.0 are on. */
struct wasm_features {
    bool tail_call, extended_const;
};

struct wasm_functype {
    uint32_t n_params, n_results;
    const uint8_t *types; /* params, then results: enum wasm_type */
};

struct wasm_limits {
    uint32_t min, max; /* pages or elements; max UINT32_MAX when absent */
    bool has_max;
};

struct wasm_name { /* UTF-8, checked; not terminated */
    const char *text;
    uint32_t len;
};

enum wasm_kind { WASM_KIND_FUNC, WASM_KIND_TABLE, WASM_KIND_MEMORY, WASM_KIND_GLOBAL };

struct wasm_tabletype {
    uint8_t type;
    struct wasm_limits limits;
};

struct wasm_globaltype {
    uint8_t type;
    bool mutable;
};

struct wasm_import {
    struct wasm_name module, name;
    uint8_t kind;   /* enum wasm_kind */
    uint32_t index; /* in the index space of its kind */
};

struct wasm_export {
    struct wasm_name name;
    uint8_t kind;
    uint32_t index;
};

/* A constant expression, checked: bytes of the module, from the first opcode to behind `end`. */
struct wasm_expr {
    uint32_t offset, size;
};

struct wasm_function {
    uint32_t type;         /* index into types */
    uint32_t offset, size; /* body: the vector of locals and the expression; 0, 0 for an import */
};

struct wasm_global {
    struct wasm_globaltype type;
    struct wasm_expr init; /* of the module's own */
};

enum wasm_segment_mode { WASM_SEGMENT_ACTIVE, WASM_SEGMENT_PASSIVE, WASM_SEGMENT_DECLARED };

struct wasm_elem {
    uint8_t mode, type;
    uint32_t table;
    struct wasm_expr offset;
    uint32_t n;
    /* One of both: function indices, or a constant expression each. */
    const uint32_t *functions;
    const struct wasm_expr *exprs;
};

struct wasm_data {
    uint8_t mode;
    uint32_t memory;
    struct wasm_expr offset;
    const uint8_t *bytes;
    uint32_t size;
};

struct wasm_module {
    const uint8_t *bytes;
    size_t size;
    struct arena *arena;
    struct wasm_features features; /* that it was decoded with */

    struct wasm_functype *types;
    uint32_t n_types;
    struct wasm_import *imports;
    uint32_t n_imports;

    /* Index spaces: imports first, then the module's own. */
    struct wasm_function *functions;
    uint32_t n_functions, n_imported_functions;
    struct wasm_tabletype *tables;
    uint32_t n_tables, n_imported_tables;
    struct wasm_limits *memories; /* at most one */
    uint32_t n_memories, n_imported_memories;
    struct wasm_global *globals;
    uint32_t n_globals, n_imported_globals;

    struct wasm_export *exports;
    uint32_t n_exports;
    struct wasm_export **exports_sorted; /* by name, for wasm_export_find() */
    uint32_t start;                      /* function; UINT32_MAX: none */
    struct wasm_elem *elems;
    uint32_t n_elems;
    struct wasm_data *datas;
    uint32_t n_datas;
    bool has_data_count;

    /* Functions that can be referred to (ref.func, element segments, exports): an instance has a record for each.
     * ref_slot[f] is its number, UINT32_MAX when nothing refers to f. ref.func in a body is valid only when
     * declared[f] (an export, a global's or an element's initialiser names it: 3.4.10). */
    uint32_t *ref_slot;
    uint32_t n_ref_slots;
    uint8_t *declared;

    /* The custom section "name" (appendix), where there is a well-formed one: sorted by index. */
    struct wasm_function_name {
        uint32_t index;
        struct wasm_name name;
    } * names;
    uint32_t n_names;
};

/* Address space for an arena that holds whatever a module of that size can decode to (pages are taken when touched). */
size_t wasm_module_arena_size(size_t module_size);

/* Decodes and checks all but function bodies. On failure err names the offset in the module ("at offset 0x1c: ...");
 * -EINVAL malformed or invalid, -ENOTSUP a limit of ours or a feature that is off, -ENOMEM. */
int wasm_module_decode(const uint8_t *bytes, size_t size, const struct wasm_features *features, struct arena *arena,
                       struct wasm_module **out, struct err *err);

static inline const struct wasm_functype *wasm_function_type(const struct wasm_module *m, uint32_t function)
{
    return &m->types[m->functions[function].type];
}

bool wasm_functype_equal(const struct wasm_functype *a, const struct wasm_functype *b);
/* NULL when the module does not say. */
const struct wasm_name *wasm_function_name(const struct wasm_module *m, uint32_t function);
const struct wasm_export *wasm_export_find(const struct wasm_module *m, const char *name, size_t len);
/* "i32", "funcref" */
const char *wasm_type_name(uint8_t type);

#endif
