/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assembler of the seccomp compiler (see the header for its one idea). It writes only instructions that the
 * kernel's own pre-evaluation of filters understands, as long as no argument is looked at: so a call that is always
 * allowed costs one bit test. Trust: numbers and values come from a foreign profile; the count of instructions is the
 * only thing they can drive, and that is bounded here.
 */
#include "confine/seccomp_emit.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define BRANCH_REACH 255
/* Two islands may yet come between a branch and its target. */
#define LABEL_REACH (BRANCH_REACH - 2)

int bpf_builder_init(struct bpf_builder *b, struct arena *a)
{
    bpf_builder_over(b, arena_array(a, BPF_MAXINSNS, sizeof *b->insns), BPF_MAXINSNS);
    return b->insns ? 0 : -ENOMEM;
}

void bpf_builder_over(struct bpf_builder *b, struct sock_filter *insns, uint32_t room)
{
    *b = (struct bpf_builder){.insns = insns, .room = room};
}

int bpf_builder_finish(struct bpf_builder *b, struct bpf_program *out, struct err *err)
{
    if (b->n > b->room)
        return err_set(
            err, -E2BIG,
            "the seccomp profile needs %u filter instructions and the kernel takes %u; name fewer system calls "
            "with argument conditions",
            b->n, b->room);
    *out = (struct bpf_program){.insns = b->insns + b->room - b->n, .n = b->n};
    return 0;
}

static uint32_t put(struct bpf_builder *b, uint16_t code, uint32_t k, uint32_t jt, uint32_t jf)
{
    if (b->n < b->room)
        b->insns[b->room - 1 - b->n] = (struct sock_filter){.code = code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
    return b->n++;
}

/* Instructions between the one to be written next and `label`. */
static uint32_t distance(const struct bpf_builder *b, uint32_t label)
{
    return b->n - 1 - label;
}

static uint32_t put_return(struct bpf_builder *b, uint32_t verdict)
{
    uint32_t slot = (verdict ^ verdict >> 16) % BPF_RETURNS_KEPT;
    uint32_t label = put(b, BPF_RET | BPF_K, verdict, 0, 0);

    b->returns[slot].verdict = verdict;
    b->returns[slot].label = label;
    b->returns[slot].used = true;
    return label;
}

uint32_t bpf_emit_return(struct bpf_builder *b, uint32_t verdict)
{
    uint32_t slot = (verdict ^ verdict >> 16) % BPF_RETURNS_KEPT;

    if (b->returns[slot].used && b->returns[slot].verdict == verdict &&
        distance(b, b->returns[slot].label) < LABEL_REACH)
        return b->returns[slot].label;
    return put_return(b, verdict);
}

/* A label for the same code that the next branch can reach. */
static uint32_t label_in_reach(struct bpf_builder *b, uint32_t label)
{
    if (distance(b, label) <= LABEL_REACH)
        return label;
    if (label < b->room) {
        const struct sock_filter *target = &b->insns[b->room - 1 - label];
        if (target->code == (BPF_RET | BPF_K))
            return bpf_emit_return(b, target->k);
    }
    return put(b, BPF_JMP | BPF_JA, distance(b, label), 0, 0);
}

uint32_t bpf_emit_branch(struct bpf_builder *b, uint16_t op, uint32_t k, uint32_t yes, uint32_t no)
{
    if (yes == no)
        return yes;
    yes = label_in_reach(b, yes);
    no = label_in_reach(b, no);
    return put(b, (uint16_t)(BPF_JMP | op | BPF_K), k, distance(b, yes), distance(b, no));
}

uint32_t bpf_emit_load(struct bpf_builder *b, uint32_t offset)
{
    return put(b, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

bool bpf_label_returns(const struct bpf_builder *b, uint32_t label)
{
    return label < b->room && b->insns[b->room - 1 - label].code == (BPF_RET | BPF_K);
}

/* The low half of an argument comes first in memory on every architecture of the table. */
static uint32_t arg_offset(uint32_t index, bool upper)
{
    uint32_t at = index == BPF_POINTER ? (uint32_t)offsetof(struct seccomp_data, instruction_pointer)
                                       : (uint32_t)offsetof(struct seccomp_data, args) + 8 * index;

    return at + (upper ? 4 : 0);
}

/* One half against a value; yes and no differ. */
static uint32_t emit_half(struct bpf_builder *b, uint32_t index, bool upper, uint16_t op, uint32_t k, uint32_t yes,
                          uint32_t no)
{
    bpf_emit_branch(b, op, k, yes, no);
    return bpf_emit_load(b, arg_offset(index, upper));
}

static uint32_t emit_masked_half(struct bpf_builder *b, uint32_t index, bool upper, uint32_t mask, uint32_t value,
                                 uint32_t yes, uint32_t no)
{
    value &= mask; /* libseccomp's manual: "the masked datum" */
    if (!mask)
        return yes;
    if (mask == UINT32_MAX)
        return emit_half(b, index, upper, BPF_JEQ, value, yes, no);
    if (!value) /* the frequent "none of these bits" */
        bpf_emit_branch(b, BPF_JSET, mask, no, yes);
    else {
        bpf_emit_branch(b, BPF_JEQ, value, yes, no);
        put(b, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    }
    return bpf_emit_load(b, arg_offset(index, upper));
}

static uint32_t emit_equal(struct bpf_builder *b, uint32_t index, uint64_t value, bool wide, uint32_t yes, uint32_t no)
{
    uint32_t at = emit_half(b, index, false, BPF_JEQ, (uint32_t)value, yes, no);

    return wide ? emit_half(b, index, true, BPF_JEQ, (uint32_t)(value >> 32), at, no) : at;
}

/* op is BPF_JGE or BPF_JGT, for the low half; the upper half decides alone unless it is equal. */
static uint32_t emit_greater(struct bpf_builder *b, uint32_t index, uint16_t op, uint64_t value, bool wide,
                             uint32_t yes, uint32_t no)
{
    uint32_t upper = (uint32_t)(value >> 32);
    uint32_t at = emit_half(b, index, false, op, (uint32_t)value, yes, no);

    if (!wide)
        return at;
    at = bpf_emit_branch(b, BPF_JEQ, upper, at, no);
    bpf_emit_branch(b, BPF_JGT, upper, yes, at);
    return bpf_emit_load(b, arg_offset(index, true));
}

static uint32_t emit_condition(struct bpf_builder *b, const struct seccomp_arg *c, bool wide, uint32_t yes, uint32_t no)
{
    uint32_t at;

    /* Nothing to decide; and a load would have no branch to fall into. */
    if (yes == no)
        return yes;
    switch (c->op) {
    case SECCOMP_OP_EQ:
        return emit_equal(b, c->index, c->value, wide, yes, no);
    case SECCOMP_OP_NE:
        return emit_equal(b, c->index, c->value, wide, no, yes);
    case SECCOMP_OP_GT:
        return emit_greater(b, c->index, BPF_JGT, c->value, wide, yes, no);
    case SECCOMP_OP_GE:
        return emit_greater(b, c->index, BPF_JGE, c->value, wide, yes, no);
    case SECCOMP_OP_LE:
        return emit_greater(b, c->index, BPF_JGT, c->value, wide, no, yes);
    case SECCOMP_OP_LT:
        return emit_greater(b, c->index, BPF_JGE, c->value, wide, no, yes);
    case SECCOMP_OP_MASKED_EQ:
        at = emit_masked_half(b, c->index, false, (uint32_t)c->value, (uint32_t)c->value_two, yes, no);
        if (!wide)
            return at;
        return emit_masked_half(b, c->index, true, (uint32_t)(c->value >> 32), (uint32_t)(c->value_two >> 32), at, no);
    }
    return no;
}

uint32_t bpf_emit_conditions(struct bpf_builder *b, const struct seccomp_arg *args, uint32_t n, uint32_t wide,
                             uint32_t yes, uint32_t no)
{
    while (n--)
        yes = emit_condition(b, &args[n], wide >> args[n].index & 1, yes, no);
    return yes;
}

/* The end is added up in 32 bits: neither an address nor a length of 2 GiB gets so far. */
uint32_t bpf_emit_near_span(struct bpf_builder *b, uint32_t index, uint32_t low, uint32_t high, uint32_t yes,
                            uint32_t no)
{
    if (yes == no)
        return yes;
    bpf_emit_branch(b, BPF_JGT, high, no, yes);
    uint32_t at = put(b, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
    at = bpf_emit_branch(b, BPF_JGE, low, at, no);
    at = bpf_emit_branch(b, BPF_JGT, high, no, at);
    bpf_emit_load(b, arg_offset(index, false));
    at = put(b, BPF_MISC | BPF_TAX, 0, 0, 0);
    bpf_emit_branch(b, BPF_JGT, high - low, no, at);
    return bpf_emit_load(b, arg_offset(index + 1, false));
}

uint32_t bpf_emit_span(struct bpf_builder *b, uint32_t index, uint32_t low, uint32_t high, uint32_t yes, uint32_t no)
{
    uint32_t at = bpf_emit_near_span(b, index, low, high, yes, no);

    at = emit_half(b, index, true, BPF_JEQ, 0, at, no);
    return emit_half(b, index + 1, true, BPF_JEQ, 0, at, no);
}

uint32_t bpf_emit_far_span(struct bpf_builder *b, uint32_t index, uint32_t low, uint32_t high, uint32_t below,
                           uint32_t yes, uint32_t no)
{
    uint32_t at = emit_half(b, index, false, BPF_JGE, low, yes, below);

    at = bpf_emit_branch(b, BPF_JEQ, 0, at, yes);
    bpf_emit_branch(b, BPF_JGE, high, no, at);
    at = bpf_emit_load(b, arg_offset(index, true));
    return emit_half(b, index + 1, true, BPF_JEQ, 0, at, no);
}

/* ---- sets of values: the accumulator keeps the low half through all branches, so it is loaded once -------------- */

#define CHAIN_MAX 4 /* values that are tried one by one; more are parted in the middle first */

/* Stable, and what comes later with the same value is dropped: it could never decide. Returns what is left. */
static uint32_t sort_equals(struct bpf_equal *v, uint32_t n)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct bpf_equal e = v[i];
        uint32_t at = kept;
        while (at && v[at - 1].low > e.low)
            at--;
        if (at && v[at - 1].low == e.low)
            continue;
        for (uint32_t k = kept; k > at; k--)
            v[k] = v[k - 1];
        v[at] = e;
        kept++;
    }
    return kept;
}

static uint32_t emit_equal_tree(struct bpf_builder *b, const struct bpf_equal *v, uint32_t n, uint32_t no)
{
    uint32_t at = no;

    if (n > CHAIN_MAX) {
        uint32_t high = emit_equal_tree(b, v + n / 2, n - n / 2, no);
        uint32_t low = emit_equal_tree(b, v, n / 2, no);
        return bpf_emit_branch(b, BPF_JGE, v[n / 2].low, high, low);
    }
    while (n--) {
        uint32_t verdict = bpf_emit_return(b, v[n].verdict);
        at = bpf_emit_branch(b, BPF_JEQ, v[n].low, verdict, at);
    }
    return at;
}

uint32_t bpf_emit_equals(struct bpf_builder *b, uint32_t arg_index, uint32_t upper, struct bpf_equal *v, uint32_t n,
                         bool wide, uint32_t no)
{
    uint32_t at = emit_equal_tree(b, v, sort_equals(v, n), no);

    if (at == no)
        return no;
    at = bpf_emit_load(b, arg_offset(arg_index, false));
    return wide ? emit_half(b, arg_index, true, BPF_JEQ, upper, at, no) : at;
}

static uint32_t emit_member_tree(struct bpf_builder *b, const uint32_t *v, uint32_t n, uint32_t yes, uint32_t no)
{
    uint32_t at = no;

    if (n > CHAIN_MAX) {
        uint32_t high = emit_member_tree(b, v + n / 2, n - n / 2, yes, no);
        uint32_t low = emit_member_tree(b, v, n / 2, yes, no);
        return bpf_emit_branch(b, BPF_JGE, v[n / 2], high, low);
    }
    while (n--)
        at = bpf_emit_branch(b, BPF_JEQ, v[n], yes, at);
    return at;
}

uint32_t bpf_emit_member(struct bpf_builder *b, uint32_t arg_index, const uint32_t *sorted, uint32_t n, uint32_t yes,
                         uint32_t no)
{
    uint32_t at = emit_member_tree(b, sorted, n, yes, no);

    return at == no ? no : bpf_emit_load(b, arg_offset(arg_index, false));
}

bool bpf_program_valid(const struct sock_filter *insns, uint32_t n)
{
    if (!n || n > BPF_MAXINSNS || insns[n - 1].code != (BPF_RET | BPF_K))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t behind = n - 1 - i;
        switch (insns[i].code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (insns[i].k % 4 || insns[i].k > sizeof(struct seccomp_data) - 4)
                return false;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
        case BPF_ALU | BPF_ADD | BPF_X:
        case BPF_MISC | BPF_TAX:
        case BPF_RET | BPF_K:
            break;
        case BPF_JMP | BPF_JA:
            if (insns[i].k >= behind)
                return false;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
        case BPF_JMP | BPF_JGE | BPF_K:
        case BPF_JMP | BPF_JGT | BPF_K:
        case BPF_JMP | BPF_JSET | BPF_K:
            if (insns[i].jt >= behind || insns[i].jf >= behind)
                return false;
            break;
        default:
            return false;
        }
    }
    return true;
}
