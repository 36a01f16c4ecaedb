/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that lead out of the directory, by each function that takes one: none gets there. What they would reach lies
 * beside the directory, and is first shown to be reached by the host's own calls. */
#include "wasi_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT 3u
#define ALL  UINT64_MAX

/* Links that somebody on the host has put there. */
static void plant(struct program *p)
{
    char absolute[64];

    snprintf(absolute, sizeof absolute, "%s/secret", p->place);
    assert_int_equal(symlinkat("../secret", p->in_fd, "link"), 0);
    assert_int_equal(symlinkat(absolute, p->in_fd, "absolute"), 0);
    assert_int_equal(symlinkat("../outside", p->in_fd, "directory"), 0);
    assert_int_equal(symlinkat("link", p->in_fd, "chain"), 0);
    assert_int_equal(symlinkat("..", p->in_fd, "up"), 0);
    assert_int_equal(symlinkat("/", p->in_fd, "top"), 0);
    assert_int_equal(symlinkat("/proc/self/cwd", p->in_fd, "magic"), 0);
    assert_int_equal(mkdirat(p->in_fd, "sub", 0755), 0);
    assert_int_equal(symlinkat("../../secret", p->in_fd, "sub/link"), 0);
    host_file(p, "file", "inside");
}

/* What the host has beside the directory, in one line. */
static void outside(struct program *p, char *text, size_t size)
{
    static const char *const names[] = {"secret", "outside", "."};
    size_t n = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat st;
        assert_int_equal(fstatat(p->place_fd, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
        n += (size_t)snprintf(text + n, size - n, "%s %o %ld %lu %ld.%ld %ld.%ld;", names[i], st.st_mode,
                              (long)st.st_size, (unsigned long)st.st_nlink, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                              (long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    }
}

static const char *const escapes[] = {
    "../secret",
    "sub/../../secret",
    "./../secret",
    "link",
    "absolute",
    "chain",
    "up/secret",
    "sub/link",
    "sub/../link",
    "../in/link",
    "sub/../up/secret",
    "directory/../secret",
    "../outside",
    "directory",
    "directory/new",
    "directory/.",
    "..",
    "sub/../..",
    "up",
    "up/outside/new",
    "../outside/new",
    "top",
    "top/etc/passwd",
    "top/tmp/new",
    "magic",
    "magic/new",
    "/etc/passwd",
    "/secret",
    "//",
    "directory/",
    "directory/../in",
    "up/",
    "up/in/file",
    "link/",
    "../new",
    "directory/new/",
};

static bool host_reaches(struct program *p, const char *path)
{
    struct stat st;

    return fstatat(p->in_fd, path, &st, 0) == 0 || strstr(path, "new");
}

static void test_escapes_are_refused_by_looking_and_opening(void **state)
{
    static const uint64_t rights[] = {0, RIGHT_FD_READ, RIGHT_FD_WRITE, RIGHT_FD_READ | RIGHT_FD_WRITE};
    static const uint32_t oflags[] = {0, OFLAG_CREAT, OFLAG_CREAT | OFLAG_TRUNC, OFLAG_TRUNC, OFLAG_DIRECTORY};
    char before[600], after[600];
    struct program *p = *state;

    plant(p);
    outside(p, before, sizeof before);
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        uint32_t fd, n = put_text(p, AT_PATH, escapes[i]);
        if (!host_reaches(p, escapes[i]) && escapes[i][strlen(escapes[i]) - 1] != '/' && escapes[i][0] != '/')
            fail_msg("%s leads nowhere even without a guard", escapes[i]);
        for (size_t r = 0; r < 4; r++) {
            for (size_t o = 0; o < 5; o++) {
                int error = do_open(p, ROOT, escapes[i], LOOKUP_SYMLINK_FOLLOW, oflags[o], rights[r], &fd);
                if (error == OK)
                    fail_msg("%s was opened, rights %llu, oflags %u", escapes[i], (unsigned long long)rights[r],
                             oflags[o]);
            }
        }
        int error = CALL(p, "path_filestat_get", ROOT, LOOKUP_SYMLINK_FOLLOW, AT_PATH, n, AT_BUFFER);
        if (error != E_NOTCAPABLE && error != E_LOOP && error != E_NOTDIR)
            fail_msg("%s was looked at: errno %d", escapes[i], error);
        error = CALL(p, "path_filestat_set_times", ROOT, LOOKUP_SYMLINK_FOLLOW, AT_PATH, n, 1, 1, FST_ATIM | FST_MTIM);
        if (error != E_NOTCAPABLE && error != E_LOOP && error != E_NOTDIR)
            fail_msg("%s got other times: errno %d", escapes[i], error);
    }
    outside(p, after, sizeof after);
    assert_string_equal(before, after);
}

/* Names are made, moved and removed where the last name lies: of a link the link itself. */
static void test_escapes_change_nothing_outside(void **state)
{
    static const char *const one[] = {"path_create_directory", "path_remove_directory", "path_unlink_file"};
    static const char *const two[] = {"path_rename", "path_link"};
    char before[600], after[600];
    struct program *p = *state;

    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        const char *path = escapes[i];
        program_end(p);
        program_setup(p);
        plant(p);
        outside(p, before, sizeof before);
        for (size_t f = 0; f < 2; f++) {
            do_two(p, two[f], ROOT, "file", ROOT, path);
            do_two(p, two[f], ROOT, path, ROOT, "got");
            unlinkat(p->in_fd, "got", 0);
            host_file(p, "file", "inside");
        }
        uint32_t n = put_text(p, AT_PATH, "target"), n2 = put_text(p, AT_PATH2, path);
        CALL(p, "path_symlink", AT_PATH, n, ROOT, AT_PATH2, n2);
        for (size_t f = 0; f < 3; f++)
            do_path(p, one[f], ROOT, path);
        outside(p, after, sizeof after);
        if (strcmp(before, after))
            fail_msg("%s:\nbefore %s\nafter  %s", path, before, after);
    }
}

/* A file, then a directory, opened; nothing is reachable from it but what lies below. */
static void test_directory_that_was_opened_is_a_root_of_its_own(void **state)
{
    struct program *p = *state;
    uint32_t sub, fd;

    plant(p);
    assert_int_equal(
        do_open(p, ROOT, "sub", 0, OFLAG_DIRECTORY, ALL & ~(uint64_t)(RIGHT_FD_READ | RIGHT_FD_WRITE), &sub), OK);
    assert_int_equal(do_open(p, sub, "../file", 0, 0, RIGHT_FD_READ, &fd), E_NOTCAPABLE);
    assert_string_equal(p->denial.path, "sub/../file");
    assert_int_equal(do_open(p, ROOT, "sub/../file", 0, 0, RIGHT_FD_READ, &fd), OK);
}

static void test_links_inside_are_followed_where_asked(void **state)
{
    struct program *p = *state;
    uint32_t fd, n;
    char text[64];

    host_file(p, "file", "inside");
    assert_int_equal(symlinkat("file", p->in_fd, "link"), 0);
    assert_int_equal(do_open(p, ROOT, "link", 0, 0, RIGHT_FD_READ, &fd), E_LOOP);
    assert_int_equal(do_open(p, ROOT, "link", LOOKUP_SYMLINK_FOLLOW, 0, RIGHT_FD_READ, &fd), OK);
    assert_int_equal(do_read(p, fd, text, sizeof text, &n), OK);
    assert_string_equal(text, "inside");
}

static void test_texts_that_are_no_paths(void **state)
{
    struct program *p = *state;
    char longest[PATH_MAX + 1];

    memset(longest, 'a', sizeof longest);
    put(p, AT_PATH, longest, sizeof longest);
    assert_int_equal(CALL(p, "path_create_directory", ROOT, AT_PATH, PATH_MAX), E_NAMETOOLONG);
    assert_int_equal(CALL(p, "path_create_directory", ROOT, AT_PATH, PATH_MAX - 1), E_NAMETOOLONG); /* one name */
    assert_int_equal(CALL(p, "path_create_directory", ROOT, AT_PATH, 256), E_NAMETOOLONG);
    assert_int_equal(CALL(p, "path_create_directory", ROOT, AT_PATH, 255), OK);
    assert_int_equal(CALL(p, "path_create_directory", ROOT, AT_PATH, 0), E_NOENT);
    put(p, AT_PATH, "a\0b", 3);
    assert_int_equal(CALL(p, "path_create_directory", ROOT, AT_PATH, 3), E_INVAL);
    put(p, AT_PATH, "a/", 3);
    assert_int_equal(CALL(p, "path_create_directory", ROOT, AT_PATH, 3), E_INVAL);
}

/* A slash at the end, "." and "..": the errors of Linux, and never another file than the one that is named. */
static void test_last_names(void **state)
{
    static const struct {
        const char *function, *path;
        int error;
    } cases[] = {
        {"path_create_directory", "new///", OK},
        {"path_create_directory", "new/.", E_EXIST},
        {"path_create_directory", "new/..", E_EXIST},
        {"path_create_directory", ".", E_EXIST},
        {"path_create_directory", "..", E_NOTCAPABLE},
        {"path_create_directory", "none/..", E_NOENT},
        {"path_create_directory", "to-directory/", E_EXIST},
        {"path_remove_directory", ".", E_INVAL},
        {"path_remove_directory", "new/..", E_INVAL},
        {"path_remove_directory", "..", E_NOTCAPABLE},
        {"path_remove_directory", "to-directory", E_NOTDIR},
        {"path_remove_directory", "to-directory/", E_NOTDIR},
        {"path_remove_directory", "file/", E_NOTDIR},
        {"path_unlink_file", "file/", E_NOTDIR},
        {"path_unlink_file", "new/", E_ISDIR},
        {"path_unlink_file", ".", E_ISDIR},
        {"path_unlink_file", "to-directory/", E_NOTDIR},
        {"path_unlink_file", "to-directory", OK},
        {"path_remove_directory", "new//", OK},
    };
    struct program *p = *state;

    host_file(p, "file", "inside");
    assert_int_equal(mkdirat(p->in_fd, "kept", 0755), 0);
    assert_int_equal(symlinkat("kept", p->in_fd, "to-directory"), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int r = do_path(p, cases[i].function, ROOT, cases[i].path);
        if (r != cases[i].error)
            fail_msg("%s %s: errno %d, not %d", cases[i].function, cases[i].path, r, cases[i].error);
    }
    assert_int_equal(faccessat(p->in_fd, "kept", F_OK, 0), 0);
    assert_true(host_holds(p, "file", "inside"));
}

/* linkat(2) follows a link with a slash behind it: not here. */
static void test_link_source_with_slash_is_not_followed(void **state)
{
    struct program *p = *state;

    host_file(p, "file", "inside");
    assert_int_equal(symlinkat("../secret", p->in_fd, "link"), 0);
    assert_int_equal(mkdirat(p->in_fd, "dir", 0755), 0);
    assert_int_equal(do_two(p, "path_link", ROOT, "link/", ROOT, "got"), E_NOTCAPABLE);
    assert_int_equal(do_two(p, "path_link", ROOT, "file/", ROOT, "got"), E_NOTDIR);
    assert_int_equal(do_two(p, "path_link", ROOT, "dir/", ROOT, "got"), E_PERM);
    assert_int_equal(do_two(p, "path_link", ROOT, "dir/.", ROOT, "got"), E_PERM);
    assert_int_equal(do_two(p, "path_link", ROOT, "link", ROOT, "got"), OK); /* the link itself has two names then */
    uint32_t n = put_text(p, AT_PATH, "file");
    put_text(p, AT_PATH2, "got2");
    assert_int_equal(CALL(p, "path_link", ROOT, LOOKUP_SYMLINK_FOLLOW, AT_PATH, n, ROOT, AT_PATH2, 4), E_INVAL);
}

static void test_link_texts(void **state)
{
    struct program *p = *state;
    uint32_t n = put_text(p, AT_PATH, "/etc/passwd"), n2 = put_text(p, AT_PATH2, "link");
    char text[64] = {0};

    assert_int_equal(CALL(p, "path_symlink", AT_PATH, n, ROOT, AT_PATH2, n2), E_NOTCAPABLE);
    n = put_text(p, AT_PATH, "../secret");
    assert_int_equal(CALL(p, "path_symlink", AT_PATH, n, ROOT, AT_PATH2, n2), OK);
    assert_int_equal(readlinkat(p->in_fd, "link", text, sizeof text), 9);
    assert_string_equal(text, "../secret");

    assert_int_equal(CALL(p, "path_readlink", ROOT, AT_PATH2, n2, AT_BUFFER, 4, AT_RESULT), OK);
    assert_int_equal(get32(p, AT_RESULT), 4);
    assert_memory_equal(p->memory.base + AT_BUFFER, "../s\0", 5);
    host_file(p, "file", "");
    n2 = put_text(p, AT_PATH2, "file");
    assert_int_equal(CALL(p, "path_readlink", ROOT, AT_PATH2, n2, AT_BUFFER, 4, AT_RESULT), E_INVAL);
}

/* No pipe holds up who opens it. */
static void test_pipe_without_a_peer_is_opened_at_once(void **state)
{
    struct program *p = *state;
    uint32_t fd, n;
    char text[8];

    assert_int_equal(mkfifoat(p->in_fd, "pipe", 0644), 0);
    assert_int_equal(do_open(p, ROOT, "pipe", 0, 0, RIGHT_FD_WRITE, &fd), E_NXIO);
    assert_int_equal(do_open(p, ROOT, "pipe", 0, 0, RIGHT_FD_READ, &fd), OK);
    int writer = openat(p->in_fd, "pipe", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "x", 1), 1);
    assert_int_equal(do_read(p, fd, text, sizeof text, &n), OK);
    assert_string_equal(text, "x");
    close(writer);
    assert_int_equal(do_read(p, fd, text, sizeof text, &n), OK);
    assert_int_equal(n, 0);
}

static void test_denials_say_what_was_wanted(void **state)
{
    struct program *p = *state;
    uint32_t fd;

    assert_int_equal(do_open(p, ROOT, "none/x", 0, 0, RIGHT_FD_READ, &fd), E_NOENT);
    assert_string_equal(p->denial.deed, "open for reading");
    assert_string_equal(p->denial.directory, "/");
    assert_string_equal(p->denial.path, "none/x");
    assert_int_equal(p->denial.access, WASI_ACCESS_READ);
    assert_int_equal(p->denial.error, -ENOENT);
    assert_int_equal(do_open(p, ROOT, "../x", 0, OFLAG_CREAT, RIGHT_FD_READ | RIGHT_FD_WRITE, &fd), E_NOTCAPABLE);
    assert_string_equal(p->denial.deed, "create");
    assert_int_equal(p->denial.access, WASI_ACCESS_READ | WASI_ACCESS_WRITE | WASI_ACCESS_CREATE);
    assert_int_equal(p->denial.error, -WASI_NOTCAPABLE);
    assert_int_equal(do_path(p, "path_unlink_file", ROOT, "none"), E_NOENT);
    assert_string_equal(p->denial.deed, "remove");
    assert_int_equal(p->denial.access, WASI_ACCESS_CREATE);
    assert_int_equal(do_two(p, "path_rename", ROOT, "none", ROOT, "new"), E_NOENT);
    assert_string_equal(p->denial.path, "none");
    assert_int_equal(do_two(p, "path_link", ROOT, "none", ROOT, "new"), E_NOENT);
    assert_string_equal(p->denial.path, "none");
    host_file(p, "file", "");
    assert_int_equal(do_two(p, "path_rename", ROOT, "file", ROOT, "none/new"), E_NOENT);
    assert_string_equal(p->denial.path, "none/new");
    p->n_denials = 3;
    assert_int_equal(do_path(p, "path_create_directory", ROOT, "."), E_EXIST);
    assert_int_equal(do_path(p, "path_unlink_file", 99, "none"), E_BADF);
    assert_int_equal(p->n_denials, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROGRAM_TEST(test_escapes_are_refused_by_looking_and_opening),
        PROGRAM_TEST(test_escapes_change_nothing_outside),
        PROGRAM_TEST(test_directory_that_was_opened_is_a_root_of_its_own),
        PROGRAM_TEST(test_links_inside_are_followed_where_asked),
        PROGRAM_TEST(test_texts_that_are_no_paths),
        PROGRAM_TEST(test_last_names),
        PROGRAM_TEST(test_link_source_with_slash_is_not_followed),
        PROGRAM_TEST(test_link_texts),
        PROGRAM_TEST(test_pipe_without_a_peer_is_opened_at_once),
        PROGRAM_TEST(test_denials_say_what_was_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
