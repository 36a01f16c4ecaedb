/* SPDX-License-Identifier: Apache-2.0 */
/* Moves, wider ones, conditions, exchanges, together with the host's processor; addresses of all kinds by lea. */
#include "cpu_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const unsigned sizes[] = {1, 2, 4, 8};

static void put_memory(struct pair *p, uint64_t v)
{
    memcpy(p->data + 0x30 + 2 * 0x20 + 0x10, &v, 8);
}

static void values(struct pair *p, const char *label)
{
    for (unsigned i = 0; i < edges_count; i++) {
        pair_fill(p);
        p->in.flags = i & 1 ? FLAGS_SIX : 0;
        p->in.gpr[11] = edges[i];
        p->in.gpr[GPR_AX] = edges[(i * 3 + 1) % edges_count];
        put_memory(p, edges[i]);
        pair_compare(p, 0, label);
    }
}

static struct code literal(unsigned n, const uint8_t *bytes)
{
    struct code c = {.n = n};

    memcpy(c.bytes, bytes, n);
    return c;
}
#define LITERAL(...) literal(sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

static void test_mov(void **state)
{
    struct pair *p = pair_make();

    for (unsigned s = 0; s < 4; s++)
        for (unsigned to_register = 0; to_register < 2; to_register++) {
            pair_code(p, encode(sizes[s], 0x88 + (s > 0) + 2 * to_register, 9, 11));
            values(p, "mov registers");
            pair_code(p, encode(sizes[s], 0x88 + (s > 0) + 2 * to_register, 11, ENCODE_MEMORY));
            values(p, "mov memory");
        }
    for (unsigned n = 0; n < 16; n++) {
        pair_code(p, encode(1, 0x88, ENCODE_AH + (n & 3), ENCODE_AH + (n >> 2)));
        values(p, "mov high bytes");
    }
    for (unsigned s = 0; s < 4; s++) {
        pair_code(p, encode_imm(sizes[s], 0xc6 + (s > 0), 0, 11, sizes[s] == 8 ? 4 : sizes[s], 0x89abcdef));
        values(p, "mov register, immediate");
        pair_code(p, encode_imm(sizes[s], 0xc6 + (s > 0), 0, ENCODE_MEMORY, sizes[s] == 8 ? 4 : sizes[s], 0x89abcdef));
        values(p, "mov memory, immediate");
    }
    pair_code(p, LITERAL(0x49, 0xbb, 1, 2, 3, 4, 5, 6, 7, 0x88));
    values(p, "mov r11, imm64");
    pair_code(p, LITERAL(0xb4, 0x77));
    values(p, "mov ah, imm8");
    pair_code(p, LITERAL(0x66, 0xb8, 0x77, 0x88));
    values(p, "mov ax, imm16");
    pair_code(p, LITERAL(0xb8, 0x77, 0x88, 0x99, 0xaa));
    values(p, "mov eax, imm32");
    pair_free(p);
}

/* a0 to a3: HOST_DATA + 16 in the instruction, 8 bytes of address or, with 67, 4. */
static void test_mov_with_the_address_in_the_instruction(void **state)
{
    struct pair *p = pair_make();

    for (unsigned k = 0; k < 4; k++) {
        pair_code(p, LITERAL(0xa0 + k, 0x10, 0, 0xc0, 0, 0, 0, 0, 0));
        values(p, "moffs");
        pair_code(p, LITERAL(0x48, 0xa0 + k, 0x10, 0, 0xc0, 0, 0, 0, 0, 0));
        values(p, "rex.w moffs");
        pair_code(p, LITERAL(0x66, 0xa0 + k, 0x10, 0, 0xc0, 0, 0, 0, 0, 0));
        values(p, "16-bit moffs");
        pair_code(p, LITERAL(0x67, 0xa0 + k, 0x10, 0, 0xc0, 0));
        values(p, "moffs32");
    }
    pair_free(p);
}

static void test_extensions(void **state)
{
    static const uint32_t opcodes[] = {0x0fb6, 0x0fb7, 0x0fbe, 0x0fbf, 0x63};
    struct pair *p = pair_make();

    for (unsigned k = 0; k < 5; k++)
        for (unsigned s = 1; s < 4; s++) {
            pair_code(p, encode(sizes[s], opcodes[k], 9, 11));
            values(p, "extension");
            pair_code(p, encode(sizes[s], opcodes[k], 9, ENCODE_MEMORY));
            values(p, "extension of memory");
        }
    pair_code(p, encode(4, 0x0fb6, 2, ENCODE_AH + 0));
    values(p, "movzx edx, ah");
    pair_code(p, encode(2, 0x0fbe, 2, ENCODE_AH + 3));
    values(p, "movsx dx, bh");
    for (unsigned k = 0; k < 2; k++) {
        pair_code(p, LITERAL(0x98 + k));
        values(p, "cwde, cdq");
        pair_code(p, LITERAL(0x66, 0x98 + k));
        values(p, "cbw, cwd");
        pair_code(p, LITERAL(0x48, 0x98 + k));
        values(p, "cdqe, cqo");
    }
    pair_free(p);
}

static void test_lea(void **state)
{
    struct pair *p = pair_make();

    for (unsigned s = 1; s < 4; s++) {
        pair_code(p, encode(sizes[s], 0x8d, 9, ENCODE_MEMORY));
        values(p, "lea");
    }
    /* every ModRM that is memory, two SIBs, with and without 67 */
    for (unsigned modrm = 0; modrm < 0xc0; modrm++)
        for (unsigned k = 0; k < 4; k++) {
            static const uint8_t sibs[] = {0x9c, 0x65};
            struct code c = {.n = 0};

            if ((modrm & 0xc7) == 5) /* rip: the code lies elsewhere */
                continue;
            if (((modrm & 7) == 4 && (sibs[k & 1] & 7) == 4) || (modrm & 0x38) == 0x20)
                continue; /* rsp is not the same */
            if (k & 2)
                c.bytes[c.n++] = 0x67;
            c.bytes[c.n++] = 0x48;
            c.bytes[c.n++] = 0x8d;
            c.bytes[c.n++] = (uint8_t)modrm;
            if ((modrm & 7) == 4)
                c.bytes[c.n++] = sibs[k & 1];
            for (unsigned i = 0; i < 4; i++)
                c.bytes[c.n++] = (uint8_t)(0x90 + i); /* nops behind a shorter displacement */
            c.n -= modrm >> 6 == 1 ? 3 : modrm >> 6 == 0 && !((modrm & 7) == 4 && (sibs[k & 1] & 7) == 5) ? 4 : 0;
            pair_code(p, c);
            values(p, "lea of all kinds");
        }
    pair_free(p);
}

static void test_conditions(void **state)
{
    struct pair *p = pair_make();

    for (unsigned n = 0; n < 16; n++)
        for (unsigned k = 0; k < 8; k++) {
            unsigned rm = k & 1 ? ENCODE_MEMORY : 11, size = sizes[1 + (k >> 1) % 3];

            pair_code(p, k < 6 ? encode(size, 0x0f40 + n, 9, rm) : encode(1, 0x0f90 + n, 0, rm));
            for (unsigned flags = 0; flags < 64; flags++) {
                pair_fill(p);
                p->in.flags = (flags & 1 ? FLAG_C : 0) | (flags & 2 ? FLAG_P : 0) | (flags & 4 ? FLAG_A : 0) |
                              (flags & 8 ? FLAG_Z : 0) | (flags & 16 ? FLAG_S : 0) | (flags & 32 ? FLAG_O : 0);
                pair_compare(p, 0, "condition");
            }
        }
    pair_free(p);
}

static void test_exchanges(void **state)
{
    struct pair *p = pair_make();

    for (unsigned s = 0; s < 4; s++) {
        pair_code(p, encode(sizes[s], 0x86 + (s > 0), 9, 11));
        values(p, "xchg");
        pair_code(p, encode(sizes[s], 0x86 + (s > 0), 9, 9));
        values(p, "xchg with itself");
        pair_code(p, encode(sizes[s], 0x86 + (s > 0), 9, ENCODE_MEMORY));
        values(p, "xchg memory");
    }
    for (unsigned n = 0; n < 8; n++) {
        if (n == GPR_SP)
            continue;
        pair_code(p, LITERAL(0x90 + n));
        values(p, "xchg eax");
        pair_code(p, LITERAL(0x49, 0x90 + n));
        values(p, "xchg rax, r8 and up");
        pair_code(p, LITERAL(0x66, 0x90 + n));
        values(p, "xchg ax");
        pair_code(p, LITERAL(0x0f, 0xc8 + n));
        values(p, "bswap 32");
        pair_code(p, LITERAL(0x49, 0x0f, 0xc8 + n));
        values(p, "bswap 64");
    }
    pair_free(p);
}

static void test_movbe_movnti_xlat(void **state)
{
    struct pair *p = pair_make();

    for (unsigned s = 1; s < 4; s++)
        for (unsigned k = 0; k < 2; k++) {
            pair_code(p, encode(sizes[s], 0x0f38f0 + k, 9, ENCODE_MEMORY));
            values(p, "movbe");
        }
    pair_code(p, encode(4, 0x0fc3, 9, ENCODE_MEMORY));
    values(p, "movnti");
    pair_code(p, encode(8, 0x0fc3, 9, ENCODE_MEMORY));
    values(p, "movnti 64");
    pair_code(p, LITERAL(0xd7));
    for (unsigned i = 0; i < 256; i++) {
        pair_fill(p);
        p->in.gpr[GPR_BX] = HOST_DATA;
        p->in.gpr[GPR_AX] = (pair_random() & ~UINT64_C(0xff)) | i;
        pair_compare(p, 0, "xlat");
    }
    pair_free(p);
}

static void test_address_with_gs(void **state)
{
    static const uint8_t code[] = {0x65, 0x48, 0x8b, 0x04, 0x25, 0x08, 0, 0, 0, /* mov rax, gs:[8] */
                                   0x64, 0x48, 0x89, 0x05, 0x10, 0,    0, 0 /* mov fs:[rip + 16], rax */};
    struct board *b = board_make(BOARD_64);

    board_code(b, code, sizeof code);
    b->cpu->segments[SEG_GS].base = BOARD_DATA;
    b->cpu->segments[SEG_FS].base = 0x100000;
    board_write64(b, BOARD_DATA + 8, UINT64_C(0x1122334455667788));
    board_run(b, 2);
    assert_int_equal(b->cpu->gpr[GPR_AX], UINT64_C(0x1122334455667788));
    assert_int_equal(board_read64(b, 0x100000 + BOARD_CODE + sizeof code + 16), UINT64_C(0x1122334455667788));
    board_free(b);
}

/* A segment's limit in real mode, and that the address wraps within 16 bits. */
static void test_16_bit_addresses(void **state)
{
    static const uint8_t code[] = {0x8b, 0x40, 0x10, /* mov ax, [bx + si + 16] */
                                   0x8b, 0x07 /* mov ax, [bx] */};
    struct board *b = board_make(BOARD_REAL);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    board_write64(b, 0x20, 0x1234);
    cpu->gpr[GPR_BX] = 0xfff0;
    cpu->gpr[GPR_SI] = 0x20;
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_AX], 0x1234);
    cpu->gpr[GPR_BX] = 0xffff; /* two bytes would reach over the end */
    cpu_run(cpu, 1);
    assert_int_equal(cpu->gpr[GPR_AX], 0x1234);
    assert_int_not_equal(cpu->rip, sizeof code);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mov),
        cmocka_unit_test(test_mov_with_the_address_in_the_instruction),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_lea),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_movbe_movnti_xlat),
        cmocka_unit_test(test_address_with_gs),
        cmocka_unit_test(test_16_bit_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
