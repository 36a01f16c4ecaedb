/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the lists of test_linux_files.c cannot compare with the host: mounts, memory files and their
 * seals, mappings of files, limits of a tmpfs, names of paths, and that nothing is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/core/heap.h"
#include "linux/core/modes.h"
#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include <string.h>

#define U(text) user_string(text)

enum { MNT_DETACH = 2 };

/* ---- helpers of guests ---- */

static int64_t file_with(const char *path, const char *text)
{
    int64_t fd = sys(__NR_open, U(path), O_CREAT | O_RDWR | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_write, fd, U(text), strlen(text)), strlen(text));
    return fd;
}

static void expect_contents(const char *path, const char *text)
{
    char buf[64] = {0};
    int64_t fd = sys(__NR_open, U(path), O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_read, fd, buf, sizeof(buf) - 1), strlen(text));
    assert_string_equal(buf, text);
    assert_int_equal(sys(__NR_close, fd), 0);
}

static int64_t exists(const char *path)
{
    struct stat st;
    return sys(__NR_stat, U(path), &st);
}

static void expect_cwd(const char *name)
{
    char buf[128];
    assert_int_equal(sys(__NR_getcwd, buf, sizeof(buf)), strlen(name) + 1);
    assert_string_equal(buf, name);
}

static int64_t mount(const char *source, const char *at, const char *type, uint64_t flags, const char *options)
{
    return sys(__NR_mount, source ? U(source) : NULL, U(at), type ? U(type) : NULL, flags, options ? U(options) : NULL);
}

/* ---- mounts ---- */

static void guest_mounts(void)
{
    assert_int_equal(sys(__NR_mkdir, U("/m"), 0755), 0);
    (void)file_with("/m/below", "x");
    assert_int_equal(mount("none", "/m", "nothing", 0, NULL), -ENODEV);
    assert_int_equal(mount("none", "/missing", "tmpfs", 0, NULL), -ENOENT);
    assert_int_equal(mount("none", "/m/below", "tmpfs", 0, NULL), -ENOTDIR);
    assert_int_equal(mount("none", "/m", "tmpfs", 0, "nothing=1"), -EINVAL);
    assert_int_equal(mount("none", "/m", "tmpfs", 0, "mode=700,size=64k"), 0);
    assert_int_equal(exists("/m/below"), -ENOENT);
    (void)file_with("/m/above", "y");
    assert_int_equal(sys(__NR_chdir, U("/m")), 0);
    expect_cwd("/m");
    assert_int_equal(exists("../m/above"), 0);
    assert_int_equal(sys(__NR_link, U("/m/above"), U("/above")), -EXDEV);
    assert_int_equal(sys(__NR_rename, U("/m/above"), U("/above")), -EXDEV);
    assert_int_equal(sys(__NR_rename, U("/m"), U("/n")), -EBUSY);
    assert_int_equal(sys(__NR_rmdir, U("/m")), -EBUSY);
    assert_int_equal(sys(__NR_umount2, U("/m"), 0), -EBUSY); /* the cwd */
    assert_int_equal(sys(__NR_chdir, U("/")), 0);
    assert_int_equal(sys(__NR_umount2, U("/m"), 0), -EBUSY); /* an open file */
    assert_int_equal(sys(__NR_umount2, U("/m/above"), 0), -EINVAL);
    assert_int_equal(sys(__NR_umount2, U("/m"), 64), -EINVAL);
    assert_int_equal(sys(__NR_umount2, U("/m"), MNT_DETACH), 0);
    assert_int_equal(exists("/m/below"), 0);
    assert_int_equal(exists("/m/above"), -ENOENT);
    assert_int_equal(sys(__NR_umount2, U("/m"), 0), -EINVAL);
    assert_int_equal(sys(__NR_umount2, U("/"), 0), -EINVAL);
}

static void test_mounts_cover_and_uncover(void **state)
{
    assert_int_equal(harness_run(NULL, guest_mounts), 0);
}

static void guest_binds(void)
{
    assert_int_equal(sys(__NR_mkdir, U("/a"), 0755), 0);
    assert_int_equal(sys(__NR_mkdir, U("/a/sub"), 0755), 0);
    assert_int_equal(sys(__NR_mkdir, U("/b"), 0755), 0);
    assert_int_equal(sys(__NR_close, file_with("/a/sub/f", "one")), 0);
    assert_int_equal(sys(__NR_close, file_with("/target", "t")), 0);
    assert_int_equal(mount("/a/sub", "/b", NULL, MS_BIND, NULL), 0);
    expect_contents("/b/f", "one");
    assert_int_equal(sys(__NR_chdir, U("/b")), 0);
    expect_cwd("/b");
    assert_int_equal(exists("../a"), 0);
    assert_int_equal(mount("/a", "/target", NULL, MS_BIND, NULL), -ENOTDIR);
    assert_int_equal(mount("/a/sub/f", "/target", NULL, MS_BIND, NULL), 0);
    expect_contents("/target", "one");
    assert_int_equal(mount(NULL, "/b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    assert_int_equal(sys(__NR_open, U("/b/f"), O_WRONLY, 0), -EROFS);
    assert_int_equal(sys(__NR_mkdir, U("/b/d"), 0755), -EROFS);
    assert_int_equal(sys(__NR_unlink, U("/b/f")), -EROFS);
    assert_int_equal(sys(__NR_close, file_with("/a/sub/f", "two")), 0); /* the other way it may be written */
    expect_contents("/b/f", "two");
    assert_int_equal(mount(NULL, "/b", NULL, MS_PRIVATE, NULL), 0);
    assert_int_equal(mount(NULL, "/a/sub", NULL, MS_PRIVATE, NULL), -EINVAL);
    assert_int_equal(sys(__NR_mkdir, U("/c"), 0755), 0);
    assert_int_equal(mount("/b", "/c", NULL, MS_MOVE, NULL), 0);
    expect_contents("/c/f", "two");
    assert_int_equal(exists("/b/f"), -ENOENT);
    expect_cwd("/c");
    assert_int_equal(mount("/c", "/c", NULL, MS_MOVE, NULL), -ELOOP);
    assert_int_equal(sys(__NR_chdir, U("/")), 0);
    assert_int_equal(sys(__NR_umount2, U("/c"), 0), 0);
    assert_int_equal(sys(__NR_umount2, U("/target"), 0), 0);
}

static void test_binds_show_a_tree_at_two_places(void **state)
{
    assert_int_equal(harness_run(NULL, guest_binds), 0);
}

static void guest_mount_flags(void)
{
    assert_int_equal(sys(__NR_mkdir, U("/m"), 0755), 0);
    assert_int_equal(mount("none", "/m", "tmpfs", MS_NODEV | MS_NOEXEC | MS_NOATIME, "nr_inodes=3"), 0);
    assert_int_equal(sys(__NR_mknod, U("/m/null"), S_IFCHR | 0666, 0x103), 0);
    assert_int_equal(sys(__NR_open, U("/m/null"), O_RDONLY, 0), -EACCES);
    assert_int_equal(sys(__NR_close, file_with("/m/f", "x")), 0);
    assert_int_equal(sys(__NR_chmod, U("/m/f"), 0755), 0);
    assert_int_equal(sys(__NR_access, U("/m/f"), 1), -EACCES);
    assert_int_equal(sys(__NR_open, U("/m/g"), O_CREAT, 0644), -ENOSPC); /* inodes */
    struct statfs s;
    assert_int_equal(sys(__NR_statfs, U("/m/f"), &s), 0);
    assert_int_equal(s.f_type, 0x01021994);
    assert_int_equal(s.f_files, 3);
    assert_int_equal(s.f_ffree, 0);
    assert_int_equal(s.f_namelen, 255);
    assert_int_equal(s.f_flags & (4 | 8 | 1024), 4 | 8 | 1024);
}

static void test_mount_flags_hold(void **state)
{
    assert_int_equal(harness_run(NULL, guest_mount_flags), 0);
}

static void guest_no_mounts(void)
{
    assert_int_equal(mount("none", "/tmp", "tmpfs", 0, NULL), -EPERM);
    assert_int_equal(sys(__NR_umount2, U("/tmp"), 0), -EPERM);
    assert_int_equal(sys(__NR_chroot, U("/tmp")), -EPERM);
}

static void test_mounts_need_the_capability(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.uid = 1000, .gid = 1000}, guest_no_mounts), 0);
}

static void guest_open_without_descriptors(void)
{
    uint64_t few[2] = {3, 3};
    int64_t fd = sys(__NR_open, user_string("/kept"), O_CREAT | O_WRONLY, 0600);
    assert_int_equal(sys(__NR_write, fd, user_string("abc"), 3), 3);
    assert_int_equal(sys(__NR_close, fd), 0);
    assert_int_equal(sys(__NR_prlimit64, 0, RLIMIT_NOFILE, few, NULL), 0);
    assert_int_equal(sys(__NR_open, user_string("/made"), O_CREAT | O_WRONLY, 0600), -EMFILE);
    assert_int_equal(sys(__NR_access, user_string("/made"), 0), -ENOENT);
    assert_int_equal(sys(__NR_open, user_string("/kept"), O_TRUNC | O_WRONLY, 0), -EMFILE);
    struct stat st;
    assert_int_equal(sys(__NR_stat, user_string("/kept"), &st), 0);
    assert_int_equal(st.st_size, 3);
}

static void test_open_without_a_free_descriptor_changes_nothing(void **state)
{
    assert_int_equal(harness_run(NULL, guest_open_without_descriptors), 0);
}

static void guest_chroot(void)
{
    char buf[64];
    assert_int_equal(sys(__NR_mkdir, U("/jail"), 0755), 0);
    assert_int_equal(sys(__NR_mkdir, U("/jail/d"), 0755), 0);
    assert_int_equal(sys(__NR_close, file_with("/jail/f", "in")), 0);
    assert_int_equal(sys(__NR_close, file_with("/f", "out")), 0);
    assert_int_equal(sys(__NR_symlink, U("/f"), U("/jail/link")), 0);
    int64_t outside = sys(__NR_open, U("/"), O_RDONLY, 0);
    assert_int_equal(sys(__NR_chroot, U("/jail")), 0);
    assert_int_equal(sys(__NR_getcwd, buf, sizeof(buf)), 15); /* it stands outside */
    assert_string_equal(buf, "(unreachable)/");
    assert_int_equal(sys(__NR_chdir, U("/d")), 0);
    expect_cwd("/d");
    expect_contents("/f", "in");
    expect_contents("/link", "in");
    expect_contents("../../../f", "in");
    assert_int_equal(sys(__NR_fchdir, outside), 0);
    expect_contents("f", "out");
    assert_int_equal(sys(__NR_getcwd, buf, 3), -ERANGE);
    assert_int_equal(sys(__NR_getcwd, (char *)user_guarded(4), sizeof(buf)), -EFAULT);
}

static void test_chroot_is_where_names_begin_and_dot_dot_ends(void **state)
{
    assert_int_equal(harness_run(NULL, guest_chroot), 0);
}

/* ---- limits ---- */

static void guest_full(void)
{
    assert_int_equal(sys(__NR_mkdir, U("/m"), 0755), 0);
    assert_int_equal(mount("none", "/m", "tmpfs", 0, "size=16k"), 0);
    char *bytes = user_alloc(32768);
    int64_t fd = sys(__NR_open, U("/m/f"), O_CREAT | O_RDWR, 0644);
    memset(bytes, 'x', 32768);
    assert_int_equal(sys(__NR_write, fd, bytes, 32768), 16384);
    assert_int_equal(sys(__NR_write, fd, bytes, 1), -ENOSPC);
    assert_int_equal(sys(__NR_pwrite64, fd, bytes, 100, 50), 100);
    assert_int_equal(sys(__NR_ftruncate, fd, 4097), 0);
    assert_int_equal(sys(__NR_pwrite64, fd, bytes, 8192, 8192), 8192);
    assert_int_equal(sys(__NR_pwrite64, fd, bytes, 1, 16384), -ENOSPC);
    assert_int_equal(sys(__NR_fallocate, fd, 0, 0, 20480), -ENOSPC);
    assert_int_equal(sys(__NR_ftruncate, fd, 1l << 40), 0); /* a hole costs nothing */
    int64_t other = sys(__NR_open, U("/m/g"), O_CREAT | O_RDWR, 0644);
    assert_int_equal(sys(__NR_write, other, bytes, 1), -ENOSPC);
    assert_int_equal(sys(__NR_unlink, U("/m/f")), 0);
    assert_int_equal(sys(__NR_write, other, bytes, 1), -ENOSPC); /* it is still open */
    assert_int_equal(sys(__NR_close, fd), 0);
    assert_int_equal(sys(__NR_write, other, bytes, 16384), 16384);
}

static void test_full_tmpfs_gives_enospc_until_something_goes(void **state)
{
    assert_int_equal(harness_run(NULL, guest_full), 0);
}

static void guest_half_the_memory(void)
{
    struct statfs s;
    const char *const places[] = {"/", "/tmp", "/dev/shm"};
    for (volatile size_t i = 0; i < 3; i++) {
        assert_int_equal(sys(__NR_statfs, U(places[i]), &s), 0);
        assert_int_equal(s.f_blocks * s.f_bsize, 8u << 20);
    }
    assert_int_equal(mount("none", "/tmp", "tmpfs", 0, "size=25%"), 0);
    assert_int_equal(sys(__NR_statfs, U("/tmp"), &s), 0);
    assert_int_equal(s.f_blocks, (16u << 20) / 100 * 25 / 4096);
}

static void test_file_systems_in_memory_hold_half_of_it(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.memory_limit = 16u << 20}, guest_half_the_memory), 0);
}

static int64_t make_and_remove(int i)
{
    char name[] = "/tmp/dir/0000", other[] = "/tmp/other", link[] = "/tmp/dir/link", dir[] = "/tmp/dir/d";
    char attribute[] = "user.x";
    struct stat st;
    for (int k = 0; k < 4; k++)
        name[9 + k] = (char)('0' + (i >> (3 * (3 - k)) & 7));
    volatile int64_t fd = sys(__NR_open, name, O_CREAT | O_RDWR, 0644), r = 0;
    r = r || (fd < 0);
    r = r || (sys(__NR_write, fd, name, sizeof(name)) != sizeof(name));
    r = r || (sys(__NR_link, name, other));
    r = r || (sys(__NR_rename, name, other) || sys(__NR_unlink, name));
    r = r || (sys(__NR_setxattr, other, attribute, name, 4, 0));
    r = r || (sys(__NR_close, fd));
    r = r || (sys(__NR_stat, name, &st) != -ENOENT);
    r = r || (sys(__NR_symlink, name, link) || sys(__NR_unlink, link));
    r = r || (sys(__NR_mkdir, dir, 0755) || sys(__NR_rmdir, dir));
    return r || sys(__NR_unlink, other);
}

static uint64_t used_before, used_after;

static void guest_leaves_nothing(void)
{
    assert_int_equal(sys(__NR_mkdir, U("/tmp/dir"), 0755), 0);
    for (int i = 0; i < 4096; i++) { /* the cache of names is full after that */
        if (i == 3000)
            used_before = heap_used();
        assert_int_equal(make_and_remove(i), 0);
    }
    used_after = heap_used();
}

static void test_names_that_came_and_went_leave_no_memory(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.memory = 256u << 20}, guest_leaves_nothing), 0);
    assert_true(used_after <= used_before + 4096);
}

/* 256 names of 256 bytes are what listxattr(2) can tell. */
static void guest_attributes_end(void)
{
    enum { NAMES = 65536 / 256 };
    char path[] = "/tmp/file", name[256];
    memset(name, 'a', sizeof(name) - 1), name[255] = 0;
    memcpy(name, "user.", 5);
    assert_int_equal(sys(__NR_close, file_with(path, "x")), 0);
    for (volatile int i = 0; i <= NAMES; i++) {
        name[10] = (char)('a' + i / 16 % 16), name[11] = (char)('a' + i % 16), name[12] = (char)('a' + i / 256);
        assert_int_equal(sys(__NR_setxattr, path, name, name, 4, 0), i < NAMES ? 0 : -ENOSPC);
    }
    assert_int_equal(sys(__NR_listxattr, path, NULL, 0), 65536);
    name[10] = name[11] = name[12] = 'a';
    assert_int_equal(sys(__NR_setxattr, path, name, name, 8, 0), 0); /* in the place of the old one */
    assert_int_equal(sys(__NR_removexattr, path, name), 0);
    assert_int_equal(sys(__NR_setxattr, path, name, name, 4, 0), 0);
}

static void test_names_of_attributes_have_an_end(void **state)
{
    assert_int_equal(harness_run(NULL, guest_attributes_end), 0);
}

static void guest_many_names(void)
{
    struct stat st;
    char name[] = "/tmp/missing-00000000";
    volatile uint64_t before = 0;
    for (volatile uint32_t i = 0; i < 20000; i++) {
        for (int k = 0; k < 8; k++)
            name[13 + k] = (char)('a' + (i >> (2 * k) & 3));
        assert_int_equal(sys(__NR_stat, name, &st), -ENOENT);
        if (i == 5000)
            before = heap_used();
    }
    assert_true(heap_used() <= before + 4096);
}

static void test_names_that_are_not_there_do_not_fill_the_heap(void **state)
{
    assert_int_equal(harness_run(NULL, guest_many_names), 0);
}

/* ---- memory files, mappings ---- */

static void guest_memfd(void)
{
    char name[64], *bytes = user_alloc(4096);
    int64_t plain = sys(__NR_memfd_create, U("plain"), 0), fd = sys(__NR_memfd_create, U("it"), MFD_ALLOW_SEALING);
    assert_true(plain >= 0 && fd >= 0);
    assert_int_equal(sys(__NR_memfd_create, U("x"), 0x8000), -EINVAL);
    assert_int_equal(sys(__NR_memfd_create, NULL, 0), -EFAULT);
    assert_int_equal(sys(__NR_fcntl, plain, F_GET_SEALS), F_SEAL_SEAL);
    assert_int_equal(sys(__NR_fcntl, plain, F_ADD_SEALS, F_SEAL_WRITE), -EPERM);
    assert_int_equal(sys(__NR_fcntl, fd, F_GET_SEALS), 0);
    assert_int_equal(sys(__NR_write, fd, bytes, 4096), 4096);
    assert_int_equal(sys(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    assert_int_equal(sys(__NR_ftruncate, fd, 8192), -EPERM);
    assert_int_equal(sys(__NR_pwrite64, fd, bytes, 10, 4090), -EPERM);
    assert_int_equal(sys(__NR_pwrite64, fd, bytes, 10, 4086), 10);
    assert_int_equal(sys(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    assert_int_equal(sys(__NR_ftruncate, fd, 1), -EPERM);
    assert_int_equal(sys(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    assert_int_equal(sys(__NR_pwrite64, fd, bytes, 1, 0), -EPERM);
    assert_int_equal(sys(__NR_fallocate, fd, 3, 0, 4096), -EPERM);
    assert_int_equal(sys(__NR_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), -EPERM);
    assert_true(sys(__NR_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) > 0);
    assert_int_equal(sys(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
    assert_int_equal(sys(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -EPERM);
    char link[] = "/proc/self/fd/0";
    link[14] = (char)('0' + fd);
    int64_t n = sys(__NR_readlink, link, name, sizeof(name));
    assert_int_equal(n, 19);
    assert_memory_equal(name, "/memfd:it (deleted)", 19);
}

static void test_memory_files_keep_their_seals(void **state)
{
    assert_int_equal(harness_run(NULL, guest_memfd), 0);
}

static void guest_sealed_while_mapped(void)
{
    int64_t fd = sys(__NR_memfd_create, U("it"), MFD_ALLOW_SEALING);
    assert_int_equal(sys(__NR_ftruncate, fd, 4096), 0);
    int64_t at = sys(__NR_mmap, NULL, 4096, PROT_READ, MAP_SHARED, fd, 0); /* mprotect could make it writable */
    assert_true(at > 0);
    assert_int_equal(sys(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE), -EBUSY);
    assert_int_equal(sys(__NR_fcntl, fd, F_GET_SEALS), 0);
    assert_int_equal(sys(__NR_munmap, at, 4096), 0);
    assert_int_equal(sys(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    assert_int_equal(sys(__NR_memfd_create, U("x"), MFD_HUGETLB), -ENOENT);
    assert_int_equal(sys(__NR_memfd_create, U("x"), MFD_HUGETLB | 0x100), -EINVAL);
}

static void test_file_that_is_mapped_for_writing_is_not_sealed_against_it(void **state)
{
    assert_int_equal(harness_run(NULL, guest_sealed_while_mapped), 0);
}

static void guest_validates(void)
{
    int64_t fd = file_with("/tmp/f", "0123456789");
    const int shared = MAP_SHARED_VALIDATE;
    assert_int_equal(sys(__NR_mmap, NULL, 4096, PROT_READ, shared | 0x80000 /* MAP_SYNC */, fd, 0), -EOPNOTSUPP);
    assert_int_equal(sys(__NR_mmap, NULL, 4096, PROT_READ, shared | 0x40000000, fd, 0), -EOPNOTSUPP);
    assert_true(sys(__NR_mmap, NULL, 4096, PROT_READ, MAP_SHARED | 0x40000000, fd, 0) > 0);
    int64_t at = sys(__NR_mmap, NULL, 4096, PROT_READ, shared, fd, 0);
    assert_true(at > 0);
    assert_int_equal(sys(__NR_madvise, at, 4096, MADV_MERGEABLE), -EINVAL);
    assert_int_equal(sys(__NR_madvise, at, 4096, MADV_WILLNEED), 0);
}

static void test_mapping_that_asks_for_checks_gets_them(void **state)
{
    assert_int_equal(harness_run(NULL, guest_validates), 0);
}

static void guest_cache(void)
{
    struct {
        uint64_t from, n;
    } range = {0, 0};
    struct {
        uint64_t cached, dirty, writeback, evicted, recently;
    } c;
    int64_t fd = sys(__NR_open, U("/tmp/f"), O_CREAT | O_RDWR, 0600);
    assert_int_equal(sys(__NR_ftruncate, fd, 5 * 4096), 0);
    assert_int_equal(sys(451 /* cachestat */, fd, &range, &c, 0), 0);
    assert_int_equal(c.cached, 0); /* holes */
    assert_int_equal(sys(__NR_pwrite64, fd, U("x"), 1, 4096), 1);
    assert_int_equal(sys(__NR_pwrite64, fd, U("x"), 1, 3 * 4096), 1);
    assert_int_equal(sys(451, fd, &range, &c, 0), 0);
    assert_int_equal(c.cached, 2);
    range.from = 2 * 4096, range.n = 4096;
    assert_int_equal(sys(451, fd, &range, &c, 0), 0);
    assert_int_equal(c.cached, 0);
    range.n = UINT64_MAX;
    assert_int_equal(sys(451, fd, &range, &c, 0), 0);
    assert_int_equal(c.cached, 1);
    assert_int_equal(sys(451, fd, &range, &c, 1), -EINVAL);
    assert_int_equal(sys(451, 99, &range, &c, 0), -EBADF);
    assert_int_equal(sys(451, fd, NULL, &c, 0), -EFAULT);
}

static void test_pages_that_are_there_are_counted(void **state)
{
    assert_int_equal(harness_run(NULL, guest_cache), 0);
}

/* ---- what /proc says of a descriptor ---- */

static bool info_has(int64_t fd, const char *line)
{
    char path[] = "/proc/self/fdinfo/0", *text = user_alloc(1024);
    path[sizeof(path) - 2] = (char)('0' + fd);
    int64_t info = sys(__NR_open, path, O_RDONLY, 0);
    assert_true(fd < 10 && info >= 0);
    assert_true(sys(__NR_read, info, text, 1023) > 0);
    sys(__NR_close, info);
    return strstr(text, line);
}

static void guest_fdinfo(void)
{
    int64_t i = sys(__NR_inotify_init1, 0), e = sys(__NR_eventfd2, 10, 0), p = sys(__NR_epoll_create1, 0);
    struct {
        uint32_t events;
        uint64_t data;
    } __attribute__((packed)) event = {1, 0xabc};
    assert_int_equal(sys(__NR_inotify_add_watch, i, U("/tmp"), 0x82), 1);
    assert_int_equal(sys(__NR_epoll_ctl, p, 1, e, &event), 0);
    assert_true(info_has(i, "inotify wd:1 ino:"));
    assert_true(info_has(i, " mask:82 "));
    assert_true(info_has(e, "eventfd-count:                a\n"));
    assert_true(info_has(p, " data:              abc "));
}

static void test_descriptors_say_what_is_their_own(void **state)
{
    assert_int_equal(harness_run(NULL, guest_fdinfo), 0);
}

static void guest_mounts_on_links(void)
{
    int64_t file = sys(__NR_open, U("/tmp/f"), O_CREAT | O_RDWR, 0600);
    char path[] = "/proc/self/fd/0";
    path[sizeof(path) - 2] = (char)('0' + file);
    int64_t link = sys(__NR_open, path, O_PATH | O_NOFOLLOW, 0);
    assert_true(link >= 0);
    path[sizeof(path) - 2] = (char)('0' + link);
    assert_int_equal(sys(__NR_mount, U("/tmp/f"), path, NULL, MS_BIND, NULL), -ENOENT);
}

static void test_nothing_is_mounted_on_a_link_of_a_descriptor(void **state)
{
    assert_int_equal(harness_run(NULL, guest_mounts_on_links), 0);
}

static void guest_shared_mapping(void)
{
    char buf[8] = {0};
    int64_t fd = file_with("/tmp/f", "file text");
    volatile char *p = (volatile char *)sys(__NR_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true((int64_t)(uintptr_t)p > 0);
    assert_int_equal(p[0], 'f');
    p[0] = 'F';
    assert_int_equal(sys(__NR_pread64, fd, buf, 4, 0), 4);
    assert_string_equal(buf, "File");
    assert_int_equal(sys(__NR_pwrite64, fd, U("TEXT"), 4, 5), 4);
    assert_int_equal(p[5], 'T');
    int64_t ro = sys(__NR_open, U("/tmp/f"), O_RDONLY, 0);
    assert_int_equal(sys(__NR_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), -EACCES);
    assert_int_equal(sys(__NR_unlink, U("/tmp/f")), 0);
    assert_int_equal(sys(__NR_close, fd), 0);
    assert_int_equal(sys(__NR_close, ro), 0);
    assert_int_equal(p[5], 'T'); /* the mapping holds the file */
}

static void test_shared_mapping_and_calls_see_the_same_bytes(void **state)
{
    assert_int_equal(harness_run(NULL, guest_shared_mapping), 0);
}

/* ---- buffers that fault ---- */

static void guest_faults(void)
{
    char buf[16] = {0}, *edge = (char *)user_guarded(8), *none = (char *)0x10;
    int64_t fd = file_with("/tmp/f", "0123456789abcdef");
    assert_int_equal(sys(__NR_pread64, fd, none, 8, 0), -EFAULT);
    assert_int_equal(sys(__NR_pread64, fd, edge, 16, 0), 8);
    assert_memory_equal(edge, "01234567", 8);
    assert_int_equal(sys(__NR_pwrite64, fd, edge, 16, 4), 8);
    assert_int_equal(sys(__NR_pwrite64, fd, none, 16, 4), -EFAULT);
    assert_int_equal(sys(__NR_pread64, fd, buf, 16, 0), 16);
    assert_memory_equal(buf, "012301234567cdef", 16);
    assert_int_equal(sys(__NR_stat, U("/tmp/f"), none), -EFAULT);
    assert_int_equal(sys(__NR_stat, none, buf), -EFAULT);
    memset(edge, 'x', 8); /* a path without its NUL */
    assert_int_equal(sys(__NR_open, edge, O_CREAT, 0644), -EFAULT);
    assert_int_equal(sys(__NR_readlink, U("/proc/self/exe"), none, 10) < 0, 1);
    int64_t dir = sys(__NR_open, U("/tmp"), O_RDONLY, 0);
    assert_int_equal(sys(__NR_getdents64, dir, none, 100), -EFAULT);
    assert_int_equal(sys(__NR_statfs, U("/tmp"), none), -EFAULT);
    assert_int_equal(sys(__NR_fcntl, fd, F_SETLK, none), -EFAULT);
    struct {
        const void *at;
        uint64_t n;
    } v[3] = {{buf, 4}, {none, 4}, {buf + 4, 4}};
    assert_int_equal(sys(__NR_preadv, fd, v, 3, 0, 0), 4);
    assert_int_equal(sys(__NR_preadv, fd, none, 3, 0, 0), -EFAULT);
    assert_int_equal(sys(__NR_preadv, fd, v, -1, 0, 0), -EINVAL);
    v[1].n = 1ull << 63;
    assert_int_equal(sys(__NR_preadv, fd, v, 3, 0, 0), -EINVAL);
}

static void test_faults_end_a_call_at_the_byte(void **state)
{
    assert_int_equal(harness_run(NULL, guest_faults), 0);
}

static void guest_vectors(void)
{
    char a[4] = {0}, b[4] = {0};
    struct {
        void *at;
        uint64_t n;
    } v[2] = {{a, 3}, {b, 3}};
    int64_t fd = file_with("/tmp/f", "012345678");
    assert_int_equal(sys(__NR_preadv2, fd, v, 2, 1, 0, 0), 6);
    assert_string_equal(a, "123");
    assert_string_equal(b, "456");
    assert_int_equal(sys(__NR_preadv2, fd, v, 2, -1, 0, 0), 0); /* at the file's own position */
    assert_int_equal(sys(__NR_pwritev2, fd, v, 2, 0, 0, RWF_APPEND), 6);
    assert_int_equal(sys(__NR_pwritev2, fd, v, 2, 0, 0, 0x40000000), -EOPNOTSUPP);
    assert_int_equal(sys(__NR_preadv2, fd, v, 2, -2, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_close, fd), 0);
    expect_contents("/tmp/f", "012345678123456");
}

static void test_vectors_fill_one_after_the_other(void **state)
{
    assert_int_equal(harness_run(NULL, guest_vectors), 0);
}

static void guest_statx(void)
{
    struct statx x;
    struct stat st;
    int64_t fd = file_with("/tmp/f", "12345");
    assert_int_equal(sys(__NR_statx, fd, U(""), AT_EMPTY_PATH, STATX_BASIC_STATS, &x), 0);
    assert_int_equal(sys(__NR_fstat, fd, &st), 0);
    assert_int_equal(x.stx_size, 5);
    assert_int_equal(x.stx_mode, S_IFREG | 0644);
    assert_int_equal(x.stx_ino, st.st_ino);
    assert_int_equal(x.stx_mtime.tv_sec, st.st_mtime);
    assert_true((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    assert_int_equal(sys(__NR_statx, AT_FDCWD, U("/tmp"), 0, 0, &x), 0);
    assert_true(x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
    assert_int_equal(sys(__NR_statx, AT_FDCWD, U("/tmp"), 0x6000, 0, &x), -EINVAL);
    assert_int_equal(sys(__NR_statx, AT_FDCWD, U("/tmp"), 0, STATX__RESERVED, &x), -EINVAL);
    assert_int_equal(sys(__NR_statx, 99, NULL, AT_EMPTY_PATH, 0, &x), -EBADF);
}

static void test_statx_says_what_stat_says(void **state)
{
    assert_int_equal(harness_run(NULL, guest_statx), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mounts_cover_and_uncover),
        cmocka_unit_test(test_binds_show_a_tree_at_two_places),
        cmocka_unit_test(test_mount_flags_hold),
        cmocka_unit_test(test_mounts_need_the_capability),
        cmocka_unit_test(test_chroot_is_where_names_begin_and_dot_dot_ends),
        cmocka_unit_test(test_open_without_a_free_descriptor_changes_nothing),
        cmocka_unit_test(test_full_tmpfs_gives_enospc_until_something_goes),
        cmocka_unit_test(test_file_systems_in_memory_hold_half_of_it),
        cmocka_unit_test(test_names_that_came_and_went_leave_no_memory),
        cmocka_unit_test(test_names_that_are_not_there_do_not_fill_the_heap),
        cmocka_unit_test(test_memory_files_keep_their_seals),
        cmocka_unit_test(test_file_that_is_mapped_for_writing_is_not_sealed_against_it),
        cmocka_unit_test(test_mapping_that_asks_for_checks_gets_them),
        cmocka_unit_test(test_pages_that_are_there_are_counted),
        cmocka_unit_test(test_descriptors_say_what_is_their_own),
        cmocka_unit_test(test_nothing_is_mounted_on_a_link_of_a_descriptor),
        cmocka_unit_test(test_shared_mapping_and_calls_see_the_same_bytes),
        cmocka_unit_test(test_faults_end_a_call_at_the_byte),
        cmocka_unit_test(test_vectors_fill_one_after_the_other),
        cmocka_unit_test(test_statx_says_what_stat_says),
        cmocka_unit_test(test_names_of_attributes_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
