/* SPDX-License-Identifier: Apache-2.0 */
/* codegen/cpu.h and perfmap.h: what this machine has, and a file for perf on it. */
#include "codegen/cpu.h"
#include "codegen/perfmap.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The kernel's list of this CPU's flags; a word of it, whole. */
static bool kernel_says(const char *flags, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = flags; (p = strstr(p, word)); p += len)
        if (p[-1] == ' ' && (p[len] == ' ' || p[len] == '\n'))
            return true;
    return false;
}

static void test_cpu_features_are_those_of_the_kernel(void **state)
{
    static const struct {
        enum code_cpu_feature feature;
        const char *word;
    } rows[] = {{CODE_CPU_SSSE3, "ssse3"},      {CODE_CPU_SSE41, "sse4_1"}, {CODE_CPU_SSE42, "sse4_2"},
                {CODE_CPU_POPCNT, "popcnt"},    {CODE_CPU_MOVBE, "movbe"},  {CODE_CPU_AVX, "avx"},
                {CODE_CPU_FMA, "fma"},          {CODE_CPU_BMI1, "bmi1"},    {CODE_CPU_BMI2, "bmi2"},
                {CODE_CPU_AVX2, "avx2"},        {CODE_CPU_ERMS, "erms"},    {CODE_CPU_LZCNT, "abm"},
                {CODE_CPU_FSGSBASE, "fsgsbase"}};
    static char line[8192];
    FILE *f = fopen("/proc/cpuinfo", "re");

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) && strncmp(line, "flags", 5))
        ;
    fclose(f);
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), CODE_CPU_FEATURES);
    for (unsigned i = 0; i < CODE_CPU_FEATURES; i++) {
        if (code_cpu_has(rows[i].feature) != kernel_says(line, rows[i].word))
            fail_msg("%s: %d, /proc/cpuinfo says otherwise", rows[i].word, code_cpu_has(rows[i].feature));
        assert_int_equal(code_cpu_bits() >> rows[i].feature & 1, code_cpu_has(rows[i].feature));
    }
}

static char path[64];

/* In a child, whose pid is new: a file of that name is nobody's. */
static int perfmap_child(void)
{
    struct code_perfmap *p, *second;
    struct err err;
    char long_name[400];
    struct stat st;

    snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)getpid());
    unlink(path);
    if (code_perfmap_open(&p, &err) < 0)
        return 10;
    if (code_perfmap_open(&second, &err) != -EEXIST)
        return 11;
    memset(long_name, 'n', sizeof(long_name));
    code_perfmap_add(p, (void *)0x1000, 0x20, "first", 5);
    code_perfmap_add(p, (void *)0x1020, 0x5, "a\nb\x1b\xff", 5);
    for (int i = 0; i < 1000; i++)
        code_perfmap_add(p, (void *)0x2000, 1, long_name, sizeof(long_name));
    if (code_perfmap_close(p) < 0)
        return 12;
    return stat(path, &st) == 0 && (st.st_mode & 07777) == 0600 ? 0 : 13;
}

static void test_perfmap_has_a_line_for_each_name(void **state)
{
    pid_t pid = fork();
    char line[512], want[512];
    unsigned lines = 0;
    int status;
    FILE *f;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(perfmap_child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)pid);
    f = fopen(path, "re");
    assert_non_null(f);
    unlink(path);
    assert_non_null(fgets(line, sizeof(line), f));
    assert_string_equal(line, "1000 20 first\n");
    assert_non_null(fgets(line, sizeof(line), f));
    assert_string_equal(line, "1020 5 a?b??\n");
    strcpy(want, "2000 1 ");
    memset(want + 7, 'n', 256);
    strcpy(want + 7 + 256, "\n");
    for (; fgets(line, sizeof(line), f); lines++)
        assert_string_equal(line, want);
    fclose(f);
    assert_int_equal(lines, 1000);
}

/* A link that somebody has put there: the file behind it must not be written to. */
static void test_perfmap_does_not_follow_a_link(void **state)
{
    char target[] = "/tmp/moat-perfmap-test-XXXXXX";
    int fd = mkstemp(target), status;
    struct stat st;
    pid_t pid;

    (void)state;
    assert_true(fd >= 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct code_perfmap *p;
        struct err err;
        int code;

        snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)getpid());
        unlink(path);
        if (symlink(target, path) < 0)
            _exit(20);
        code = code_perfmap_open(&p, &err);
        unlink(path);
        _exit(code == -EEXIST || code == -ELOOP ? 0 : 21);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    close(fd);
    unlink(target);
}

static void test_perfmap_none_is_none(void **state)
{
    (void)state;
    code_perfmap_add(NULL, NULL, 0, "x", 1);
    assert_int_equal(code_perfmap_close(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_features_are_those_of_the_kernel),
        cmocka_unit_test(test_perfmap_has_a_line_for_each_name),
        cmocka_unit_test(test_perfmap_does_not_follow_a_link),
        cmocka_unit_test(test_perfmap_none_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
