/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that change while they are looked up: a second thread exchanges a directory for a link that leads out, a file
 * for a link to the secret, and moves a directory out of the tree and back, without pause. The program looks up, opens,
 * makes, moves and removes through these names. It never sees what lies outside, and there nothing changes. The same
 * names are first used without a guard, until they led out once: so the exchange is quick enough.
 *
 * 20,000 rounds, times MOAT_TEST_SCALE.
 */
#include "wasi_fixture.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT   3u
#define ROUNDS 20000u

static atomic_bool over;

static void fill(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* in/swing/file and in/other -> ../outside; in/file and in/link -> ../secret; in/deep/a with in/deep/x, outside/x */
static int setup(void **state)
{
    static struct program p;

    program_setup(&p);
    assert_int_equal(mkdirat(p.in_fd, "swing", 0755), 0);
    assert_int_equal(mkdirat(p.in_fd, "deep", 0755), 0);
    assert_int_equal(mkdirat(p.in_fd, "deep/a", 0755), 0);
    fill(p.in_fd, "swing/file", "inside");
    fill(p.in_fd, "file", "inside");
    fill(p.in_fd, "deep/x", "inside");
    fill(p.place_fd, "outside/file", SECRET);
    fill(p.place_fd, "outside/x", SECRET);
    assert_int_equal(symlinkat("../outside", p.in_fd, "other"), 0);
    assert_int_equal(symlinkat("../secret", p.in_fd, "link"), 0);
    atomic_store(&over, false);
    *state = &p;
    return 0;
}

static void *exchange(void *data)
{
    struct program *p = data;

    while (!atomic_load(&over)) {
        renameat2(p->in_fd, "swing", p->in_fd, "other", RENAME_EXCHANGE);
        renameat2(p->in_fd, "file", p->in_fd, "link", RENAME_EXCHANGE);
    }
    return NULL;
}

static void *move_away(void *data)
{
    struct program *p = data;

    while (!atomic_load(&over)) {
        renameat(p->in_fd, "deep/a", p->place_fd, "outside/a");
        renameat(p->place_fd, "outside/a", p->in_fd, "deep/a");
    }
    return NULL;
}

/* Until the name led out once. */
static void show_without_guard(struct program *p, const char *path)
{
    char text[64];
    bool escaped = false;

    for (unsigned i = 0; i < 50000000 && !escaped; i++) {
        int fd = openat(p->in_fd, path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
        escaped = n > 0 && n == (ssize_t)strlen(SECRET) && !memcmp(text, SECRET, (size_t)n);
        if (fd >= 0)
            close(fd);
    }
    assert_true(escaped);
}

static unsigned rounds(void)
{
    const char *scale = getenv("MOAT_TEST_SCALE");
    int n = scale ? atoi(scale) : 1;

    return ROUNDS * (unsigned)(n > 0 ? n : 1);
}

/* Counts in seen[] how often it was opened and how often not. */
static void open_and_read(struct program *p, const char *path, uint32_t oflags, uint64_t rights, unsigned seen[2])
{
    char text[64];
    uint32_t fd, n;

    int r = do_open(p, ROOT, path, LOOKUP_SYMLINK_FOLLOW, oflags, rights, &fd);
    seen[r == OK]++;
    if (r != OK)
        return;
    if (rights & RIGHT_FD_READ && do_read(p, fd, text, sizeof text, &n) == OK && strstr(text, "nobody"))
        fail_msg("%s let the secret be read", path);
    assert_int_equal(CALL(p, "fd_close", fd), OK);
}

static void outside_is(struct program *p, const char *name, struct stat *before)
{
    char text[64] = {0};
    struct stat st;
    int fd = openat(p->place_fd, name, O_RDONLY | O_CLOEXEC | O_NOATIME);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    if (S_ISREG(st.st_mode)) {
        assert_true(read(fd, text, sizeof text - 1) > 0);
        assert_string_equal(text, SECRET);
    }
    close(fd);
    if (before->st_ino) {
        assert_int_equal(st.st_ino, before->st_ino);
        assert_int_equal(st.st_nlink, before->st_nlink);
        assert_memory_equal(&st.st_mtim, &before->st_mtim, sizeof st.st_mtim);
        assert_memory_equal(&st.st_ctim, &before->st_ctim, sizeof st.st_ctim);
    }
    *before = st;
}

/* One round through names that may be the link's by now. */
static void change_all(struct program *p)
{
    uint32_t n;

    do_path(p, "path_create_directory", ROOT, "swing/dir");
    do_path(p, "path_remove_directory", ROOT, "swing/dir");
    do_two(p, "path_rename", ROOT, "swing/file", ROOT, "swing/moved");
    do_two(p, "path_rename", ROOT, "swing/moved", ROOT, "swing/file");
    do_two(p, "path_link", ROOT, "swing/file", ROOT, "swing/second");
    do_path(p, "path_unlink_file", ROOT, "swing/second");
    n = put_text(p, AT_PATH, "swing/made");
    CALL(p, "path_symlink", AT_PATH, n, ROOT, AT_PATH, n);
    do_path(p, "path_unlink_file", ROOT, "swing/made");
    n = put_text(p, AT_PATH, "file");
    CALL(p, "path_filestat_set_times", ROOT, LOOKUP_SYMLINK_FOLLOW, AT_PATH, n, 5, 5, FST_MTIM | FST_ATIM);
    n = put_text(p, AT_PATH, "swing/file");
    CALL(p, "path_filestat_set_times", ROOT, LOOKUP_SYMLINK_FOLLOW, AT_PATH, n, 5, 5, FST_MTIM | FST_ATIM);
}

static void test_exchanged_links_never_lead_out(void **state)
{
    static const char *const names[] = {"outside", "outside/file", "secret"};
    struct program *p = *state;
    struct stat before[ARRAY_LEN(names)] = {0};
    unsigned seen[2] = {0};
    pthread_t t;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        outside_is(p, names[i], &before[i]);
    pthread_create(&t, NULL, exchange, p);
    show_without_guard(p, "swing/file");
    show_without_guard(p, "file");
    for (unsigned i = 0; i < rounds() || !seen[0] || !seen[1]; i++) {
        open_and_read(p, "swing/file", 0, RIGHT_FD_READ, seen);
        open_and_read(p, "file", 0, RIGHT_FD_READ, seen);
        open_and_read(p, "swing/../swing/file", 0, RIGHT_FD_READ, seen);
        open_and_read(p, "swing/file", OFLAG_TRUNC, RIGHT_FD_WRITE, seen);
        open_and_read(p, "swing/new", OFLAG_CREAT, RIGHT_FD_WRITE, seen);
        change_all(p);
    }
    atomic_store(&over, true);
    pthread_join(t, NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        outside_is(p, names[i], &before[i]);
}

static void test_moved_directory_never_leads_out(void **state)
{
    struct program *p = *state;
    unsigned seen[2] = {0};
    char path[2048] = "deep/a/";
    pthread_t t;

    for (unsigned i = 0; i < 500; i++) /* to stay there for a while */
        strcat(path, "./");
    strcat(path, "../x");
    pthread_create(&t, NULL, move_away, p);
    show_without_guard(p, path);
    for (unsigned i = 0; i < rounds() || !seen[0] || !seen[1]; i++)
        open_and_read(p, path, 0, RIGHT_FD_READ, seen);
    atomic_store(&over, true);
    pthread_join(t, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exchanged_links_never_lead_out, setup, program_test_teardown),
        cmocka_unit_test_setup_teardown(test_moved_directory_never_leads_out, setup, program_test_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
