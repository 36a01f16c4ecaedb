/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the host where src/linux is not alone with them: what another process changes meanwhile, roots that may not
 * be written to, mappings, a directory of the host below the overlay. That calls answer as Linux does is the business
 * of test_linux_hostfs.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/linux.h"
#include "linux_files_host.h"
#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <string.h>

#define MODE(s)   ((s).st_mode & 0170000u)
#define IS_FILE   0100000u
#define IS_LINK   0120000u
#define IS_FIFO   0010000u
#define VOLUME(f) static const struct linux_mount mounts[] = {{.place = "/v", .kind = LINUX_MOUNT_HOST, .flags = (f)}}

/* ---- guests' calls ---- */

static const char *path(const char *s)
{
    return user_string(s);
}

static int64_t open_at(const char *name, int flags)
{
    return sys(__NR_open, path(name), flags, 0644);
}

static int64_t stat_of(const char *name, struct stat *st)
{
    struct stat *to = user_alloc(sizeof(*to));
    int64_t r = sys(__NR_lstat, path(name), to);
    *st = *to;
    return r;
}

/* What a file has: compared whole. */
static void assert_text(const char *name, const char *text)
{
    char *buffer = user_alloc(8192);
    int64_t fd = open_at(name, O_RDONLY), n = fd < 0 ? fd : sys(__NR_read, fd, buffer, 8191);
    if (n < 0)
        fail_msg("%s: %d", name, (int)n);
    buffer[n] = 0;
    assert_string_equal(buffer, text);
    sys(__NR_close, fd);
}

static void write_text(const char *name, int flags, const char *text)
{
    int64_t fd = open_at(name, O_WRONLY | O_CREAT | flags);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_write, fd, path(text), strlen(text)), (int64_t)strlen(text));
    sys(__NR_close, fd);
}

static __attribute__((noinline)) int64_t list_piece(int64_t fd, char *buffer)
{
    return sys(__NR_getdents64, fd, buffer, 512);
}

static uint32_t count_names(const char *dir)
{
    int64_t fd = open_at(dir, O_RDONLY);
    char *buffer = user_alloc(512);
    uint32_t seen = 0;
    for (int64_t n; (n = list_piece(fd, buffer)) > 0;)
        for (int64_t at = 0; at < n; at += *(uint16_t *)(void *)(buffer + at + 16))
            seen++;
    return seen;
}

/* ---- one run ---- */

static void run_on(const struct files_ops *files, const struct linux_mount *mounts, uint32_t n, void (*guest)(void))
{
    const struct harness h = {.files = files, .mounts = mounts, .n_mounts = n};
    int r = harness_run(&h, guest);
    if (r == HARNESS_NO_BOOT)
        fail_msg("%s", harness_why());
    assert_int_equal(r, 0);
}

static const char *new_place(void)
{
    const char *dir = host_place();
    if (!dir)
        skip();
    return dir;
}

static void run(uint32_t flags, uint32_t mount_flags, void (*prepare)(void), void (*guest)(void))
{
    const struct linux_mount mount = {.place = "/v", .kind = LINUX_MOUNT_HOST, .flags = mount_flags};
    const char *dir = new_place();
    if (prepare)
        prepare();
    run_on(host_files(dir, flags), &mount, 1, guest);
    host_place_end();
}

/* ---- what others change ---- */

static void names_guest(void)
{
    struct stat st, first;
    assert_int_equal(stat_of("/v/a", &st), -ENOENT);
    host_put("a", "one"); /* a name that was known not to be there */
    assert_text("/v/a", "one");
    assert_int_equal(stat_of("/v/a", &first), 0);
    host_put("b", "two");
    host_rename("b", "a"); /* another file under the name */
    assert_text("/v/a", "two");
    assert_int_equal(stat_of("/v/a", &st), 0);
    assert_true(st.st_ino != first.st_ino);
    host_remove("a");
    assert_int_equal(open_at("/v/a", O_RDONLY), -ENOENT);
    host_directory("a"); /* a directory */
    host_put("a/x", "three");
    assert_text("/v/a/x", "three");
    host_rename("a", "c");
    assert_int_equal(stat_of("/v/a/x", &st), -ENOENT);
    assert_text("/v/c/x", "three");
    host_symlink("c", "a"); /* a link */
    assert_text("/v/a/x", "three");
    assert_int_equal(stat_of("/v/a", &st), 0);
    assert_int_equal(MODE(st), IS_LINK);
}

static void test_names_that_others_change_are_seen_at_once(void **state)
{
    run(FILES_RW, 0, NULL, names_guest);
}

static void contents_guest(void)
{
    struct stat st;
    int64_t fd = open_at("/v/a", O_RDWR);
    char *buffer = user_alloc(64);
    assert_true(fd >= 0);
    host_append("a", "more");
    assert_int_equal(sys(__NR_read, fd, buffer, 64), 7);
    assert_memory_equal(buffer, "onemore", 7);
    assert_int_equal(stat_of("/v/a", &st), 0);
    assert_int_equal(st.st_size, 7);
    host_append("a", "!");
    assert_int_equal(sys(__NR_lseek, fd, 0, 2 /* SEEK_END */), 8);
    assert_int_equal(sys(__NR_pwrite64, fd, path("ONE"), 3, 0), 3);
    assert_string_equal(host_text("a"), "ONEmore!"); /* written through */
    assert_int_equal(sys(__NR_ftruncate, fd, 3), 0);
    assert_string_equal(host_text("a"), "ONE");
    host_remove("a"); /* what is open stays */
    assert_int_equal(sys(__NR_pread64, fd, buffer, 64, 0), 3);
    assert_int_equal(sys(__NR_fstat, fd, buffer), 0);
    assert_int_equal(((struct stat *)(void *)buffer)->st_nlink, 0);
    sys(__NR_close, fd);
    assert_int_equal(open_at("/v/a", O_RDONLY), -ENOENT);
}

static void one_file(void)
{
    host_put("a", "one");
}

static void test_contents_are_the_hosts(void **state)
{
    run(FILES_RW, 0, one_file, contents_guest);
}

static void append_guest(void)
{
    int64_t a = open_at("/v/a", O_WRONLY | O_APPEND), b = open_at("/v/a", O_WRONLY | O_APPEND);
    assert_int_equal(sys(__NR_write, a, path("A"), 1), 1);
    host_append("a", "host");
    assert_int_equal(sys(__NR_write, b, path("B"), 1), 1);
    assert_int_equal(sys(__NR_lseek, b, 0, 1 /* SEEK_CUR */), 9);
    assert_int_equal(sys(__NR_write, a, path("C"), 1), 1);
    assert_int_equal(sys(__NR_lseek, a, 0, 1), 10);
    assert_string_equal(host_text("a"), "oneAhostBC");
}

static void test_appending_is_at_the_end_whoever_appends(void **state)
{
    run(FILES_RW, 0, one_file, append_guest);
}

/* The working directory goes elsewhere, and away. */
static void directory_guest(void)
{
    struct stat st;
    assert_int_equal(sys(__NR_chdir, path("/v/d")), 0);
    host_rename("d", "e");
    assert_text("x", "deep");
    assert_int_equal(stat_of("/v/d", &st), -ENOENT);
    assert_text("x", "deep"); /* though its name is known to be gone */
    assert_text("../e/x", "deep");
    write_text("y", 0, "new");
    assert_string_equal(host_text("e/y"), "new");
    host_remove("e/x");
    host_remove("e/y");
    host_remove("e");
    assert_int_equal(open_at("x", O_RDONLY), -ENOENT);
    assert_int_equal(open_at("z", O_WRONLY | O_CREAT), -ENOENT);
    assert_int_equal(open_at("/v/e", O_RDONLY), -ENOENT);
}

static void one_directory(void)
{
    host_directory("d");
    host_put("d/x", "deep");
}

static void test_a_directory_that_goes_elsewhere(void **state)
{
    run(FILES_RW, 0, one_directory, directory_guest);
}

static void links_guest(void)
{
    struct stat a, b;
    assert_int_equal(stat_of("/v/a", &a), 0);
    host_link("a", "b");
    assert_int_equal(stat_of("/v/b", &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(b.st_nlink, 2);
    int64_t fd = open_at("/v/a", O_RDWR);
    assert_int_equal(sys(__NR_flock, fd, 2 /* LOCK_EX */), 0); /* one inode, so one lock */
    int64_t other = open_at("/v/b", O_RDWR);
    assert_int_equal(sys(__NR_flock, other, 2 | 4 /* LOCK_NB */), -EAGAIN);
    assert_int_equal(sys(__NR_rename, path("/v/a"), path("/v/b")), 0); /* the same file: nothing happens */
    assert_true(host_mode("a") && host_mode("b"));
}

static void test_all_names_of_a_file_are_one_inode(void **state)
{
    run(FILES_RW, 0, one_file, links_guest);
}

static void cached_guest(void)
{
    struct stat st;
    assert_int_equal(stat_of("/v/a", &st), 0);
    uint32_t before = host_requests();
    for (int i = 0; i < 10; i++)
        assert_int_equal(stat_of("/v/a", &st), 0);
    assert_int_equal(host_requests(), before);
    assert_text("/v/a", "one");
}

static void test_a_root_that_is_ours_alone_is_not_asked_again(void **state)
{
    run(0, LINUX_MOUNT_CACHED | LINUX_MOUNT_RDONLY, one_file, cached_guest);
}

/* ---- what may not be written, what is no file ---- */

static void read_only_guest(void)
{
    const char *a = path("/v/a"), *b = path("/v/b");
    assert_text("/v/a", "one");
    assert_int_equal(open_at("/v/a", O_RDWR), -EROFS);
    assert_int_equal(open_at("/v/a", O_RDONLY | O_TRUNC), -EROFS);
    assert_int_equal(open_at("/v/b", O_WRONLY | O_CREAT), -EROFS);
    assert_int_equal(open_at("/v", O_TMPFILE | O_RDWR), -EROFS);
    assert_int_equal(sys(__NR_truncate, a, 0), -EROFS);
    assert_int_equal(sys(__NR_mkdir, b, 0755), -EROFS);
    assert_int_equal(sys(__NR_symlink, a, b), -EROFS);
    assert_int_equal(sys(__NR_link, a, b), -EROFS);
    assert_int_equal(sys(__NR_unlink, a), -EROFS);
    assert_int_equal(sys(__NR_rename, a, b), -EROFS);
    assert_int_equal(sys(__NR_rmdir, path("/v/d")), -EROFS);
    assert_int_equal(sys(__NR_chmod, a, 0777), -EROFS);
    assert_int_equal(sys(__NR_chown, a, 1, 1), -EROFS);
    assert_int_equal(sys(__NR_utimensat, -100, a, 0, 0), -EROFS);
    assert_int_equal(sys(__NR_setxattr, a, path("user.x"), a, 1, 0), -EROFS);
    assert_int_equal(sys(__NR_mknod, b, 0100644, 0), -EROFS);
    assert_int_equal(sys(__NR_access, a, 2 /* W_OK */), -EROFS);
}

static void file_and_directory(void)
{
    one_file();
    one_directory();
}

static void test_a_mount_that_is_read_only(void **state)
{
    run(FILES_RW, LINUX_MOUNT_RDONLY, file_and_directory, read_only_guest);
}

static void test_a_root_that_is_read_only_makes_the_mount_so(void **state)
{
    run(0, 0, file_and_directory, read_only_guest);
}

static void special_guest(void)
{
    struct stat st;
    assert_int_equal(stat_of("/v/fifo", &st), 0);
    assert_int_equal(MODE(st), IS_FIFO);
    assert_int_equal(open_at("/v/fifo", O_RDONLY | O_NONBLOCK), -ENXIO);
    assert_int_equal(open_at("/v/fifo", O_RDWR), -ENXIO);
    assert_int_equal(sys(__NR_mknod, path("/v/new"), 0020644, 0x103), -EPERM); /* a device */
    assert_int_equal(sys(__NR_unlink, path("/v/fifo")), 0);
    assert_int_equal(host_mode("fifo"), 0);
}

/* One of ours: programs inside meet at it, and the host has nothing of it. */
static void own_fifo_guest(void)
{
    struct stat st;
    char *buffer = user_alloc(16);
    assert_int_equal(sys(__NR_mkdir, path("/v/d"), 0755), 0);
    assert_int_equal(sys(__NR_mknod, path("/v/d/fifo"), IS_FIFO | 0644, 0), 0);
    int64_t fd = open_at("/v/d/fifo", O_RDWR);
    assert_int_equal(sys(__NR_write, fd, path("through"), 7), 7);
    assert_int_equal(sys(__NR_read, open_at("/v/d/fifo", O_RDONLY), buffer, 16), 7);
    assert_int_equal(host_mode("d/fifo"), 0);
    assert_int_equal(count_names("/v/d"), 3);
    assert_int_equal(sys(__NR_rmdir, path("/v/d")), -ENOTEMPTY);
    assert_int_equal(sys(__NR_rename, path("/v/d"), path("/v/e")), 0);
    assert_int_equal(stat_of("/v/e/fifo", &st), 0);
    assert_int_equal(sys(__NR_rename, path("/v/e/fifo"), path("/v/a")), -EXDEV); /* over a file of the host */
    assert_int_equal(sys(__NR_rename, path("/v/e/fifo"), path("/v/moved")), 0);
    assert_int_equal(sys(__NR_rename, path("/v/a"), path("/v/moved")), 0); /* which takes its place */
    assert_text("/v/moved", "one");
    assert_string_equal(host_text("moved"), "one");
    assert_int_equal(sys(__NR_rmdir, path("/v/e")), 0);
    assert_int_equal(sys(__NR_mkdir, path("/v/d"), 0755), 0);
    assert_int_equal(sys(__NR_mknod, path("/v/d/fifo"), IS_FIFO | 0644, 0), 0);
    host_remove("d"); /* it goes with its directory */
    assert_int_equal(stat_of("/v/d/fifo", &st), -ENOENT);
}

static void test_a_fifo_of_ours_is_not_the_hosts(void **state)
{
    run(FILES_RW, 0, one_file, own_fifo_guest);
}

static void one_fifo(void)
{
    host_fifo("fifo");
}

static void test_a_fifo_of_the_host_is_not_opened(void **state)
{
    run(FILES_RW, 0, one_fifo, special_guest);
}

/* ---- the gofer is gone ---- */

static void alone_guest(void)
{
    struct stat st;
    char *buffer = user_alloc(64);
    int64_t fd = open_at("/v/a", O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_chdir, path("/v")), 0);
    assert_true(host_files_process_apart());
    host_files_process_kill();
    assert_int_equal(stat_of("/v/a", &st), -EIO);
    assert_int_equal(open_at("b", O_WRONLY | O_CREAT), -EIO);
    assert_int_equal(sys(__NR_unlink, path("/v/a")), -EIO);
    assert_int_equal(sys(__NR_read, fd, buffer, 64), 3); /* what is open is a descriptor of the sentry's own */
    assert_memory_equal(buffer, "one", 3);
    assert_int_equal(sys(__NR_fstat, fd, buffer), 0);
    sys(__NR_close, fd);
    write_text("/tmp/t", 0, "in memory");
    assert_text("/tmp/t", "in memory");
}

static void test_without_the_gofer_files_cannot_be_reached(void **state)
{
    VOLUME(0);
    const char *dir = new_place();
    one_file();
    run_on(host_files_process(dir, FILES_RW), mounts, 1, alone_guest);
    assert_int_equal(host_files_process_end(), 9); /* SIGKILL */
    host_place_end();
}

/* ---- mappings ---- */

static char *map_of(int64_t fd, int prot, int flags)
{
    int64_t at = sys(__NR_mmap, 0, 4096, prot, flags, fd, 0);
    assert_true(at > 0);
    return (char *)(uintptr_t)at;
}

static void map_guest(void)
{
    int64_t fd = open_at("/v/a", O_RDWR), other = open_at("/v/a", O_RDONLY);
    char *shared = map_of(fd, PROT_READ | PROT_WRITE, MAP_SHARED), *seen = map_of(other, PROT_READ, MAP_SHARED);
    char *own = map_of(other, PROT_READ | PROT_WRITE, MAP_PRIVATE), *buffer = user_alloc(16);
    assert_memory_equal(shared, "one", 3);
    memcpy(shared, "ONE", 3);
    assert_string_equal(host_text("a"), "ONE");
    assert_memory_equal(seen, "ONE", 3);
    assert_int_equal(sys(__NR_pread64, fd, buffer, 3, 0), 3);
    assert_memory_equal(buffer, "ONE", 3);
    assert_int_equal(sys(__NR_pwrite64, fd, path("two"), 3, 0), 3);
    assert_memory_equal(shared, "two", 3);
    host_put("a", "new");
    assert_memory_equal(shared, "new", 3);
    memcpy(own, "own", 3);
    assert_string_equal(host_text("a"), "new");
    sys(__NR_close, fd);
    sys(__NR_close, other);
    assert_memory_equal(seen, "new", 3); /* the mappings hold the file */
    memcpy(shared, "end", 3);
    assert_string_equal(host_text("a"), "end");
    assert_int_equal(sys(__NR_mmap, 0, 4096, PROT_WRITE, MAP_SHARED, open_at("/v/a", O_RDONLY), 0), -EACCES);
}

static void test_shared_mappings_are_the_hosts_pages(void **state)
{
    run(FILES_RW, 0, one_file, map_guest);
}

/* ---- many ---- */

#define MANY 200

static void many_guest(void)
{
    struct stat st;
    char name[] = "/v/f000";
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            name[4] = (char)('0' + i / 100), name[5] = (char)('0' + i / 10 % 10), name[6] = (char)('0' + i % 10);
            if (!round)
                write_text(name, O_EXCL, "x");
            assert_int_equal(stat_of(name, &st), 0);
            assert_int_equal(MODE(st), IS_FILE);
        }
    assert_int_equal(count_names("/v"), MANY + 2);
}

/* The kernel remembers names as long as the gofer has handles for them. */
static void test_more_names_than_handles(void **state)
{
    VOLUME(0);
    const char *dir = new_place();
    run_on(host_few(dir, FILES_RW, 40), mounts, 1, many_guest);
    host_place_end();
}

/* A program that removes what it lists, in pieces. */
static __attribute__((noinline)) void remove_name(const char *name)
{
    char *full = user_alloc(300);
    memcpy(full, "/v/d/", 5);
    strcpy(full + 5, name);
    if (*name != '.')
        assert_int_equal(sys(__NR_unlink, full), 0);
}

static __attribute__((noinline)) void remove_names(const char *list, int64_t n)
{
    for (volatile int64_t at = 0; at < n; at += *(const uint16_t *)(const void *)(list + at + 16))
        remove_name(list + at + 19);
}

static void remove_guest(void)
{
    char *buffer = user_alloc(1024);
    char file[] = "/v/d/f000";
    for (int i = 0; i < MANY; i++) {
        file[6] = (char)('0' + i / 100), file[7] = (char)('0' + i / 10 % 10), file[8] = (char)('0' + i % 10);
        write_text(file, O_EXCL, "x");
    }
    int64_t fd = open_at("/v/d", O_RDONLY), n;
    while ((n = list_piece(fd, buffer)) > 0)
        remove_names(buffer, n);
    assert_int_equal(n, 0);
    assert_int_equal(sys(__NR_rmdir, path("/v/d")), 0);
}

static void bare_directory(void)
{
    host_directory("d");
}

static void test_removing_what_is_listed(void **state)
{
    run(FILES_RW, 0, bare_directory, remove_guest);
}

/* ---- below the overlay ---- */

static void overlay_guest(void)
{
    struct stat st, twice;
    assert_text("/a", "one");
    assert_text("/link", "one");
    int64_t low = open_at("/a", O_RDONLY);
    char *mapped = map_of(low, PROT_READ, MAP_PRIVATE), *buffer = user_alloc(16);
    assert_memory_equal(mapped, "one", 3);
    assert_int_equal(stat_of("/a", &st), 0);
    write_text("/a", O_APPEND, " more"); /* copied, and the same inode */
    assert_text("/a", "one more");
    assert_int_equal(stat_of("/twice", &twice), 0);
    assert_int_equal(st.st_ino, twice.st_ino);
    assert_text("/twice", "one more");
    assert_int_equal(sys(__NR_pread64, low, buffer, 16, 0), 8); /* one that was open sees it, too */
    assert_int_equal(sys(__NR_truncate, path("/d/x"), 2), 0);
    assert_text("/d/x", "de");
    assert_int_equal(sys(__NR_rename, path("/d/x"), path("/moved")), 0);
    assert_text("/moved", "de");
    assert_int_equal(open_at("/d/x", O_RDONLY), -ENOENT);
    assert_int_equal(sys(__NR_rmdir, path("/d")), 0);
    assert_int_equal(sys(__NR_unlink, path("/twice")), 0);
    write_text("/made", O_EXCL, "new");
    assert_int_equal(sys(__NR_chmod, path("/a"), 0600), 0);
    int64_t fd = open_at("/b", O_RDWR);
    char *shared = map_of(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
    memcpy(shared, "B", 1);
    assert_text("/b", "Bytes");
}

static void root_guest(void)
{
    struct stat st;
    overlay_guest();
    assert_int_equal(stat_of("/proc", &st), 0);
    write_text("/tmp/t", 0, "in memory");
    assert_string_equal(host_text("a"), "one");
    assert_string_equal(host_text("twice"), "one");
    assert_string_equal(host_text("d/x"), "deep");
    assert_string_equal(host_text("b"), "bytes");
    assert_int_equal(host_mode("a"), IS_FILE | 0644);
    assert_int_equal(host_mode("made"), 0);
    assert_int_equal(host_mode("tmp"), 0);
}

static void tree(void)
{
    file_and_directory();
    host_link("a", "twice");
    host_symlink("a", "link");
    host_put("b", "bytes");
}

static void test_a_directory_as_root_is_never_written(void **state)
{
    static const struct linux_mount root = {.place = "/", .kind = LINUX_MOUNT_HOST};
    const char *dir = new_place();
    tree();
    run_on(host_files(dir, FILES_RW), &root, 1, root_guest);
    host_place_end();
}

/* ---- where they are mounted ---- */

static void places_guest(void)
{
    struct stat st;
    char *buffer = user_alloc(8);
    assert_text("/deep/down/here/a", "one");
    assert_int_equal(stat_of("/deep/down/mem", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    write_text("/deep/down/mem/x", 0, "x");
    int64_t fd = open_at("/deep/down/mem/y", O_WRONLY | O_CREAT);
    assert_int_equal(sys(__NR_ftruncate, fd, 1 << 20), 0);
    assert_int_equal(sys(__NR_fallocate, fd, 0, 0, 1 << 20), -ENOSPC);
    assert_int_equal(sys(__NR_pread64, fd, buffer, 1, 0), -EBADF);
    host_put("d/in", "volume");
    assert_text("/deep/down/here/d/in", "volume");
}

static void test_places_are_made(void **state)
{
    static const struct linux_mount mounts[] = {
        {.place = "/deep/down/here", .kind = LINUX_MOUNT_HOST},
        {.place = "/deep/down/mem", .kind = LINUX_MOUNT_TMPFS, .options = "size=64k,mode=700"},
    };
    const char *dir = new_place();
    file_and_directory();
    run_on(host_files(dir, FILES_RW), mounts, 2, places_guest);
    host_place_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_others_change_are_seen_at_once),
        cmocka_unit_test(test_contents_are_the_hosts),
        cmocka_unit_test(test_appending_is_at_the_end_whoever_appends),
        cmocka_unit_test(test_a_directory_that_goes_elsewhere),
        cmocka_unit_test(test_all_names_of_a_file_are_one_inode),
        cmocka_unit_test(test_a_root_that_is_ours_alone_is_not_asked_again),
        cmocka_unit_test(test_a_mount_that_is_read_only),
        cmocka_unit_test(test_a_root_that_is_read_only_makes_the_mount_so),
        cmocka_unit_test(test_a_fifo_of_the_host_is_not_opened),
        cmocka_unit_test(test_a_fifo_of_ours_is_not_the_hosts),
        cmocka_unit_test(test_without_the_gofer_files_cannot_be_reached),
        cmocka_unit_test(test_shared_mappings_are_the_hosts_pages),
        cmocka_unit_test(test_more_names_than_handles),
        cmocka_unit_test(test_removing_what_is_listed),
        cmocka_unit_test(test_a_directory_as_root_is_never_written),
        cmocka_unit_test(test_places_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
