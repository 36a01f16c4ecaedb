/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the files of SSE has an instruction. There is no SHA and GF2P8: CPUID does not say so, and they are invalid;
 * AES and PCLMULQDQ are where the model and the host have them. AVX has files of its own (avx.c). The host must have
 * SSE4.2, whose instructions do the work.
 */
#include "cpu/sse.h"
#include "cpu/features.h"
#include "cpu/fpu.h"

bool sse_model_has(const struct cpu_model *model, enum insn_name name, bool wide)
{
    switch (name) {
#define BOTH(...)
#define VECTOR(...)
#define WIDE(...)
#define CIPHER(NAME, TEXT)                                                                                             \
    case INSN_##NAME:                                                                                                  \
    case INSN_V##NAME:
#include "cpu/sse_integer.def"
    case INSN_AESKEYGENASSIST:
    case INSN_VAESKEYGENASSIST:
        return cpu_model_has(model, wide ? CPU_VAES : CPU_AES);
    case INSN_PCLMULQDQ:
    case INSN_VPCLMULQDQ:
        return cpu_model_has(model, wide ? CPU_VPCLMULQDQ : CPU_PCLMULQDQ);
    default:
        return true;
    }
}

bool bind_sse(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    if (insn->name == INSN_FXSAVE || insn->name == INSN_FXRSTOR || insn->name == INSN_LDMXCSR ||
        insn->name == INSN_STMXCSR)
        return bind_state(cpu, insn, op, ends);
    if (insn->encoding != ENCODING_LEGACY || insn->name < SSE_NAMES_FIRST || insn->name > SSE_NAMES_LAST ||
        !sse_model_has(&cpu->model, (enum insn_name)insn->name, false))
        return false;
    return bind_sse_move(cpu, insn, op, ends) || bind_sse_float(cpu, insn, op, ends) ||
           bind_sse_immediate(cpu, insn, op, ends) || bind_sse_integer(cpu, insn, op, ends);
}
