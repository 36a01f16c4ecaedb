/* SPDX-License-Identifier: Apache-2.0 */
/* Images: what is written is what is read, the same input gives the same bytes, and a damaged one is refused. */
#include "guest/unikernel/layout.h"
#include "unikernel/image.h"
#include "unikernel/sites.h"
#include "unikernel/view.h"
#include "unikernel_elf.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GETPID 39
static const uint8_t code[] = {0xb8, GETPID, 0, 0, 0, 0x0f, 0x05, 0xc3};

struct made {
    struct arena arena;
    struct image im;
    uint8_t elf[SMALL_ELF_SIZE], kernel[5000];
    struct elf_facts facts;
    struct tree_file *mapped;
    uint8_t *bytes; /* of the file */
    size_t size;
};

/* A file with these contents, as source.c would make it. */
static struct tree_node *put(struct made *m, const char *path, struct tree_file *f)
{
    struct tree_node *dir, *node;
    struct err err;
    const char *slash = strrchr(path, '/');
    const char *parent = arena_strndup(&m->arena, path, (size_t)(slash - path));

    assert_non_null(f);
    assert_int_equal(tree_directory(&m->im.tree, parent, 0755, &dir, &err), 0);
    assert_int_equal(tree_place(&m->im.tree, dir, slash + 1, strlen(slash + 1), f, &node, &err), 0);
    return node;
}

static void put_program(struct made *m)
{
    const struct small_elf e = {.code = code, .code_size = sizeof code, .symbols = {{"f", 0, sizeof code}}};
    struct tree_file *f = tree_file_new(&m->im.tree, S_IFREG | 0755);
    struct err err;

    assert_non_null(f);
    f->size = small_elf_make(&e, m->elf);
    f->bytes = m->elf;
    f->elf = &m->facts;
    assert_int_equal(elf_facts_read(m->elf, f->size, &m->facts, &err), 0);
    m->im.program = put(m, "/bin/program", f);
    m->mapped = f;
    m->im.mapped = &m->mapped;
    m->im.n_mapped = 1;
    assert_int_equal(sites_rewrite(&m->im.tree, f, &err), 0);
}

static void read_back(struct made *m, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    m->size = (size_t)st.st_size;
    assert_non_null(m->bytes = malloc(m->size));
    assert_int_equal(read(fd, m->bytes, m->size), (ssize_t)m->size);
    close(fd);
}

/* in_order: whether names come as they are sorted. */
static struct made *make(bool in_order)
{
    static char *args[] = {(char *)"program", (char *)"one two", NULL}, *env[] = {(char *)"A=b", NULL};
    static const char *const names[] = {"/a", "/a b", "/ab", "/etc/b", "/etc/a/c"};
    struct made *m = calloc(1, sizeof *m);
    char path[] = "/tmp/moat-image-XXXXXX";
    struct err err;

    assert_non_null(m);
    assert_int_equal(arena_init(&m->arena, 256u << 20), 0);
    m->im.arena = &m->arena;
    assert_int_equal(tree_init(&m->im.tree, &m->arena, INT64_MAX, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *name = names[in_order ? i : ARRAY_LEN(names) - 1 - i];
        assert_int_equal(tree_text(&m->im.tree, name, name, &err), 0);
    }
    assert_int_equal(tree_link(&m->im.tree, "/bin/link", "program", &err), 0);
    put_program(m);
    assert_int_equal(tree_finish(&m->im.tree, &err), 0);
    memset(m->kernel, 0x90, sizeof m->kernel);
    m->im.kernel = (struct kernel){.bytes = m->kernel,
                                   .size = sizeof m->kernel,
                                   .entry = 0x70140000,
                                   .n = 1,
                                   .calls = "getpid exit_group",
                                   .segments = {{.address = 0x70140000, .memory = 0x3000, .file = 5000, .prot = 5}}};
    m->im.path = "/bin/program";
    m->im.cwd = "/etc";
    m->im.args = (struct strv){args, 2};
    m->im.env = (struct strv){env, 1};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (image_write(&m->im, AT_FDCWD, path, &err) < 0)
        fail_msg("%s", err.text);
    read_back(m, path);
    unlink(path);
    return m;
}

static void drop(struct made *m)
{
    free(m->bytes);
    arena_free(&m->arena);
    free(m);
}

static const struct image_inode *find(const struct image_view *v, const char *path)
{
    const struct image_inode *f = &v->inodes[0];

    while (f && *path) {
        size_t n = strcspn(++path, "/");
        const struct image_inode *found = NULL;
        for (uint64_t i = 0; i < f->size; i++) {
            const struct image_entry *e = &v->entries[f->offset + i];
            if (e->length == n && !memcmp(v->names + e->name, path, n))
                found = &v->inodes[e->inode];
        }
        f = found;
        path += n;
    }
    return f;
}

static void test_image_that_is_written_is_read_as_it_was_meant(void **state)
{
    struct made *m = make(true);
    struct image_view v;
    struct err err;

    (void)state;
    if (image_view(&v, m->bytes, m->size, true, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(image_view_string(&v, 0), "/bin/program");
    assert_string_equal(image_view_string(&v, 1), "/etc");
    assert_string_equal(image_view_string(&v, 3), "one two");
    assert_string_equal(image_view_string(&v, 4), "A=b");
    const struct image_inode *text = find(&v, "/etc/a/c"), *link = find(&v, "/bin/link");
    assert_non_null(text);
    assert_int_equal(text->size, 8);
    assert_memory_equal(m->bytes + text->offset, "/etc/a/c", 8);
    assert_int_equal(text->nlink, 1);
    assert_non_null(link);
    assert_memory_equal(m->bytes + link->offset, "program", 7);
    assert_int_equal(find(&v, "/etc")->nlink, 3); /* itself, its name, the one in it */
    assert_int_equal(v.kernel[0].address, 0x70140000);
    assert_int_equal(v.kernel[0].offset % 4096, 0);
    assert_int_equal(m->bytes[v.kernel[0].offset + 4999], 0x90);
    drop(m);
}

static void test_static_program_has_premaps_with_its_rewritten_bytes_and_trampolines(void **state)
{
    struct made *m = make(true);
    struct image_view v;
    struct err err;

    (void)state;
    assert_int_equal(image_view(&v, m->bytes, m->size, true, &err), 0);
    const struct image_inode *program = find(&v, "/bin/program");
    assert_non_null(program);
    assert_int_equal(program->sites, 1);
    assert_int_equal(v.sites[0].n, 1);
    assert_int_equal(v.sites[0].trapped, 0);
    assert_int_equal(v.site[0].nr, GETPID);
    assert_int_equal(v.n_premaps, 3);                         /* two segments, and the trampolines */
    assert_int_equal(v.premaps[1].address, PIE_LOW + 0x1000); /* it is small, and has no more code than that */
    assert_int_equal(v.premaps[1].offset, program->offset + 0x1000);
    assert_int_equal(m->bytes[v.premaps[1].offset], 0xe9); /* the jump in the place of mov */
    assert_int_equal(v.premaps[2].address, PIE_LOW + v.sites[0].address);
    assert_int_equal(v.premaps[2].prot, PROT_READ | PROT_EXEC);
    assert_int_equal(v.premaps[2].offset, v.sites[0].blob);
    assert_int_equal(v.boot.text, 0);
    drop(m);
}

static void test_same_files_give_the_same_bytes_whatever_their_order(void **state)
{
    struct made *a = make(true), *b = make(false);

    (void)state;
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->bytes, b->bytes, a->size);
    assert_string_equal(a->im.sha256, b->im.sha256);
    drop(a);
    drop(b);
}

static void test_names_of_a_directory_are_in_the_order_of_their_bytes(void **state)
{
    struct made *m = make(false);
    struct image_view v;
    struct err err;

    (void)state;
    assert_int_equal(image_view(&v, m->bytes, m->size, true, &err), 0);
    for (uint64_t d = 0; d < v.n_inodes; d++)
        for (uint64_t i = 1; S_ISDIR(v.inodes[d].mode) && i < v.inodes[d].size; i++) {
            const struct image_entry *x = &v.entries[v.inodes[d].offset + i - 1], *y = x + 1;
            const uint16_t n = x->length < y->length ? x->length : y->length;
            const int order = memcmp(v.names + x->name, v.names + y->name, n);
            assert_true(order < 0 || (order == 0 && x->length < y->length));
        }
    drop(m);
}

static void test_image_that_is_cut_off_is_refused(void **state)
{
    struct made *m = make(true);
    struct image_view v;
    struct err err;

    (void)state;
    for (size_t n = 0; n < m->size; n += n < 4096 ? 1 : 511) {
        uint8_t *cut = malloc(n + 1);
        memcpy(cut, m->bytes, n);
        assert_int_equal(image_view(&v, cut, n, true, &err), -ENOEXEC);
        free(cut);
    }
    drop(m);
}

static void test_image_with_one_byte_changed_is_refused(void **state)
{
    struct made *m = make(true);
    struct image_view v;
    struct err err;

    (void)state;
    for (size_t i = 0; i < m->size; i += i < 4096 ? 1 : 97) {
        m->bytes[i] ^= 0x41;
        if (image_view(&v, m->bytes, m->size, true, &err) == 0 && (i < 56 || i >= sizeof v.header))
            fail_msg("byte %zu", i);
        image_view(&v, m->bytes, m->size, false, &err); /* within its bounds: sanitizers look */
        m->bytes[i] ^= 0x41;
    }
    drop(m);
}

static void test_two_files_of_one_name_are_refused_and_names_stay_within_255_bytes(void **state)
{
    struct arena arena;
    struct tree t;
    struct tree_node *node;
    struct err err;
    char name[300];

    (void)state;
    assert_int_equal(arena_init(&arena, 16u << 20), 0);
    assert_int_equal(tree_init(&t, &arena, INT64_MAX, &err), 0);
    struct tree_file *a = tree_file_new(&t, S_IFREG), *b = tree_file_new(&t, S_IFREG);
    assert_int_equal(tree_place(&t, t.root, "x", 1, a, &node, &err), 0);
    assert_int_equal(tree_place(&t, t.root, "x", 1, a, &node, &err), 0);
    assert_int_equal(tree_place(&t, t.root, "x", 1, b, &node, &err), -EEXIST);
    assert_int_equal(tree_directory(&t, "/x/y", 0755, &node, &err), -ENOTDIR);
    memset(name, 'n', sizeof name);
    assert_int_equal(tree_place(&t, t.root, name, 255, a, &node, &err), 0);
    assert_int_equal(tree_place(&t, t.root, name, 256, a, &node, &err), -ENAMETOOLONG);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_that_is_written_is_read_as_it_was_meant),
        cmocka_unit_test(test_static_program_has_premaps_with_its_rewritten_bytes_and_trampolines),
        cmocka_unit_test(test_same_files_give_the_same_bytes_whatever_their_order),
        cmocka_unit_test(test_names_of_a_directory_are_in_the_order_of_their_bytes),
        cmocka_unit_test(test_image_that_is_cut_off_is_refused),
        cmocka_unit_test(test_image_with_one_byte_changed_is_refused),
        cmocka_unit_test(test_two_files_of_one_name_are_refused_and_names_stay_within_255_bytes),
    };

    return cmocka_run_group_tests_name("unikernel_image", tests, NULL, NULL);
}
