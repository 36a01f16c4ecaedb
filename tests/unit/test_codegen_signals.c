/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codegen/signals.h: what happens in a region is its owner's; all else goes where it went before, to a handler or to
 * the process's death. Faults that end a process happen in children. Small pieces of code are made to fault on purpose.
 */
#include "codegen/arena.h"
#include "codegen/signals.h"
#include "codegen/x64.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define INTERRUPT SIGUSR2
#define ADDRESS   0x10000 /* below what may be mapped (vm.mmap_min_addr), and not mapped */

static struct code_arena arena;
static struct code_region region;
static uint8_t *load, *divide, *illegal, *spin, *landing;

/* What the owner's function saw, and what it says. */
static struct {
    int signo, calls;
    uintptr_t address;
    bool refuse;
    bool on_own_stack;
} seen;

static bool on_fault(struct code_region *r, int signo, siginfo_t *info, ucontext_t *context)
{
    stack_t now;

    seen.calls++;
    seen.signo = signo;
    seen.address = (uintptr_t)info->si_addr;
    seen.on_own_stack = sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_ONSTACK);
    if (seen.refuse || r != &region)
        return false;
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)landing;
    context->uc_mcontext.gregs[REG_RAX] = signo;
    return true;
}

static uint8_t *put(struct x64_buf *b)
{
    uint8_t *code = code_arena_put(&arena, b->start, x64_size(b), 16);

    x64_buf_reset(b);
    return code;
}

static int make_code(void **state)
{
    struct x64_buf b;
    struct x64_label again = {0};
    struct err err;

    (void)state;
    if (code_arena_make(&arena, 65536, &err) < 0 || x64_buf_init(&b, 0) < 0)
        return -1;
    x64_rm(&b, X64_MOV, X64_W64, X64_RAX, x64_at(X64_RDI, 0));
    x64_bare(&b, X64_RET);
    load = put(&b);
    x64_zero(&b, X64_RAX);
    x64_zero(&b, X64_RDX);
    x64_zero(&b, X64_RCX);
    x64_r(&b, X64_DIV, X64_W32, X64_RCX);
    x64_bare(&b, X64_RET);
    divide = put(&b);
    x64_bare(&b, X64_UD2);
    illegal = put(&b);
    x64_mov_mi(&b, X64_W32, x64_at(X64_RDI, 0), 1);
    x64_bind(&b, &again);
    x64_bare(&b, X64_PAUSE);
    x64_jmp(&b, &again);
    spin = put(&b);
    x64_bare(&b, X64_RET);
    landing = put(&b);
    x64_buf_free(&b);
    region = (struct code_region){.start = load, .size = arena.used, .fault = on_fault};
    return landing ? 0 : -1;
}

static int free_code(void **state)
{
    (void)state;
    code_arena_free(&arena);
    return 0;
}

static struct code_sigstack alternate;

static int setup(void **state)
{
    struct err err;

    (void)state;
    memset(&seen, 0, sizeof(seen));
    code_region_add(&region);
    return code_sigstack_enter(&alternate, &err);
}

static int teardown(void **state)
{
    (void)state;
    code_sigstack_leave(&alternate);
    code_region_remove(&region);
    return 0;
}

static uint64_t call(const uint8_t *code, void *argument)
{
    uint64_t (*fn)(void *);

    memcpy(&fn, &code, sizeof(fn));
    return fn(argument);
}

static void install(int interrupt, code_outside_fn *outside)
{
    struct err err;

    assert_int_equal(code_signals_install(interrupt, outside, &err), 0);
}

static void test_fault_in_region_is_the_owners(void **state)
{
    (void)state;
    install(0, NULL);
    assert_int_equal(call(load, (void *)ADDRESS), SIGSEGV);
    assert_int_equal(seen.address, ADDRESS);
    assert_true(seen.on_own_stack);
    assert_int_equal(call(divide, NULL), SIGFPE);
    assert_int_equal(call(illegal, NULL), SIGILL);
    assert_int_equal(seen.calls, 3);
    code_signals_remove();
}

static void test_bus_error_in_region_is_the_owners(void **state)
{
    int fd = memfd_create("test-empty", MFD_CLOEXEC);
    void *beyond = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0); /* behind the file's end */

    (void)state;
    assert_true(fd >= 0 && beyond != MAP_FAILED);
    install(0, NULL);
    assert_int_equal(call(load, beyond), SIGBUS);
    code_signals_remove();
    munmap(beyond, 4096);
    close(fd);
}

/* ---- What is not ours ---- */

static sigjmp_buf back;
static int before_signo, before_calls;

static void before_handler(int signo, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    before_signo = signo;
    before_calls++;
    siglongjmp(back, 1);
}

static void plain_handler(int signo)
{
    before_signo = signo;
    before_calls++;
    siglongjmp(back, 1);
}

static void read_address(volatile char *address)
{
    *address;
}

/* With a handler there before: of either kind, it gets the fault of C code, and that of code whose owner refuses. */
static void check_chained(const struct sigaction *action)
{
    struct sigaction old, now;

    assert_int_equal(sigaction(SIGSEGV, action, &old), 0);
    install(0, NULL);
    before_calls = 0;
    if (!sigsetjmp(back, 1))
        read_address((char *)ADDRESS);
    assert_int_equal(before_calls, 1);
    assert_int_equal(before_signo, SIGSEGV);
    assert_int_equal(seen.calls, 0);
    seen.refuse = true;
    if (!sigsetjmp(back, 1))
        call(load, (void *)ADDRESS);
    assert_int_equal(before_calls, 2);
    assert_int_equal(seen.calls, 1);
    code_signals_remove();
    assert_int_equal(sigaction(SIGSEGV, &old, &now), 0);
    assert_ptr_equal(now.sa_handler, action->sa_handler);
    memset(&seen, 0, sizeof(seen));
}

static void test_fault_elsewhere_goes_to_the_handler_before(void **state)
{
    struct sigaction info = {.sa_sigaction = before_handler, .sa_flags = SA_SIGINFO};
    struct sigaction plain = {.sa_handler = plain_handler};

    (void)state;
    check_chained(&info);
    check_chained(&plain);
}

static void act_read(void)
{
    read_address((char *)ADDRESS);
}
static void act_refused(void)
{
    seen.refuse = true;
    call(load, (void *)ADDRESS);
}
static void act_divide(void)
{
    seen.refuse = true;
    call(divide, NULL);
}
static void act_illegal(void)
{
    seen.refuse = true;
    call(illegal, NULL);
}
static void act_sent(void)
{
    raise(SIGBUS);
}
static void act_fault_in_handler(void);

static const struct {
    const char *label;
    void (*act)(void);
    int signo;
    void (*before)(int);
} deaths[] = {
    {"C code reads nowhere", act_read, SIGSEGV, SIG_DFL},
    {"C code reads nowhere, the signal was ignored", act_read, SIGSEGV, SIG_IGN},
    {"the owner refuses", act_refused, SIGSEGV, SIG_DFL},
    {"the owner refuses a division", act_divide, SIGFPE, SIG_DFL},
    {"the owner refuses an instruction", act_illegal, SIGILL, SIG_DFL},
    {"somebody sends SIGBUS", act_sent, SIGBUS, SIG_DFL},
    {"the owner's function faults itself", act_fault_in_handler, SIGSEGV, SIG_DFL},
};

static bool faulty_owner(struct code_region *r, int signo, siginfo_t *info, ucontext_t *context)
{
    read_address((char *)ADDRESS);
    return true;
}

static void act_fault_in_handler(void)
{
    region.fault = faulty_owner;
    call(load, (void *)ADDRESS);
}

static void test_fault_without_a_handler_before_ends_the_process(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
            struct err err;

            signal(deaths[i].signo, deaths[i].before);
            alarm(20);
            if (code_signals_install(0, NULL, &err) == 0)
                deaths[i].act();
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != deaths[i].signo)
            fail_msg("%s: status %#x, wanted death by signal %d", deaths[i].label, (unsigned)status, deaths[i].signo);
    }
}

static void test_fault_signal_sent_and_ignored_stays_ignored(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;

    (void)state;
    assert_int_equal(sigaction(SIGFPE, &ignore, &old), 0);
    install(0, NULL);
    raise(SIGFPE);
    code_signals_remove();
    sigaction(SIGFPE, &old, NULL);
    assert_int_equal(seen.calls, 0);
}

/* ---- Interruption ---- */

static int outside_calls;

static bool on_outside(int signo, siginfo_t *info, ucontext_t *context)
{
    (void)info;
    (void)context;
    outside_calls += signo == INTERRUPT;
    return true;
}

struct spinning {
    uint32_t inside; /* set by the code once it runs */
    uint64_t result;
};

static void *run_spin(void *data)
{
    struct spinning *s = data;
    struct code_sigstack own;
    struct err err;

    if (code_sigstack_enter(&own, &err) < 0)
        return NULL;
    s->result = call(spin, &s->inside);
    code_sigstack_leave(&own);
    return NULL;
}

static void test_interrupt_ends_an_endless_loop_of_code(void **state)
{
    struct spinning s = {0};
    pthread_t thread;

    (void)state;
    install(INTERRUPT, on_outside);
    assert_int_equal(pthread_create(&thread, NULL, run_spin, &s), 0);
    while (!__atomic_load_n(&s.inside, __ATOMIC_ACQUIRE))
        usleep(100);
    pthread_kill(thread, INTERRUPT);
    pthread_join(thread, NULL);
    assert_int_equal(s.result, INTERRUPT);
    assert_true(seen.on_own_stack);
    assert_int_equal(seen.calls, 1);
    code_signals_remove();
}

static void test_interrupt_outside_code_is_told_or_dropped(void **state)
{
    (void)state;
    outside_calls = 0;
    install(INTERRUPT, on_outside);
    raise(INTERRUPT);
    assert_int_equal(outside_calls, 1);
    code_signals_remove();
    install(INTERRUPT, NULL);
    raise(INTERRUPT); /* by default it would end us */
    code_signals_remove();
    assert_int_equal(outside_calls, 1);
    assert_int_equal(seen.calls, 0);
}

static int other_calls;

static void other_handler(int signo)
{
    (void)signo;
    other_calls++;
}

static void test_interrupt_that_nobody_wants_goes_to_the_handler_before(void **state)
{
    struct sigaction other = {.sa_handler = other_handler}, old;

    (void)state;
    assert_int_equal(sigaction(INTERRUPT, &other, &old), 0);
    install(INTERRUPT, NULL);
    raise(INTERRUPT);
    assert_int_equal(other_calls, 1);
    code_signals_remove();
    sigaction(INTERRUPT, &old, NULL);
}

static bool spoil_errno(int signo, siginfo_t *info, ucontext_t *context)
{
    errno = EXDEV;
    return true;
}

static void test_interrupt_keeps_errno(void **state)
{
    (void)state;
    install(INTERRUPT, spoil_errno);
    errno = ENOTTY;
    raise(INTERRUPT);
    assert_int_equal(errno, ENOTTY);
    code_signals_remove();
}

/* ---- Installing ---- */

static void test_install_is_counted_and_undone(void **state)
{
    struct sigaction before, now;
    struct err err;

    (void)state;
    sigaction(SIGILL, NULL, &before);
    install(INTERRUPT, on_outside);
    install(INTERRUPT, on_outside);
    assert_int_equal(code_signals_install(SIGUSR1, on_outside, &err), -EBUSY);
    assert_int_equal(code_signals_install(INTERRUPT, NULL, &err), -EBUSY);
    code_signals_remove();
    assert_int_equal(call(illegal, NULL), SIGILL);
    code_signals_remove();
    sigaction(SIGILL, NULL, &now);
    assert_ptr_equal(now.sa_handler, before.sa_handler);
    assert_int_equal(code_signals_install(SIGSEGV, NULL, &err), -EINVAL);
    assert_int_equal(code_signals_install(-1, NULL, &err), -EINVAL);
    assert_int_equal(code_signals_install(10000, NULL, &err), -EINVAL);
}

static void test_handler_of_somebody_else_is_left_alone(void **state)
{
    struct sigaction other = {.sa_handler = other_handler}, before, now;

    (void)state;
    sigaction(SIGILL, NULL, &before);
    install(0, NULL);
    sigaction(SIGILL, &other, NULL);
    code_signals_remove();
    sigaction(SIGILL, &before, &now);
    assert_ptr_equal(now.sa_handler, other_handler);
}

static void *check_stack(void *data)
{
    stack_t small = {.ss_flags = SS_DISABLE}, before, now;
    struct code_sigstack first, second;
    struct err err;
    bool *good = data;

    sigaltstack(&small, &before); /* a sanitizer gives each thread one */
    *good = code_sigstack_enter(&first, &err) == 0 && first.memory != NULL;
    *good = *good && code_sigstack_enter(&second, &err) == 0 && second.memory == NULL; /* large enough: kept */
    code_sigstack_leave(&second);
    *good = *good && sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE) &&
            (char *)now.ss_sp > (char *)first.memory;
    code_sigstack_leave(&first);
    *good = *good && sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE);
    sigaltstack(&before, NULL);
    return NULL;
}

static void test_sigstack_is_made_once_and_undone(void **state)
{
    pthread_t thread;
    bool good = false;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, check_stack, &good), 0);
    pthread_join(thread, NULL);
    assert_true(good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fault_in_region_is_the_owners),
        TEST(test_bus_error_in_region_is_the_owners),
        TEST(test_fault_elsewhere_goes_to_the_handler_before),
        TEST(test_fault_without_a_handler_before_ends_the_process),
        TEST(test_fault_signal_sent_and_ignored_stays_ignored),
        TEST(test_interrupt_ends_an_endless_loop_of_code),
        TEST(test_interrupt_outside_code_is_told_or_dropped),
        TEST(test_interrupt_that_nobody_wants_goes_to_the_handler_before),
        TEST(test_interrupt_keeps_errno),
        TEST(test_install_is_counted_and_undone),
        TEST(test_handler_of_somebody_else_is_left_alone),
        TEST(test_sigstack_is_made_once_and_undone),
    };

    return cmocka_run_group_tests(tests, make_code, free_code);
}
