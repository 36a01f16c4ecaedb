/* SPDX-License-Identifier: Apache-2.0 */
/* The log: what is written comes out, once and in order; rotation, writers that were killed at any byte, full disks,
 * readers beside a writer, and files that are no logs. */
#include "sandbox/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX (4u << 20)

static char path[] = "/tmp/test-log-XXXXXX";
static int dir = -1;
static char text[TEXT_MAX];

static void clear(void)
{
    char name[16];

    for (int i = -1; i <= LOG_FILES_MAX; i++) {
        snprintf(name, sizeof name, i > 0 ? "log.%d" : "log", i);
        if (unlinkat(dir, name, 0) < 0)
            unlinkat(dir, name, AT_REMOVEDIR);
    }
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(path) || (dir = open(path, O_RDONLY | O_DIRECTORY)) < 0)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clear();
    close(dir);
    return rmdir(path);
}

static int each(void **state)
{
    (void)state;
    clear();
    return 0;
}

static void put_file(const char *name, const void *bytes, size_t n)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static size_t get_file(const char *name, char *out, size_t max)
{
    int fd = openat(dir, name, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, out, max);

    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

static void open_log(struct log *l, uint64_t size, uint32_t files)
{
    struct err err = {0};

    if (log_open(l, dir, size, files, &err) < 0)
        fail_msg("log_open: %s", err.text);
}

static void write_one(struct log *l, uint8_t stream, const char *s)
{
    assert_int_equal(log_write(l, stream, s, strlen(s)), strlen(s));
}

/* All of both streams in their order, as one string; gaps as "<N>", or "<?>" where files are missing. */
static const char *read_on(struct log_reader *r)
{
    struct log_piece piece;
    struct err err = {0};
    size_t n = 0;
    int got;

    while ((got = log_read(r, text + n, sizeof text - n - 32, &piece, &err)) > 0)
        if (piece.lost == UINT64_MAX)
            n += (size_t)sprintf(text + n, "<?>");
        else if (piece.lost)
            n += (size_t)sprintf(text + n, "<%llu>", (unsigned long long)piece.lost);
        else
            n += piece.n;
    text[n] = 0;
    if (got < 0)
        fail_msg("log_read: %s", err.text);
    return text;
}

static const char *read_all(void)
{
    struct log_reader r;
    struct err err = {0};

    if (log_reader_open(&r, dir, &err) < 0)
        return "";
    read_on(&r);
    log_reader_close(&r);
    return text;
}

/* ---- writing and reading ------------------------------------------------------------------------------------ */

static void test_log_pieces_come_out_as_they_went_in(void **state)
{
    struct log l;
    struct log_reader r;
    struct log_piece piece;
    struct err err = {0};
    char buf[3];
    int p[2];

    (void)state;
    assert_int_equal(log_reader_open(&r, dir, &err), -ENOENT);
    open_log(&l, 65536, 2);
    assert_int_equal(pipe2(p, O_NONBLOCK), 0);
    assert_int_equal(log_take(&l, p[0], 1, 0), 0); /* empty: a record is begun and stays open */
    assert_int_equal(write(p[1], "out\0\n", 5), 5);
    assert_int_equal(log_take(&l, p[0], 1, 0), 5);
    write_one(&l, 2, "err");
    assert_int_equal(write(p[1], "abcdef", 6), 6);
    assert_int_equal(log_take(&l, p[0], 1, 4), 4);

    assert_int_equal(log_reader_open(&r, dir, &err), 0);
    assert_int_equal(log_read(&r, buf, 3, &piece, &err), 1);
    assert_true(piece.first && piece.stream == 1 && piece.n == 3 && !memcmp(buf, "out", 3));
    assert_int_equal(log_read(&r, buf, 3, &piece, &err), 1);
    assert_true(!piece.first && piece.n == 2 && !memcmp(buf, "\0\n", 2));
    assert_int_equal(log_read(&r, buf, 3, &piece, &err), 1);
    assert_true(piece.first && piece.stream == 2 && !memcmp(buf, "err", 3));
    assert_int_equal(log_reader_skip(&r, &err), 0);
    assert_int_equal(log_take(&l, p[0], 1, 0), 2);
    assert_string_equal(read_on(&r), "ef");
    log_reader_close(&r);
    log_close(&l);
    close(p[0]);
    close(p[1]);
}

static void test_log_without_size_keeps_nothing_and_empties_the_pipe(void **state)
{
    struct log l;
    struct stat st;
    int p[2];

    (void)state;
    open_log(&l, 0, 2);
    assert_int_equal(pipe2(p, O_NONBLOCK), 0);
    assert_int_equal(write(p[1], "gone", 4), 4);
    assert_int_equal(log_take(&l, p[0], 1, 0), 4);
    assert_int_equal(log_take(&l, p[0], 1, 0), 0);
    assert_true(fstatat(dir, "log", &st, 0) < 0);
    log_close(&l);
    close(p[0]);
    close(p[1]);
}

static void test_log_rotation_keeps_the_newest_within_its_sizes(void **state)
{
    struct log l;
    char line[32];

    (void)state;
    for (uint32_t files = 1; files <= 4; files++) {
        clear();
        open_log(&l, LOG_SIZE_MIN, files);
        for (int i = 0; i < 4000; i++) {
            struct stat st;
            snprintf(line, sizeof line, "%d\n", i);
            write_one(&l, 1, line);
            if (fstatat(dir, "log", &st, 0) == 0 && st.st_size > LOG_SIZE_MIN)
                fail_msg("files %u, line %d: %lld bytes", files, i, (long long)st.st_size);
        }
        struct stat st;
        snprintf(line, sizeof line, "log.%u", files);
        assert_true(fstatat(dir, line, &st, 0) < 0);
        const char *c = read_all();
        int first = atoi(c), n = first;
        for (; *c; c = strchr(c, '\n') + 1, n++)
            if (atoi(c) != n)
                fail_msg("files %u: %d comes where %d should", files, atoi(c), n);
        assert_int_equal(n, 4000);
        assert_true(files == 1 || first < 4000 - 100);
        log_close(&l);
    }
}

static void test_reader_follows_a_rotation_and_says_what_it_missed(void **state)
{
    struct log l;
    struct log_reader r;
    struct err err = {0};
    static char big[3000];

    (void)state;
    memset(big, 'x', sizeof big - 1);
    open_log(&l, LOG_SIZE_MIN, 2);
    write_one(&l, 1, "one");
    assert_int_equal(log_reader_open(&r, dir, &err), 0);
    assert_string_equal(read_on(&r), "one");
    write_one(&l, 1, "two");
    write_one(&l, 1, big); /* fits */
    write_one(&l, 1, big); /* rotates in the middle */
    const char *got = read_on(&r);
    assert_int_equal(strlen(got), 3 + 2 * (sizeof big - 1));
    for (int i = 0; i < 5; i++) /* three files on: two are gone */
        write_one(&l, 1, big);
    write_one(&l, 1, "end");
    got = read_on(&r);
    assert_non_null(strstr(got, "<?>"));
    assert_string_equal(got + strlen(got) - 3, "end");
    assert_string_equal(read_on(&r), "");
    log_reader_close(&r);
    log_close(&l);
}

static void test_reader_goes_on_behind_a_file_without_its_last_record(void **state)
{
    struct log l;

    (void)state;
    open_log(&l, LOG_SIZE_MIN, 3);
    write_one(&l, 1, "old ");
    log_close(&l);
    assert_int_equal(renameat(dir, "log", dir, "log.1"), 0);
    open_log(&l, LOG_SIZE_MIN, 3);
    write_one(&l, 1, "new");
    log_close(&l);
    assert_string_equal(read_all(), "old new");
}

/* ---- killed writers ----------------------------------------------------------------------------------------- */

/* A file that ends anywhere: what is whole comes out, and the next writer goes on behind it. */
static void test_log_cut_at_any_byte_is_mended(void **state)
{
    static char whole[4096];
    struct log l;

    (void)state;
    open_log(&l, 65536, 2);
    write_one(&l, 1, "first ");
    write_one(&l, 2, "second ");
    write_one(&l, 1, "third ");
    log_close(&l);
    size_t n = get_file("log", whole, sizeof whole);
    for (size_t cut = 0; cut <= n; cut++) {
        clear();
        put_file("log", whole, cut);
        open_log(&l, 65536, 2);
        write_one(&l, 1, "new");
        log_close(&l);
        const char *got = read_all();
        static const char *const good[] = {"new", "first new", "first second new", "first second third new"};
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(good); i++)
            found |= !strcmp(got, good[i]);
        if (!found || (cut == n && strcmp(got, good[3]) != 0))
            fail_msg("cut at %zu of %zu: %s", cut, n, got);
    }
}

static void test_log_open_record_is_closed_with_what_it_has(void **state)
{
    static char whole[4096];
    struct log l;
    struct log_reader r;
    struct err err = {0};

    (void)state;
    open_log(&l, 65536, 2);
    write_one(&l, 1, "first ");
    write_one(&l, 1, "bytes ");
    log_close(&l);
    size_t n = get_file("log", whole, sizeof whole);
    struct log_header h;
    memcpy(&h, whole + n - 6 - sizeof h, sizeof h);
    h.flags = LOG_OPEN;
    h.length = 0;
    memcpy(whole + n - 6 - sizeof h, &h, sizeof h);
    put_file("log", whole, n);
    assert_int_equal(log_reader_open(&r, dir, &err), 0);
    assert_string_equal(read_on(&r), "first "); /* no more, as long as it is being written */
    open_log(&l, 65536, 2);
    write_one(&l, 2, "new");
    assert_string_equal(read_on(&r), "bytes new");
    log_reader_close(&r);
    log_close(&l);
}

/* Killed between the steps of a rotation: the numbers go on, and so do readers. */
static void test_log_killed_in_a_rotation_goes_on(void **state)
{
    static char big[3500];
    static const char *const moved[][2] = {{"log.1", "log.2"}, {"log", "log.1"}};
    static char file[8192];

    (void)state;
    memset(big, 'x', sizeof big - 1);
    for (size_t steps = 0; steps <= 3; steps++) {
        struct log l;
        struct log_reader r;
        struct err err = {0};
        clear();
        open_log(&l, LOG_SIZE_MIN, 3);
        for (int i = 0; i < 3; i++)
            write_one(&l, 1, big);
        write_one(&l, 1, "before ");
        assert_int_equal(log_reader_open(&r, dir, &err), 0);
        read_on(&r);
        size_t n = get_file("log", file, sizeof file - sizeof(struct log_header));
        memcpy(file + n, &(struct log_header){.flags = LOG_CLOSED, .mark = LOG_MARK}, sizeof(struct log_header));
        put_file("log", file, n + sizeof(struct log_header));
        log_close(&l);
        for (size_t i = 0; i < steps && i < 2; i++)
            assert_int_equal(renameat(dir, moved[i][0], dir, moved[i][1]), 0);
        if (steps == 3)
            put_file("log", "", 0);
        open_log(&l, LOG_SIZE_MIN, 3);
        write_one(&l, 1, "after");
        log_close(&l);
        const char *got = read_on(&r);
        if (strcmp(got, "after") != 0)
            fail_msg("after %zu steps a reader sees: %s", steps, got);
        log_reader_close(&r);
        got = read_all();
        size_t len = strlen(got);
        if (len < 12 || strcmp(got + len - 12, "before after") != 0)
            fail_msg("after %zu steps a new reader sees: %s", steps, got + (len > 40 ? len - 40 : 0));
    }
}

static void test_log_that_is_none_is_set_aside(void **state)
{
    struct log l;

    (void)state;
    put_file("log", "this is the log of something else", 33);
    put_file("log.1", "and this", 8);
    open_log(&l, 65536, 3);
    write_one(&l, 1, "new");
    log_close(&l);
    assert_string_equal(read_all(), "new");
    assert_int_equal(get_file("log.1", text, 100), 33);
}

/* ---- full disks --------------------------------------------------------------------------------------------- */

/* With a limit on file sizes in place of a full disk: writing fails in the same places, with EFBIG. */
static void test_log_gap_is_on_record_when_there_is_room_again(void **state)
{
    static char block[1000];
    struct log l;
    struct rlimit old, small;

    (void)state;
    memset(block, 'x', sizeof block - 1);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    for (rlim_t limit = 4096; limit < 4096 + 64; limit++) { /* the end falls on each byte of a header */
        size_t lost = 0, kept = 0;
        clear();
        open_log(&l, 65536, 2);
        small = (struct rlimit){limit, old.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        for (int i = 0; i < 8; i++)
            log_write(&l, 1, block, sizeof block - 1);
        setrlimit(RLIMIT_FSIZE, &old);
        write_one(&l, 1, "!after");
        log_close(&l);
        const char *got = read_all(), *gap = strchr(got, '<');
        kept = gap ? (size_t)(gap - got) : 0;
        lost = gap ? strtoul(gap + 1, NULL, 10) : 0;
        if (!gap || strcmp(strchr(gap, '>') + 1, "!after") != 0 || kept + lost != 8 * (sizeof block - 1))
            fail_msg("limit %lu: kept %zu, lost %zu: %s", (unsigned long)limit, kept, lost, gap ? gap : "no gap");
    }
    signal(SIGXFSZ, SIG_DFL);
}

/* ---- at the same time --------------------------------------------------------------------------------------- */

/* A writer that rotates as fast as it can, and a reader: numbers grow; one is left out only where a gap was said. */
static void test_reader_beside_a_writer_sees_each_line_or_a_gap(void **state)
{
    enum { LINES = 60000 };
    struct log l;
    struct log_reader r;
    struct log_piece piece;
    struct err err = {0};
    char buf[65536], line[64];
    size_t have = 0;
    long next = 0;
    bool gap = false;
    int status = 0;
    pid_t writer;

    (void)state;
    open_log(&l, 16384, 3);
    write_one(&l, 1, "0\n");
    assert_int_equal(log_reader_open(&r, dir, &err), 0);
    if ((writer = fork()) == 0) {
        for (long i = 1; i < LINES; i++) {
            int n = snprintf(line, sizeof line, "%ld\n", i);
            log_write(&l, 1, line, (size_t)n);
            if (i % 1000 == 0)
                usleep(1);
        }
        _exit(0);
    }
    for (bool over = false;;) {
        int got = log_read(&r, buf + have, sizeof buf - have, &piece, &err);
        if (got < 0)
            fail_msg("behind line %ld: %s", next, err.text);
        if (got == 0 && over)
            break;
        if (got == 0) {
            over = waitpid(writer, &status, WNOHANG) == writer;
            continue;
        }
        if (piece.lost) {
            gap = true;
            have = 0;
            continue;
        }
        have += piece.n;
        char *c = buf, *end;
        while ((end = memchr(c, '\n', have - (size_t)(c - buf)))) {
            long number = atol(c);
            /* Behind a gap the first line may be the tail of one; numbers grow even so, or it is shorter. */
            if (number != next && !gap)
                fail_msg("line %ld comes where %ld should", number, next);
            if (!gap || number >= next)
                next = number + 1;
            gap = gap && number < next - 1;
            c = end + 1;
        }
        have -= (size_t)(c - buf);
        memmove(buf, c, have);
    }
    assert_int_equal(next, LINES);
    log_reader_close(&r);
    log_close(&l);
}

/* ---- files that mean harm ----------------------------------------------------------------------------------- */

static void drink(void)
{
    struct log_reader r;
    struct log_piece piece;
    struct err err = {0};
    static char buf[100];
    int got = 0, n = 0;

    if (log_reader_open(&r, dir, &err) < 0)
        return;
    while (n < 1000000 && (got = log_read(&r, buf, sizeof buf, &piece, &err)) > 0)
        n++;
    if (n == 1000000)
        fail_msg("a reader does not come to an end");
    if (got < 0)
        assert_true(err.text[0] && !strchr(err.text, '\n'));
    log_reader_close(&r);
}

static void test_hostile_files_end_in_bounded_time(void **state)
{
    static const uint64_t numbers[][3] = {
        {1, 1, 1}, {2, 1, 3}, {UINT64_MAX, UINT64_MAX, 1}, {5, 5, 4}, {UINT64_MAX - 1, UINT64_MAX, 0}};
    struct file {
        struct log_file_header f;
        struct log_header h[3];
    } file = {.f = {LOG_MAGIC, 0}};
    struct log l;
    uint64_t random = 88172645463325252u;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) /* all closed: circles of files */
        for (size_t k = 0; k < 3; k++) {
            file.h[0] = (struct log_header){.flags = LOG_CLOSED, .mark = LOG_MARK};
            file.f.sequence = numbers[i][k];
            put_file(k == 0 ? "log" : k == 1 ? "log.1" : "log.2", &file, sizeof file);
            drink();
        }
    for (int i = 0; i < 3000; i++) {
        for (size_t k = 0; k < sizeof file.h; k++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            ((uint8_t *)file.h)[k] = (uint8_t)random;
        }
        file.f.sequence = random % 3;
        for (size_t k = 0; k < 3; k++)
            file.h[k].mark = LOG_MARK;
        file.h[0].flags &= 7;
        if (i % 3 == 0)
            file.h[0].length = (uint32_t)(random >> 40) % 40;
        put_file(i % 2 ? "log" : "log.1", &file, sizeof file);
        drink();
        struct err err = {0};
        if (log_open(&l, dir, 65536, 3, &err) == 0)
            log_write(&l, 1, "x", 1);
        log_close(&l);
        drink();
    }
}

static void test_log_that_is_no_file_is_no_log(void **state)
{
    struct err err = {0};
    struct log_reader r;
    struct log l;

    (void)state;
    assert_int_equal(symlinkat("/etc/passwd", dir, "log"), 0);
    assert_int_equal(log_reader_open(&r, dir, &err), -ENOENT);
    assert_true(log_open(&l, dir, 65536, 2, &err) < 0);
    log_close(&l);
    clear();
    assert_int_equal(mkfifoat(dir, "log", 0600), 0); /* and nobody waits on it */
    assert_int_equal(log_reader_open(&r, dir, &err), -ENOENT);
    open_log(&l, 65536, 2);
    write_one(&l, 1, "set aside");
    log_close(&l);
    assert_string_equal(read_all(), "set aside");
    clear();
    assert_int_equal(mkdirat(dir, "log", 0700), 0);
    assert_int_equal(log_reader_open(&r, dir, &err), -ENOENT);
    assert_true(log_open(&l, dir, 65536, 2, &err) < 0);
    log_close(&l);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, each)
    const struct CMUnitTest tests[] = {
        TEST(test_log_pieces_come_out_as_they_went_in),
        TEST(test_log_without_size_keeps_nothing_and_empties_the_pipe),
        TEST(test_log_rotation_keeps_the_newest_within_its_sizes),
        TEST(test_reader_follows_a_rotation_and_says_what_it_missed),
        TEST(test_reader_goes_on_behind_a_file_without_its_last_record),
        TEST(test_log_cut_at_any_byte_is_mended),
        TEST(test_log_open_record_is_closed_with_what_it_has),
        TEST(test_log_killed_in_a_rotation_goes_on),
        TEST(test_log_that_is_none_is_set_aside),
        TEST(test_log_gap_is_on_record_when_there_is_room_again),
        TEST(test_reader_beside_a_writer_sees_each_line_or_a_gap),
        TEST(test_hostile_files_end_in_bounded_time),
        TEST(test_log_that_is_no_file_is_no_log),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
