/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of moat-wasm, which `moat run -b wasm` writes (the README has it). Life: wasmrun_config_read() fills
 * a struct that borrows argv and lives as long as the process. Pure: nothing is opened, nothing printed.
 */
#ifndef MOAT_WASMRUN_CONFIG_H
#define MOAT_WASMRUN_CONFIG_H

#include "base/err.h"
#include "base/mem.h"
#include "engine/denials.h"

#include <stdbool.h>
#include <stdint.h>

struct wasmrun_config {
    const char *module; /* path; read from it when no descriptor was handed over */
    const char *name;   /* what the program is called: its first argument */
    char **arguments;   /* the first is `name`; NULL-terminated */
    uint32_t n_arguments;
    const char *invoke; /* an export to call with the arguments; NULL: the program's start */
    bool interpreter;   /* nothing is compiled */
    bool inspect;       /* says what the module is, and runs nothing */
    bool compile;       /* writes compiled code to the standard output, and runs nothing */
    bool image;         /* what is handed over may be such code, with the module in it */
    bool keep_home;     /* HOME is the program's; else the launcher's addition, and not shown */
    int64_t fuel;       /* -1: not counted */
    uint32_t pages;     /* of 64 KiB, in all memories; 0: no limit but the module's */
    int64_t timeout_ms; /* 0: none */
    int64_t file_size;  /* bytes of a file that is written to, at most; -1: no limit */
    bool clock_fixed;
    int64_t clock; /* ns since 1970, with clock_fixed */
    bool seeded;
    uint64_t seed;
    enum engine_tell tell;
    struct engine_rules rules;
    struct wasmrun_preopen {
        const char *path; /* inside; what the program is told as its name */
        const char *name;
        bool writable, names_only;
    } * preopens;
    uint32_t n_preopens;
    uint32_t n_listeners; /* handed over beside the module */
    const char *here; /* where the caller stands: names without a slash begin there, as he means them; NULL: not told */
};

/* -EINVAL says which argument is wrong. Lists lie in the arena. */
int wasmrun_config_read(struct wasmrun_config *out, struct arena *a, int argc, char **argv, struct err *err);

#endif
