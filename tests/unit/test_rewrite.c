/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite/rewrite.h: pieces of code, each run twice: as it is, where the system call goes to the kernel, and rewritten,
 * where it goes to a server in the test that answers the same. All registers, the flags and the stack below and above
 * the stack pointer must come out the same; the server must have seen the number, and the address to go on at in rcx.
 */
#include "rewrite/rewrite.h"
#include "rewrite_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { CODE_BYTES = 4096, STACK_WORDS = 256, TRAMPOLINES = 0x1000, TABLE_BYTES = 16 };

/* Pieces of code. NONE is a number that no system call has; `read` is asked for with a descriptor that is none. */
#define PIECE_AND(name, text, behind)                                                                                  \
    __asm__(".section .rodata\n.balign 64\npiece_" #name ":\n" text "\n jmp *0x20808\npiece_end_" #name ":\n" behind   \
            "\n.zero 64\n.previous\n");                                                                                \
    extern const uint8_t piece_##name[], piece_end_##name[];
#define PIECE(name, text) PIECE_AND(name, text, "")

PIECE(mov, "mov $1000,%eax\n syscall")
PIECE(mov_wide, "mov $1000,%rax\n syscall")
PIECE(mov_other, "mov $1000,%eax\n mov %rdi,%rsi\n syscall")
PIECE(mov_other_entered,
      "mov $1000,%eax\n mov %rdi,%rdx\n cmp %rdi,%rsi\n je 1f\n mov %r8,%r9\n 1: mov %rdi,%rsi\n syscall")
PIECE(jump_to_syscall, "lea 1000(%r15),%eax\n cmp %r14,%r13\n je 1f\n mov $1000,%eax\n 1: syscall")
PIECE(jump_into, "mov $1000,%eax\n cmp %r14,%r13\n jne 1f\n mov %rdi,%rdi\n 1: mov %rdi,%rdx\n 2: syscall\n"
                 "cmp %r14,%r14\n jne 2b")
PIECE(rip_load, "mov 1f(%rip),%eax\n syscall\n jmp 2f\n 1: .long 1000\n 2:")
PIECE(rip_load_imm, "mov $1000,%eax\n cmpl $1000,1f(%rip)\n syscall\n jmp 2f\n 1: .long 1000\n 2:")
PIECE(flags, "mov $995,%eax\n add $5,%eax\n syscall")
PIECE(flags_kept, "cmp %rdi,%rsi\n mov $1000,%eax\n syscall")
PIECE(push_pop, "push $1000\n pop %rax\n syscall")
PIECE(red_zone,
      "mov %rdi,-8(%rsp)\n mov %rsi,-128(%rsp)\n mov $1000,%eax\n syscall\n mov -128(%rsp),%r8\n mov -8(%rsp),%r9")
PIECE(twice, "mov $1000,%eax\n syscall\n mov %rax,%rbx\n mov $1001,%eax\n syscall")
PIECE(vector, "mov $1000,%eax\n pxor %xmm3,%xmm3\n movq %xmm3,%rsi\n syscall")
PIECE(read, "jmp 1f\n nopw 0(%rax,%rax,1)\n .balign 8,0x90\n 1: cmp %rdi,%rsi\n je 1f\n 1: xor %eax,%eax\n syscall")
PIECE(table, "mov $1000,%eax\n cmp %r14,%r13\n jne 1f\n jmp *%rdx\n 1: mov %rdi,%rsi\n mov %rdi,%rdx\n syscall")
PIECE(table_island, "mov $1000,%eax\n cmp %r14,%r13\n jne 1f\n jmp *%rdx\n .balign 32,0x90\n 1: mov %rdi,%rsi\n mov "
                    "%rdi,%rdx\n syscall")
PIECE(table_hop, "jmp 9f\n .balign 32,0x90\n 9: .rept 30\n mov %r8,%r9\n .endr\n mov $1000,%eax\n cmp %r14,%r13\n jne "
                 "1f\n jmp *%rdx\n"
                 ".balign 8,0x90\n 1: mov %rdi,%rsi\n .rept 30\n mov %rdi,%rdx\n .endr\n syscall")
PIECE(table_one, "cmp %r14,%r13\n jne 1f\n jmp *%rdx\n 1: mov $1000,%rax\n syscall")
/* Tables: where the targets are known, the windows that none of them enters. The index is r15, 0. */
#define SWITCH(lea, jump)                                                                                              \
    lea "\n jmp 1f\n 1:" jump "\n 2: mov $1000,%eax\n 3: mov %rdi,%rsi\n 4: mov %rdi,%rdx\n 5: syscall\n 6:"
#define JUMP "movslq (%rdx,%r15,4),%rax\n add %rdx,%rax\n jmp *%rax"
PIECE_AND(switch_near, SWITCH("", "lea 9f(%rip),%rdx\n" JUMP), "9: .long 2b-9b, 6b-9b, 0")
PIECE_AND(switch_far, SWITCH("lea 9f(%rip),%rdx", JUMP), "9: .long 2b-9b, 6b-9b, 0")
PIECE_AND(switch_entered, SWITCH("", "lea 9f(%rip),%rdx\n" JUMP), "9: .long 2b-9b, 4b-9b, 5b-9b, 0")
PIECE_AND(switch_loaded,
          SWITCH("lea 9f(%rip),%rdx",
                 "push %rdx\n mov %rsp,%rcx\n mov (%rcx),%rdx\n pop %rcx\n lea 9f(%rip),%rcx\n" JUMP),
          "9: .long 2b-9b, 6b-9b, 0")
PIECE_AND(switch_unknown, SWITCH("mov %rsp,%rdx", "mov (%rdx),%rdx\n cmp %r14,%r13\n jne 2f\n" JUMP), "")
PIECE(after_call, "mov $1000,%eax\n jmp 2f\n 1: ret\n 2: call 1b\n syscall")
PIECE(address_taken, "mov $1000,%eax\n lea 1f(%rip),%rsi\n mov %rdi,%rdx\n 1: mov %rdi,%r10\n syscall")

static uint8_t *code; /* CODE_BYTES of code, and TRAMPOLINES behind it */
static uint64_t stack[STACK_WORDS];

static void protect(int prot)
{
    assert_int_equal(mprotect(code, TRAMPOLINES + CODE_BYTES, prot), 0);
}

static int setup(void **state)
{
    code = mmap(NULL, TRAMPOLINES + CODE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return code == MAP_FAILED || !piece_state();
}

static int teardown(void **state)
{
    return munmap(code, TRAMPOLINES + CODE_BYTES);
}

/* ---- A piece, scanned ---------------------------------------------------------------------------------------- */

static uint8_t marks[CODE_BYTES];

struct scanned {
    struct rewrite_image image;
    struct rewrite_site sites[4];
    int n;
};

static struct scanned scan(const uint8_t *bytes, size_t n)
{
    struct scanned s = {.image = {.n = 1}};

    protect(PROT_READ | PROT_WRITE);
    memset(code, 0xcc, TRAMPOLINES + CODE_BYTES);
    memset(marks, 0, sizeof marks);
    memcpy(code, bytes, n + TABLE_BYTES); /* what is behind a piece is data */
    s.image.data[0] =
        (struct rewrite_data){.bytes = code, .address = (uint64_t)(uintptr_t)code, .size = n + TABLE_BYTES};
    s.image.n_data = 1;
    s.image.code[0] = (struct rewrite_code){
        .bytes = code, .address = (uint64_t)(uintptr_t)code, .size = n, .marks = marks, .sweep_all = true};
    s.n = rewrite_scan(&s.image, s.sites, 4);
    return s;
}
#define SCAN(name) scan(piece_##name, (size_t)(piece_end_##name - piece_##name))

static void rewrite(struct scanned *s)
{
    protect(PROT_READ | PROT_WRITE);
    for (int i = 0; i < s->n; i++) {
        uint64_t at = (uint64_t)(uintptr_t)code + TRAMPOLINES + (unsigned)i * REWRITE_TRAMPOLINE_MAX;

        if (s->sites[i].state == REWRITE_TRAPPED)
            continue;
        int length = rewrite_emit(&s->image, &s->sites[i], at, PIECE_ENTRY_CELL, (uint8_t *)at);
        assert_in_range(length, 14, REWRITE_TRAMPOLINE_MAX);
        assert_int_equal(rewrite_patch(&s->image.code[0], code, &s->sites[i], at), 0);
    }
}

/* ---- A piece, run -------------------------------------------------------------------------------------------- */

static void fill(struct piece_registers *r)
{
    for (unsigned i = 0; i < 16; i++)
        r->r[i] = 0x1111111111111111u * i + 0x123456789;
    for (unsigned i = 0; i < STACK_WORDS; i++)
        stack[i] = 0xabcdef0000u + i;
    r->r[4] = (uint64_t)(uintptr_t)&stack[STACK_WORDS / 2];
    r->r[7] = UINT64_MAX; /* a descriptor that is none */
    r->r[15] = 0;
    r->flags = 0x246;
}

static void run(struct piece_registers *out, uint64_t stack_out[STACK_WORDS], const struct piece_registers *in)
{
    struct piece_state *s = piece_state();

    protect(PROT_READ | PROT_EXEC);
    s->in = *in;
    piece_run((uint64_t)(uintptr_t)code);
    *out = s->out;
    memcpy(stack_out, stack, sizeof stack);
}

static void compare_registers(const char *what, const struct piece_registers *want, const struct piece_registers *got)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

    for (unsigned i = 0; i < 16; i++)
        if (want->r[i] != got->r[i])
            fail_msg("%s: %s is 0x%llx, natively 0x%llx", what, names[i], (unsigned long long)got->r[i],
                     (unsigned long long)want->r[i]);
    if (want->flags != got->flags)
        fail_msg("%s: flags are 0x%llx, natively 0x%llx", what, (unsigned long long)got->flags,
                 (unsigned long long)want->flags);
}

/* Natively and rewritten. `through` says how many calls the server sees; the others go to the kernel. */
static void run_both(const char *what, struct scanned *s, unsigned through, void (*change)(struct piece_registers *))
{
    struct piece_registers in, native, rewritten;
    uint64_t native_stack[STACK_WORDS], rewritten_stack[STACK_WORDS];
    struct piece_state *state = piece_state();

    fill(&in);
    if (change)
        change(&in);
    run(&native, native_stack, &in);
    rewrite(s);
    fill(&in);
    if (change)
        change(&in);
    state->calls = 0;
    state->result = native.r[0];
    run(&rewritten, rewritten_stack, &in);
    compare_registers(what, &native, &rewritten);
    for (unsigned i = 0; i < STACK_WORDS; i++)
        if (native_stack[i] != rewritten_stack[i])
            fail_msg("%s: the stack differs %d bytes from the stack pointer", what, ((int)i - STACK_WORDS / 2) * 8);
    if (state->calls != through)
        fail_msg("%s: %llu calls came through the cell, not %u", what, (unsigned long long)state->calls, through);
    if (!through)
        return;
    const struct rewrite_site *last = &s->sites[s->n - 1];
    assert_int_equal(state->seen.r[1], last->address + 2);
    if (last->nr >= 0)
        assert_int_equal(state->seen.r[0], last->nr);
}

static void test_pieces_run_as_natively(void **state)
{
    static const struct {
        const char *name;
        const uint8_t *bytes, *end;
        int sites;
        enum rewrite_state state;
        int nr, length;
    } cases[] = {
#define CASE(name, sites, state, nr, length) {#name, piece_##name, piece_end_##name, sites, REWRITE_##state, nr, length}
        CASE(mov, 1, MOV, 1000, 5),
        CASE(mov_wide, 1, WINDOW, 1000, 7),
        CASE(mov_other, 1, WINDOW, 1000, 8),
        CASE(mov_other_entered, 1, WINDOW, -1, 5),
        CASE(jump_to_syscall, 1, MOV, -1, 5),
        CASE(rip_load, 1, WINDOW, -1, 6),
        CASE(rip_load_imm, 1, WINDOW, 1000, 10),
        CASE(flags, 1, WINDOW, -1, 8),
        CASE(flags_kept, 1, MOV, 1000, 5),
        CASE(push_pop, 1, WINDOW, -1, 6),
        CASE(red_zone, 1, MOV, 1000, 5),
        CASE(twice, 2, MOV, 1001, 5),
        CASE(vector, 1, WINDOW, 1000, 5),
        CASE(read, 1, ISLAND, 0, 5),
        CASE(table_island, 1, ISLAND, -1, 5),
        CASE(table_hop, 1, ISLAND, -1, 5),
        CASE(switch_near, 1, WINDOW, 1000, 6),
        CASE(switch_far, 1, WINDOW, 1000, 6),
        CASE(table_one, 1, WINDOW, 1000, 7),
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scanned s = scan(cases[i].bytes, (size_t)(cases[i].end - cases[i].bytes));
        const struct rewrite_site *last = &s.sites[s.n - 1];

        if (s.n != cases[i].sites)
            fail_msg("%s: %d sites", cases[i].name, s.n);
        if (last->state != cases[i].state || last->length != cases[i].length || last->nr != cases[i].nr)
            fail_msg("%s: state %u, length %u, number %d, why %u", cases[i].name, last->state, last->length, last->nr,
                     last->why);
        run_both(cases[i].name, &s, (unsigned)s.n, NULL);
    }
}

static void r13_is_r14(struct piece_registers *r)
{
    r->r[13] = r->r[14];
}

static void test_branch_to_the_syscall_itself_still_works(void **state)
{
    struct scanned s = SCAN(jump_to_syscall);

    run_both("jump_to_syscall, branching", &s, 0, r13_is_r14);
}

/* ---- What is left alone -------------------------------------------------------------------------------------- */

static void expect_trapped(const char *what, struct scanned *s, enum rewrite_why why)
{
    uint8_t before[CODE_BYTES];

    assert_int_equal(s->n, 1);
    if (s->sites[0].state != REWRITE_TRAPPED || s->sites[0].why != why)
        fail_msg("%s: state %u, why %u", what, s->sites[0].state, s->sites[0].why);
    assert_int_equal(s->sites[0].trampoline, REWRITE_NO_TRAMPOLINE);
    memcpy(before, code, sizeof before);
    rewrite(s);
    assert_memory_equal(before, code, sizeof before);
    assert_int_equal(rewrite_emit(&s->image, &s->sites[0], 0, PIECE_ENTRY_CELL, before), -EINVAL);
    run_both(what, s, 0, NULL);
}

static void test_windows_that_are_entered_are_left_alone(void **state)
{
    struct scanned s = SCAN(jump_into);

    expect_trapped("jump_into", &s, REWRITE_WHY_ENTERED);
    run_both("jump_into, branching", &s, 0, r13_is_r14);
}

static void test_address_that_is_taken_counts_as_entered(void **state)
{
    struct scanned s = SCAN(address_taken);

    /* with the syscall, from the label on: 5 bytes whose start is the address */
    assert_int_equal(s.sites[0].state, REWRITE_WINDOW);
    assert_int_equal(s.sites[0].window + s.sites[0].length, s.sites[0].address + 2);
    run_both("address_taken", &s, 1, NULL);
}

static void test_functions_with_computed_jumps_keep_their_windows(void **state)
{
    struct scanned s = SCAN(table);

    expect_trapped("table", &s, REWRITE_WHY_INDIRECT);
}

static void test_targets_of_tables_count_as_entered(void **state)
{
    struct scanned s = SCAN(switch_entered);

    expect_trapped("switch_entered", &s, REWRITE_WHY_ENTERED);
    s = SCAN(switch_loaded); /* the index of the test leads to the first entry, but nobody can know */
    expect_trapped("switch_loaded", &s, REWRITE_WHY_INDIRECT);
    s = SCAN(switch_unknown);
    expect_trapped("switch_unknown", &s, REWRITE_WHY_INDIRECT);
}

static void test_calls_are_not_moved(void **state)
{
    struct scanned s = SCAN(after_call);

    expect_trapped("after_call", &s, REWRITE_WHY_PINNED);
}

/* Scans again with an address that the caller knows of, `offset` bytes into the piece. */
static void scan_again(struct scanned *s, size_t offset, enum rewrite_entry kind)
{
    memset(marks, 0, sizeof marks);
    rewrite_entry(&s->image, s->image.code[0].address + offset, kind);
    s->n = rewrite_scan(&s->image, s->sites, 4);
}

static void test_entries_of_the_caller_are_heeded(void **state)
{
    struct scanned s = SCAN(mov_other); /* mov at 0, mov at 5, syscall at 8 */

    scan_again(&s, 5, REWRITE_ENTRY_TARGET);
    assert_int_equal(s.sites[0].window - s.image.code[0].address, 5); /* that mov and the syscall */
    assert_int_equal(s.sites[0].length, 5);
    scan_again(&s, 6, REWRITE_ENTRY_TARGET);
    expect_trapped("a target within an instruction", &s, REWRITE_WHY_ENTERED);
    s = SCAN(mov_other);
    scan_again(&s, 8, REWRITE_ENTRY_FUNCTION);
    assert_int_equal(s.sites[0].state, REWRITE_WINDOW); /* both movs: the syscall stays for who comes to it */
    assert_int_equal(s.sites[0].window + s.sites[0].length, s.sites[0].address);
    s = SCAN(mov);
    scan_again(&s, 5, REWRITE_ENTRY_END); /* between mov and syscall: control goes on over it */
    assert_int_equal(s.sites[0].state, REWRITE_MOV);
    run_both("an end before the syscall", &s, 1, NULL);
}

static void test_more_sites_than_room_is_an_error(void **state)
{
    struct scanned s = SCAN(twice);
    struct rewrite_site one;

    assert_int_equal(s.n, 2);
    memset(marks, 0, sizeof marks);
    assert_int_equal(rewrite_scan(&s.image, &one, 1), -ENOSPC);
}

static void test_bytes_that_do_not_decode_are_not_changed(void **state)
{
    static const uint8_t bytes[9 + TABLE_BYTES] = {0x06, 0xb8, 1,    0,   0,
                                                   0,    0x0f, 0x05, 0xc3}; /* no instruction, then mov, syscall, ret */
    struct scanned s = scan(bytes, 9);

    assert_int_equal(s.n, 1);
    assert_int_equal(s.sites[0].state, REWRITE_TRAPPED);
    assert_int_equal(s.sites[0].why, REWRITE_WHY_UNSWEPT);
}

static void test_syscall_with_prefixes_is_left_alone(void **state)
{
    static const uint8_t bytes[9 + TABLE_BYTES] = {0xb8, 1, 0, 0, 0, 0x48, 0x0f, 0x05, 0xc3};
    struct scanned s = scan(bytes, 9);

    assert_int_equal(s.n, 1);
    assert_int_equal(s.sites[0].address - s.image.code[0].address, 6);
    assert_int_equal(s.sites[0].state, REWRITE_TRAPPED);
}

static void test_only_functions_are_swept_where_not_all_is_code(void **state)
{
    static const uint8_t bytes[22 + TABLE_BYTES] = {0xb8, 1, 0,    0,    0, 0x0f, 0x05, 0xc3, 0xe8, 1,    0,
                                                    0,    0, 0xc3, 0xb8, 1, 0,    0,    0,    0x0f, 0x05, 0xc3};
    struct scanned s = scan(bytes, 22);

    s.image.code[0].sweep_all = false;
    scan_again(&s, 8, REWRITE_ENTRY_FUNCTION); /* calls the one behind it; nobody knows of the first */
    assert_int_equal(s.n, 2);
    assert_int_equal(s.sites[0].why, REWRITE_WHY_UNSWEPT);
    assert_int_equal(s.sites[0].state, REWRITE_TRAPPED);
    assert_int_equal(s.sites[1].state, REWRITE_MOV);
}

/* ---- Distances and bytes ------------------------------------------------------------------------------------- */

static void test_trampolines_that_are_too_far_are_refused(void **state)
{
    struct scanned s = SCAN(rip_load);
    uint8_t out[REWRITE_TRAMPOLINE_MAX];
    uint64_t near = (uint64_t)(uintptr_t)code, far = near + 0x80001000u;

    assert_int_equal(rewrite_emit(&s.image, &s.sites[0], far, PIECE_ENTRY_CELL, out), -ERANGE);
    assert_int_equal(rewrite_patch(&s.image.code[0], code, &s.sites[0], far), -ERANGE);
    assert_int_equal(rewrite_emit(&s.image, &s.sites[0], near, 0x80000000u, out), -EINVAL);
}

static void test_rest_of_a_window_traps(void **state)
{
    struct scanned s = SCAN(mov_other);
    uint64_t at = s.image.code[0].address + TRAMPOLINES;

    protect(PROT_READ | PROT_WRITE);
    assert_int_equal(rewrite_patch(&s.image.code[0], code, &s.sites[0], at), 0);
    assert_int_equal(code[0], 0xe9);
    assert_memory_equal(code + 5, "\xcc\xcc\xcc\x0f\x05", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_run_as_natively),
        cmocka_unit_test(test_branch_to_the_syscall_itself_still_works),
        cmocka_unit_test(test_windows_that_are_entered_are_left_alone),
        cmocka_unit_test(test_address_that_is_taken_counts_as_entered),
        cmocka_unit_test(test_functions_with_computed_jumps_keep_their_windows),
        cmocka_unit_test(test_targets_of_tables_count_as_entered),
        cmocka_unit_test(test_calls_are_not_moved),
        cmocka_unit_test(test_entries_of_the_caller_are_heeded),
        cmocka_unit_test(test_more_sites_than_room_is_an_error),
        cmocka_unit_test(test_bytes_that_do_not_decode_are_not_changed),
        cmocka_unit_test(test_syscall_with_prefixes_is_left_alone),
        cmocka_unit_test(test_only_functions_are_swept_where_not_all_is_code),
        cmocka_unit_test(test_trampolines_that_are_too_far_are_refused),
        cmocka_unit_test(test_rest_of_a_window_traps),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
