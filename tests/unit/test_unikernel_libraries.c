/* SPDX-License-Identifier: Apache-2.0 */
/* What a program asks for, and where it is found: ELF files made here, in a root directory of the test's own. */
#include "unikernel/libraries.h"
#include "unikernel_elf.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTERPRETER "/lib64/ld-linux-x86-64.so.2"

struct fixture {
    struct arena arena;
    struct tree tree;
    struct source source;
    struct libraries libraries;
    char root[64];
    struct err err;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(arena_init(&f->arena, (size_t)1 << 30), 0);
    strcpy(f->root, "/tmp/moat-libraries-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(tree_init(&f->tree, &f->arena, INT64_MAX, &f->err), 0);
    f->source = (struct source){.tree = &f->tree, .path = f->root, .root = open(f->root, O_PATH | O_DIRECTORY)};
    assert_true(f->source.root >= 0);
    f->libraries.source = &f->source;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    close(f->source.root);
    arena_free(&f->arena);
    free(f);
    return 0;
}

/* Makes what is above it as well. */
static void put(struct fixture *f, const char *path, const void *bytes, size_t n)
{
    char full[512];

    snprintf(full, sizeof full, "%s%s", f->root, path);
    for (char *slash = strchr(full + strlen(f->root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(full, 0755);
        *slash = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static void put_elf(struct fixture *f, const char *path, const struct small_elf *e)
{
    uint8_t bytes[SMALL_ELF_SIZE];

    put(f, path, bytes, small_elf_make(e, bytes));
}

static void put_link(struct fixture *f, const char *path, const char *target)
{
    char full[512];

    snprintf(full, sizeof full, "%s%s", f->root, path);
    assert_int_equal(symlink(target, full), 0);
}

static int take(struct fixture *f, const char *path)
{
    struct tree_node *node;

    assert_int_equal(source_take(&f->source, path, &node, &f->err), 0);
    assert_non_null(node->file->elf);
    return libraries_take(&f->libraries, node, &f->err);
}

static const struct small_elf plain;
static const struct small_elf program = {.interpreter = INTERPRETER, .needed = {"liba.so"}};

static void test_library_is_found_in_each_place_in_the_interpreters_order(void **state)
{
    static const struct {
        const char *label, *place;
        struct small_elf program;
        const char *environment, *configuration;
    } cases[] = {
        {"a default directory", "/usr/lib", {.interpreter = INTERPRETER, .needed = {"liba.so"}}, NULL, NULL},
        {"RUNPATH",
         "/opt/one",
         {.interpreter = INTERPRETER, .needed = {"liba.so"}, .runpath = "/x:/opt/one"},
         NULL,
         NULL},
        {"RPATH", "/opt/one", {.interpreter = INTERPRETER, .needed = {"liba.so"}, .rpath = "/opt/one"}, NULL, NULL},
        {"$ORIGIN",
         "/bin/../own",
         {.interpreter = INTERPRETER, .needed = {"liba.so"}, .runpath = "$ORIGIN/../own"},
         NULL,
         NULL},
        {"${ORIGIN}",
         "/bin/own",
         {.interpreter = INTERPRETER, .needed = {"liba.so"}, .runpath = "${ORIGIN}/own"},
         NULL,
         NULL},
        {"LD_LIBRARY_PATH", "/env", {.interpreter = INTERPRETER, .needed = {"liba.so"}}, "/none:/env", NULL},
        {"ld.so.conf", "/conf", {.interpreter = INTERPRETER, .needed = {"liba.so"}}, NULL, "# a remark\n  /conf  \n"},
        {"a name with a slash", "/here", {.interpreter = INTERPRETER, .needed = {"/here/liba.so"}}, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture *f;
        char path[256];
        assert_int_equal(setup((void **)&f), 0);
        put_elf(f, INTERPRETER, &plain);
        put_elf(f, "/bin/program", &cases[i].program);
        put(f, "/bin/own/x", "", 0);
        snprintf(path, sizeof path, "%s/liba.so", cases[i].place);
        put_elf(f, path, &plain);
        if (cases[i].configuration)
            put(f, "/etc/ld.so.conf", cases[i].configuration, strlen(cases[i].configuration));
        f->libraries.library_path = cases[i].environment;
        if (take(f, "/bin/program") != 0)
            fail_msg("%s: %s", cases[i].label, f->err.text);
        if (!libraries_has(&f->libraries, "liba.so") || !tree_at(&f->tree, INTERPRETER))
            fail_msg("%s: not taken", cases[i].label);
        if ((f->libraries.paths[0] != NULL) != (i == 0 || cases[i].configuration))
            fail_msg("%s: %s", cases[i].label, f->libraries.paths[0] ? f->libraries.paths[0] : "found elsewhere");
        teardown((void **)&f);
    }
    (void)state;
}

static void test_libraries_of_libraries_are_found_and_rpath_is_inherited(void **state)
{
    struct fixture *f = *state;

    put_elf(f, INTERPRETER, &plain);
    put_elf(f, "/bin/program", &(struct small_elf){.interpreter = INTERPRETER, .needed = {"liba.so"}, .rpath = "/own"});
    put_elf(f, "/own/liba.so", &(struct small_elf){.needed = {"libb.so", "liba.so"}});
    put_elf(f, "/own/libb.so", &(struct small_elf){.needed = {"liba.so"}});
    assert_int_equal(take(f, "/bin/program"), 0);
    assert_non_null(tree_at(&f->tree, "/own/libb.so"));
    assert_int_equal(f->libraries.n, 2);
}

static void test_links_lead_to_the_same_file_as_outside(void **state)
{
    struct fixture *f = *state;

    put_elf(f, "/usr/lib/x86_64-linux-gnu/libreal.so.1.2", &plain);
    put_link(f, "/lib", "usr/lib");
    put_link(f, "/lib64", "/usr/lib/x86_64-linux-gnu");
    put_link(f, "/usr/lib/x86_64-linux-gnu/liba.so", "libreal.so.1");
    put_link(f, "/usr/lib/x86_64-linux-gnu/libreal.so.1", "../x86_64-linux-gnu/libreal.so.1.2");
    put_elf(f, "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", &plain);
    put_elf(f, "/bin/program", &program);
    assert_int_equal(take(f, "/bin/program"), 0);
    const struct tree_node *lib = tree_at(&f->tree, "/lib"),
                           *a = tree_at(&f->tree, "/usr/lib/x86_64-linux-gnu/liba.so");
    assert_non_null(lib);
    assert_string_equal(lib->file->target, "usr/lib");
    assert_non_null(a);
    assert_string_equal(a->file->target, "libreal.so.1");
    assert_non_null(tree_at(&f->tree, "/usr/lib/x86_64-linux-gnu/libreal.so.1.2"));
    assert_string_equal(tree_at(&f->tree, "/lib64")->file->target, "/usr/lib/x86_64-linux-gnu");
}

static void test_library_of_another_machine_is_passed_over(void **state)
{
    struct fixture *f = *state;

    put_elf(f, INTERPRETER, &plain);
    put_elf(f, "/bin/program",
            &(struct small_elf){.interpreter = INTERPRETER, .needed = {"liba.so"}, .runpath = "/arm:/own"});
    put_elf(f, "/arm/liba.so", &(struct small_elf){.machine = 183});
    put_elf(f, "/own/liba.so", &plain);
    assert_int_equal(take(f, "/bin/program"), 0);
    assert_null(tree_at(&f->tree, "/arm/liba.so"));
    assert_non_null(tree_at(&f->tree, "/own/liba.so"));
}

static void test_library_that_is_missing_is_named_with_who_needs_it(void **state)
{
    struct fixture *f = *state;

    put_elf(f, INTERPRETER, &plain);
    put_elf(f, "/bin/program", &program);
    assert_int_equal(take(f, "/bin/program"), -ENOENT);
    assert_non_null(strstr(f->err.text, "liba.so"));
    assert_non_null(strstr(f->err.text, "/bin/program"));
}

static void test_links_in_a_circle_and_out_of_the_root_are_errors(void **state)
{
    struct fixture *f = *state;
    struct tree_node *node;

    put(f, "/x", "", 0);
    put_link(f, "/circle", "circle");
    put_link(f, "/up", "../../../../../../x");
    assert_int_equal(source_take(&f->source, "/circle", &node, &f->err), -ELOOP);
    assert_int_equal(source_take(&f->source, "/up", &node, &f->err), 0); /* the root is its own parent */
    assert_ptr_equal(node, tree_at(&f->tree, "/x"));
    assert_int_equal(source_take(&f->source, "/none", &node, &f->err), -ENOENT);
    assert_int_equal(source_take(&f->source, "/x/y", &node, &f->err), -ENOTDIR);
}

static int ignore(void *ctx, const void *bytes, size_t n)
{
    (void)ctx;
    (void)bytes;
    (void)n;
    return 0;
}

static void test_file_that_changes_between_its_readings_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct tree_node *node;
    char full[128];

    put(f, "/data", "before", 6);
    assert_int_equal(source_take(&f->source, "/data", &node, &f->err), 0);
    snprintf(full, sizeof full, "%s/data", f->root);
    assert_int_equal(truncate(full, 0), 0);
    assert_int_equal(source_read(node->file, ignore, NULL, &f->err), -EAGAIN);
    put(f, "/data", "behind", 6);
    assert_int_equal(source_read(node->file, ignore, NULL, &f->err), -EAGAIN);
    put(f, "/data", "before", 6);
    assert_int_equal(source_read(node->file, ignore, NULL, &f->err), 0);
}

static void test_elf_file_that_is_damaged_is_refused_or_read_within_its_bounds(void **state)
{
    uint8_t good[SMALL_ELF_SIZE], bytes[SMALL_ELF_SIZE];
    struct elf_facts facts;
    struct err err;
    size_t n = small_elf_make(&program, good);

    (void)state;
    assert_int_equal(elf_facts_read(good, n, &facts, &err), 0);
    assert_string_equal(facts.interpreter, INTERPRETER);
    assert_int_equal(facts.n_needed, 1);
    for (size_t cut = 0; cut < 0xa00; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1); /* sanitizers see a byte too far */
        memcpy(exact, good, cut);
        assert_int_equal(elf_facts_read(exact, cut, &facts, &err), -ENOEXEC);
        free(exact);
    }
    for (size_t i = 0; i < 0x800; i++) {
        static const uint8_t with[] = {0x00, 0x7f, 0x80, 0xff};
        for (size_t k = 0; k < sizeof with; k++) {
            memcpy(bytes, good, n);
            bytes[i] = with[k];
            uint8_t *exact = malloc(n);
            memcpy(exact, bytes, n);
            elf_facts_read(exact, n, &facts, &err);
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_is_found_in_each_place_in_the_interpreters_order),
        cmocka_unit_test_setup_teardown(test_libraries_of_libraries_are_found_and_rpath_is_inherited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_lead_to_the_same_file_as_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_library_of_another_machine_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_library_that_is_missing_is_named_with_who_needs_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_in_a_circle_and_out_of_the_root_are_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_that_changes_between_its_readings_is_an_error, setup, teardown),
        cmocka_unit_test(test_elf_file_that_is_damaged_is_refused_or_read_within_its_bounds),
    };

    return cmocka_run_group_tests_name("unikernel_libraries", tests, NULL, NULL);
}
