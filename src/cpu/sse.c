/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the files of SSE has an instruction. There is no AES, SHA, PCLMULQDQ or GF2P8: CPUID does not say so, and
 * they are invalid; AVX has files of its own (avx.c). The host must have SSE4.2, whose instructions do the work.
 */
#include "cpu/sse.h"
#include "cpu/fpu.h"

bool bind_sse(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    if (insn->name == INSN_FXSAVE || insn->name == INSN_FXRSTOR || insn->name == INSN_LDMXCSR ||
        insn->name == INSN_STMXCSR)
        return bind_state(cpu, insn, op, ends);
    if (insn->encoding != ENCODING_LEGACY || insn->name < SSE_NAMES_FIRST || insn->name > SSE_NAMES_LAST)
        return false;
    return bind_sse_move(cpu, insn, op, ends) || bind_sse_float(cpu, insn, op, ends) ||
           bind_sse_immediate(cpu, insn, op, ends) || bind_sse_integer(cpu, insn, op, ends);
}
