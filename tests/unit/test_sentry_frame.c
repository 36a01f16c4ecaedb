/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in slots, which guests may write to: nothing that a frame says is an address of ours, and no frame that
 * does not lie in its slot is looked at. */
#include "sentry/frame.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define FRAME_BYTES 440u

static uint8_t memory[3 * STUB_SLOT_SIZE] __attribute__((aligned(64))); /* the middle one is the slot */
#define SLOT 5

uint8_t *slot_memory(uint32_t slot)
{
    return memory + STUB_SLOT_SIZE;
}

uint64_t slot_address(uint32_t slot)
{
    return STUB_SLOTS + (uint64_t)slot * STUB_SLOT_SIZE;
}

static void handler(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    frame_asked(context);
}

static int ask(void **state)
{
    (void)state;
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    return state_size ? 0 : -1;
}

static void test_frame_is_read_in_its_slot_alone(void **state)
{
    (void)state;
    struct frame_seen f;
    const uint64_t low = slot_address(SLOT) + SLOT_STACK, high = slot_address(SLOT) + STUB_SLOT_SIZE - FRAME_BYTES;
    assert_true(frame_read(SLOT, low, &f));
    assert_true(frame_read(SLOT, high, &f));
    const uint64_t outside[] = {low - 1,    high + 1,   slot_address(SLOT),     slot_address(SLOT + 1),  0,
                                UINT64_MAX, STUB_ORDER, slot_address(SLOT) - 1, UINT64_MAX - FRAME_BYTES};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        assert_false(frame_read(SLOT, outside[i], &f));
}

/* Any bytes: the place of vector registers is in the slot with all of them, or nowhere. */
static void test_frame_of_any_bytes_points_into_the_slot(void **state)
{
    (void)state;
    uint8_t *slot = slot_memory(SLOT);
    srandom(10);
    for (int i = 0; i < 20000; i++) {
        struct frame_seen f;
        const size_t at = SLOT_STACK + (size_t)random() % (SLOT_STACK_SIZE - FRAME_BYTES);
        for (size_t k = 0; k < FRAME_BYTES; k++)
            slot[at + k] = (uint8_t)random();
        const uint64_t pointer = slot_address(SLOT) + (uint64_t)random() % (2 * STUB_SLOT_SIZE) - STUB_SLOT_SIZE / 2;
        memcpy(slot + at + FRAME_FS - 8, &pointer, sizeof pointer);
        assert_true(frame_read(SLOT, slot_address(SLOT) + at, &f));
        if (f.state_at)
            assert_true(f.state_at >= SLOT_STACK && f.state_at + state_size + 4 <= STUB_SLOT_SIZE);
    }
}

static void test_frame_that_is_written_has_its_registers(void **state)
{
    (void)state;
    struct regs r;
    uint64_t word;
    for (size_t i = 0; i < sizeof r / 8; i++) {
        word = 0x1000 + i;
        memcpy((uint8_t *)&r + 8 * i, &word, sizeof word);
    }
    r.gs_base = UINT64_MAX; /* no address: the task has none then, and goes on */
    assert_int_equal(frame_write(SLOT, &r, NULL, 0, true), slot_address(SLOT) + SLOT_FRAME);
    const uint8_t *frame = slot_memory(SLOT) + SLOT_FRAME;
    const ucontext_t *uc = (const ucontext_t *)(const void *)(frame + 8);
    const greg_t *g = uc->uc_mcontext.gregs;
    assert_true((uint64_t)g[REG_RIP] == r.rip && (uint64_t)g[REG_RSP] == r.rsp && (uint64_t)g[REG_EFL] == r.rflags);
    assert_true((uint64_t)g[REG_RAX] == r.rax && (uint64_t)g[REG_RCX] == r.rcx && (uint64_t)g[REG_R15] == r.r15);
    assert_null(uc->uc_mcontext.fpregs);
    memcpy(&word, frame + FRAME_FS, sizeof word);
    assert_int_equal(word, r.fs_base);
    memcpy(&word, frame + FRAME_GS, sizeof word);
    assert_int_equal(word, 0);
    assert_int_equal((uintptr_t)uc->uc_stack.ss_sp, slot_address(SLOT) + SLOT_STACK);
}

static void test_vector_registers_come_back_harmless(void **state)
{
    (void)state;
    uint8_t *image = calloc(1, state_size);
    assert_non_null(image);
    memset(slot_memory(SLOT) + SLOT_STACK, 0xff, state_size);
    frame_state_copy(SLOT, SLOT_STACK, image);
    assert_int_equal(frame_state_check(image), 0);
    uint64_t features;
    memcpy(&features, image + 512, sizeof features);
    assert_int_equal(features & ~state_mask, 0);
    image[520] = 1; /* xcomp_bv */
    assert_int_equal(frame_state_check(image), -EINVAL);
    image[520] = 0, image[27] = 0x80; /* mxcsr */
    assert_int_equal(frame_state_check(image), -EINVAL);
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_frame_is_read_in_its_slot_alone),
                                       cmocka_unit_test(test_frame_of_any_bytes_points_into_the_slot),
                                       cmocka_unit_test(test_frame_that_is_written_has_its_registers),
                                       cmocka_unit_test(test_vector_registers_come_back_harmless)};
    return cmocka_run_group_tests(tests, ask, NULL);
}
