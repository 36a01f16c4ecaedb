/* SPDX-License-Identifier: Apache-2.0 */
/* Class archives: which lines of a list are taken, what a key depends on, whose directory is believed, and what is left
 * of a making at every step at which it may die. */
#include "classcache/making.h"
#include "classcache/names.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct arena arena;
static char base[] = "/tmp/moat-test-XXXXXX";

static const char *in(const char *name)
{
    return arena_printf(&arena, "%s/%s", base, name);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(base + strlen(base) - 6, "XXXXXX");
    return arena_init(&arena, 16u << 20) < 0 || !mkdtemp(base) || setenv("MOAT_CACHE_DIR", base, 1) < 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!strncmp(base, "/tmp/moat-test-", 15))
        system(arena_printf(&arena, "rm -rf '%s'", base));
    arena_free(&arena);
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void test_names_of_classes_are_taken_and_all_else_is_dropped(void **state)
{
    static const struct {
        const char *label, *text, *left;
        size_t application;
    } cases[] = {
        {"plain", "java/lang/Object\n", "java/lang/Object\n", 0},
        {"marked", "+app/Main\njava/lang/Object\n+app/Main$1\n", "app/Main\njava/lang/Object\napp/Main$1\n", 2},
        {"unnamed package", "+Main\n", "Main\n", 1},
        {"package-info, digits", "a/package-info\na/B2\n", "a/package-info\na/B2\n", 0},
        {"directive", "@lambda-proxy a/B run ()V\na/B\n", "a/B\n", 0},
        {"directive behind the mark", "+@lambda-form-invoker x\n", "", 0},
        {"source of a loader", "a/B id: 7 super: 1 source: /etc/passwd\n", "", 0},
        {"comment", "# a/B\n#a/B\n", "", 0},
        {"path", "/etc/passwd\n../a\na/../b\n./a\na//b\na/\n/\n", "", 0},
        {"option", "-XX:Flags=x\n-Xshare\n", "", 0},
        {"digit at a beginning", "1a\na/1\n", "", 0},
        {"empty lines", "\n\n+\n++a\n", "", 0},
        {"control and other bytes", "a\rb\na\tb\na\x01\n\xc3\xa9\na.b\na;b\na[b\n\\n\n", "", 0},
        {"without an end", "a/B\na/C", "a/B\n", 0},
        {"nothing", "", "", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        strcpy(text, cases[i].text);
        struct class_names got = class_names_take(text, strlen(text));
        if (got.length != strlen(cases[i].left) || memcmp(text, cases[i].left, got.length) != 0)
            fail_msg("%s: got '%.*s'", cases[i].label, (int)got.length, text);
        if (got.application != cases[i].application)
            fail_msg("%s: %zu of the application", cases[i].label, got.application);
    }
}

static void test_names_with_a_nul_or_too_long_are_dropped(void **state)
{
    char text[] = "a\0b\nc\n", many[CLASS_NAME_MAX + 4];

    (void)state;
    struct class_names got = class_names_take(text, sizeof text - 1);
    assert_int_equal(got.length, 2);
    assert_memory_equal(text, "c\n", 2);
    assert_int_equal(got.dropped, 1);
    memset(many, 'a', sizeof many);
    many[CLASS_NAME_MAX] = '\n';
    assert_int_equal(class_names_take(many, CLASS_NAME_MAX + 1).classes, 1);
    memset(many, 'a', sizeof many);
    many[CLASS_NAME_MAX + 1] = '\n';
    assert_int_equal(class_names_take(many, CLASS_NAME_MAX + 2).classes, 0);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static const char *key_of_texts(const char *a, const char *b)
{
    char *hex = arena_alloc(&arena, CLASS_KEY_SIZE);
    struct class_key k;

    class_key_begin(&k);
    class_key_text(&k, "a", a);
    class_key_text(&k, "b", b);
    class_key_end(&k, hex);
    return hex;
}

static const char *key_of_file(const char *path)
{
    char *hex = arena_alloc(&arena, CLASS_KEY_SIZE);
    struct class_key k;

    class_key_begin(&k);
    assert_int_equal(class_key_file(&k, path), 0);
    class_key_end(&k, hex);
    return hex;
}

static void test_key_tells_sequences_of_texts_apart(void **state)
{
    (void)state;
    assert_string_equal(key_of_texts("x", "y"), key_of_texts("x", "y"));
    assert_string_not_equal(key_of_texts("xy", ""), key_of_texts("x", "y"));
    assert_string_not_equal(key_of_texts("x", "y"), key_of_texts("y", "x"));
}

static void test_key_changes_with_the_file(void **state)
{
    const char *jar = in("a.jar"), *other = in("b.jar");
    const char *absent = key_of_file(jar);
    struct stat st;

    (void)state;
    write_file(jar, "one");
    const char *one = key_of_file(jar);
    assert_string_not_equal(one, absent);
    assert_string_equal(key_of_file(jar), one);
    /* the same contents, size and time in its place */
    assert_int_equal(stat(jar, &st), 0);
    write_file(other, "one");
    struct timespec times[] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, other, times, 0), 0);
    assert_int_equal(rename(other, jar), 0);
    assert_string_not_equal(key_of_file(jar), one);
    /* written to, with the time put back: what cannot be put back tells */
    const char *two = key_of_file(jar);
    assert_int_equal(stat(jar, &st), 0);
    struct timespec then[] = {st.st_atim, st.st_mtim}, tick = {.tv_nsec = 20 * 1000000};
    nanosleep(&tick, NULL); /* times of change come from the clock's tick */
    write_file(jar, "two");
    assert_int_equal(utimensat(AT_FDCWD, jar, then, 0), 0);
    assert_string_not_equal(key_of_file(jar), two);
}

static void test_key_of_a_directory_is_refused(void **state)
{
    struct class_key k;

    (void)state;
    class_key_begin(&k);
    assert_int_equal(class_key_file(&k, base), -ENOTSUP);
    assert_int_equal(class_key_file(&k, "/dev/null"), -ENOTSUP);
}

/* ---- the directory ---------------------------------------------------------------------------------------------- */

static int open_cache(struct class_cache *c, bool create, struct err *err)
{
    *err = (struct err){0};
    return class_cache_open(c, &arena, create, err);
}

static void test_cache_is_made_for_us_alone(void **state)
{
    struct class_cache c;
    struct err err;
    struct stat st;

    (void)state;
    assert_int_equal(open_cache(&c, false, &err), -ENOENT);
    assert_int_equal(open_cache(&c, true, &err), 0);
    assert_string_equal(c.path, in("jvm"));
    assert_int_equal(stat(c.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    class_cache_close(&c);
    assert_int_equal(open_cache(&c, false, &err), 0);
    class_cache_close(&c);
}

static void test_cache_that_others_could_change_is_refused_by_name(void **state)
{
    struct class_cache c;
    struct err err;

    (void)state;
    assert_int_equal(mkdir(in("jvm"), 0755), 0);
    assert_int_equal(open_cache(&c, true, &err), -EPERM);
    assert_non_null(strstr(err.text, in("jvm")));
    assert_int_equal(rmdir(in("jvm")), 0);
    assert_int_equal(mkdir(in("theirs"), 0700), 0);
    assert_int_equal(symlink("theirs", in("jvm")), 0);
    assert_int_equal(open_cache(&c, true, &err), -EPERM);
    assert_non_null(strstr(err.text, "link"));
    assert_int_equal(unlink(in("jvm")), 0);
    write_file(in("jvm"), "");
    assert_int_equal(open_cache(&c, true, &err), -EPERM);
    assert_int_equal(unlink(in("jvm")), 0);
    assert_int_equal(chmod(base, 0777), 0);
    assert_int_equal(open_cache(&c, true, &err), -EPERM);
    assert_non_null(strstr(err.text, "MOAT_CACHE_DIR"));
    assert_int_equal(chmod(base, 0700), 0);
}

static void test_cache_of_another_user_is_refused(void **state)
{
    struct class_cache c;
    struct err err;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(in("jvm"), 0700), 0);
    assert_int_equal(chown(in("jvm"), 4321, 4321), 0);
    assert_int_equal(open_cache(&c, true, &err), -EPERM);
    assert_int_equal(chown(in("jvm"), 0, 0), 0);
    assert_int_equal(chown(base, 4321, 4321), 0);
    assert_int_equal(open_cache(&c, true, &err), -EPERM);
    assert_non_null(strstr(err.text, "4321"));
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

static void write_archive(const struct class_making *m, uint32_t magic, size_t size)
{
    int fd = open(arena_printf(&arena, "%s/" CLASS_MAKING_ARCHIVE, m->path), O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, &magic, sizeof magic), sizeof magic);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static void begin(struct class_making *m, const struct class_cache *c, const char *key)
{
    struct err err = {0};

    if (class_making_begin(m, &arena, c, key, "a/B\n", 4, &err) < 0)
        fail_msg("%s", err.text);
}

static int entries(const struct class_cache *c)
{
    char text[16] = "";
    FILE *p = popen(arena_printf(&arena, "ls -A '%s' | wc -l", c->path), "r");

    assert_non_null(p);
    assert_non_null(fgets(text, sizeof text, p));
    pclose(p);
    return atoi(text);
}

static void test_making_that_is_finished_is_found_and_leaves_nothing_else(void **state)
{
    struct class_cache c;
    struct class_making m;
    struct err err;
    struct stat st;
    const char *path;

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    begin(&m, &c, KEY_A);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    write_archive(&m, 0xf00baba2u, 8192);
    assert_int_equal(class_making_finish(&m), 0);
    class_making_end(&m);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_READY);
    assert_string_equal(path, in("jvm/" KEY_A ".jsa"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
    assert_int_equal(class_cache_find(&c, &arena, KEY_B, &path), CLASS_CACHE_NONE);
    assert_int_equal(entries(&c), 1);
    class_cache_close(&c);
}

static void test_making_of_what_is_no_archive_is_refused(void **state)
{
    struct class_cache c;
    struct class_making m;
    struct err err;

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    begin(&m, &c, KEY_A); /* nothing was written: whoever was to do it died */
    assert_int_equal(class_making_finish(&m), -EPROTO);
    write_archive(&m, 0, 8192); /* died before the end: the magic is written last */
    assert_int_equal(class_making_finish(&m), -EPROTO);
    write_archive(&m, 0xf00baba2u, 100);
    assert_int_equal(class_making_finish(&m), -EPROTO);
    write_archive(&m, 0xf00baba2u, CLASS_ARCHIVE_MOST + 4096);
    assert_int_equal(class_making_finish(&m), -EPROTO);
    write_archive(&m, 0xf00baba2u, 8192);
    const char *archive = arena_printf(&arena, "%s/" CLASS_MAKING_ARCHIVE, m.path);
    assert_int_equal(link(archive, in("second")), 0);
    assert_int_equal(class_making_finish(&m), -EPROTO);
    assert_int_equal(unlink(archive), 0);
    assert_int_equal(symlink(in("second"), archive), 0);
    assert_int_equal(class_making_finish(&m), -EPROTO);
    class_making_end(&m);
    assert_int_equal(entries(&c), 0);
    class_cache_close(&c);
}

static void test_making_is_for_one_at_a_time(void **state)
{
    struct class_cache c;
    struct class_making m, other;
    struct err err;

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    begin(&m, &c, KEY_A);
    assert_int_equal(class_making_begin(&other, &arena, &c, KEY_A, "a\n", 2, &err), -EBUSY);
    class_cache_trim(&c, CLASS_CACHE_MOST); /* nor cleared by anybody */
    write_archive(&m, 0xf00baba2u, 8192);
    assert_int_equal(class_making_finish(&m), 0);
    class_making_end(&m);
    begin(&m, &c, KEY_A);
    write_archive(&m, 0xf00baba2u, 8192);
    assert_int_equal(class_making_finish(&m), -EEXIST);
    class_making_end(&m);
    assert_int_equal(entries(&c), 1);
    class_cache_close(&c);
}

/* What a process that was killed leaves: the directory, its files, and no lock. */
static void die(struct class_making *m)
{
    close(m->archive_fd);
    close(m->fd);
}

static void test_making_that_died_is_cleared_by_the_next(void **state)
{
    struct class_cache c;
    struct class_making m;
    struct err err;
    const char *path;

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    begin(&m, &c, KEY_A);
    write_archive(&m, 0xf00baba2u, 8192);
    die(&m);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    begin(&m, &c, KEY_A); /* of the same program: begins afresh */
    assert_int_equal(class_making_finish(&m), -EPROTO);
    die(&m);
    class_cache_trim(&c, CLASS_CACHE_MOST); /* of another */
    assert_int_equal(entries(&c), 0);
    class_cache_close(&c);
}

static void test_cache_mark_replaces_the_archive_and_grows_old(void **state)
{
    struct class_cache c;
    struct class_making m;
    struct err err;
    const char *path;

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    begin(&m, &c, KEY_A);
    write_archive(&m, 0xf00baba2u, 8192);
    assert_int_equal(class_making_finish(&m), 0);
    class_making_end(&m);
    class_cache_refuse(&c, KEY_A);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_USELESS);
    struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(c.fd, KEY_A ".none", old, 0), 0);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    class_cache_trim(&c, CLASS_CACHE_MOST);
    assert_int_equal(entries(&c), 0);
    class_cache_close(&c);
}

static void test_cache_note_gives_way_to_all_that_says_more(void **state)
{
    struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
    struct class_cache c;
    struct class_making m;
    struct err err;
    const char *path;

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    class_cache_note(&c, KEY_A);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NOTED);
    assert_int_equal(class_cache_find(&c, &arena, KEY_B, &path), CLASS_CACHE_NONE);
    assert_int_equal(utimensat(c.fd, KEY_A CLASS_CACHE_SEEN, old, 0), 0);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    class_cache_note(&c, KEY_A); /* made anew, it is young */
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NOTED);
    begin(&m, &c, KEY_A);
    write_archive(&m, 0xf00baba2u, 8192);
    assert_int_equal(class_making_finish(&m), 0);
    class_making_end(&m);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_READY);
    assert_int_equal(entries(&c), 1);
    class_cache_note(&c, KEY_B);
    class_cache_refuse(&c, KEY_B);
    assert_int_equal(class_cache_find(&c, &arena, KEY_B, &path), CLASS_CACHE_USELESS);
    assert_int_equal(entries(&c), 2);
    class_cache_close(&c);
}

static void test_cache_notes_that_are_old_or_too_many_are_cleared(void **state)
{
    struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
    struct class_cache_use use;
    struct class_cache c;
    struct err err;
    char key[CLASS_KEY_SIZE];

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    class_cache_note(&c, KEY_A);
    class_cache_note(&c, KEY_B);
    assert_int_equal(utimensat(c.fd, KEY_A CLASS_CACHE_SEEN, old, 0), 0);
    class_cache_trim(&c, CLASS_CACHE_MOST);
    assert_int_equal(faccessat(c.fd, KEY_A CLASS_CACHE_SEEN, F_OK, 0), -1);
    assert_int_equal(faccessat(c.fd, KEY_B CLASS_CACHE_SEEN, F_OK, 0), 0);
    for (int i = 0; i < CLASS_SEEN_MOST + 50; i++) {
        snprintf(key, sizeof key, "%064d", i);
        class_cache_note(&c, key);
    }
    class_cache_measure(&c, &use); /* a look takes nothing away, and notes are no archives */
    assert_int_equal(use.archives, 0);
    assert_int_equal(entries(&c), CLASS_SEEN_MOST + 51);
    class_cache_trim(&c, CLASS_CACHE_MOST);
    assert_int_equal(entries(&c), CLASS_SEEN_MOST);
    class_cache_close(&c);
}

static void test_cache_that_is_full_loses_what_was_used_longest_ago(void **state)
{
    static const char *const keys[] = {KEY_A, KEY_B};
    struct class_cache_use use;
    struct class_cache c;
    struct class_making m;
    struct err err;
    const char *path;

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    for (size_t i = 0; i < 2; i++) {
        begin(&m, &c, keys[i]);
        char block[8192] = {0};
        assert_int_equal(pwrite(m.archive_fd, block, sizeof block, 0), sizeof block);
        write_archive(&m, 0xf00baba2u, 8192);
        assert_int_equal(class_making_finish(&m), 0);
        class_making_end(&m);
    }
    class_cache_measure(&c, &use);
    assert_int_equal(use.archives, 2);
    assert_true(use.bytes >= 16384);
    struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}}, older[] = {{.tv_sec = 2}, {.tv_sec = 2}};
    assert_int_equal(utimensat(c.fd, KEY_A ".jsa", old, 0), 0);
    assert_int_equal(utimensat(c.fd, KEY_B ".jsa", older, 0), 0);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_READY); /* used now */
    class_cache_trim(&c, use.bytes - 1);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_READY);
    assert_int_equal(class_cache_find(&c, &arena, KEY_B, &path), CLASS_CACHE_NONE);
    class_cache_trim(&c, 0);
    assert_int_equal(entries(&c), 0);
    class_cache_close(&c);
}

static void test_cache_file_that_is_no_archive_of_ours_is_not_given(void **state)
{
    struct class_cache c;
    struct err err;
    const char *path, *name = in("jvm/" KEY_A ".jsa");

    (void)state;
    assert_int_equal(open_cache(&c, true, &err), 0);
    write_file(name, "short");
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    assert_int_equal(truncate(name, 8192), 0);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_READY);
    assert_int_equal(chmod(name, 0666), 0);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    assert_int_equal(chmod(name, 0444), 0);
    assert_int_equal(rename(name, in("jvm/real")), 0);
    assert_int_equal(symlink("real", name), 0);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(class_cache_find(&c, &arena, KEY_A, &path), CLASS_CACHE_NONE);
    class_cache_close(&c);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_classes_are_taken_and_all_else_is_dropped),
        cmocka_unit_test(test_names_with_a_nul_or_too_long_are_dropped),
        CASE(test_key_tells_sequences_of_texts_apart),
        CASE(test_key_changes_with_the_file),
        CASE(test_key_of_a_directory_is_refused),
        CASE(test_cache_is_made_for_us_alone),
        CASE(test_cache_that_others_could_change_is_refused_by_name),
        CASE(test_cache_of_another_user_is_refused),
        CASE(test_making_that_is_finished_is_found_and_leaves_nothing_else),
        CASE(test_making_of_what_is_no_archive_is_refused),
        CASE(test_making_is_for_one_at_a_time),
        CASE(test_making_that_died_is_cleared_by_the_next),
        CASE(test_cache_mark_replaces_the_archive_and_grows_old),
        CASE(test_cache_note_gives_way_to_all_that_says_more),
        CASE(test_cache_notes_that_are_old_or_too_many_are_cleared),
        CASE(test_cache_that_is_full_loses_what_was_used_longest_ago),
        CASE(test_cache_file_that_is_no_archive_of_ours_is_not_given),
    };

    umask(022);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
