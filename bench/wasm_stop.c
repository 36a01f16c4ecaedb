/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasm_stop [-i] [STOPS]: how long after its deadline a call has ended. Three programs that never end by themselves: an
 * empty loop, memory.copy of 1 GiB, and poll_oneoff for 1,000 s; each is called STOPS (500) times from a pool, with a
 * deadline of 1 ms. Once by a timer whose signal comes to the thread that runs (SIGEV_THREAD_ID), once by another
 * thread that sleeps until then. Printed: median, p99 and longest of the time from the deadline until wasm_call() was
 * back, and that of the same timer and thread with nothing to stop: what the kernel needs to tell the time. -i:
 * interpreted.
 */
#include "base/mem.h"
#include "wasi/wasi.h"
#include "wasm/baseline/compile.h"
#include "wasm/pool/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define STOPS_MAX 100000
#define AFTER_NS  1000000

/*
 * (module
 *   (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
 *   (memory (export "memory") 32768)
 *   (func (export "loop") (loop (br 0)))
 *   (func (export "copy")
 *     (loop (memory.copy (i32.const 0x40000000) (i32.const 0) (i32.const 0x40000000)) (br 0)))
 *   (func (export "poll")
 *     (i32.store (i32.const 16) (i32.const 1))
 *     (i64.store (i32.const 24) (i64.const 1000000000000))
 *     (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512)))))
 */
/* clang-format off */
static const uint8_t module_bytes[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x02, 0x60,
    0x04, 0x7f, 0x7f, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x00, 0x00, 0x02, 0x26,
    0x01, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70, 0x73,
    0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31,
    0x0b, 0x70, 0x6f, 0x6c, 0x6c, 0x5f, 0x6f, 0x6e, 0x65, 0x6f, 0x66, 0x66,
    0x00, 0x00, 0x03, 0x04, 0x03, 0x01, 0x01, 0x01, 0x05, 0x05, 0x01, 0x00,
    0x80, 0x80, 0x02, 0x07, 0x1f, 0x04, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72,
    0x79, 0x02, 0x00, 0x04, 0x6c, 0x6f, 0x6f, 0x70, 0x00, 0x01, 0x04, 0x63,
    0x6f, 0x70, 0x79, 0x00, 0x02, 0x04, 0x70, 0x6f, 0x6c, 0x6c, 0x00, 0x03,
    0x0a, 0x46, 0x03, 0x07, 0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x0b, 0x19,
    0x00, 0x03, 0x40, 0x41, 0x80, 0x80, 0x80, 0x80, 0x04, 0x41, 0x00, 0x41,
    0x80, 0x80, 0x80, 0x80, 0x04, 0xfc, 0x0a, 0x00, 0x00, 0x0c, 0x00, 0x0b,
    0x0b, 0x22, 0x00, 0x41, 0x10, 0x41, 0x01, 0x36, 0x02, 0x00, 0x41, 0x18,
    0x42, 0x80, 0xa0, 0x94, 0xa5, 0x8d, 0x1d, 0x37, 0x03, 0x00, 0x41, 0x00,
    0x41, 0x80, 0x02, 0x41, 0x01, 0x41, 0x80, 0x04, 0x10, 0x00, 0x1a, 0x0b
};
/* clang-format on */

static struct err err;
static uint64_t late[STOPS_MAX];
static int stops = 500;

static void fail(const char *what)
{
    fprintf(stderr, "wasm_stop: %s: %s\n", what, err.text);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

/* ---- Who stops --------------------------------------------------------------------------------------------------- */

/* The use to be stopped; NULL: nothing, only the time is told. */
static struct wasm_slot *target;
static uint64_t target_use, told;

static void deadline(void)
{
    if (target)
        wasm_slot_interrupt(target, target_use);
    __atomic_store_n(&told, now_ns(), __ATOMIC_RELEASE);
}

static void on_timer(int signo)
{
    (void)signo;
    deadline();
}

static timer_t timer;

/* The alternate stack: on the guest's there may be no room. */
static void timer_begin(void)
{
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};

    event.sigev_notify_thread_id = gettid();
    sigaction(SIGALRM, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
        fail("timer_create");
}

static void timer_at(uint64_t at)
{
    struct itimerspec when = {.it_value = timespec_of(at)};

    timer_settime(timer, TIMER_ABSTIME, &when, NULL);
}

static uint64_t thread_deadline; /* 0: nothing to do; 1: end */

static void *watch(void *data)
{
    (void)data;
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        uint64_t at = __atomic_load_n(&thread_deadline, __ATOMIC_ACQUIRE);

        if (at == 1)
            return NULL;
        if (at == 0) {
            usleep(50);
            continue;
        }
        struct timespec t = timespec_of(at);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
            ;
        __atomic_store_n(&thread_deadline, 0, __ATOMIC_RELEASE);
        deadline();
    }
}

static void thread_at(uint64_t at)
{
    __atomic_store_n(&thread_deadline, at, __ATOMIC_RELEASE);
}

/* ---- What is stopped --------------------------------------------------------------------------------------------- */

static int link_wasi(void *data, struct wasm_store *s, struct wasm_extern *imports, void **user, struct err *e)
{
    const struct wasm_module *m = data;
    const struct wasi_options o = {.stdio = {-1, -1, -1}};
    struct wasi *w;
    int r = wasi_make(s, &o, &w, e);

    for (uint32_t k = 0; r == 0 && k < m->n_imports; k++)
        r = wasi_resolve(w, m, &m->imports[k], &imports[k], e);
    *user = w;
    return r;
}

static void unlink_wasi(void *data, void *user)
{
    (void)data;
    wasi_free(user);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void tell(const char *what, const char *how)
{
    qsort(late, (size_t)stops, sizeof late[0], compare);
    printf("%-6s by %-7s median %6.1f us, p99 %6.1f us, longest %7.1f us\n", what, how, (double)late[stops / 2] / 1000,
           (double)late[stops - 1 - stops / 100] / 1000, (double)late[stops - 1] / 1000);
}

static void nothing(const char *how, void (*set)(uint64_t at))
{
    for (int i = 0; i < stops; i++) {
        uint64_t at = now_ns() + AFTER_NS;

        told = 0;
        set(at);
        while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE))
            ;
        late[i] = told - at;
    }
    tell("-", how);
}

static void stop(struct wasm_pool *p, const char *name, const char *how, void (*set)(uint64_t at))
{
    for (int i = 0; i < stops; i++) {
        struct wasm_extern e;
        union wasm_value v = {0};
        enum wasm_trap trap;

        if (wasm_pool_acquire(p, &target, &trap, &err) < 0 ||
            !wasm_instance_export(target->instance, name, strlen(name), &e))
            fail("acquire");
        target_use = wasm_slot_use(target);
        told = 0;
        uint64_t at = now_ns() + AFTER_NS;
        set(at);
        trap = wasm_call(target->store, e.func, &v);
        late[i] = now_ns() - at;
        if (trap != WASM_TRAP_INTERRUPT)
            fail(wasm_trap_text(trap));
        while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE))
            ;
        wasm_pool_release(target);
        target = NULL;
    }
    tell(name, how);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"loop", "copy", "poll"};
    bool interpreted = argc > 1 && !strcmp(argv[1], "-i");
    struct wasm_compile_options c = {0};
    struct wasm_module *m;
    struct wasm_code *code = NULL;
    struct wasm_pool *p;
    enum wasm_trap trap;
    struct arena a;
    pthread_t thread;

    if (argc > 1 + interpreted)
        stops = atoi(argv[1 + interpreted]);
    if (stops < 1 || stops > STOPS_MAX)
        fail("usage: wasm_stop [-i] [STOPS]");
    if (arena_init(&a, wasm_module_arena_size(sizeof module_bytes)) < 0 ||
        wasm_module_decode(module_bytes, sizeof module_bytes, &c.features, &a, &m, &err) < 0 ||
        (!interpreted && wasm_compile(m, &c, &code, &err) < 0))
        fail("module");
    struct wasm_pool_options o = {
        .store = {.fuel = -1}, .slots = 1, .link = link_wasi, .unlink = unlink_wasi, .data = m};
    if (wasm_pool_make(m, code, &o, &p, &trap, &err) < 0)
        fail("pool");
    setvbuf(stdout, NULL, _IOLBF, 0);
    timer_begin();
    if (pthread_create(&thread, NULL, watch, NULL))
        fail("thread");
    nothing("timer", timer_at);
    nothing("thread", thread_at);
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        stop(p, names[k], "timer", timer_at);
        if (!interpreted || k < 2) /* only compiled code has a signal that ends a wait */
            stop(p, names[k], "thread", thread_at);
    }
    thread_at(1);
    pthread_join(thread, NULL);
    wasm_pool_free(p);
    if (code)
        wasm_code_free(code);
    arena_free(&a);
    return 0;
}
