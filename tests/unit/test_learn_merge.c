/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to the text of a policy: what is missing comes in, each other line stays as it was, and forms that nothing can
 * be added to are refused. The policy's JSON stands beside its text, since its reader is a process of its own. */
#include "learn/learn.h"

#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define R PATH_READ
#define W PATH_WRITE
#define F LEARN_FOLLOWED
#define M (LEARN_MADE | LEARN_FOLLOWED)

static const struct test_case {
    const char *label;
    const char *text, *json;
    struct {
        const char *path;
        uint32_t access;
        bool below, broker; /* of a layer below; a broker rule */
    } known[3];
    struct learn_item items[3];
    struct {
        const char *path;
        uint32_t access, how;
    } uses[3];
    const char *want;    /* NULL: refused ... */
    const char *refusal; /* ... with these words */
} cases[] = {
    {"nothing is missing",
     "version: 1\nallow:\n  - /w/a:r\n",
     "{\"version\":1,\"allow\":[\"/w/a:r\"]}",
     {{"/w/a", R}},
     {{"allow", "/w/a"}},
     {{"/w/a", R, F}},
     "version: 1\nallow:\n  - /w/a:r\n",
     NULL},
    {"an item, behind the last, as deep as that, and comments stay",
     "# top\nversion: 1\nallow: # what\n    # one\n    - /w/a:r # why\n\n# more\ntimeout: 5s\n",
     "{\"version\":1,\"allow\":[\"/w/a:r\"],\"timeout\":\"5s\"}",
     {{"/w/a", R}},
     {{"allow", "/w/a"}},
     {{"/w/b", W, F}},
     "# top\nversion: 1\nallow: # what\n    # one\n    - /w/a:r # why\n    - /w/b:w\n\n# more\ntimeout: 5s\n",
     NULL},
    {"items at the margin, and the last line without an end",
     "version: 1\nallow:\n- /w/a:r",
     "{\"version\":1,\"allow\":[\"/w/a:r\"]}",
     {{"/w/a", R}},
     {{"allow", "/w/a"}},
     {{"/w/b", R, F}},
     "version: 1\nallow:\n- /w/a:r\n- /w/b:r\n",
     NULL},
    {"a member that is not there",
     "version: 1\n",
     "{\"version\":1}",
     {{0}},
     {{0}},
     {{"/w/b", R, F}, {"/w/out", W, M}},
     "version: 1\nallow:\n  - /w/b:r\nbroker:\n  - /w/out:wc\n",
     NULL},
    {"an access, in its line, with the path as it is written",
     "version: 1\nallow:\n  - ./a:r\n  - \"./b c\"\n",
     "{\"version\":1,\"allow\":[\"./a:r\",\"./b c\"]}",
     {{"/w/a", R}, {"/w/b c", R | PATH_EXECUTE}},
     {{"allow", "/w/a"}, {"allow", "/w/b c"}},
     {{"/w/a", W, F}, {"/w/b c", W, F}},
     "version: 1\nallow:\n  - ./a:rw\n  - \"./b c:rwx\"\n",
     NULL},
    {"brackets on one line become lines, when something is added",
     "version: 1\nallow: [./a:r, \"/w/b\"] # short\nbroker: [./c:wc]\n",
     "{\"version\":1,\"allow\":[\"./a:r\",\"/w/b\"],\"broker\":[\"./c:wc\"]}",
     {{"/w/a", R}, {"/w/b", R | PATH_EXECUTE}, {"/w/c", W | PATH_CREATE, false, true}},
     {{"allow", "/w/a"}, {"allow", "/w/b"}, {"broker", "/w/c"}},
     {{"/w/a", W, F}, {"/w/d", R, F}},
     "version: 1\nallow: # short\n  - ./a:rw\n  - /w/b\n  - /w/d:r\nbroker: [./c:wc]\n",
     NULL},
    {"a rule of a layer below is written anew, with more",
     "version: 1\n",
     "{\"version\":1}",
     {{"/w/a", R, true}},
     {{0}},
     {{"/w/a", W, F}},
     "version: 1\nallow:\n  - /w/a:rw\n",
     NULL},
    {"brackets over several lines",
     "version: 1\nallow: [\n  /w/a:r]\n",
     "{\"version\":1,\"allow\":[\"/w/a:r\"]}",
     {{"/w/a", R}},
     {{"allow", "/w/a"}},
     {{"/w/b", R, F}},
     NULL,
     "line of its own"},
    {"a name in quotes",
     "version: 1\n\"allow\":\n  - /w/a:r\n",
     "{\"version\":1,\"allow\":[\"/w/a:r\"]}",
     {{"/w/a", R}},
     {{"allow", "/w/a"}},
     {{"/w/b", R, F}},
     NULL,
     "at the margin"},
    {"a rule that stands elsewhere",
     "version: 1\nro: [/w/a]\n",
     "{\"version\":1,\"ro\":[\"/w/a\"]}",
     {{"/w/a", R | PATH_EXECUTE}},
     {{0}},
     {{"/w/a", W, F}},
     NULL,
     "/w/a is given rx by ro, rw or mounts"},
};

static void tell(struct learn *l, const struct test_case *c)
{
    for (size_t i = 0; i < ARRAY_LEN(c->known) && c->known[i].path; i++) {
        const struct path_rule rule = {.guest = c->known[i].path,
                                       .host = c->known[i].path,
                                       .verdict = c->known[i].broker ? PATH_BROKER : PATH_ALLOW,
                                       .access = c->known[i].access | PATH_STAT,
                                       .optional = c->known[i].below};
        assert_int_equal(learn_known_rule(l, &rule, false), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(c->uses) && c->uses[i].path; i++) {
        struct learn_node *node = learn_look(l, c->uses[i].path, LEARN_FILE, NULL);
        assert_non_null(node);
        node->made = c->uses[i].how & LEARN_MADE;
        assert_non_null(learn_use(l, c->uses[i].path, c->uses[i].access, c->uses[i].how));
    }
}

static void test_merge_adds_what_is_missing_and_no_more(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct test_case *c = &cases[i];
        struct err err = {0};
        struct arena a;
        struct learn l;
        struct json *root;
        char *out = NULL;
        uint32_t n = 0;

        assert_int_equal(arena_init(&a, 16 << 20), 0);
        assert_int_equal(learn_init(&l, &a, "/w", NULL, &err), 0);
        tell(&l, c);
        char *json = arena_strdup(&a, c->json);
        assert_int_equal(json_parse(&a, json, strlen(json), &root, &err), 0);
        assert_int_equal(learn_rules(&l, &err), 0);
        while (n < ARRAY_LEN(c->items) && c->items[n].path)
            n++;
        int r = learn_merge(&l, c->text, root, c->items, n, &out, &err);
        if (r < 0 && (c->want || !strstr(err.text, c->refusal)))
            fail_msg("%s: %s", c->label, err.text);
        if (r == 0 && (!c->want || strcmp(out, c->want) != 0))
            fail_msg("%s: expected\n%sgot\n%s", c->label, c->want ? c->want : "a refusal\n", out);
        free(out);
        arena_free(&a);
    }
}

static void test_merge_adds_links_addresses_and_file_systems(void **state)
{
    static const char text[] = "version: 1\nlinks:\n  /old: new\nallowNet: [\"127.0.0.1:80\"]\n";
    char json[] = "{\"version\":1,\"links\":{\"/old\":\"new\"},\"allowNet\":[\"127.0.0.1:80\"]}";
    struct err err = {0};
    struct arena a;
    struct learn l;
    struct json *root;
    char *out = NULL;

    assert_int_equal(arena_init(&a, 16 << 20), 0);
    assert_int_equal(learn_init(&l, &a, "/w", NULL, &err), 0);
    assert_int_equal(learn_link(&l, "/old", "new", true), 0);
    assert_int_equal(learn_net_rule(&l, "127.0.0.1:80", true), 0);
    assert_int_equal(learn_net_rule(&l, "127.0.0.1:80", false), 0);
    assert_int_equal(learn_net_rule(&l, "[::1]:443", false), 0);
    assert_non_null(learn_look(&l, "/w/l", LEARN_LINK, "f"));
    assert_non_null(learn_use(&l, "/w/l", PATH_STAT, LEARN_KEPT));
    learn_look(&l, "/var/tmp/x", LEARN_FILE, NULL)->made = true;
    assert_non_null(learn_use(&l, "/var/tmp/x", PATH_WRITE, M));
    assert_int_equal(learn_rules(&l, &err), 0);
    assert_int_equal(json_parse(&a, json, sizeof json - 1, &root, &err), 0);
    assert_int_equal(learn_merge(&l, text, root, NULL, 0, &out, &err), 0);
    assert_string_equal(
        out, "version: 1\nlinks:\n  /old: new\n  /w/l: f\nallowNet:\n  - \"127.0.0.1:80\"\n  - \"[::1]:443\"\n"
             "mounts:\n  - {type: tmpfs, target: /var/tmp, mode: \"1777\"}\n");
    free(out);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_adds_what_is_missing_and_no_more),
        cmocka_unit_test(test_merge_adds_links_addresses_and_file_systems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
