/* SPDX-License-Identifier: Apache-2.0 */
/* Archives as Linux reads them: read back here by hand, field by field. */
#include "base/cpio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER 110

static uint8_t text[1 << 20];

static size_t read_back(int fd)
{
    ssize_t n = pread(fd, text, sizeof text, 0);

    assert_true(n >= 0);
    return (size_t)n;
}

static uint32_t field(size_t at, unsigned n)
{
    char digits[9] = {0};

    memcpy(digits, text + at + 6 + 8 * n, 8);
    return (uint32_t)strtoul(digits, NULL, 16);
}

enum { F_INODE, F_MODE, F_UID, F_GID, F_LINKS, F_MTIME, F_BYTES, F_DEV_MAJOR, F_DEV_MINOR, F_MAJOR, F_MINOR, F_NAME };

/* Where the next entry begins. */
static size_t check(size_t at, const char *name, uint32_t mode, const char *content)
{
    assert_memory_equal(text + at, "070701", 6);
    assert_int_equal(field(at, F_NAME), strlen(name) + 1);
    assert_string_equal((char *)text + at + HEADER, name);
    assert_int_equal(field(at, F_MODE), mode);
    assert_int_equal(field(at, F_BYTES), strlen(content));
    size_t body = (at + HEADER + strlen(name) + 1 + 3) & ~(size_t)3;
    assert_memory_equal(text + body, content, strlen(content));
    return (body + strlen(content) + 3) & ~(size_t)3;
}

static void entries_are_as_the_format_says(void **state)
{
    struct cpio c = {.fd = memfd_create("cpio", 0)};
    const struct cpio_entry dir = {.name = "d", .mode = S_IFDIR | 0755, .uid = 1, .gid = 2, .mtime = 77};
    const struct cpio_entry link = {.name = "d/l", .mode = S_IFLNK | 0777, .bytes = 3};
    const struct cpio_entry null = {.name = "d/null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3};
    size_t at = 0;

    (void)state;
    assert_int_equal(cpio_entry(&c, &dir), 0);
    assert_int_equal(cpio_file(&c, "d/file", 0640, "hello", 5), 0);
    assert_int_equal(cpio_file(&c, "empty", 0600, "", 0), 0);
    assert_int_equal(cpio_entry(&c, &link), 0);
    assert_int_equal(cpio_bytes(&c, "a", 1), 0);
    assert_int_equal(cpio_bytes(&c, "bc", 2), 0);
    assert_int_equal(cpio_entry(&c, &null), 0);
    assert_int_equal(cpio_end(&c), 0);
    const size_t n = read_back(c.fd);
    assert_int_equal(n % 4, 0);
    assert_int_equal(field(at, F_UID), 1);
    assert_int_equal(field(at, F_GID), 2);
    assert_int_equal(field(at, F_MTIME), 77);
    at = check(at, "d", S_IFDIR | 0755, "");
    at = check(at, "d/file", S_IFREG | 0640, "hello");
    at = check(at, "empty", S_IFREG | 0600, "");
    at = check(at, "d/l", S_IFLNK | 0777, "abc");
    assert_int_equal(field(at, F_MAJOR), 1);
    assert_int_equal(field(at, F_MINOR), 3);
    at = check(at, "d/null", S_IFCHR | 0666, "");
    at = check(at, "TRAILER!!!", 0, "");
    assert_int_equal(at, n);
    close(c.fd);
}

static void inodes_are_told_apart(void **state)
{
    struct cpio c = {.fd = memfd_create("cpio", 0)};
    const struct cpio_entry again = {.name = "b", .mode = S_IFREG | 0600, .inode = 1, .links = 2};
    size_t at = 0;

    (void)state;
    assert_int_equal(cpio_file(&c, "a", 0600, "x", 1), 0);
    assert_int_equal(cpio_entry(&c, &again), 0);
    assert_int_equal(cpio_file(&c, "c", 0600, "y", 1), 0);
    assert_int_equal(cpio_end(&c), 0);
    read_back(c.fd);
    assert_int_equal(field(at, F_INODE), 1);
    at = check(at, "a", S_IFREG | 0600, "x");
    assert_int_equal(field(at, F_INODE), 1);
    assert_int_equal(field(at, F_LINKS), 2);
    at = check(at, "b", S_IFREG | 0600, "");
    assert_int_equal(field(at, F_INODE), 2);
    close(c.fd);
}

static void more_than_was_announced_is_refused(void **state)
{
    struct cpio c = {.fd = memfd_create("cpio", 0)};
    const struct cpio_entry file = {.name = "f", .mode = S_IFREG | 0600, .bytes = 2};

    (void)state;
    assert_int_equal(cpio_entry(&c, &file), 0);
    assert_int_equal(cpio_bytes(&c, "abc", 3), -EINVAL);
    assert_int_equal(cpio_entry(&c, &file), -EINVAL); /* and less */
    assert_int_equal(cpio_end(&c), -EINVAL);
    close(c.fd);
}

static void what_the_format_cannot_hold_is_refused(void **state)
{
    static char name[5000];
    struct cpio c = {.fd = -1};
    const struct cpio_entry large = {.name = "f", .mode = S_IFREG | 0600, .bytes = (uint64_t)UINT32_MAX + 1};
    struct cpio_entry lengthy = {.name = name, .mode = S_IFREG | 0600};

    (void)state;
    memset(name, 'n', sizeof name - 1);
    assert_int_equal(cpio_entry(&c, &large), -EFBIG);
    assert_int_equal(cpio_entry(&c, &lengthy), -EFBIG);
}

static void a_file_larger_than_the_buffer_is_whole(void **state)
{
    static char body[200000];
    struct cpio c = {.fd = memfd_create("cpio", 0)};

    (void)state;
    for (size_t i = 0; i + 1 < sizeof body; i++)
        body[i] = (char)('a' + i % 26);
    assert_int_equal(cpio_file(&c, "large", 0600, body, sizeof body - 1), 0);
    assert_int_equal(cpio_end(&c), 0);
    read_back(c.fd);
    check(0, "large", S_IFREG | 0600, body);
    close(c.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_as_the_format_says), cmocka_unit_test(inodes_are_told_apart),
        cmocka_unit_test(more_than_was_announced_is_refused), cmocka_unit_test(what_the_format_cannot_hold_is_refused),
        cmocka_unit_test(a_file_larger_than_the_buffer_is_whole)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
