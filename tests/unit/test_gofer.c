/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gofer's records, as a sentry that has been taken over would send them: what lies outside the roots, what is not
 * to be written, what is no file. Each refusal stands beside a request of the same kind that is granted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/kernelfs.h"
#include "gofer/gofer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char place[] = "/tmp/moat-test-gofer-XXXXXX";
static int top;
static struct gofer g;
static struct reply reply;

enum { RW, RO, STRICT, A_FILE }; /* the roots: numbers and handles */

/* ---- sending ---- */

struct send {
    struct files_request r;
    const char *name, *second;
    const void *value;
};

static int send_n(const struct send *s, size_t cut)
{
    static uint8_t datagram[sizeof(struct files_request) + 3 * 40000];
    struct files_request r = s->r;
    size_t n = sizeof r;
    r.name = s->name ? (uint32_t)strlen(s->name) : r.name;
    r.second = s->second ? (uint32_t)strlen(s->second) : r.second;
    memcpy(datagram, &r, sizeof r);
    if (s->name)
        memcpy(datagram + n, s->name, r.name), n += r.name;
    if (s->second)
        memcpy(datagram + n, s->second, r.second), n += r.second;
    if (s->value)
        memcpy(datagram + n, s->value, r.value), n += r.value;
    int e = gofer_serve(&g, datagram, cut < n ? cut : n, &reply);
    if (!e && reply.fd >= 0 && reply.a.error)
        fail_msg("a descriptor with an error");
    return e ? e : reply.a.error;
}

#define ask(...) send_n(&(struct send){__VA_ARGS__}, SIZE_MAX)

static int ask_name(uint32_t op, uint32_t handle, const char *name)
{
    return ask(.r = {.op = op, .handle = handle}, .name = name);
}

static uint32_t found(uint32_t root, const char *name)
{
    assert_int_equal(ask_name(FILES_LOOKUP, root, name), 0);
    return reply.a.handle;
}

static void clunk(uint32_t handle)
{
    assert_int_equal(ask(.r = {.op = FILES_CLUNK, .value = sizeof handle}, .value = &handle), 0);
}

static int open_with(uint32_t handle, uint32_t access)
{
    int r = ask(.r = {.op = FILES_OPEN, .handle = handle, .flags = access});
    if (!r)
        close(reply.fd);
    return r;
}

/* ---- names ---- */

static void test_names_that_are_no_names_end_the_service(void **state)
{
    static const char *const names[] = {"", ".", "..", "a/b", "/", "/etc", "a/", "../secret", "a//b"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(ask_name(FILES_CHECK, RW, names[i]), -EPROTO);
        assert_int_equal(ask_name(FILES_UNLINK, RW, names[i]), -EPROTO);
        assert_int_equal(ask_name(FILES_MKDIR, RW, names[i]), -EPROTO);
        assert_int_equal(ask(.r = {.op = FILES_RENAME, .handle = RW, .other = RW}, .name = "file", .second = names[i]),
                         -EPROTO);
    }
    assert_int_equal(ask_name(FILES_CHECK, RW, "file"), 0);
    char longest[257];
    memset(longest, 'x', 256), longest[256] = 0;
    assert_int_equal(ask_name(FILES_CHECK, RW, longest), -EPROTO);
    longest[255] = 0;
    assert_int_equal(ask_name(FILES_CHECK, RW, longest), -ENOENT);
    struct {
        struct files_request r;
        char name[8];
    } raw = {{.op = FILES_CHECK, .handle = RW, .name = 4}, "file"};
    assert_int_equal(gofer_serve(&g, &raw, sizeof raw.r + 4, &reply), 0);
    assert_int_equal(reply.a.error, 0);
    raw.name[2] = 0;
    assert_int_equal(gofer_serve(&g, &raw, sizeof raw.r + 4, &reply), -EPROTO);
}

static void test_paths_stay_below_their_root(void **state)
{
    static const char *const no[] = {"..", "dir/..", "dir/../..", "./file", "dir/./deep", "dir//deep", "/etc/passwd"};
    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_int_equal(ask_name(FILES_LOOKUP, RW, no[i]), -EPROTO);
    clunk(found(RW, "dir/deep"));
    /* links are looked at, never followed: not at the end, not on the way */
    assert_int_equal(ask_name(FILES_LOOKUP, RW, "out"), 0);
    assert_true(S_ISLNK(reply.a.attr.mode));
    uint32_t link = reply.a.handle;
    assert_int_equal(open_with(link, O_RDONLY), -EINVAL);
    assert_int_equal(ask_name(FILES_LOOKUP, link, "secret"), -ENOTDIR);
    assert_int_equal(ask(.r = {.op = FILES_READLINK, .handle = link}), 0);
    assert_int_equal(reply.a.bytes, 2);
    assert_memory_equal(reply.bytes, "..", 2);
    clunk(link);
    assert_int_equal(ask_name(FILES_LOOKUP, RW, "out/secret"), -ELOOP);
    assert_int_equal(ask_name(FILES_LOOKUP, RW, "inside/deep"), -ELOOP);
    assert_int_equal(ask_name(FILES_CHECK, RW, "out"), 0);
    assert_true(S_ISLNK(reply.a.attr.mode));
}

/* ---- records ---- */

static void test_records_that_do_not_add_up_end_the_service(void **state)
{
    const struct send good = {.r = {.op = FILES_CHECK, .handle = RW}, .name = "file"};
    (void)state;
    assert_int_equal(send_n(&good, SIZE_MAX), 0);
    for (size_t n = 0; n < sizeof(struct files_request) + 4; n++)
        assert_int_equal(send_n(&good, n), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_OPS, .handle = RW}), -EPROTO);
    assert_int_equal(ask(.r = {.op = UINT32_MAX, .handle = RW}), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = RW, .zero = 1}), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = RW}, .name = "file"), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = RW, .value = 4}, .value = "byte"), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = RW, .name = UINT32_MAX, .second = 1}), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_OPEN, .handle = A_FILE, .flags = O_CREAT}), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_OPEN, .handle = A_FILE, .flags = O_TRUNC | O_RDWR}), -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_RENAME, .handle = RW, .other = RW, .flags = 4 /* RENAME_WHITEOUT */},
                         .name = "file", .second = "other"),
                     -EPROTO);
    assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = RW}), 0);
}

static void test_handles_are_the_tables(void **state)
{
    uint32_t h = found(RW, "file"), none[] = {h + 1, 77777, UINT32_MAX, g.most};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = none[i]}), -EBADF);
        clunk(none[i]);
    }
    clunk(h);
    assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = h}), -EBADF);
    clunk(h); /* twice is once */
    assert_int_equal(found(RW, "dir"), h);
    clunk(h);
    for (uint32_t root = RW; root <= A_FILE; root++) { /* roots stay */
        clunk(root);
        assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = root}), 0);
    }
    /* kinds: a directory is not opened, a file has no names, what reads a directory does nothing else */
    assert_int_equal(open_with(RW, O_RDONLY), -EINVAL);
    assert_int_equal(ask_name(FILES_LOOKUP, A_FILE, "x"), -ENOTDIR);
    assert_int_equal(ask(.r = {.op = FILES_READDIR, .handle = RW}), -EINVAL);
    assert_int_equal(ask(.r = {.op = FILES_OPENDIR, .handle = RW}), 0);
    uint32_t reader = reply.a.handle;
    assert_int_equal(ask(.r = {.op = FILES_READDIR, .handle = reader}), 0);
    assert_true(reply.a.bytes > 0);
    assert_int_equal(ask_name(FILES_LOOKUP, reader, "file"), -EINVAL);
    assert_int_equal(ask_name(FILES_UNLINK, reader, "file"), -EINVAL);
    clunk(reader);
}

static void test_the_table_is_bounded(void **state)
{
    uint32_t first = found(RW, "file"), last = first, most = g.most;
    (void)state;
    g.most = g.top + 3;
    for (int i = 0; i < 3; i++)
        last = found(RW, "file");
    assert_int_equal(ask_name(FILES_LOOKUP, RW, "file"), -ENFILE);
    assert_int_equal(ask(.r = {.op = FILES_CREATE, .handle = RW, .mode = 0600}, .name = "one more"), -ENFILE);
    assert_int_equal(faccessat(top, "rw/one more", F_OK, 0), -1);
    clunk(last);
    assert_int_equal(found(RW, "file"), last);
    for (uint32_t h = first; h <= last; h++)
        clunk(h);
    g.most = most;
}

/* ---- what may not be written ---- */

static void test_a_root_that_is_read_only(void **state)
{
    uint32_t h = found(RO, "file");
    (void)state;
    assert_int_equal(open_with(h, O_RDONLY), 0);
    assert_int_equal(open_with(h, O_WRONLY), -EROFS);
    assert_int_equal(open_with(h, O_RDWR), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_SETATTR, .handle = h, .what = FILES_MODE, .mode = 0777}), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_SETATTR, .handle = h, .what = FILES_SIZE}), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_SETATTR, .handle = h, .what = FILES_MTIME}), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_SETXATTR, .handle = h, .value = 1}, .name = "user.x", .value = "x"), -EROFS);
    assert_int_equal(ask_name(FILES_REMOVEXATTR, h, "user.x"), -EROFS);
    assert_int_equal(ask_name(FILES_CREATE, RO, "new"), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_TMPFILE, .handle = RO}), -EROFS);
    assert_int_equal(ask_name(FILES_MKDIR, RO, "new"), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_SYMLINK, .handle = RO}, .name = "new", .second = "x"), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_LINK, .handle = h, .other = RO}, .name = "new"), -EROFS);
    assert_int_equal(ask_name(FILES_UNLINK, RO, "file"), -EROFS);
    assert_int_equal(ask_name(FILES_RMDIR, RO, "file"), -EROFS);
    assert_int_equal(ask(.r = {.op = FILES_RENAME, .handle = RO, .other = RO}, .name = "file", .second = "new"),
                     -EROFS);
    clunk(h);
}

static void test_roots_do_not_mix(void **state)
{
    uint32_t ro = found(RO, "file"), rw = found(RW, "file");
    (void)state;
    assert_int_equal(ask(.r = {.op = FILES_RENAME, .handle = RW, .other = RO}, .name = "file", .second = "x"), -EXDEV);
    assert_int_equal(ask(.r = {.op = FILES_RENAME, .handle = RO, .other = RW}, .name = "file", .second = "x"), -EXDEV);
    assert_int_equal(ask(.r = {.op = FILES_LINK, .handle = ro, .other = RW}, .name = "x"), -EXDEV);
    assert_int_equal(ask(.r = {.op = FILES_LINK, .handle = rw, .other = RO}, .name = "x"), -EXDEV);
    clunk(ro);
    clunk(rw);
}

/* ---- what is no file ---- */

static void test_what_is_no_file_is_not_opened(void **state)
{
    static const struct {
        const char *name;
        int error;
    } rows[] = {{"fifo", -ENXIO}, {"null", -EACCES}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (ask_name(FILES_LOOKUP, RW, rows[i].name)) /* a device needs root to be made */
            continue;
        uint32_t h = reply.a.handle;
        assert_int_equal(open_with(h, O_RDONLY), rows[i].error);
        assert_int_equal(ask(.r = {.op = FILES_SETATTR, .handle = h, .what = FILES_MODE, .mode = 0777}), -EPERM);
        assert_int_equal(ask(.r = {.op = FILES_LINK, .handle = h, .other = RW}, .name = "another"), -EPERM);
        assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = h}), 0);
        clunk(h);
    }
    /* nothing but files, directories and links is made: there is no request for it, and the mode says no kind */
    assert_int_equal(ask(.r = {.op = FILES_CREATE, .handle = RW, .mode = S_IFIFO | 0600}, .name = "made"), -EPERM);
    assert_int_equal(ask(.r = {.op = FILES_MKDIR, .handle = RW, .mode = S_IFCHR | 0600}, .name = "made"), -EPERM);
}

static void test_file_systems_of_the_kernel_are_no_roots(void **state)
{
    static const char *const no[] = {"/proc", "/sys", "/proc/self"};
    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        int fd = open(no[i], O_PATH);
        static struct gofer fresh;
        int error;
        gofer_begin(&fresh, -1, 4);
        if (kernelfs_of(fd, &error)) /* a container may have none there */
            assert_int_equal(gofer_root(&fresh, fd, 0), -EACCES);
        close(fd);
    }
    static struct gofer fresh;
    gofer_begin(&fresh, -1, 4);
    int fd = openat(top, "rw/fifo", O_PATH);
    assert_int_equal(gofer_root(&fresh, fd, 0), -EINVAL);
    close(fd);
}

/* Below "/" lies procfs, and in it this process's own memory. */
static void test_file_systems_of_the_kernel_are_not_entered(void **state)
{
    static struct gofer whole;
    (void)state;
    gofer_begin(&whole, g.proc, 16);
    assert_int_equal(gofer_root(&whole, open("/", O_PATH), FILES_RW), 0);
    static const char *const no[] = {"proc", "proc/version", "proc/self", "proc/sys/kernel"};
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        struct files_request r = {.op = FILES_LOOKUP, .name = (uint32_t)strlen(no[i])};
        uint8_t datagram[sizeof r + 32];
        memcpy(datagram, &r, sizeof r);
        memcpy(datagram + sizeof r, no[i], r.name);
        assert_int_equal(gofer_serve(&whole, datagram, sizeof r + r.name, &reply), 0);
        assert_int_equal(reply.a.error, -EACCES);
        assert_int_equal(reply.a.handle, FILES_NONE);
    }
    gofer_end(&whole);
}

/* ---- modes, owners, attributes ---- */

static uint32_t made_with(uint32_t root, uint32_t mode)
{
    assert_int_equal(ask(.r = {.op = FILES_CREATE, .handle = root, .mode = mode, .uid = geteuid(), .gid = getegid()},
                         .name = "suid"),
                     0);
    uint32_t got = reply.a.attr.mode;
    close(reply.fd);
    clunk(reply.a.handle);
    assert_int_equal(ask_name(FILES_UNLINK, root, "suid"), 0);
    return got;
}

static void test_set_id_bits_where_they_may_be(void **state)
{
    uint32_t h = found(STRICT, "file"), dir = found(STRICT, "dir");
    struct stat st;
    (void)state;
    assert_int_equal(made_with(RW, 04755), S_IFREG | 04755);
    assert_int_equal(made_with(STRICT, 06755), S_IFREG | 0755);
    assert_int_equal(ask(.r = {.op = FILES_SETATTR, .handle = h, .what = FILES_MODE, .mode = 06711}), 0);
    assert_int_equal(reply.a.attr.mode, S_IFREG | 0711);
    assert_int_equal(fstatat(top, "strict/file", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0711);
    assert_int_equal(ask(.r = {.op = FILES_SETATTR, .handle = dir, .what = FILES_MODE, .mode = 02755}), 0);
    assert_int_equal(reply.a.attr.mode, S_IFDIR | 02755);
    clunk(h);
    clunk(dir);
}

static void test_attributes_are_users(void **state)
{
    static const char *const no[] = {"security.capability", "trusted.overlay.opaque", "user.overlay.opaque",
                                     "system.posix_acl_access", "user."};
    uint32_t h = found(RW, "file");
    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        assert_int_equal(ask_name(FILES_GETXATTR, h, no[i]), -EPROTO);
        assert_int_equal(ask_name(FILES_REMOVEXATTR, h, no[i]), -EPROTO);
        assert_int_equal(ask(.r = {.op = FILES_SETXATTR, .handle = h, .value = 1}, .name = no[i], .value = "x"),
                         -EPROTO);
    }
    int r = ask(.r = {.op = FILES_SETXATTR, .handle = h, .value = 5}, .name = "user.note", .value = "value");
    if (r != -EOPNOTSUPP) { /* a file system may have none */
        assert_int_equal(r, 0);
        assert_int_equal(ask_name(FILES_GETXATTR, h, "user.note"), 0);
        assert_int_equal(reply.a.bytes, 5);
        assert_memory_equal(reply.bytes, "value", 5);
        assert_int_equal(ask(.r = {.op = FILES_LISTXATTR, .handle = h}), 0);
        assert_memory_equal(reply.bytes, "user.note", reply.a.bytes);
    }
    clunk(h);
}

static void test_a_new_file_is_whole(void **state)
{
    struct stat st;
    uint32_t uid = geteuid() ? geteuid() : 1234, gid = getegid() ? getegid() : 2345;
    (void)state;
    assert_int_equal(ask(.r = {.op = FILES_CREATE, .handle = RW, .mode = 0640, .uid = uid, .gid = gid}, .name = "made"),
                     0);
    assert_int_equal(reply.a.has_fd, 1);
    assert_int_equal(write(reply.fd, "text", 4), 4);
    close(reply.fd);
    uint32_t h = reply.a.handle;
    assert_int_equal(fstatat(top, "rw/made", &st, 0), 0);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, gid);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(ask(.r = {.op = FILES_CREATE, .handle = RW, .mode = 0640, .uid = uid, .gid = gid}, .name = "made"),
                     -EEXIST);
    assert_int_equal(ask_name(FILES_UNLINK, RW, "made"), 0);
    assert_int_equal(ask(.r = {.op = FILES_GETATTR, .handle = h}), 0); /* the handle keeps it */
    assert_int_equal(reply.a.attr.nlink, 0);
    assert_int_equal(open_with(h, O_RDONLY), 0);
    clunk(h);
}

/* ---- set up ---- */

static int make_root(const char *name, uint32_t flags)
{
    char path[PATH_MAX];
    int dir = mkdirat(top, name, 0755) < 0 ? -1 : openat(top, name, O_RDONLY | O_DIRECTORY);
    int file = dir < 0 ? -1 : openat(dir, "file", O_RDWR | O_CREAT, 0644);
    if (file < 0 || write(file, "text", 4) != 4 || mkdirat(dir, "dir", 0755) < 0 ||
        close(openat(dir, "dir/deep", O_RDWR | O_CREAT, 0644)) < 0 || symlinkat("..", dir, "out") < 0 ||
        symlinkat("dir", dir, "inside") < 0 || mkfifoat(dir, "fifo", 0644) < 0)
        return -1;
    (void)!mknodat(dir, "null", S_IFCHR | 0666, makedev(1, 3));
    close(file);
    close(dir);
    snprintf(path, sizeof path, "%s/%s", place, name);
    return gofer_root(&g, open(path, O_PATH), flags);
}

static int set_up(void **state)
{
    (void)state;
    umask(0);
    if (!mkdtemp(place) || (top = open(place, O_RDONLY | O_DIRECTORY)) < 0 ||
        close(openat(top, "secret", O_RDWR | O_CREAT, 0600)) < 0)
        return -1;
    gofer_begin(&g, open("/proc/self/fd", O_RDONLY | O_DIRECTORY), 1000);
    if (make_root("rw", FILES_RW) || make_root("ro", 0) || make_root("strict", FILES_RW | FILES_NOSUID))
        return -1;
    return gofer_root(&g, openat(top, "rw/file", O_PATH), FILES_RW);
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    gofer_end(&g);
    snprintf(command, sizeof command, "rm -rf %s", place);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_are_no_names_end_the_service),
        cmocka_unit_test(test_paths_stay_below_their_root),
        cmocka_unit_test(test_records_that_do_not_add_up_end_the_service),
        cmocka_unit_test(test_handles_are_the_tables),
        cmocka_unit_test(test_the_table_is_bounded),
        cmocka_unit_test(test_a_root_that_is_read_only),
        cmocka_unit_test(test_roots_do_not_mix),
        cmocka_unit_test(test_what_is_no_file_is_not_opened),
        cmocka_unit_test(test_file_systems_of_the_kernel_are_no_roots),
        cmocka_unit_test(test_file_systems_of_the_kernel_are_not_entered),
        cmocka_unit_test(test_set_id_bits_where_they_may_be),
        cmocka_unit_test(test_attributes_are_users),
        cmocka_unit_test(test_a_new_file_is_whole),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
