/* SPDX-License-Identifier: Apache-2.0 */
/* Path rules: which one decides, and what enforces it or why nothing can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "confine/paths.h"
#include "policy/flags.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena arena;
static char dir[64];

static int setup(void **state)
{
    char path[96];

    snprintf(dir, sizeof dir, "/var/tmp/moat-paths-XXXXXX");
    if (!mkdtemp(dir) || arena_init(&arena, 16 << 20) < 0)
        return -1;
    static const char *const dirs[] = {"tree", "tree/sub", "tree/.git"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, dirs[i]);
        if (mkdir(path, 0755) < 0)
            return -1;
    }
    snprintf(path, sizeof path, "%s/tree/file", dir);
    close(open(path, O_CREAT | O_WRONLY, 0644));
    snprintf(path, sizeof path, "%s/tree/link", dir);
    return symlink("file", path);
}

static int teardown(void **state)
{
    static const char *const names[] = {"tree/link", "tree/file", "tree/.git", "tree/sub", "tree", ""};
    char path[96];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        remove(path);
    }
    arena_free(&arena);
    return 0;
}

/* Flags as "ro tree|deny tree/.git". */
static void build(struct policy *p, const char *flags, bool private_root)
{
    static const struct {
        const char *name;
        enum policy_flag flag;
    } names[] = {{"ro ", FLAG_RO},     {"rw ", FLAG_RW},         {"allow ", FLAG_ALLOW},
                 {"deny ", FLAG_DENY}, {"broker ", FLAG_BROKER}, {"tmpfs ", FLAG_TMPFS}};
    struct policy_build b;
    struct err err = {0};
    char text[256], *save, *one;

    policy_init(p, &arena, POLICY_FROM_FLAGS);
    p->private_root = private_root;
    assert_int_equal(policy_build_init(&b, p, dir, &err), 0);
    snprintf(text, sizeof text, "%s", flags);
    for (one = strtok_r(text, "|", &save); one; one = strtok_r(NULL, "|", &save))
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            size_t n = strlen(names[i].name);
            if (strncmp(one, names[i].name, n) != 0)
                continue;
            char *value = arena_printf(&arena, "%s", one + n);
            if (policy_flag_apply(&b, names[i].flag, NULL, value, &err) < 0)
                fail_msg("%s: %s", flags, err.text);
        }
    assert_int_equal(policy_build_finish(&b, &err), 0);
}

static const struct path_rule *find(const struct policy *p, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return paths_find(p, path);
}

static void test_longest_rule_decides(void **state)
{
    static const struct {
        const char *path, *rule;
    } cases[] = {
        {"tree", "tree"},
        {"tree/file", "tree"},
        {"tree/.git", "tree/.git"},
        {"tree/.git/x/y", "tree/.git"},
        {"tree/.gitignore", "tree"},
        {"tree2", NULL},
        {"", NULL},
        {"tree/sub/a", "tree/sub/a"},
        {"tree/sub/ab", "tree/sub"},
    };
    struct policy p;

    build(&p, "rw tree|deny tree/.git|ro tree/sub|allow tree/sub/a:r", true);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct path_rule *rule = find(&p, cases[i].path);
        char want[128];
        snprintf(want, sizeof want, "%s/%s", dir, cases[i].rule ? cases[i].rule : "");
        if (!rule != !cases[i].rule || (rule && strcmp(rule->guest, want) != 0))
            fail_msg("%s: decided by %s", cases[i].path, rule ? rule->guest : "none");
    }
}

static void test_each_rule_has_a_mechanism_or_a_refusal(void **state)
{
    static const struct {
        const char *flags, *rule;
        bool private_root;
        const char *mechanism, *refusal; /* one of them: words that it must have */
    } cases[] = {
        {"ro tree", "tree", true, "mount and Landlock", NULL},
        {"ro tree", "tree", false, "mount", NULL},
        {"allow tree:rw", "tree", true, "mount and Landlock", NULL},
        {"allow tree:rw", "tree", false, NULL, "-b broker"},
        {"allow tree/file:rw", "tree/file", false, "mount", NULL},
        {"allow tree:s", "tree", true, "mount and Landlock", NULL},
        {"allow tree:s", "tree", false, NULL, "-b broker"},
        {"rw tree|deny tree/.git", "tree/.git", true, "nobody can enter", NULL},
        {"rw tree|deny tree/file", "tree/file", true, "nobody can enter", NULL},
        {"rw tree|deny tree/.git", "tree/.git", false, "nobody can enter", NULL},
        {"rw tree|deny tree/.env", "tree/.env", true, NULL, "does not exist"},
        {"allow tree:rw|deny tree/.env", "tree/.env", true, "nothing can be made", NULL},
        {"ro tree|deny tree/.env", "tree/.env", true, "nothing can be made", NULL},
        {"ro tree|deny tree/link", "tree/link", true, NULL, "symbolic link"},
        {"deny tree/.git", "tree/.git", true, "nothing above", NULL},
        {"broker tree:rw|deny tree/.git", "tree/.git", true, "broker process", NULL},
        {"rw tree|ro tree/sub", "tree/sub", true, "mount and Landlock", NULL},
        {"ro tree|rw tree/sub", "tree/sub", true, "mount and Landlock", NULL},
        {"rw tree|allow tree/sub:rw", "tree/sub", true, NULL, "takes xc away"},
        {"rw tree|allow tree/sub:x", "tree/sub", true, NULL, "--broker"},
        {"ro tree|allow tree/sub:s", "tree/sub", true, NULL, "takes rx away"},
        {"ro tree|allow tree/sub:r", "tree/sub", true, "mount and Landlock", NULL},
        {"rw tree|allow tree/file:rw", "tree/file", true, "mount and Landlock", NULL},
        {"broker tree|ro tree/sub", "tree/sub", true, NULL, "--broker too"},
        {"ro tree|broker tree/sub:rw", "tree/sub", true, NULL, "without asking"},
        {"rw tree|broker tree/sub:r", "tree/sub", true, NULL, "without asking"},
        {"broker tree", "tree", false, NULL, "-b broker"},
        {"tmpfs /var/tmp|allow tree:rw", "tree", true, NULL, "/var/tmp is the sandbox's own fresh file system"},
        {"tmpfs /var/tmp|allow tree:rw", "tree", true, NULL, "/tree::/NAME"},
        {"ro tree/nosuch", "tree/nosuch", true, NULL, "does not exist on the host"},
        {"rw tree/nosuch", "tree/nosuch", false, NULL, "does not exist on the host"},
        {"ro tree/file/below", "tree/file/below", true, NULL, "does not exist on the host"},
        {"tmpfs /var/tmp|ro tree", "tree", true, "mount and Landlock", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct path_lowering how;
        struct policy p;
        build(&p, cases[i].flags, cases[i].private_root);
        const struct path_rule *rule = find(&p, cases[i].rule);
        assert_non_null(rule);
        paths_lower(&arena, &p, rule, &how);
        if (cases[i].mechanism && (!how.mechanism || !strstr(how.mechanism, cases[i].mechanism)))
            fail_msg("%s: '%s', refused with '%s'", cases[i].flags, how.mechanism ? how.mechanism : "-", how.refusal);
        if (cases[i].refusal && (how.mechanism || !strstr(how.refusal, cases[i].refusal)))
            fail_msg("%s: '%s', refused with '%s'", cases[i].flags, how.mechanism ? how.mechanism : "-", how.refusal);
    }
}

static void test_what_is_made_is_not_denied(void **state)
{
    static const struct {
        const char *deny;
        bool private_root;
        const char *refusal;
    } cases[] = {
        {"deny /etc/passwd", true, "made by moat"},
        {"deny /etc/passwd", false, NULL},
        {"deny /etc/shadow", true, NULL},
        {"deny /lnk", true, "/lnk is a link to usr/bin"},
        {"deny /lnk/ls", true, "deny the path there"},
        {"deny /lnkx", true, NULL},
    };
    struct made_file made[] = {{.path = "/etc/passwd", .content = "x"}, {.path = "/lnk", .target = "usr/bin"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct path_lowering how;
        struct policy p;
        build(&p, cases[i].deny, cases[i].private_root);
        p.made = made;
        p.n_made = ARRAY_LEN(made);
        paths_lower(&arena, &p, &p.paths[0], &how);
        if (!how.refusal != !cases[i].refusal || (how.refusal && !strstr(how.refusal, cases[i].refusal)))
            fail_msg("%s: refused with '%s'", cases[i].deny, how.refusal ? how.refusal : "-");
    }
}

static void test_landlock_rights_are_those_of_the_access(void **state)
{
    assert_int_equal(paths_landlock(PATH_STAT, true), 0);
    assert_int_equal(paths_landlock(PATH_READ, false), LANDLOCK_ACCESS_FS_READ_FILE);
    assert_int_equal(paths_landlock(PATH_READ, true), LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
    assert_false(paths_landlock(PATH_ALL & ~PATH_CREATE, true) & LANDLOCK_ACCESS_FS_MAKE_REG);
    assert_false(paths_landlock(PATH_ALL, true) & (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_rule_decides),
        cmocka_unit_test(test_each_rule_has_a_mechanism_or_a_refusal),
        cmocka_unit_test(test_what_is_made_is_not_denied),
        cmocka_unit_test(test_landlock_rights_are_those_of_the_access),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
