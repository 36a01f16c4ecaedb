/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of src/linux: faults, the frames of handlers and the stacks they lie on, the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_signals.h"

#include <asm/errno.h>
#include <linux/resource.h>
#include <linux/sched.h>

#define TOP 0x7ffffffff000ull

/* ---- faults ---- */

static void after_fault(void)
{
    sys(__NR_exit_group, 44);
}

static void leave_fault(int signo, siginfo_t *info, void *of)
{
    struct ucontext *uc = of;
    note(signo, info, of);
    seen.flags = uc->uc_mcontext.cr2;
    uc->uc_mcontext.rip = (uint64_t)(uintptr_t)after_fault;
    uc->uc_mcontext.rsp = (uc->uc_mcontext.rsp & ~15ull) - 8;
}

static void touch(uintptr_t address)
{
    __asm__ volatile("movl $1, (%0)" ::"r"(address) : "memory");
}

static void guest_fault(void)
{
    handle(SIGSEGV, leave_fault, 0, 0);
    touch(16);
}

static void test_fault_reaches_a_handler_with_its_address(void **state)
{
    assert_int_equal(run(guest_fault), 44);
    assert_int_equal(seen.info.si_signo, SIGSEGV);
    assert_int_equal((uintptr_t)seen.info.si_addr, 16);
    assert_int_equal(seen.flags, 16);
}

static void guest_fault_blocked(void)
{
    handle(SIGSEGV, leave_fault, 0, 0);
    set_mask(SIG_SETMASK, ~0ull);
    touch(16);
}

static void test_blocked_fault_ends_the_process(void **state)
{
    assert_int_equal(run(guest_fault_blocked), HARNESS_SIGNAL + SIGSEGV);
    assert_int_equal(seen.n, 0);
}

/* ---- the alternate stack ---- */

static void on_altstack(int signo, siginfo_t *info, void *of)
{
    stack_t now, other = {.ss_sp = (void *)65536, .ss_size = 65536};
    note(signo, info, of);
    assert_int_equal(sys(__NR_sigaltstack, NULL, &now), 0);
    assert_int_equal(now.ss_flags, SS_ONSTACK);
    assert_int_equal(sys(__NR_sigaltstack, &other, NULL), -EPERM);
}

static void guest_altstack(void)
{
    uint64_t size = 65536;
    uint8_t *stack = user_alloc(size);
    stack_t set = {.ss_sp = stack, .ss_size = size}, now;
    assert_int_equal(sys(__NR_sigaltstack, NULL, &now), 0);
    assert_int_equal(now.ss_flags, SS_DISABLE);
    assert_int_equal(sys(__NR_sigaltstack, &set, NULL), 0);
    handle(SIGUSR1, on_altstack, SA_ONSTACK, 0);
    handle(SIGUSR2, note, 0, 0);
    raise_to_self(SIGUSR1);
    assert_int_equal(seen.n, 1);
    assert_in_range(seen.sp, (uintptr_t)stack, (uintptr_t)stack + size);
    raise_to_self(SIGUSR2);
    assert_int_equal(seen.n, 2);
    assert_false(seen.sp >= (uintptr_t)stack && seen.sp < (uintptr_t)stack + size);
    assert_int_equal(sys(__NR_sigaltstack, NULL, &now), 0);
    assert_int_equal(now.ss_flags, 0);
    assert_ptr_equal(now.ss_sp, stack);
    set.ss_size = 100;
    assert_int_equal(sys(__NR_sigaltstack, &set, NULL), -ENOMEM);
    set.ss_flags = 8;
    assert_int_equal(sys(__NR_sigaltstack, &set, NULL), -EINVAL);
    set.ss_flags = SS_DISABLE;
    assert_int_equal(sys(__NR_sigaltstack, &set, &now), 0);
    raise_to_self(SIGUSR2);
    assert_int_equal(seen.n, 3);
}

static void test_alternate_stack_is_used_by_who_asks_for_it(void **state)
{
    assert_int_equal(run(guest_altstack), 0);
}

static void look_at_altstack(int signo, siginfo_t *info, void *of)
{
    stack_t now;
    note(signo, info, of);
    assert_int_equal(sys(__NR_sigaltstack, NULL, &now), 0);
    assert_int_equal(now.ss_flags, SS_DISABLE);
}

static void guest_autodisarm(void)
{
    stack_t set = {.ss_sp = user_alloc(65536), .ss_size = 65536, .ss_flags = (int)SS_AUTODISARM}, now;
    assert_int_equal(sys(__NR_sigaltstack, &set, NULL), 0);
    handle(SIGUSR1, look_at_altstack, SA_ONSTACK, 0);
    raise_to_self(SIGUSR1);
    assert_int_equal(seen.n, 1);
    assert_int_equal(sys(__NR_sigaltstack, NULL, &now), 0);
    assert_int_equal((unsigned)now.ss_flags, SS_AUTODISARM);
    assert_int_equal(now.ss_size, 65536);
}

static void test_autodisarm_takes_the_stack_away_for_the_handler(void **state)
{
    assert_int_equal(run(guest_autodisarm), 0);
}

static void guest_no_room(void)
{
    /* A stack whose page below cannot be written: the frame does not fit, and the signal ends the process. */
    uint8_t *page = user_guarded(4096);
    stack_t set = {.ss_sp = page + 4096, .ss_size = 65536};
    assert_int_equal(sys(__NR_sigaltstack, &set, NULL), 0);
    handle(SIGUSR1, note, SA_ONSTACK, 0);
    raise_to_self(SIGUSR1);
}

static void test_frame_that_does_not_fit_is_sigsegv(void **state)
{
    assert_int_equal(run(guest_no_room), HARNESS_SIGNAL + SIGSEGV);
    assert_int_equal(seen.n, 0);
}

/* ---- the way back ---- */

static uint64_t new_rip, new_flags, new_fpstate;
static bool set_rip, set_flags, set_fpstate;

static void change_frame(int signo, siginfo_t *info, void *of)
{
    struct ucontext *uc = of;
    note(signo, info, of);
    seen.flags = uc->uc_mcontext.eflags;
    if (set_rip)
        uc->uc_mcontext.rip = new_rip;
    if (set_flags)
        uc->uc_mcontext.eflags = new_flags;
    if (set_fpstate)
        uc->uc_mcontext.fpstate = (void *)(uintptr_t)new_fpstate;
    uc->uc_sigmask = ~0ull;
}

static void guest_changed_frame(void)
{
    handle(SIGUSR1, change_frame, 0, 0);
    raise_to_self(SIGUSR1);
    assert_int_equal(get_mask(), ~(uint64_t)SIGNAL_UNBLOCKABLE);
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    assert_int_equal(flags & 0x7000, 0); /* NT and IOPL are not the program's to set */
}

static void test_wild_rip_in_a_frame_is_sigsegv(void **state)
{
    set_rip = true, new_rip = TOP, set_flags = set_fpstate = false;
    assert_int_equal(run(guest_changed_frame), HARNESS_SIGNAL + SIGSEGV);
    new_rip = 0x8000000000000000ull;
    assert_int_equal(run(guest_changed_frame), HARNESS_SIGNAL + SIGSEGV);
}

static void test_flags_of_the_kernel_are_not_taken_from_a_frame(void **state)
{
    set_rip = set_fpstate = false, set_flags = true, new_flags = 0x7000;
    assert_int_equal(run(guest_changed_frame), 0);
}

static void test_extended_state_that_cannot_be_read_is_sigsegv(void **state)
{
    set_rip = set_flags = false, set_fpstate = true, new_fpstate = 4096;
    assert_int_equal(run(guest_changed_frame), HARNESS_SIGNAL + SIGSEGV);
    new_fpstate = 0; /* none: it begins anew */
    assert_int_equal(run(guest_changed_frame), 0);
}

static void guest_no_frame(void)
{
    sys(__NR_rt_sigreturn);
}

static void test_sigreturn_without_a_frame_is_harmless(void **state)
{
    /* Whatever lies on the stack is no frame that leads anywhere: the program ends by a signal. */
    assert_int_equal(run(guest_no_frame), HARNESS_SIGNAL + SIGSEGV);
}

static void spoil_xmm(int signo, siginfo_t *info, void *of)
{
    note(signo, info, of);
    __asm__ volatile("pcmpeqd %%xmm7, %%xmm7" ::: "xmm7");
}

static void guest_xmm(void)
{
    uint64_t in = 0x1122334455667788, out;
    handle(SIGUSR1, spoil_xmm, 0, 0);
    int64_t pid = sys(__NR_getpid), tid = sys(__NR_gettid);
    __asm__ volatile("movq %0, %%xmm7" ::"r"(in) : "xmm7");
    sys(__NR_tgkill, pid, tid, SIGUSR1);
    __asm__ volatile("movq %%xmm7, %0" : "=r"(out));
    assert_int_equal(seen.n, 1);
    assert_int_equal(out, in);
}

static void test_registers_of_the_fpu_survive_a_handler(void **state)
{
    assert_int_equal(run(guest_xmm), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fault_reaches_a_handler_with_its_address),
        cmocka_unit_test(test_blocked_fault_ends_the_process),
        cmocka_unit_test(test_alternate_stack_is_used_by_who_asks_for_it),
        cmocka_unit_test(test_autodisarm_takes_the_stack_away_for_the_handler),
        cmocka_unit_test(test_frame_that_does_not_fit_is_sigsegv),
        cmocka_unit_test(test_wild_rip_in_a_frame_is_sigsegv),
        cmocka_unit_test(test_flags_of_the_kernel_are_not_taken_from_a_frame),
        cmocka_unit_test(test_extended_state_that_cannot_be_read_is_sigsegv),
        cmocka_unit_test(test_sigreturn_without_a_frame_is_harmless),
        cmocka_unit_test(test_registers_of_the_fpu_survive_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
