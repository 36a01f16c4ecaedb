/* SPDX-License-Identifier: Apache-2.0 */
/* All kinds of workloads (kind.h): a new one is a line here, and the file with its row. */
#ifndef MOAT_CLI_KINDS_H
#define MOAT_CLI_KINDS_H

#include "cli/java.h"
#include "cli/kind.h"
#include "cli/machine.h"
#include "cli/sentry.h"
#include "cli/unikernel.h"
#include "cli/vm_kind.h"
#include "cli/wasm.h"

#define NO_ROWS /* nothing */

/* X(identifier, name: its row is NAME_kind, its words of --type, the rows of its options). In the order in which they
 * are shown, and are asked whether they recognise what is to run; the first is what nobody recognises. */
#define WORKLOAD_KINDS(X)                                                                                              \
    X(IMAGE, image, "image, root, bundle", NO_ROWS)                                                                    \
    X(PROGRAM, program, ", program", NO_ROWS)                                                                          \
    X(JAVA, java, ", java", JAVA_ROWS)                                                                                 \
    X(WASM, wasm, ", wasm", WASM_ROWS)                                                                                 \
    X(UNIKERNEL, unikernel, ", unikernel", UNIKERNEL_ROWS)                                                             \
    X(VM, vm, ", pc", VM_ROWS)                                                                                         \
    X(MACHINE, machine, ", machine", MACHINE_ROWS)                                                                     \
    X(SENTRY, sentry, ", sentry", SENTRY_ROWS)

enum kind_id {
#define X(id, name, types, rows) KIND_##id,
    WORKLOAD_KINDS(X)
#undef X
        KINDS
};

#define X(id, name, types, rows) extern const struct workload_kind name##_kind;
WORKLOAD_KINDS(X)
#undef X
extern const struct workload_kind *const workload_kinds[KINDS];

/* All words of --type: "image, root, ..." */
#define KIND_TYPES_OF(id, name, types, rows) types
#define KIND_TYPES                           WORKLOAD_KINDS(KIND_TYPES_OF)

#endif
