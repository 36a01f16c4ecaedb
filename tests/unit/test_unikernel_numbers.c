/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls a static program can make: machine code as compilers make it, and where nothing can be said. */
#include "unikernel/numbers.h"
#include "unikernel_elf.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SYSCALL 0x0f, 0x05
#define RET     0xc3

struct program_case {
    const char *label;
    uint8_t code[64];
    size_t size;
    struct small_symbol symbols[4];
    bool all;
    int calls[4]; /* ended by -1 */
};

#define CODE(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
#define ONE                                                                                                            \
    {                                                                                                                  \
        {                                                                                                              \
            "f", 0, 0                                                                                                  \
        }                                                                                                              \
    }

static const struct program_case cases[] = {
    {"mov $39,%eax", CODE(0xb8, 39, 0, 0, 0, SYSCALL, RET), ONE, true, {39, -1}},
    {"xor %eax,%eax", CODE(0x31, 0xc0, SYSCALL, RET), ONE, true, {0, -1}},
    {"push $7; pop %rax", CODE(0x6a, 7, 0x58, SYSCALL, RET), ONE, true, {7, -1}},
    {"xor %eax,%eax; mov $56,%al", CODE(0x31, 0xc0, 0xb0, 56, SYSCALL, RET), ONE, true, {56, -1}},
    {"mov $202,%r9d; mov %r9,%rax in a loop", /* nop; jne back */
     CODE(0x41, 0xb9, 202, 0, 0, 0, 0x4c, 0x89, 0xc8, SYSCALL, 0x48, 0x85, 0xc0, 0x75, 0xf6, RET),
     ONE,
     true,
     {202, -1}},
    {"one of two", /* test edi; mov $1; je +5; mov $20 */
     CODE(0x85, 0xff, 0xb8, 1, 0, 0, 0, 0x74, 5, 0xb8, 20, 0, 0, 0, SYSCALL, RET),
     ONE,
     true,
     {1, 20, -1}},
    {"cmov", /* mov $9,%eax; mov $10,%ecx; test; cmove %ecx,%eax */
     CODE(0xb8, 9, 0, 0, 0, 0xb9, 10, 0, 0, 0, 0x85, 0xff, 0x0f, 0x44, 0xc1, SYSCALL, RET),
     ONE,
     true,
     {9, 10, -1}},
    {"zero by the branch that was taken", /* mov (%rdi),%rax; test; je +1; ret; syscall */
     CODE(0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 1, RET, SYSCALL, RET),
     ONE,
     true,
     {0, -1}},
    {"kept over a call in a register that callees keep", /* push rbx; mov $3,%ebx; call g; mov %rbx,%rax; syscall */
     CODE(0x53, 0xbb, 3, 0, 0, 0, 0xe8, 7, 0, 0, 0, 0x48, 0x89, 0xd8, SYSCALL, 0x5b, RET, 0x90, RET),
     {{"f", 0, 0}, {"g", 18, 0}},
     true,
     {3, -1}},
    {"handed to a function", /* f: mov $11,%edi; jmp g; g: mov %rdi,%rax; syscall */
     CODE(0xbf, 11, 0, 0, 0, 0xeb, 0, 0x48, 0x89, 0xf8, SYSCALL, RET),
     {{"f", 0, 0}, {"g", 7, 0}},
     true,
     {11, -1}},
    {"before a switch", /* mov $80,%r10d; jmp *%rsi; mov %r10,%rax; syscall */
     CODE(0x41, 0xba, 80, 0, 0, 0, 0xff, 0xe6, 0x4c, 0x89, 0xd0, SYSCALL, RET),
     ONE,
     true,
     {80, -1}},
    {"from memory", CODE(0x8b, 0x07, SYSCALL, RET), ONE, false, {-1}},
    {"lost in a call", /* mov $3,%eax; call g; syscall */
     CODE(0xb8, 3, 0, 0, 0, 0xe8, 3, 0, 0, 0, SYSCALL, RET, RET),
     {{"f", 0, 0}, {"g", 13, 0}},
     false,
     {-1}},
    {"handed on, and its address is taken", /* f: lea g(%rip),%rax; ret; g: mov %rdi,%rax; syscall */
     CODE(0x48, 0x8d, 0x05, 1, 0, 0, 0, RET, 0x48, 0x89, 0xf8, SYSCALL, RET),
     {{"f", 0, 0}, {"g", 8, 0}},
     false,
     {-1}},
    {"bytes that are no instruction",
     CODE(0x06, 0x07, 0x0e, 0x16, 0x1e, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06, 0x06,
          0x06, SYSCALL, RET),
     ONE,
     false,
     {-1}},
};

static void check(const struct program_case *c)
{
    struct small_elf e = {.code = c->code, .code_size = c->size};
    uint8_t bytes[SMALL_ELF_SIZE], expected[NUMBERS_CALLS / 8] = {0};
    struct numbers numbers;
    struct elf_facts facts;
    struct arena arena;
    struct err err;

    memcpy(e.symbols, c->symbols, sizeof c->symbols);
    size_t n = small_elf_make(&e, bytes);
    assert_int_equal(arena_init(&arena, 64u << 20), 0);
    assert_int_equal(elf_facts_read(bytes, n, &facts, &err), 0);
    assert_int_equal(numbers_find(&arena, bytes, n, &facts, &numbers, &err), 0);
    for (int i = 0; c->calls[i] >= 0; i++)
        expected[c->calls[i] / 8] |= (uint8_t)(1u << c->calls[i] % 8);
    if (numbers.all != c->all)
        fail_msg("%s: %s", c->label, numbers.all ? "all are known" : numbers.unknown);
    if (c->all && memcmp(numbers.calls, expected, sizeof expected) != 0)
        fail_msg("%s: other calls", c->label);
    arena_free(&arena);
}

static void test_number_is_found_where_a_compiler_has_put_it_or_is_said_to_be_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

static void test_program_without_symbols_is_refused(void **state)
{
    static const uint8_t code[] = {0xb8, 39, 0, 0, 0, SYSCALL, RET};
    const struct small_elf e = {.code = code, .code_size = sizeof code};
    uint8_t bytes[SMALL_ELF_SIZE];
    struct numbers numbers;
    struct elf_facts facts;
    struct arena arena;
    struct err err;
    size_t n = small_elf_make(&e, bytes);

    (void)state;
    memset(bytes + 40, 0, 8); /* e_shoff */
    bytes[60] = 0;            /* e_shnum */
    assert_int_equal(arena_init(&arena, 64u << 20), 0);
    assert_int_equal(elf_facts_read(bytes, n, &facts, &err), 0);
    assert_int_equal(numbers_find(&arena, bytes, n, &facts, &numbers, &err), -ENOEXEC);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_is_found_where_a_compiler_has_put_it_or_is_said_to_be_unknown),
        cmocka_unit_test(test_program_without_symbols_is_refused),
    };

    return cmocka_run_group_tests_name("unikernel_numbers", tests, NULL, NULL);
}
