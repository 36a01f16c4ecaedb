/* SPDX-License-Identifier: Apache-2.0 */
/* Single bits and counting them, together with the host's processor; what it does not have is compared with loops. */
#include "cpu_host.h"

#include "cpu/features.h"

#include <cpuid.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const unsigned sizes[] = {2, 4, 8};

static void put_memory(struct pair *p, uint64_t v)
{
    memcpy(p->data + 0x30 + 2 * 0x20 + 0x10, &v, 8);
}

static void values(struct pair *p, uint32_t open, bool near, const char *label)
{
    for (unsigned i = 0; i < edges_count; i++)
        for (unsigned j = 0; j < edges_count; j++) {
            pair_fill(p);
            p->in.flags = (i + j) & 1 ? FLAGS_SIX : 0;
            p->in.gpr[11] = edges[i];
            p->in.gpr[9] = near ? (uint64_t)(int64_t)((int)(pair_random() % 1000) - 640) : edges[j];
            put_memory(p, edges[i]);
            pair_compare(p, open, label);
        }
}

static void test_bit_of_register(void **state)
{
    static const unsigned opcodes[] = {0x0fa3, 0x0fab, 0x0fb3, 0x0fbb};
    struct pair *p = pair_make();

    for (unsigned k = 0; k < 4; k++)
        for (unsigned s = 0; s < 3; s++) {
            pair_code(p, encode(sizes[s], opcodes[k], 9, 11));
            values(p, FLAG_O | FLAG_S | FLAG_A | FLAG_P, false, "bit number in a register");
            pair_code(p, encode(sizes[s], opcodes[k], 9, 9));
            values(p, FLAG_O | FLAG_S | FLAG_A | FLAG_P, false, "bit number in the same register");
            for (unsigned n = 0; n < 70; n++) {
                pair_code(p, encode_imm(sizes[s], 0x0fba, 4 + k, n & 1 ? 11 : ENCODE_MEMORY, 1, n));
                values(p, FLAG_O | FLAG_S | FLAG_A | FLAG_P, false, "immediate");
            }
        }
    pair_free(p);
}

/* The number reaches around the address, to both sides. */
static void test_bit_string(void **state)
{
    static const unsigned opcodes[] = {0x0fa3, 0x0fab, 0x0fb3, 0x0fbb};
    struct pair *p = pair_make();

    for (unsigned k = 0; k < 4; k++)
        for (unsigned s = 0; s < 3; s++)
            for (unsigned lock = 0; lock < (k ? 2 : 1); lock++) {
                struct code c = encode(sizes[s], opcodes[k], 9, ENCODE_MEMORY);

                if (lock) {
                    memmove(c.bytes + 1, c.bytes, c.n++);
                    c.bytes[0] = 0xf0;
                }
                pair_code(p, c);
                values(p, FLAG_O | FLAG_S | FLAG_A | FLAG_P, true, "bit string");
            }
    pair_free(p);
}

static void test_search(void **state)
{
    struct pair *p = pair_make();

    for (unsigned k = 0; k < 2; k++)
        for (unsigned s = 0; s < 3; s++) {
            pair_code(p, encode(sizes[s], 0x0fbc + k, 9, 11));
            values(p, FLAGS_SIX & ~FLAG_Z, false, k ? "bsr" : "bsf");
            pair_code(p, encode(sizes[s], 0x0fbc + k, 9, ENCODE_MEMORY));
            values(p, FLAGS_SIX & ~FLAG_Z, false, k ? "bsr memory" : "bsf memory");
        }
    pair_free(p);
}

static bool host_has(unsigned leaf, unsigned word, unsigned bit)
{
    unsigned r[4];

    return __get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]) && (r[word] >> bit & 1);
}

static void give(struct pair *p, unsigned feature)
{
    p->board->cpu->model.features[feature / 32] |= 1u << feature % 32;
}

/* With the processor of the test having all of them: rows that this host has not are left out. */
static void test_counts(void **state)
{
    static const struct {
        const char *label;
        uint32_t opcode;
        unsigned leaf, word, bit;
        unsigned feature;
        uint32_t open;
    } rows[] = {
        {"popcnt", 0xf3000fb8, 1, 2, 23, CPU_POPCNT, 0},
        {"tzcnt", 0xf3000fbc, 7, 1, 3, WORD_7_EBX * 32 + 3, FLAG_O | FLAG_S | FLAG_A | FLAG_P},
        {"lzcnt", 0xf3000fbd, 0x80000001, 2, 5, CPU_LZCNT, FLAG_O | FLAG_S | FLAG_A | FLAG_P},
        {"adcx", 0x660f38f6, 7, 1, 19, WORD_7_EBX * 32 + 19, 0},
        {"adox", 0xf30f38f6, 7, 1, 19, WORD_7_EBX * 32 + 19, 0},
    };
    struct pair *p = pair_make();

    for (unsigned r = 0; r < sizeof rows / sizeof *rows; r++) {
        if (!host_has(rows[r].leaf, rows[r].word, rows[r].bit)) {
            print_message("# this host has no %s\n", rows[r].label);
            continue;
        }
        give(p, rows[r].feature);
        for (unsigned s = r >= 3 ? 1 : 0; s < 3; s++)
            for (unsigned m = 0; m < 2; m++) {
                pair_code(p, encode(sizes[s], rows[r].opcode, 9, m ? ENCODE_MEMORY : 11));
                values(p, rows[r].open, false, rows[r].label);
            }
    }
    pair_free(p);
}

static void test_crc32(void **state)
{
    static const unsigned widths[] = {1, 2, 4, 8};
    struct pair *p = pair_make();

    if (host_has(1, 2, 20))
        for (unsigned s = 0; s < 4; s++)
            for (unsigned m = 0; m < 2; m++) {
                give(p, CPU_SSE42);
                pair_code(p, encode(widths[s], 0xf20f38f0 + (s > 0), 9, m ? ENCODE_MEMORY : 11));
                values(p, 0, false, "crc32");
            }
    pair_free(p);
}

/* VEX: c4, inverted R X B and the map, W vvvv L pp. Registers: reg 1, vvvv 3, rm 2; or memory at rdx. */
static struct code vex(unsigned map, unsigned pp, bool wide, unsigned opcode, unsigned reg, unsigned vvvv, bool memory,
                       int imm)
{
    struct code c = {.n = 5};
    const uint8_t bytes[] = {0xc4, (uint8_t)(0xe0 | map), (uint8_t)((wide ? 0x80 : 0) | (~vvvv & 15) << 3 | pp),
                             (uint8_t)opcode, (uint8_t)((memory ? 0 : 0xc0) | reg << 3 | 2)};

    memcpy(c.bytes, bytes, 5);
    if (imm >= 0)
        c.bytes[c.n++] = (uint8_t)imm;
    return c;
}

static void test_bmi(void **state)
{
    static const struct {
        const char *label;
        uint8_t map, pp, opcode, digit, bmi;
        int imm;
        uint32_t open;
    } rows[] = {
        {"andn", 2, 0, 0xf2, 1, 1, -1, FLAG_A | FLAG_P},
        {"blsr", 2, 0, 0xf3, 1, 1, -1, FLAG_A | FLAG_P},
        {"blsmsk", 2, 0, 0xf3, 2, 1, -1, FLAG_A | FLAG_P},
        {"blsi", 2, 0, 0xf3, 3, 1, -1, FLAG_A | FLAG_P},
        {"bextr", 2, 0, 0xf7, 1, 1, -1, FLAG_A | FLAG_S | FLAG_P},
        {"bzhi", 2, 0, 0xf5, 1, 2, -1, FLAG_A | FLAG_P},
        {"pext", 2, 2, 0xf5, 1, 2, -1, 0},
        {"pdep", 2, 3, 0xf5, 1, 2, -1, 0},
        {"mulx", 2, 3, 0xf6, 1, 2, -1, 0},
        {"shlx", 2, 1, 0xf7, 1, 2, -1, 0},
        {"sarx", 2, 2, 0xf7, 1, 2, -1, 0},
        {"shrx", 2, 3, 0xf7, 1, 2, -1, 0},
        {"rorx", 3, 3, 0xf0, 1, 2, 13, 0},
        {"rorx 0", 3, 3, 0xf0, 1, 2, 64, 0},
    };
    struct pair *p = pair_make();

    give(p, WORD_7_EBX * 32 + 3);
    give(p, WORD_7_EBX * 32 + 8);
    for (unsigned r = 0; r < sizeof rows / sizeof *rows; r++) {
        if (!host_has(7, 1, rows[r].bmi == 1 ? 3 : 8))
            continue;
        for (unsigned form = 0; form < 4; form++) {
            pair_code(p, vex(rows[r].map, rows[r].pp, form & 1, rows[r].opcode, rows[r].digit, rows[r].map == 3 ? 0 : 3,
                             form & 2, rows[r].imm));
            for (unsigned i = 0; i < edges_count; i++)
                for (unsigned j = 0; j < edges_count; j++) {
                    pair_fill(p);
                    p->in.flags = i & 1 ? FLAGS_SIX : 0;
                    p->in.gpr[GPR_DX] = form & 2 ? HOST_DATA + 64 : edges[i];
                    p->in.gpr[GPR_BX] = edges[j];
                    memcpy(p->data + 64, &edges[i], 8);
                    pair_compare(p, rows[r].open, rows[r].label);
                }
        }
    }
    pair_free(p);
}

static void test_without_the_feature_is_the_older_instruction(void **state)
{
    static const uint8_t tzcnt[] = {0xf3, 0x48, 0x0f, 0xbc, 0xc3}; /* tzcnt rax, rbx */
    struct board *b = board_make(BOARD_64);

    b->cpu->model.features[WORD_7_EBX] &= ~8u;
    board_code(b, tzcnt, sizeof tzcnt);
    b->cpu->gpr[GPR_AX] = 77;
    board_run(b, 1);
    assert_int_equal(b->cpu->gpr[GPR_AX], 77); /* as bsf leaves it */
    assert_true(flags_z(&b->cpu->flags));
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bit_of_register),
        cmocka_unit_test(test_bit_string),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_crc32),
        cmocka_unit_test(test_bmi),
        cmocka_unit_test(test_without_the_feature_is_the_older_instruction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
