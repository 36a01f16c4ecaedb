/* SPDX-License-Identifier: Apache-2.0 */
/* fd_readdir: cookies, buffers of any size, directories that change while they are listed. */
#include "wasi_fixture.h"

#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT  3u
#define FILES 700u /* some chunks of getdents64(2) */

struct name {
    uint64_t next, ino;
    uint8_t type;
    char text[NAME_MAX + 1];
};

/* One call; the names that came whole. *full: the buffer was filled. */
static unsigned list(struct program *p, uint32_t room, uint64_t cookie, struct name *out, bool *full)
{
    const uint8_t *from = p->memory.base + AT_BUFFER;
    struct wasi_dirent d;
    unsigned n = 0;

    assert_int_equal(CALL(p, "fd_readdir", ROOT, AT_BUFFER, room, cookie, AT_RESULT), OK);
    uint32_t used = get32(p, AT_RESULT), at = 0;
    assert_true(used <= room);
    *full = used == room;
    while (used - at >= sizeof d) {
        memcpy(&d, from + at, sizeof d);
        assert_true(d.name_length > 0 && d.name_length <= NAME_MAX);
        if (used - at - sizeof d < d.name_length)
            break;
        out[n] = (struct name){.next = d.next, .ino = d.ino, .type = d.type};
        memcpy(out[n++].text, from + at + sizeof d, d.name_length);
        at += (uint32_t)sizeof d + d.name_length;
    }
    return n;
}

/* All names by calls with a buffer of that size, as libraries do it. */
static unsigned list_all(struct program *p, uint32_t room, struct name *out, unsigned max)
{
    static struct name some[FILES + 10];
    uint64_t cookie = 0;
    unsigned total = 0;
    bool full = true;

    while (full) {
        unsigned n = list(p, room, cookie, some, &full);
        if (!n && full)
            fail_msg("a buffer of %u bytes holds no name at cookie %llu", room, (unsigned long long)cookie);
        for (unsigned i = 0; i < n; i++) {
            assert_true(total < max);
            out[total++] = some[i];
            cookie = some[i].next;
        }
    }
    return total;
}

static void make_files(struct program *p, unsigned n)
{
    char name[64];

    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "f%0*u", (int)(1 + i % 40), i);
        host_file(p, name, "");
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void test_every_buffer_size_gives_the_same_names(void **state)
{
    static const uint32_t rooms[] = {70, 71, 100, 256, 1000, 4096, 8191, 60000};
    static struct name all[FILES + 10], again[FILES + 10];
    struct program *p = *state;

    make_files(p, FILES);
    unsigned n = list_all(p, 5000, all, FILES + 10);
    assert_int_equal(n, FILES + 2);
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        assert_int_equal(list_all(p, rooms[i], again, FILES + 10), n);
        for (unsigned j = 0; j < n; j++)
            assert_string_equal(all[j].text, again[j].text);
    }
    qsort(all, n, sizeof *all, by_text);
    assert_string_equal(all[0].text, ".");
    assert_string_equal(all[1].text, "..");
    for (unsigned j = 1; j < n; j++)
        assert_true(strcmp(all[j - 1].text, all[j].text) < 0);
}

static void test_small_buffers_are_filled_with_a_cut_record(void **state)
{
    struct program *p = *state;
    struct name some[4];
    bool full;

    for (uint32_t room = 0; room < 25; room++) { /* "." takes 25 bytes, ".." one more */
        assert_int_equal(list(p, room, 0, some, &full), 0);
        assert_true(full);
    }
    assert_int_equal(list(p, 26, 0, some, &full), 1);
}

static void test_any_cookie_goes_on_where_it_was_given(void **state)
{
    static struct name all[FILES + 10], some[8];
    struct program *p = *state;
    bool full;

    make_files(p, FILES);
    unsigned n = list_all(p, 4096, all, FILES + 10);
    srandom(7);
    for (unsigned i = 0; i < 300; i++) {
        unsigned at = (unsigned)random() % (n - 1);
        assert_true(list(p, 100, all[at].next, some, &full) > 0);
        assert_string_equal(some[0].text, all[at + 1].text);
    }
    assert_int_equal(list(p, 4096, all[n - 1].next, some, &full), 0);
    assert_false(full);
    assert_int_equal(list(p, 4096, UINT64_MAX, some, &full), 0);
    assert_false(full);
}

/* rm -r: a buffer of names, all removed, the next buffer from the last cookie. */
static void test_removing_while_listing_misses_nothing(void **state)
{
    static struct name some[FILES + 10];
    struct program *p = *state;
    uint64_t cookie = 0;
    unsigned removed = 0;
    bool full = true;

    make_files(p, FILES);
    while (full) {
        unsigned n = list(p, 3000, cookie, some, &full);
        for (unsigned i = 0; i < n; i++) {
            cookie = some[i].next;
            removed += unlinkat(p->in_fd, some[i].text, 0) == 0;
        }
    }
    assert_int_equal(removed, FILES);
}

static void test_from_the_start_new_names_are_seen(void **state)
{
    struct program *p = *state;
    struct name some[8];

    assert_int_equal(list_all(p, 1000, some, 8), 2);
    make_files(p, 2);
    assert_int_equal(list_all(p, 1000, some, 8), 4);
    assert_int_equal(unlinkat(p->in_fd, "f0", 0), 0);
    assert_int_equal(list_all(p, 1000, some, 8), 3);
}

static void test_types_and_numbers(void **state)
{
    struct program *p = *state;
    struct stat inside, above;
    struct name some[8];
    unsigned seen = 0;

    make_files(p, 1);
    assert_int_equal(mkdirat(p->in_fd, "dir", 0755), 0);
    assert_int_equal(symlinkat("dir", p->in_fd, "link"), 0);
    assert_int_equal(mkfifoat(p->in_fd, "pipe", 0644), 0);
    unsigned n = list_all(p, 1000, some, 8);
    for (unsigned i = 0; i < n; i++) {
        seen += !strcmp(some[i].text, "f0") && some[i].type == FILETYPE_REGULAR_FILE;
        seen += !strcmp(some[i].text, "dir") && some[i].type == FILETYPE_DIRECTORY;
        seen += !strcmp(some[i].text, "link") && some[i].type == FILETYPE_SYMBOLIC_LINK;
        seen += !strcmp(some[i].text, "pipe") && some[i].type == FILETYPE_UNKNOWN;
    }
    assert_int_equal(seen, 4);

    /* What is above the root is not told. */
    assert_int_equal(fstat(p->in_fd, &inside), 0);
    assert_int_equal(fstat(p->place_fd, &above), 0);
    assert_true(inside.st_ino != above.st_ino);
    for (unsigned i = 0; i < n; i++) {
        if (some[i].text[0] == '.')
            assert_int_equal(some[i].ino, inside.st_ino);
    }
}

static void test_what_is_no_directory(void **state)
{
    struct program *p = *state;
    uint32_t fd;

    make_files(p, 1);
    assert_int_equal(do_open(p, ROOT, "f0", 0, 0, UINT64_MAX, &fd), OK);
    assert_int_equal(CALL(p, "fd_readdir", fd, AT_BUFFER, 100, 0, AT_RESULT), E_NOTCAPABLE);
    assert_int_equal(do_open(p, ROOT, ".", 0, 0, RIGHT_PATH_OPEN, &fd), OK);
    assert_int_equal(CALL(p, "fd_readdir", fd, AT_BUFFER, 100, 0, AT_RESULT), E_NOTCAPABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROGRAM_TEST(test_every_buffer_size_gives_the_same_names),
        PROGRAM_TEST(test_small_buffers_are_filled_with_a_cut_record),
        PROGRAM_TEST(test_any_cookie_goes_on_where_it_was_given),
        PROGRAM_TEST(test_removing_while_listing_misses_nothing),
        PROGRAM_TEST(test_from_the_start_new_names_are_seen),
        PROGRAM_TEST(test_types_and_numbers),
        PROGRAM_TEST(test_what_is_no_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
