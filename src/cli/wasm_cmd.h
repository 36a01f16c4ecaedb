/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `moat wasm` share. */
#ifndef MOAT_CLI_WASM_CMD_H
#define MOAT_CLI_WASM_CMD_H

#include "base/err.h"
#include "base/mem.h"

/* argv: "wasm", "inspect", then options of `run` and a module. The exit status, or -errno. -ENOEXEC: no module. */
int wasm_inspect(struct arena *a, int argc, char **argv, struct err *err);

#endif
