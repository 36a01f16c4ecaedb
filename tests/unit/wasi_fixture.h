/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WASI program without an engine: its memory is mapped here, between pages that nobody may touch, and its functions
 * are called as an engine would call them. Beneath a fresh directory lies "in", which it gets as "/", and beside that
 * "secret" and "outside/", which it shall not reach.
 */
#ifndef TEST_WASI_FIXTURE_H
#define TEST_WASI_FIXTURE_H

#include "wasi/abi.h"
#include "wasi/wasi.h"

#include <limits.h>
#include <stdint.h>

#define PROGRAM_MEMORY (2u * WASM_PAGE)
#define SECRET         "nobody of the program's sees this"

/* Where the helpers below put things. */
#define AT_RESULT 0x100u
#define AT_PATH   0x2000u
#define AT_PATH2  0x4000u
#define AT_VECTOR 0x6000u
#define AT_BUFFER 0x10000u

/* $errno */
enum {
    OK = 0,
    E_AGAIN = 6,
    E_BADF = 8,
    E_EXIST = 20,
    E_FAULT = 21,
    E_INVAL = 28,
    E_ISDIR = 31,
    E_LOOP = 32,
    E_MFILE = 33,
    E_NAMETOOLONG = 37,
    E_NOENT = 44,
    E_NOSYS = 52,
    E_NOTDIR = 54,
    E_NOTSOCK = 57,
    E_NOTSUP = 58,
    E_NXIO = 60,
    E_PERM = 63,
    E_PIPE = 64,
    E_SPIPE = 70,
    E_ROFS = 69,
    E_NOTCAPABLE = 76,
    TRAPPED = 1000, /* + enum wasm_trap */
};

struct program {
    struct wasm_store store; /* first: it is what src/wasi hands back */
    struct wasm_memory memory;
    struct wasm_instance instance;
    struct wasi *wasi;
    char place[32]; /* on the host */
    int place_fd, in_fd;
    struct wasi_denial denial; /* the last one; strings in denied[] */
    char denied[3][2 * PATH_MAX + 1];
    unsigned n_denials;
    int exit_status;
    struct wasm_func made[64];
    uint32_t n_made;
};

/* More of the options than the preopen "/", which is descriptor 3, may be set in o; stdio is closed unless it is set.
 */
void program_begin(struct program *p);
void program_make(struct program *p, const struct wasi_options *o);
void program_end(struct program *p);
/* The usual: begin, and make with "/" writable. */
void program_setup(struct program *p);
/* The same, and its end, for cmocka. */
int program_test_setup(void **state);
int program_test_teardown(void **state);
#define PROGRAM_TEST(f) cmocka_unit_test_setup_teardown(f, program_test_setup, program_test_teardown)

/* Calls one function by name: arguments as they are. What it gives, or TRAPPED and the trap. */
int program_call(struct program *p, const char *name, const uint64_t *args, size_t n);
#define CALL(p, name, ...)                                                                                             \
    program_call((p), (name), (const uint64_t[]){__VA_ARGS__},                                                         \
                 sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Puts text at an address and gives its length. */
uint32_t put_text(struct program *p, uint32_t at, const char *text);
void put(struct program *p, uint32_t at, const void *bytes, size_t n);
uint32_t get32(const struct program *p, uint32_t at);
uint64_t get64(const struct program *p, uint32_t at);

/* path_open with all rights that there are; *fd only on success. */
int do_open(struct program *p, uint32_t dir, const char *path, uint32_t lookup, uint32_t oflags, uint64_t rights,
            uint32_t *fd);
/* One range at AT_BUFFER; *n only on success. */
int do_read(struct program *p, uint32_t fd, char *text, uint32_t size, uint32_t *n);
int do_write(struct program *p, uint32_t fd, const char *text, uint32_t *n);
/* path_* functions whose arguments are descriptor and path. */
int do_path(struct program *p, const char *name, uint32_t dir, const char *path);
int do_two(struct program *p, const char *name, uint32_t dir, const char *path, uint32_t dir2, const char *path2);

/* On the host's side, in the program's directory. */
void host_file(struct program *p, const char *path, const char *text);
bool host_holds(struct program *p, const char *path, const char *text);

#endif
