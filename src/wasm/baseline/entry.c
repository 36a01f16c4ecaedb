/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways between C and compiled code, each a change of stacks: into code, out of it to a host function, to a helper
 * of the runtime, and out for good by a trap. Code runs on the store's own stack; C runs where it was, below what
 * wasm_native_enter saved there. Nothing of C's is on the guest's stack and nothing of C runs on it.
 */
#include "wasm/baseline/code.h"
#include "wasm/baseline/internal.h"
#include "wasm/baseline/native.h"

#include "wasm/runtime/store_private.h"

_Static_assert(offsetof(struct native_call, general) == 128 && offsetof(struct native_call, entry) == 176 &&
                   offsetof(struct native_call, instance) == 184 && offsetof(struct native_call, sp) == 192 &&
                   offsetof(struct native_call, results) == 200 && offsetof(struct native_call, store) == 208,
               "the assembler below has these numbers");
_Static_assert(offsetof(struct native_host_call, general) == 128 && offsetof(struct native_host_call, results) == 176 &&
                   offsetof(struct native_host_call, stack) == 184 &&
                   offsetof(struct native_host_call, popped) == 192 && sizeof(struct native_host_call) == 208,
               "the assembler below has these numbers");
_Static_assert(WASM_TRAP_INTERRUPT == 12 && offsetof(struct wasm_store, native) == 56, "the assembler below");

uint8_t wasm_native_has_gs;

__asm__(".text\n"
        ".p2align 4\n"
        ".globl wasm_native_enter\n"
        ".hidden wasm_native_enter\n"
        ".type wasm_native_enter, @function\n"
        "wasm_native_enter:\n" /* rdi: struct native_call */
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    push %rdi\n"
        "    mov 208(%rdi), %r11\n"
        "    pushq (%r11)\n"
        "    pushq 8(%r11)\n"
        "    mov 184(%rdi), %r14\n"
        "    mov 16(%r14), %r15\n"
        "    xor %eax, %eax\n"
        "    cmpb $0, wasm_native_has_gs(%rip)\n"
        "    je 1f\n"
        "    rdgsbase %rax\n"
        "    wrgsbase %r15\n"
        "1:  push %rax\n"
        "    push %rax\n"
        "    mov %rsp, (%r11)\n"
        /* From here an interruption is taken by the handler; one that came before is looked at now. */
        "wasm_native_start:\n"
        "    cmpl $0, 32(%r11)\n"
        "    jne 3f\n"
        "    movups (%rdi), %xmm0\n"
        "    movups 16(%rdi), %xmm1\n"
        "    movups 32(%rdi), %xmm2\n"
        "    movups 48(%rdi), %xmm3\n"
        "    movups 64(%rdi), %xmm4\n"
        "    movups 80(%rdi), %xmm5\n"
        "    movups 96(%rdi), %xmm6\n"
        "    movups 112(%rdi), %xmm7\n"
        "    mov 136(%rdi), %rsi\n"
        "    mov 144(%rdi), %r8\n"
        "    mov 152(%rdi), %r9\n"
        "    mov 160(%rdi), %r10\n"
        "    mov 168(%rdi), %r11\n"
        "    mov 176(%rdi), %rcx\n"
        "    mov 192(%rdi), %rsp\n"
        "    mov 200(%rdi), %rdx\n"
        "    mov 128(%rdi), %rdi\n"
        "    xor %ebp, %ebp\n"
        "    call *%rcx\n"
        "    mov (%r14), %r11\n"
        "    jmp 4f\n"
        "3:  movl $12, 36(%r11)\n" /* WASM_TRAP_INTERRUPT */
        "    movq $0, 40(%r11)\n"
        "    movq $0, 48(%r11)\n"
        "    jmp wasm_native_exit\n"

        /* rax: the store, r10: the helper's number, arguments as in C; on the guest's stack */
        ".p2align 4\n"
        ".globl wasm_native_helper_trap\n"
        ".hidden wasm_native_helper_trap\n"
        "wasm_native_helper_trap:\n"
        "    mov %rsp, 8(%rax)\n"
        "    mov (%rax), %rsp\n"
        "    lea wasm_native_helpers(%rip), %r11\n"
        "    call *(%r11, %r10, 8)\n"
        "    mov (%r14), %r11\n"
        "    mov 8(%r11), %rsp\n"
        "    test %eax, %eax\n"
        "    jne 2f\n"
        "    cmpl $0, 32(%r11)\n"
        "    jne 1f\n"
        "    ret\n"
        "1:  mov $12, %eax\n"
        "2:  mov %eax, 36(%r11)\n"
        "    mov (%rsp), %rcx\n"
        "    dec %rcx\n" /* within the call, as the map has it */
        "    mov %rcx, 40(%r11)\n"
        "    mov %rbp, 48(%r11)\n"
        "    mov (%r11), %rsp\n"
        "    jmp wasm_native_exit\n"

        ".p2align 4\n"
        ".globl wasm_native_helper_value\n"
        ".hidden wasm_native_helper_value\n"
        "wasm_native_helper_value:\n"
        "    mov %rsp, 8(%rax)\n"
        "    mov (%rax), %rsp\n"
        "    lea wasm_native_helpers(%rip), %r11\n"
        "    call *(%r11, %r10, 8)\n"
        "    mov %eax, %eax\n" /* C leaves the upper half as it likes */
        "    mov (%r14), %r11\n"
        "    mov 8(%r11), %rsp\n"
        "    cmpl $0, 32(%r11)\n"
        "    jne 1b\n"
        "    ret\n"

        /* Returned to by another instance's function that was called for good: our caller's instance is put back. */
        ".p2align 4\n"
        ".globl wasm_native_return_gs\n"
        ".hidden wasm_native_return_gs\n"
        "wasm_native_return_gs:\n"
        "    pop %r14\n"
        "    mov 16(%r14), %rcx\n"
        "    wrgsbase %rcx\n"
        "    ret\n"
        ".globl wasm_native_return_r15\n"
        ".hidden wasm_native_return_r15\n"
        "wasm_native_return_r15:\n"
        "    pop %r14\n"
        "    mov 16(%r14), %r15\n"
        "    ret\n"

        /* rax: the host function's record, r14: the caller, rdx: where several results go; on the guest's stack */
        ".p2align 4\n"
        ".globl wasm_native_host\n"
        ".hidden wasm_native_host\n"
        "wasm_native_host:\n"
        "    push %rbp\n"
        "    mov %rsp, %rbp\n"
        "    mov (%r14), %rcx\n"
        "    mov %rsp, 8(%rcx)\n"
        "    mov (%rcx), %rsp\n"
        "    sub $208, %rsp\n"
        "    movups %xmm0, (%rsp)\n"
        "    movups %xmm1, 16(%rsp)\n"
        "    movups %xmm2, 32(%rsp)\n"
        "    movups %xmm3, 48(%rsp)\n"
        "    movups %xmm4, 64(%rsp)\n"
        "    movups %xmm5, 80(%rsp)\n"
        "    movups %xmm6, 96(%rsp)\n"
        "    movups %xmm7, 112(%rsp)\n"
        "    mov %rdi, 128(%rsp)\n"
        "    mov %rsi, 136(%rsp)\n"
        "    mov %r8, 144(%rsp)\n"
        "    mov %r9, 152(%rsp)\n"
        "    mov %r10, 160(%rsp)\n"
        "    mov %r11, 168(%rsp)\n"
        "    mov %rdx, 176(%rsp)\n"
        "    lea 16(%rbp), %rcx\n"
        "    mov %rcx, 184(%rsp)\n"
        "    mov %rax, %rdi\n"
        "    mov %r14, %rsi\n"
        "    mov %rsp, %rdx\n"
        "    call wasm_native_host_call\n"
        "    mov (%r14), %r11\n"
        "    test %eax, %eax\n"
        "    jne 6f\n"
        "    cmpl $0, 32(%r11)\n"
        "    jne 5f\n"
        "    mov 128(%rsp), %rax\n"
        "    movups (%rsp), %xmm0\n"
        "    mov 192(%rsp), %rcx\n"
        "    mov 8(%r11), %rsp\n"
        "    pop %rbp\n"
        "    test %rcx, %rcx\n"
        "    jne 7f\n"
        "    ret\n"
        "7:  pop %rdx\n"
        "    add %rcx, %rsp\n"
        "    jmp *%rdx\n"
        "5:  mov $12, %eax\n"
        "6:  mov %eax, 36(%r11)\n"
        "    mov 8(%rbp), %rcx\n"
        "    dec %rcx\n"
        "    mov %rcx, 40(%r11)\n"
        "    mov (%rbp), %rcx\n"
        "    mov %rcx, 48(%r11)\n"
        "    mov (%r11), %rsp\n"
        "    jmp wasm_native_exit\n"
        ".globl wasm_native_start\n"
        ".hidden wasm_native_start\n"
        ".globl wasm_native_end\n"
        ".hidden wasm_native_end\n"
        "wasm_native_end:\n"

        "4:  mov (%r11), %rsp\n"
        "    mov 32(%rsp), %rdi\n"
        "    mov %rax, 128(%rdi)\n"
        "    movups %xmm0, (%rdi)\n"
        "    xor %eax, %eax\n"
        "    jmp 8f\n"
        ".globl wasm_native_exit\n"
        ".hidden wasm_native_exit\n"
        "wasm_native_exit:\n"
        "    mov 36(%r11), %eax\n"
        "8:  add $8, %rsp\n"
        "    pop %rcx\n"
        "    cmpb $0, wasm_native_has_gs(%rip)\n"
        "    je 9f\n"
        "    wrgsbase %rcx\n"
        "9:  popq 8(%r11)\n"
        "    popq (%r11)\n"
        "    pop %rdi\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    cld\n"
        "    ret\n"
        ".size wasm_native_enter, .-wasm_native_enter\n");

/* ---- Helpers ----------------------------------------------------------------------------------------------------- */

static enum wasm_trap helper_table_init(struct wasm_instance *i, uint64_t elem_table, uint32_t to, uint32_t from,
                                        uint32_t n)
{
    uint32_t pair[2] = {(uint32_t)elem_table, (uint32_t)(elem_table >> 32)};

    return wasm_table_init(i, pair, to, from, n);
}

static enum wasm_trap helper_table_copy(struct wasm_instance *i, uint64_t to_from, uint32_t to, uint32_t from,
                                        uint32_t n)
{
    uint32_t pair[2] = {(uint32_t)to_from, (uint32_t)(to_from >> 32)};

    return wasm_table_copy(i, pair, to, from, n);
}

/* By enum helper. */
extern void *const wasm_native_helpers[HELPERS];
__attribute__((visibility("hidden"), used)) void *const wasm_native_helpers[HELPERS] = {
    [HELPER_MEMORY_INIT] = wasm_memory_init, [HELPER_MEMORY_COPY] = wasm_memory_copy,
    [HELPER_MEMORY_FILL] = wasm_memory_fill, [HELPER_TABLE_INIT] = helper_table_init,
    [HELPER_TABLE_COPY] = helper_table_copy, [HELPER_TABLE_FILL] = wasm_table_fill,
    [HELPER_MEMORY_GROW] = wasm_memory_grow, [HELPER_TABLE_GROW] = wasm_table_grow,
    [HELPER_DATA_DROP] = wasm_data_drop,     [HELPER_ELEM_DROP] = wasm_elem_drop,
};

/* ---- Values ------------------------------------------------------------------------------------------------------ */

/* An argument of a call: in a register's image, or in memory. */
static void *argument_at(struct place p, uint8_t (*vector)[16], uint64_t *general, const uint8_t *stack)
{
    if (p.reg >= R_XMM0 && p.reg != R_NONE)
        return vector[p.reg - R_XMM0];
    for (unsigned i = 0; i < ARGUMENTS_GENERAL; i++)
        if (p.reg == argument_registers[i])
            return &general[i];
    return (void *)(uintptr_t)(stack + p.stack);
}

static void copy_value(uint8_t vt, void *to, const void *from)
{
    if (vt == VT_I32 || vt == VT_F32) {
        uint64_t v = 0;

        memcpy(&v, from, 4);
        memcpy(to, &v, 8);
    } else {
        memcpy(to, from, vt_size(vt));
    }
}

/* Several results: below `end`, each 8 or 16 bytes. */
static void copy_results(const struct wasm_functype *type, union wasm_value *values, uint8_t *end, bool out)
{
    for (uint32_t i = 0; i < type->n_results; i++) {
        uint8_t vt = vt_of_type[type->types[type->n_params + i]];

        end -= vt_size(vt);
        if (out)
            copy_value(vt, &values[i], end);
        else
            copy_value(vt, end, &values[i]);
    }
}

static uint32_t results_size(const struct wasm_functype *type)
{
    uint32_t size = 0;

    for (uint32_t i = 0; i < type->n_results && type->n_results > 1; i++)
        size += vt_size(vt_of_type[type->types[type->n_params + i]]);
    return size;
}

/* Called by wasm_native_host. */
enum wasm_trap wasm_native_host_call(struct wasm_func *f, struct wasm_instance *caller, struct native_host_call *h);
__attribute__((visibility("hidden"), used)) enum wasm_trap
wasm_native_host_call(struct wasm_func *f, struct wasm_instance *caller, struct native_host_call *h)
{
    const struct wasm_functype *type = wasm_func_type(caller->store, f);
    uint32_t n = type->n_params > type->n_results ? type->n_params : type->n_results;
    union wasm_value *values = __builtin_alloca_with_align((n + 1) * sizeof(*values), 128);
    struct places places = {0};
    enum wasm_trap trap;

    for (uint32_t i = 0; i < type->n_params; i++) {
        uint8_t vt = vt_of_type[type->types[i]];

        copy_value(vt, &values[i], argument_at(place_next(&places, vt), h->vector, h->general, h->stack));
    }
    h->popped = (places.stack + 15) & ~15u;
    trap = wasm_host_call(caller->store, f, caller, values);
    if (trap != WASM_TRAP_NONE)
        return trap;
    if (type->n_results == 1) {
        uint8_t vt = vt_of_type[type->types[type->n_params]];

        copy_value(vt, vt_is_vector(vt) ? (void *)h->vector[0] : &h->general[0], &values[0]);
    } else {
        copy_results(type, values, (uint8_t *)(uintptr_t)h->results, false);
    }
    return WASM_TRAP_NONE;
}

uint64_t wasm_code_return_address(uint64_t frame, uint64_t end, const struct wasm_functype *type)
{
    const uint64_t *words = (const uint64_t *)(uintptr_t)frame;
    uint64_t proper = frame + 16 + places_stack(type) + 8; /* behind its arguments and the instance */

    if ((words[1] == (uint64_t)(uintptr_t)wasm_native_return_gs ||
         words[1] == (uint64_t)(uintptr_t)wasm_native_return_r15) &&
        proper + 8 <= end)
        return *(const uint64_t *)(uintptr_t)proper;
    return words[1];
}

const void *wasm_code_host_entry(const struct wasm_functype *type)
{
    (void)type;
    return wasm_native_host;
}

enum wasm_trap wasm_code_enter(struct wasm_store *s, struct wasm_func *f, union wasm_value *values, void *guest_sp)
{
    const struct wasm_functype *type = wasm_func_type(s, f);
    struct native_call call = {.entry = f->entry, .instance = f->instance, .store = s};
    struct wasm_store *outer = code_active;
    struct places places = {0};
    enum wasm_trap trap;

    if (code_thread_ready() < 0)
        return wasm_fail(s, "no memory for the stack of signal handlers");
    s->native[0] = (uint64_t)(uintptr_t)wasm_native_helper_trap;
    s->native[1] = (uint64_t)(uintptr_t)wasm_native_helper_value;
    s->native[2] = (uint64_t)(uintptr_t)wasm_native_return_gs;
    s->native[3] = (uint64_t)(uintptr_t)wasm_native_return_r15;
    call.results = (uint64_t)(uintptr_t)guest_sp;
    uint64_t top = (call.results - results_size(type)) & ~(uint64_t)15;
    call.sp = top - places_stack(type);
    if (call.sp < s->stack_limit || call.sp > top) {
        s->trap_pc = s->trap_fp = 0;
        return WASM_TRAP_STACK_EXHAUSTED;
    }
    for (uint32_t i = 0; i < type->n_params; i++) {
        uint8_t vt = vt_of_type[type->types[i]];

        copy_value(vt, argument_at(place_next(&places, vt), call.vector, call.general, (uint8_t *)(uintptr_t)call.sp),
                   &values[i]);
    }
    code_active = s;
    trap = wasm_native_enter(&call);
    code_active = outer;
    if (trap != WASM_TRAP_NONE)
        return trap;
    if (type->n_results == 1) {
        uint8_t vt = vt_of_type[type->types[type->n_params]];

        copy_value(vt, &values[0], vt_is_vector(vt) ? (void *)call.vector[0] : &call.general[0]);
    } else {
        copy_results(type, values, (uint8_t *)(uintptr_t)call.results, true);
    }
    return WASM_TRAP_NONE;
}
