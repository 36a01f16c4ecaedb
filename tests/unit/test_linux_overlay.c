/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image as root, under the overlay. What is in the image has to behave as if it had been made by calls: lists run
 * on a directory of the host that has the same contents. Then several layers, and images that are corrupt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/core/modes.h"
#include "linux/fs/imgfs_format.h"
#include "linux_files_compare.h"
#include "linux_image.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/unistd.h>
#include <stdio.h>
#include <string.h>

void free(void *);
unsigned int geteuid(void);
unsigned int getegid(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- an image against a directory that was made ---- */

static const struct image_row tree[] = {
    {"tmp", S_IFDIR | 01777, NULL, 0},
    {"tmp/here", S_IFDIR | 0755, NULL, 0},
    {"tmp/here/file", S_IFREG | 0644, "contents of the file", 0},
    {"tmp/here/program", S_IFREG | 04755, "\177ELF no program", 0},
    {"tmp/here/empty", S_IFREG | 0600, "", 0},
    {"tmp/here/link", S_IFLNK | 0777, "file", 0},
    {"tmp/here/dangling", S_IFLNK | 0777, "missing", 0},
    {"tmp/here/dlink", S_IFLNK | 0777, "dir/sub", 0},
    {"tmp/here/twice", S_IFREG | 0644, "tmp/here/file", 1},
    {"tmp/here/dir", S_IFDIR | 0755, NULL, 0},
    {"tmp/here/dir/a", S_IFREG | 0644, "aaa", 0},
    {"tmp/here/dir/b", S_IFREG | 0644, "bbb", 0},
    {"tmp/here/dir/sub", S_IFDIR | 0700, NULL, 0},
    {"tmp/here/dir/sub/deep", S_IFREG | 0400, "deep", 0},
    {"tmp/here/dir/third", S_IFREG | 0644, "tmp/here/file", 1},
    {"tmp/here/bare", S_IFDIR | 0755, NULL, 0},
    {"tmp/here/fifo", S_IFIFO | 0644, NULL, 0},
};

static const char *const prelude[] = {
    "umask 0",
    "a = open file O_CREAT|O_RDWR 0644",
    "x = open file O_RDWR 0",
    "write @x contents",
    "write @x _of_the_file",
    "pwrite @x \"\" 0",
    "close @a",
    "close @x",
    "a = open program O_CREAT|O_RDWR 0755",
    "write @a _ELF_no_program",
    "close @a",
    "chmod program 04755",
    "a = open empty O_CREAT|O_RDWR 0600",
    "close @a",
    "symlink file link",
    "symlink missing dangling",
    "symlink dir/sub dlink",
    "link file twice",
    "mkdir dir 0755",
    "a = open dir/a O_CREAT|O_RDWR 0644",
    "write @a aaa",
    "close @a",
    "a = open dir/b O_CREAT|O_RDWR 0644",
    "write @a bbb",
    "close @a",
    "mkdir dir/sub 0700",
    "a = open dir/sub/deep O_CREAT|O_RDWR 0400",
    "write @a deep",
    "close @a",
    "link file dir/third",
    "mkdir bare 0755",
    "mknod fifo S_IFIFO|0644 0",
    "umask 022",
    NULL,
};

static void run(const char *const *lines)
{
    struct image_row rows[COUNT(tree)];
    size_t size;
    memcpy(rows, tree, sizeof(rows));
    for (size_t i = 0; i < COUNT(rows); i++) { /* the lists' words have no spaces and no 177 */
        if (!strcmp(rows[i].path, "tmp/here/file"))
            rows[i].text = "contents_of_the_file";
        if (!strcmp(rows[i].path, "tmp/here/program"))
            rows[i].text = "_ELF_no_program";
    }
    uint8_t *image = image_build(rows, COUNT(rows), geteuid(), getegid(), &size);
    assert_non_null(image);
    script_compare(image, size, prelude, lines);
    free(image);
}

#define SCRIPT(name, ...)                                                                                              \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        static const char *const script[] = {__VA_ARGS__, NULL};                                                       \
        run(script);                                                                                                   \
    }

SCRIPT(image_is_seen_as_it_is, "stat file", "lstat link", "stat link", "readlink link 100", "stat dangling",
       "lstat dangling", "same file twice", "same file dir/third", "same dir/a dir/b", "stat program", "stat empty",
       "stat dir", "stat dir/sub", "stat .", "stat dlink", "lstat dlink", "stat dlink/deep", "stat missing",
       "stat file/x", "stat dir/missing", "stat fifo", "f = open file O_RDONLY 0", "read @f 100", "read @f 100",
       "pread @f 4 3", "lseek @f 0 SEEK_END", "lseek @f 0 SEEK_HOLE", "lseek @f 3 SEEK_DATA", "open dir O_RDWR 0",
       "d = open dir O_RDONLY 0", "ls @d 4096", "ls @d 24", "r = open . O_RDONLY 0", "ls @r 4096", "ls @r 40",
       "open link O_NOFOLLOW 0", "access program 1", "getxattr file user.x 10")

SCRIPT(first_write_copies_what_is_below, "f = open file O_RDWR 0", "r = open file O_RDONLY 0", "write @f CON",
       "pread @r 100 0", "pread @f 100 0", "fstat @r", "stat twice", "t = open twice O_RDONLY 0", "pread @t 100 0",
       "ftruncate @f 5", "pread @t 100 0", "stat dir/third", "p = open program O_WRONLY|O_APPEND 0", "write @p +",
       "q = open program O_RDONLY 0", "read @q 100", "open empty O_TRUNC|O_WRONLY 0", "open dir/a O_TRUNC|O_WRONLY 0",
       "stat dir/a", "truncate dir/b 2", "b = open dir/b O_RDWR 0", "read @b 10", "truncate dir/b 5000",
       "pread @b 10 0", "fstat @b", "pwrite @b x 4999", "pread @b 4 4998", "copy_file_range @t @b 3 0", "pread @b 10 0",
       "chmod dir/a 0600", "stat dir/a", "utimensat cwd dir/a 1,2,3,4 0", "times dir/a",
       "utimensat cwd link 5,0,6,0 AT_SYMLINK_NOFOLLOW", "times link", "c = open dir/sub/deep O_RDWR 0",
       "fallocate @b 0 6000 10", "fstat @b")

SCRIPT(names_below_are_removed, "unlink file", "stat file", "stat twice", "stat link", "unlink file",
       "r = open . O_RDONLY 0", "ls @r 4096", "open file O_CREAT|O_EXCL 0644", "stat file", "same file twice",
       "ls @r 4096", "unlink file", "ls @r 4096", "unlink twice", "unlink dir/third", "rmdir dir", "unlink dir/a",
       "unlink dir/b", "rmdir dir", "rmdir dir/sub", "unlink dir/sub/deep", "rmdir dir/sub", "stat dir",
       "d = open dir O_RDONLY 0", "ls @d 4096", "rmdir dir", "stat dir", "mkdir dir 0711", "stat dir", "stat dir/a",
       "e = open dir O_RDONLY 0", "ls @e 4096", "open dir/a O_CREAT 0600", "ls @e 4096", "unlink dir/a", "rmdir dir",
       "open dir O_CREAT 0644", "stat dir", "unlink link", "symlink other link", "readlink link 100", "unlink fifo",
       "ls @r 4096")

SCRIPT(names_below_are_moved, "rename file moved", "stat file", "stat moved", "same moved twice",
       "m = open moved O_RDWR 0", "read @m 100", "write @m more", "t = open twice O_RDONLY 0", "read @t 100",
       "r = open . O_RDONLY 0", "ls @r 4096", "rename moved file", "ls @r 4096", "rename dir/a dir/b",
       "d = open dir O_RDONLY 0", "ls @d 4096", "rename dir other", "stat dir", "stat other/sub/deep", "ls @d 4096",
       "o = open other O_RDONLY 0", "ls @o 4096", "stat other/b", "mkdir dir 0700", "e = open dir O_RDONLY 0",
       "ls @e 4096", "stat dir/b", "rename other dir", "ls @o 4096", "rename bare dir", "rename dir bare",
       "stat bare/sub/deep", "ls @o 4096", "ls @r 4096", "renameat2 cwd bare cwd file RENAME_EXCHANGE", "stat bare",
       "stat file/b", "ls @r 4096", "rename empty program", "stat program", "ls @r 4096", "rename bare/x y",
       "rename file/sub sub", "stat sub/deep", "ls @r 4096", "chdir file", "cwd", "stat ../sub",
       "rename third ../file2", "stat ../file2", "chdir ..", "link file2 file3", "stat file3", "rename file2 file3",
       "unlink twice", "stat file2")

SCRIPT(directories_below_change, "stat dir", "open dir/new O_CREAT 0644", "mkdir dir/newdir 0755", "stat dir",
       "d = open dir O_RDONLY 0", "ls @d 4096", "ls @d 32", "unlink dir/new", "open dir/new O_CREAT 0600", "ls @d 4096",
       "chmod dir 0750", "stat dir", "rmdir dir/newdir", "stat dir", "link dir/a dir/c", "stat dir/a",
       "symlink a dir/s", "ls @d 4096", "p = open dir/s O_RDONLY 0", "read @p 10", "setxattr dir user.x y 0",
       "getxattr dir user.x 10", "i = inotify_init1 O_NONBLOCK", "inotify_add_watch @i dir IN_ALL_EVENTS",
       "g = open dir/b O_RDWR 0", "write @g x", "close @g", "events @i", "t = open dir O_TMPFILE|O_RDWR 0600",
       "write @t abc", "[root] linkat @t \"\" cwd dir/tmp AT_EMPTY_PATH", "ls @d 4096")

/* ---- layers, limits, roots that nobody may write ---- */

static uint8_t two_layers[2 * 65536];

static size_t layers_make(void)
{
    static const struct image_row low[] = {
        {"dir", S_IFDIR | 0755, NULL, 0},       {"dir/low", S_IFREG | 0644, "low", 0},
        {"dir/both", S_IFREG | 0644, "low", 0}, {"dir/gone", S_IFREG | 0644, "low", 0},
        {"dir/sub", S_IFDIR | 0755, NULL, 0},   {"dir/sub/low", S_IFREG | 0644, "low", 0},
        {"kind", S_IFDIR | 0755, NULL, 0},      {"kind/x", S_IFREG | 0644, "x", 0},
    };
    static const struct image_row high[] = {
        {"dir", S_IFDIR | 0700, NULL, 0},        {"dir/high", S_IFREG | 0644, "high", 0},
        {"dir/both", S_IFREG | 0600, "high", 0}, {"dir/gone", S_IFCHR, NULL, 0},
        {"dir/sub", S_IFDIR | 0755, NULL, 0},    {"dir/sub/high", S_IFREG | 0644, "high", 0},
        {"kind", S_IFREG | 0644, "a file", 0},
    };
    size_t n, m;
    uint8_t *a = image_build(low, COUNT(low), 0, 0, &n), *b = image_build(high, COUNT(high), 0, 0, &m);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(n + m <= sizeof(two_layers));
    memcpy(two_layers, a, n);
    memcpy(two_layers + n, b, m);
    free(a);
    free(b);
    return n + m;
}

static void expect_text(const char *path, const char *text)
{
    char buf[32] = {0};
    int64_t fd = sys(__NR_open, user_string(path), O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_read, fd, buf, sizeof(buf) - 1), strlen(text));
    assert_string_equal(buf, text);
    assert_int_equal(sys(__NR_close, fd), 0);
}

static int64_t stat_of(const char *path)
{
    char st[256];
    return sys(__NR_stat, user_string(path), st);
}

/* Names of a directory in the order they come, joined by spaces. */
static void names_of(const char *path, size_t room, char *out)
{
    char *buf = user_alloc(room);
    int64_t fd = sys(__NR_open, user_string(path), O_RDONLY, 0), n;
    *out = 0;
    while ((n = sys(__NR_getdents64, fd, buf, room)) > 0)
        for (int64_t at = 0; at < n; at += *(uint16_t *)(void *)(buf + at + 16))
            strcat(strcat(out, buf + at + 19), " ");
    assert_int_equal(n, 0);
    assert_int_equal(sys(__NR_close, fd), 0);
}

static void guest_layers(void)
{
    char names[256];
    expect_text("/dir/low", "low");
    expect_text("/dir/high", "high");
    expect_text("/dir/both", "high");
    expect_text("/kind", "a file");
    expect_text("/dir/sub/low", "low");
    expect_text("/dir/sub/high", "high");
    assert_int_equal(stat_of("/dir/gone"), -ENOENT);
    assert_int_equal(stat_of("/kind/x"), -ENOTDIR);
    for (size_t room = 24; room <= 1024; room += 8) {
        names_of("/dir", room, names);
        assert_string_equal(names, ". .. both high sub low ");
    }
    assert_int_equal(sys(__NR_unlink, user_string("/dir/both")), 0);
    assert_int_equal(stat_of("/dir/both"), -ENOENT);
    assert_int_equal(sys(__NR_rename, user_string("/dir/sub"), user_string("/sub")), 0);
    expect_text("/sub/low", "low");
    assert_int_equal(stat_of("/dir/sub"), -ENOENT);
    names_of("/dir", 1024, names);
    assert_string_equal(names, ". .. high low ");
    names_of("/sub", 1024, names);
    assert_string_equal(names, ". .. high low ");
    assert_int_equal(sys(__NR_mkdir, user_string("/dir/gone"), 0755), 0);
    names_of("/dir", 24, names);
    assert_string_equal(names, ". .. high low gone ");
}

static void test_layers_are_merged_and_whiteouts_hide(void **state)
{
    const struct harness h = {.image = two_layers, .image_size = layers_make()};
    assert_int_equal(harness_run(&h, guest_layers), 0);
}

static void guest_read_only(void)
{
    expect_text("/dir/low", "low");
    assert_int_equal(sys(__NR_open, user_string("/dir/low"), O_RDWR, 0), -EROFS);
    assert_int_equal(sys(__NR_open, user_string("/dir/new"), O_RDWR | O_CREAT, 0644), -EROFS);
    assert_int_equal(sys(__NR_mkdir, user_string("/dir/new"), 0755), -EROFS);
    assert_int_equal(sys(__NR_unlink, user_string("/dir/low")), -EROFS);
    assert_int_equal(sys(__NR_chmod, user_string("/dir/low"), 0600), -EROFS);
    assert_int_equal(sys(__NR_access, user_string("/dir/low"), 2), -EROFS);
    assert_int_equal(sys(__NR_truncate, user_string("/dir/low"), 0), -EROFS);
    assert_int_equal(sys(__NR_mkdir, user_string("/tmp/new"), 0755), 0);
    assert_int_equal(sys(__NR_rename, user_string("/tmp/new"), user_string("/dir/new")), -EXDEV);
    assert_int_equal(sys(__NR_mkdir, user_string("/dev/shm/new"), 0755), 0);
}

static void test_read_only_root_refuses_changes_but_in_tmp(void **state)
{
    const struct harness h = {.image = two_layers, .image_size = layers_make(), .read_only = true};
    assert_int_equal(harness_run(&h, guest_read_only), 0);
}

/* ---- corrupt images ---- */

static struct image_header *header(uint8_t *image)
{
    return (struct image_header *)(void *)image;
}
static struct image_inode *inode(uint8_t *image, uint32_t n)
{
    return (struct image_inode *)(void *)(image + header(image)->sections[IMAGE_INODES].offset) + n;
}
static struct image_entry *entry(uint8_t *image, uint32_t n)
{
    return (struct image_entry *)(void *)(image + header(image)->sections[IMAGE_ENTRIES].offset) + n;
}

static void spoil_magic(uint8_t *i)
{
    header(i)->magic[0] ^= 1;
}
static void spoil_version(uint8_t *i)
{
    header(i)->version++;
}
static void spoil_machine(uint8_t *i)
{
    header(i)->machine = 183;
}
static void spoil_size(uint8_t *i)
{
    header(i)->size++;
}
static void spoil_sections(uint8_t *i)
{
    header(i)->n_sections = 3;
}
static void spoil_section_offset(uint8_t *i)
{
    header(i)->sections[IMAGE_INODES].offset = UINT64_MAX - 7;
}
static void spoil_section_size(uint8_t *i)
{
    header(i)->sections[IMAGE_ENTRIES].size = header(i)->size;
}
static void spoil_record(uint8_t *i)
{
    header(i)->sections[IMAGE_INODES].record = 8;
}
static void spoil_no_inodes(uint8_t *i)
{
    header(i)->sections[IMAGE_INODES].size = 0;
}
static void spoil_root_kind(uint8_t *i)
{
    inode(i, 0)->mode = S_IFREG | 0644;
}
static void spoil_root_range(uint8_t *i)
{
    inode(i, 0)->size = UINT32_MAX;
}

/* The image of one directory with one file. */
static uint8_t *small_image(size_t *size)
{
    static const struct image_row rows[] = {{"d", S_IFDIR | 0755, NULL, 0}, {"d/f", S_IFREG | 0644, "text", 0}};
    uint8_t *image = image_build(rows, COUNT(rows), 0, 0, size);
    assert_non_null(image);
    return image;
}

static void guest_nothing(void)
{
}

static void test_image_that_cannot_be_a_root_is_refused_by_name(void **state)
{
    static const struct {
        const char *label, *why;
        void (*spoil)(uint8_t *);
    } rows[] = {
        {"magic", "begin", spoil_magic},
        {"version", "version", spoil_version},
        {"machine", "machine", spoil_machine},
        {"size", "truncated", spoil_size},
        {"sections", "section", spoil_sections},
        {"section offset", "section", spoil_section_offset},
        {"section size", "section", spoil_section_size},
        {"record", "section", spoil_record},
        {"no inodes", "root", spoil_no_inodes},
        {"root is a file", "root", spoil_root_kind},
        {"root's names", "root", spoil_root_range},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct harness h = {0};
        uint8_t *image = small_image(&h.image_size);
        rows[i].spoil(image);
        h.image = image;
        print_message("# %s\n", rows[i].label);
        assert_int_equal(harness_run(&h, guest_nothing), HARNESS_NO_BOOT);
        assert_non_null(strstr(harness_why(), rows[i].why));
        free(image);
    }
}

static void spoil_entry_inode(uint8_t *i)
{
    entry(i, 1)->inode = 99;
}
static void spoil_entry_root(uint8_t *i)
{
    entry(i, 1)->inode = 0;
}
static void spoil_entry_name(uint8_t *i)
{
    entry(i, 1)->name = UINT32_MAX;
}
static void spoil_entry_length(uint8_t *i)
{
    entry(i, 1)->length = 0;
}
static void spoil_name_slash(uint8_t *i)
{
    i[header(i)->sections[IMAGE_NAMES].offset + entry(i, 1)->name] = '/';
}
static void spoil_name_dot(uint8_t *i)
{
    i[header(i)->sections[IMAGE_NAMES].offset + entry(i, 1)->name] = '.';
}
static void spoil_file_offset(uint8_t *i)
{
    inode(i, 2)->offset = header(i)->size - 1;
}
static void spoil_file_kind(uint8_t *i)
{
    inode(i, 2)->mode = 0777777;
}
static void spoil_link(uint8_t *i)
{
    inode(i, 2)->mode = S_IFLNK | 0777, inode(i, 2)->size = 0;
}
static void spoil_cycle(uint8_t *i)
{
    entry(i, 1)->inode = 1;
}
static void spoil_directory_range(uint8_t *i)
{
    inode(i, 2)->mode = S_IFDIR | 0755, inode(i, 2)->size = 7;
}

static void guest_finds_corruption(void)
{
    char buf[512];
    volatile int64_t r = stat_of("/d/f"), fd = sys(__NR_open, user_string("/d"), O_RDONLY, 0);
    if (r == -ENOENT) /* the name is another: the listing says it */
        r = -EUCLEAN;
    assert_int_equal(r, -EUCLEAN);
    assert_true(fd >= 0);
    r = sys(__NR_getdents64, fd, buf, sizeof(buf)); /* . and .. */
    assert_true(r > 0);
    r = sys(__NR_getdents64, fd, buf, sizeof(buf));
    assert_true(r == 0 || r == -EUCLEAN);
    assert_int_equal(sys(__NR_mkdir, user_string("/d/other"), 0755), -EUCLEAN);
}

static void guest_finds_bad_inode(void)
{
    assert_int_equal(stat_of("/d/f"), -EUCLEAN);
    assert_int_equal(sys(__NR_unlink, user_string("/d/f")), -EUCLEAN);
    assert_int_equal(sys(__NR_mkdir, user_string("/d/other"), 0755), 0);
}

static void test_corruption_below_the_root_is_told_by_euclean(void **state)
{
    static const struct {
        const char *label;
        void (*spoil)(uint8_t *);
        void (*guest)(void);
    } rows[] = {
        {"entry's inode is outside", spoil_entry_inode, guest_finds_corruption},
        {"entry leads to the root", spoil_entry_root, guest_finds_corruption},
        {"entry's name is outside", spoil_entry_name, guest_finds_corruption},
        {"entry's name is empty", spoil_entry_length, guest_finds_corruption},
        {"name is a slash", spoil_name_slash, guest_finds_corruption},
        {"name is a dot", spoil_name_dot, guest_finds_corruption},
        {"contents are outside", spoil_file_offset, guest_finds_bad_inode},
        {"kind is unknown", spoil_file_kind, guest_finds_bad_inode},
        {"link leads to nothing", spoil_link, guest_finds_bad_inode},
        {"directory contains itself", spoil_cycle, guest_finds_bad_inode},
        {"directory's names are outside", spoil_directory_range, guest_finds_bad_inode},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct harness h = {0};
        uint8_t *image = small_image(&h.image_size);
        rows[i].spoil(image);
        h.image = image;
        print_message("# %s\n", rows[i].label);
        assert_int_equal(harness_run(&h, rows[i].guest), 0);
        free(image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_is_seen_as_it_is),
        cmocka_unit_test(test_first_write_copies_what_is_below),
        cmocka_unit_test(test_names_below_are_removed),
        cmocka_unit_test(test_names_below_are_moved),
        cmocka_unit_test(test_directories_below_change),
        cmocka_unit_test(test_layers_are_merged_and_whiteouts_hide),
        cmocka_unit_test(test_read_only_root_refuses_changes_but_in_tmp),
        cmocka_unit_test(test_image_that_cannot_be_a_root_is_refused_by_name),
        cmocka_unit_test(test_corruption_below_the_root_is_told_by_euclean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
