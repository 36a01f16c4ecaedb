/* SPDX-License-Identifier: Apache-2.0 */
/* Registers by name, and states to begin with. */
#include "cpu/tool/tool.h"

#include <errno.h>
#include <string.h>

#define AT(field) (uint16_t) offsetof(struct vcpu_state, field)
#define GENERAL(n, eight, four, two)                                                                                   \
    {eight, AT(gpr[n]), 8, false}, {four, AT(gpr[n]), 4, false},                                                       \
    {                                                                                                                  \
        two, AT(gpr[n]), 2, false                                                                                      \
    }
#define NUMBERED(n)                                                                                                    \
    {                                                                                                                  \
        "r" #n, AT(gpr[n]), 8, false                                                                                   \
    }
#define SELECTOR(n, name)                                                                                              \
    {                                                                                                                  \
        name, AT(segments[n].selector), 2, true                                                                        \
    }

static const struct register_name registers[] = {
    GENERAL(GPR_AX, "rax", "eax", "ax"),
    GENERAL(GPR_BX, "rbx", "ebx", "bx"),
    GENERAL(GPR_CX, "rcx", "ecx", "cx"),
    GENERAL(GPR_DX, "rdx", "edx", "dx"),
    GENERAL(GPR_SI, "rsi", "esi", "si"),
    GENERAL(GPR_DI, "rdi", "edi", "di"),
    GENERAL(GPR_BP, "rbp", "ebp", "bp"),
    GENERAL(GPR_SP, "rsp", "esp", "sp"),
    NUMBERED(8),
    NUMBERED(9),
    NUMBERED(10),
    NUMBERED(11),
    NUMBERED(12),
    NUMBERED(13),
    NUMBERED(14),
    NUMBERED(15),
    {"rip", AT(rip), 8, false},
    {"eip", AT(rip), 4, false},
    {"ip", AT(rip), 2, false},
    {"rflags", AT(rflags), 8, false},
    {"eflags", AT(rflags), 4, false},
    {"flags", AT(rflags), 2, false},
    SELECTOR(SEG_CS, "cs"),
    SELECTOR(SEG_SS, "ss"),
    SELECTOR(SEG_DS, "ds"),
    SELECTOR(SEG_ES, "es"),
    SELECTOR(SEG_FS, "fs"),
    SELECTOR(SEG_GS, "gs"),
    {"cr0", AT(cr0), 8, false},
    {"cr2", AT(cr2), 8, false},
    {"cr3", AT(cr3), 8, false},
    {"cr4", AT(cr4), 8, false},
    {"efer", AT(msrs.efer), 8, false},
    {"dr6", AT(dr[6]), 8, false},
    {"dr7", AT(dr[7]), 8, false},
    {"gdtr_base", AT(gdtr.base), 8, false},
    {"gdtr_limit", AT(gdtr.limit), 4, false},
    {"idtr_base", AT(idtr.base), 8, false},
    {"idtr_limit", AT(idtr.limit), 4, false},
};

const struct register_name *register_find(const char *name)
{
    for (size_t i = 0; i < sizeof registers / sizeof *registers; i++)
        if (strcmp(registers[i].name, name) == 0)
            return &registers[i];
    return NULL;
}

const struct register_name *register_at(unsigned n)
{
    return n < sizeof registers / sizeof *registers ? &registers[n] : NULL;
}

uint64_t register_get(const struct vcpu_state *s, const struct register_name *r)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)s + r->offset, r->bytes);
    return value;
}

static bool in_real_mode(const struct vcpu_state *s)
{
    return !(s->cr0 & 1);
}

void register_set(struct vcpu_state *s, const struct register_name *r, uint64_t value)
{
    memcpy((char *)s + r->offset, &value, r->bytes);
    if (!r->segment || !in_real_mode(s))
        return;
    struct vcpu_segment *segment =
        (struct vcpu_segment *)(void *)((char *)s + r->offset - offsetof(struct vcpu_segment, selector));
    segment->base = (uint64_t)segment->selector << 4;
    segment->limit = 0xffff;
}

static void flat_segments(struct vcpu_state *s, bool long_mode)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        bool code = i == SEG_CS;
        s->segments[i] = (struct vcpu_segment){.limit = UINT32_MAX,
                                               .selector = code ? 0x08 : 0x10,
                                               .attributes = SEG_P | SEG_S | SEG_G | (code ? 0xbu : 0x3u) |
                                                             (code && long_mode ? SEG_L : SEG_DB)};
    }
}

int state_of_mode(struct flat *f, unsigned mode, uint64_t top, struct vcpu_state *out)
{
    vcpu_state_reset(out);
    if (mode == 16) {
        for (unsigned i = 0; i < SEGMENTS; i++) {
            out->segments[i].selector = 0;
            out->segments[i].base = 0;
        }
        out->rip = 0;
        return 0;
    }
    if (mode != 32 && mode != 64)
        return -EINVAL;
    flat_segments(out, mode == 64);
    out->rip = 0;
    out->cr0 = 0x11; /* PE, ET */
    if (mode == 64) {
        uint64_t l4 = (top & ~UINT64_C(0xfff)) - 0x2000, l3 = l4 + 0x1000;
        uint64_t upper = l3 | 7, page = 0x87; /* present, writable, for everyone; 1 GiB */
        for (unsigned i = 0; i < 2; i++)
            flat_byte(f, l4 + i * 0x1000);
        memcpy(f->ram + l4, &upper, 8);
        memcpy(f->ram + l3, &page, 8);
        out->cr3 = l4;
        out->cr4 = 0x620; /* PAE, OSFXSR, OSXMMEXCPT */
        out->cr0 |= UINT64_C(0x80000000);
        out->msrs.efer = 0x500; /* LME, LMA */
    }
    return 0;
}
