/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and keyrings of src/linux, by guests that call add_key(2), request_key(2), keyctl(2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <string.h>

#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)
#define THREAD     KEY_SPEC_THREAD_KEYRING
#define PROCESS    KEY_SPEC_PROCESS_KEYRING
#define SESSION    KEY_SPEC_SESSION_KEYRING

static int64_t add(const char *type, const char *description, const char *payload, int64_t ring)
{
    size_t n = payload ? strlen(payload) : 0;
    return sys(__NR_add_key, user_string(type), user_string(description), payload ? user_string(payload) : NULL, n,
               ring);
}

static void expect(int64_t key, const char *payload)
{
    char got[64] = "";
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, key, got, sizeof(got)), strlen(payload));
    assert_string_equal(got, payload);
}

/* ---- keys ---- */

static void guest_keys(void)
{
    char text[64];
    int64_t key = add("user", "mine", "secret", PROCESS);
    assert_true(key > 0);
    expect(key, "secret");
    assert_int_equal(add("user", "mine", "other", PROCESS), key); /* the same one, changed */
    expect(key, "other");
    assert_int_equal(sys(__NR_keyctl, KEYCTL_UPDATE, key, user_string("third"), 5), 0);
    expect(key, "third");
    assert_int_equal(sys(__NR_keyctl, KEYCTL_DESCRIBE, key, text, sizeof(text)), 23);
    assert_string_equal(text, "user;0;0;3f010000;mine");
    int64_t logon = add("logon", "a:b", "secret", PROCESS);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, logon, text, sizeof(text)), -EOPNOTSUPP); /* nobody may, ever */
    assert_int_equal(add("logon", "ab", "x", PROCESS), -EINVAL);
    assert_int_equal(add("user", "", "x", PROCESS), -EINVAL);
    assert_int_equal(add("user", "d", NULL, PROCESS), -EINVAL);
    assert_int_equal(add("keyring", "d", "x", PROCESS), -EINVAL);
    assert_int_equal(add("keyring", ".d", NULL, PROCESS), -EPERM);
    assert_int_equal(add("unknown", "d", "x", PROCESS), -ENODEV);
    assert_int_equal(sys(__NR_add_key, user_string("user"), user_string("d"), NULL, 8, PROCESS), -EFAULT);
    assert_int_equal(sys(__NR_add_key, user_string("user"), user_string("d"), user_alloc(32768), 32768, PROCESS),
                     -EINVAL);
    assert_int_equal(add("user", "d", "x", 12345), -ENOKEY);
    assert_int_equal(add("user", "d", "x", key), -ENOTDIR);
    assert_int_equal(add("user", "d", "x", -99), -EINVAL);
}

static void test_key_is_what_was_put_in_last(void **state)
{
    RUN(guest_keys);
}

static void guest_ends(void)
{
    struct __kernel_timespec span = {3, 0};
    int64_t a = add("user", "a", "x", PROCESS), b = add("user", "b", "x", PROCESS), c = add("user", "c", "x", PROCESS);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_REVOKE, a), 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, a, NULL, 0), -EKEYREVOKED);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_SET_TIMEOUT, b, 2), 0);
    expect(b, "x");
    assert_int_equal(sys(__NR_nanosleep, &span, NULL), 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, b, NULL, 0), -EKEYEXPIRED);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_UNLINK, b, PROCESS), 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_UNLINK, b, PROCESS), -ENOENT);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_INVALIDATE, c), 0);
    assert_int_equal(sys(__NR_request_key, user_string("user"), user_string("c"), NULL, 0), -ENOKEY);
    int32_t none = 0;
    assert_int_equal(sys(__NR_keyctl, KEYCTL_CLEAR, PROCESS), 0);
    assert_int_equal(sys(__NR_request_key, user_string("user"), user_string("n"), user_string("make it"), PROCESS),
                     -ENOKEY);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, PROCESS, &none, 4), 4); /* it is written down that there is none */
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, none, NULL, 0), -ENOKEY);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_CLEAR, PROCESS), 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, PROCESS, NULL, 0), 0);
}

static void test_keys_end_by_time_and_by_word(void **state)
{
    RUN(guest_ends);
}

/* ---- keyrings ---- */

static void guest_rings(void)
{
    int32_t ids[2] = {0, 0};
    assert_int_equal(sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, THREAD, 0), -ENOKEY);
    int64_t ring = sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, THREAD, 1);
    assert_true(ring > 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, THREAD, 0), ring);
    int64_t inner = add("keyring", "inner", NULL, THREAD), key = add("user", "deep", "x", inner);
    assert_int_equal(sys(__NR_request_key, user_string("user"), user_string("deep"), NULL, 0), key);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_SEARCH, ring, user_string("user"), user_string("deep"), PROCESS), key);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, PROCESS, ids, 4), 4);
    assert_int_equal(ids[0], key);
    assert_true(add("user", "second", "x", PROCESS) > 0);
    ids[0] = 0;
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, PROCESS, ids, 7), 8); /* what there is; written is what fits */
    assert_true(ids[0] && !ids[1]);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_LINK, ring, inner), -EDEADLK);
    int64_t at = inner;
    for (int i = 0; i < 5 && at > 0; i++)
        at = add("keyring", "next", NULL, at);
    assert_true(at > 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_LINK, ring, PROCESS), -ELOOP); /* too many within each other */
}

static void test_keyrings_hold_keys_and_keyrings(void **state)
{
    RUN(guest_rings);
}

static void child_looks(void *of)
{
    int64_t key = *(int64_t *)of;
    sys(__NR_exit, sys(__NR_request_key, user_string("user"), user_string("ours"), NULL, 0) == key &&
                       sys(__NR_request_key, user_string("user"), user_string("own"), NULL, 0) == -ENOKEY);
}

static void guest_sessions(void)
{
    int status = 0;
    int64_t *key = user_alloc(sizeof(*key));
    int64_t session = sys(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    assert_true(session > 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, SESSION, 0), session);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, user_string(".hidden")), -EPERM);
    *key = add("user", "ours", "x", SESSION);
    assert_true(add("user", "own", "x", PROCESS) > 0);
    int64_t pid = guest_clone(CLONE_VM | SIGCHLD, child_looks, key, NULL, NULL);
    assert_int_equal(sys(__NR_wait4, pid, &status, 0, NULL), pid);
    assert_int_equal(status, 1 << 8); /* a child has its parent's session, and no process keyring yet */
    assert_int_not_equal(sys(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL), session);
    assert_int_equal(sys(__NR_request_key, user_string("user"), user_string("ours"), NULL, 0), -ENOKEY);
}

static void test_session_is_inherited(void **state)
{
    RUN(guest_sessions);
}

/* ---- rights ---- */

static void guest_rights(void)
{
    int64_t mine = sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0);
    int64_t forged = add("keyring", "_uid.1000", NULL, PROCESS), key = add("user", "k", "x", PROCESS);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_SETPERM, key, 0x3f000000), 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_SETPERM, key, 0x40000000), -EINVAL);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_CHOWN, key, 7, -1), 0);
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 1000), 0);
    expect(key, "x"); /* who has it in a keyring possesses it, whoever owns it */
    assert_int_equal(sys(__NR_keyctl, KEYCTL_SETPERM, key, 0), -EACCES);
    assert_int_not_equal(sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0), forged);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, mine, NULL, 0), -EACCES);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_UNLINK, key, PROCESS), 0);
    assert_int_equal(sys(__NR_keyctl, KEYCTL_READ, key, NULL, 0), -EACCES);
}

static void test_possession_counts_and_names_do_not(void **state)
{
    RUN(guest_rights);
}

static void guest_many(void)
{
    const char *type = user_string("user");
    char name[] = "key0000";
    volatile int64_t last = 0;
    for (volatile int i = 0; i < 3000; i++) { /* each loses the one before: they go when there are many */
        for (int d = 0, v = i; d < 4; d++, v /= 10)
            name[6 - d] = (char)('0' + v % 10);
        int64_t key = sys(__NR_add_key, type, name, type, 4, PROCESS);
        assert_true(key > 0);
        assert_int_equal(sys(__NR_keyctl, KEYCTL_UNLINK, key, PROCESS), 0);
    }
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 1000), 0);
    for (volatile int i = 0; i < 300 && last >= 0; i++) {
        name[6] = (char)('0' + i % 10), name[5] = (char)('0' + i / 10 % 10), name[4] = (char)('0' + i / 100);
        last = sys(__NR_add_key, type, name, type, 4, THREAD);
    }
    assert_int_equal(last, -EDQUOT);
}

static void test_keys_of_a_user_are_limited_and_lost_ones_go(void **state)
{
    RUN(guest_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_is_what_was_put_in_last),
        cmocka_unit_test(test_keys_end_by_time_and_by_word),
        cmocka_unit_test(test_keyrings_hold_keys_and_keyrings),
        cmocka_unit_test(test_session_is_inherited),
        cmocka_unit_test(test_possession_counts_and_names_do_not),
        cmocka_unit_test(test_keys_of_a_user_are_limited_and_lost_ones_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
