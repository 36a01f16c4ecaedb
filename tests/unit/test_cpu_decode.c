/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu/decode/decode.h: every row of the table, random bytes and the code of this machine's libraries and programs,
 * together with another decoder (decode_oracle.h); bytes that end too early; what callers build on.
 */
#include "cpu/decode/row.h"
#include "decode_oracle.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const mode_names[] = {"16", "32", "64"};

static void print_bytes(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n && i < 15; i++)
        print_error(" %02x", bytes[i]);
    print_error("\n");
}

/* One comparison; counts those that differ and prints the first few. */
static void compare(const uint8_t *bytes, size_t n, enum decode_mode mode, unsigned *bad)
{
    char text[DECODE_TEXT_MAX];

    if (decode_compare(bytes, n, mode, text) != DECODE_DIFFERENT || ++*bad > 10)
        return;
    print_error("mode %s: %s:", mode_names[mode], text);
    print_bytes(bytes, n);
}

/* The same numbers in each run. */
static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void random_bytes(uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(random_next() >> 24);
}

/* ---- Every row ----------------------------------------------------------------------------------------------- */

/* A field of the form: as the row has it, else by chance. */
static unsigned field(const struct insn_row *row, unsigned shift, unsigned width)
{
    unsigned mask = ((1u << width) - 1) << shift;

    return ((row->match & row->mask & mask) | ((unsigned)random_next() & ~row->mask & mask)) >> shift;
}

static unsigned put_legacy(const struct insn_row *row, enum decode_mode mode, uint8_t *p)
{
    static const uint8_t prefix[] = {0, 0x66, 0xf3, 0xf2};
    bool any_prefix = !(row->mask & 3u << FORM_PP);
    unsigned n = 0, pp = any_prefix ? 0 : field(row, FORM_PP, 2);
    unsigned rex = (field(row, FORM_W, 1) << 3) | ((unsigned)random_next() & 6) | field(row, FORM_REXB, 1);

    if (pp)
        p[n++] = prefix[pp];
    if (any_prefix && random_next() % 4 == 0)
        p[n++] = 0x66;
    if (random_next() % 8 == 0)
        p[n++] = random_next() & 1 ? 0x67 : 0x64;
    if (mode == DECODE_64 && ((row->mask & 1u << FORM_W && field(row, FORM_W, 1)) || random_next() % 2))
        p[n++] = (uint8_t)(0x40 | rex);
    if (row->map != MAP_0)
        p[n++] = 0x0f;
    if (row->map >= MAP_38)
        p[n++] = row->map == MAP_38 ? 0x38 : 0x3a;
    p[n++] = row->opcode;
    return n;
}

static bool uses_vvvv(const struct insn_row *row)
{
    for (uint64_t words = row->operands; words & 63; words >>= 16)
        if ((words & 63) == PLACE_B || (words & 63) == PLACE_H || (words & 63) == PLACE_KH)
            return true;
    return false;
}

static unsigned put_vex(const struct insn_row *row, enum decode_mode mode, uint8_t *p)
{
    unsigned rxb = (unsigned)random_next() & 7, vvvv = uses_vvvv(row) ? (unsigned)random_next() & 15 : 15;

    if (mode != DECODE_64)
        rxb |= 6;
    p[0] = 0xc4;
    p[1] = (uint8_t)(rxb << 5 | row->map);
    p[2] = (uint8_t)(field(row, FORM_W, 1) << 7 | vvvv << 3 | (field(row, FORM_L, 1) << 2) | field(row, FORM_PP, 2));
    p[3] = row->opcode;
    return 4;
}

/* Bytes of an instruction of the row, and what follows by chance; false when the mode has none. */
static bool make(const struct insn_row *row, enum decode_mode mode, uint8_t bytes[15])
{
    enum insn_encoding encoding = (enum insn_encoding)field(row, FORM_ENCODING, 2);
    unsigned n;

    if (encoding > ENCODING_VEX || ((row->mask & 1u << FORM_MODE) && field(row, FORM_MODE, 1) != (mode == DECODE_64)))
        return false;
    random_bytes(bytes, 15);
    n = encoding == ENCODING_VEX ? put_vex(row, mode, bytes) : put_legacy(row, mode, bytes);
    if (row->modrm) {
        unsigned mod = (unsigned)random_next() & 3;
        if (row->mask & 1u << FORM_MOD)
            mod = field(row, FORM_MOD, 1) ? 3 : mod % 3;
        bytes[n] = (uint8_t)(mod << 6 | field(row, FORM_DIGIT, 3) << 3 | field(row, FORM_RM, 3));
    }
    return true;
}

static void test_every_row_is_reached_and_agrees(void **state)
{
    unsigned bad = 0;

    random_state = 1;
    for (unsigned row = 0; row < insn_rows_count; row++) {
        bool bare = insn_rows[row].match >> FORM_ENCODING >= ENCODING_EVEX, reached = bare;

        for (unsigned i = 0; i < 600; i++) {
            enum decode_mode mode = (enum decode_mode)(i % 3);
            uint8_t bytes[15];
            struct insn in;
            if (!make(&insn_rows[row], mode, bytes))
                continue;
            reached |= decode_insn(bytes, sizeof bytes, mode, &in) > 0 && in.row == row;
            compare(bytes, sizeof bytes, mode, &bad);
        }
        if (!reached)
            fail_msg("row %u (%s, map %u, opcode %02x) is never reached", row,
                     insn_name_text((enum insn_name)insn_rows[row].name), insn_rows[row].map, insn_rows[row].opcode);
    }
    assert_int_equal(bad, 0);
}

static void test_rows_of_an_opcode_stand_together(void **state)
{
    for (unsigned i = 0; i < insn_rows_count; i++) {
        const struct insn_row *r = &insn_rows[i];
        unsigned last = insn_rows_of((enum insn_encoding)(r->match >> FORM_ENCODING), r->map, r->opcode);

        assert_true(last > i);
        assert_int_equal(r->modrm, insn_rows[last - 1].modrm);
        for (unsigned k = i; k < last; k++)
            if (insn_rows[k].map != r->map || insn_rows[k].opcode != r->opcode)
                fail_msg("row %u of %s is not with row %u of the same opcode", i,
                         insn_name_text((enum insn_name)r->name), last - 1);
    }
}

/* ---- Bytes by chance ----------------------------------------------------------------------------------------- */

static void test_random_bytes_agree(void **state)
{
    static const uint8_t starts[][3] = {
        {0x0f},       {0xc5},       {0xc4},       {0x66, 0x0f},       {0xf3, 0x0f},
        {0xf2, 0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}, {0x66, 0x0f, 0x38}, {0x66, 0x0f, 0x3a},
        {0xf0},       {0x62},       {0x8f}};
    unsigned bad = 0, n = getenv("MOAT_TEST_FULL") ? 1000000 : 200000;

    if (!decode_oracle())
        skip();
    random_state = 2;
    for (unsigned i = 0; i < n; i++) {
        uint8_t bytes[15];

        random_bytes(bytes, sizeof bytes);
        for (unsigned k = 0; i % 2 && k < 3 && starts[i / 2 % 13][k]; k++)
            bytes[k] = starts[i / 2 % 13][k];
        if (bytes[0] == 0xc4 && i % 2)
            bytes[1] = (uint8_t)((bytes[1] & 0xe0) | (1 + bytes[1] % 3));
        for (enum decode_mode mode = DECODE_16; mode <= DECODE_64; mode++)
            compare(bytes, 1 + i % 15, mode, &bad);
    }
    assert_int_equal(bad, 0);
}

/* ---- The code of this machine -------------------------------------------------------------------------------- */

static unsigned sweep_section(const uint8_t *bytes, size_t n, unsigned *bad)
{
    unsigned count = 0;

    for (size_t at = 0; at < n; count++) {
        unsigned length = decode_oracle_length(bytes + at, n - at);
        compare(bytes + at, n - at, DECODE_64, bad);
        at += length ? length : 1;
    }
    return count;
}

static unsigned sweep_file(const char *path, unsigned *bad)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    unsigned count = 0;

    if (fd < 0)
        return 0;
    assert_int_equal(fstat(fd, &st), 0);
    const uint8_t *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(file != MAP_FAILED);
    close(fd);
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    const Elf64_Shdr *s = (const Elf64_Shdr *)(file + h->e_shoff);
    for (unsigned i = 0; i < h->e_shnum; i++)
        if (s[i].sh_type == SHT_PROGBITS && (s[i].sh_flags & SHF_EXECINSTR))
            count += sweep_section(file + s[i].sh_offset, s[i].sh_size, bad);
    munmap((void *)(uintptr_t)file, (size_t)st.st_size);
    return count;
}

static void test_code_of_this_machine_agrees(void **state)
{
    static const char *const paths[] = {"/lib/x86_64-linux-gnu/libc.so.6",
                                        "/lib64/libc.so.6",
                                        "/lib64/ld-linux-x86-64.so.2",
                                        "/lib/ld-musl-x86_64.so.1",
                                        "/bin/busybox",
                                        "/bin/bash",
                                        "/usr/bin/python3",
                                        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"};
    unsigned bad = 0, files = 0;

    if (!decode_oracle())
        skip();
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        unsigned n = sweep_file(paths[i], &bad);
        if (n)
            print_message("# %s: %u instructions\n", paths[i], n);
        files += n > 0;
    }
    assert_true(files > 0);
    assert_int_equal(bad, 0);
}

/* ---- Ends ---------------------------------------------------------------------------------------------------- */

static void test_what_goes_on_behind_the_bytes_is_no_data(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    random_state = 3;
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t bytes[15];
        struct insn in, cut;

        random_bytes(bytes, sizeof bytes);
        int length = decode_insn(bytes, sizeof bytes, DECODE_64, &in);
        for (int n = 0; n < length; n++) {
            memcpy(pages + page - n, bytes, (size_t)n);
            assert_int_equal(decode_insn(pages + page - n, (size_t)n, DECODE_64, &cut), -ENODATA);
        }
        if (length > 0) {
            memcpy(pages + page - length, bytes, (size_t)length);
            assert_int_equal(decode_insn(pages + page - length, (size_t)length, DECODE_64, &cut), length);
            assert_memory_equal(&in, &cut, sizeof in);
        }
    }
    munmap(pages, 2 * page);
}

static void test_more_than_15_bytes_are_no_instruction(void **state)
{
    uint8_t bytes[32];
    struct insn in;

    memset(bytes, 0x66, sizeof bytes);
    assert_int_equal(decode_insn(bytes, sizeof bytes, DECODE_64, &in), -EILSEQ);
    bytes[14] = 0x90;
    assert_int_equal(decode_insn(bytes, sizeof bytes, DECODE_64, &in), 15);
    bytes[14] = 0x66;
    bytes[15] = 0x90;
    assert_int_equal(decode_insn(bytes, sizeof bytes, DECODE_64, &in), -EILSEQ);
    assert_int_equal(decode_insn(bytes, 14, DECODE_64, &in), -ENODATA);
    assert_int_equal(decode_insn(bytes, 0, DECODE_64, &in), -ENODATA);
}

/* ---- What callers build on ----------------------------------------------------------------------------------- */

static struct insn decoded(const char *bytes, size_t n, enum decode_mode mode)
{
    struct insn in;

    assert_int_equal(decode_insn((const uint8_t *)bytes, n, mode, &in), n);
    return in;
}
#define DECODED(bytes) decoded(bytes, sizeof(bytes) - 1, DECODE_64)

static void test_places_of_displacement_and_immediate(void **state)
{
    struct insn in = DECODED("\x48\xc7\x05\x10\x00\x00\x00\xfe\xff\xff\xff"); /* movq $-2,0x10(%rip) */

    assert_int_equal(in.name, INSN_MOV);
    assert_true(in.has_memory && in.memory.rip_relative);
    assert_int_equal(in.memory.disp, 16);
    assert_int_equal(in.disp_offset, 3);
    assert_int_equal(in.disp_bytes, 4);
    assert_int_equal(in.imm_offset, 7);
    assert_int_equal(in.imm_bytes, 4);
    assert_int_equal(in.imm, -2);
    assert_int_equal(in.operands[0].access, ACCESS_WRITE);
    assert_int_equal(in.operands[0].bytes, 8);

    in = DECODED("\xb8\xe7\x00\x00\x00"); /* mov $231,%eax */
    assert_int_equal(in.imm, 231);
    assert_int_equal(in.imm_offset, 1);
    assert_int_equal(in.operands[0].registers, REGISTERS_GENERAL);
    assert_int_equal(in.operands[0].reg, 0);
    assert_int_equal(in.operands[0].bytes, 4);
}

static void test_classes_of_what_leaves_the_straight_path(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum insn_class class;
        int64_t target;
    } cases[] = {
        {"\xe9\x00\x01\x00\x00", 5, CLASS_JUMP, 256},
        {"\xeb\xfe", 2, CLASS_JUMP, -2},
        {"\x74\x10", 2, CLASS_JCC, 16},
        {"\x0f\x84\xff\xff\xff\xff", 6, CLASS_JCC, -1},
        {"\xe3\x01", 2, CLASS_JCC, 1},
        {"\xe2\xfe", 2, CLASS_LOOP, -2},
        {"\xe8\x00\x00\x00\x00", 5, CLASS_CALL, 0},
        {"\xff\xe0", 2, CLASS_JUMP_INDIRECT, 0},
        {"\x3e\xff\xe0", 3, CLASS_JUMP_INDIRECT, 0},
        {"\xff\x14\x25\x00\x00\x01\x00", 7, CLASS_CALL_INDIRECT, 0},
        {"\xc3", 1, CLASS_RETURN, 0},
        {"\xf3\xc3", 2, CLASS_RETURN, 0},
        {"\x48\xcf", 2, CLASS_FAR, 0},
        {"\x0f\x05", 2, CLASS_SYSCALL, 0},
        {"\xcc", 1, CLASS_INTERRUPT, 0},
        {"\x0f\x0b", 2, CLASS_TRAP, 0},
        {"\xf4", 1, CLASS_PRIVILEGED, 0},
        {"\xc7\xf8\x04\x00\x00\x00", 6, CLASS_TRANSACTION, 4},
        {"\xf3\x0f\x1e\xfa", 4, CLASS_NOP, 0},
        {"\xf3\x48\xa5", 3, CLASS_STRING, 0},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct insn in = decoded(cases[i].bytes, cases[i].n, DECODE_64);
        if (in.class != cases[i].class || in.target != cases[i].target)
            fail_msg("%s: class %d, target %lld", insn_name_text((enum insn_name)in.name), in.class,
                     (long long)in.target);
    }
}

static void test_modes_differ(void **state)
{
    struct insn in = decoded("\x48", 1, DECODE_32); /* dec %eax; a prefix in 64-bit mode */

    assert_int_equal(in.name, INSN_DEC);
    assert_int_equal(in.operands[0].bytes, 4);
    assert_int_equal(decoded("\x40\x90", 1, DECODE_16).operands[0].bytes, 2);
    assert_int_equal(decode_insn((const uint8_t *)"\x06", 1, DECODE_64, &in), -EILSEQ); /* push %es */
    in = decoded("\xc5\x07", 2, DECODE_32);                                             /* lds, and not VEX */
    assert_int_equal(in.name, INSN_LDS);
    in = decoded("\x8b\x46\x10", 3, DECODE_16); /* mov 0x10(%bp),%ax */
    assert_int_equal(in.memory.base, 5);
    assert_int_equal(in.memory.segment, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_an_opcode_stand_together),
        cmocka_unit_test(test_every_row_is_reached_and_agrees),
        cmocka_unit_test(test_random_bytes_agree),
        cmocka_unit_test(test_code_of_this_machine_agrees),
        cmocka_unit_test(test_what_goes_on_behind_the_bytes_is_no_data),
        cmocka_unit_test(test_more_than_15_bytes_are_no_instruction),
        cmocka_unit_test(test_places_of_displacement_and_immediate),
        cmocka_unit_test(test_classes_of_what_leaves_the_straight_path),
        cmocka_unit_test(test_modes_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
