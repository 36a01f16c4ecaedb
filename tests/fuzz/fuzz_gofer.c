/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of any shape to the gofer, over real directories: one that may be written to, one that may not, one without
 * set-id bits. Input: records, each {how many bytes, op, handle, other, flags, name, second} of a byte each (bytes: of
 * the datagram; 0: all of it), which are made into a request; or, when the first byte of the input is odd, datagrams as
 * they are behind two bytes of length. Whatever comes, what lies outside and below the read-only root stays as it was,
 * a descriptor that comes is a regular file's below a root with the rights of that, and none is left over.
 */
#include "gofer/gofer.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char place[64];
static int top, proc;
static struct gofer g;
static struct reply reply;
static struct stat secret, below[3];
static const char *const kept[3] = {"ro", "ro/file", "ro/dir"};

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- the directories ---- */

static void make_tree(const char *root)
{
    char name[64];
    static const char *const dirs[] = {"", "/dir", "/dir/sub"}, *const files[] = {"/file", "/dir/deep"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", root, dirs[i]);
        must(!mkdirat(top, name, 0755));
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", root, files[i]);
        int fd = openat(top, name, O_RDWR | O_CREAT, 0644);
        must(fd >= 0 && write(fd, "text", 4) == 4 && !close(fd));
    }
    snprintf(name, sizeof name, "%s/out", root);
    must(!symlinkat("../secret", top, name));
    snprintf(name, sizeof name, "%s/up", root);
    must(!symlinkat("..", top, name));
    snprintf(name, sizeof name, "%s/fifo", root);
    must(!mkfifoat(top, name, 0644));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    return remove(path);
}

static void remove_tree(const char *root)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", place, root);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void at_exit(void)
{
    remove_tree("");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct statfs fs; /* on a disk each fsync(2) would wait */
    bool memory = !statfs("/dev/shm", &fs) && fs.f_type == TMPFS_MAGIC;
    snprintf(place, sizeof place, "%s/moat-fuzz-gofer-XXXXXX", memory ? "/dev/shm" : "/tmp");
    must(mkdtemp(place) != NULL);
    atexit(at_exit);
    top = open(place, O_RDONLY | O_DIRECTORY);
    proc = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    int fd = openat(top, "secret", O_RDWR | O_CREAT, 0600);
    must(fd >= 0 && !close(fd));
    umask(0);
    make_tree("ro");
    must(!fstatat(top, "secret", &secret, 0));
    for (size_t i = 0; i < 3; i++)
        must(!fstatat(top, kept[i], &below[i], 0));
    return 0;
}

static void begin(void)
{
    make_tree("rw");
    make_tree("strict");
    gofer_begin(&g, proc, 64);
    must(!gofer_root(&g, openat(top, "rw", O_PATH), FILES_RW));
    must(!gofer_root(&g, openat(top, "ro", O_PATH), 0));
    must(!gofer_root(&g, openat(top, "strict", O_PATH), FILES_RW | FILES_NOSUID));
}

/* ---- what has to hold ---- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_size == b->st_size && a->st_nlink == b->st_nlink && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void check_outside(void)
{
    struct stat st;
    must(!fstatat(top, "secret", &st, 0) && same(&st, &secret));
    for (size_t i = 0; i < 3; i++)
        must(!fstatat(top, kept[i], &st, 0) && same(&st, &below[i]));
}

static int check_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    must(!S_ISREG(st->st_mode) || !(st->st_mode & (S_ISUID | S_ISGID)));
    must(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode) || S_ISFIFO(st->st_mode));
    return 0;
}

/* Below the root without set-id bits there are none. */
static void check_strict(void)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/strict", place);
    nftw(path, check_one, 16, FTW_PHYS);
}

static void check_descriptor(int fd)
{
    char name[32], path[PATH_MAX];
    struct stat st;
    must(!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_ino != secret.st_ino);
    snprintf(name, sizeof name, "%d", fd);
    ssize_t n = readlinkat(proc, name, path, sizeof path - 1);
    must(n > 0);
    path[n] = 0;
    size_t length = strlen(place);
    must(!strncmp(path, place, length) && path[length] == '/');
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
        must(!strncmp(path + length, "/rw/", 4) || !strncmp(path + length, "/strict/", 8));
}

static void serve(const void *datagram, size_t n)
{
    if (gofer_serve(&g, datagram, n, &reply))
        return;
    must(reply.a.error <= 0 && reply.a.error > -4096 && reply.a.bytes <= FILES_BYTES_MAX);
    must(reply.a.has_fd == (reply.fd >= 0) && !(reply.a.error && reply.fd >= 0));
    if (reply.fd < 0)
        return;
    check_descriptor(reply.fd);
    close(reply.fd);
}

/* ---- input ---- */

static const char *const names[] = {
    "file", "dir", "deep",    "sub", "out",    "up",     "fifo",      "new",      "other",     ".",
    "..",   "",    "dir/sub", "/",   "user.x", "secret", "../secret", "dir/deep", "up/secret", "user.overlay.x"};

static size_t record(const uint8_t *b, uint8_t *datagram)
{
    struct files_request r = {.op = b[1] % (FILES_OPS + 1),
                              .handle = b[2] % 16,
                              .other = b[3] % 16,
                              .flags = b[4],
                              .what = b[4],
                              .mode = (uint32_t)b[5] << 5 | b[6],
                              .size = (uint64_t)b[5] << (b[6] & 31),
                              .mtime = b[5]};
    const char *name = b[5] & 128 ? NULL : names[b[5] % (sizeof names / sizeof names[0])];
    const char *second = b[6] & 128 ? NULL : names[b[6] % (sizeof names / sizeof names[0])];
    size_t n = sizeof r;
    r.name = name ? (uint32_t)strlen(name) : 0, r.second = second ? (uint32_t)strlen(second) : 0;
    if (r.op == FILES_CLUNK || r.op == FILES_SETXATTR)
        r.value = b[0] & 12;
    memcpy(datagram, &r, sizeof r);
    if (name)
        memcpy(datagram + n, name, r.name), n += r.name;
    if (second)
        memcpy(datagram + n, second, r.second), n += r.second;
    memset(datagram + n, 0, r.value);
    if (r.value)
        datagram[n] = b[3] % 16;
    n += r.value;
    return b[0] && b[0] < n && b[0] > 100 ? b[0] : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t datagram[1024];
    if (!size || size > 4096)
        return 0;
    int lowest = dup(0);
    close(lowest);
    begin();
    const uint8_t *end = data + size;
    bool raw = *data++ & 1;
    while (!raw && end - data >= 7) {
        serve(datagram, record(data, datagram));
        data += 7;
    }
    while (raw && end - data >= 2) {
        size_t n = (size_t)data[0] | (size_t)data[1] << 8, left = (size_t)(end - data) - 2;
        n = n < left ? n : left;
        serve(data + 2, n);
        data += 2 + n;
    }
    check_outside();
    check_strict();
    gofer_end(&g);
    int again = dup(0);
    must(again == lowest);
    close(again);
    remove_tree("rw");
    remove_tree("strict");
    return 0;
}
