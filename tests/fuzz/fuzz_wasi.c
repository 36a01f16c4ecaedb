/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that calls any function of WASI with any arguments, as the input says, on a directory with planted links
 * that lead out. Beside it lie a secret, which must never come into the program's memory, and a directory, which must
 * stay as it is. No function waits: the clock is fixed, and what can be read is at its end.
 *
 * An input is a row of steps. A step below N_FUNCTIONS is a call, followed by a byte for each argument (argument()
 * says what it means); the others put paths and records into memory.
 */
#include "../unit/wasi_functions.h"
#include "base/mem.h"
#include "image/tree.h"
#include "wasi/abi.h"
#include "wasi/wasi.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY  (2u * WASM_PAGE)
#define GUARD   (1u << 16)
#define SECRET  "nobody of the program's sees this"
#define PATH_1  0x2000u
#define PATH_2  0x4000u
#define VECTOR  0x6000u
#define BUFFER  0x10000u
#define RESULT  0x100u
#define STEPS   400u /* of one input */
#define ERRNO_N 77

#define N_FUNCTIONS ARRAY_LEN(functions)

static struct world {
    struct wasm_store store;
    struct wasm_memory memory;
    struct wasm_instance instance;
    struct wasm_func made[N_FUNCTIONS];
    size_t n_made;
    struct wasm_func *functions[N_FUNCTIONS];
    uint32_t lengths[2]; /* of the paths */
} world;

static char place[] = "/tmp/fuzz-wasi-XXXXXX";
static int place_fd = -1, in_fd = -1, null_fd;
static struct stat secret, outside;

struct wasm_func *wasm_host_func(struct wasm_store *s, const struct wasm_functype *type, wasm_host_fn *fn, void *data)
{
    (void)s;
    (void)type;
    if (world.n_made == N_FUNCTIONS)
        abort();
    world.made[world.n_made] = (struct wasm_func){.host = fn, .data = data};
    return &world.made[world.n_made++];
}

enum wasm_trap wasm_exit(struct wasm_store *s, int status)
{
    (void)s;
    (void)status;
    return WASM_TRAP_EXIT;
}

static void clean_up(void)
{
    struct err err = {0};

    tree_empty(place_fd, &err);
    rmdir(place);
}

static void set_up(void)
{
    char *base = mmap(NULL, MEMORY + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!mkdtemp(place) || (place_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        mkdirat(place_fd, "in", 0755) < 0 || mkdirat(place_fd, "outside", 0755) < 0 ||
        (in_fd = openat(place_fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || base == MAP_FAILED ||
        mprotect(base + GUARD, MEMORY, PROT_READ | PROT_WRITE) < 0 || (null_fd = open("/dev/null", O_RDWR)) < 0)
        abort();
    atexit(clean_up);
    int fd = openat(place_fd, "secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (write(fd, SECRET, strlen(SECRET)) < 0 || fstat(fd, &secret) < 0 ||
        fstatat(place_fd, "outside", &outside, 0) < 0)
        abort();
    close(fd);
    world.memory = (struct wasm_memory){.base = (uint8_t *)base + GUARD, .size = MEMORY, .pages = 2, .max = 2};
    world.instance = (struct wasm_instance){.store = &world.store, .memory = &world.memory};
    signal(SIGXFSZ, SIG_IGN); /* nothing that is allocated fills the disk */
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
}

/* Links that lead out, of each kind. */
static void plant(void)
{
    if (symlinkat("../secret", in_fd, "l") < 0 || symlinkat("..", in_fd, "u") < 0 || symlinkat("/", in_fd, "t") < 0 ||
        symlinkat("../outside", in_fd, "o") < 0 || symlinkat("l", in_fd, "c") < 0 || mkdirat(in_fd, "d", 0755) < 0 ||
        symlinkat("../../outside", in_fd, "d/o") < 0 || symlinkat("/proc/self/root", in_fd, "d/m") < 0)
        abort();
}

static void resolve(struct wasi *w)
{
    struct wasm_functype type;
    struct wasm_function f = {0};
    const struct wasm_module m = {.types = &type, .functions = &f};
    struct wasm_extern out;
    struct err err = {0};

    world.n_made = 0;
    for (size_t i = 0; i < N_FUNCTIONS; i++) {
        struct wasm_import import = {.module = {"wasi_snapshot_preview1", 22},
                                     .name = {functions[i].name, (uint32_t)strlen(functions[i].name)}};
        if (!wasi_function_type(&import.module, &import.name, &type) || wasi_resolve(w, &m, &import, &out, &err) < 0)
            abort();
        world.functions[i] = out.func;
    }
}

struct input {
    const uint8_t *bytes;
    size_t left;
};

static uint8_t take(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->bytes++;
}

/* Numbers that mean something more often than those that do not. */
static uint64_t argument(struct input *in)
{
    static const uint64_t known[] = {PATH_1,     PATH_2,     VECTOR,     BUFFER,     RESULT,
                                     MEMORY,     MEMORY - 1, UINT32_MAX, UINT64_MAX, 0x7fffffff,
                                     0x80000000, INT64_MAX,  1u << 20,   4096,       256};
    uint8_t byte = take(in);
    uint64_t raw = 0;

    if (byte < 64)
        return byte;
    if (byte < 96)
        return world.lengths[byte & 1];
    if (byte < 128)
        return UINT64_MAX; /* all rights, all flags */
    if (byte < 240)
        return known[byte % ARRAY_LEN(known)];
    for (unsigned i = 0; i < 8; i++)
        raw = raw << 8 | take(in);
    return raw;
}

static void put_path(struct input *in, unsigned which)
{
    static const char *const parts[] = {"..", ".", "a", "b", "d",      "l",       "u",  "t",
                                        "o",  "c", "m", "",  "secret", "outside", "in", "tmp"};
    uint8_t n = take(in) % 12;
    char text[256] = "";

    for (uint8_t i = 0; i < n; i++) {
        uint8_t byte = take(in);
        strcat(text, parts[byte & 15]);
        if (byte & 16 || i + 1 < n)
            strcat(text, "/");
    }
    world.lengths[which] = (uint32_t)strlen(text);
    memcpy(world.memory.base + (which ? PATH_2 : PATH_1), text, strlen(text));
}

static void put_vector(struct input *in)
{
    struct wasi_iovec v[4];

    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        v[i] = (struct wasi_iovec){(uint32_t)argument(in), (uint32_t)argument(in)};
    memcpy(world.memory.base + VECTOR, v, sizeof v);
}

static void put_subscriptions(struct input *in)
{
    struct wasi_subscription s[3] = {0};

    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        s[i].tag = take(in) % 4;
        if (s[i].tag == EVENT_CLOCK) {
            s[i].clock.id = (uint32_t)argument(in);
            s[i].clock.timeout = argument(in);
            s[i].clock.flags = (uint16_t)argument(in);
        } else {
            s[i].fd = (uint32_t)argument(in);
        }
    }
    memcpy(world.memory.base + VECTOR, s, sizeof s);
}

static void call(struct input *in, size_t number)
{
    union wasm_value values[16] = {0};

    for (size_t i = 0; i < functions[number].n; i++)
        values[i].i64 = argument(in);
    struct wasm_func *f = world.functions[number];
    enum wasm_trap trap = f->host(f->data, &world.instance, values);
    if (trap != WASM_TRAP_NONE && trap != WASM_TRAP_EXIT)
        abort();
    if (trap == WASM_TRAP_NONE && values[0].i32 >= ERRNO_N)
        abort();
}

static void run(struct input *in)
{
    for (unsigned steps = 0; in->left && steps < STEPS; steps++) {
        uint8_t step = take(in) % (N_FUNCTIONS + 10);
        if (step < N_FUNCTIONS)
            call(in, step);
        else if (step < N_FUNCTIONS + 6)
            put_path(in, step & 1);
        else if (step < N_FUNCTIONS + 8)
            put_vector(in);
        else
            put_subscriptions(in);
    }
}

static void check(void)
{
    struct stat now;

    if (memmem(world.memory.base, MEMORY, SECRET, strlen(SECRET))) {
        fprintf(stderr, "the secret was read\n");
        abort();
    }
    if (fstatat(place_fd, "secret", &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ino != secret.st_ino ||
        now.st_nlink != 1 || memcmp(&now.st_ctim, &secret.st_ctim, sizeof now.st_ctim) != 0 ||
        fstatat(place_fd, "outside", &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ino != outside.st_ino ||
        memcmp(&now.st_ctim, &outside.st_ctim, sizeof now.st_ctim) != 0) {
        fprintf(stderr, "something changed outside\n");
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct err err = {0};
    struct wasi *w;

    if (in_fd < 0)
        set_up();
    plant();
    memset(world.memory.base, 0, MEMORY);
    world.lengths[0] = world.lengths[1] = 0;
    uint8_t how = take(&in);
    const struct wasi_preopen root = {
        .name = "/", .fd = openat(place_fd, "in", O_PATH | O_DIRECTORY | O_CLOEXEC), .writable = how & 1};
    const struct wasi_options o = {.preopens = &root,
                                   .n_preopens = 1,
                                   .stdio = {null_fd, null_fd, how & 2 ? null_fd : -1},
                                   .max_descriptors = how & 4 ? 8 : 0,
                                   .clock_fixed = true,
                                   .seeded = how & 8};
    if (wasi_make(&world.store, &o, &w, &err) < 0)
        abort();
    resolve(w);
    run(&in);
    wasi_free(w);
    check();
    if (tree_empty(in_fd, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return 0;
}
