/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small modules, run: control, calls, every trap, fuel to the opcode, interruption, who called whom. The same for both
 * ways to run: test_wasm_interp.c, test_wasm_compiled.c.
 */
#ifndef MOAT_TESTS_WASM_RUN_TESTS_H
#define MOAT_TESTS_WASM_RUN_TESTS_H

#include "wasm_fixture.h"

#include <signal.h>
#include <sys/time.h>

static const struct wasm_store_options unlimited = {.fuel = -1};

static void test_control_flow_gives_what_the_text_says(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    struct wasm_instance *i = fixture_instance(control_module, NULL);
    uint64_t result;
    assert_int_equal(fixture_call(i, "fac", 20, &result), WASM_TRAP_NONE);
    assert_true(result == UINT64_C(2432902008176640000));
    fixture_expect(i, "sum", 0, 0);
    fixture_expect(i, "sum", 1000, 500500);
    fixture_expect(i, "switch", 0, 12);
    fixture_expect(i, "switch", 1, 10);
    fixture_expect(i, "switch", 2, 11);
    fixture_expect(i, "switch", 3, 12);
    fixture_expect(i, "switch", UINT32_MAX, 12);
    union wasm_value values[2] = {{.i32 = 7}, {.i64 = 8}};
    assert_int_equal(wasm_call(store, fixture_export(i, "swap").func, values), WASM_TRAP_NONE);
    assert_true(values[0].i64 == 8 && values[1].i32 == 7);
    union wasm_value pair[2] = {{.i32 = 1071}, {.i32 = 462}};
    assert_int_equal(wasm_call(store, fixture_export(i, "gcd").func, pair), WASM_TRAP_NONE);
    assert_int_equal(pair[0].i32, 21);
}

static void test_recursion_without_end_exhausts_the_stack_and_leaves_the_store_usable(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    struct wasm_instance *i = fixture_instance(control_module, NULL);
    for (int k = 0; k < 3; k++) {
        fixture_expect_trap(i, "deep", 0, WASM_TRAP_STACK_EXHAUSTED);
        fixture_expect(i, "sum", 10, 55);
    }
}

static void test_tail_calls_take_no_stack(void **state)
{
    (void)state;
    fixture_begin((struct wasm_store_options){.fuel = -1, .stack_size = 16384});
    fixture_expect(fixture_instance(control_module, NULL), "count", 1000000, 7);
}

static void test_each_trap_is_raised(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t argument;
        enum wasm_trap trap;
    } cases[] = {
        {"unreachable", 0, WASM_TRAP_UNREACHABLE},
        {"call", 0, WASM_TRAP_NONE},
        {"call", 1, WASM_TRAP_INDIRECT_TYPE},
        {"call", 2, WASM_TRAP_UNINITIALIZED_ELEMENT},
        {"call", 3, WASM_TRAP_UNDEFINED_ELEMENT},
        {"call", UINT32_MAX, WASM_TRAP_UNDEFINED_ELEMENT},
        {"load", 65536 - 12, WASM_TRAP_NONE},
        {"load", 65536 - 11, WASM_TRAP_MEMORY_BOUNDS},
        {"load", UINT32_MAX - 7, WASM_TRAP_MEMORY_BOUNDS}, /* index + offset is 2^32: no wrap */
        {"far", 0, WASM_TRAP_MEMORY_BOUNDS},
        {"far", 1, WASM_TRAP_MEMORY_BOUNDS},
        {"far", UINT32_MAX, WASM_TRAP_MEMORY_BOUNDS},
        {"store", 65536 - 8, WASM_TRAP_NONE},
        {"store", 65536 - 7, WASM_TRAP_MEMORY_BOUNDS},
        {"table.get", 2, WASM_TRAP_NONE},
        {"table.get", 3, WASM_TRAP_TABLE_BOUNDS},
        {"div", 1, WASM_TRAP_DIVIDE_BY_ZERO},
        {"trunc", 0x4f000000, WASM_TRAP_INTEGER_OVERFLOW}, /* 2^31 */
        {"trunc", 0x7fc00000, WASM_TRAP_INVALID_CONVERSION},
    };
    fixture_begin(unlimited);
    struct wasm_instance *i = fixture_instance(traps_module, NULL);
    for (size_t k = 0; k < ARRAY_LEN(cases); k++)
        fixture_expect_trap(i, cases[k].name, cases[k].argument, cases[k].trap);
    union wasm_value values[2] = {{.i32 = 0x80000000}, {.i32 = UINT32_MAX}};
    assert_int_equal(wasm_call(store, fixture_export(i, "div").func, values), WASM_TRAP_INTEGER_OVERFLOW);
}

static void test_a_store_that_traps_writes_nothing(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    struct wasm_instance *i = fixture_instance(traps_module, NULL);
    const uint8_t *base = fixture_export(i, "memory").memory->base;
    union wasm_value values[2] = {{.i32 = 65536 - 7}, {.i64 = UINT64_MAX}};
    assert_int_equal(wasm_call(store, fixture_export(i, "store").func, values), WASM_TRAP_MEMORY_BOUNDS);
    for (uint32_t k = 65536 - 8; k < 65536; k++)
        assert_int_equal(base[k], 0);
}

/*
 * sum(n): outside the loop are block, loop, the block's end, local.get, end: 5 (the function's own end is among them);
 * in the loop local.get, eqz, br_if, 3 + 1 + 3 + 1 of the two assignments, br, end: 13, for each pass of its head.
 */
static void test_fuel_is_counted_to_the_opcode(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 5; n++) {
        fixture_begin((struct wasm_store_options){.fuel = 1000});
        fixture_expect(fixture_instance(control_module, NULL), "sum", n, n * (n + 1) / 2);
        assert_int_equal(1000 - store->fuel, 5 + 13 * (n + 1));
        fixture_end();
    }
}

static void test_fuel_that_is_used_up_ends_the_call(void **state)
{
    (void)state;
    fixture_begin((struct wasm_store_options){.fuel = 5 + 13 * 4});
    struct wasm_instance *i = fixture_instance(control_module, NULL);
    fixture_expect(i, "sum", 3, 6);
    assert_int_equal(store->fuel, 0);
    store->fuel = 5 + 13 * 4 - 1;
    fixture_expect_trap(i, "sum", 3, WASM_TRAP_FUEL);
    store->fuel = 100000;
    fixture_expect_trap(i, "forever", 0, WASM_TRAP_FUEL);
    fixture_expect_trap(i, "forever", 0, WASM_TRAP_FUEL);
    store->fuel = 100000;
    fixture_expect_trap(i, "tail", 0, WASM_TRAP_FUEL);
}

static void on_alarm(int signo)
{
    (void)signo;
    wasm_interrupt(store);
}

/* Without the interruption this test never ends. */
static void test_endless_code_is_interrupted_from_a_signal_handler(void **state)
{
    (void)state;
    static const char *const names[] = {"forever", "tail"};
    struct sigaction action = {.sa_handler = on_alarm}, before;
    sigfillset(&action.sa_mask);
    fixture_begin(unlimited);
    struct wasm_instance *i = fixture_instance(control_module, NULL);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        struct itimerval soon = {.it_value = {.tv_usec = 20000}};
        assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
        fixture_expect_trap(i, names[k], 0, WASM_TRAP_INTERRUPT);
        fixture_expect_trap(i, "sum", 1, WASM_TRAP_INTERRUPT); /* it stays set */
        wasm_interrupt_clear(store);
        fixture_expect(i, "sum", 1, 1);
    }
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

/* What the host function of host_module does, by its argument. */
enum deed { GIVE, FAIL, EXIT, STOP, NEST, NEST_TRAP, NEST_DEEP, NEST_FAIL };

static struct wasm_instance *guest, *other;

static enum wasm_trap host_function(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    uint64_t result = 0;
    ++*(int *)data;
    assert_ptr_equal(caller, guest);
    switch ((enum deed)values[0].i32) {
    case FAIL:
        return wasm_fail(store, "no such %s", "thing");
    case EXIT:
        return wasm_exit(store, 42);
    case STOP:
        wasm_interrupt(store);
        return WASM_TRAP_NONE;
    case NEST:
        fixture_expect(other, "sum", 4, 10);
        break;
    case NEST_TRAP:
        return fixture_call(other, "deep", 0, &result);
    case NEST_FAIL: /* the trap within is no reason of this one */
        assert_int_equal(fixture_call(other, "deep", 0, &result), WASM_TRAP_STACK_EXHAUSTED);
        return wasm_fail(store, "for another reason");
    case NEST_DEEP:
        return fixture_call(guest, "inner", NEST_DEEP, &result);
    default:
        break;
    }
    values[1].i32 = values[0].i32 + 100;
    return WASM_TRAP_NONE;
}

static int host_calls;

static void host_begin(void)
{
    static const uint8_t types[] = {WASM_I32, WASM_I32, WASM_I32};
    host_calls = 0;
    fixture_begin(unlimited);
    struct wasm_func *f = wasm_host_func(store, &(struct wasm_functype){1, 2, types}, host_function, &host_calls);
    guest = fixture_instance(host_module, &(struct wasm_extern){.kind = WASM_KIND_FUNC, .func = f});
    other = fixture_instance(control_module, NULL);
}

static void test_host_functions_take_arguments_and_give_results(void **state)
{
    (void)state;
    host_begin();
    fixture_expect(guest, "outer", GIVE, 100);
    fixture_expect(guest, "outer", NEST, 2 * NEST + 100);
    union wasm_value values[2] = {{.i32 = GIVE}};
    assert_int_equal(wasm_call(store, fixture_export(guest, "tail").func, values), WASM_TRAP_NONE);
    assert_true(values[0].i32 == 0 && values[1].i32 == 100);
    assert_int_equal(host_calls, 3);
}

static void test_host_functions_end_the_call(void **state)
{
    (void)state;
    host_begin();
    fixture_expect_trap(guest, "outer", FAIL, WASM_TRAP_HOST);
    assert_string_equal(wasm_fail_text(store), "no such thing");
    fixture_expect_trap(guest, "outer", EXIT, WASM_TRAP_EXIT);
    assert_int_equal(wasm_exit_status(store), 42);
    fixture_expect_trap(guest, "outer", STOP, WASM_TRAP_INTERRUPT);
    wasm_interrupt_clear(store);
    fixture_expect(guest, "outer", GIVE, 100);
}

static void test_calls_within_calls_are_bounded(void **state)
{
    (void)state;
    host_begin();
    fixture_expect_trap(guest, "inner", NEST_DEEP, WASM_TRAP_STACK_EXHAUSTED);
    assert_int_equal(host_calls, WASM_NEST_MAX);
    fixture_expect(guest, "outer", GIVE, 100);
}

static void expect_frames(const struct wasm_frame *expected, uint32_t n)
{
    struct wasm_frame got[16];
    assert_int_equal(wasm_backtrace(store, got, 16), n);
    for (uint32_t k = 0; k < n; k++) {
        assert_ptr_equal(got[k].module, expected[k].module);
        assert_int_equal(got[k].function, expected[k].function);
        assert_int_equal(got[k].offset, expected[k].offset);
    }
    assert_int_equal(wasm_backtrace(store, got, 1), 1);
}

/* Offsets as `wasm-objdump -d` prints them. */
static void test_backtrace_names_functions_and_offsets(void **state)
{
    (void)state;
    host_begin();
    fixture_expect_trap(guest, "outer", FAIL, WASM_TRAP_HOST);
    const struct wasm_frame frames[] = {{guest->module, 1, 0x50}, {guest->module, 2, 0x59}};
    expect_frames(frames, 2);
    fixture_expect_trap(guest, "outer", NEST_FAIL, WASM_TRAP_HOST);
    expect_frames(frames, 2);
    fixture_expect_trap(guest, "outer", EXIT, WASM_TRAP_EXIT);
    expect_frames(frames, 2);
}

static void test_backtrace_goes_through_a_call_within_a_call(void **state)
{
    (void)state;
    host_begin();
    fixture_expect_trap(guest, "outer", NEST_TRAP, WASM_TRAP_STACK_EXHAUSTED);
    struct wasm_frame *got = calloc(100000, sizeof *got);
    assert_non_null(got);
    uint32_t n = wasm_backtrace(store, got, 100000);
    assert_in_range(n, 1000, 99999);
    assert_ptr_equal(got[0].module, other->module);
    assert_int_equal(got[0].function, 5);
    assert_ptr_equal(got[n - 2].module, guest->module);
    assert_int_equal(got[n - 2].function, 1);
    assert_int_equal(got[n - 1].function, 2);
    free(got);
}

static int run_all(void)
{
#define TEST(NAME) cmocka_unit_test_teardown(NAME, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_control_flow_gives_what_the_text_says),
        TEST(test_recursion_without_end_exhausts_the_stack_and_leaves_the_store_usable),
        TEST(test_tail_calls_take_no_stack),
        TEST(test_each_trap_is_raised),
        TEST(test_a_store_that_traps_writes_nothing),
        TEST(test_fuel_is_counted_to_the_opcode),
        TEST(test_fuel_that_is_used_up_ends_the_call),
        TEST(test_endless_code_is_interrupted_from_a_signal_handler),
        TEST(test_host_functions_take_arguments_and_give_results),
        TEST(test_host_functions_end_the_call),
        TEST(test_calls_within_calls_are_bounded),
        TEST(test_backtrace_names_functions_and_offsets),
        TEST(test_backtrace_goes_through_a_call_within_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
