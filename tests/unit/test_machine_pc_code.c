/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our own processor runs on a PC whose memory is another from one instruction to the next: code in ROM and in the
 * RAM beneath it, as PAM says; the same page at two addresses, as the A20 gate says; code that a device or it itself
 * has written over. Each program is put together here, runs in real mode from the reset vector, and notes what the
 * code that it called was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

#include "machine/machine.h"
#include "machine/pc.h"

#define RAM    (UINT64_C(4) << 20)
#define ROM    (128u << 10)
#define CODE   0x1000u /* of the program */
#define NOTED  0x500u  /* what was called, call by call */
#define DEVICE 0x402u  /* a port at which a device writes into memory */

static _Alignas(4096) uint8_t rom[ROM];

static struct board {
    struct machine machine;
    struct pc pc;
    struct pc_setup setup;
    struct medium none[PC_FLOPPIES];
    uint8_t *ram, *at; /* where the program goes on */
    unsigned noted, slices;
    gpa_t device_writes_at;
} board;

/* ---- The machine ------------------------------------------------------------------------------------------------- */

static void device_writes(void *owner, uint8_t byte)
{
    struct board *b = owner;
    (void)gmem_write(&b->machine.memory, b->device_writes_at, &byte, 1);
}

static void nobody_comes(void *owner, uint64_t ns)
{
    struct board *b = owner;
    machine_end(&b->machine, MACHINE_FAILED);
}

/* A program that goes astray is not waited for. */
static void count_slices(void *owner)
{
    struct board *b = owner;
    if (b->slices++ > 1000)
        b->machine.end = MACHINE_FAILED;
}

static int make(void **state)
{
    struct board *b = &board;
    struct machine_setup setup = {.kind = MACHINE_PC, .engine = &vcpu_soft, .pc = &b->pc, .pc_setup = &b->setup};
    const char *names;
    memset(b, 0, sizeof(*b));
    memset(rom, 0xf4, sizeof(rom));
    b->setup = (struct pc_setup){.firmware = rom,
                                 .firmware_bytes = ROM,
                                 .floppies = {&b->none[0], &b->none[1]},
                                 .debug = device_writes,
                                 .owner = b,
                                 .debug_exit = true};
    b->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(b->ram, MAP_FAILED);
    const struct gmem_region region = {.bytes = RAM, .host = b->ram};
    assert_int_equal(gmem_add(&b->machine.memory, &region), 0);
    assert_int_equal(cpu_model_find("moat64", &setup.model, &names), 0);
    setup.model.tsc_hz = SECOND_NS;
    setup.host = (struct machine_host){.owner = b, .wait = nobody_comes, .poll = count_slices};
    assert_int_equal(machine_init(&b->machine, &setup), 0);
    machine_reset(&b->machine);
    b->at = b->ram + CODE;
    return 0;
}

static int unmake(void **state)
{
    machine_finish(&board.machine);
    munmap(board.ram, RAM);
    return 0;
}

/* ---- Programs ---------------------------------------------------------------------------------------------------- */

static void emit(const void *bytes, unsigned n)
{
    memcpy(board.at, bytes, n);
    board.at += n;
}

/* mov dx, port; mov al, value; out dx, al */
static void emit_out(uint16_t port, uint8_t value)
{
    emit((const uint8_t[]){0xba, (uint8_t)port, (uint8_t)(port >> 8), 0xb0, value, 0xee}, 6);
}

/* mov eax, 0x80000058; mov dx, 0xcf8; out dx, eax; and the byte at 0x59: segment 0xf0000 */
static void emit_pam(uint8_t value)
{
    emit((const uint8_t[]){0x66, 0xb8, 0x58, 0, 0, 0x80, 0xba, 0xf8, 0x0c, 0x66, 0xef}, 11);
    emit_out(0xcfd, value);
}

static void emit_gate(bool open)
{
    emit_out(0x92, open ? 2 : 0);
}

/* mov ax, segment; mov es, ax; mov byte es:[offset], value */
static void emit_store(uint16_t segment, uint16_t offset, uint8_t value)
{
    emit((const uint8_t[]){0xb8, (uint8_t)segment, (uint8_t)(segment >> 8), 0x8e, 0xc0, 0x26, 0xc6, 0x06,
                           (uint8_t)offset, (uint8_t)(offset >> 8), value},
         11);
}

/* call segment:offset; mov [where], al */
static void emit_call(uint16_t segment, uint16_t offset)
{
    const uint16_t where = (uint16_t)(NOTED + board.noted++);
    emit((const uint8_t[]){0x9a, (uint8_t)offset, (uint8_t)(offset >> 8), (uint8_t)segment, (uint8_t)(segment >> 8),
                           0xa2, (uint8_t)where, (uint8_t)(where >> 8)},
         8);
}

/* What is called: mov al, value; retf */
static void place(uint8_t *at, uint8_t value)
{
    memcpy(at, (const uint8_t[]){0xb0, value, 0xcb}, 3);
}

/* From the reset vector: jmp 0:CODE, with a stack; to the end: out 0xf4, al. Then what was noted is looked at. */
static void run(const uint8_t *expected, unsigned n)
{
    static const uint8_t jump[] = {0xea, CODE & 0xff, CODE >> 8, 0, 0}, stack[] = {0xbc, 0x00, 0x80};
    emit((const uint8_t[]){0xe6, 0xf4}, 2);
    memmove(board.ram + CODE + sizeof(stack), board.ram + CODE, (size_t)(board.at - board.ram) - CODE);
    memcpy(board.ram + CODE, stack, sizeof(stack));
    memcpy(rom + ROM - 16, jump, sizeof(jump));
    assert_int_equal(machine_run(&board.machine), MACHINE_DEBUG_EXIT);
    assert_int_equal(board.noted, n);
    assert_memory_equal(board.ram + NOTED, expected, n);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

enum { READ = 0x10, WRITE = 0x20 };

static void code_is_of_rom_or_ram_as_pam_says(void **state)
{
    static const uint8_t expected[] = {0x11, 0x22, 0x22, 0x33, 0x11, 0x33, 0x11};
    place(rom + ROM - 0x10000, 0x11);
    place(board.ram + 0xf0000, 0x22);
    emit_call(0xf000, 0);
    emit_pam(READ);
    emit_call(0xf000, 0);
    emit_store(0xf000, 1, 0x33); /* cannot be written */
    emit_call(0xf000, 0);
    emit_pam(READ | WRITE);
    emit_store(0xf000, 1, 0x33); /* code that was just run */
    emit_call(0xf000, 0);
    emit_pam(WRITE);
    emit_store(0xf000, 1, 0x44);
    emit_call(0xf000, 0);
    emit_pam(READ | WRITE);
    emit_call(0xf000, 0);
    emit_pam(0);
    emit_call(0xf000, 0);
    run(expected, sizeof(expected));
    assert_int_equal(rom[ROM - 0x10000 + 1], 0x11);
}

/* 0xffff:0x0020 is 0x100010, or with the gate shut 0x10. */
static void code_is_of_the_page_that_the_gate_leads_to(void **state)
{
    static const uint8_t expected[] = {0x55, 0x66, 0x77, 0x77, 0x55, 0x77, 0x88, 0x88, 0x55};
    place(board.ram + 0x100010, 0x55);
    place(board.ram + 0x10, 0x66);
    emit_call(0xffff, 0x20);
    emit_gate(false);
    emit_call(0xffff, 0x20);
    emit_store(0xffff, 0x21, 0x77);
    emit_call(0xffff, 0x20);
    emit_call(0, 0x10);
    emit_gate(true);
    emit_call(0xffff, 0x20);
    emit_call(0, 0x10);
    emit_gate(false);
    emit_store(0, 0x11, 0x88); /* by its other address */
    emit_call(0xffff, 0x20);
    emit_call(0, 0x10);
    emit_gate(true);
    emit_call(0xffff, 0x20);
    run(expected, sizeof(expected));
}

static void code_that_a_device_writes_over_is_run_as_written(void **state)
{
    static const uint8_t expected[] = {0xa1, 0xa2, 0xa2, 0xa3};
    place(board.ram + 0x10, 0xa1);
    board.device_writes_at = 0x11;
    emit_call(0, 0x10);
    emit_out(DEVICE, 0xa2);
    emit_call(0, 0x10);
    emit_gate(false);
    emit_call(0xffff, 0x20);
    emit_out(DEVICE, 0xa3);
    emit_call(0xffff, 0x20);
    run(expected, sizeof(expected));
}

/* Where ROM is to be seen a device reaches the RAM beneath: once that is seen, what it wrote is run. */
static void code_that_a_device_writes_beneath_rom_is_run_later(void **state)
{
    static const uint8_t expected[] = {0x22, 0x11, 0x11, 0xb2};
    place(rom + ROM - 0x10000, 0x11);
    place(board.ram + 0xf0000, 0x22);
    board.device_writes_at = 0xf0001;
    emit_pam(READ | WRITE);
    emit_call(0xf000, 0);
    emit_pam(0);
    emit_call(0xf000, 0);
    emit_out(DEVICE, 0xb2);
    emit_call(0xf000, 0);
    emit_pam(READ);
    emit_call(0xf000, 0);
    run(expected, sizeof(expected));
    assert_int_equal(rom[ROM - 0x10000 + 1], 0x11);
}

/* The program itself lies where the map changes: the very next instruction is the other memory's. */
static void code_goes_on_in_the_other_memory_at_once(void **state)
{
    static const uint8_t expected[] = {0xc2};
    static const uint8_t back[] = {0xb0, 0xc1, 0xcb}, other[] = {0xb0, 0xc2, 0xcb};
    board.at = rom + ROM - 0x10000;
    emit_pam(READ);
    const size_t n = (size_t)(board.at - (rom + ROM - 0x10000));
    emit(back, sizeof(back));
    memcpy(board.ram + 0xf0000 + n, other, sizeof(other));
    board.at = board.ram + CODE;
    emit_call(0xf000, 0);
    run(expected, sizeof(expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(code_is_of_rom_or_ram_as_pam_says, make, unmake),
        cmocka_unit_test_setup_teardown(code_is_of_the_page_that_the_gate_leads_to, make, unmake),
        cmocka_unit_test_setup_teardown(code_that_a_device_writes_over_is_run_as_written, make, unmake),
        cmocka_unit_test_setup_teardown(code_that_a_device_writes_beneath_rom_is_run_later, make, unmake),
        cmocka_unit_test_setup_teardown(code_goes_on_in_the_other_memory_at_once, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
