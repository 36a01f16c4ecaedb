/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of AVX's kernels: the host's instructions, VEX-encoded, each with a ret behind it. By opcode they have
 * every opcode there is, also those that are no instruction: binding only asks for those that it knows by name. Code
 * and constants; nothing runs here by itself.
 */
#include "cpu/avx.h"

/* VEX of two bytes: vvvv is register 0, `head` is c5's second byte but for vvvv: R, L and pp. ModRM c1: 0 and 1. */
#define OPCODES_0F(head)                                                                                               \
    ".set opcode, 0\n"                                                                                                 \
    ".rept 256\n"                                                                                                      \
    ".byte 0xc5, " head ", opcode, 0xc1, 0xc3, 0xcc, 0xcc, 0xcc\n"                                                     \
    ".set opcode, opcode + 1\n"                                                                                        \
    ".endr\n"
#define OPCODES_38(head)                                                                                               \
    ".set opcode, 0\n"                                                                                                 \
    ".rept 256\n"                                                                                                      \
    ".byte 0xc4, 0xe2, " head ", opcode, 0xc1, 0xc3, 0xcc, 0xcc\n"                                                     \
    ".set opcode, opcode + 1\n"                                                                                        \
    ".endr\n"

/* Shifts of 64 bits by 64 bits: 45 to 47 with W. */
#define SHIFTS(head)                                                                                                   \
    ".set opcode, 0x45\n"                                                                                              \
    ".rept 3\n"                                                                                                        \
    ".byte 0xc4, 0xe2, " head ", opcode, 0xc1, 0xc3, 0xcc, 0xcc\n"                                                     \
    ".set opcode, opcode + 1\n"                                                                                        \
    ".endr\n"

__asm__(".pushsection .text\n"
        ".balign 8\n"
        ".globl avx_code_0f\n.hidden avx_code_0f\navx_code_0f:\n" OPCODES_0F("0xf8") OPCODES_0F("0xf9")
            OPCODES_0F("0xfa") OPCODES_0F("0xfb") OPCODES_0F("0xfc") OPCODES_0F("0xfd") OPCODES_0F("0xfe")
                OPCODES_0F("0xff") ".globl avx_code_38\n.hidden avx_code_38\navx_code_38:\n" OPCODES_38("0x79")
                    OPCODES_38("0x7d") ".globl avx_code_38_w\n.hidden avx_code_38_w\navx_code_38_w:\n" SHIFTS("0xf9")
                        SHIFTS("0xfd") ".popsection\n");

/* ---- With an immediate ------------------------------------------------------------------------------------------ */

SSE_CODE(avx_pshufd, 256, "0xc5,0xf9,0x70,0xc1");
SSE_CODE(avx_pshufhw, 256, "0xc5,0xfa,0x70,0xc1");
SSE_CODE(avx_pshuflw, 256, "0xc5,0xfb,0x70,0xc1");
SSE_CODE(avx_shufps, 256, "0xc5,0xf8,0xc6,0xc1");
SSE_CODE(avx_shufps_32, 256, "0xc5,0xfc,0xc6,0xc1");
SSE_CODE(avx_shufpd, 4, "0xc5,0xf9,0xc6,0xc1");
SSE_CODE(avx_shufpd_32, 16, "0xc5,0xfd,0xc6,0xc1");
SSE_CODE(avx_permilps, 256, "0xc4,0xe3,0x79,0x04,0xc1");
SSE_CODE(avx_permilps_32, 256, "0xc4,0xe3,0x7d,0x04,0xc1");
SSE_CODE(avx_permilpd, 4, "0xc4,0xe3,0x79,0x05,0xc1");
SSE_CODE(avx_permilpd_32, 16, "0xc4,0xe3,0x7d,0x05,0xc1");
SSE_CODE(avx_roundps, 16, "0xc4,0xe3,0x79,0x08,0xc1");
SSE_CODE(avx_roundps_32, 16, "0xc4,0xe3,0x7d,0x08,0xc1");
SSE_CODE(avx_roundpd, 16, "0xc4,0xe3,0x79,0x09,0xc1");
SSE_CODE(avx_roundpd_32, 16, "0xc4,0xe3,0x7d,0x09,0xc1");
SSE_CODE(avx_roundss, 16, "0xc4,0xe3,0x79,0x0a,0xc1");
SSE_CODE(avx_roundsd, 16, "0xc4,0xe3,0x79,0x0b,0xc1");
SSE_CODE(avx_blendps, 16, "0xc4,0xe3,0x79,0x0c,0xc1");
SSE_CODE(avx_blendps_32, 256, "0xc4,0xe3,0x7d,0x0c,0xc1");
SSE_CODE(avx_blendpd, 4, "0xc4,0xe3,0x79,0x0d,0xc1");
SSE_CODE(avx_blendpd_32, 16, "0xc4,0xe3,0x7d,0x0d,0xc1");
SSE_CODE(avx_pblendw, 256, "0xc4,0xe3,0x79,0x0e,0xc1");
SSE_CODE(avx_palignr, 33, "0xc4,0xe3,0x79,0x0f,0xc1");
SSE_CODE(avx_insertps, 256, "0xc4,0xe3,0x79,0x21,0xc1");
SSE_CODE(avx_dpps, 256, "0xc4,0xe3,0x79,0x40,0xc1");
SSE_CODE(avx_dpps_32, 256, "0xc4,0xe3,0x7d,0x40,0xc1");
SSE_CODE(avx_dppd, 256, "0xc4,0xe3,0x79,0x41,0xc1");
SSE_CODE(avx_mpsadbw, 8, "0xc4,0xe3,0x79,0x42,0xc1");
SSE_CODE(avx_psrldq, 17, "0xc5,0xf9,0x73,0xd8"); /* of register 0 */
SSE_CODE(avx_pslldq, 17, "0xc5,0xf9,0x73,0xf8");
SSE_CODE(avx_pshufd_32, 256, "0xc5,0xfd,0x70,0xc1");
SSE_CODE(avx_pshufhw_32, 256, "0xc5,0xfe,0x70,0xc1");
SSE_CODE(avx_pshuflw_32, 256, "0xc5,0xff,0x70,0xc1");
SSE_CODE(avx_pblendw_32, 256, "0xc4,0xe3,0x7d,0x0e,0xc1");
SSE_CODE(avx_palignr_32, 33, "0xc4,0xe3,0x7d,0x0f,0xc1");
SSE_CODE(avx_mpsadbw_32, 64, "0xc4,0xe3,0x7d,0x42,0xc1");
SSE_CODE(avx_psrldq_32, 17, "0xc5,0xfd,0x73,0xd8");
SSE_CODE(avx_pslldq_32, 17, "0xc5,0xfd,0x73,0xf8");
SSE_CODE(avx_pblendd, 16, "0xc4,0xe3,0x79,0x02,0xc1");
SSE_CODE(avx_pblendd_32, 256, "0xc4,0xe3,0x7d,0x02,0xc1");
SSE_CODE(avx_permq_32, 256, "0xc4,0xe3,0xfd,0x00,0xc1");
SSE_CODE(avx_permpd_32, 256, "0xc4,0xe3,0xfd,0x01,0xc1");
SSE_CODE(avx_pclmulqdq, 18, "0xc4,0xe3,0x79,0x44,0xc1");
SSE_CODE(avx_pclmulqdq_32, 18, "0xc4,0xe3,0x7d,0x44,0xc1");
SSE_CODE(avx_aeskeygenassist, 256, "0xc4,0xe3,0x79,0xdf,0xc1");
SSE_CODE(avx_cmpps, 32, "0xc5,0xf8,0xc2,0xc1");
SSE_CODE(avx_cmpps_32, 32, "0xc5,0xfc,0xc2,0xc1");
SSE_CODE(avx_cmppd, 32, "0xc5,0xf9,0xc2,0xc1");
SSE_CODE(avx_cmppd_32, 32, "0xc5,0xfd,0xc2,0xc1");
SSE_CODE(avx_cmpss, 32, "0xc5,0xfa,0xc2,0xc1");
SSE_CODE(avx_cmpsd, 32, "0xc5,0xfb,0xc2,0xc1");

static const struct avx_immediate immediates[] = {
    {INSN_VPSHUFD, {255, 255}, 255, {avx_pshufd, avx_pshufd_32}},
    {INSN_VPSHUFHW, {255, 255}, 255, {avx_pshufhw, avx_pshufhw_32}},
    {INSN_VPSHUFLW, {255, 255}, 255, {avx_pshuflw, avx_pshuflw_32}},
    {INSN_VSHUFPS, {255, 255}, 255, {avx_shufps, avx_shufps_32}},
    {INSN_VSHUFPD, {3, 15}, 255, {avx_shufpd, avx_shufpd_32}},
    {INSN_VPERMILPS, {255, 255}, 255, {avx_permilps, avx_permilps_32}},
    {INSN_VPERMILPD, {3, 15}, 255, {avx_permilpd, avx_permilpd_32}},
    {INSN_VROUNDPS, {15, 15}, 255, {avx_roundps, avx_roundps_32}},
    {INSN_VROUNDPD, {15, 15}, 255, {avx_roundpd, avx_roundpd_32}},
    {INSN_VROUNDSS, {15, 0}, 255, {avx_roundss, NULL}},
    {INSN_VROUNDSD, {15, 0}, 255, {avx_roundsd, NULL}},
    {INSN_VBLENDPS, {15, 255}, 255, {avx_blendps, avx_blendps_32}},
    {INSN_VBLENDPD, {3, 15}, 255, {avx_blendpd, avx_blendpd_32}},
    {INSN_VPBLENDW, {255, 255}, 255, {avx_pblendw, avx_pblendw_32}},
    {INSN_VPALIGNR, {255, 255}, 32, {avx_palignr, avx_palignr_32}},
    {INSN_VINSERTPS, {255, 0}, 255, {avx_insertps, NULL}},
    {INSN_VDPPS, {255, 255}, 255, {avx_dpps, avx_dpps_32}},
    {INSN_VDPPD, {255, 0}, 255, {avx_dppd, NULL}},
    {INSN_VMPSADBW, {7, 63}, 255, {avx_mpsadbw, avx_mpsadbw_32}},
    {INSN_VPSRLDQ, {255, 255}, 16, {avx_psrldq, avx_psrldq_32}},
    {INSN_VPSLLDQ, {255, 255}, 16, {avx_pslldq, avx_pslldq_32}},
    {INSN_VPBLENDD, {15, 255}, 255, {avx_pblendd, avx_pblendd_32}},
    {INSN_VPERMQ, {0, 255}, 255, {NULL, avx_permq_32}},
    {INSN_VPERMPD, {0, 255}, 255, {NULL, avx_permpd_32}},
    {INSN_VPCLMULQDQ, {0x11, 0x11}, 255, {avx_pclmulqdq, avx_pclmulqdq_32}},
    {INSN_VAESKEYGENASSIST, {255, 0}, 255, {avx_aeskeygenassist, NULL}},
    {INSN_VCMPPS, {31, 31}, 255, {avx_cmpps, avx_cmpps_32}},
    {INSN_VCMPPD, {31, 31}, 255, {avx_cmppd, avx_cmppd_32}},
    {INSN_VCMPSS, {31, 0}, 255, {avx_cmpss, NULL}},
    {INSN_VCMPSD, {31, 0}, 255, {avx_cmpsd, NULL}},
};

const struct avx_immediate *avx_immediate_find(enum insn_name name)
{
    for (unsigned i = 0; i < sizeof immediates / sizeof immediates[0]; i++)
        if (immediates[i].name == name)
            return &immediates[i];
    return NULL;
}

const void *avx_kernel(const struct insn *insn, bool wide)
{
    const struct avx_immediate *with = insn->imm_bytes ? avx_immediate_find((enum insn_name)insn->name) : NULL;

    if (with) {
        unsigned v = insn->imm & with->mask[wide];
        if (v > with->most)
            v = with->most;
        if (insn->name == INSN_VINSERTPS && insn->has_memory)
            v &= 0x3f; /* memory is one number: nothing to choose from */
        return with->code[wide] ? with->code[wide] + AVX_KERNEL_BYTES * (size_t)v : NULL;
    }
    if (insn->imm_bytes)
        return NULL;
    if (insn->map == 2 && insn->rex & REX_W && insn->opcode >= 0x45 && insn->opcode <= 0x47)
        return avx_code_38_w[wide][insn->opcode - 0x45];
    return insn->map == 1   ? avx_code_0f[wide][insn->pp][insn->opcode]
           : insn->map == 2 ? avx_code_38[wide][insn->opcode]
                            : NULL;
}
