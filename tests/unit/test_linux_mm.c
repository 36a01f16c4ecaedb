/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux/mm over a platform that is an array with one cell a page: random mmap, munmap, mprotect, mremap, madvise, each
 * compared with what a plain array says. 20,000 operations, times MOAT_TEST_SCALE.
 */
#include "linux_mm_cells.h"

#include <linux/mman.h>
#include <linux/resource.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* libc's own headers do not go together with the kernel's types. */
extern char *getenv(const char *name);
extern int atoi(const char *text);

static struct cell should[PAGES];
static uint64_t seed;

static uint32_t chance(uint32_t below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((seed >> 33) % below);
}
/* ---- the array's view ---- */

static bool all_mapped(uint32_t page, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!should[page + i].mapped)
            return false;
    return true;
}

static void fill(uint32_t page, uint32_t n, int prot, bool from_file, uint32_t file_page)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t fresh = from_file && file_page + i < FILE_PAGES ? FROM_FILE | (file_page + i) : 0;
        should[page + i] = (struct cell){1, (uint8_t)prot, 1, fresh, fresh};
    }
}

/* Pages behind the end of the file have no access, whatever was asked. */
static bool past_end(const struct vma *v)
{
    return v->flags & VMA_PAST_END;
}

static void compare(void)
{
    struct mm *mm = task.mm;
    uint64_t pages = 0, data = 0;
    uint32_t n = 0;
    static struct cell by_tree[PAGES];
    memset(by_tree, 0, sizeof by_tree);
    for (struct vma *v = vma_first(mm); v; v = vma_next(v)) {
        n++, pages += vma_size(v) / PAGE_SIZE, data += vma_is_data(v) ? vma_size(v) / PAGE_SIZE : 0;
        for (uint64_t at = v->start; at < v->end; at += PAGE_SIZE) {
            struct cell *c = &by_tree[page_of(at)];
            *c = (struct cell){1, (uint8_t)v->prot, 1, 0};
            assert_int_equal(is[page_of(at)].prot, past_end(v) ? 0 : v->prot);
        }
    }
    assert_int_equal(mm->n_vmas, n);
    assert_int_equal(mm->pages_mapped, pages);
    assert_int_equal(mm->pages_data, data);
    for (uint32_t i = 0; i < PAGES; i++) {
        assert_int_equal(is[i].mapped, should[i].mapped);
        assert_int_equal(by_tree[i].mapped, should[i].mapped);
        if (!should[i].mapped)
            continue;
        assert_int_equal(by_tree[i].prot, should[i].prot);
        assert_int_equal(is[i].holds, should[i].holds);
    }
}

/* ---- operations ---- */

static int random_prot(void)
{
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
                                PROT_READ | PROT_EXEC};
    return prots[chance(5)];
}

static void do_map(void)
{
    uint32_t n = 1 + chance(12), at = chance(PAGES), file_page = chance(FILE_PAGES + 4);
    bool fixed = chance(3) == 0, no_replace = chance(2), from_file = chance(3) == 0;
    int prot = random_prot();
    bool fits = at + n <= PAGES && (at >= TEXT_PAGES || at + n <= TEXT_PAGES);
    int flags = MAP_PRIVATE | (from_file ? 0 : MAP_ANONYMOUS);
    if (fixed)
        flags |= no_replace ? MAP_FIXED_NOREPLACE : MAP_FIXED;
    bool free_there = true;
    for (uint32_t i = 0; i < n && fits; i++)
        free_there &= !should[at + i].mapped;
    int64_t r = mm_map(task.mm, fixed || chance(2) ? address(at) : 0, n * PAGE_SIZE, prot, flags,
                       from_file ? &file : NULL, from_file ? file_page * PAGE_SIZE : 0);
    if (r < 0) {
        if (fixed && !fits)
            assert_int_equal(r, -ENOMEM);
        else if (fixed && (prot & PROT_EXEC) && at >= TEXT_PAGES)
            assert_int_equal(r, -EACCES);
        else if (fixed)
            assert_true(r == -EEXIST && no_replace && !free_there);
        else
            assert_int_equal(r, -ENOMEM);
        return;
    }
    assert_true(!fixed || r == (int64_t)address(at));
    assert_true(!(prot & PROT_EXEC) || page_of((uint64_t)r) < TEXT_PAGES);
    for (uint32_t i = 0; i < n && !(fixed && !no_replace); i++)
        assert_false(should[page_of((uint64_t)r) + i].mapped);
    fill(page_of((uint64_t)r), n, prot, from_file, file_page);
}

static void do_unmap(void)
{
    uint32_t at = chance(PAGES), n = 1 + chance(20);
    uint32_t room = (at < TEXT_PAGES ? TEXT_PAGES : PAGES) - at;
    n = n < room ? n : room;
    assert_int_equal(mm_unmap(task.mm, address(at), n * PAGE_SIZE), 0);
    memset(&should[at], 0, n * sizeof should[0]);
}

static void do_protect(void)
{
    uint32_t at = chance(PAGES), n = 1 + chance(8);
    uint32_t room = (at < TEXT_PAGES ? TEXT_PAGES : PAGES) - at;
    n = n < room ? n : room;
    int prot = random_prot(), r = mm_protect(task.mm, address(at), n * PAGE_SIZE, prot);
    if (!all_mapped(at, n)) {
        assert_int_equal(r, -ENOMEM);
        return;
    }
    if ((prot & PROT_EXEC) && at >= TEXT_PAGES) {
        assert_int_equal(r, -EACCES);
        return;
    }
    assert_int_equal(r, 0);
    for (uint32_t i = 0; i < n; i++)
        should[at + i].prot = (uint8_t)prot;
}

static void do_write(void)
{
    uint32_t at = chance(PAGES);
    const struct vma *v = should[at].mapped && (should[at].prot & PROT_WRITE) ? vma_find(task.mm, address(at)) : NULL;
    if (v && !past_end(v))
        is[at].holds = should[at].holds = 1 + chance(1000000);
}

static void do_forget(void)
{
    uint32_t at = chance(PAGES - 4), n = 1 + chance(4);
    if (at < TEXT_PAGES && at + n > TEXT_PAGES)
        return;
    assert_int_equal(call(sys_madvise, address(at), n * PAGE_SIZE, MADV_DONTNEED, 0, 0),
                     all_mapped(at, n) ? 0 : -ENOMEM);
    for (uint32_t i = 0; i < n; i++)
        should[at + i].holds = should[at + i].fresh;
}

/* What mremap of pages within one mapping gives, by the array. */
static void do_remap(void)
{
    uint32_t at = chance(PAGES), old_n = 1 + chance(6), n = 1 + chance(10);
    const struct vma *v = vma_find(task.mm, address(at));
    if (!v || past_end(v) || old_n * PAGE_SIZE > v->end - address(at))
        return;
    bool fixed = chance(4) == 0;
    uint32_t to = chance(PAGES);
    int prot = v->prot;
    bool of_file = v->file;
    uint32_t file_page = (uint32_t)((v->offset + (address(at) - v->start)) / PAGE_SIZE);
    if (fixed && ((to < TEXT_PAGES ? TEXT_PAGES : PAGES) - to < n || (to < at + old_n && at < to + n) ||
                  ((prot & PROT_EXEC) && to >= TEXT_PAGES)))
        return;
    int64_t r = call(sys_mremap, address(at), old_n * PAGE_SIZE, n * PAGE_SIZE,
                     MREMAP_MAYMOVE | (fixed ? MREMAP_FIXED : 0), address(to));
    if (r < 0) {
        assert_int_equal(r, -ENOMEM);
        assert_true(!fixed && n > old_n);
        return;
    }
    struct cell old[16];
    memcpy(old, &should[at], old_n * sizeof old[0]);
    assert_true(!fixed || r == (int64_t)address(to));
    memset(&should[at], 0, old_n * sizeof old[0]);
    for (uint32_t i = 0; i < n; i++) {
        struct cell *c = &should[page_of((uint64_t)r) + i];
        assert_true(fixed || !c->mapped);
        uint32_t fresh = of_file && file_page + i < FILE_PAGES ? FROM_FILE | (file_page + i) : 0;
        *c = i < old_n ? old[i] : (struct cell){1, (uint8_t)prot, 1, fresh, fresh};
    }
}

static uint32_t operations(void)
{
    const char *scale = getenv("MOAT_TEST_SCALE");
    return 20000 * (scale && atoi(scale) > 0 ? (uint32_t)atoi(scale) : 1);
}

static void run(bool shared_space)
{
    begin(shared_space, 0);
    memset(should, 0, sizeof should);
    seed = shared_space ? 11 : 12;
    for (uint32_t i = 0; i < operations(); i++) {
        switch (chance(10)) {
        case 0:
        case 1:
        case 2:
            do_map();
            break;
        case 3:
        case 4:
            do_unmap();
            break;
        case 5:
        case 6:
            do_protect();
            break;
        case 7:
            do_write();
            break;
        case 8:
            do_forget();
            break;
        case 9:
            do_remap();
            break;
        }
        compare();
    }
    end();
}

static void test_mm_random_calls_answer_as_an_array(void **state)
{
    run(false);
}
static void test_mm_random_calls_in_one_space_for_all_answer_as_an_array(void **state)
{
    run(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mm_random_calls_answer_as_an_array),
        cmocka_unit_test(test_mm_random_calls_in_one_space_for_all_answer_as_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
