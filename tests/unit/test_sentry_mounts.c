/* SPDX-License-Identifier: Apache-2.0 */
/* What moat-sentry's words say of mounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentry/mounts.h"

#include <errno.h>
#include <stdlib.h>

static void test_volumes(void **state)
{
    static const struct {
        const char *text;
        uint32_t root, flags;
        const char *place;
    } rows[] = {
        {"0::/v", 0, 0, "/v"},
        {"7:r:/a/b", 7, LINUX_MOUNT_RDONLY, "/a/b"},
        {"63:rsxc:/", 63, LINUX_MOUNT_RDONLY | LINUX_MOUNT_NOSUID | LINUX_MOUNT_NOEXEC | LINUX_MOUNT_CACHED, "/"},
        {"1::/with:colon", 1, 0, "/with:colon"},
    };
    static const char *const no[] = {
        "",       ":",       "0",     "0:", "0:r", "0:r:", "0::relative", "x::/v", "64::/v", "-1::/v", "4294967296::/v",
        "0:q:/v", "0:r/:/v", " 0::/v"};
    struct linux_mount m;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(mounts_volume(rows[i].text, &m), 0);
        assert_int_equal(m.kind, LINUX_MOUNT_HOST);
        assert_int_equal(m.root, rows[i].root);
        assert_int_equal(m.flags, rows[i].flags);
        assert_string_equal(m.place, rows[i].place);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_int_equal(mounts_volume(no[i], &m), -EINVAL);
}

static void test_memory(void **state)
{
    static const char *const no[] = {"", ":", "::", "::relative", "q::/m", ":size=1m", ":size=1m:"};
    struct linux_mount m;
    (void)state;
    assert_int_equal(mounts_tmpfs("::/m", &m), 0);
    assert_int_equal(m.kind, LINUX_MOUNT_TMPFS);
    assert_null(m.options);
    assert_string_equal(m.place, "/m");
    assert_int_equal(mounts_tmpfs("rd:size=64m,mode=700:/deep/m", &m), 0);
    assert_int_equal(m.flags, LINUX_MOUNT_RDONLY | LINUX_MOUNT_NODEV);
    assert_string_equal(m.options, "size=64m,mode=700");
    assert_string_equal(m.place, "/deep/m");
    free((void *)(uintptr_t)m.options);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_int_equal(mounts_tmpfs(no[i], &m), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_volumes), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
