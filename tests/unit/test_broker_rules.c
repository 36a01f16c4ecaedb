/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's record, its rules, its paths and its memory of what was reported. */
#include "broker/path.h"
#include "broker/rules.h"
#include "broker/seen.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a record to begin with -------------------------------------------------------------------------------------- */

static union {
    struct broker_record head;
    char bytes[8192];
} rec;
static struct broker_path *paths;
static struct rules rules;

static uint32_t put(const void *data, size_t n)
{
    uint32_t at = (rec.head.size + 7) & ~7u;

    memcpy(rec.bytes + at, data, n);
    rec.head.size = at + (uint32_t)n;
    return at;
}

static uint32_t put_string(const char *s)
{
    return put(s, strlen(s) + 1);
}

static struct broker_path path_of(const char *guest, enum path_verdict verdict, uint32_t access, int32_t tree)
{
    char host[128];

    snprintf(host, sizeof host, "/host%s", guest);
    return (struct broker_path){
        .guest = put_string(guest), .host = put_string(host), .verdict = verdict, .access = access, .tree = tree};
}

/* /a brokered, /a/deny, /a/ro brokered for reading, /a-b allowed, /one a file. */
static int make_record(void **state)
{
    struct broker_net net = {.first = 1, .last = 2, .protocols = NET_TCP};
    uint32_t resolver;

    memset(&rec, 0, sizeof rec);
    rec.head = (struct broker_record){
        .magic = BROKER_MAGIC, .version = BROKER_VERSION, .size = sizeof rec.head, .n_trees = 3, .n_paths = 5};
    struct broker_path list[5] = {
        path_of("/a", PATH_BROKER, PATH_STAT | PATH_READ | PATH_WRITE, 0),
        path_of("/a-b", PATH_ALLOW, PATH_STAT | PATH_READ, -1),
        path_of("/a/deny", PATH_DENY, 0, -1),
        path_of("/a/ro", PATH_BROKER, PATH_STAT | PATH_READ, 1),
        path_of("/one", PATH_BROKER, PATH_STAT | PATH_READ, 2),
    };
    list[4].is_file = 1;
    rec.head.paths = put(list, sizeof list);
    net.host = put_string("example.org");
    resolver = put_string("192.0.2.1");
    rec.head.net = put(&net, sizeof net);
    rec.head.n_net = 1;
    rec.head.resolvers = put(&resolver, sizeof resolver);
    rec.head.n_resolvers = 1;
    rec.head.sandbox = put_string("box");
    paths = (struct broker_path *)(rec.bytes + rec.head.paths);
    return 0;
}

static int read_it(void)
{
    struct err err = {0};
    int r = rules_read(&rules, &rec, rec.head.size, &err);

    if (r < 0)
        assert_true(err.text[0] && !strchr(err.text, '\n'));
    return r;
}

static void test_record_whole_is_read(void **state)
{
    assert_int_equal(read_it(), 0);
    assert_int_equal(rules.n, 5);
    assert_string_equal(rules.sandbox, "box");
    assert_string_equal(rules.resolvers[0], "192.0.2.1");
    assert_string_equal(rules.net[0].host, "example.org");
    assert_true(rules.v[0].below && !rules.v[1].below && !rules.v[3].below);
    assert_int_equal(rules.v[0].within, 0);
    assert_int_equal(rules.v[1].within, -1);
    assert_int_equal(rules.v[2].within, 0);
    assert_int_equal(rules.v[3].within, 1);
    assert_true(rules.v[4].is_file);
}

static void no_end(void)
{
    memset(rec.bytes + rec.head.sandbox, 'x', rec.head.size - rec.head.sandbox);
}

static void swap_rules(void)
{
    struct broker_path p = paths[0];

    paths[0] = paths[1];
    paths[1] = p;
}

#define CHANGE(name, statement)                                                                                        \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        statement;                                                                                                     \
    }
CHANGE(other_magic, rec.head.magic++)
CHANGE(other_version, rec.head.version++)
CHANGE(shorter, rec.head.size -= 8)
CHANGE(unknown_flag, rec.head.flags = 1u << 31)
CHANGE(many_trees, rec.head.n_trees = BROKER_TREES_MAX + 1)
CHANGE(paths_outside, rec.head.paths = rec.head.size)
CHANGE(paths_far_outside, rec.head.paths = 0xfffffff0)
CHANGE(paths_unaligned, rec.head.paths++)
CHANGE(many_paths, rec.head.n_paths = 0x10000000)
CHANGE(guest_outside, paths[0].guest = rec.head.size)
CHANGE(guest_missing, paths[0].guest = 0)
CHANGE(guest_relative, rec.bytes[paths[0].guest] = 'a')
CHANGE(guest_dots, strcpy(rec.bytes + paths[2].guest, "/a/.."))
CHANGE(guest_slash, strcpy(rec.bytes + paths[2].guest, "/a/d/"))
CHANGE(guest_twice, paths[1].guest = paths[0].guest)
CHANGE(host_relative, rec.bytes[paths[0].host] = 'h')
CHANGE(other_verdict, paths[0].verdict = 3)
CHANGE(unknown_access, paths[0].access = 1u << 5)
CHANGE(deny_with_access, paths[2].access = PATH_READ)
CHANGE(no_tree, paths[0].tree = -1)
CHANGE(tree_beyond, paths[0].tree = 3)
CHANGE(tree_twice, paths[3].tree = 0)
CHANGE(tree_of_allowed, paths[1].tree = 0)
CHANGE(file_of_allowed, paths[1].is_file = 1)
CHANGE(file_with_rules_below, paths[0].is_file = 1)
CHANGE(net_outside, rec.head.net = rec.head.size)
CHANGE(net_host_outside, ((struct broker_net *)(rec.bytes + rec.head.net))->host = rec.head.size)
CHANGE(net_backwards, ((struct broker_net *)(rec.bytes + rec.head.net))->first = 3)
CHANGE(net_no_protocol, ((struct broker_net *)(rec.bytes + rec.head.net))->protocols = 0)
CHANGE(many_resolvers, rec.head.n_resolvers = 9)
CHANGE(resolver_outside, *(uint32_t *)(rec.bytes + rec.head.resolvers) = rec.head.size)

static void test_record_wrong_is_refused(void **state)
{
#define ROW(f)                                                                                                         \
    {                                                                                                                  \
#f, f                                                                                                          \
    }
    static const struct {
        const char *label;
        void (*change)(void);
    } rows[] = {ROW(other_magic),
                ROW(other_version),
                ROW(shorter),
                ROW(unknown_flag),
                ROW(many_trees),
                ROW(paths_outside),
                ROW(paths_far_outside),
                ROW(paths_unaligned),
                ROW(many_paths),
                ROW(guest_outside),
                ROW(guest_missing),
                ROW(guest_relative),
                ROW(guest_dots),
                ROW(guest_slash),
                ROW(guest_twice),
                ROW(host_relative),
                ROW(other_verdict),
                ROW(unknown_access),
                ROW(deny_with_access),
                ROW(no_tree),
                ROW(tree_beyond),
                ROW(tree_twice),
                ROW(tree_of_allowed),
                ROW(file_of_allowed),
                ROW(file_with_rules_below),
                ROW(net_outside),
                ROW(net_host_outside),
                ROW(net_backwards),
                ROW(net_no_protocol),
                ROW(many_resolvers),
                ROW(resolver_outside),
                ROW(no_end),
                ROW(swap_rules)};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_record(NULL);
        size_t size = rec.head.size;
        rows[i].change();
        struct err err = {0};
        int r = rules_read(&rules, &rec, size, &err);
        if (r != -EINVAL)
            print_error("%s: got %d, expected -EINVAL\n", rows[i].label, r);
        assert_int_equal(r, -EINVAL);
    }
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static void test_find_longest_rule_decides(void **state)
{
    static const struct {
        const char *path, *rule;
    } rows[] = {{"/a", "/a"},
                {"/a/x", "/a"},
                {"/a/denyx", "/a"},
                {"/a/deny", "/a/deny"},
                {"/a/deny/x/y", "/a/deny"},
                {"/a/ro/x", "/a/ro"},
                {"/a-b", "/a-b"},
                {"/a-b/x", "/a-b"},
                {"/a-", NULL},
                {"/ab", NULL},
                {"/", NULL},
                {"/one", "/one"},
                {"/one/x", "/one"},
                {"/x", NULL}};

    assert_int_equal(read_it(), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rule *rule = rules_find(&rules, rows[i].path, strlen(rows[i].path));
        if (!rule || !rows[i].rule || strcmp(rule->guest, rows[i].rule) != 0) {
            if (rule || rows[i].rule)
                print_error("%s: got %s\n", rows[i].path, rule ? rule->guest : "none");
            assert_true(!rule && !rows[i].rule);
        }
    }
}

static void test_find_literal_stops_before_what_is_not_clean(void **state)
{
    assert_int_equal(read_it(), 0);
    assert_string_equal(rules_find_literal(&rules, "/a/../x")->guest, "/a");
    assert_string_equal(rules_find_literal(&rules, "/a/deny/../x")->guest, "/a/deny");
    assert_string_equal(rules_find_literal(&rules, "/a//deny")->guest, "/a");
    assert_null(rules_find_literal(&rules, "//a"));
    assert_null(rules_find_literal(&rules, "/./a"));
}

static void test_below_finds_rules_strictly_below(void **state)
{
    assert_int_equal(read_it(), 0);
    assert_true(rules_below(&rules, "/"));
    assert_true(rules_below(&rules, "/a"));
    assert_false(rules_below(&rules, "/a/deny"));
    assert_false(rules_below(&rules, "/a-b"));
    assert_false(rules_below(&rules, "/on"));
}

static void test_gives_all_or_nothing(void **state)
{
    assert_int_equal(read_it(), 0);
    const struct rule *a = &rules.v[0], *deny = &rules.v[2];
    assert_true(rule_gives(a, PATH_STAT));
    assert_true(rule_gives(a, PATH_READ | PATH_WRITE));
    assert_false(rule_gives(a, PATH_READ | PATH_CREATE));
    assert_false(rule_gives(deny, PATH_STAT));
    assert_false(rule_gives(deny, 0));
    assert_false(rule_gives(NULL, PATH_STAT));
}

static void test_rule_of_the_root_is_above_all(void **state)
{
    struct broker_path p = path_of("/", PATH_BROKER, PATH_STAT, 0);

    paths[0] = p;
    assert_int_equal(read_it(), 0);
    assert_string_equal(rules_find(&rules, "/x", 2)->guest, "/");
    assert_string_equal(rules_find(&rules, "/", 1)->guest, "/");
    assert_int_equal(rules.v[0].length, 0);
    assert_true(rules.v[0].below);
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static void test_clean_takes_away_what_leads_nowhere(void **state)
{
    static const char *const rows[][2] = {{"/", "/"},           {"", "/"},           {"//", "/"},
                                          {"/.", "/"},          {"/..", "/"},        {"/../../a", "/a"},
                                          {"/a/", "/a"},        {"/a//b", "/a/b"},   {"/a/./b", "/a/b"},
                                          {"/a/../b", "/b"},    {"/a/b/../..", "/"}, {"/a/.../b", "/a/.../b"},
                                          {"/a/..b", "/a/..b"}, {"/.a/b.", "/.a/b."}};
    char out[PATH_SIZE];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(path_clean(rows[i][0], out), strlen(rows[i][1]));
        assert_string_equal(out, rows[i][1]);
        assert_true(path_is_clean(out));
    }
}

static void test_clean_too_long_is_refused(void **state)
{
    char raw[PATH_SIZE + 10], out[PATH_SIZE];

    memset(raw, 'x', sizeof raw);
    raw[0] = '/';
    raw[PATH_SIZE - 1] = 0;
    assert_int_equal(path_clean(raw, out), PATH_SIZE - 1);
    raw[PATH_SIZE - 1] = 'x';
    raw[PATH_SIZE] = 0;
    assert_int_equal(path_clean(raw, out), -ENAMETOOLONG);
}

static void test_split_leaves_the_last_name(void **state)
{
    static const struct {
        const char *path;
        size_t dir;
        const char *name;
        bool slash;
    } rows[] = {{"/a/b", 3, "b", false}, {"/a/b//", 3, "b", true},  {"a", 0, "a", false}, {"/", 0, "", true},
                {"", 0, "", false},      {"/a/..", 3, "..", false}, {"x/", 0, "x", true}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t dir, length;
        const char *name;
        bool slash;
        path_split(rows[i].path, &dir, &name, &length, &slash);
        assert_int_equal(dir, rows[i].dir);
        assert_int_equal(length, strlen(rows[i].name));
        assert_memory_equal(name, rows[i].name, length);
        assert_int_equal(slash, rows[i].slash);
    }
}

static void test_kernels_own_trees_are_known(void **state)
{
    assert_true(path_is_kernels("/proc") && path_is_kernels("/proc/1/x") && path_is_kernels("//dev/null") &&
                path_is_kernels("/sys"));
    assert_false(path_is_kernels("/process") || path_is_kernels("/devel/x") || path_is_kernels("/a/proc"));
    assert_true(path_climbs("/a/..") && path_climbs("../x") && !path_climbs("/a/..b/...") && !path_climbs(""));
}

/* ---- what was reported ------------------------------------------------------------------------------------------- */

static struct seen seen;

static uint64_t hash_of(const char *text)
{
    struct seen_part part = {text, strlen(text)};

    return seen_hash(&seen, &part, 1);
}

static void test_seen_says_new_once(void **state)
{
    memset(&seen, 0, sizeof seen);
    assert_true(seen_add(&seen, hash_of("x")));
    assert_false(seen_add(&seen, hash_of("x")));
    assert_true(seen_add(&seen, hash_of("y")));
}

static void test_seen_full_forgets_and_goes_on(void **state)
{
    char text[32];
    uint32_t news = 0;

    memset(&seen, 0, sizeof seen);
    for (uint32_t i = 0; i < 2 * SEEN_SLOTS; i++) {
        snprintf(text, sizeof text, "%u", i);
        news += seen_add(&seen, hash_of(text));
    }
    assert_int_equal(news, 2 * SEEN_SLOTS);
    assert_false(seen_add(&seen, hash_of(text)));
}

static void test_seen_key_and_parts_change_the_hash(void **state)
{
    struct seen_part one[] = {{"ab", 2}, {"c", 1}}, other[] = {{"a", 1}, {"bc", 2}};

    memset(&seen, 0, sizeof seen);
    uint64_t before = hash_of("x");
    assert_int_not_equal(seen_hash(&seen, one, 2), seen_hash(&seen, other, 2));
    seen.key[0] = 1;
    assert_int_not_equal(before, hash_of("x"));
}

int main(void)
{
#define WITH_RECORD(f) cmocka_unit_test_setup(f, make_record)
    const struct CMUnitTest tests[] = {
        WITH_RECORD(test_record_whole_is_read),
        WITH_RECORD(test_record_wrong_is_refused),
        WITH_RECORD(test_find_longest_rule_decides),
        WITH_RECORD(test_find_literal_stops_before_what_is_not_clean),
        WITH_RECORD(test_below_finds_rules_strictly_below),
        WITH_RECORD(test_gives_all_or_nothing),
        WITH_RECORD(test_rule_of_the_root_is_above_all),
        cmocka_unit_test(test_clean_takes_away_what_leads_nowhere),
        cmocka_unit_test(test_clean_too_long_is_refused),
        cmocka_unit_test(test_split_leaves_the_last_name),
        cmocka_unit_test(test_kernels_own_trees_are_known),
        cmocka_unit_test(test_seen_says_new_once),
        cmocka_unit_test(test_seen_full_forgets_and_goes_on),
        cmocka_unit_test(test_seen_key_and_parts_change_the_hash),
    };

    return cmocka_run_group_tests_name("broker_rules", tests, NULL, NULL);
}
