/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Programs may be anything: every access is checked. */
#include "bpf_interp.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct machine {
    uint32_t a, x, mem[BPF_MEMWORDS];
};

static bool load(struct machine *m, const struct sock_filter *f, const struct seccomp_data *data, struct bpf_run *out)
{
    switch (BPF_MODE(f->code)) {
    case BPF_ABS:
        if (BPF_SIZE(f->code) != BPF_W || f->k % 4 || f->k > sizeof *data - 4)
            return false;
        memcpy(&m->a, (const char *)data + f->k, 4);
        out->arg_loads += f->k >= offsetof(struct seccomp_data, instruction_pointer);
        return true;
    case BPF_IMM:
        m->a = f->k;
        return true;
    case BPF_MEM:
        if (f->k >= BPF_MEMWORDS)
            return false;
        m->a = m->mem[f->k];
        return true;
    default:
        return false;
    }
}

static bool arithmetic(struct machine *m, const struct sock_filter *f)
{
    uint32_t operand = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

    switch (BPF_OP(f->code)) {
    case BPF_ADD:
        m->a += operand;
        return true;
    case BPF_AND:
        m->a &= operand;
        return true;
    case BPF_OR:
        m->a |= operand;
        return true;
    default:
        return false;
    }
}

static bool jump_taken(const struct machine *m, const struct sock_filter *f, bool *ok)
{
    uint32_t operand = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

    switch (BPF_OP(f->code)) {
    case BPF_JEQ:
        return m->a == operand;
    case BPF_JGT:
        return m->a > operand;
    case BPF_JGE:
        return m->a >= operand;
    case BPF_JSET:
        return m->a & operand;
    default:
        *ok = false;
        return false;
    }
}

int bpf_interp(const struct sock_filter *insns, uint32_t n, const struct seccomp_data *data, struct bpf_run *out)
{
    struct machine m = {0};
    bool ok = true;

    *out = (struct bpf_run){0};
    for (uint64_t pc = 0; pc < n; pc++, out->steps++) {
        const struct sock_filter *f = &insns[pc];
        switch (BPF_CLASS(f->code)) {
        case BPF_LD:
            ok = load(&m, f, data, out);
            break;
        case BPF_ALU:
            ok = arithmetic(&m, f);
            break;
        case BPF_ST:
            ok = f->k < BPF_MEMWORDS;
            if (ok)
                m.mem[f->k] = m.a;
            break;
        case BPF_MISC:
            if (BPF_MISCOP(f->code) == BPF_TAX)
                m.x = m.a;
            else
                m.a = m.x;
            break;
        case BPF_JMP:
            if (BPF_OP(f->code) == BPF_JA)
                pc += f->k;
            else
                pc += jump_taken(&m, f, &ok) ? f->jt : f->jf;
            break;
        case BPF_RET:
            out->verdict = BPF_RVAL(f->code) == BPF_A ? m.a : f->k;
            return 0;
        default:
            return -1;
        }
        if (!ok)
            return -1;
    }
    return -1;
}
