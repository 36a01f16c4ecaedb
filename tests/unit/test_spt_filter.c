/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of moat-spt: its program against a plain reading of its rows, and what it must never let pass. */
#include "bpf_arch.h"
#include "bpf_interp.h"
#include "spt/filter.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <linux/audit.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define TRAP  SECCOMP_RET_TRAP
#define KILL  SECCOMP_RET_KILL_PROCESS
#define ALLOW SECCOMP_RET_ALLOW

#define TEXT_END   0x00500000u
#define ARENA      0x70200000ull
#define ARENA_END  0x6400000000ull
#define NUMBER_END 600

static const struct filter_world worlds[] = {
    {.text_low = 0x400000,
     .text_high = TEXT_END,
     .arena_low = ARENA,
     .arena_high = ARENA_END,
     .executable = true,
     .gives_back = true,
     .write_back = true,
     .control = 3,
     .block = 4,
     .timer = 7},
    {.text_low = 0x400000,
     .text_high = TEXT_END,
     .arena_low = ARENA,
     .arena_high = ARENA_END,
     .gives_back = true,
     .control = -1,
     .block = -1,
     .timer = 0},
    {.text_low = 0x400000,
     .text_high = 0x400000,
     .arena_low = ARENA,
     .arena_high = ARENA_END,
     .gives_back = true,
     .control = -1,
     .block = 4,
     .timer = 1},
    {.text_low = 0x400000,
     .text_high = TEXT_END,
     .arena_low = ARENA,
     .arena_high = ARENA_END,
     .executable = true,
     .jit = true,
     .gives_back = true,
     .control = -1,
     .block = -1,
     .timer = 0},
    {.arena_low = ARENA, .arena_high = ARENA_END, .control = -1, .block = -1, .timer = -1},
};
#define WORLDS (sizeof worlds / sizeof worlds[0])

static const uint16_t numbers[] = {
#define X(name, nr) nr,
    GATE_CALLS(X)
#undef X
};

struct filter {
    struct sock_filter room[FILTER_ROOM], *insns;
    uint32_t n;
};

static void make(const struct filter_world *w, struct filter *f)
{
    int n = filter_make(w, f->room, &f->insns);

    assert_true(n > 0);
    f->n = (uint32_t)n;
}

static uint32_t answer(const struct filter *f, const struct seccomp_data *d)
{
    struct bpf_run run;

    assert_int_equal(bpf_interp(f->insns, f->n, d, &run), 0);
    return run.verdict;
}

/* ---- the rows, read plainly ---- */

static bool within(uint64_t at, uint64_t n, uint64_t low, uint64_t high)
{
    return at >= low && at <= high && n <= high - at;
}

static bool holds(const struct filter_condition *c, const struct filter_world *w, const __u64 *args)
{
    const uint64_t given = args[c->argument];
    const int64_t named[] = {c->number, w->control, w->block, w->timer};
    const uint32_t value = (uint32_t)named[c->value];
    const bool text = within(given, args[c->argument + 1], w->text_low, w->text_high) && w->text_low < w->text_high;

    switch (c->test) {
    case FILTER_EQUAL:
        return (uint32_t)given == value;
    case FILTER_AT_MOST:
        return (uint32_t)given <= value;
    case FILTER_BITS:
        return !((uint32_t)given & ~value);
    case FILTER_ZERO:
        return !given;
    case FILTER_TEXT:
        return text;
    case FILTER_MEMORY:
        return text || (given >= w->arena_low && given < w->arena_high && args[c->argument + 1] <= UINT32_MAX);
    default:
        return true;
    }
}

static bool allowed(const struct filter_world *w, const struct seccomp_data *d)
{
    if (d->arch != AUDIT_ARCH_X86_64)
        return false;
    for (unsigned i = 0; i < filter_rows_count; i++) {
        const struct filter_row *r = &filter_rows[i];
        bool all =
            filter_row_holds(r, w) && d->instruction_pointer == GATE_POINTER(r->call) && d->nr == numbers[r->call];
        for (int c = 0; all && c < FILTER_CONDITIONS; c++)
            all = holds(&r->conditions[c], w, d->args);
        if (all)
            return true;
    }
    return false;
}

static void agree(const struct filter *f, const struct filter_world *w, const struct seccomp_data *d)
{
    const uint32_t want = d->arch != AUDIT_ARCH_X86_64 ? KILL : allowed(w, d) ? ALLOW : TRAP;
    const uint32_t got = answer(f, d);

    if (got != want)
        fail_msg("world %ld nr %d ip 0x%llx args 0x%llx 0x%llx 0x%llx 0x%llx: got 0x%x, expected 0x%x",
                 (long)(w - worlds), d->nr, (unsigned long long)d->instruction_pointer, (unsigned long long)d->args[0],
                 (unsigned long long)d->args[1], (unsigned long long)d->args[2], (unsigned long long)d->args[3], got,
                 want);
}

/* Values at which something changes, and their neighbours. */
static const uint64_t edges[] = {0,
                                 1,
                                 2,
                                 3,
                                 4,
                                 5,
                                 7,
                                 8,
                                 9,
                                 16,
                                 17,
                                 4096,
                                 0x400000 - 1,
                                 0x400000,
                                 0x400000 + 4096,
                                 TEXT_END - 4096,
                                 TEXT_END - 1,
                                 TEXT_END,
                                 TEXT_END + 1,
                                 ARENA - 4096,
                                 ARENA - 1,
                                 ARENA,
                                 0x7fffffff,
                                 0x80000000,
                                 0xffffffff,
                                 0x100000000,
                                 0x100000001,
                                 0x100400000,
                                 ARENA_END - 4096,
                                 ARENA_END - 1,
                                 ARENA_END,
                                 ARENA_END + 4096,
                                 UINT64_MAX - 0x400000,
                                 UINT64_MAX - 4095,
                                 UINT64_MAX};
#define EDGES (sizeof edges / sizeof edges[0])
static const uint64_t thirds[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 0x100000000, UINT64_MAX};
#define THIRDS (sizeof thirds / sizeof thirds[0])

static void test_filter_program_says_what_its_rows_say(void **state)
{
    for (size_t i = 0; i < WORLDS; i++) {
        struct filter f;
        make(&worlds[i], &f);
        for (int call = 0; call < GATE_CALLS_COUNT; call++) {
            struct seccomp_data d = {
                .nr = numbers[call], .arch = AUDIT_ARCH_X86_64, .instruction_pointer = GATE_POINTER(call)};
            for (size_t a = 0; a < EDGES * EDGES * THIRDS; a++) {
                d.args[0] = edges[a % EDGES], d.args[1] = edges[a / EDGES % EDGES];
                d.args[2] = thirds[a / EDGES / EDGES], d.args[3] = edges[a * 7 % EDGES];
                agree(&f, &worlds[i], &d);
                d.args[3] = 0;
                agree(&f, &worlds[i], &d);
            }
        }
    }
}

static void test_filter_call_from_elsewhere_traps(void **state)
{
    struct filter f;

    make(&worlds[0], &f);
    for (int nr = 0; nr < NUMBER_END; nr++)
        for (uint64_t at = GATE_BASE - 16; at < GATE_BASE + 4096 + 16; at++) {
            struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = at, .args = {1}};
            agree(&f, &worlds[0], &d);
            if (at % 64)
                continue;
            d.instruction_pointer = at | 1ull << 32;
            assert_int_equal(answer(&f, &d), TRAP);
            d.instruction_pointer = at | 1ull << 63;
            assert_int_equal(answer(&f, &d), TRAP);
        }
}

/* Each with arguments that would pass with the right instruction. */
static void test_filter_body_of_one_call_lets_no_other_pass(void **state)
{
    struct filter f;

    make(&worlds[0], &f);
    for (int call = 0; call < GATE_CALLS_COUNT; call++)
        for (uint32_t nr = 0; nr < NUMBER_END; nr++) {
            const uint32_t high[] = {0, 0x40000000, 0x80000000};
            for (int h = 0; h < 3; h++) {
                struct seccomp_data d = {.nr = (int)(nr | high[h]),
                                         .arch = AUDIT_ARCH_X86_64,
                                         .instruction_pointer = GATE_POINTER(call),
                                         .args = {ARENA, 4096, PROT_READ}};
                if (nr != numbers[call] || high[h])
                    assert_int_equal(answer(&f, &d), TRAP);
            }
        }
}

static void test_filter_other_architecture_is_killed(void **state)
{
    const uint32_t others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0, UINT32_MAX};
    struct filter f;

    make(&worlds[1], &f);
    for (int i = 0; i < 4; i++)
        for (int nr = 0; nr < NUMBER_END; nr++) {
            const struct seccomp_data d = {
                .nr = nr, .arch = others[i], .instruction_pointer = GATE_POINTER(GATE_write), .args = {1}};
            assert_int_equal(answer(&f, &d), KILL);
        }
}

/* By hand, so that a mistake in the rows themselves is seen. */
static void test_filter_verdicts_of_known_calls(void **state)
{
    static const struct {
        const char *label;
        int world;
        enum gate_call call;
        uint64_t args[4];
        uint32_t verdict;
    } cases[] = {
        {"standard output", 1, GATE_write, {1, ARENA, 5}, ALLOW},
        {"standard error", 1, GATE_write, {2, ARENA, 5}, ALLOW},
        {"writing standard input", 1, GATE_write, {0, ARENA, 5}, TRAP},
        {"writing a descriptor that is not there", 1, GATE_write, {3, ARENA, 5}, TRAP},
        {"writing the control descriptor", 0, GATE_write, {3, ARENA, 5}, ALLOW},
        {"writing the block device so", 0, GATE_write, {4, ARENA, 5}, TRAP},
        {"standard input", 1, GATE_read, {0, ARENA, 5}, ALLOW},
        {"reading standard output", 1, GATE_read, {1, ARENA, 5}, TRAP},
        {"reading the control descriptor", 0, GATE_read, {3, ARENA, 5}, ALLOW},
        {"waiting for eight", 1, GATE_ppoll, {ARENA, 8, 0, 0}, ALLOW},
        {"waiting for nine", 1, GATE_ppoll, {ARENA, 9, 0, 0}, TRAP},
        {"waiting with a signal mask", 1, GATE_ppoll, {ARENA, 1, 0, ARENA}, TRAP},
        {"waiting with a mask above 4 GiB", 1, GATE_ppoll, {ARENA, 1, 0, 1ull << 32}, TRAP},
        {"data becomes usable", 1, GATE_mprotect, {ARENA, 4096, PROT_READ | PROT_WRITE}, ALLOW},
        {"data loses all access", 1, GATE_mprotect, {ARENA, 4096, PROT_NONE}, ALLOW},
        {"data becomes executable", 0, GATE_mprotect, {ARENA, 4096, PROT_READ | PROT_EXEC}, TRAP},
        {"data writable and executable", 0, GATE_mprotect, {ARENA, 4096, 7}, TRAP},
        {"data of a program that makes code", 3, GATE_mprotect, {ARENA, 4096, PROT_READ | PROT_EXEC}, ALLOW},
        {"the text of one that makes code", 3, GATE_mprotect, {0x400000, 4096, PROT_READ | PROT_EXEC}, ALLOW},
        {"its data, writable and executable", 3, GATE_mprotect, {ARENA, 4096, 7}, TRAP},
        {"its kernel, executable", 3, GATE_mprotect, {KERNEL_BASE, 4096, PROT_READ | PROT_EXEC}, TRAP},
        {"what is behind its data", 3, GATE_mprotect, {ARENA_END, 4096, PROT_READ | PROT_EXEC}, TRAP},
        {"data with a stack's flag", 0, GATE_mprotect, {ARENA, 4096, PROT_READ | PROT_GROWSDOWN}, TRAP},
        {"text becomes executable", 0, GATE_mprotect, {0x400000, 4096, PROT_READ | PROT_EXEC}, ALLOW},
        {"all of the text", 0, GATE_mprotect, {0x400000, 0x100000, PROT_READ | PROT_EXEC}, ALLOW},
        {"a page more", 0, GATE_mprotect, {0x400000, 0x101000, PROT_READ | PROT_EXEC}, TRAP},
        {"a length that wraps", 0, GATE_mprotect, {0x401000, 0xfffff000, PROT_READ | PROT_EXEC}, TRAP},
        {"a length that wraps 64 bits", 0, GATE_mprotect, {0x401000, -0x1000ull, PROT_READ | PROT_EXEC}, TRAP},
        {"text writable and executable", 0, GATE_mprotect, {0x400000, 4096, 7}, TRAP},
        {"text of an image without code to come", 1, GATE_mprotect, {0x400000, 4096, PROT_READ | PROT_EXEC}, TRAP},
        {"the same, writable", 1, GATE_mprotect, {0x400000, 4096, PROT_READ | PROT_WRITE}, ALLOW},
        {"where there is no text", 2, GATE_mprotect, {0x400000, 4096, PROT_READ}, TRAP},
        {"nothing, where there is no text", 2, GATE_mprotect, {0x400000, 0, PROT_READ}, TRAP},
        {"the kernel", 0, GATE_mprotect, {KERNEL_BASE, 4096, PROT_READ | PROT_WRITE}, TRAP},
        {"the gate", 0, GATE_mprotect, {GATE_BASE, 4096, PROT_READ | PROT_WRITE}, TRAP},
        {"the host's stack", 0, GATE_mprotect, {0x7ffffffde000, 4096, PROT_READ | PROT_WRITE}, TRAP},
        {"giving memory back", 1, GATE_madvise, {ARENA, 4096, MADV_DONTNEED}, ALLOW},
        {"memory that a fork leaves out", 1, GATE_madvise, {ARENA, 4096, MADV_DONTFORK}, TRAP},
        {"poisoned memory", 1, GATE_madvise, {ARENA, 4096, 100}, TRAP},
        {"giving the kernel's code back", 1, GATE_madvise, {KERNEL_BASE, 4096, MADV_DONTNEED}, TRAP},
        {"the timer", 1, GATE_timer_settime, {0, 1}, ALLOW},
        {"the timer, from now on", 1, GATE_timer_settime, {0, 0}, TRAP},
        {"another timer", 1, GATE_timer_settime, {1, 1}, TRAP},
        {"memory of one that only asks for more", 4, GATE_mprotect, {ARENA, 4096, PROT_READ | PROT_WRITE}, ALLOW},
        {"giving its memory back", 4, GATE_madvise, {ARENA, 4096, MADV_DONTNEED}, TRAP},
        {"its text", 4, GATE_mprotect, {0x400000, 4096, PROT_READ}, TRAP},
        {"the timer, where there is none", 4, GATE_timer_settime, {-1ull, 1}, TRAP},
        {"the end of a handler", 1, GATE_rt_sigreturn, {0}, ALLOW},
        {"the end", 1, GATE_exit_group, {3}, ALLOW},
        {"reading the block device", 0, GATE_preadv, {4, ARENA, 1}, ALLOW},
        {"writing the block device", 0, GATE_pwritev, {4, ARENA, 1}, ALLOW},
        {"writing one that may only be read", 2, GATE_pwritev, {4, ARENA, 1}, TRAP},
        {"reading one that is not there", 1, GATE_preadv, {4, ARENA, 1}, TRAP},
        {"too many pieces", 0, GATE_preadv, {4, ARENA, 17}, TRAP},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seccomp_data d = {.nr = numbers[cases[i].call],
                                 .arch = AUDIT_ARCH_X86_64,
                                 .instruction_pointer = GATE_POINTER(cases[i].call)};
        struct filter f;
        for (int a = 0; a < 4; a++)
            d.args[a] = cases[i].args[a];
        make(&worlds[cases[i].world], &f);
        if (answer(&f, &d) != cases[i].verdict)
            fail_msg("%s: got 0x%x, expected 0x%x", cases[i].label, answer(&f, &d), cases[i].verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_program_says_what_its_rows_say),
        cmocka_unit_test(test_filter_call_from_elsewhere_traps),
        cmocka_unit_test(test_filter_body_of_one_call_lets_no_other_pass),
        cmocka_unit_test(test_filter_other_architecture_is_killed),
        cmocka_unit_test(test_filter_verdicts_of_known_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
