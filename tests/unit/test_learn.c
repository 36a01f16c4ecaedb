/* SPDX-License-Identifier: Apache-2.0 */
/* From what a run used to the fewest rules: tables of hosts, uses and the rules that must come out, each in one line.
 */
#include "learn/learn.h"

#include "confine/paths.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CWD "/home/u/work"

#define F LEARN_FOLLOWED
#define K LEARN_KEPT
#define L (LEARN_FOLLOWED | LEARN_LISTED)
#define M LEARN_MADE
#define G LEARN_GONE
#define R PATH_READ
#define W PATH_WRITE
#define X PATH_EXECUTE
#define S PATH_STAT

struct use {
    const char *asked;
    uint32_t access, how;
    bool to; /* the second of a pair with the one before */
};

/* A host is lines: "/a/dir/", "/a/file", "/a/lib!" (mapped as code), "/a/link -> target", "/a/socket=", and "+/a/made"
 * for what the run made itself ("+/a/made/": a directory). */
struct test_case {
    const char *label;
    const char *host[24];
    struct use uses[24];
    const char *rules[24];
    const char *known[4]; /* rules of a policy that is added to: "allow PATH:ACCESS" */
    const char *argv[4];
    const char *cwd;
};

static void tell_host(struct learn *l, const char *line)
{
    char path[256];
    bool made = *line == '+';
    size_t n = (size_t)snprintf(path, sizeof path, "%s", line + made);
    char *arrow = strstr(path, " -> ");
    enum learn_kind kind = LEARN_FILE;

    if (arrow) {
        *arrow = '\0';
        kind = LEARN_LINK;
    } else if (strchr("/=!", path[n - 1])) {
        kind = path[n - 1] == '/' ? LEARN_DIRECTORY : path[n - 1] == '=' ? LEARN_SOCKET : LEARN_FILE;
        path[n - 1] = '\0';
    }
    struct learn_node *node = learn_look(l, path, kind, arrow ? arrow + 4 : NULL);
    assert_non_null(node);
    node->made = made;
    node->library = line[strlen(line) - 1] == '!';
}

static void tell_known(struct learn *l, const char *line)
{
    struct path_rule rule = {.verdict = PATH_ALLOW};
    char text[256], *colon;

    snprintf(text, sizeof text, "%s", strchr(line, ' ') + 1);
    rule.verdict = line[0] == 'a' ? PATH_ALLOW : line[0] == 'd' ? PATH_DENY : PATH_BROKER;
    if ((colon = strrchr(text, ':'))) {
        *colon++ = '\0';
        rule.access = PATH_STAT;
        for (; *colon; colon++)
            rule.access |= *colon == 'r' ? R : *colon == 'w' ? W : *colon == 'x' ? X : *colon == 'c' ? PATH_CREATE : 0;
    }
    rule.guest = rule.host = arena_strdup(l->arena, text);
    const struct learn_node *node = learn_find(l, text);
    assert_int_equal(learn_known_rule(l, &rule, node && node->kind == LEARN_DIRECTORY), 0);
}

static void say_rules(const struct learn *l, char *out, size_t size)
{
    static const char *const verdicts[] = {[PATH_ALLOW] = "allow", [PATH_DENY] = "deny", [PATH_BROKER] = "broker"};
    size_t n = 0;
    char letters[8];

    out[0] = '\0';
    for (uint32_t i = 0; i < l->n_rules; i++) {
        const struct learn_rule *r = &l->rules[i];
        n += (size_t)snprintf(out + n, size - n, "%s %s:%s\n", verdicts[r->verdict], r->path,
                              paths_access_text(r->access, letters));
    }
    uint32_t n_links;
    const struct learn_link **links = learn_links_new(l, &n_links);
    for (uint32_t i = 0; i < n_links; i++)
        n += (size_t)snprintf(out + n, size - n, "link %s -> %s\n", links[i]->path, links[i]->target);
    for (uint32_t i = 0; i < l->n_scratch; i++)
        n += (size_t)snprintf(out + n, size - n, "scratch %s\n", l->scratch[i]);
    for (uint32_t i = 0; i < l->n_notes; i++)
        n += (size_t)snprintf(out + n, size - n, "note %s\n", l->notes[i]);
}

static void check(const struct test_case *c)
{
    static char got[16384], want[16384];
    const struct learn_use *before = NULL;
    struct err err = {0};
    struct arena a;
    struct learn l;
    size_t n = 0;

    assert_int_equal(arena_init(&a, 64 << 20), 0);
    assert_int_equal(learn_init(&l, &a, c->cwd ? c->cwd : CWD, c->argv, &err), 0);
    for (size_t i = 0; c->host[i]; i++)
        tell_host(&l, c->host[i]);
    for (size_t i = 0; i < ARRAY_LEN(c->known) && c->known[i]; i++)
        tell_known(&l, c->known[i]);
    for (size_t i = 0; c->uses[i].asked; i++) {
        const struct learn_use *use = learn_use(&l, c->uses[i].asked, c->uses[i].access, c->uses[i].how);
        assert_non_null(use);
        if (c->uses[i].to)
            assert_int_equal(learn_pair(&l, before, use), 0);
        before = use;
    }
    if (learn_rules(&l, &err) < 0)
        fail_msg("%s: %s", c->label, err.text);
    say_rules(&l, got, sizeof got);
    want[0] = '\0';
    for (size_t i = 0; c->rules[i]; i++)
        n += (size_t)snprintf(want + n, sizeof want - n, "%s\n", c->rules[i]);
    if (strcmp(got, want) != 0)
        fail_msg("%s: expected\n%sgot\n%s", c->label, want, got);
    arena_free(&a);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static const struct test_case file_cases[] = {
    {"each file its rule, with what was done",
     {"/usr/", "/usr/bin/", "/usr/bin/cat", "/etc/", "/etc/x", CWD "/", CWD "/in", CWD "/out"},
     {{"/usr/bin/cat", R | X, F}, {"/etc/x", S, F}, {CWD "/in", R, F}, {CWD "/out", W, F}},
     {"allow /etc/x:s", "allow " CWD "/in:r", "allow " CWD "/out:w", "allow /usr/bin/cat:rx"}},
    {"uses of one path add up, however it is spelled",
     {CWD "/", CWD "/in"},
     {{CWD "/in", R, F}, {CWD "//./in", W, F}},
     {"allow " CWD "/in:rw"}},
    {"a library needs x, since a mount without it forbids mapping",
     {"/lib/", "/lib/libc.so!", "/lib/data"},
     {{"/lib/libc.so", R, F}, {"/lib/data", R, F}},
     {"allow /lib/data:r", "allow /lib/libc.so:rx"}},
    {"a library that was only looked at does not",
     {"/lib/", "/lib/libc.so!"},
     {{"/lib/libc.so", S, F}},
     {"allow /lib/libc.so:s"}},
    {"what the kernel has and what every sandbox has",
     {"/tmp/", "/proc/", "/dev/", "/etc/", "/etc/passwd"},
     {{"/proc/self/maps", R, F}, {"/dev/null", R | W, F}, {"/sys/x", R, F}, {"/etc/passwd", R, F}, {"/tmp", S, F}},
     {NULL}},
    {"directories that are there anyway: above the working directory, and above other rules",
     {"/home/", "/home/u/", CWD "/", "/opt/", "/opt/a/", "/opt/a/f", "/opt/b/", "/etc/"},
     {{"/home", S, F},
      {CWD, S, F},
      {"/opt", S, F},
      {"/opt/a", S, F},
      {"/opt/a/f", R, F},
      {"/opt/b", S, F},
      {"/etc", S, F}},
     {"allow /opt/a/f:r", "allow /opt/b:s"}},
    {"of directories that are only looked at the deepest",
     {"/opt/", "/opt/a/", "/opt/a/b/"},
     {{"/opt", S, F}, {"/opt/a", S, F}, {"/opt/a/b", S, F}},
     {"allow /opt/a/b:s"}},
    {"sockets and devices are named, not given",
     {"/run/", "/run/s=", "/opt/", "/opt/gone"},
     {{"/run/s", S, F}, {"/opt/never", S, F}},
     {"note the socket /run/s: whoever listens there would act for the program",
      "note /opt/never: it was gone before it could be looked at"}},
    {"what must be there for '..' to go back over it",
     {"/usr/", "/usr/lib/", "/usr/lib/gcc/", "/usr/lib/gcc/12/", "/usr/lib/crt1.o"},
     {{"/usr/lib/gcc/12/../../crt1.o", R, F}},
     {"allow /usr/lib/crt1.o:r", "allow /usr/lib/gcc/12:s"}},
};

static void test_files_get_a_rule_each(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(file_cases); i++)
        check(&file_cases[i]);
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static const struct test_case link_cases[] = {
    {"a link that is only followed is no rule: the path that was asked for is",
     {"/bin -> usr/bin", "/usr/", "/usr/bin/", "/usr/bin/sh -> dash", "/usr/bin/dash"},
     {{"/bin/sh", R | X, F}},
     {"allow /bin/sh:rx"}},
    {"a link that was looked at is made, and what it leads to shown",
     {"/usr/", "/usr/bin/", "/usr/bin/py -> py3", "/usr/bin/py3"},
     {{"/usr/bin/py", R | X, F}, {"/usr/bin/py", S, K}},
     {"allow /usr/bin/py3:rx", "link /usr/bin/py -> py3"}},
    {"the same below a link that was not",
     {"/bin -> usr/bin", "/usr/", "/usr/bin/", "/usr/bin/py -> py3", "/usr/bin/py3"},
     {{"/bin/py", R | X, F | K}},
     {"allow /bin/py3:rx", "link /bin/py -> py3"}},
    {"an absolute target",
     {"/opt/", "/opt/l -> /srv/data", "/srv/", "/srv/data/", "/srv/data/f"},
     {{"/opt/l/f", R, F}, {"/opt/l", S, K}},
     {"allow /srv/data/f:r", "link /opt/l -> /srv/data"}},
    {"in a listed directory links are links",
     {"/usr/", "/usr/lib/", "/usr/lib/py/", "/usr/lib/py/site.py -> /etc/py/site.py", "/etc/", "/etc/py/",
      "/etc/py/site.py"},
     {{"/usr/lib/py", R, L}, {"/usr/lib/py/site.py", R, F | K}},
     {"allow /etc/py/site.py:r", "allow /usr/lib/py:r"}},
    {"a directory that is listed by way of a link",
     {"/opt/", "/opt/cur -> v2", "/opt/v2/", "/opt/v2/f", "/opt/v2/g -> f"},
     {{"/opt/cur", R, L}, {"/opt/cur/f", R, F}, {"/opt/cur/g", R, F}},
     {"allow /opt/cur:r"}},
    {"'..' behind a link: it has to be one inside too",
     {"/opt/", "/opt/l -> /srv/a", "/srv/", "/srv/a/", "/srv/f"},
     {{"/opt/l/../f", R, F}},
     {"allow /srv/a:s", "allow /srv/f:r", "link /opt/l -> /srv/a"}},
    {"a link that leads nowhere", {CWD "/", CWD "/l -> nothing"}, {{CWD "/l", S, K}}, {"link " CWD "/l -> nothing"}},
    {"links in a circle are no use", {CWD "/", CWD "/a -> b", CWD "/b -> a"}, {{CWD "/a", R, F}}, {NULL}},
    {"a link that the run made",
     {CWD "/", CWD "/f", "+" CWD "/l -> f"},
     {{CWD "/l", S, M | K}, {CWD "/l", R, F}},
     {"allow " CWD "/f:r", "broker " CWD "/l:c"}},
};

static void test_links_stay_links_only_where_they_are_looked_at(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(link_cases); i++)
        check(&link_cases[i]);
}

/* ---- names that come and go -------------------------------------------------------------------------------------- */

static const struct test_case change_cases[] = {
    {"one file that is made is the broker's",
     {CWD "/", "+" CWD "/out.tar"},
     {{CWD "/out.tar", W, M | F}},
     {"broker " CWD "/out.tar:wc"}},
    {"made, then read",
     {CWD "/", "+" CWD "/out"},
     {{CWD "/out", W, M | F}, {CWD "/out", R, F}},
     {"broker " CWD "/out:rwc"}},
    {"two make a rule of their directory",
     {CWD "/", "+" CWD "/a", "+" CWD "/b"},
     {{CWD "/a", W, M | F}, {CWD "/b", W, M | F}},
     {"allow " CWD ":wc"}},
    {"what was read beside them keeps its rule, which gives no less",
     {CWD "/", CWD "/in", "+" CWD "/a", "+" CWD "/b"},
     {{CWD "/in", R, F}, {CWD "/a", W, M | F}, {CWD "/b", W, M | F}},
     {"allow " CWD ":wc", "allow " CWD "/in:rw"}},
    {"a directory that is made, and all in it",
     {CWD "/", "+" CWD "/d/", "+" CWD "/d/e/", "+" CWD "/d/e/f"},
     {{CWD "/d", S, M}, {CWD "/d/e", S, M}, {CWD "/d/e/f", R | W, M | F}},
     {"allow " CWD ":rwc"}},
    {"a made-up name", {CWD "/", "+" CWD "/x.Zk3q9P"}, {{CWD "/x.Zk3q9P", W, M | F}}, {"allow " CWD ":wc"}},
    {"a program that is made and run",
     {CWD "/", "+" CWD "/a.out"},
     {{CWD "/a.out", W, M | F}, {CWD "/a.out", R | X, F}},
     {"allow " CWD ":rwxc"}},
    {"a file that is removed",
     {CWD "/", CWD "/old"},
     {{CWD "/old", R, F}, {CWD "/old", S, G}},
     {"broker " CWD "/old:rc"}},
    {"replaced by way of another: no rule of its own, since a mount cannot be replaced",
     {CWD "/", CWD "/conf", "+" CWD "/conf.lock"},
     {{CWD "/conf", R, F}, {CWD "/conf.lock", W, M | F}, {CWD "/conf.lock", S, G}, {CWD "/conf", S, G, true}},
     {"allow " CWD ":rwc"}},
    {"a tree that is removed takes along what was used in it",
     {CWD "/", CWD "/d/", CWD "/d/f"},
     {{CWD "/d", R, L}, {CWD "/d/f", R, F}, {CWD "/d/f", S, G}, {CWD "/d", S, G}},
     {"allow " CWD ":rc"}},
    {"in a listed directory one name is a rule of it, too",
     {CWD "/", CWD "/in", "+" CWD "/out"},
     {{CWD "/", R, L}, {CWD "/in", R, F}, {CWD "/out", W, M | F}},
     {"allow " CWD ":rwc"}},
    {"a listed directory below keeps less",
     {CWD "/", CWD "/src/", CWD "/src/a", CWD "/out/", "+" CWD "/out/a", "+" CWD "/out/b"},
     {{CWD "/src", R, L}, {CWD "/src/a", R, F}, {CWD "/out/a", W, M | F}, {CWD "/out/b", W, M | F}},
     {"allow " CWD "/out:wc", "allow " CWD "/src:r"}},
    {"moved from one directory to another: a rule of both",
     {CWD "/", CWD "/a/", CWD "/b/", CWD "/a/f", "+" CWD "/b/f"},
     {{CWD "/a/f", S, G}, {CWD "/b/f", S, M, true}},
     {"allow " CWD ":c"}},
    {"a directory that was looked at, and holds one name of the broker's, is shown by the broker",
     {CWD "/", "/srv/", "/srv/d/", "+/srv/d/out"},
     {{"/srv/d", S, F}, {"/srv/d/out", W, M | F}},
     {"broker /srv/d/out:wc"}},
    {"but not one that was entered",
     {CWD "/", "/srv/", "/srv/d/", "+/srv/d/out"},
     {{"/srv/d", S, F | LEARN_ENTERED}, {"/srv/d/out", W, M | F}},
     {"allow /srv/d:wc"}},
    {"moved between places that have nothing in common",
     {"/srv/", "/srv/f", CWD "/", "+" CWD "/f"},
     {{"/srv/f", S, G}, {CWD "/f", S, M, true}},
     {"broker " CWD "/f:c", "broker /srv/f:c",
      "note moving or linking from /srv to " CWD ": inside these are different file systems"}},
};

static void test_names_that_come_and_go(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(change_cases); i++)
        check(&change_cases[i]);
}

/* ---- places of nobody ---------------------------------------------------------------------------------------------
 */

static const struct test_case scratch_cases[] = {
    {"files that it made in /tmp",
     {"/tmp/", "+/tmp/ccX1.o", "+/tmp/d/", "+/tmp/d/f"},
     {{"/tmp/ccX1.o", R | W, M | F}, {"/tmp/d", S, M}, {"/tmp/d/f", W, M | F}, {"/tmp/ccX1.o", S, G}},
     {NULL}},
    {"in /var/tmp: memory of the sandbox's own",
     {"/var/", "/var/tmp/", "+/var/tmp/etilqs_1"},
     {{"/var/tmp", S, F}, {"/var/tmp/etilqs_1", R | W, M | F}, {"/var/tmp/etilqs_1", S, G}},
     {"allow /var/tmp:s", "scratch /var/tmp"}},
    {"in /tmp, named on the command line",
     {"/tmp/", "+/tmp/out"},
     {{"/tmp/out", W, M | F}},
     {"broker /tmp/out:wc"},
     {NULL},
     {"prog", "--output=/tmp/out"}},
    {"in a script on the command line",
     {"/tmp/", "+/tmp/out"},
     {{"/tmp/out", W, M | F}},
     {"broker /tmp/out:wc"},
     {NULL},
     {"sh", "-c", "echo >/tmp/out; true"}},
    {"in a directory of the command line",
     {"/tmp/", "/tmp/d/", "+/tmp/d/a", "+/tmp/d/b"},
     {{"/tmp/d/a", W, M | F}, {"/tmp/d/b", W, M | F}},
     {"allow /tmp/d:rwc"},
     {NULL},
     {"prog", "../../../tmp/d"}},
    {"/tmp on the command line names nothing in it",
     {"/tmp/", "+/tmp/x"},
     {{"/tmp/x", W, M | F}},
     {NULL},
     {NULL},
     {"prog", "-T/tmp", "/tmp"}},
    {"another name that begins alike",
     {"/tmp/", "+/tmp/out"},
     {{"/tmp/out", W, M | F}},
     {NULL},
     {NULL},
     {"prog", "/tmp/out2"}},
    {"what was in /tmp before", {"/tmp/", "/tmp/in"}, {{"/tmp/in", R, F}}, {"allow /tmp/in:r"}},
    {"below /tmp rights only go with mounts", {"/tmp/", "/tmp/in"}, {{"/tmp/in", W, F}}, {"allow /tmp/in:rw"}},
    {"a working directory below /tmp",
     {"/tmp/", "/tmp/w/", "+/tmp/w/a", "+/tmp/w/b"},
     {{"/tmp/w/a", W, M | F}, {"/tmp/w/b", W, M | F}},
     {"allow /tmp/w:rwc"},
     {NULL},
     {NULL},
     "/tmp/w"},
};

static void test_files_that_nobody_keeps(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(scratch_cases); i++)
        check(&scratch_cases[i]);
}

/* ---- many files, the root ------------------------------------------------------------------------------------------
 */

#define NINE(d) d "1", d "2", d "3", d "4", d "5", d "6", d "7", d "8", d "9"
#define NINE_USES(d, a)                                                                                                \
    {d "1", a, F}, {d "2", a, F}, {d "3", a, F}, {d "4", a, F}, {d "5", a, F}, {d "6", a, F}, {d "7", a, F},           \
        {d "8", a, F},                                                                                                 \
    {                                                                                                                  \
        d "9", a, F                                                                                                    \
    }

static const struct test_case many_cases[] = {
    {"nine files of one directory of the system stand for all of it",
     {"/usr/", "/usr/include/", NINE("/usr/include/")},
     {NINE_USES("/usr/include/", R)},
     {"allow /usr/include:r"}},
    {"not where one of them was only looked at; that makes eight",
     {"/usr/", "/usr/include/", NINE("/usr/include/")},
     {{"/usr/include/1", S, F}, {"/usr/include/2", R, F}, {"/usr/include/3", R, F}},
     {"allow /usr/include/1:s", "allow /usr/include/2:r", "allow /usr/include/3:r"}},
    {"nor a person's",
     {"/srv/", NINE("/srv/")},
     {NINE_USES("/srv/", R)},
     {"allow /srv/1:r", "allow /srv/2:r", "allow /srv/3:r", "allow /srv/4:r", "allow /srv/5:r", "allow /srv/6:r",
      "allow /srv/7:r", "allow /srv/8:r", "allow /srv/9:r"}},
    {"more for one of them is a rule of its own",
     {"/usr/", "/usr/lib/", NINE("/usr/lib/"), "/usr/lib/prog"},
     {NINE_USES("/usr/lib/", R), {"/usr/lib/prog", R | X, F | LEARN_RUN}},
     {"allow /usr/lib:r", "allow /usr/lib/prog:rx"}},
    {"less for another, below: no rule for all",
     {"/usr/", "/usr/lib/", NINE("/usr/lib/"), "/usr/lib/d/", "/usr/lib/d/data"},
     {NINE_USES("/usr/lib/", R | X), {"/usr/lib/d/data", R, F}},
     {"allow /usr/lib/1:rx", "allow /usr/lib/2:rx", "allow /usr/lib/3:rx", "allow /usr/lib/4:rx", "allow /usr/lib/5:rx",
      "allow /usr/lib/6:rx", "allow /usr/lib/7:rx", "allow /usr/lib/8:rx", "allow /usr/lib/9:rx",
      "allow /usr/lib/d/data:r"}},
    {"the root's own names can be listed only where all may be read",
     {"/", "/opt/", "/opt/f", "/opt/g"},
     {{"/", R, L}, {"/opt/f", S, F}, {"/opt/g", W, F}},
     {"allow /opt/f:r", "allow /opt/g:rw"}},
};

static void test_many_files_and_the_root(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(many_cases); i++)
        check(&many_cases[i]);
}

/* ---- added to a policy ----------------------------------------------------------------------------------------------
 */

static const struct test_case known_cases[] = {
    {"what is covered adds nothing",
     {CWD "/", CWD "/in", "+" CWD "/a", "+" CWD "/b"},
     {{CWD "/in", R, F}, {CWD "/a", W, M | F}, {CWD "/b", W, M | F}},
     {"allow " CWD ":rwc"},
     {"allow " CWD ":rwc"}},
    {"an access is added to a rule",
     {CWD "/", CWD "/in"},
     {{CWD "/in", W, F}},
     {"allow " CWD "/in:rw"},
     {"allow " CWD "/in:r"}},
    {"nothing is removed",
     {CWD "/", CWD "/in"},
     {{CWD "/in", R, F}},
     {"allow " CWD "/in:r", "allow /opt/x:rx"},
     {"allow /opt/x:rx"}},
    {"a file in a directory that gives less",
     {CWD "/", CWD "/d/", CWD "/d/f"},
     {{CWD "/d/f", W, F}},
     {"allow " CWD "/d:r", "allow " CWD "/d/f:rw"},
     {"allow " CWD "/d:r"}},
    {"a name in it",
     {CWD "/", CWD "/d/", "+" CWD "/d/f"},
     {{CWD "/d/f", W, M | F}},
     {"allow " CWD "/d:rwc"},
     {"allow " CWD "/d:r"}},
    {"what is denied stays so",
     {CWD "/", CWD "/d/", CWD "/d/f"},
     {{CWD "/d/f", R, F}},
     {"deny " CWD "/d:", "note " CWD "/d/f: the rule deny " CWD "/d forbids it"},
     {"deny " CWD "/d"}},
    {"a name that the broker answers for",
     {CWD "/", "+" CWD "/out"},
     {{CWD "/out", W, M | F}},
     {"broker " CWD "/out:rwc"},
     {"broker " CWD "/out:rc"}},
};

static void test_added_to_a_policy(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(known_cases); i++)
        check(&known_cases[i]);
}

/* ---- names, scalars -------------------------------------------------------------------------------------------------
 */

static void test_random_names(void **state)
{
    static const char *const random[] = {"tmpab12cd34", "x.Zk3q9P",        "tmp_obj_aB3dE9", "ccQ7xJ2k.o",
                                         ".#a1B2c3",    "etilqs_5fB2a9Kx", "tmp.lock"};
    static const char *const plain[] = {"out.tar", "Makefile",   "README.md", "file2024.txt", "report-2026-11-23.csv",
                                        "HEAD",    "index.lock", "a.out",     "libX11.so.6",  "temperature",
                                        "tmp",     "chapter12"};

    for (size_t i = 0; i < ARRAY_LEN(random); i++)
        if (!learn_name_is_random(random[i]))
            fail_msg("%s is taken for a name that a person gave", random[i]);
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (learn_name_is_random(plain[i]))
            fail_msg("%s is taken for a made-up name", plain[i]);
}

static void test_scalars_are_quoted_where_yaml_would_read_something_else(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"/usr/bin/tar:rx", "/usr/bin/tar:rx"},
        {"/a b:r", "\"/a b:r\""},
        {"/a#b:r", "\"/a#b:r\""},
        {"/a\"b\\c:r", "\"/a\\\"b\\\\c:r\""},
        {"/new\nline:r", "\"/new\\x0aline:r\""},
        {"/bell\x07\x7f:r", "\"/bell\\x07\\x7f:r\""},
        {"/\xc3\xa9t\xc3\xa9:r", "\"/\xc3\xa9t\xc3\xa9:r\""},
        {"/no\xfftext:r", NULL},
        {"/cut\xc3", NULL},
        {"/over\xc0\xaflong", NULL},
        {"", "\"\""},
        {"-x", "\"-x\""},
        {"127.0.0.1:80", "\"127.0.0.1:80\""},
        {"[::1]:80", "\"[::1]:80\""},
        {"example.org:443", "example.org:443"},
    };
    struct arena a;

    assert_int_equal(arena_init(&a, 1 << 20), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = learn_scalar_text(&a, cases[i].text);
        if (!got != !cases[i].want || (got && strcmp(got, cases[i].want) != 0))
            fail_msg("%s: expected %s, got %s", cases[i].text, cases[i].want ? cases[i].want : "none",
                     got ? got : "none");
    }
    arena_free(&a);
}

static void test_written_policy_is_whole(void **state)
{
    static const char *const argv[] = {"prog", "secret", NULL};
    const struct learn_story story = {"prog", "exit status 0", 1};
    struct err err = {0};
    struct arena a;
    struct learn l;

    assert_int_equal(arena_init(&a, 16 << 20), 0);
    assert_int_equal(learn_init(&l, &a, CWD, argv, &err), 0);
    tell_host(&l, CWD "/");
    tell_host(&l, CWD "/in");
    tell_host(&l, "+" CWD "/out");
    learn_use(&l, CWD, R, L);
    learn_use(&l, CWD "/in", R, F);
    learn_note(&l, "a note with\na line's end");
    assert_int_equal(learn_net_rule(&l, "127.0.0.1:80", false), 0);
    assert_int_equal(learn_rules(&l, &err), 0);
    char *text = learn_write(&l, &story);
    assert_non_null(text);
    assert_non_null(strstr(text, "version: 1\ndefaults: none\nallow:\n  # its names were listed\n  - " CWD
                                 ":r\nallowNet:\n  - \"127.0.0.1:80\"\n"));
    assert_non_null(strstr(text, "# - a note with?a line's end\n"));
    assert_null(strstr(text, "secret"));
    free(text);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_get_a_rule_each),
        cmocka_unit_test(test_links_stay_links_only_where_they_are_looked_at),
        cmocka_unit_test(test_names_that_come_and_go),
        cmocka_unit_test(test_files_that_nobody_keeps),
        cmocka_unit_test(test_many_files_and_the_root),
        cmocka_unit_test(test_added_to_a_policy),
        cmocka_unit_test(test_random_names),
        cmocka_unit_test(test_scalars_are_quoted_where_yaml_would_read_something_else),
        cmocka_unit_test(test_written_policy_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
