/* SPDX-License-Identifier: Apache-2.0 */
/* The architecture that the tests run on, and one whose calls a kernel of it answers as well. */
#ifndef MOAT_TESTS_BPF_ARCH_H
#define MOAT_TESTS_BPF_ARCH_H

#include <linux/audit.h>

#if defined(__x86_64__)
#define NATIVE  AUDIT_ARCH_X86_64
#define FOREIGN AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE  AUDIT_ARCH_AARCH64
#define FOREIGN AUDIT_ARCH_ARM
#endif

#endif
