/* SPDX-License-Identifier: Apache-2.0 */
/* Names, documents and the store itself, without an unpacker: what is put in comes out, what is killed is cleaned. */
#include "image/config.h"
#include "image/store.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "aabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void test_reference_valid_is_split(void **state)
{
    static const struct {
        const char *text, *name, *tag, *file;
    } cases[] = {
        {"alpine", "alpine", "latest", "alpine"},
        {"alpine:3.20", "alpine", "3.20", "alpine"},
        {"docker.io/library/alpine", "alpine", "latest", "alpine"},
        {"docker.io/me/app:x", "me/app", "x", "me+app"},
        {"localhost:5000/a/b_c/d__e/f-g--h:T_1", "localhost:5000/a/b_c/d__e/f-g--h", "T_1",
         "localhost:5000+a+b_c+d__e+f-g--h"},
        {"Host.Example/a", "Host.Example/a", "latest", "Host.Example+a"},
        {"a.b:80", "a.b", "80", "a.b"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reference ref, back;
        struct err err = {0};
        char file[REFERENCE_NAME_MAX + 1];
        if (reference_parse(cases[i].text, &ref, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        reference_to_file(&ref, file);
        if (strcmp(ref.name, cases[i].name) || strcmp(ref.tag, cases[i].tag) || strcmp(file, cases[i].file))
            fail_msg("%s: got %s %s %s", cases[i].text, ref.name, ref.tag, file);
        assert_true(reference_from_file(file, ref.tag, &back));
        assert_string_equal(back.name, ref.name);
    }
}

static void test_reference_invalid_is_refused(void **state)
{
    static const char *const cases[] = {
        "",     ".",    "..",    "../a",  "/a",   "a/",     "a//b",   "a/../b",      "A",     "a/B",      ".a",
        "a.",   "a..b", "a___b", "-a",    "a-",   "a:",     "a:.b",   "a:-b",        "a:b/c", "a:b:c",    "a b",
        "a\nb", "a+b",  "a%2fb", "h:x/a", "h:/a", "-h.x/a", "h..x/a", "a@sha256:00", "a\\b",  "\xc3\xa9", ID_A,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reference ref = {.name = "untouched"};
        struct err err = {0};
        if (reference_parse(cases[i], &ref, &err) != -EINVAL)
            fail_msg("\"%s\" was taken as %s:%s", cases[i], ref.name, ref.tag);
        assert_string_equal(ref.name, "untouched");
        assert_non_null(strstr(err.text, "use "));
    }
}

static void test_id_prefix_table(void **state)
{
    (void)state;
    assert_string_equal(image_id_prefix("sha256:ab"), "ab");
    assert_string_equal(image_id_prefix("0"), "0");
    assert_null(image_id_prefix(""));
    assert_null(image_id_prefix("AB"));
    assert_null(image_id_prefix("abg"));
    assert_null(image_id_prefix("../../etc"));
    assert_null(image_id_prefix(ID_A "a"));
    assert_true(image_id_valid(ID_A));
    assert_false(image_id_valid("sha256:" ID_A));
}

static void test_time_table(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        int64_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"2024-02-29T12:34:56.789Z", true, 1709210096},
        {"2024-02-29T12:34:56+01:00", true, 1709206496},
        {"2024-02-29T12:34:56", false, 0},
        {"2024-13-01T00:00:00Z", false, 0},
        {"yesterday", false, 0},
        {"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t seconds = 0;
        if (image_time_read(cases[i].text, &seconds) != cases[i].valid ||
            (cases[i].valid && seconds != cases[i].seconds))
            fail_msg("%s: got %lld", cases[i].text, (long long)seconds);
    }
}

static int read_config(struct arena *a, struct image_config *c, const char *text, struct err *err)
{
    struct json *root;
    char *copy = arena_strdup(a, text);
    int r = json_parse(a, copy, strlen(copy), &root, err);

    return r < 0 ? r : image_config_read(a, c, root, err);
}

static void test_config_hostile_is_refused_by_member(void **state)
{
    static const struct {
        const char *text, *member;
    } cases[] = {
        {"{\"Env\": \"A=b\"}", "Env"},
        {"{\"Env\": [\"=b\"]}", "Env"},
        {"{\"Env\": [1]}", "Env"},
        {"{\"Cmd\": {\"a\": 1}}", "Cmd"},
        {"{\"Entrypoint\": [[]]}", "Entrypoint"},
        {"{\"User\": 0}", "User"},
        {"{\"WorkingDir\": []}", "WorkingDir"},
        {"{\"Labels\": [\"a\"]}", "Labels"},
        {"{\"Labels\": {\"a=b\": \"c\"}}", "Labels"},
        {"[]", "config"},
    };
    struct arena a;

    (void)state;
    assert_int_equal(arena_init(&a, 1 << 20), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_config c;
        struct err err = {0};
        if (read_config(&a, &c, cases[i].text, &err) != -EINVAL || !strstr(err.text, cases[i].member))
            fail_msg("%s: \"%s\"", cases[i].text, err.text);
    }
    arena_free(&a);
}

static void test_document_written_reads_back(void **state)
{
    struct arena a;
    struct image first = {.created = 7, .size = 1ull << 40, .entries = 3, .source = "x\"\n", .flat_owners = true},
                 second = {0};
    struct json_writer w;
    struct err err = {0};

    (void)state;
    assert_int_equal(arena_init(&a, 1 << 20), 0);
    assert_int_equal(read_config(&a, &first.config,
                                 "{\"Env\":[\"A=\\u0007\"],\"Cmd\":[\"sh\",\"\"],\"WorkingDir\":\"w\",\"User\":\"1:2\","
                                 "\"StopSignal\":\"9\",\"Labels\":{\"k\":\"v=w\"}}",
                                 &err),
                     0);
    assert_int_equal(image_document_write(&first, &w, &err), 0);
    if (image_document_read(&a, &second, w.buf, w.len, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(second.created, 7);
    assert_true(second.size == 1ull << 40 && second.flat_owners);
    assert_string_equal(second.source, "x\"\n");
    assert_int_equal(second.config.env.n, 2); /* PATH was added */
    assert_string_equal(second.config.env.v[0], "A=\a");
    assert_int_equal(second.config.cmd.n, 2);
    assert_null(second.config.cmd.v[2]);
    assert_string_equal(second.config.working_dir, "/w");
    assert_string_equal(second.config.labels.v[0], "k=v=w");
    json_writer_free(&w);
    arena_free(&a);
}

/* ---- with a store ------------------------------------------------------------------------------------------- */

struct fixture {
    char dir[64];
    struct arena arena;
    struct store store;
    struct err err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    strcpy(f->dir, "/tmp/moat-test-store-XXXXXX");
    if (!mkdtemp(f->dir) || arena_init(&f->arena, 64 << 20) < 0)
        return -1;
    char *data = arena_printf(&f->arena, "%s/data", f->dir);
    *state = f;
    return store_open(&f->store, &f->arena, data, true, &f->err);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = tree_remove(tmp, f->dir + strlen("/tmp/"), &f->err);

    close(tmp);
    store_close(&f->store);
    arena_free(&f->arena);
    free(f);
    return r;
}

static void build(struct fixture *f, const char *id, const char *name, bool *existed)
{
    struct image image = {.created = 1, .source = "test"};
    struct store_build b;
    struct reference ref;
    struct json_writer w;

    image_config_default(&image.config);
    assert_int_equal(reference_parse(name, &ref, &f->err), 0);
    assert_int_equal(image_document_write(&image, &w, &f->err), 0);
    assert_int_equal(store_build_begin(&f->store, &b, &f->err), 0);
    assert_int_equal(mkdirat(b.rootfs_fd, "etc", 0755), 0);
    assert_int_equal(store_build_commit(&f->store, &b, id, w.buf, w.len, &ref, existed, &f->err), 0);
    assert_int_equal(b.fd, -1);
    json_writer_free(&w);
}

static void test_store_built_image_resolves_by_name_and_id(void **state)
{
    struct fixture *f = *state;
    struct image image;
    struct stat st;
    bool existed;

    build(f, ID_A, "one:1", &existed);
    assert_false(existed);
    build(f, ID_B, "two", &existed);
    static const char *const texts[] = {"one:1", ID_A, ("sha256:" ID_A), "aaa", "docker.io/library/one:1"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (store_resolve(&f->store, texts[i], &image, &f->err) < 0)
            fail_msg("%s: %s", texts[i], f->err.text);
        assert_string_equal(image.id, ID_A);
        assert_int_equal(stat(image.rootfs, &st), 0);
        close(image.dir_fd);
    }
    assert_int_equal(store_resolve(&f->store, "aa", &image, &f->err), -EINVAL); /* both */
    assert_int_equal(store_resolve(&f->store, "one", &image, &f->err), -ENOENT);
    assert_int_equal(store_resolve(&f->store, "../one", &image, &f->err), -EINVAL);
}

static void test_store_same_id_again_keeps_the_first(void **state)
{
    struct fixture *f = *state;
    struct store_row *rows;
    unsigned removed;
    bool existed;
    size_t n;

    build(f, ID_A, "one", &existed);
    build(f, ID_A, "two", &existed);
    assert_true(existed);
    assert_int_equal(store_list(&f->store, &rows, &n, &f->err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].repository, "one");
    assert_int_equal(store_clean(&f->store, &removed, &f->err), 0);
    assert_int_equal(removed, 0);
}

static void test_store_image_in_use_is_not_removed(void **state)
{
    struct fixture *f = *state;
    struct store_removed gone;
    struct image image;
    bool existed;

    build(f, ID_A, "one", &existed);
    assert_int_equal(store_resolve(&f->store, "one", &image, &f->err), 0);
    assert_int_equal(store_remove(&f->store, "one", true, &gone, &f->err), -EBUSY);
    assert_true(store_has(&f->store, ID_A));
    close(image.dir_fd);
    assert_int_equal(store_remove(&f->store, "one", false, &gone, &f->err), 0);
    assert_true(gone.deleted);
    assert_false(store_has(&f->store, ID_A));
}

static void test_store_dead_builds_are_cleaned_and_living_ones_stay(void **state)
{
    struct fixture *f = *state;
    struct store_build living;
    unsigned removed;
    int status;

    assert_int_equal(store_build_begin(&f->store, &living, &f->err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct store_build b;
        if (store_build_begin(&f->store, &b, &f->err) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(store_clean(&f->store, &removed, &f->err), 0);
    assert_int_equal(removed, 1);
    assert_int_equal(faccessat(f->store.images_fd, living.name, F_OK, 0), 0);
    store_build_discard(&f->store, &living);
    assert_int_equal(store_clean(&f->store, &removed, &f->err), 0);
    assert_int_equal(removed, 0);
}

static void test_store_stray_files_in_refs_are_not_shown(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {".new", "UPPER", "a..b", "tag"};
    struct store_row *rows;
    bool existed;
    size_t n;

    build(f, ID_A, "one", &existed);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[64];
        mkdirat(f->store.refs_fd, names[i], 0700);
        snprintf(path, sizeof path, "%s/latest", names[i]);
        int fd = openat(f->store.refs_fd, path, O_WRONLY | O_CREAT, 0600);
        /* the last one has a good name and an id that leads elsewhere */
        assert_true(write(fd, i < 3 ? ID_A "\n" : "../../../../etc\n", i < 3 ? 65 : 16) > 0);
        close(fd);
    }
    assert_int_equal(store_list(&f->store, &rows, &n, &f->err), 0);
    assert_int_equal(n, 1);
}

static void test_tree_remove_deep_and_links_leaves_the_rest(void **state)
{
    struct fixture *f = *state;
    int top = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), at = dup(top);
    struct stat st;

    /* deeper than PATH_MAX and than any limit of descriptors; a link to a canary at each level */
    assert_int_equal(mkdirat(top, "canary", 0755), 0);
    for (int i = 0; i < 5000; i++) {
        const char *name = i ? "dddddddd" : "victim";
        assert_int_equal(mkdirat(at, name, 0755), 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        assert_int_equal(symlinkat("/tmp", next, "link"), 0);
        close(at);
        at = next;
    }
    close(at);
    if (tree_remove(top, "victim", &f->err) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(fstatat(top, "victim", &st, 0), -1);
    assert_int_equal(fstatat(top, "canary", &st, 0), 0);
    assert_int_equal(tree_remove(top, "victim", &f->err), 0); /* absent is success */
    symlinkat("canary", top, "link");
    assert_int_equal(tree_remove(top, "link", &f->err), 0);
    assert_int_equal(fstatat(top, "canary", &st, 0), 0);
    close(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_valid_is_split),
        cmocka_unit_test(test_reference_invalid_is_refused),
        cmocka_unit_test(test_id_prefix_table),
        cmocka_unit_test(test_time_table),
        cmocka_unit_test(test_config_hostile_is_refused_by_member),
        cmocka_unit_test(test_document_written_reads_back),
        cmocka_unit_test_setup_teardown(test_store_built_image_resolves_by_name_and_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_same_id_again_keeps_the_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_image_in_use_is_not_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_dead_builds_are_cleaned_and_living_ones_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_stray_files_in_refs_are_not_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tree_remove_deep_and_links_leaves_the_rest, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
