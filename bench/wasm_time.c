/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasm_time FILE RUNS: run() of a module in moat's engine, RUNS times; prints the shortest time in ns and the checksum.
 * wasm_time FILE compile RUNS: the shortest time of decoding, validating and compiling it, and the size of its code.
 * wasm_time FILE validate RUNS: the same without compiling. wasm_kernels/node.mjs and native.c are its peers.
 */
#include "base/io.h"
#include "wasm/baseline/compile.h"
#include "wasm/module/module.h"
#include "wasm/module/validate.h"
#include "wasm/runtime/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE ((size_t)1 << 30)

static struct err err;

static void fail(const char *what)
{
    fprintf(stderr, "wasm_time: %s: %s\n", what, err.text);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const uint8_t *map_file(const char *path, size_t *size)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p;

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
        fprintf(stderr, "wasm_time: cannot read %s\n", path);
        exit(1);
    }
    *size = (size_t)st.st_size;
    p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (p == MAP_FAILED) {
        perror("wasm_time: mmap");
        exit(1);
    }
    return p;
}

static struct wasm_code *compile(const uint8_t *bytes, size_t size, struct arena *a, struct wasm_module **m)
{
    struct wasm_compile_options o = {0};
    struct wasm_code *code;

    if (wasm_module_decode(bytes, size, &o.features, a, m, &err) < 0 || wasm_compile(*m, &o, &code, &err) < 0)
        fail("compile");
    return code;
}

static void time_compile(const uint8_t *bytes, size_t size, int runs, bool validate_only)
{
    struct wasm_features features = {0};
    uint64_t best = UINT64_MAX;
    size_t code_size = 0;

    for (int i = 0; i < runs; i++) {
        struct arena a;
        struct wasm_module *m;
        uint64_t start = now_ns();

        if (arena_init(&a, ARENA_SIZE) < 0)
            fail("memory");
        if (validate_only) {
            if (wasm_module_decode(bytes, size, &features, &a, &m, &err) < 0 || wasm_validate(m, &features, &err) < 0)
                fail("validate");
        } else {
            struct wasm_code *code = compile(bytes, size, &a, &m);
            const void *at;

            wasm_code_bytes(code, &at, &code_size);
            wasm_code_free(code);
        }
        uint64_t ns = now_ns() - start;

        best = ns < best ? ns : best;
        arena_free(&a);
    }
    printf("%" PRIu64 " %zu\n", best, code_size);
}

static void time_run(const uint8_t *bytes, size_t size, int runs)
{
    struct wasm_store_options o = {.fuel = -1};
    union wasm_value value = {0};
    uint64_t best = UINT64_MAX;
    enum wasm_trap trap = WASM_TRAP_NONE;
    struct wasm_instance *instance;
    struct wasm_extern export;
    struct wasm_module *m;
    struct wasm_store *s;
    struct arena a;

    if (arena_init(&a, ARENA_SIZE) < 0)
        fail("memory");
    struct wasm_code *code = compile(bytes, size, &a, &m);

    if (wasm_store_make(&o, &s, &err) < 0 || wasm_instantiate(s, m, code, NULL, NULL, &instance, &trap, &err) < 0)
        fail("instantiate");
    if (!wasm_instance_export(instance, "run", 3, &export) || export.kind != WASM_KIND_FUNC)
        fail("no function run");
    for (int i = 0; i < runs && trap == WASM_TRAP_NONE; i++) {
        uint64_t start = now_ns();

        trap = wasm_call(s, export.func, &value);
        uint64_t ns = now_ns() - start;

        best = ns < best ? ns : best;
    }
    if (trap != WASM_TRAP_NONE) {
        fprintf(stderr, "wasm_time: trap: %s\n", wasm_trap_text(trap));
        exit(1);
    }
    printf("%" PRIu64 " %" PRIu64 "\n", best, value.i64);
    wasm_store_free(s);
    wasm_code_free(code);
    arena_free(&a);
}

int main(int argc, char **argv)
{
    size_t size;

    if (argc < 3) {
        fprintf(stderr, "usage: wasm_time FILE RUNS | FILE compile|validate RUNS\n");
        return 2;
    }
    const uint8_t *bytes = map_file(argv[1], &size);

    if (argc > 3)
        time_compile(bytes, size, atoi(argv[3]), !strcmp(argv[2], "validate"));
    else
        time_run(bytes, size, atoi(argv[2]));
    return 0;
}
