/* SPDX-License-Identifier: Apache-2.0 */
/* String instructions: together with the host's processor; steps, faults in the middle, wraps, ports. */
#include "cpu_host.h"

#include "cpu/registers.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const uint8_t opcodes[] = {0xa4, 0xa6, 0xaa, 0xac, 0xae}; /* movs cmps stos lods scas, of bytes */

static void test_all_together_with_the_host(void **state)
{
    static const uint8_t prefixes[] = {0, 0xf3, 0xf2};
    struct pair *p = pair_make();

    for (unsigned k = 0; k < sizeof opcodes; k++)
        for (unsigned size = 1; size <= 8; size *= 2)
            for (unsigned prefix = 0; prefix < 3; prefix++)
                for (unsigned n = 0; n < 200; n++) {
                    struct code c = {.n = 0};
                    bool back = n & 1;

                    if (n % 50 == 0) {
                        if (prefixes[prefix])
                            c.bytes[c.n++] = prefixes[prefix];
                        if (size == 2)
                            c.bytes[c.n++] = 0x66;
                        if (n / 50 % 2)
                            c.bytes[c.n++] = 0x67;
                        if (size == 8)
                            c.bytes[c.n++] = 0x48;
                        c.bytes[c.n++] = opcodes[k] + (size > 1);
                        pair_code(p, c);
                    }
                    pair_fill(p);
                    if (n & 2) /* much that is equal */
                        memset(p->data, 0x5a, sizeof p->data - n / 2);
                    if (n & 4)
                        p->in.gpr[GPR_AX] = UINT64_C(0x5a5a5a5a5a5a5a5a);
                    p->in.flags = (back ? FLAG_D : 0) | (n & 8 ? FLAGS_SIX : 0);
                    p->in.gpr[GPR_SI] = HOST_DATA + (back ? 200 : 16) + pair_random() % 32;
                    p->in.gpr[GPR_DI] = HOST_DATA + (back ? 200 : 16) + pair_random() % 32; /* they overlap, too */
                    p->in.gpr[GPR_CX] = pair_random() % 20;
                    if (n >= 50 && n / 50 % 2) /* 67 */
                        p->in.gpr[GPR_CX] |= pair_random() << 32;
                    if (n % 11 == 0)
                        p->in.gpr[GPR_CX] &= ~UINT64_C(0xffffffff);
                    pair_compare(p, 0, "string");
                }
    pair_free(p);
}

static void start(struct board *b, const uint8_t *code, size_t n, uint64_t si, uint64_t di, uint64_t cx)
{
    board_code(b, code, n);
    b->cpu->gpr[GPR_SI] = si;
    b->cpu->gpr[GPR_DI] = di;
    b->cpu->gpr[GPR_CX] = cx;
}

/* A step is 4096 bytes' worth of iterations, wherever pages end, and an instruction. */
static void test_steps_count_as_instructions(void **state)
{
    static const uint8_t code[] = {0xf3, 0x48, 0xa5, 0x90}; /* rep movsq; nop */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    for (unsigned i = 0; i < 2048; i++)
        board_write64(b, BOARD_DATA + 8 + 8 * i, i * 7 + 1);
    start(b, code, sizeof code, BOARD_DATA + 8, 0x50000 + 24, 1300);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_CX], 1300 - 512);
    assert_int_equal(cpu->rip, BOARD_CODE);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_CX], 1300 - 1024);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_CX], 0);
    assert_int_equal(cpu->rip, BOARD_CODE + 3);
    for (unsigned i = 0; i < 1300; i++)
        assert_int_equal(board_read64(b, 0x50000 + 24 + 8 * i), i * 7 + 1);
    assert_int_equal(board_read64(b, 0x50000 + 24 + 8 * 1300), 0);
    board_free(b);
}

/* The same number of instructions whether the translations are there or not. */
static void test_steps_do_not_depend_on_translations(void **state)
{
    static const uint8_t code[] = {0xf3, 0xaa}; /* rep stosb */
    uint64_t counts[2];

    for (unsigned warm = 0; warm < 2; warm++) {
        struct board *b = board_make(BOARD_64);

        if (warm) {
            start(b, code, sizeof code, 0, 0x40000, 9000);
            board_run(b, 3);
        }
        start(b, code, sizeof code, 0, 0x40010, 9000);
        uint64_t before = cpu_executed(b->cpu);
        while (b->cpu->rip == BOARD_CODE)
            board_run(b, 1);
        counts[warm] = cpu_executed(b->cpu) - before;
        board_free(b);
    }
    assert_int_equal(counts[0], 3);
    assert_int_equal(counts[1], 3);
}

static void test_fault_in_the_middle_can_go_on(void **state)
{
    static const uint8_t code[] = {0xf3, 0xa4}; /* rep movsb */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    start(b, code, sizeof code, BOARD_DATA, BOARD_BYTES - 100, 300); /* RAM and its mapping end there */
    memset(b->ram + BOARD_DATA, 0x77, 300);
    cpu_run(cpu, 1);
    assert_int_equal(cpu->gpr[GPR_CX], 200);
    assert_int_equal(cpu->gpr[GPR_SI], BOARD_DATA + 100);
    assert_int_equal(cpu->gpr[GPR_DI], BOARD_BYTES);
    assert_int_equal(b->ram[BOARD_BYTES - 1], 0x77);
    board_free(b);
}

static void test_copy_over_itself_repeats(void **state)
{
    static const uint8_t code[] = {0xf3, 0xa4}; /* rep movsb: the first three bytes again and again */
    struct board *b = board_make(BOARD_64);

    memcpy(b->ram + BOARD_DATA, "abc", 3);
    start(b, code, sizeof code, BOARD_DATA, BOARD_DATA + 3, 97);
    board_run(b, 1);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(b->ram[BOARD_DATA + i], "abc"[i % 3]);
    board_free(b);
}

static void test_pointers_wrap_within_16_bits(void **state)
{
    static const uint8_t code[] = {0xf3, 0xaa}; /* rep stosb */
    struct board *b = board_make(BOARD_REAL);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->segments[SEG_ES].base = BOARD_DATA;
    cpu->gpr[GPR_DI] = 0xabcdfffe;
    cpu->gpr[GPR_CX] = 0x10004;
    cpu->gpr[GPR_AX] = 0x99;
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_DI], 0xabcd0002);
    assert_int_equal(cpu->gpr[GPR_CX], 0x10000);
    assert_int_equal(b->ram[BOARD_DATA + 0xffff], 0x99);
    assert_int_equal(b->ram[BOARD_DATA + 1], 0x99);
    assert_int_equal(b->ram[BOARD_DATA + 2], 0);
    assert_int_equal(b->ram[BOARD_DATA + 0x10000], 0);
    board_free(b);
}

static void test_to_a_device_each_element_is_an_access(void **state)
{
    static const uint8_t code[] = {0xf3, 0xab}; /* rep stosd */
    struct board *b = board_make(BOARD_64);

    start(b, code, sizeof code, 0, BOARD_DEVICE, 5);
    b->cpu->gpr[GPR_AX] = 0x12345678;
    for (unsigned i = 0; i < 5 && b->cpu->rip == BOARD_CODE; i++)
        board_run(b, 1);
    assert_int_equal(b->device_writes, 5);
    assert_int_equal(b->device_last, BOARD_DEVICE + 16);
    assert_int_equal(b->device_value, 0x12345678);
    board_free(b);
}

/* No instruction of the budget keeps devices busy for long. */
static void test_a_step_ends_after_64_accesses_to_devices(void **state)
{
    static const uint8_t store[] = {0xf3, 0xaa}, load[] = {0xf3, 0xac}, out[] = {0xf3, 0x6e};
    struct board *b = board_make(BOARD_64);

    start(b, store, sizeof store, 0, BOARD_DEVICE, 1000);
    board_run(b, 1);
    assert_int_equal(b->device_writes, 64);
    assert_int_equal(b->cpu->gpr[GPR_CX], 1000 - 64);
    start(b, load, sizeof load, BOARD_DEVICE, 0, 1000);
    board_run(b, 1);
    assert_int_equal(b->device_reads, 64);
    start(b, out, sizeof out, BOARD_DATA, 0, 1000);
    board_run(b, 1);
    assert_int_equal(b->cpu->gpr[GPR_CX], 1000 - 64);
    board_free(b);
}

/* rep stos over its own bytes: done to the end, then what it wrote is run. */
static void test_code_that_overwrites_itself(void **state)
{
    static const uint8_t code[] = {0xf3, 0xaa, 0xcc, 0xcc, 0xcc, 0xcc}; /* rep stosb; int3 ... */
    struct board *b = board_make(BOARD_64);

    start(b, code, sizeof code, 0, BOARD_CODE, 6);
    b->cpu->gpr[GPR_AX] = 0x90;
    while (b->cpu->gpr[GPR_CX])
        board_run(b, 1);
    if (b->cpu->rip == BOARD_CODE)
        board_run(b, 2);
    board_run(b, 4);
    assert_int_equal(b->cpu->rip, BOARD_CODE + 6);
    board_free(b);
}

/* ---- Ports
 * ----------------------------------------------------------------------------------------------------------- */

static void test_in_and_out(void **state)
{
    static const uint8_t code[] = {0xe6, 0x42, 0xec,
                                   0xef, 0x66, 0xed}; /* out 0x42, al; in al, dx; out dx, eax; in ax, dx */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->gpr[GPR_AX] = UINT64_C(0xffffffff11223344);
    cpu->gpr[GPR_DX] = 0x1042;
    b->ports[0x1042] = 0x99;
    board_run(b, 1);
    assert_int_equal(b->ports[0x42], 0x44);
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_AX], UINT64_C(0xffffffff11223399));
    board_run(b, 1);
    assert_int_equal(b->ports[0x1045], 0x11);
    b->ports[0x1043] = 0xaa;
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_AX], UINT64_C(0xffffffff1122aa99));
    board_free(b);
}

static void test_ins_and_outs(void **state)
{
    static const uint8_t code[] = {0xf3, 0x6c, 0xf3, 0x6e}; /* rep insb; rep outsb */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    start(b, code, sizeof code, 0, BOARD_DATA, 4);
    cpu->gpr[GPR_DX] = 0x300;
    b->ports[0x300] = 0x5a;
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_CX], 0);
    assert_int_equal(cpu->gpr[GPR_DI], BOARD_DATA + 4);
    assert_int_equal(board_read64(b, BOARD_DATA), 0x5a5a5a5a);
    b->ram[BOARD_DATA + 6] = 0x61;
    cpu->gpr[GPR_SI] = BOARD_DATA + 5;
    cpu->gpr[GPR_CX] = 2;
    board_run(b, 1);
    assert_int_equal(b->ports[0x300], 0x61);
    board_free(b);
}

/* A device whose bytes count up, one by one or many at once. */
static struct {
    unsigned next, limit, calls;
} counting;

static uint32_t counting_in(void *owner, uint16_t port, unsigned size)
{
    return counting.next++ & 0xff;
}

static uint32_t counting_in_many(void *owner, uint16_t port, unsigned size, void *bytes, uint32_t count)
{
    uint32_t n = count < counting.limit ? count : counting.limit;

    counting.calls++;
    for (uint32_t i = 0; i < n; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)counting.next++;
    return n;
}

/* However many the device gives at once, none is lost or comes twice, and the page's end is no obstacle. */
static void test_ins_of_many_at_once_is_ins_one_by_one(void **state)
{
    static const uint8_t code[] = {0xf3, 0x6c}; /* rep insb */
    static const unsigned limits[] = {0, 1, 7, 100, 4096};

    for (unsigned k = 0; k < sizeof limits / sizeof *limits; k++) {
        struct board *b = board_make(BOARD_64);
        uint64_t to = (BOARD_DATA | 4095) - 99;

        counting.next = counting.calls = 0;
        counting.limit = limits[k];
        b->cpu->bus.in = counting_in;
        b->cpu->bus.in_many = counting_in_many;
        start(b, code, sizeof code, 0, to, 500);
        while (b->cpu->gpr[GPR_CX])
            board_run(b, 1);
        assert_int_equal(b->cpu->gpr[GPR_DI], to + 500);
        assert_int_equal(counting.next, 500);
        assert_true(counting.calls > 0);
        for (unsigned i = 0; i < 500; i++)
            assert_int_equal(b->ram[to + i], i & 0xff);
        board_free(b);
    }
}

/* Where a map of ports, which they might write, has a say in each access, they are done one by one. */
static void test_ins_by_the_task_is_never_many_at_once(void **state)
{
    static const uint8_t code[] = {0xf3, 0x6c}; /* rep insb */
    struct board *b = board_make(BOARD_64_USER);

    counting.next = counting.calls = 0;
    counting.limit = 4096;
    b->cpu->bus.in = counting_in;
    b->cpu->bus.in_many = counting_in_many;
    start(b, code, sizeof code, 0, BOARD_DATA + 512, 40);
    b->cpu->tr = (struct vcpu_segment){.base = BOARD_DATA, .limit = 0x68 + 16, .attributes = 0x8b};
    b->ram[BOARD_DATA + 102] = 0x68;
    b->cpu->gpr[GPR_DX] = 0x40;
    board_run(b, 1);
    assert_int_equal(counting.next, 40);
    assert_int_equal(counting.calls, 0);
    board_free(b);
}

static uint8_t shown[512];

static uint32_t shown_write_many(void *owner, uint64_t gpa, unsigned size, const void *bytes, uint32_t count)
{
    counting.calls++;
    memcpy(shown + (gpa - BOARD_DEVICE), bytes, (size_t)size * count);
    return count;
}

static uint32_t shown_read_many(void *owner, uint64_t gpa, unsigned size, void *bytes, uint32_t count)
{
    counting.calls++;
    memcpy(bytes, shown + (gpa - BOARD_DEVICE), (size_t)size * count);
    return count;
}

/* Filled, then moved up by 16, as a display is scrolled. */
static void test_device_that_takes_many_gets_them_at_once(void **state)
{
    static const uint8_t code[] = {0xf3, 0x66, 0xab, 0xf3, 0xa4}; /* rep stosw; rep movsb */
    struct board *b = board_make(BOARD_64);

    counting.calls = 0;
    b->cpu->bus.write_many = shown_write_many;
    b->cpu->bus.read_many = shown_read_many;
    start(b, code, sizeof code, 0, BOARD_DEVICE, 200);
    b->cpu->gpr[GPR_AX] = 0x1234;
    board_run(b, 1);
    assert_int_equal(b->cpu->gpr[GPR_CX], 0);
    for (unsigned i = 0; i < 400; i += 2)
        assert_true(shown[i] == 0x34 && shown[i + 1] == 0x12);
    for (unsigned i = 0; i < sizeof shown; i++)
        shown[i] = (uint8_t)(i * 3);
    b->cpu->gpr[GPR_SI] = BOARD_DEVICE + 16;
    b->cpu->gpr[GPR_DI] = BOARD_DEVICE;
    b->cpu->gpr[GPR_CX] = 400;
    board_run(b, 1);
    assert_int_equal(b->cpu->gpr[GPR_CX], 0);
    for (unsigned i = 0; i < 400; i++)
        assert_int_equal(shown[i], (uint8_t)((i + 16) * 3));
    assert_int_equal(counting.calls, 3); /* a write; a read and a write */
    assert_int_equal(b->device_reads + b->device_writes, 0);
    board_free(b);
}

/* In ring 3 with iopl 0 the map of the task decides: 0 allows. */
static void test_ports_by_the_task(void **state)
{
    static const uint8_t code[] = {0xe4, 0x40, 0xe4, 0x41}; /* in al, 0x40; in al, 0x41 */
    struct board *b = board_make(BOARD_64_USER);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->tr = (struct vcpu_segment){.base = BOARD_DATA, .limit = 0x68 + 16, .attributes = 0x8b};
    b->ram[BOARD_DATA + 102] = 0x68;
    b->ram[BOARD_DATA + 0x68 + 8] = 0xfe; /* 0x40 alone */
    b->ports[0x40] = 7;
    b->ports[0x41] = 8;
    board_run(b, 1);
    assert_int_equal(cpu->gpr[GPR_AX], 7);
    cpu_run(cpu, 1);
    assert_int_equal(cpu->gpr[GPR_AX], 7);
    cpu->fault.pending = false;

    board_code(b, code, sizeof code);
    cpu->tr.limit = 0x68 + 8; /* the map's second byte is beyond the end */
    cpu->gpr[GPR_AX] = 0;
    cpu_run(cpu, 1);
    assert_int_equal(cpu->gpr[GPR_AX], 0);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_together_with_the_host),
        cmocka_unit_test(test_steps_count_as_instructions),
        cmocka_unit_test(test_steps_do_not_depend_on_translations),
        cmocka_unit_test(test_fault_in_the_middle_can_go_on),
        cmocka_unit_test(test_copy_over_itself_repeats),
        cmocka_unit_test(test_pointers_wrap_within_16_bits),
        cmocka_unit_test(test_to_a_device_each_element_is_an_access),
        cmocka_unit_test(test_a_step_ends_after_64_accesses_to_devices),
        cmocka_unit_test(test_code_that_overwrites_itself),
        cmocka_unit_test(test_in_and_out),
        cmocka_unit_test(test_ins_and_outs),
        cmocka_unit_test(test_ins_of_many_at_once_is_ins_one_by_one),
        cmocka_unit_test(test_ins_by_the_task_is_never_many_at_once),
        cmocka_unit_test(test_device_that_takes_many_gets_them_at_once),
        cmocka_unit_test(test_ports_by_the_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
