/* SPDX-License-Identifier: Apache-2.0 */
/* The end, when an invariant of the kernel's own does not hold. Never for what a guest did. */
#ifndef MOAT_LINUX_CORE_PANIC_H
#define MOAT_LINUX_CORE_PANIC_H

/* Writes "kernel: what" to the console and ends everything by SIGABRT. */
_Noreturn void kernel_panic(const char *what);

#endif
