/* SPDX-License-Identifier: Apache-2.0 */
/* `moat wasm`: inspect (wasm_inspect.c), and compile, which keeps a module's machine code for later starts. */
#include "cli/wasm_cmd.h"
#include "cli/commands.h"
#include "cli/term.h"
#include "cli/wasm_cache.h"
#include "cli/when.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ARENA_SIZE ((size_t)1 << 30) /* of address space */
#define USAGE      "moat wasm inspect [OPTIONS OF run] FILE, or moat wasm compile FILE..."

static int compile_one(struct arena *a, const char *file, struct err *err)
{
    struct wasm_cached made;
    char module[24], image[24];
    int r = wasm_cache_make(a, file, &made, err);

    if (r < 0)
        return r;
    term_cell(file, 0);
    size_words(made.module, 3, module);
    size_words(made.image, 3, image);
    if (made.was_there)
        printf(": compiled already\n");
    else if (made.too_small)
        printf(": %s, compiled at each start sooner than looked up: nothing is kept\n", module);
    else if (made.replaced)
        printf(": %s, compiled: %s (what was kept was damaged)\n", module, image);
    else
        printf(": %s, compiled: %s\n", module, image);
    return 0;
}

static const char compile_help[] =
    "Usage: moat wasm compile FILE...\n\n"
    "Compiles WebAssembly modules of 64 KiB and more, and keeps the machine code in the cache\n"
    "directory of whoever calls it, for later starts. Called again, it replaces what is\n"
    "damaged there. It takes no options; a FILE whose name begins with - is written ./-FILE.\n";

static int compile(struct arena *a, int argc, char **argv, struct err *err)
{
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            fputs(compile_help, stdout);
            return 0;
        }
        if (argv[i][0] == '-')
            return err_set(err, -EINVAL, "%s: compile takes files alone: " USAGE, argv[i]);
        int r = compile_one(a, argv[i], err);
        if (r < 0)
            return r;
    }
    return argc > 2 ? 0 : err_set(err, -EINVAL, "name a module: " USAGE);
}

int cmd_wasm(int argc, char **argv)
{
    static struct arena arena;
    static struct err err;
    int r = arena_init(&arena, ARENA_SIZE);

    if (r < 0)
        err_set(&err, r, "no memory");
    else if (argc > 1 && !strcmp(argv[1], "inspect"))
        r = wasm_inspect(&arena, argc, argv, &err);
    else if (argc > 1 && !strcmp(argv[1], "compile"))
        r = compile(&arena, argc, argv, &err);
    else
        r = err_set(&err, -EINVAL, "say what to do: " USAGE);
    if (r >= 0)
        return r;
    command_fail("wasm", &err);
    return r == -ENOEXEC || r == -EACCES ? EXIT_CANNOT_INVOKE : r == -ENOENT ? EXIT_NOT_FOUND : EXIT_MOAT_ERROR;
}
