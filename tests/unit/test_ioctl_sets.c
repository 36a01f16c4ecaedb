/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of ioctl commands: what their text means, and each number of the table against the system's headers. */
#include "policy/ioctl_sets.h"

#include "base/json.h"
#include "base/mem.h"
#include "policy/flags.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/nsfs.h>
#include <linux/random.h>
#include <linux/sockios.h>

#include <linux/fiemap.h>

#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    return arena_init(&arena, 16u << 20);
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static uint32_t number_of(const char *name)
{
    uint32_t number, sets;
    const char *at;

    for (int i = 0; (at = ioctl_command_at(i, &number, &sets)); i++)
        if (!strcmp(at, name))
            return number;
    fail_msg("no row for %s", name);
    return 0;
}

static bool contains(const struct ioctl_list *l, uint32_t number)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i] == number)
            return true;
    return false;
}

static struct ioctl_list parse(const char *text)
{
    struct ioctl_list list;
    struct err err;

    if (ioctl_list_parse(&arena, text, &list, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return list;
}

static void test_ioctl_table_has_the_numbers_of_the_headers(void **state)
{
#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, (uint32_t)name                                                                                          \
    }
    static const struct {
        const char *name;
        uint32_t number;
    } rows[] = {
        ROW(TCGETS),
        ROW(TCSETS),
        ROW(TCSETSW),
        ROW(TCSETSF),
        ROW(TCGETA),
        ROW(TCSETA),
        ROW(TCSETAW),
        ROW(TCSETAF),
        ROW(TCSBRK),
        ROW(TCXONC),
        ROW(TCFLSH),
        ROW(TIOCEXCL),
        ROW(TIOCNXCL),
        ROW(TIOCSCTTY),
        ROW(TIOCGPGRP),
        ROW(TIOCSPGRP),
        ROW(TIOCOUTQ),
        ROW(TIOCSTI),
        ROW(TIOCGWINSZ),
        ROW(TIOCSWINSZ),
        ROW(TIOCMGET),
        ROW(TIOCMBIS),
        ROW(TIOCMBIC),
        ROW(TIOCMSET),
        ROW(FIONREAD),
        ROW(TIOCLINUX),
        ROW(TIOCCONS),
        ROW(TIOCGSERIAL),
        ROW(TIOCSSERIAL),
        ROW(TIOCPKT),
        ROW(FIONBIO),
        ROW(TIOCNOTTY),
        ROW(TIOCSETD),
        ROW(TIOCGETD),
        ROW(TCSBRKP),
        ROW(TIOCGSID),
        ROW(TCGETS2),
        ROW(TCSETS2),
        ROW(TCSETSW2),
        ROW(TCSETSF2),
        ROW(TIOCGPTN),
        ROW(TIOCSPTLCK),
        ROW(TIOCGDEV),
        ROW(TIOCSIG),
        ROW(TIOCVHANGUP),
        ROW(TIOCGPKT),
        ROW(TIOCGPTLCK),
        ROW(TIOCGEXCL),
        ROW(TIOCGPTPEER),
        ROW(FIONCLEX),
        ROW(FIOCLEX),
        ROW(FIOASYNC),
        ROW(FIBMAP),
        ROW(FIGETBSZ),
        ROW(FIFREEZE),
        ROW(FITHAW),
        ROW(FICLONE),
        ROW(FICLONERANGE),
        ROW(FIDEDUPERANGE),
        ROW(FS_IOC_GETFLAGS),
        ROW(FS_IOC_SETFLAGS),
        ROW(FS_IOC32_GETFLAGS),
        ROW(FS_IOC32_SETFLAGS),
        ROW(FS_IOC_GETVERSION),
        ROW(FS_IOC_FIEMAP),
        ROW(FS_IOC_FSGETXATTR),
        ROW(FS_IOC_FSSETXATTR),
        ROW(FS_IOC_GETFSLABEL),
        ROW(FIOSETOWN),
        ROW(SIOCSPGRP),
        ROW(FIOGETOWN),
        ROW(SIOCGPGRP),
        ROW(SIOCATMARK),
        ROW(SIOCGSTAMP_OLD),
        ROW(SIOCGSTAMPNS_OLD),
        ROW(SIOCGIFNAME),
        ROW(SIOCGIFCONF),
        ROW(SIOCGIFFLAGS),
        ROW(SIOCGIFADDR),
        ROW(SIOCGIFDSTADDR),
        ROW(SIOCGIFBRDADDR),
        ROW(SIOCGIFNETMASK),
        ROW(SIOCGIFMETRIC),
        ROW(SIOCGIFMTU),
        ROW(SIOCGIFHWADDR),
        ROW(SIOCGIFINDEX),
        ROW(SIOCGIFTXQLEN),
        ROW(SIOCETHTOOL),
        ROW(SIOCGIFMAP),
        ROW(BLKROGET),
        ROW(BLKGETSIZE),
        ROW(BLKRAGET),
        ROW(BLKSECTGET),
        ROW(BLKSSZGET),
        ROW(BLKBSZGET),
        ROW(BLKGETSIZE64),
        ROW(BLKIOMIN),
        ROW(BLKIOOPT),
        ROW(BLKALIGNOFF),
        ROW(BLKPBSZGET),
        ROW(BLKROTATIONAL),
        ROW(NS_GET_USERNS),
        ROW(NS_GET_PARENT),
        ROW(NS_GET_NSTYPE),
        ROW(NS_GET_OWNER_UID),
        ROW(RNDGETENTCNT),
        {"SIOCGSTAMP_NEW",
         0x80108906}, /* _IOR of two 64-bit words: no plain number in the headers of every C library */
        {"SIOCGSTAMPNS_NEW", 0x80108907},
    };
    uint32_t number, sets;
    const char *name;
    int n = 0;

    (void)state;
    for (; (name = ioctl_command_at(n, &number, &sets)); n++) {
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            found |= !strcmp(rows[i].name, name);
        if (!found)
            fail_msg("%s is not held against a header", name);
        for (int k = 0; k < n; k++) {
            uint32_t other;
            if (!strcmp(ioctl_command_at(k, &other, &sets), name) || other == number)
                fail_msg("%s stands twice", name);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (number_of(rows[i].name) != rows[i].number)
            fail_msg("%s: the table says %x, the header %x", rows[i].name, number_of(rows[i].name), rows[i].number);
    assert_string_equal(ioctl_command_name(TIOCSTI), "TIOCSTI");
    assert_null(ioctl_command_name(0x12345678));
}

static void test_ioctl_list_of_sets_names_and_numbers_rises_and_has_each_once(void **state)
{
    struct ioctl_list l = parse("net,tty,0x5413,TIOCSTI,4294967295,tty,0");

    (void)state;
    assert_true(l.set && l.n > 40);
    assert_string_equal(l.text, "net,tty,0x5413,TIOCSTI,4294967295,tty,0");
    for (uint32_t i = 1; i < l.n; i++)
        assert_true(l.v[i - 1] < l.v[i]);
    assert_int_equal(l.v[0], 0);
    assert_int_equal(l.v[l.n - 1], 0xffffffff);
    assert_true(contains(&l, TIOCSTI) && contains(&l, TCGETS) && contains(&l, SIOCGIFCONF) && contains(&l, FIONREAD));
    assert_false(contains(&l, FICLONE));
}

/* What types into a terminal, or reaches beyond the descriptor, comes with no set. */
static void test_ioctl_sets_hold_no_command_that_reaches_beyond_its_descriptor(void **state)
{
    static const uint32_t never[] = {TIOCSTI,     TIOCLINUX, TIOCSETD, TIOCCONS, TIOCSSERIAL,
                                     TIOCVHANGUP, FIBMAP,    FIFREEZE, FITHAW,   SIOCETHTOOL};
    struct ioctl_list all = {0};
    const struct ioctl_set *set;
    char text[256] = "";

    (void)state;
    for (int i = 0; (set = ioctl_set_at(i)); i++) {
        assert_true(*set->about);
        struct ioctl_list one = parse(set->name);
        assert_true(one.n > 0);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "," : "", set->name);
    }
    all = parse(text);
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (contains(&all, never[i]))
            fail_msg("0x%x is in a set", never[i]);
}

static void test_ioctl_list_of_none_is_empty_and_all_is_no_list(void **state)
{
    struct ioctl_list l = parse("none");

    (void)state;
    assert_true(l.set && l.n == 0);
    l = parse("all");
    assert_false(l.set);
}

static void test_ioctl_list_refuses_what_it_does_not_know_by_name(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "empty"},
        {"tty,", "empty"},
        {",tty", "empty"},
        {"tty,,file", "empty"},
        {"ttyy", "did you mean tty?"},
        {"TIOCGWINZS", "did you mean TIOCGWINSZ?"},
        {"tty,all", "'all' is a list of its own"},
        {"none,tty", "'none' is a list of its own"},
        {"0x100005412", "32 bits"},
        {"0xffffffffffffffffff", "not a number"},
        {"12z", "not a number"},
        {"-1", "'-1'"},
        {"Wonderful", "give its number"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ioctl_list l = {.n = 77};
        struct err err = {0};
        if (ioctl_list_parse(&arena, cases[i].text, &l, &err) != -EINVAL)
            fail_msg("'%s' is taken", cases[i].text);
        if (!strstr(err.text, cases[i].said))
            fail_msg("'%s': %s", cases[i].text, err.text);
        assert_int_equal(l.n, 77);
    }
}

static void test_ioctl_list_is_bounded(void **state)
{
    static char text[8 * 1100];
    size_t len = 0;
    struct ioctl_list l;
    struct err err = {0};

    (void)state;
    for (unsigned i = 0; i < 1024; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%u", i ? "," : "", i * 7);
    assert_int_equal(ioctl_list_parse(&arena, text, &l, &err), 0);
    assert_int_equal(l.n, 1024);
    snprintf(text + len, sizeof text - len, ",3");
    assert_int_equal(ioctl_list_parse(&arena, text, &l, &err), -EINVAL);
    assert_non_null(strstr(err.text, "1024"));
}

static void test_ioctl_list_travels_in_a_config_json(void **state)
{
    struct json_writer w = {0};
    struct policy p, back;
    struct policy_build b = {.p = &p};
    struct err err = {0};

    (void)state;
    policy_init(&p, &arena, POLICY_FROM_FLAGS);
    p.root_path = "/";
    assert_int_equal(flag_ioctls(&b, "tty,0x1234", &err), 0);
    policy_write_oci(&p, &w);
    char *text = arena_strndup(&arena, w.buf, w.len);
    policy_init(&back, &arena, POLICY_FROM_OCI);
    if (policy_read_oci(&back, text, w.len, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(back.ioctls.set && back.ioctls.n == p.ioctls.n && contains(&back.ioctls, 0x1234));
    assert_int_equal(flag_ioctls(&b, "all", &err), 0);
    assert_false(p.ioctls.set);
    json_writer_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ioctl_table_has_the_numbers_of_the_headers),
        cmocka_unit_test(test_ioctl_list_of_sets_names_and_numbers_rises_and_has_each_once),
        cmocka_unit_test(test_ioctl_sets_hold_no_command_that_reaches_beyond_its_descriptor),
        cmocka_unit_test(test_ioctl_list_of_none_is_empty_and_all_is_no_list),
        cmocka_unit_test(test_ioctl_list_refuses_what_it_does_not_know_by_name),
        cmocka_unit_test(test_ioctl_list_is_bounded),
        cmocka_unit_test(test_ioctl_list_travels_in_a_config_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
