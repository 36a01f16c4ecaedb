/* SPDX-License-Identifier: Apache-2.0 */
/* See linux_mm_cells.h. */
#include "linux_mm_cells.h"

#include <linux/mman.h>
#include <linux/resource.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct cell is[PAGES], forked[PAGES];
bool makes_code;
int objects;
static bool one_space;
static uint32_t spaces;
static _Alignas(PAGE_SIZE) char arena[4 << 20];

uint64_t address(uint32_t page)
{
    return page < TEXT_PAGES ? TEXT_LOW + page * PAGE_SIZE : DATA_LOW + (page - TEXT_PAGES) * PAGE_SIZE;
}
uint32_t page_of(uint64_t at)
{
    if (at >= TEXT_LOW && at < TEXT_LOW + TEXT_PAGES * PAGE_SIZE)
        return (uint32_t)((at - TEXT_LOW) / PAGE_SIZE);
    assert_in_range(at, DATA_LOW, DATA_LOW + DATA_PAGES * PAGE_SIZE - 1);
    return TEXT_PAGES + (uint32_t)((at - DATA_LOW) / PAGE_SIZE);
}

/* ---- the platform ---- */

/* A forked space has pages of its own. */
#define FORKED ((struct aspace *)99)

static struct cell *cells(struct aspace *as)
{
    return as == FORKED ? forked : is;
}

static int space_fork(struct aspace *as, struct aspace **out)
{
    if (one_space)
        return -ENOSYS;
    memcpy(forked, is, sizeof forked);
    for (uint32_t i = 0; i < PAGES; i++)
        forked[i].owner = 99;
    *out = FORKED;
    return 0;
}

static struct aspace *space_create(struct aspace_range *r)
{
    *r = (struct aspace_range){.low = DATA_LOW,
                               .high = DATA_LOW + DATA_PAGES * PAGE_SIZE,
                               .text_low = TEXT_LOW,
                               .text_high = TEXT_LOW + TEXT_PAGES * PAGE_SIZE,
                               .jit = makes_code,
                               .shared = one_space};
    return (struct aspace *)(uintptr_t)++spaces;
}
static void space_destroy(struct aspace *as)
{
    assert_non_null(as);
}

static void check_range(uint64_t at, size_t n)
{
    assert_int_equal(at % PAGE_SIZE, 0);
    assert_int_equal(n % PAGE_SIZE, 0);
    assert_true(n > 0);
    assert_int_equal(page_of(at + n - PAGE_SIZE), page_of(at) + n / PAGE_SIZE - 1);
}

static uint64_t space_where(struct aspace *as, struct memobj *object, uint64_t offset, size_t n, bool shared)
{
    return shared && one_space ? LENT + offset : 0;
}

static int space_map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                     uint64_t offset)
{
    if (object && shared && one_space)
        return at == LENT + offset ? 0 : -ENODEV;
    check_range(at, n);
    assert_true(!((prot & PROT_WRITE) && (prot & PROT_EXEC)));
    assert_true(!(prot & PROT_EXEC) || at < DATA_LOW || makes_code);
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        struct cell *c = &cells(as)[page_of(at) + i];
        assert_true(!c->mapped || (object && c->owner == (uintptr_t)as));
        uint32_t file_page = (uint32_t)(offset / PAGE_SIZE) + i;
        assert_true(!object || file_page < FILE_PAGES);
        *c = (struct cell){1, (uint8_t)prot, (uint8_t)(uintptr_t)as, object ? FROM_FILE | file_page : 0};
    }
    return 0;
}
static int space_unmap(struct aspace *as, uint64_t at, size_t n)
{
    if (at >= LENT)
        return 0;
    check_range(at, n);
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        struct cell *c = &cells(as)[page_of(at) + i];
        assert_true(!c->mapped || c->owner == (uintptr_t)as);
        *c = (struct cell){0};
    }
    return 0;
}
static int space_protect(struct aspace *as, uint64_t at, size_t n, int prot)
{
    check_range(at, n);
    assert_true(!((prot & PROT_WRITE) && (prot & PROT_EXEC)));
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        struct cell *c = &cells(as)[page_of(at) + i];
        assert_true(c->mapped && c->owner == (uintptr_t)as);
        c->prot = (uint8_t)prot;
    }
    return 0;
}
static int space_advise(struct aspace *as, uint64_t at, size_t n, int advice)
{
    check_range(at, n);
    assert_int_equal(advice, MADV_DONTNEED);
    for (uint32_t i = 0; i < n / PAGE_SIZE; i++) {
        assert_true(cells(as)[page_of(at) + i].mapped);
        cells(as)[page_of(at) + i].holds = 0;
    }
    return 0;
}
static int space_move(struct aspace *as, uint64_t from, size_t from_n, uint64_t to, size_t to_n, int prot)
{
    check_range(from, from_n);
    check_range(to, to_n);
    for (uint32_t i = 0; i < to_n / PAGE_SIZE; i++) {
        struct cell c = {1, (uint8_t)prot, (uint8_t)(uintptr_t)as, 0};
        if (i < from_n / PAGE_SIZE) {
            assert_int_equal(is[page_of(from) + i].prot, prot);
            c.holds = is[page_of(from) + i].holds;
            is[page_of(from) + i] = (struct cell){0};
        }
        assert_false(is[page_of(to) + i].mapped);
        is[page_of(to) + i] = c;
    }
    return 0;
}
static struct memobj *object_create(void)
{
    objects++;
    return (struct memobj *)0x2000;
}
static void object_destroy(struct memobj *o)
{
    objects--;
}

static int host_memory(enum host_memory what, void *at, size_t n)
{
    return 0;
}

/* ---- a file, a task, a kernel ---- */

static int file_map(struct file *f, struct vma *v)
{
    v->object = f->inode->object;
    return 0;
}
static const struct file_ops file_ops = {.map = file_map};
static const char file_bytes[1];
struct inode inode;
struct file file;
struct process process;
struct task task;

void begin(bool shared_space, uint64_t memory_limit)
{
    one_space = shared_space;
    spaces = 0;
    memset(is, 0, sizeof is);
    memset(&platform, 0, sizeof platform);
    platform.vcpus = 1;
    platform.host.memory = host_memory;
    platform.aspace = (struct aspace_ops){.create = space_create,
                                          .fork = space_fork,
                                          .destroy = space_destroy,
                                          .map = space_map,
                                          .unmap = space_unmap,
                                          .protect = space_protect,
                                          .advise = space_advise,
                                          .move = space_move,
                                          .where = space_where};
    platform.memobj.create = object_create, platform.memobj.destroy = object_destroy;
    heap_init(arena, sizeof arena, 0);
    mm_init(memory_limit);
    inode = (struct inode){.refs = 1000,
                           .size = FILE_PAGES * PAGE_SIZE - 100,
                           .object = (struct memobj *)0x1000,
                           .bytes = file_bytes,
                           .mode = S_IFREG};
    file = (struct file){.refs = 1000, .ops = &file_ops, .inode = &inode};
    memset(&process, 0, sizeof process);
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        process.limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    memset(&task, 0, sizeof task);
    task.process = &process;
    task.mm = mm_create();
    assert_non_null(task.mm);
    current = &task;
}

void end(void)
{
    mm_put(task.mm);
    for (uint32_t i = 0; i < PAGES && one_space; i++)
        assert_false(is[i].mapped);
    uint64_t limit, used;
    mm_totals(&limit, &used);
    assert_int_equal(used, 0);
    assert_int_equal(vma_type.live, 0);
    assert_int_equal(file.refs, 1000);
    current = NULL;
}

int64_t call(call_handler *handler, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    struct args args = {{a, b, c, d, e, 0}};
    return handler(&task, &args);
}
