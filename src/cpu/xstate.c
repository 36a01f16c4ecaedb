/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit's state in memory (Intel 1, 10.5 and 13): FXSAVE, FXRSTOR, XSAVE and its like in their standard form, and
 * the controls LDMXCSR, STMXCSR, XGETBV, XSETBV. Three components: x87, SSE, and the upper halves that AVX has. An
 * image is made or read as a whole and checked before anything is changed; what is reserved in one is left as it was in
 * memory.
 *
 * x87 and SSE count as in use always (XINUSE), so XSAVEOPT writes what XSAVE does; AVX does when an upper half is not
 * 0.
 */
#include "cpu/features.h"
#include "cpu/fpu.h"

enum {
    LEGACY_BYTES = 416, /* of FXSAVE's 512; what follows the registers is reserved */
    HEADER = 512,       /* XSTATE_BV, XCOMP_BV, 48 bytes of zeros */
    AVX_AT = 576,       /* and the end of an image without AVX */
    IMAGE_BYTES = 832,
    COMPONENT_X87 = 1,
    COMPONENT_SSE = 2,
    COMPONENT_AVX = 4,
    MXCSR_AT = 24,
    X87_AT = 32,
    XMM_AT = 160,
};

/* Which registers there are: 8, or 16 in 64-bit mode. */
static unsigned registers(const struct cpu *cpu)
{
    return cpu->mode == MODE_LONG ? 16 : 8;
}

/* Of a whole image with the components that are wanted. */
static unsigned image_bytes(uint64_t wanted)
{
    return wanted & COMPONENT_AVX ? IMAGE_BYTES : AVX_AT;
}

static void put16(uint8_t *at, uint16_t v)
{
    memcpy(at, &v, 2);
}
static void put32(uint8_t *at, uint32_t v)
{
    memcpy(at, &v, 4);
}

/* ---- x87 -------------------------------------------------------------------------------------------------------- */

/* Bytes 0 to 23 and 32 to 159. `wide`: pointers of 64 bits without selectors (REX.W). */
static void x87_make(const struct cpu *cpu, bool wide, uint8_t *image)
{
    put16(image, cpu->fpu.control);
    put16(image + 2, (uint16_t)(cpu->fpu.status | cpu->fpu.top << 11));
    put16(image + 4, (uint8_t)~cpu->fpu.empty);
    put16(image + 6, cpu->fpu.opcode & 0x7ff);
    memcpy(image + 8, &cpu->fpu.ip, 8);
    memcpy(image + 16, &cpu->fpu.dp, 8);
    if (!wide) {
        put32(image + 12, cpu->fpu.cs);
        put32(image + 20, cpu->fpu.ds);
    }
    for (unsigned i = 0; i < 8; i++) {
        uint8_t *st = image + X87_AT + 16 * (size_t)i;
        memset(st, 0, 16);
        memcpy(st, cpu->fpu.x87[(cpu->fpu.top + i) & 7], 10);
    }
}

static void x87_take(struct cpu *cpu, bool wide, const uint8_t *image)
{
    uint16_t words[4];

    memcpy(words, image, 8);
    cpu->fpu.control = words[0];
    cpu->fpu.status = words[1];
    cpu->fpu.top = words[1] >> 11 & 7;
    cpu->fpu.empty = (uint8_t)~words[2];
    cpu->fpu.opcode = words[3] & 0x7ff;
    memcpy(&cpu->fpu.ip, image + 8, 8);
    memcpy(&cpu->fpu.dp, image + 16, 8);
    cpu->fpu.cs = cpu->fpu.ds = 0;
    if (!wide) {
        cpu->fpu.ip = (uint32_t)cpu->fpu.ip;
        cpu->fpu.dp = (uint32_t)cpu->fpu.dp;
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(cpu->fpu.x87[(cpu->fpu.top + i) & 7], image + X87_AT + 16 * (size_t)i, 10);
    fpu_x87_changed(cpu);
}

/* As after fninit, and all registers 0 (Intel 1, 13.6). */
static void x87_first(struct cpu *cpu)
{
    memset(cpu->fpu.x87, 0, sizeof cpu->fpu.x87);
    fpu_x87_init(cpu);
}

/* ---- Memory: in one piece ---------------------------------------------------------------------------------------- */

static bool piece_load(struct cpu *cpu, uint64_t linear, void *out, unsigned n)
{
    for (unsigned at = 0; at < n; at += 8)
        if (!cpu_load64(cpu, linear + at, (uint64_t *)((uint8_t *)out + at)))
            return false;
    return true;
}
static bool piece_probe(struct cpu *cpu, uint64_t linear, unsigned n)
{
    return cpu_probe_store(cpu, linear, n);
}
static bool piece_store(struct cpu *cpu, uint64_t linear, const void *in, unsigned n)
{
    for (unsigned at = 0; at < n; at += 8) {
        uint64_t v;
        memcpy(&v, (const uint8_t *)in + at, 8);
        if (!cpu_store64(cpu, linear + at, v))
            return false;
    }
    return true;
}

/* Unlike an operand of SSE, an area is looked at for its address first, its end as well, then for its alignment: as
 * processors do. */
static bool aligned_linear(struct cpu *cpu, const struct op *op, unsigned bytes, unsigned alignment, enum access kind,
                           uint64_t *linear)
{
    if (!op_linear(cpu, op, bytes, kind, linear))
        return false;
    const uint64_t last = *linear + bytes - 1;
    const bool possible = cpu->mode != MODE_LONG || (address_canonical(*linear) && address_canonical(last));
    if (!possible || *linear & (alignment - 1)) {
        cpu_fault(cpu, op, !possible && op->segment == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
        return false;
    }
    return true;
}

/* op->extra: bit 0 REX.W, bit 1 XSAVEOPT. */

/* ---- FXSAVE, FXRSTOR -----------------------------------------------------------------------------------------------
 */

static bool allowed(struct cpu *cpu, const struct op *op)
{
    if (cpu->cr0 & (CR0_EM | CR0_TS))
        cpu_fault(cpu, op, VECTOR_NM, 0);
    return !(cpu->cr0 & (CR0_EM | CR0_TS));
}

static bool do_fxsave(struct cpu *cpu, const struct op *op)
{
    _Alignas(8) uint8_t image[LEGACY_BYTES];
    unsigned n = XMM_AT + 16 * registers(cpu);
    uint64_t linear;

    if (!aligned_linear(cpu, op, 512, 16, ACCESS_STORE, &linear))
        return false;
    fpu_gather(cpu);
    x87_make(cpu, op->extra & 1, image);
    put32(image + MXCSR_AT, cpu->fpu.mxcsr);
    put32(image + MXCSR_AT + 4, MXCSR_VALID);
    for (unsigned i = 0; i < registers(cpu); i++)
        memcpy(image + XMM_AT + 16 * (size_t)i, cpu->fpu.xmm[i].bytes, 16);
    return piece_probe(cpu, linear, 512) && piece_store(cpu, linear, image, n);
}

static bool do_fxrstor(struct cpu *cpu, const struct op *op)
{
    _Alignas(8) uint8_t image[LEGACY_BYTES];
    uint64_t linear, unused;
    uint32_t mxcsr;

    /* All of the area has to be there before a reserved bit in it is seen. */
    if (!aligned_linear(cpu, op, 512, 16, ACCESS_LOAD, &linear) || !piece_load(cpu, linear, image, LEGACY_BYTES) ||
        !cpu_load64(cpu, linear + 504, &unused))
        return false;
    memcpy(&mxcsr, image + MXCSR_AT, 4);
    if (mxcsr & ~(uint32_t)MXCSR_VALID) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return false;
    }
    x87_take(cpu, op->extra & 1, image);
    fpu_mxcsr_set(cpu, mxcsr);
    for (unsigned i = 0; i < registers(cpu); i++)
        memcpy(cpu->fpu.xmm[i].bytes, image + XMM_AT + 16 * (size_t)i, 16);
    return true;
}

/* ---- XSAVE, XRSTOR --------------------------------------------------------------------------------------------------
 */

static bool xsave_allowed(struct cpu *cpu, const struct op *op)
{
    bool invalid = !(cpu->cr4 & CR4_OSXSAVE), not_there = cpu->cr0 & CR0_TS;

    if (invalid || not_there)
        cpu_fault(cpu, op, invalid ? VECTOR_UD : VECTOR_NM, 0);
    return !invalid && !not_there;
}

static uint64_t requested(const struct cpu *cpu)
{
    return ((cpu->gpr[GPR_DX] << 32) | (uint32_t)cpu->gpr[GPR_AX]) & cpu->xcr0;
}

static bool avx_in_use(const struct cpu *cpu)
{
    for (unsigned i = 0; i < registers(cpu); i++) {
        uint64_t v[2];
        memcpy(v, cpu->fpu.xmm[i].bytes + 16, 16);
        if (v[0] | v[1])
            return true;
    }
    return false;
}

static bool avx_store(struct cpu *cpu, uint64_t linear)
{
    for (unsigned i = 0; i < registers(cpu); i++)
        if (!piece_store(cpu, linear + AVX_AT + 16 * (uint64_t)i, cpu->fpu.xmm[i].bytes + 16, 16))
            return false;
    return true;
}

static bool do_xsave(struct cpu *cpu, const struct op *op)
{
    _Alignas(8) uint8_t image[LEGACY_BYTES];
    uint64_t linear, components, wanted = requested(cpu);

    unsigned n = image_bytes(wanted);

    if (!aligned_linear(cpu, op, n, 64, ACCESS_STORE, &linear) || !piece_load(cpu, linear + HEADER, &components, 8) ||
        !piece_probe(cpu, linear, n))
        return false;
    fpu_gather(cpu);
    x87_make(cpu, op->extra & 1, image);
    for (unsigned i = 0; i < registers(cpu); i++)
        memcpy(image + XMM_AT + 16 * (size_t)i, cpu->fpu.xmm[i].bytes, 16);
    put32(image + MXCSR_AT, cpu->fpu.mxcsr);
    put32(image + MXCSR_AT + 4, MXCSR_VALID);
    if (wanted & COMPONENT_X87 && !(piece_store(cpu, linear, image, MXCSR_AT) &&
                                    piece_store(cpu, linear + X87_AT, image + X87_AT, XMM_AT - X87_AT)))
        return false;
    if (wanted & (COMPONENT_SSE | COMPONENT_AVX) && !piece_store(cpu, linear + MXCSR_AT, image + MXCSR_AT, 8))
        return false;
    if (wanted & COMPONENT_SSE && !piece_store(cpu, linear + XMM_AT, image + XMM_AT, 16 * registers(cpu)))
        return false;
    uint64_t in_use = wanted & ~(uint64_t)(avx_in_use(cpu) ? 0 : COMPONENT_AVX);
    if ((op->extra & 2 ? in_use : wanted) & COMPONENT_AVX && !avx_store(cpu, linear))
        return false;
    components = (components & ~wanted) | in_use;
    return piece_store(cpu, linear + HEADER, &components, 8);
}

static void xmm_take(struct cpu *cpu, const uint8_t *from)
{
    for (unsigned i = 0; i < registers(cpu); i++)
        if (from)
            memcpy(cpu->fpu.xmm[i].bytes, from + 16 * (size_t)i, 16);
        else
            memset(cpu->fpu.xmm[i].bytes, 0, 16);
}

/* The upper halves of an image, or zeros. */
static void avx_take(struct cpu *cpu, const uint8_t *from)
{
    for (unsigned i = 0; i < registers(cpu); i++)
        if (from)
            memcpy(cpu->fpu.xmm[i].bytes + 16, from + 16 * (size_t)i, 16);
        else
            memset(cpu->fpu.xmm[i].bytes + 16, 0, 16);
}

/* What of a header and of MXCSR may not be: bits that XCR0 has not, the compacted form, what is reserved. */
static bool image_valid(const struct cpu *cpu, const uint64_t header[8], uint32_t mxcsr)
{
    bool zeros = true;

    for (unsigned i = 1; i < 3; i++)
        zeros &= !header[i];
    return zeros && !(header[0] & ~cpu->xcr0) && !(mxcsr & ~(uint32_t)MXCSR_VALID);
}

static bool do_xrstor(struct cpu *cpu, const struct op *op)
{
    _Alignas(8) uint8_t image[LEGACY_BYTES], halves[IMAGE_BYTES - AVX_AT];
    uint64_t linear, header[8], wanted = requested(cpu);
    uint32_t mxcsr = 0;

    if (!aligned_linear(cpu, op, image_bytes(wanted), 64, ACCESS_LOAD, &linear) ||
        !piece_load(cpu, linear + HEADER, header, 64) || !piece_load(cpu, linear, image, LEGACY_BYTES))
        return false;
    bool take_avx = wanted & header[0] & COMPONENT_AVX;
    if (take_avx && !piece_load(cpu, linear + AVX_AT, halves, 16 * registers(cpu)))
        return false;
    if (wanted & (COMPONENT_SSE | COMPONENT_AVX))
        memcpy(&mxcsr, image + MXCSR_AT, 4);
    if (!image_valid(cpu, header, mxcsr)) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return false;
    }
    if (wanted & header[0] & COMPONENT_X87)
        x87_take(cpu, op->extra & 1, image);
    else if (wanted & COMPONENT_X87)
        x87_first(cpu);
    if (wanted & (COMPONENT_SSE | COMPONENT_AVX))
        fpu_mxcsr_set(cpu, mxcsr);
    if (wanted & COMPONENT_SSE)
        xmm_take(cpu, header[0] & COMPONENT_SSE ? image + XMM_AT : NULL);
    if (wanted & COMPONENT_AVX)
        avx_take(cpu, take_avx ? halves : NULL);
    return true;
}

/* ---- Controls
 * --------------------------------------------------------------------------------------------------------- */

static bool do_ldmxcsr(struct cpu *cpu, const struct op *op)
{
    uint32_t v;

    if (!op_load32(cpu, op, &v))
        return false;
    if (v & ~(uint32_t)MXCSR_VALID) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return false;
    }
    fpu_mxcsr_set(cpu, v);
    return true;
}

static bool do_stmxcsr(struct cpu *cpu, const struct op *op)
{
    fpu_gather(cpu);
    return op_store32(cpu, op, cpu->fpu.mxcsr);
}

static bool do_xgetbv(struct cpu *cpu, const struct op *op)
{
    bool invalid = !(cpu->cr4 & CR4_OSXSAVE), none = gpr32(cpu, GPR_CX) != 0;

    if (invalid || none) {
        cpu_fault(cpu, op, invalid ? VECTOR_UD : VECTOR_GP, 0);
        return false;
    }
    gpr_set32(cpu, GPR_AX, (uint32_t)cpu->xcr0);
    gpr_set32(cpu, GPR_DX, (uint32_t)(cpu->xcr0 >> 32));
    return true;
}

static bool do_xsetbv(struct cpu *cpu, const struct op *op)
{
    uint64_t v = cpu->gpr[GPR_DX] << 32 | gpr32(cpu, GPR_AX);
    uint64_t avx = cpu_model_has(&cpu->model, CPU_AVX) ? COMPONENT_AVX : 0;
    bool invalid = !(cpu->cr4 & CR4_OSXSAVE);
    bool wrong = cpu->cpl != 0 || gpr32(cpu, GPR_CX) != 0 || !(v & COMPONENT_X87) ||
                 v & ~(COMPONENT_X87 | COMPONENT_SSE | avx) || (v & XCR0_AVX_STATE) == COMPONENT_AVX;

    if (invalid || wrong) {
        cpu_fault(cpu, op, invalid ? VECTOR_UD : VECTOR_GP, 0);
        return false;
    }
    cpu->xcr0 = v;
    fpu_mode_changed(cpu);
    return true;
}

/* ---- Handlers
 * ---------------------------------------------------------------------------------------------------------- */

#define HANDLER(NAME, MAY, DO)                                                                                         \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        if (!(MAY) || !(DO))                                                                                           \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
static bool sse_allowed(struct cpu *cpu, const struct op *op)
{
    if (cpu->fpu.off & FPU_OFF_SSE)
        fpu_refuse_sse(cpu, op);
    return !(cpu->fpu.off & FPU_OFF_SSE);
}
static bool avx_allowed(struct cpu *cpu, const struct op *op)
{
    if (cpu->fpu.off & FPU_OFF_AVX)
        fpu_refuse_avx(cpu, op);
    return !(cpu->fpu.off & FPU_OFF_AVX);
}
HANDLER(fxsave, allowed(cpu, op), do_fxsave(cpu, op))
HANDLER(fxrstor, allowed(cpu, op), do_fxrstor(cpu, op))
HANDLER(xsave, xsave_allowed(cpu, op), do_xsave(cpu, op))
HANDLER(xrstor, xsave_allowed(cpu, op), do_xrstor(cpu, op))
HANDLER(ldmxcsr, sse_allowed(cpu, op), do_ldmxcsr(cpu, op))
HANDLER(stmxcsr, sse_allowed(cpu, op), do_stmxcsr(cpu, op))
HANDLER(vldmxcsr, avx_allowed(cpu, op), do_ldmxcsr(cpu, op))
HANDLER(vstmxcsr, avx_allowed(cpu, op), do_stmxcsr(cpu, op))
HANDLER(xgetbv, true, do_xgetbv(cpu, op))
HANDLER(xsetbv, true, do_xsetbv(cpu, op))

bool bind_state(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct {
        uint16_t name;
        op_handler *run;
    } rows[] = {
        {INSN_FXSAVE, fxsave}, {INSN_FXRSTOR, fxrstor},   {INSN_LDMXCSR, ldmxcsr},   {INSN_STMXCSR, stmxcsr},
        {INSN_XSAVE, xsave},   {INSN_XRSTOR, xrstor},     {INSN_XSAVEOPT, xsave},    {INSN_XGETBV, xgetbv},
        {INSN_XSETBV, xsetbv}, {INSN_VLDMXCSR, vldmxcsr}, {INSN_VSTMXCSR, vstmxcsr},
    };

    op->extra = (uint8_t)((insn->rex & REX_W ? 1 : 0) | (insn->name == INSN_XSAVEOPT ? 2 : 0));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].name == insn->name) {
            op->run = rows[i].run;
            return true;
        }
    return false; /* the compacted forms: CPUID does not say that there are any */
}

/* ---- For cpu_state_get() and cpu_state_set()
 * ------------------------------------------------------------------------------ */

void fpu_to_xsave(struct cpu *cpu, uint8_t *image)
{
    uint64_t components = COMPONENT_X87 | COMPONENT_SSE;

    fpu_gather(cpu);
    memset(image, 0, VCPU_XSAVE_BYTES);
    x87_make(cpu, true, image);
    put32(image + MXCSR_AT, cpu->fpu.mxcsr);
    put32(image + MXCSR_AT + 4, MXCSR_VALID);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(image + XMM_AT + 16 * (size_t)i, cpu->fpu.xmm[i].bytes, 16);
        memcpy(image + AVX_AT + 16 * (size_t)i, cpu->fpu.xmm[i].bytes + 16, 16);
        for (unsigned at = 16; at < 32; at++)
            components |= cpu->fpu.xmm[i].bytes[at] ? COMPONENT_AVX : 0;
    }
    memcpy(image + HEADER, &components, 8);
}

void fpu_from_xsave(struct cpu *cpu, const uint8_t *image)
{
    uint64_t components;
    uint32_t mxcsr;

    memcpy(&components, image + HEADER, 8);
    memcpy(&mxcsr, image + MXCSR_AT, 4);
    if (components & COMPONENT_X87)
        x87_take(cpu, true, image);
    else
        x87_first(cpu);
    memset(cpu->fpu.xmm, 0, sizeof cpu->fpu.xmm);
    for (unsigned i = 0; i < 16; i++) {
        if (components & COMPONENT_SSE)
            memcpy(cpu->fpu.xmm[i].bytes, image + XMM_AT + 16 * (size_t)i, 16);
        if (components & COMPONENT_AVX)
            memcpy(cpu->fpu.xmm[i].bytes + 16, image + AVX_AT + 16 * (size_t)i, 16);
    }
    /* zeroes with no component at all mean nothing was ever set */
    fpu_mxcsr_set(cpu, components & COMPONENT_SSE || mxcsr ? mxcsr & MXCSR_VALID : MXCSR_RESET);
}
