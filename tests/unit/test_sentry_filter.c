/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of the sentry and of its stubs: each program against a plain reading of its rows, and what a guest that
 * owns its stub must never be allowed. */
#include "bpf_interp.h"
#include "sentry/stub_filter.h"
#include "sentry/walls.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <linux/audit.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>

#define ALLOW      SECCOMP_RET_ALLOW
#define TELL       SECCOMP_RET_USER_NOTIF
#define TRAP       SECCOMP_RET_TRAP
#define KILL       SECCOMP_RET_KILL_PROCESS
#define NUMBER_END 600
#define GUEST_CODE 0x401000ull

struct filter {
    struct sock_filter room[STUB_FILTER_ROOM > WALLS_ROOM ? STUB_FILTER_ROOM : WALLS_ROOM], *insns;
    uint32_t n;
};

static const uint8_t *const behind[] = {
#define X(name, nr) stub_behind_##name,
    STUB_CALLS(X)
#undef X
};
static const int numbers[] = {
#define X(name, nr) nr,
    STUB_CALLS(X)
#undef X
};

static uint32_t answer(const struct filter *f, const struct seccomp_data *d)
{
    struct bpf_run run;
    assert_int_equal(bpf_interp(f->insns, f->n, d, &run), 0);
    return run.verdict;
}

/* Of two filters the host takes the stricter answer: the lower number, with a sign. */
static uint32_t both(const struct filter *a, const struct filter *b, const struct seccomp_data *d)
{
    int32_t x = (int32_t)answer(a, d), y = (int32_t)answer(b, d);
    return (uint32_t)(x < y ? x : y);
}

static struct filter service, service_trap, guest;

static int make_all(void **state)
{
    (void)state;
    int a = stub_filter_service(false, service.room, &service.insns), b = stub_filter_guest(guest.room, &guest.insns),
        c = stub_filter_service(true, service_trap.room, &service_trap.insns);
    service.n = (uint32_t)a, guest.n = (uint32_t)b, service_trap.n = (uint32_t)c;
    return a > 0 && b > 0 && c > 0 ? 0 : -1;
}

/* ---- stubs ---- */

static bool stub_holds(const struct stub_condition *c, const __u64 *args)
{
    const uint64_t given = args[c->argument];
    switch (c->test) {
    case STUB_TEST_IS:
        return given == c->number;
    case STUB_TEST_AT_MOST:
        return given <= c->number;
    case STUB_TEST_AT_LEAST:
        return given >= c->number;
    case STUB_TEST_BITS:
        return !(given & ~c->number);
    case STUB_TEST_HAS:
        return (given & c->number) == c->number;
    default:
        return true;
    }
}

static uint32_t service_expected(const struct seccomp_data *d)
{
    static const enum stub_call tell_all[] = {STUB_park, STUB_order, STUB_born_order};
    if (d->arch != AUDIT_ARCH_X86_64)
        return TRAP;
    for (unsigned i = 0; i < 3; i++)
        if (d->instruction_pointer == STUB_ADDRESS(behind[tell_all[i]]))
            return d->nr == SYS_getpid ? TELL : KILL;
    for (unsigned i = 0; i < stub_rows_count; i++) {
        const struct stub_row *row = &stub_rows[i];
        if (d->instruction_pointer != STUB_ADDRESS(behind[row->call]))
            continue;
        bool all = d->nr == numbers[row->call];
        for (int k = 0; all && k < STUB_CONDITIONS; k++)
            all = stub_holds(&row->conditions[k], d->args);
        return all ? ALLOW : KILL;
    }
    if (d->instruction_pointer >> 32 == STUB_LOW >> 32)
        return KILL;
    return stub_filter_tells((uint32_t)d->nr) ? TELL : TRAP;
}

/* Arguments that a row takes. */
static struct seccomp_data right_for(const struct stub_row *row)
{
    struct seccomp_data d = {
        .nr = numbers[row->call], .arch = AUDIT_ARCH_X86_64, .instruction_pointer = STUB_ADDRESS(behind[row->call])};
    for (int k = 0; k < STUB_CONDITIONS; k++)
        if (row->conditions[k].test >= STUB_TEST_IS && row->conditions[k].test != STUB_TEST_BITS)
            d.args[row->conditions[k].argument] = row->conditions[k].number;
    return d;
}

static const uint64_t odd[] = {
    0, 1, 2, 3, 7, 0x10, 0x11, 0xff, STUB_LOW, STUB_LOW - 1, STUB_HIGH + 1, UINT32_MAX, 1ull << 32, UINT64_MAX};
#define ODD (sizeof odd / sizeof odd[0])

static void test_service_rows_let_just_their_arguments_pass(void **state)
{
    (void)state;
    for (unsigned i = 0; i < stub_rows_count; i++) {
        const struct seccomp_data right = right_for(&stub_rows[i]);
        assert_int_equal(answer(&service, &right), ALLOW);
        for (unsigned a = 0; a < 6; a++)
            for (unsigned v = 0; v < ODD; v++) {
                struct seccomp_data d = right;
                d.args[a] = odd[v];
                assert_int_equal(answer(&service, &d), service_expected(&d));
                d.args[a] = right.args[a] ^ odd[v];
                assert_int_equal(answer(&service, &d), service_expected(&d));
            }
        for (int nr = 0; nr < NUMBER_END; nr++) {
            struct seccomp_data d = right;
            d.nr = nr;
            assert_int_equal(answer(&service, &d), service_expected(&d));
        }
    }
}

static void test_everything_else_is_told_or_trapped(void **state)
{
    (void)state;
    for (int nr = -1; nr < NUMBER_END; nr++)
        for (uint64_t at = STUB_TEXT - 4; at < STUB_TEXT + 0x1004; at++) {
            struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = at};
            if (answer(&service, &d) == service_expected(&d))
                continue;
            print_error("number %d at %#llx\n", nr, (unsigned long long)at);
            fail();
        }
    const uint64_t outside[] = {0, GUEST_CODE, STUB_LOW - 1, STUB_LOW + (1ull << 32), UINT64_MAX};
    for (unsigned i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        struct seccomp_data d = {.nr = SYS_mmap, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = outside[i]};
        assert_int_equal(answer(&service, &d), TELL);
        assert_int_equal(answer(&service_trap, &d), TRAP);
    }
}

/* Whatever the number, the instruction and the arguments: rt_sigreturn from its own place is all that it can make. */
static void test_a_guest_makes_one_call_of_the_host(void **state)
{
    (void)state;
    const struct filter *const filters[] = {&service, &service_trap};
    for (int f = 0; f < 2; f++)
        for (unsigned i = 0; i < stub_rows_count; i++)
            for (int call = 0; call < STUB_CALLS_COUNT; call++) {
                struct seccomp_data d = right_for(&stub_rows[i]);
                d.instruction_pointer = STUB_ADDRESS(behind[call]);
                uint32_t got = both(filters[f], &guest, &d);
                if (call == STUB_sigreturn && d.nr == SYS_rt_sigreturn)
                    assert_int_equal(got, ALLOW);
                else if (call == STUB_park && d.nr == SYS_getpid)
                    assert_int_equal(got, TELL);
                else
                    assert_int_equal(got, KILL);
            }
}

static void test_a_guests_calls_are_never_made(void **state)
{
    (void)state;
    const uint64_t places[] = {GUEST_CODE, 0, STUB_TEXT - 1, STUB_TEXT, STUB_ORDER, STUB_SLOTS, 0xffffffffff600000};
    const uint32_t architectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0};
    for (int nr = -1; nr < NUMBER_END; nr++)
        for (unsigned p = 0; p < sizeof places / sizeof places[0]; p++)
            for (unsigned a = 0; a < 3; a++) {
                struct seccomp_data d = {.nr = nr, .arch = architectures[a], .instruction_pointer = places[p]};
                uint32_t notify = both(&service, &guest, &d), trap = both(&service_trap, &guest, &d);
                assert_true(notify == TELL || notify == TRAP || notify == KILL);
                assert_true(trap == TRAP || trap == KILL);
                if (architectures[a] != AUDIT_ARCH_X86_64)
                    assert_int_equal(notify, TRAP);
            }
}

/* The answer to a notification may be that the host makes the call after all, and what answers may be taken over. */
static void test_what_is_told_would_give_nothing_if_it_were_made(void **state)
{
    (void)state;
    const int never[] = {SYS_open,       SYS_openat,      SYS_openat2,    SYS_creat,        SYS_execve,
                         SYS_execveat,   SYS_clone,       SYS_clone3,     SYS_fork,         SYS_vfork,
                         SYS_socket,     SYS_socketpair,  SYS_connect,    SYS_bind,         SYS_ptrace,
                         SYS_bpf,        SYS_unshare,     SYS_setns,      SYS_mount,        SYS_umount2,
                         SYS_prctl,      SYS_seccomp,     SYS_keyctl,     SYS_add_key,      SYS_request_key,
                         SYS_setuid,     SYS_capset,      SYS_chroot,     SYS_memfd_create, SYS_io_uring_setup,
                         SYS_ioctl,      SYS_kill,        SYS_tkill,      SYS_tgkill,       SYS_perf_event_open,
                         SYS_accept,     SYS_accept4,     SYS_pipe,       SYS_pipe2,        SYS_epoll_create1,
                         SYS_shmget,     SYS_msgget,      SYS_semget,     SYS_timer_create, SYS_userfaultfd,
                         SYS_mkdir,      SYS_rename,      SYS_unlink,     SYS_stat,         SYS_access,
                         SYS_readlink,   SYS_fchmod,      SYS_fchown,     SYS_ftruncate,    SYS_fsetxattr,
                         SYS_dup,        SYS_fcntl,       SYS_prlimit64,  SYS_modify_ldt,   SYS_process_vm_writev,
                         SYS_pidfd_open, SYS_pidfd_getfd, SYS_move_pages, SYS_setpgid,      SYS_setsid};
    struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64, .instruction_pointer = GUEST_CODE};
    unsigned n = 0;
    for (unsigned i = 0; i < sizeof never / sizeof never[0]; i++) {
        d.nr = never[i];
        assert_int_equal(both(&service, &guest, &d), TRAP);
        d.nr |= 0x40000000; /* of the other way to count */
        assert_int_equal(both(&service, &guest, &d), TRAP);
    }
    for (d.nr = 0; d.nr < NUMBER_END; d.nr++)
        n += both(&service, &guest, &d) == TELL;
    assert_in_range(n, 20, 64);
}

static void test_calls_that_need_all_registers_are_trapped(void **state)
{
    (void)state;
    const int needing[] = {SYS_rt_sigreturn, SYS_clone,      SYS_clone3,     SYS_fork,
                           SYS_vfork,        SYS_arch_prctl, SYS_sigaltstack};
    struct seccomp_data d = {.nr = SYS_read, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = GUEST_CODE};
    assert_int_equal(both(&service, &guest, &d), TELL);
    for (unsigned i = 0; i < sizeof needing / sizeof needing[0]; i++) {
        d.nr = needing[i];
        assert_int_equal(both(&service, &guest, &d), TRAP);
    }
}

/* ---- the sentry's own ---- */

static const struct walls_world worlds[] = {
    {.of = {3, 4, 5, -1}},
    {.of = {7, 9, 11, 64}, .asks = true, .files = true},
    {.of = {3, 4, 5, 6}, .files = true, .terminal = true},
};
#define WORLDS (sizeof worlds / sizeof worlds[0])

static bool walls_holds(const struct walls_condition *c, const struct walls_world *w, const __u64 *args)
{
    const uint64_t wide = args[c->argument];
    const uint32_t given = (uint32_t)wide;
    switch (c->test) {
    case WALLS_IS:
        return given == c->number;
    case WALLS_AT_MOST:
        return given <= c->number;
    case WALLS_AT_LEAST:
        return given >= c->number;
    case WALLS_BITS:
        return !(wide & ~(uint64_t)c->number);
    case WALLS_HAS:
        return (given & c->number) == c->number;
    case WALLS_FD:
        return given == (uint32_t)w->of[c->number];
    default:
        return true;
    }
}

static bool walls_allow(const struct walls_world *w, const struct seccomp_data *d)
{
    for (unsigned i = 0; i < walls_rows_count; i++) {
        const struct walls_row *row = &walls_rows[i];
        bool all = walls_row_holds(row, w) && d->arch == AUDIT_ARCH_X86_64 && d->nr == (int)row->call;
        for (int k = 0; all && k < WALLS_CONDITIONS; k++)
            all = walls_holds(&row->conditions[k], w, d->args);
        if (all)
            return true;
    }
    return false;
}

static struct seccomp_data walls_right(const struct walls_row *row, const struct walls_world *w)
{
    struct seccomp_data d = {.nr = (int)row->call, .arch = AUDIT_ARCH_X86_64};
    for (int k = 0; k < WALLS_CONDITIONS; k++) {
        const struct walls_condition *c = &row->conditions[k];
        if (c->test == WALLS_FD)
            d.args[c->argument] = (uint32_t)w->of[c->number];
        else if (c->test == WALLS_HAS)
            d.args[c->argument] |= c->number;
        else if (c->test && c->test != WALLS_BITS && !(c->test == WALLS_AT_MOST && d.args[c->argument]))
            d.args[c->argument] = c->number;
    }
    return d;
}

static void test_walls_let_just_their_rows_pass(void **state)
{
    (void)state;
    static struct filter f;
    for (unsigned i = 0; i < WORLDS; i++) {
        int n = walls_filter(&worlds[i], f.room, &f.insns);
        assert_true(n > 0);
        f.n = (uint32_t)n;
        for (unsigned r = 0; r < walls_rows_count; r++) {
            const struct seccomp_data right = walls_right(&walls_rows[r], &worlds[i]);
            if (walls_row_holds(&walls_rows[r], &worlds[i]))
                assert_int_equal(answer(&f, &right), ALLOW);
            for (unsigned a = 0; a < 6; a++)
                for (unsigned v = 0; v < ODD; v++) {
                    struct seccomp_data d = right;
                    d.args[a] ^= odd[v];
                    assert_int_equal(answer(&f, &d), walls_allow(&worlds[i], &d) ? ALLOW : KILL);
                }
        }
        for (int nr = -1; nr < NUMBER_END; nr++) {
            struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
            assert_int_equal(answer(&f, &d), walls_allow(&worlds[i], &d) ? ALLOW : KILL);
            d.arch = AUDIT_ARCH_I386;
            assert_int_equal(answer(&f, &d), KILL);
        }
    }
}

static void test_walls_open_start_and_connect_nothing(void **state)
{
    (void)state;
    const int never[] = {SYS_open,    SYS_openat,       SYS_openat2,       SYS_creat,  SYS_execve,  SYS_execveat,
                         SYS_clone,   SYS_clone3,       SYS_fork,          SYS_vfork,  SYS_socket,  SYS_socketpair,
                         SYS_connect, SYS_bind,         SYS_ptrace,        SYS_bpf,    SYS_unshare, SYS_setns,
                         SYS_mount,   SYS_prctl,        SYS_seccomp,       SYS_keyctl, SYS_setuid,  SYS_capset,
                         SYS_chroot,  SYS_memfd_create, SYS_io_uring_setup};
    unsigned calls = 0;
    for (unsigned i = 0; i < walls_rows_count; i++) {
        bool first = true;
        for (unsigned k = 0; k < i; k++)
            first &= walls_rows[k].call != walls_rows[i].call;
        calls += first;
        for (unsigned k = 0; k < sizeof never / sizeof never[0]; k++)
            assert_int_not_equal(walls_rows[i].call, never[k]);
    }
    assert_true(calls <= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_rows_let_just_their_arguments_pass),
        cmocka_unit_test(test_everything_else_is_told_or_trapped),
        cmocka_unit_test(test_a_guest_makes_one_call_of_the_host),
        cmocka_unit_test(test_a_guests_calls_are_never_made),
        cmocka_unit_test(test_what_is_told_would_give_nothing_if_it_were_made),
        cmocka_unit_test(test_calls_that_need_all_registers_are_trapped),
        cmocka_unit_test(test_walls_let_just_their_rows_pass),
        cmocka_unit_test(test_walls_open_start_and_connect_nothing),
    };
    return cmocka_run_group_tests(tests, make_all, NULL);
}
