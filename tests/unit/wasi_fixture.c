/* SPDX-License-Identifier: Apache-2.0 */
#include "wasi_fixture.h"

#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GUARD (1u << 16)

/* ---- what src/wasi wants of an engine --------------------------------------------------------------------------- */

struct wasm_func *wasm_host_func(struct wasm_store *s, const struct wasm_functype *type, wasm_host_fn *fn, void *data)
{
    struct program *p = (struct program *)s;

    (void)type;
    if (p->n_made == sizeof p->made / sizeof p->made[0])
        return NULL;
    p->made[p->n_made] = (struct wasm_func){.host = fn, .data = data};
    return &p->made[p->n_made++];
}

enum wasm_trap wasm_exit(struct wasm_store *s, int status)
{
    ((struct program *)s)->exit_status = status;
    return WASM_TRAP_EXIT;
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static void on_denied(void *data, const struct wasi_denial *d)
{
    struct program *p = data;

    p->denial = *d;
    snprintf(p->denied[0], sizeof p->denied[0], "%s", d->deed);
    snprintf(p->denied[1], sizeof p->denied[1], "%s", d->directory);
    snprintf(p->denied[2], sizeof p->denied[2], "%s", d->path);
    p->denial.deed = p->denied[0];
    p->denial.directory = p->denied[1];
    p->denial.path = p->denied[2];
    p->n_denials++;
}

static void map_memory(struct program *p)
{
    char *base = mmap(NULL, PROGRAM_MEMORY + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(base, MAP_FAILED);
    assert_int_equal(mprotect(base + GUARD, PROGRAM_MEMORY, PROT_READ | PROT_WRITE), 0);
    p->memory = (struct wasm_memory){.base = (uint8_t *)base + GUARD, .size = PROGRAM_MEMORY, .pages = 2, .max = 2};
    p->instance.store = &p->store;
    p->instance.memory = &p->memory;
    p->instance.memory_base = p->memory.base;
}

void program_begin(struct program *p)
{
    int fd;

    memset(p, 0, sizeof *p);
    map_memory(p);
    snprintf(p->place, sizeof p->place, "/tmp/moat-wasi-XXXXXX");
    assert_non_null(mkdtemp(p->place));
    p->place_fd = open(p->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p->place_fd >= 0);
    assert_int_equal(mkdirat(p->place_fd, "in", 0755), 0);
    assert_int_equal(mkdirat(p->place_fd, "outside", 0755), 0);
    fd = openat(p->place_fd, "secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, SECRET, strlen(SECRET)), strlen(SECRET));
    close(fd);
    p->in_fd = openat(p->place_fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p->in_fd >= 0);
}

void program_make(struct program *p, const struct wasi_options *o)
{
    struct wasi_options own = *o;
    struct wasi_preopen root = {.name = "/", .writable = true};
    struct err err = {0};

    if (!own.preopens) {
        root.fd = openat(p->place_fd, "in", O_PATH | O_DIRECTORY | O_CLOEXEC);
        own.preopens = &root;
        own.n_preopens = 1;
    }
    own.denied = on_denied;
    own.data = p;
    if (wasi_make(&p->store, &own, &p->wasi, &err) < 0)
        fail_msg("%s", err.text);
}

void program_setup(struct program *p)
{
    program_begin(p);
    program_make(p, &(struct wasi_options){.stdio = {-1, -1, -1}});
}

int program_test_setup(void **state)
{
    static struct program p;

    program_setup(&p);
    *state = &p;
    return 0;
}

int program_test_teardown(void **state)
{
    program_end(*state);
    return 0;
}

void program_end(struct program *p)
{
    struct err err = {0};

    wasi_free(p->wasi);
    munmap(p->memory.base - GUARD, PROGRAM_MEMORY + 2 * GUARD);
    if (tree_empty(p->place_fd, &err) < 0)
        print_message("%s\n", err.text);
    rmdir(p->place);
    close(p->in_fd);
    close(p->place_fd);
}

static struct wasm_func *function(struct program *p, const char *name)
{
    struct wasm_import import = {.module = {"wasi_snapshot_preview1", 22}, .name = {name, (uint32_t)strlen(name)}};
    struct wasm_functype type;
    struct wasm_function f = {0};
    const struct wasm_module m = {.types = &type, .functions = &f};
    struct wasm_extern found;
    struct err err = {0};

    if (!wasi_function_type(&import.module, &import.name, &type))
        fail_msg("no function %s", name);
    if (wasi_resolve(p->wasi, &m, &import, &found, &err) < 0)
        fail_msg("%s", err.text);
    return found.func;
}

int program_call(struct program *p, const char *name, const uint64_t *args, size_t n)
{
    struct wasm_func *f = function(p, name);
    union wasm_value values[16] = {0};

    for (size_t i = 0; i < n; i++)
        values[i].i64 = args[i];
    enum wasm_trap trap = f->host(f->data, &p->instance, values);
    return trap ? TRAPPED + (int)trap : (int)values[0].i32;
}

/* ---- short ways ------------------------------------------------------------------------------------------------- */

void put(struct program *p, uint32_t at, const void *bytes, size_t n)
{
    memcpy(p->memory.base + at, bytes, n);
}

uint32_t put_text(struct program *p, uint32_t at, const char *text)
{
    put(p, at, text, strlen(text));
    return (uint32_t)strlen(text);
}

uint32_t get32(const struct program *p, uint32_t at)
{
    uint32_t v;

    memcpy(&v, p->memory.base + at, sizeof v);
    return v;
}

uint64_t get64(const struct program *p, uint32_t at)
{
    uint64_t v;

    memcpy(&v, p->memory.base + at, sizeof v);
    return v;
}

int do_open(struct program *p, uint32_t dir, const char *path, uint32_t lookup, uint32_t oflags, uint64_t rights,
            uint32_t *fd)
{
    uint32_t n = put_text(p, AT_PATH, path);
    int r = CALL(p, "path_open", dir, lookup, AT_PATH, n, oflags, rights, UINT64_MAX, 0, AT_RESULT);

    if (r == OK)
        *fd = get32(p, AT_RESULT);
    return r;
}

static void put_vector(struct program *p, uint32_t length)
{
    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, length}, sizeof(struct wasi_iovec));
}

int do_read(struct program *p, uint32_t fd, char *text, uint32_t size, uint32_t *n)
{
    put_vector(p, size - 1);
    int r = CALL(p, "fd_read", fd, AT_VECTOR, 1, AT_RESULT);

    if (r == OK) {
        *n = get32(p, AT_RESULT);
        memcpy(text, p->memory.base + AT_BUFFER, *n);
        text[*n] = 0;
    }
    return r;
}

int do_write(struct program *p, uint32_t fd, const char *text, uint32_t *n)
{
    put_vector(p, put_text(p, AT_BUFFER, text));
    int r = CALL(p, "fd_write", fd, AT_VECTOR, 1, AT_RESULT);

    if (r == OK)
        *n = get32(p, AT_RESULT);
    return r;
}

int do_path(struct program *p, const char *name, uint32_t dir, const char *path)
{
    return CALL(p, name, dir, AT_PATH, put_text(p, AT_PATH, path));
}

int do_two(struct program *p, const char *name, uint32_t dir, const char *path, uint32_t dir2, const char *path2)
{
    uint32_t n = put_text(p, AT_PATH, path), n2 = put_text(p, AT_PATH2, path2);

    return strcmp(name, "path_link") ? CALL(p, name, dir, AT_PATH, n, dir2, AT_PATH2, n2)
                                     : CALL(p, name, dir, 0, AT_PATH, n, dir2, AT_PATH2, n2);
}

void host_file(struct program *p, const char *path, const char *text)
{
    int fd = openat(p->in_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

bool host_holds(struct program *p, const char *path, const char *text)
{
    char now[4096];
    int fd = openat(p->in_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, now, sizeof now - 1);

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return false;
    now[n] = 0;
    return !strcmp(now, text);
}
