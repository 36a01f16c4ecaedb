/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebAssembly module as the workload (`-b wasm`): what it begins with, what it is shown, and the command line of
 * libexec/moat-wasm, which stands in the policy's argv and is all that a later start needs. Life: wasm_option() per
 * option -> wasm_defaults() on the policy that policy_default_container() made -> the user's layers -> wasm_layers() ->
 * wasm_operand() -> wasm_find() once the rules stand.
 */
#ifndef MOAT_CLI_WASM_H
#define MOAT_CLI_WASM_H

#include "policy/flags.h"

enum wasm_option { WASM_INVOKE, WASM_FUEL, WASM_CLOCK, WASM_SEED, WASM_PUBLISH, WASM_ENGINE, WASM_OPTIONS };

/* All borrowed; NULL: not given. */
struct wasm_options {
    bool given;         /* any of them but --publish, which other workloads are refused by name */
    struct strv listen; /* "ADDRESS:PORT" of each --publish */
    const char *module; /* the operand */
    const char *invoke, *seed, *engine;
    const char *fuel;      /* checked: a number */
    const char *clock;     /* checked: nanoseconds since 1970; "" for the clock's own */
    const char *file_size; /* wasm_layers(): the limit of --ulimit fsize */
    bool runs, kept; /* said by the caller before wasm_find(): it is run, not only explained; it may be started again */
    const char *tell; /* which denials it says on standard error: "all", "none"; NULL: some */
};

/* One option of the command line. -EINVAL: refused by name. */
int wasm_option(struct arena *a, struct wasm_options *o, enum wasm_option id, const char *value, struct err *err);

/* Whether a word of the command line is a module by its looks: a file that begins as one. */
bool wasm_is_module(const char *word);

/* -EINVAL: a file that has a module's name and not its beginning. */
int wasm_check_looks(const char *word, struct err *err);

/* wasm_text.c. Whether it is a module in the text format by its name; the bytes that it stands for, made by wat2wasm
 * behind -b broker, in a file of memory: its descriptor, or -errno. -ENOENT: there is no wat2wasm. name: the file's, as
 * the user gave it; what wat2wasm says of it goes to standard error. */
bool wasm_is_text(const char *word);
int wasm_assemble(const char *file, const char *name, struct err *err);

/* The broker's beginnings (program.h) with nothing of the host: no file, no /proc, no /dev, no variable. */
int wasm_defaults(struct policy *p, struct err *err);

/* An item that has no meaning for a module: its member in a policy file, and why. */
struct wasm_refusal {
    enum policy_flag flag;
    const char *member, *why;
};
/* The first of them that the user's layers have, or NULL. typed: the flags of the command line, by bit. */
const struct wasm_refusal *wasm_refused(const struct policy_build *b, uint64_t typed);

/* Behind the user's layers: what has another meaning for a module than for a program, or none. */
int wasm_layers(struct policy_build *b, struct wasm_options *o, struct err *err);

/* Takes what is to run from the operands: the number of them that are not the program's own arguments. With `lenient`
 * (explain) there may be none. */
int wasm_operand(struct wasm_options *o, int argc, char **argv, bool lenient, struct err *err);

/* Writes argv. -ENOENT and -EACCES with "exec: ..." as moat-enter would say. */
int wasm_find(struct policy_build *b, const struct wasm_options *o, char *const *arguments, int n, struct err *err);

#endif
