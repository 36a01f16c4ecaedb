/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See numbers.h. Each function is decoded and followed until nothing changes: over the whole program while functions
 * are found that do not return, then while some are found that hand a number of their caller's on. Bounded by the
 * program's size. Pure.
 */
#include "unikernel/numbers.h"
#include "unikernel/numbers_values.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROUNDS_MOST 32
#define PASSES_MOST 64 /* passes over one function */

/* Functions of musl whose own calls are made only for set-user-ID programs, of which there are none in an image: the
 * kernel gives AT_SECURE as 0 and equal ids (src/linux/mm/elf_stack.c). */
static const char *const never[] = {"__init_libc"};

struct function {
    uint64_t start, end;
    const char *name;
    uint32_t numbered; /* registers whose value on entry becomes the number of a call: a bit each */
    bool endless;      /* it does not return */
};

struct program {
    struct arena *a;
    const uint8_t *bytes;
    size_t n;
    const struct elf_facts *facts;
    struct function *functions;
    size_t n_functions;
    struct numbers *out;
    bool changed;

    /* of the function that is looked at */
    struct insn *insns;
    uint64_t *at;
    struct state *states;
    uint32_t *index; /* by offset in the function: 1 + number of the instruction */
    size_t count;
    bool *is_target; /* of a direct jump: each instruction */
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static void give_up(struct program *p, const char *where)
{
    p->out->all = false;
    if (!p->out->unknown)
        p->out->unknown = where;
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

static const uint8_t *code_at(const struct program *p, uint64_t address, size_t *left)
{
    for (unsigned i = 0; i < p->facts->n_loads; i++) {
        const struct elf_load *l = &p->facts->loads[i];
        if (l->prot & PROT_EXEC && address >= l->address && address - l->address < l->file) {
            *left = (size_t)(l->file - (address - l->address));
            return p->bytes + l->offset + (address - l->address);
        }
    }
    *left = 0;
    return NULL;
}

static int by_start(const void *a, const void *b)
{
    const struct function *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* The section headers lie where the header says, all of them within the file. */
static const Elf64_Shdr *find_symbols(const struct program *p, Elf64_Shdr *symbols, Elf64_Shdr *strings)
{
    Elf64_Ehdr h;

    memcpy(&h, p->bytes, sizeof h);
    if (h.e_shentsize != sizeof *symbols || h.e_shoff > p->n || h.e_shnum > (p->n - h.e_shoff) / sizeof *symbols)
        return NULL;
    for (unsigned i = 0; i < h.e_shnum; i++) {
        memcpy(symbols, p->bytes + h.e_shoff + i * sizeof *symbols, sizeof *symbols);
        if (symbols->sh_type != SHT_SYMTAB || symbols->sh_link >= h.e_shnum)
            continue;
        memcpy(strings, p->bytes + h.e_shoff + symbols->sh_link * sizeof *strings, sizeof *strings);
        if (symbols->sh_offset > p->n || symbols->sh_size > p->n - symbols->sh_offset || strings->sh_offset > p->n ||
            strings->sh_size > p->n - strings->sh_offset || !strings->sh_size ||
            p->bytes[strings->sh_offset + strings->sh_size - 1])
            return NULL;
        return symbols;
    }
    return NULL;
}

static int find_functions(struct program *p, struct err *err)
{
    Elf64_Shdr symbols, strings;
    Elf64_Sym s;
    size_t left;

    if (!find_symbols(p, &symbols, &strings))
        return err_set(err, -ENOEXEC, "it has no symbols");
    const size_t n = symbols.sh_size / sizeof s;
    if (!(p->functions = arena_array(p->a, n + 1, sizeof *p->functions)))
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        memcpy(&s, p->bytes + symbols.sh_offset + i * sizeof s, sizeof s);
        if (ELF64_ST_TYPE(s.st_info) == STT_FUNC && s.st_name < strings.sh_size && code_at(p, s.st_value, &left))
            p->functions[p->n_functions++] = (struct function){
                s.st_value, s.st_value + s.st_size, (const char *)p->bytes + strings.sh_offset + s.st_name, 0};
    }
    qsort(p->functions, p->n_functions, sizeof *p->functions, by_start);
    size_t kept = 0;
    for (size_t i = 0; i < p->n_functions; i++) {
        if (kept && p->functions[kept - 1].start == p->functions[i].start) {
            if (p->functions[i].end > p->functions[kept - 1].end)
                p->functions[kept - 1].end = p->functions[i].end;
        } else {
            p->functions[kept++] = p->functions[i];
        }
    }
    p->n_functions = kept;
    return 0;
}

/* Where the section of code ends that has this address. */
static uint64_t section_end(const struct program *p, uint64_t address)
{
    Elf64_Shdr s;
    Elf64_Ehdr h;
    size_t left;

    memcpy(&h, p->bytes, sizeof h); /* checked by find_symbols() */
    for (unsigned i = 0; i < h.e_shnum; i++) {
        memcpy(&s, p->bytes + h.e_shoff + i * sizeof s, sizeof s);
        if (s.sh_flags & SHF_EXECINSTR && address >= s.sh_addr && address - s.sh_addr < s.sh_size &&
            code_at(p, address, &left))
            return address + (s.sh_size - (address - s.sh_addr) < left ? s.sh_size - (address - s.sh_addr) : left);
    }
    return address;
}

/* All code belongs to a function: what no symbol covers, to the one before. */
static int cover(struct program *p, struct err *err)
{
    size_t most = 0;

    for (size_t i = 0; i < p->n_functions; i++) {
        struct function *f = &p->functions[i];
        f->end = section_end(p, f->start);
        if (i + 1 < p->n_functions && p->functions[i + 1].start < f->end)
            f->end = p->functions[i + 1].start;
        most = f->end - f->start > most ? (size_t)(f->end - f->start) : most;
    }
    p->insns = arena_array(p->a, most + 1, sizeof *p->insns);
    p->at = arena_array(p->a, most + 1, sizeof *p->at);
    p->states = arena_array(p->a, most + 1, sizeof *p->states);
    p->index = arena_array(p->a, most + 1, sizeof *p->index);
    p->is_target = arena_array(p->a, most + 1, sizeof *p->is_target);
    return p->insns && p->at && p->states && p->index && p->is_target ? 0 : no_memory(err);
}

static struct function *function_at(const struct program *p, uint64_t start)
{
    const struct function key = {.start = start};

    return bsearch(&key, p->functions, p->n_functions, sizeof key, by_start);
}

/* ---- one function ------------------------------------------------------------------------------------------------ */

static bool decode_all(struct program *p, const struct function *f)
{
    size_t left, n = (size_t)(f->end - f->start);
    const uint8_t *code = code_at(p, f->start, &left);

    p->count = 0;
    memset(p->index, 0, (n + 1) * sizeof *p->index);
    for (size_t at = 0; at < n;) {
        struct insn *o = &p->insns[p->count];
        int length = decode_insn(code + at, n - at, DECODE_64, o);
        if (length < 0) /* padding between functions, or data: nothing is known behind it */
            return at + 16 > n;
        p->at[p->count] = f->start + at;
        p->index[at] = (uint32_t)++p->count;
        at += (size_t)length;
    }
    return true;
}

static uint64_t target_of(const struct program *p, size_t i)
{
    return p->at[i] + p->insns[i].length + (uint64_t)p->insns[i].target;
}

static bool goes_on(const struct program *p, size_t i)
{
    const struct insn *o = &p->insns[i];

    if (o->class == CLASS_CALL) {
        const struct function *callee = function_at(p, target_of(p, i));
        return !callee || !callee->endless;
    }
    return o->class != CLASS_JUMP && o->class != CLASS_JUMP_INDIRECT && o->class != CLASS_RETURN &&
           o->class != CLASS_TRAP && o->name != INSN_HLT; /* which faults here: musl's a_crash() */
}

/* The number of the instruction at an address of this function; SIZE_MAX: none. */
static size_t insn_at(const struct program *p, const struct function *f, uint64_t address)
{
    if (address < f->start || address >= f->end || !p->index[address - f->start])
        return SIZE_MAX;
    return p->index[address - f->start] - 1;
}

/* What a branch says of a register that was tested just before: "test r,r" and then jz or jnz. The register, or -1. */
static int tested(const struct program *p, size_t i)
{
    const struct insn *test = i ? &p->insns[i - 1] : NULL;

    if (!test || test->name != INSN_TEST || test->n_operands != 2 || test->operands[0].kind != OPERAND_REGISTER ||
        test->operands[1].kind != OPERAND_REGISTER || test->operands[0].registers != REGISTERS_GENERAL ||
        test->operands[0].reg != test->operands[1].reg || test->operands[0].bytes < 4 ||
        test->operands[0].reg >= REGISTERS || p->is_target[i])
        return -1;
    return p->insns[i].name == INSN_JZ || p->insns[i].name == INSN_JNZ ? test->operands[0].reg : -1;
}

/* Where a jump's target is computed (a switch), it is taken to be behind an instruction that does not go on: a compiler
 * loads the number of a call before the switch, or in the block that makes the call. */
static bool flow_indirect(struct program *p, const struct state *after)
{
    bool changed = false;

    for (size_t i = 1; i < p->count; i++)
        if (!goes_on(p, i - 1))
            changed |= state_join(&p->states[i], after);
    return changed;
}

static bool flow_insn(struct program *p, const struct function *f, size_t i)
{
    static const struct value zero = {.kind = VALUE_CONSTANT, .n = 1};
    const struct insn *o = &p->insns[i];
    struct state after = p->states[i], jumped;
    const int r = tested(p, i);
    bool changed = false;

    state_step(&after, o);
    jumped = after;
    if (r >= 0)
        (o->name == INSN_JZ ? &jumped : &after)->v[r] = zero;
    if (goes_on(p, i) && i + 1 < p->count)
        changed |= state_join(&p->states[i + 1], &after);
    if (o->class == CLASS_JUMP_INDIRECT)
        changed |= flow_indirect(p, &after);
    size_t to = o->class == CLASS_JUMP || o->class == CLASS_JCC || o->class == CLASS_LOOP
                    ? insn_at(p, f, target_of(p, i))
                    : SIZE_MAX;
    return to == SIZE_MAX ? changed : state_join(&p->states[to], &jumped) || changed;
}

static bool flow(struct program *p, const struct function *f)
{
    memset(p->states, 0, p->count * sizeof *p->states);
    memset(p->is_target, 0, p->count * sizeof *p->is_target);
    for (size_t i = 0; i < p->count; i++) {
        size_t to = p->insns[i].class == CLASS_JUMP || p->insns[i].class == CLASS_JCC ? insn_at(p, f, target_of(p, i))
                                                                                      : SIZE_MAX;
        if (to != SIZE_MAX)
            p->is_target[to] = true;
    }
    if (p->count)
        state_begin(&p->states[0]);
    for (int pass = 0; pass < PASSES_MOST; pass++) {
        bool changed = false;
        for (size_t i = 0; i < p->count; i++)
            if (p->states[i].v[0].kind != VALUE_NONE)
                changed |= flow_insn(p, f, i);
        if (!changed)
            return true;
    }
    return false;
}

static bool is_never(const struct function *f)
{
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (!strcmp(never[i], f->name))
            return true;
    return false;
}

/* A value that is the number of a call: constants are noted, an argument makes the function one that is handed it. */
static void take_number(struct program *p, struct function *f, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NONE: /* never reached */
        return;
    case VALUE_CONSTANT:
        for (int i = 0; i < v->n; i++)
            if (v->v[i] >= 0 && v->v[i] < NUMBERS_CALLS)
                p->out->calls[v->v[i] / 8] |= (uint8_t)(1u << v->v[i] % 8);
        return;
    case VALUE_ARGUMENT:
        p->changed |= !(f->numbered >> v->v[0] & 1);
        f->numbered |= 1u << v->v[0];
        return;
    case VALUE_UNKNOWN:
        give_up(p, f->name);
        return;
    }
}

/* A call, or a jump out, of a function that is handed a number. */
static void take_transfer(struct program *p, struct function *f, uint64_t to, const struct state *s)
{
    const struct function *callee = to < f->start || to >= f->end || to == f->start ? function_at(p, to) : NULL;

    for (int r = 0; callee && r < REGISTERS; r++)
        if (callee->numbered >> r & 1)
            take_number(p, f, &s->v[r]);
}

/* Whether an instruction takes the address of a function that is handed a number: then who calls it is not known. */
static void take_address(struct program *p, const struct function *f, size_t i)
{
    const struct insn *o = &p->insns[i];
    uint64_t address = p->at[i] + o->length + (uint64_t)o->memory.disp;

    if (o->name != INSN_LEA || !o->memory.rip_relative) {
        if (o->name != INSN_MOV || !o->n_operands || o->operands[1].kind != OPERAND_IMMEDIATE)
            return;
        address = (uint64_t)o->imm;
    }
    const struct function *named = function_at(p, address);
    if (named && named->numbered)
        give_up(p, f->name);
}

/* Whether control may come back from it: by a return, or a jump to what may come back. */
static bool returns(struct program *p, const struct function *f)
{
    if (!decode_all(p, f) || !flow(p, f))
        return true;
    for (size_t i = 0; i < p->count; i++) {
        const struct insn *o = &p->insns[i];
        if (p->states[i].v[0].kind == VALUE_NONE)
            continue;
        if (o->class == CLASS_RETURN || o->class == CLASS_JUMP_INDIRECT || (i + 1 == p->count && goes_on(p, i)))
            return true;
        if ((o->class == CLASS_JUMP || o->class == CLASS_JCC) && insn_at(p, f, target_of(p, i)) == SIZE_MAX) {
            const struct function *to = function_at(p, target_of(p, i));
            if (!to || !to->endless)
                return true;
        }
    }
    return false;
}

static void look_at(struct program *p, struct function *f)
{
    if (!decode_all(p, f) || !flow(p, f)) {
        give_up(p, f->name);
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        const struct insn *o = &p->insns[i];
        if (p->states[i].v[0].kind == VALUE_NONE) {
            if (o->class == CLASS_SYSCALL) /* control comes there in a way that is not seen */
                give_up(p, f->name);
            continue;
        }
        if (o->class == CLASS_SYSCALL) {
            p->out->sites++;
            if (!is_never(f))
                take_number(p, f, &p->states[i].v[RAX]);
        } else if (o->class == CLASS_CALL || o->class == CLASS_JUMP || o->class == CLASS_JCC) {
            take_transfer(p, f, target_of(p, i), &p->states[i]);
        }
        take_address(p, f, i);
        if (i + 1 == p->count && goes_on(p, i)) { /* into the next function */
            struct state after = p->states[i];
            state_step(&after, o);
            take_transfer(p, f, f->end, &after);
        }
    }
}

/* Pointers in data: relative relocations, and words that hold an address of such a function. */
static void look_at_data(struct program *p)
{
    for (unsigned i = 0; i < p->facts->n_loads; i++) {
        const struct elf_load *l = &p->facts->loads[i];
        for (uint64_t at = 0; at + 8 <= l->file; at += 8) {
            uint64_t word;
            memcpy(&word, p->bytes + l->offset + at, sizeof word);
            const struct function *f = function_at(p, word);
            if (f && f->numbered)
                give_up(p, f->name);
        }
    }
}

int numbers_find(struct arena *a, const uint8_t *elf, size_t n, const struct elf_facts *facts, struct numbers *out,
                 struct err *err)
{
    struct program p = {.a = a, .bytes = elf, .n = n, .facts = facts, .out = out, .changed = true};
    int r;

    *out = (struct numbers){.all = true};
    if ((r = find_functions(&p, err)) < 0 || (r = cover(&p, err)) < 0)
        return r;
    for (int round = 0; round < ROUNDS_MOST && p.changed; round++) {
        p.changed = false;
        for (size_t i = 0; i < p.n_functions; i++)
            if (!p.functions[i].endless && !returns(&p, &p.functions[i]))
                p.changed = p.functions[i].endless = true;
    }
    p.changed = true;
    for (int round = 0; round < ROUNDS_MOST && p.changed; round++) {
        p.changed = false;
        out->sites = 0;
        for (size_t i = 0; i < p.n_functions; i++)
            look_at(&p, &p.functions[i]);
    }
    look_at_data(&p);
    if (p.changed)
        give_up(&p, "too many functions that hand a number on");
    return 0;
}
