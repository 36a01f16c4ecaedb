/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of the kernel as linux/mm sees it, in a test. The platform aborts on what the seam forbids. */
#include "linux_mm_fixture.h"

#include "linux/core/panic.h"
#include "linux/core/random.h"
#include "linux/fs/fd.h"
#include "linux/fs/imgfs_format.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <string.h>

extern void abort(void) __attribute__((noreturn));

struct platform platform;
struct task *current;
struct fixture_file *fixture_interp;
char fixture_opened[256];
const struct image_sites *fixture_sites;
struct inode *fixture_sites_inode;

static _Alignas(PAGE_SIZE) uint8_t memory[FIXTURE_PAGES][PAGE_SIZE];
static int8_t prots[FIXTURE_PAGES]; /* -1: not mapped */
static _Alignas(PAGE_SIZE) uint8_t arena[1 << 20];
static struct process process;
static struct task task;
static struct cred cred;
static bool one_space;

/* ---- other rooms ---- */

void kernel_panic(const char *what)
{
    abort();
}
void random_bytes(void *to, size_t n)
{
    memset(to, 0x5a, n);
}
bool capable(const struct task *t, int cap)
{
    return false;
}
struct file *fd_get(int fd)
{
    return NULL;
}
struct file *file_get(struct file *f)
{
    f->refs++;
    return f;
}
void file_put(struct file *f)
{
    if (!f->refs--)
        abort();
}

int64_t vfs_read_kernel(struct file *f, void *to, size_t n, uint64_t pos)
{
    const struct fixture_file *ff = f->own;
    if (pos >= ff->inode.size)
        return 0;
    n = n < ff->inode.size - pos ? n : ff->inode.size - pos;
    memcpy(to, ff->bytes + pos, n);
    return (int64_t)n;
}
int vfs_open_at(int dirfd, const char *path, uint32_t flags, uint32_t mode, struct file **out)
{
    size_t n = strlen(path);
    memcpy(fixture_opened, path, (n < sizeof fixture_opened ? n : sizeof fixture_opened - 1) + 1);
    if (!fixture_interp)
        return -ENOENT;
    *out = file_get(&fixture_interp->file);
    return 0;
}
int vfs_permission(struct inode *inode, uint32_t mask)
{
    return inode->mode & 0111 ? 0 : -EACCES;
}
const struct image_sites *imgfs_sites(struct inode *inode, struct memobj **object)
{
    *object = inode->object;
    return inode == fixture_sites_inode ? fixture_sites : NULL;
}

static int map_file(struct file *f, struct vma *v)
{
    v->object = f->inode->object;
    return 0;
}
static const struct file_ops ops = {.map = map_file};

void fixture_open(struct fixture_file *f, const void *bytes, size_t n)
{
    memset(f, 0, sizeof *f);
    f->bytes = bytes;
    f->inode = (struct inode){.refs = 1, .size = n, .bytes = bytes, .mode = S_IFREG | 0755, .elf = true};
    f->inode.object = (struct memobj *)f;
    f->file = (struct file){.refs = 1, .ops = &ops, .inode = &f->inode, .own = f};
}

/* ---- the platform ---- */

static uint32_t page_of(uint64_t at)
{
    if (at >= FIXTURE_TEXT_LOW && at < FIXTURE_TEXT_LOW + FIXTURE_TEXT_PAGES * PAGE_SIZE)
        return (uint32_t)((at - FIXTURE_TEXT_LOW) / PAGE_SIZE);
    if (at >= FIXTURE_DATA_LOW && at < FIXTURE_DATA_LOW + FIXTURE_DATA_PAGES * PAGE_SIZE)
        return FIXTURE_TEXT_PAGES + (uint32_t)((at - FIXTURE_DATA_LOW) / PAGE_SIZE);
    return UINT32_MAX;
}

/* The first of n bytes' pages; they have to be whole, and of one range. */
static uint32_t pages_of(uint64_t at, size_t n)
{
    uint32_t first = page_of(at);
    if ((at | n) % PAGE_SIZE || !n || first == UINT32_MAX || page_of(at + n - 1) != first + n / PAGE_SIZE - 1)
        abort();
    return first;
}

static struct aspace *create(struct aspace_range *r)
{
    *r = (struct aspace_range){.low = FIXTURE_DATA_LOW,
                               .high = FIXTURE_DATA_LOW + FIXTURE_DATA_PAGES * PAGE_SIZE,
                               .text_low = FIXTURE_TEXT_LOW,
                               .text_high = FIXTURE_TEXT_LOW + FIXTURE_TEXT_PAGES * PAGE_SIZE,
                               .shared = one_space};
    return (struct aspace *)prots;
}
static void destroy(struct aspace *as)
{
}
static int map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object, uint64_t offset)
{
    uint32_t first = pages_of(at, n);
    const struct fixture_file *f = (const void *)object;
    if (((prot & PROT_WRITE) && (prot & PROT_EXEC)) || ((prot & PROT_EXEC) && first >= FIXTURE_TEXT_PAGES) ||
        (f && offset >= page_up(f->inode.size)))
        abort();
    memset(memory[first], 0, n);
    memset(&prots[first], prot, n / PAGE_SIZE);
    if (f)
        vfs_read_kernel((struct file *)&f->file, memory[first], n, offset);
    return 0;
}
static int unmap(struct aspace *as, uint64_t at, size_t n)
{
    memset(&prots[pages_of(at, n)], -1, n / PAGE_SIZE);
    return 0;
}
static int protect(struct aspace *as, uint64_t at, size_t n, int prot)
{
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
        abort();
    memset(&prots[pages_of(at, n)], prot, n / PAGE_SIZE);
    return 0;
}
static uint64_t where(struct aspace *as, struct memobj *object, uint64_t offset, size_t n, bool shared)
{
    return 0;
}
static size_t copy_out_(struct aspace *as, struct uptr to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t page = page_of(to.v + i);
        if (page == UINT32_MAX || prots[page] < 0 || !(prots[page] & PROT_WRITE))
            return i;
        memory[page][(to.v + i) % PAGE_SIZE] = from ? ((const uint8_t *)from)[i] : 0;
    }
    return n;
}
static size_t zero(struct aspace *as, struct uptr to, size_t n)
{
    return copy_out_(as, to, NULL, n);
}
static int host_memory(enum host_memory what, void *at, size_t n)
{
    return 0;
}

void fixture_begin(bool shared)
{
    one_space = shared;
    memset(prots, -1, sizeof prots);
    platform = (struct platform){.vcpus = 1,
                                 .host = {.memory = host_memory},
                                 .aspace = {.create = create,
                                            .destroy = destroy,
                                            .map = map,
                                            .unmap = unmap,
                                            .protect = protect,
                                            .where = where,
                                            .copy_out = copy_out_,
                                            .zero = zero},
                                 .xstate_size = 2696};
    heap_init(arena, sizeof arena, 0);
    mm_init(0);
    process = (struct process){0};
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        process.limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    cred = (struct cred){.refs = 1};
    task = (struct task){.process = &process, .cred = &cred};
    current = &task;
    fixture_interp = NULL, fixture_sites = NULL, fixture_sites_inode = NULL;
}

int fixture_prot(uint64_t at)
{
    uint32_t page = page_of(at);
    return page == UINT32_MAX ? -1 : prots[page];
}
uint8_t *fixture_at(uint64_t at)
{
    uint32_t page = page_of(at);
    return page == UINT32_MAX || prots[page] < 0 ? NULL : &memory[page][at % PAGE_SIZE];
}
uint32_t fixture_mapped(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < FIXTURE_PAGES; i++)
        n += prots[i] >= 0;
    return n;
}
