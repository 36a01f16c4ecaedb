/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasm_pool [-i] [IMAGE_KIB [SLOTS]]: what a fresh instance costs from a pool. The module has IMAGE_KIB (64) of
 * memory, all of it initialised, and a function that reads and writes a byte of it. Printed: median and p99 of acquire,
 * call and release together, 10,000 times with one slot; page faults of those; the same for slots taken in turn; how
 * many instances (10,000) are alive at once, with mappings and memory of each. -i: interpreted.
 */
#include "base/mem.h"
#include "wasm/baseline/compile.h"
#include "wasm/pool/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LAPS      10000
#define IMAGE_MAX (64u << 20)

static struct err err;
static uint64_t laps[LAPS], ends[LAPS];

static void fail(const char *what)
{
    fprintf(stderr, "wasm_pool: %s: %s\n", what, err.text);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static long faults(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_minflt + u.ru_majflt;
}

/* A line of /proc/self/status, in KiB. */
static uint64_t status_kib(const char *name)
{
    char line[256];
    uint64_t value = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name)))
            value = strtoull(line + strlen(name), NULL, 10);
    if (f)
        fclose(f);
    return value;
}

static size_t mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    size_t n = 0;

    for (int c; f && (c = getc(f)) != EOF;)
        n += c == '\n';
    if (f)
        fclose(f);
    return n;
}

/* ---- The module -------------------------------------------------------------------------------------------------- */

struct out {
    uint8_t *p;
    size_t n;
};

static void put(struct out *o, const void *bytes, size_t n)
{
    memcpy(o->p + o->n, bytes, n);
    o->n += n;
}

static void put_u32(struct out *o, uint32_t v)
{
    for (; v >= 0x80; v >>= 7)
        o->p[o->n++] = (uint8_t)(v | 0x80);
    o->p[o->n++] = (uint8_t)v;
}

/* (memory PAGES) (global (mut i32)) (func (export "run") (param i32) (result i32)
 *   (i32.store8 (local.get 0) (i32.const 1)) (global.set 0 ...) (i32.load8_u (local.get 0))) and one segment. */
static struct out module_bytes(uint32_t image)
{
    static const uint8_t head[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0};
    static const uint8_t middle[] = {6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b, 7, 7, 1, 3, 'r', 'u', 'n', 0, 0};
    static const uint8_t body[] = {10, 23,   1, 21,   0,    0x20, 0,    0x41, 1,    0x3a, 0, 0,   0x23,
                                   0,  0x41, 1, 0x6a, 0x24, 0,    0x20, 0,    0x2d, 0,    0, 0x0b};
    struct out o = {malloc(image + 1024), 0};
    struct out size = {(uint8_t[8]){0}, 0}, pages = {(uint8_t[8]){0}, 0};

    put(&o, head, sizeof head);
    put_u32(&pages, (image + WASM_PAGE - 1) / WASM_PAGE);
    put(&o, (uint8_t[]){5}, 1);
    put_u32(&o, (uint32_t)pages.n + 2);
    put(&o, (uint8_t[]){1, 0}, 2);
    put(&o, pages.p, pages.n);
    put(&o, middle, sizeof middle);
    put(&o, body, sizeof body);
    put_u32(&size, image);
    put(&o, (uint8_t[]){11}, 1);
    put_u32(&o, (uint32_t)(image + size.n + 5));
    put(&o, (uint8_t[]){1, 0, 0x41, 0, 0x0b}, 5);
    put(&o, size.p, size.n);
    memset(o.p + o.n, 0x5a, image);
    o.n += image;
    return o;
}

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static struct wasm_slot *acquire(struct wasm_pool *p)
{
    struct wasm_slot *s;
    enum wasm_trap trap;

    if (wasm_pool_acquire(p, &s, &trap, &err) < 0)
        fail("acquire");
    return s;
}

static void call(struct wasm_slot *s)
{
    struct wasm_extern e;
    union wasm_value v = {.i32 = 77};

    if (!wasm_instance_export(s->instance, "run", 3, &e) || wasm_call(s->store, e.func, &v) != WASM_TRAP_NONE ||
        v.i32 != 1)
        fail("call");
}

static void tell(const char *what, uint64_t *ns)
{
    qsort(ns, LAPS, sizeof ns[0], compare);
    printf("%-28s median %5" PRIu64 " ns, p99 %6" PRIu64 " ns\n", what, ns[LAPS / 2], ns[LAPS - LAPS / 100]);
}

static void time_one(struct wasm_pool *p)
{
    memset(laps, 1, sizeof laps);
    memset(ends, 1, sizeof ends); /* no page of ours is counted, nor the clock's */
    now_ns();
    for (int i = 0; i < 100; i++) {
        struct wasm_slot *s = acquire(p);
        call(s);
        wasm_pool_release(s);
    }
    long n = faults();
    for (int i = 0; i < LAPS; i++) {
        uint64_t start = now_ns();
        struct wasm_slot *s = acquire(p);
        call(s);
        ends[i] = now_ns() - start;
        wasm_pool_release(s);
        laps[i] = now_ns() - start;
    }
    n = faults() - n;
    tell("acquire, call, release", laps);
    tell("acquire, call", ends);
    printf("%-28s %ld in %d\n", "page faults", n, LAPS);
}

/* All slots alive, each called once; then each lap lets one go and takes it again: caches are cold. */
static void time_all(struct wasm_pool *p, uint32_t n)
{
    struct wasm_slot **slots = calloc(n, sizeof(*slots));

    for (uint32_t i = 0; i < n; i++) {
        slots[i] = acquire(p);
        call(slots[i]);
    }
    printf("%-28s %u, each %.2f mappings, %.1f KiB resident\n", "alive at once", n, (double)mappings() / n,
           (double)status_kib("VmRSS:") / n);
    long before = faults();
    for (uint32_t i = 0; i < LAPS; i++) {
        uint64_t start = now_ns();
        wasm_pool_release(slots[i % n]);
        slots[i % n] = acquire(p);
        call(slots[i % n]);
        laps[i] = now_ns() - start;
    }
    before = faults() - before;
    tell("slots in turn", laps);
    printf("%-28s %ld in %d\n", "page faults", before, LAPS);
    for (uint32_t i = 0; i < n; i++)
        wasm_pool_release(slots[i]);
    free(slots);
}

int main(int argc, char **argv)
{
    bool interpreted = argc > 1 && !strcmp(argv[1], "-i");
    uint32_t image = (argc > 1 + interpreted ? (uint32_t)atoi(argv[1 + interpreted]) : 64) << 10;
    uint32_t slots = argc > 2 + interpreted ? (uint32_t)atoi(argv[2 + interpreted]) : 10000;
    struct wasm_compile_options c = {0};
    struct wasm_pool_options o = {.store = {.fuel = -1}, .slots = slots};
    struct wasm_module *m;
    struct wasm_code *code = NULL;
    struct wasm_pool *p;
    enum wasm_trap trap;
    struct arena a;

    if (!image || image > IMAGE_MAX || !slots) {
        fprintf(stderr, "usage: wasm_pool [-i] [IMAGE_KIB [SLOTS]]\n");
        return 2;
    }
    struct out bytes = module_bytes(image);
    if (arena_init(&a, wasm_module_arena_size(bytes.n)) < 0 ||
        wasm_module_decode(bytes.p, bytes.n, &c.features, &a, &m, &err) < 0 ||
        (!interpreted && wasm_compile(m, &c, &code, &err) < 0))
        fail("module");
    if (wasm_pool_make(m, code, &o, &p, &trap, &err) < 0)
        fail("pool");
    struct wasm_pool_figures f = wasm_pool_figures(p);
    printf("%-28s image %zu KiB, resident %zu KiB, state %zu KiB, %u slots\n", interpreted ? "interpreted" : "compiled",
           f.image >> 10, f.resident >> 10, f.state >> 10, f.slots);
    time_one(p);
    uint64_t start = now_ns();
    if (wasm_pool_prepare(p, f.slots, &err) < 0)
        fail("prepare");
    printf("%-28s %.1f us each\n", "a new slot", (double)(now_ns() - start) / 1000 / f.slots);
    time_all(p, f.slots);
    wasm_pool_free(p);
    if (code)
        wasm_code_free(code);
    arena_free(&a);
    free(bytes.p);
    return 0;
}
