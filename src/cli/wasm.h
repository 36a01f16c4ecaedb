/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebAssembly module as the workload (`-b wasm`): what it begins with, what it is shown, and the command line of
 * libexec/moat-wasm, which stands in the policy's argv and is all that a later start needs. Its row (kind.h) is in
 * wasm.c.
 */
#ifndef MOAT_CLI_WASM_H
#define MOAT_CLI_WASM_H

#include "policy/flags.h"

enum wasm_option { WASM_INVOKE, WASM_FUEL, WASM_CLOCK, WASM_SEED, WASM_PUBLISH, WASM_ENGINE, WASM_OPTIONS };

#define WASM_ROWS                                                                                                      \
    OPTION_HEADING("WebAssembly (-b wasm)"),                                                                           \
        {"invoke", 0, "NAME", "Call this function with the arguments, by its type, and print its results",             \
         KIND_OPTION(KIND_WASM, WASM_INVOKE)},                                                                         \
        {"fuel", 0, "N", "End it after N instructions, the same in each run; the exit status is 124",                  \
         KIND_OPTION(KIND_WASM, WASM_FUEL)},                                                                           \
        {"clock", 0, "WHICH", "real (the default), fixed, or fixed=TIME: a time that moves only when it is read",      \
         KIND_OPTION(KIND_WASM, WASM_CLOCK)},                                                                          \
        {"seed", 0, "N", "Random numbers that are the same in each run", KIND_OPTION(KIND_WASM, WASM_SEED)},           \
        {"publish", 'p', "[ADDRESS:]PORT[:PORT]", "Let it accept connections to a port of this host",                  \
         KIND_OPTION(KIND_WASM, WASM_PUBLISH)},                                                                        \
        {"engine", 0, "WHICH", NULL, KIND_OPTION(KIND_WASM, WASM_ENGINE)},

/* All borrowed; NULL: not given. */
struct wasm_options {
    bool given;         /* any of them but --publish, which other workloads are refused by name */
    struct strv listen; /* "ADDRESS:PORT" of each --publish */
    const char *module; /* the operand */
    const char *invoke, *seed, *engine;
    const char *fuel;      /* checked: a number */
    const char *clock;     /* checked: nanoseconds since 1970; "" for the clock's own */
    const char *file_size; /* behind the layers: the limit of --ulimit fsize */
    bool runs, kept; /* said by the caller before wasm_find(): it is run, not only explained; it may be started again */
    const char *tell; /* which denials it says on standard error: "all", "none"; NULL: some */
};

/* wasm_text.c. Whether it is a module in the text format by its name; the bytes that it stands for, made by wat2wasm
 * behind -b broker, in a file of memory: its descriptor, or -errno. -ENOENT: there is no wat2wasm. name: the file's, as
 * the user gave it; what wat2wasm says of it goes to standard error. */
bool wasm_is_text(const char *word);
int wasm_assemble(const char *file, const char *name, struct err *err);

/* Writes argv. -ENOENT and -EACCES with "exec: ..." as moat-enter would say. */
int wasm_find(struct policy_build *b, const struct wasm_options *o, char *const *arguments, int n, struct err *err);

#endif
