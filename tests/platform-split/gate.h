/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one page of a guest process that is not the guest's: the entry of rewritten system calls where images expect it
 * (guest/unikernel/layout.h), and the few instructions that the tracer lets a leader run. Readable and executable.
 */
#ifndef MOAT_TEST_PLATFORM_SPLIT_GATE_H
#define MOAT_TEST_PLATFORM_SPLIT_GATE_H

#include "guest/unikernel/layout.h"

#include <stdint.h>

#define GATE_ENTRY    (GATE_BASE + 0x40)  /* int3: all registers are as the trampoline left them */
#define GATE_CALL     (GATE_BASE + 0x50)  /* syscall; int3 */
#define GATE_LOAD     (GATE_BASE + 0x60)  /* mov (%rdi), %eax; int3 */
#define GATE_CMPXCHG  (GATE_BASE + 0x70)  /* lock cmpxchg %edx, (%rdi); int3 */
#define GATE_READY    (GATE_BASE + 0x80)  /* int3 */
#define GATE_NAME     (GATE_BASE + 0xf00) /* of a file that the leader is made to open */
#define GATE_CODE_END 0x90

static const uint8_t gate_code[GATE_CODE_END] = {
    'M',
    'O',
    'A',
    'T',
    'G',
    'A',
    'T',
    'E',
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0, /* as guest/unikernel/gate.h */
    GATE_ENTRY & 0xff,
    GATE_ENTRY >> 8 & 0xff,
    GATE_ENTRY >> 16 & 0xff,
    GATE_ENTRY >> 24 & 0xff,
    [0x40] = 0xcc,
    [0x50] = 0x0f,
    0x05,
    0xcc,
    [0x60] = 0x8b,
    0x07,
    0xcc,
    [0x70] = 0xf0,
    0x0f,
    0xb1,
    0x17,
    0xcc,
    [0x80] = 0xcc,
};

#endif
