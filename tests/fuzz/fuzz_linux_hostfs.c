/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of any shape to the kernel's file system over host files: attributes of files that cannot be, lists of names
 * that do not end, links that are too long. Input: each answer takes {error or not, bytes that follow, kind, number} of
 * a byte each, and the bytes. The program inside makes the same calls always; the kernel has to come through.
 */
#include "../unit/linux_harness.h"
#include "linux/core/modes.h"

#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <string.h>

extern void abort(void) __attribute__((noreturn));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    const uint8_t *at, *end;
    uint32_t answers, handles;
} in;

static uint8_t byte(void)
{
    return in.at < in.end ? *in.at++ : 0;
}

static void attributes(struct files_attr *a)
{
    static const uint32_t kinds[] = {S_IFDIR, S_IFREG, S_IFLNK, S_IFIFO, S_IFCHR, S_IFSOCK, 0, S_IFDIR};
    uint8_t kind = byte(), number = byte();
    *a = (struct files_attr){.dev = number >> 6,
                             .ino = number & 63,
                             .mode = kinds[kind & 7] | 0755,
                             .nlink = kind >> 6,
                             .size = kind & 32 ? UINT64_MAX - number : number * 100u,
                             .mtime = kind & 16 ? UINT64_MAX : number,
                             .blocks = number};
    if (kind & 8)
        a->mode = kinds[kind & 7] | 07777u;
}

static int answer(struct files_call *c)
{
    uint8_t head = byte(), n = byte();
    c->fd = -1;
    if (c->r.op == FILES_CLUNK || ++in.answers > 300)
        return -5;
    c->a = (struct files_answer){.handle = head & 64 ? head & 7 : ++in.handles, .result = head & 1};
    attributes(&c->a.attr);
    if (c->r.op == FILES_ROOT)
        c->a.attr.mode = (c->a.attr.mode & 07777u) | S_IFDIR;
    else if ((head & 15) == 15)
        return -(int)(n % 40) - 1;
    uint8_t *to = c->to;
    for (uint32_t i = 0; i < n && i < c->room; i++, c->a.bytes++)
        to[i] = byte();
    if (head & 32 && c->room && c->a.bytes) /* once more, to the end */
        for (; c->a.bytes < c->room; c->a.bytes++)
            to[c->a.bytes] = to[c->a.bytes % n];
    c->fd = c->r.op == FILES_OPEN || c->r.op == FILES_CREATE || c->r.op == FILES_TMPFILE ? head & 7 : -1;
    return 0;
}

static int64_t read_bytes(int fd, void *to, size_t n, uint64_t offset)
{
    size_t k = byte();
    k = k < n ? k : n;
    memset(to, fd, k);
    return k == 200 ? -5 : (int64_t)k;
}

static int64_t write_bytes(int fd, const void *from, size_t n, uint64_t offset, bool synced)
{
    size_t k = byte();
    return k == 200 ? -28 : (int64_t)(k < n ? k : n);
}

static int64_t append_bytes(int fd, const void *from, size_t n, bool synced, uint64_t *end)
{
    *end = (uint64_t)byte() << (byte() & 63);
    return write_bytes(fd, from, n, 0, synced);
}

static int64_t seek(int fd, uint64_t offset, int whence)
{
    return byte();
}

static int stat_of(int fd, struct files_attr *a)
{
    attributes(a);
    return byte() & 1 ? -5 : 0;
}

static int allocate(int fd, int mode, uint64_t offset, uint64_t n)
{
    return 0;
}

static void close_one(int fd)
{
}

static const struct files_ops files = {.call = answer,
                                       .read = read_bytes,
                                       .write = write_bytes,
                                       .append = append_bytes,
                                       .seek = seek,
                                       .stat = stat_of,
                                       .allocate = allocate,
                                       .close = close_one};

/* Not inlined, since a system call may return twice (vfork). */
__attribute__((noinline)) static int64_t call_(int64_t nr, const uint64_t v[6])
{
    int64_t r = guest_call(nr, v[0], v[1], v[2], v[3], v[4], v[5]);
    if (r < -4095 || (r <= -512 && r >= -530)) /* no error, or a restart number */
        abort();
    return r;
}
#define call(nr, ...) call_((nr), (const uint64_t[6]){__VA_ARGS__})
#define AT(pointer)   ((uint64_t)(uintptr_t)(pointer))

static void contents(uint64_t name, uint64_t buffer)
{
    int64_t fd = call(__NR_open, name, O_RDWR | O_CREAT | O_NONBLOCK, 0644);
    if (fd < 0)
        return;
    call(__NR_read, (uint64_t)fd, buffer, 200);
    call(__NR_write, (uint64_t)fd, buffer, 200);
    call(__NR_fstat, (uint64_t)fd, buffer);
    call(__NR_lseek, (uint64_t)fd, 0, 2);
    call(__NR_lseek, (uint64_t)fd, 10, 3);
    call(__NR_ftruncate, (uint64_t)fd, 100);
    call(__NR_mmap, 0, 4096, 1, 2, (uint64_t)fd, 0);
    call(__NR_close, (uint64_t)fd);
}

static void names(uint64_t name, uint64_t other, uint64_t buffer)
{
    call(__NR_lstat, name, buffer);
    call(__NR_readlink, name, buffer, 8192);
    call(__NR_mkdir, name, 0755);
    call(__NR_rename, name, other);
    call(__NR_link, other, name);
    call(__NR_symlink, name, other);
    call(__NR_getxattr, name, AT(user_string("user.x")), buffer, 100);
    call(__NR_listxattr, name, buffer, 8192);
    call(__NR_chmod, name, 0700);
    call(__NR_unlink, name);
    call(__NR_rmdir, other);
    call(__NR_statfs, name, buffer);
}

static void list(uint64_t dir, uint64_t buffer)
{
    int64_t fd = call(__NR_open, dir, O_RDONLY | O_DIRECTORY, 0);
    for (int i = 0; fd >= 0 && i < 8; i++)
        call(__NR_getdents64, (uint64_t)fd, buffer, 400);
    if (fd >= 0)
        call(__NR_lseek, (uint64_t)fd, 3, 0);
    if (fd >= 0)
        call(__NR_getdents64, (uint64_t)fd, buffer, 8192);
}

static void guest(void)
{
    uint64_t buffer = AT(user_alloc(8192));
    static const char *const places[] = {"/v", "/v/a", "/v/a/b", "/a", "/a/b"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        uint64_t name = AT(user_string(places[i]));
        list(name, buffer);
        contents(name, buffer);
        names(name, AT(user_string("/v/c")), buffer);
        call(__NR_chdir, name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct linux_mount mounts[] = {{.place = "/v", .kind = LINUX_MOUNT_HOST},
                                                {.place = "/", .kind = LINUX_MOUNT_HOST, .root = 1}};
    if (!size)
        return 0;
    in.at = data + 1, in.end = data + size;
    in.answers = in.handles = 0;
    const struct harness h = {
        .files = &files, .mounts = mounts, .n_mounts = 1 + (data[0] & 1), .shy_stacks = true, .polls = 100};
    (void)harness_run(&h, guest);
    return 0;
}
