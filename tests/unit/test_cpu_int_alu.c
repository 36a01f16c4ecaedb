/* SPDX-License-Identifier: Apache-2.0 */
/* Addition, subtraction, logic and comparison: each operation, width and form, together with the host's processor. */
#include "cpu_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const unsigned sizes[] = {1, 2, 4, 8};
static const uint64_t flag_sets[] = {0, FLAGS_SIX, FLAG_C, FLAG_A | FLAG_Z};

/* Logic leaves A open. */
static uint32_t ignored(unsigned operation)
{
    return operation == 1 || operation == 4 || operation == 6 ? FLAG_A : 0;
}

static void put_memory(struct pair *p, uint64_t v)
{
    memcpy(p->data + 0x30 + 2 * 0x20 + 0x10, &v, 8);
}

/* All pairs of edges in registers a and b; b's value is in memory as well. */
static void pairs(struct pair *p, unsigned a, unsigned b, uint32_t skip_flags, const char *label)
{
    for (unsigned i = 0; i < edges_count; i++)
        for (unsigned j = 0; j < edges_count; j++) {
            pair_fill(p);
            p->in.flags = flag_sets[(i + j) % 4];
            if (a < 16 && a != GPR_SI && a != GPR_DI)
                p->in.gpr[a] = edges[i];
            if (b < 16 && b != GPR_SI && b != GPR_DI)
                p->in.gpr[b] = edges[j];
            if (a & ENCODE_AH)
                p->in.gpr[a & 3] = edges[i] << 8 | edges[j];
            put_memory(p, edges[j]);
            pair_compare(p, skip_flags, label);
        }
}

static void test_two_operands_registers_and_memory(void **state)
{
    static const char *const names[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
    struct pair *p = pair_make();

    for (unsigned operation = 0; operation < 8; operation++)
        for (unsigned s = 0; s < 4; s++)
            for (unsigned to_register = 0; to_register < 2; to_register++) {
                unsigned opcode = operation * 8 + (s > 0) + 2 * to_register;

                pair_code(p, encode(sizes[s], opcode, 1, 3));
                pairs(p, 3, 1, ignored(operation), names[operation]);
                pair_code(p, encode(sizes[s], opcode, 9, 12));
                pairs(p, 9, 12, ignored(operation), names[operation]);
                pair_code(p, encode(sizes[s], opcode, 10, ENCODE_MEMORY));
                pairs(p, 10, 16, ignored(operation), names[operation]);
            }
    assert_true(p->compared > 50000);
    pair_free(p);
}

static void test_high_bytes(void **state)
{
    struct pair *p = pair_make();

    for (unsigned operation = 0; operation < 8; operation++) {
        pair_code(p, encode(1, operation * 8, ENCODE_AH + 1, ENCODE_AH + 3)); /* op bh, ch */
        pairs(p, ENCODE_AH + 1, ENCODE_AH + 3, ignored(operation), "bh, ch");
        pair_code(p, encode(1, operation * 8, 0, ENCODE_AH + 0)); /* op ah, al */
        pairs(p, ENCODE_AH + 0, 0, ignored(operation), "ah, al");
        pair_code(p, encode(1, operation * 8 + 2, ENCODE_AH + 2, ENCODE_MEMORY)); /* op dh, [] */
        pairs(p, ENCODE_AH + 2, 16, ignored(operation), "dh, memory");
    }
    pair_free(p);
}

static void test_same_register_twice(void **state)
{
    struct pair *p = pair_make();

    for (unsigned operation = 0; operation < 8; operation++)
        for (unsigned s = 0; s < 4; s++) {
            pair_code(p, encode(sizes[s], operation * 8 + (s > 0), 5, 5));
            pairs(p, 5, 5, ignored(operation), "same register");
        }
    pair_free(p);
}

static void test_two_operands_immediates(void **state)
{
    static const uint64_t immediates[] = {0, 1, 0x7f, 0x80, 0xff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    struct pair *p = pair_make();

    for (unsigned operation = 0; operation < 8; operation++)
        for (unsigned s = 0; s < 4; s++)
            for (unsigned k = 0; k < sizeof immediates / 8; k++) {
                unsigned wide = sizes[s] == 8 ? 4 : sizes[s], rm = k & 1 ? 11 : ENCODE_MEMORY;

                pair_code(p, encode_imm(sizes[s], s ? 0x81 : 0x80, operation, rm, wide, immediates[k]));
                pairs(p, 11, 16, ignored(operation), "immediate");
                if (s == 0)
                    continue;
                pair_code(p, encode_imm(sizes[s], 0x83, operation, rm, 1, immediates[k]));
                pairs(p, 11, 16, ignored(operation), "immediate of a byte");
            }
    pair_free(p);
}

static struct code bytes(unsigned n, const uint8_t *from)
{
    struct code c = {.n = n};

    memcpy(c.bytes, from, n);
    return c;
}

static void test_accumulator_and_immediate(void **state)
{
    struct pair *p = pair_make();

    for (unsigned operation = 0; operation < 8; operation++) {
        const uint8_t al[] = {(uint8_t)(operation * 8 + 4), 0x85},
                      eax[] = {(uint8_t)(operation * 8 + 5), 1, 2, 3, 0x84},
                      rax[] = {0x48, (uint8_t)(operation * 8 + 5), 0xf0, 0xff, 0xff, 0xff};

        pair_code(p, bytes(sizeof al, al));
        pairs(p, 0, 16, ignored(operation), "al, imm8");
        pair_code(p, bytes(sizeof eax, eax));
        pairs(p, 0, 16, ignored(operation), "eax, imm32");
        pair_code(p, bytes(sizeof rax, rax));
        pairs(p, 0, 16, ignored(operation), "rax, imm32");
    }
    pair_free(p);
}

static void test_one_operand(void **state)
{
    static const struct {
        const char *name;
        unsigned opcode, digit;
    } rows[] = {{"inc", 0xfe, 0}, {"dec", 0xfe, 1}, {"not", 0xf6, 2}, {"neg", 0xf6, 3}};
    struct pair *p = pair_make();

    for (unsigned r = 0; r < 4; r++)
        for (unsigned s = 0; s < 4; s++) {
            pair_code(p, encode(sizes[s], rows[r].opcode + (s > 0), rows[r].digit, 13));
            pairs(p, 13, 16, 0, rows[r].name);
            pair_code(p, encode(sizes[s], rows[r].opcode + (s > 0), rows[r].digit, ENCODE_MEMORY));
            pairs(p, 13, 16, 0, rows[r].name);
        }
    pair_free(p);
}

static void test_test(void **state)
{
    struct pair *p = pair_make();

    for (unsigned s = 0; s < 4; s++) {
        unsigned wide = sizes[s] == 8 ? 4 : sizes[s];

        pair_code(p, encode(sizes[s], 0x84 + (s > 0), 2, 3));
        pairs(p, 2, 3, FLAG_A, "test registers");
        pair_code(p, encode(sizes[s], 0x84 + (s > 0), 2, ENCODE_MEMORY));
        pairs(p, 2, 16, FLAG_A, "test memory");
        pair_code(p, encode_imm(sizes[s], 0xf6 + (s > 0), 0, 9, wide, 0x80808080));
        pairs(p, 9, 16, FLAG_A, "test immediate");
        pair_code(p, encode_imm(sizes[s], 0xf6 + (s > 0), 1, ENCODE_MEMORY, wide, 0xf7f7f7f7));
        pairs(p, 9, 16, FLAG_A, "test memory, immediate");
    }
    pair_free(p);
}

static void test_locked_operations(void **state)
{
    static const unsigned opcodes[] = {0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30};
    struct pair *p = pair_make();

    for (unsigned i = 0; i < 7 * 4 + 4 * 4; i++) {
        unsigned s = i & 3, k = i >> 2;
        struct code plain = k < 7 ? encode(sizes[s], opcodes[k] + (s > 0), 10, ENCODE_MEMORY)
                                  : encode(sizes[s], (k < 9 ? 0xfe : 0xf6) + (s > 0), k - 7, ENCODE_MEMORY);
        struct code locked = {.n = plain.n + 1};

        locked.bytes[0] = 0xf0;
        memcpy(locked.bytes + 1, plain.bytes, plain.n);
        pair_code(p, locked);
        pairs(p, 10, 16, FLAG_A, "locked");
    }
    pair_free(p);
}

/* ---- Beside the host
 * ------------------------------------------------------------------------------------------------- */

static void test_fault_leaves_everything(void **state)
{
    static const struct {
        const char *label;
        uint8_t bytes[4];
    } rows[] = {
        {"add [rbx], rcx", {0x48, 0x01, 0x0b}},
        {"add rcx, [rbx]", {0x48, 0x03, 0x0b}},
        {"inc qword [rbx]", {0x48, 0xff, 0x03}},
        {"cmp [rbx], rcx", {0x48, 0x39, 0x0b}},
        {"lock add [rbx], rcx", {0xf0, 0x48, 0x01, 0x0b}},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct board *b = board_make(BOARD_64);
        struct cpu *cpu = b->cpu;

        board_code(b, rows[i].bytes, 4);
        cpu->gpr[GPR_BX] = 0x7ffffffffffd; /* nothing is mapped there */
        cpu->gpr[GPR_CX] = 5;
        flags_set(&cpu->flags, FLAG_C | FLAG_S);
        cpu_run(cpu, 1);
        if (cpu->gpr[GPR_BX] != 0x7ffffffffffd || cpu->gpr[GPR_CX] != 5 || flags_get(&cpu->flags) != (FLAG_C | FLAG_S))
            print_error("%s\n", rows[i].label);
        assert_int_equal(cpu->gpr[GPR_BX], 0x7ffffffffffd);
        assert_int_equal(cpu->gpr[GPR_CX], 5);
        assert_int_equal(flags_get(&cpu->flags), FLAG_C | FLAG_S);
        board_free(b);
    }
}

/* Over the end of a page, and to a device, the slow ways compute the same. */
static void test_slow_memory(void **state)
{
    static const uint8_t code[] = {
        0x48, 0x01, 0x0b,                /* add [rbx], rcx */
        0x48, 0x2b, 0x13,                /* sub rdx, [rbx] */
        0x48, 0x81, 0x3b, 0x10, 0, 0, 0, /* cmp qword [rbx], 16 */
    };
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    board_write64(b, BOARD_DATA + 4093, 11);
    cpu->gpr[GPR_BX] = BOARD_DATA + 4093;
    cpu->gpr[GPR_CX] = 5;
    cpu->gpr[GPR_DX] = 20;
    board_run(b, 3);
    assert_int_equal(board_read64(b, BOARD_DATA + 4093), 16);
    assert_int_equal(cpu->gpr[GPR_DX], 4);
    assert_true(flags_z(&cpu->flags));

    board_code(b, code, sizeof code);
    cpu->gpr[GPR_BX] = BOARD_DEVICE + 8;
    board_run(b, 1);
    assert_int_equal(b->device_reads, 1);
    assert_int_equal(b->device_writes, 1);
    assert_int_equal(b->device_value, BOARD_DEVICE + 8 + 5);
    board_free(b);
}

/* An instruction on registers that are not rsp, of those that make, keep, change and read flags. */
static struct code any_operation(void)
{
    static const uint8_t plain[] = {0xf5, 0xf8, 0xf9, 0x90, 0x98, 0x99};
    unsigned size = sizes[pair_random() % 4], wide = size == 1 ? 4 : size, a = (unsigned)(pair_random() % 4),
             b = 8 + (unsigned)(pair_random() % 4), n = (unsigned)(pair_random() % 8),
             cc = (unsigned)(pair_random() % 16);

    switch (pair_random() % 10) {
    case 0:
    case 1:
    case 2:
        return encode(size, n * 8 + (size > 1), a, pair_random() & 1 ? a : b);
    case 3:
        return encode_imm(wide, 0x83, n, b, 1, pair_random());
    case 4:
        return encode_imm(wide, 0xc1, n, a, 1, pair_random());
    case 5:
        return encode(wide, 0xff, n & 1, b);
    case 6:
        return encode(wide, 0x0faf, a, b);
    case 7:
        return encode(wide, n & 1 ? 0x89 : 0x0fb6, a, n & 2 ? b : a);
    case 8:
        return n & 1 ? encode(1, 0x0f90 + cc, 0, b) : encode(wide, 0x0f40 + cc, a, b);
    default:
        return bytes(1, &plain[pair_random() % sizeof plain]);
    }
}

/* A block leaves out flags that nobody sees; instructions run one by one leave out none. */
static void test_flags_of_a_block_are_those_of_single_steps(void **state)
{
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    for (unsigned n = 0; n < 3000; n++) {
        uint64_t gpr[2][16], flags[2], start[16];
        unsigned count = 2 + n % 14;
        uint8_t code[256];
        size_t at = 0;

        for (unsigned i = 0; i < count; i++) {
            struct code c = any_operation();
            memcpy(code + at, c.bytes, c.n);
            at += c.n;
        }
        code[at++] = 0xeb; /* the end of the block: jmp to what is behind it */
        code[at++] = 0;
        count++;
        board_code(b, code, at);
        for (unsigned i = 0; i < 16; i++)
            start[i] = i == GPR_SP ? cpu->gpr[i] : n & 1 ? pair_random() : edges[pair_random() % edges_count];
        for (unsigned together = 0; together < 2; together++) {
            memcpy(cpu->gpr, start, sizeof start);
            flags_set(&cpu->flags, n & 2 ? FLAGS_SIX : 0);
            cpu->rip = BOARD_CODE;
            for (unsigned i = 0; i < (together ? 1 : count); i++)
                board_run(b, together ? count : 1);
            memcpy(gpr[together], cpu->gpr, sizeof gpr[together]);
            flags[together] = flags_get(&cpu->flags);
            assert_int_equal(cpu->rip, BOARD_CODE + at);
        }
        assert_memory_equal(gpr[0], gpr[1], sizeof gpr[0]);
        assert_int_equal(flags[0], flags[1]);
    }
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_operands_registers_and_memory),
        cmocka_unit_test(test_high_bytes),
        cmocka_unit_test(test_same_register_twice),
        cmocka_unit_test(test_two_operands_immediates),
        cmocka_unit_test(test_accumulator_and_immediate),
        cmocka_unit_test(test_one_operand),
        cmocka_unit_test(test_test),
        cmocka_unit_test(test_locked_operations),
        cmocka_unit_test(test_fault_leaves_everything),
        cmocka_unit_test(test_slow_memory),
        cmocka_unit_test(test_flags_of_a_block_are_those_of_single_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
