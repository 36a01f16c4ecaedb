/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every function of WASI with every address, length and count that does not fit, one at a time, while the other
 * arguments are those of a call that works: it is made first, and once more at the last bytes of the memory. What says
 * 0 to an address outside of the memory has used it. Prints what went wrong, and how many calls were made.
 *
 *   sweep                 with one directory that may be written, in which there is a file, and one variable
 */
#include "host.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION_MORE(name, ...)                                                                                       \
    __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int w_##name(__VA_ARGS__)
FUNCTION_MORE(args_get, u32, u32);
FUNCTION_MORE(args_sizes_get, u32, u32);
FUNCTION_MORE(environ_get, u32, u32);
FUNCTION_MORE(environ_sizes_get, u32, u32);
FUNCTION_MORE(clock_res_get, u32, u32);
FUNCTION_MORE(clock_time_get, u32, u64, u32);
FUNCTION_MORE(fd_fdstat_get, u32, u32);
FUNCTION_MORE(fd_filestat_get, u32, u32);
FUNCTION_MORE(fd_seek, u32, u64, u32, u32);
FUNCTION_MORE(fd_tell, u32, u32);
FUNCTION_MORE(poll_oneoff, u32, u32, u32, u32);
FUNCTION_MORE(random_get, u32, u32);
FUNCTION_MORE(sock_accept, u32, u32, u32);
FUNCTION_MORE(sock_recv, u32, u32, u32, u32, u32, u32);
FUNCTION_MORE(sock_send, u32, u32, u32, u32, u32);

#define CALL(name, ...)                                                                                                \
    static int c_##name(const u64 *a)                                                                                  \
    {                                                                                                                  \
        return w_##name(__VA_ARGS__);                                                                                  \
    }
CALL(args_get, a[0], a[1])
CALL(args_sizes_get, a[0], a[1])
CALL(environ_get, a[0], a[1])
CALL(environ_sizes_get, a[0], a[1])
CALL(clock_res_get, a[0], a[1])
CALL(clock_time_get, a[0], a[1], a[2])
CALL(fd_fdstat_get, a[0], a[1])
CALL(fd_filestat_get, a[0], a[1])
CALL(fd_pread, a[0], a[1], a[2], a[3], a[4])
CALL(fd_prestat_get, a[0], a[1])
CALL(fd_prestat_dir_name, a[0], a[1], a[2])
CALL(fd_pwrite, a[0], a[1], a[2], a[3], a[4])
CALL(fd_read, a[0], a[1], a[2], a[3])
CALL(fd_readdir, a[0], a[1], a[2], a[3], a[4])
CALL(fd_seek, a[0], a[1], a[2], a[3])
CALL(fd_tell, a[0], a[1])
CALL(fd_write, a[0], a[1], a[2], a[3])
CALL(path_create_directory, a[0], a[1], a[2])
CALL(path_remove_directory, a[0], a[1], a[2])
CALL(path_filestat_get, a[0], a[1], a[2], a[3], a[4])
CALL(path_filestat_set_times, a[0], a[1], a[2], a[3], a[4], a[5], a[6])
CALL(path_link, a[0], a[1], a[2], a[3], a[4], a[5], a[6])
CALL(path_unlink_file, a[0], a[1], a[2])
CALL(path_open, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8])
CALL(path_readlink, a[0], a[1], a[2], a[3], a[4], a[5])
CALL(path_rename, a[0], a[1], a[2], a[3], a[4], a[5])
CALL(path_symlink, a[0], a[1], a[2], a[3], a[4])
CALL(poll_oneoff, a[0], a[1], a[2], a[3])
CALL(random_get, a[0], a[1])
CALL(sock_accept, a[0], a[1], a[2])
CALL(sock_recv, a[0], a[1], a[2], a[3], a[4], a[5])
CALL(sock_send, a[0], a[1], a[2], a[3], a[4])

enum kind {
    END,
    VALUE,
    SOME,   /* the address of bytes that are written, one at least */
    OUT,    /* the address of n bytes, which are written */
    IN,     /* of n bytes, which are read: `from` */
    LENGTH, /* of what the argument before is the address of */
    COUNT,  /* the same, in records */
};

struct argument {
    enum kind kind;
    u64 value; /* n of OUT and IN; 0: of SOME */
    const void *from;
};

struct row {
    const char *name;
    int (*call)(const u64 *a);
    int fails; /* no argument makes it succeed here: all of it must fail */
    struct argument a[10];
};

/* Where the arguments of the call that works lie, and what no call may touch. */
static uint8_t place[10][4096] __attribute__((aligned(16))), untouched[65536];
static u32 vectors[2], subscription[12], file, memory_end, calls, wrong;

#define PATH(s)                                                                                                        \
    {IN, sizeof(s) - 1, s},                                                                                            \
    {                                                                                                                  \
        LENGTH, sizeof(s) - 1                                                                                          \
    }
#define VECTOR                                                                                                         \
    {IN, 8, vectors},                                                                                                  \
    {                                                                                                                  \
        COUNT, 1                                                                                                       \
    }
#define RESULT(n)                                                                                                      \
    {                                                                                                                  \
        OUT, n                                                                                                         \
    }
#define V(n)                                                                                                           \
    {                                                                                                                  \
        VALUE, n                                                                                                       \
    }
#define DIRECTORY 3
#define FILE_FD   1000 /* stands for the open file's number */

static const struct row rows[] = {
    {"args_get", c_args_get, 0, {RESULT(4), {SOME}}},
    {"args_sizes_get", c_args_sizes_get, 0, {RESULT(4), RESULT(4)}},
    {"environ_get", c_environ_get, 0, {RESULT(4), {SOME}}},
    {"environ_sizes_get", c_environ_sizes_get, 0, {RESULT(4), RESULT(4)}},
    {"clock_res_get", c_clock_res_get, 0, {V(0), RESULT(8)}},
    {"clock_time_get", c_clock_time_get, 0, {V(0), V(0), RESULT(8)}},
    {"fd_fdstat_get", c_fd_fdstat_get, 0, {V(FILE_FD), RESULT(24)}},
    {"fd_filestat_get", c_fd_filestat_get, 0, {V(FILE_FD), RESULT(64)}},
    {"fd_pread", c_fd_pread, 0, {V(FILE_FD), VECTOR, V(0), RESULT(4)}},
    {"fd_prestat_get", c_fd_prestat_get, 0, {V(DIRECTORY), RESULT(8)}},
    {"fd_prestat_dir_name", c_fd_prestat_dir_name, 0, {V(DIRECTORY), {SOME}, V(64)}},
    {"fd_pwrite", c_fd_pwrite, 0, {V(FILE_FD), VECTOR, V(0), RESULT(4)}},
    {"fd_read", c_fd_read, 0, {V(FILE_FD), VECTOR, RESULT(4)}},
    {"fd_readdir", c_fd_readdir, 0, {V(DIRECTORY), RESULT(256), {LENGTH, 256}, V(0), RESULT(4)}},
    {"fd_seek", c_fd_seek, 0, {V(FILE_FD), V(0), V(0), RESULT(8)}},
    {"fd_tell", c_fd_tell, 0, {V(FILE_FD), RESULT(8)}},
    {"fd_write", c_fd_write, 0, {V(FILE_FD), VECTOR, RESULT(4)}},
    {"path_create_directory", c_path_create_directory, 0, {V(DIRECTORY), PATH("made")}},
    {"path_remove_directory", c_path_remove_directory, 0, {V(DIRECTORY), PATH("made")}},
    {"path_filestat_get", c_path_filestat_get, 0, {V(DIRECTORY), V(1), PATH("file"), RESULT(64)}},
    {"path_filestat_set_times", c_path_filestat_set_times, 0, {V(DIRECTORY), V(1), PATH("file"), V(0), V(0), V(4)}},
    {"path_link", c_path_link, 0, {V(DIRECTORY), V(0), PATH("file"), V(DIRECTORY), PATH("name")}},
    {"path_unlink_file", c_path_unlink_file, 0, {V(DIRECTORY), PATH("name")}},
    {"path_symlink", c_path_symlink, 0, {PATH("file"), V(DIRECTORY), PATH("first")}},
    {"path_readlink", c_path_readlink, 0, {V(DIRECTORY), PATH("first"), RESULT(64), {LENGTH, 64}, RESULT(4)}},
    {"path_rename", c_path_rename, 0, {V(DIRECTORY), PATH("first"), V(DIRECTORY), PATH("other")}},
    {"path_unlink_file", c_path_unlink_file, 0, {V(DIRECTORY), PATH("other")}},
    {"path_open", c_path_open, 0, {V(DIRECTORY), V(1), PATH("file"), V(0), V(2), V(0), V(0), RESULT(4)}},
    {"poll_oneoff", c_poll_oneoff, 0, {{IN, 48, subscription}, RESULT(32), {COUNT, 1}, RESULT(4)}},
    {"random_get", c_random_get, 0, {RESULT(64), {LENGTH, 64}}},
    {"sock_accept", c_sock_accept, 1, {V(FILE_FD), V(0), RESULT(4)}},
    {"sock_recv", c_sock_recv, 1, {V(FILE_FD), VECTOR, V(0), RESULT(4), RESULT(4)}},
    {"sock_send", c_sock_send, 1, {V(FILE_FD), VECTOR, V(0), RESULT(4)}},
};

static void complain(const struct row *r, unsigned n, u64 value, const char *what, int got)
{
    printf("%s, argument %u, %#llx: %s (%d)\n", r->name, n, (unsigned long long)value, what, got);
    wrong++;
}

static int call(const struct row *r, const u64 *a)
{
    calls++;
    return r->call(a);
}

/* Undoes what the call that works has done, so that it works again; what fails is none of it. */
static void undo(const struct row *r)
{
    static const struct {
        const char *name, *made;
        int (*call)(u32, u32, u32);
    } undone[] = {{"path_create_directory", "made", w_path_remove_directory},
                  {"path_link", "name", w_path_unlink_file},
                  {"path_symlink", "first", w_path_unlink_file}};

    for (size_t i = 0; i < sizeof undone / sizeof *undone; i++)
        if (!strcmp(r->name, undone[i].name))
            undone[i].call(DIRECTORY, (u32)(uintptr_t)undone[i].made, (u32)strlen(undone[i].made));
}

static void again(const struct row *r)
{
    if (!strcmp(r->name, "path_remove_directory"))
        w_path_create_directory(DIRECTORY, (u32)(uintptr_t) "made", 4);
    else if (!strcmp(r->name, "path_unlink_file"))
        w_path_symlink((u32)(uintptr_t) "x", 1, DIRECTORY, (u32)(uintptr_t)r->a[1].from, (u32)r->a[1].value);
    else if (!strcmp(r->name, "path_rename"))
        w_path_rename(DIRECTORY, (u32)(uintptr_t) "other", 5, DIRECTORY, (u32)(uintptr_t) "first", 5);
    else
        undo(r);
}

static bool has_address(const struct argument *x)
{
    return x->kind == OUT || x->kind == IN || x->kind == SOME;
}

/* The arguments of the call that works. */
static unsigned fill(const struct row *r, u64 *a)
{
    unsigned n = 0;

    for (; n < 10 && r->a[n].kind != END; n++) {
        const struct argument *x = &r->a[n];
        a[n] = has_address(x) ? (u32)(uintptr_t)place[n] : x->value == FILE_FD ? file : x->value;
        if (x->kind == IN)
            memcpy(place[n], x->from, x->value);
    }
    return n;
}

static void try_address(const struct row *r, u64 *a, unsigned n)
{
    const u32 size = r->a[n].kind == SOME ? 1 : (u32)r->a[n].value;
    const u32 bad[] = {0xffffffff,     0xfffffff8, 0x80000000, memory_end, memory_end - size + 1,
                       memory_end - 1, 0u - size,  1u - size};
    const u64 good = a[n];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if ((u64)bad[i] + size <= memory_end)
            continue;
        a[n] = bad[i];
        int got = call(r, a);
        if (!got)
            complain(r, n, bad[i], "an address outside of the memory was used", got);
    }
    a[n] = good;
    if (r->a[n].kind == SOME)
        return;
    /* The last bytes there are. */
    uint8_t *last = (uint8_t *)(uintptr_t)(memory_end - size), kept[256];
    memcpy(kept, last, size);
    if (r->a[n].kind == IN)
        memcpy(last, r->a[n].from, size);
    a[n] = memory_end - size;
    int got = call(r, a);
    if (got && !r->fails)
        complain(r, n, a[n], "the last bytes of the memory were refused", got);
    memcpy(last, kept, size);
    if (!got)
        again(r);
    a[n] = good;
}

static void try_length(const struct row *r, u64 *a, unsigned n)
{
    const u32 size = r->a[n].kind == COUNT ? 8 : 1;
    const u32 bad[] = {0xffffffff, 0x80000000, 0x7fffffff, 0x20000000, (memory_end - (u32)a[n - 1]) / size + 1};
    const u64 good = a[n];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        a[n] = bad[i];
        int got = call(r, a);
        if (!got)
            complain(r, n, bad[i], "a length beyond the memory was used", got);
    }
    a[n] = good;
}

static void sweep(const struct row *r)
{
    u64 a[10] = {0};
    unsigned n = fill(r, a);
    int got = call(r, a);

    if ((got == 0) == r->fails)
        complain(r, n, 0, r->fails ? "it works" : "it does not work", got);
    if (!got)
        again(r);
    for (unsigned i = 0; i < n; i++) {
        if (has_address(&r->a[i]))
            try_address(r, a, i);
        else if (r->a[i].kind == LENGTH || r->a[i].kind == COUNT)
            try_length(r, a, i);
    }
    /* As the next rows expect it. */
    fill(r, a);
    call(r, a);
}

/* What a vector or a subscription says itself; and all that lies over each other, which only has to be survived. */
static void sweep_vectors(void)
{
    static const u32 bad[][2] = {{0xffffffff, 1}, {0xffffffff, 0xffffffff}, {0x80000000, 0x80000000},
                                 {1, 0xffffffff}, {0, 0x80000000},          {0xfffffff0, 0x20}};
    static const struct row reads = {"fd_read", c_fd_read, 0, {{END, 0, 0}}},
                            writes = {"fd_write", c_fd_write, 0, {{END, 0, 0}}};
    u32 *v = (u32 *)place[0];
    u64 a[] = {file, (u32)(uintptr_t)v, 1, (u32)(uintptr_t)place[1]};

    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        v[0] = i < sizeof bad / sizeof *bad ? bad[i][0] : memory_end - 1;
        v[1] = i < sizeof bad / sizeof *bad ? bad[i][1] : 2;
        /* A file has a few bytes: a kernel that was given them all would say how many. */
        w_fd_seek(file, 0, 0, (u32)(uintptr_t)place[2]);
        if (call(&reads, a) == 0)
            complain(&reads, 1, v[0], "a vector outside of the memory was used", 0);
        if (call(&writes, a) == 0)
            complain(&writes, 1, v[0], "a vector outside of the memory was used", 0);
    }
    /* The vector is read into, and so is the place of the count. */
    v[0] = (u32)(uintptr_t)v;
    v[1] = 16;
    a[3] = a[1];
    w_fd_seek(file, 0, 0, (u32)(uintptr_t)place[2]);
    call(&reads, a);
    call(&writes, a);
    memcpy(place[0], subscription, sizeof subscription);
    w_poll_oneoff((u32)(uintptr_t)place[0], (u32)(uintptr_t)place[0], 1, (u32)(uintptr_t)place[0]);
    w_args_get((u32)(uintptr_t)place[0], (u32)(uintptr_t)place[0]);
    calls += 2;
}

static u32 random_state = 1;

static u32 some(u32 n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

/* Numbers opened until there are no more, moved over each other, onto the granted directory and off it, and closed, in
 * any order. What is open in the end says nothing; the program has to be there. */
static void storm(void)
{
    u32 fd, opened = 0;

    while (w_path_open(DIRECTORY, 1, (u32)(uintptr_t) "file", 4, 0, 2, 0, 0, (u32)(uintptr_t)&fd) == 0)
        opened++;
    for (unsigned i = 0; i < 20000; i++) {
        u32 a = 2 + some(1100), b = 2 + some(1100);
        if (some(4))
            w_fd_renumber(a, b);
        else
            w_fd_close(a);
        if (some(8) == 0)
            w_path_open(DIRECTORY, 1, (u32)(uintptr_t) ".", 1, 2, 1 << 14, 0, 0, (u32)(uintptr_t)&fd);
        if (some(8) == 0)
            w_fd_readdir(b, (u32)(uintptr_t)place[0], sizeof place[0], some(3), (u32)(uintptr_t)place[1]);
    }
    for (u32 i = 2; i <= 4096; i++)
        w_fd_close(i);
    /* None is left, and so no directory from which one could be had. */
    for (u32 i = 2; i <= 4096; i++)
        wrong += w_fd_close(i) == 0;
    wrong +=
        opened < 900 || w_path_open(DIRECTORY, 1, (u32)(uintptr_t) "file", 4, 0, 2, 0, 0, (u32)(uintptr_t)&fd) == 0;
    calls += 40000;
}

int main(void)
{
    u32 next;

    /* The memory ends here, and the C library has none behind. */
    memory_end = (u32)__builtin_wasm_memory_size(0) << 16;
    memset(untouched, 0xa5, sizeof untouched);
    vectors[0] = (u32)(uintptr_t)place[9];
    vectors[1] = 4;
    if (w_path_open(DIRECTORY, 1, (u32)(uintptr_t) "file", 4, 0, 2 | 4 | 32 | 64 | 1 << 21, 0, 0,
                    (u32)(uintptr_t)&file))
        return printf("there is no file\n"), 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        sweep(&rows[i]);
    sweep_vectors();
    for (size_t i = 0; i < sizeof untouched; i++)
        wrong += untouched[i] != 0xa5;
    /* Each path_open that worked has a number, and none that failed: the first, the last, and two at the last bytes. */
    w_path_open(DIRECTORY, 1, (u32)(uintptr_t) "file", 4, 0, 2, 0, 0, (u32)(uintptr_t)&next);
    wrong += next != file + 5;
    storm();
    printf("%u calls, %u wrong\n", calls, wrong);
    return wrong != 0;
}
