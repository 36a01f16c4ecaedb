/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_files_compare.h"

#include <asm/unistd.h>
#include <stdio.h>
#include <string.h>

#define LOG_SIZE  131072
#define LINES_MAX 512
#define START     "# the list"

/* unistd.h of the C library does not go with the kernel's headers. */
unsigned int geteuid(void);
unsigned int getegid(void);

static char native[LOG_SIZE], ours[LOG_SIZE];
static const char *native_lines[LINES_MAX], *our_lines[LINES_MAX];

static int64_t our_call(int64_t nr, const uint64_t v[6])
{
    return guest_call(nr, v[0], v[1], v[2], v[3], v[4], v[5]);
}

static void guest_script(void)
{
    const struct script_world world = {.call = our_call, .memory = user_alloc};
    sys(__NR_umask, 0);
    sys(__NR_mkdir, user_string("/tmp/here"), 0755);
    sys(__NR_chdir, user_string("/tmp/here"));
    sys(__NR_umask, 022);
    script_run(&world, our_lines, ours, sizeof(ours));
}

/* The first line that differs, with what came before it. */
static void compare(const char *theirs)
{
    const char *a = theirs, *b = ours;
    while (*a && *b) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0)
            break;
        a += n + (a[n] != 0), b += m + (b[m] != 0);
    }
    if (*a || *b)
        fail_msg("after\n%.*s\nLinux: %.*s\nours:  %.*s", (int)(a - theirs > 500 ? 500 : a - theirs),
                 a - theirs > 500 ? a - 500 : theirs, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
    assert_null(strstr(theirs, "CANNOT BE READ"));
}

static const char *applies(const char *line)
{
    int major, minor, n = 0;
    if (!strncmp(line, "[memory] ", 9))
        return script_on_host ? NULL : applies(line + 9);
    if (!strncmp(line, "[root] ", 7))
        return geteuid() ? NULL : line + 7;
    if (sscanf(line, "[%d.%d] %n", &major, &minor, &n) < 2 || !n)
        return line;
    return script_host_since(major, minor) ? line + n : NULL;
}

static size_t take(const char **to, size_t n, const char *const *from)
{
    for (; from && *from; from++) {
        assert_true(n < LINES_MAX - 2);
        if ((to[n] = applies(*from)))
            n++;
    }
    to[n] = NULL;
    return n;
}

void script_compare(const void *image, size_t image_size, const char *const *prelude, const char *const *lines)
{
    size_t n = take(native_lines, 0, prelude);
    native_lines[n++] = START;
    (void)take(native_lines, n, lines);
    our_lines[0] = START;
    (void)take(our_lines, 1, lines);
    int r = script_run_natively(native_lines, native, sizeof(native));
    if (r == 1)
        skip(); /* the host has no tmpfs to compare with */
    assert_int_equal(r, 0);
    struct harness h = {.uid = geteuid(), .gid = getegid(), .image = image, .image_size = image_size};
    if (script_on_host)
        script_on_host(&h);
    r = harness_run(&h, guest_script);
    if (script_on_host_end)
        script_on_host_end();
    if (r == HARNESS_NO_BOOT)
        fail_msg("%s", harness_why());
    assert_int_equal(r, 0);
    const char *start = strstr(native, START);
    assert_non_null(start);
    compare(start);
}
