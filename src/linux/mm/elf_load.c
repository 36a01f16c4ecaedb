/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a program and its interpreter into an empty address space. All headers are checked (elf_check.c) before the
 * first page is mapped. Static programs, static and dynamic position-independent ones; the dynamic linker is the
 * program's own.
 */
#include "linux/core/text.h"
#include "linux/core/uaccess.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/mm/elf.h"
#include "linux/mm/load.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#define say(...) text_format(why, why_size, __VA_ARGS__)

/* ---- where ---- */

/* The load bias for a position-independent file with all its segments and trampolines; false: no room. */
static bool find_bias(struct mm *mm, struct file *file, const struct elf_plan *plan, bool program, uint64_t *bias)
{
    const struct elf_segment *first = &plan->segments[0];
    uint64_t offset = page_down(first->offset), at, object_at = 0;
    struct memobj *object = NULL;
    struct map_request q = {.n = plan->high - plan->low,
                            .prot = PROT_READ | PROT_EXEC,
                            .file = file,
                            .align = plan->align,
                            .end = TREE_HIGHEST};
    if (map_object(file, offset, PAGE_SIZE, first->prot, 0, &object, &object_at))
        return false;
    uint64_t behind = trampolines_end(file);
    q.behind = behind > plan->high ? behind - plan->high : 0;
    /* Where programs and other memory share one range, a program stands at two thirds of it, as on Linux: its heap
     * grows above it, mappings come from the top. */
    const struct aspace_range *r = &mm->range;
    if (program && r->text_low <= r->low && r->text_high >= r->high) {
        q.at = (r->low + (r->high - r->low) / 3 * 2) & ~(plan->align - 1);
        q.n += q.behind, q.behind = 0;
    }
    at = map_place(mm, &q, object, object_at, false);
    if (!at)
        return false;
    /* A place of the platform's choice keeps no alignment of ours; none but a page's is needed for correctness. */
    *bias = at - plan->low;
    return true;
}

/* A program at addresses of its own choice: they have to exist here and to be free. */
static int check_fixed(struct mm *mm, const struct elf_plan *plan, char *why, size_t why_size)
{
    if (!in_text(mm, plan->low, plan->high - plan->low) && !in_data(mm, plan->low, plan->high - plan->low)) {
        say("it has to stand at 0x%llx to 0x%llx, which a program may not use here: link it position-independent",
            (unsigned long long)plan->low, (unsigned long long)plan->high);
        return -ENOMEM;
    }
    if (!map_taken(mm->map, plan->low, plan->high))
        return 0;
    struct mm *old = mm_leaving(mm);
    if (old && !map_foreign(old, plan->low, plan->high))
        return -EADDRINUSE;
    say("address taken: it has to stand at 0x%llx to 0x%llx, where another program stands: link it "
        "position-independent",
        (unsigned long long)plan->low, (unsigned long long)plan->high);
    return -ENOMEM;
}

/* ---- pages ---- */

static int64_t map_part(struct mm *mm, uint64_t at, uint64_t end, int prot, struct file *file, uint64_t offset)
{
    struct map_request q = {.at = at, .n = end - at, .prot = prot, .file = file, .offset = offset, .fixed = true};
    return at == end ? 0 : map_request(mm, &q);
}

/* File pages, then the zeroed tail of the last of them, then pages of zeroes. */
static int map_segment(struct mm *mm, struct file *file, const struct elf_segment *s, uint64_t bias)
{
    uint64_t start = bias + s->address, file_end = start + s->file, end = page_up(start + s->memory);
    uint64_t edge = s->file ? page_up(file_end) : page_down(start);
    int64_t r = map_part(mm, page_down(start), edge, s->prot, file, page_down(s->offset));
    if (r >= 0 && s->file && s->memory > s->file && (s->prot & PROT_WRITE) && edge > file_end)
        r = platform.aspace.zero(mm->aspace, uptr(file_end), edge - file_end) == edge - file_end ? 0 : -EFAULT;
    if (r >= 0)
        r = map_part(mm, edge, end, s->prot, NULL, 0);
    return r < 0 ? (int)r : 0;
}

static int map_file(struct mm *mm, struct file *file, const struct elf_plan *plan, uint64_t bias)
{
    int r = 0;
    for (uint32_t i = 0; i < plan->n && !r; i++)
        r = map_segment(mm, file, &plan->segments[i], bias);
    return r ? r : trampolines_map(mm, file, bias);
}

static int place_and_map(struct mm *mm, struct file *file, const struct elf_plan *plan, bool program, uint64_t *bias,
                         char *why, size_t why_size)
{
    int r = plan->fixed ? check_fixed(mm, plan, why, why_size) : 0;
    *bias = 0;
    if (!plan->fixed && !find_bias(mm, file, plan, program, bias)) {
        say("no room for %llu KiB of program text: the text range is %llu KiB",
            (unsigned long long)(plan->high - plan->low) >> 10,
            (unsigned long long)(mm->range.text_high - mm->range.text_low) >> 10);
        return plan->high - plan->low > mm->range.text_high - mm->range.text_low ? -ENOMEM : no_room(mm);
    }
    if (r)
        return r;
    r = map_file(mm, file, plan, *bias);
    if (r)
        say("its segments cannot be mapped (error %d)", -r);
    return r == -ENOMEM ? no_room(mm) : r;
}

/* ---- the interpreter ---- */

static int open_interp(struct file *program, const struct elf_plan *plan, struct file **out, char *why, size_t why_size)
{
    char path[ELF_INTERP];
    int64_t got = vfs_read_kernel(program, path, plan->interp_size, plan->interp_offset);
    if (got < (int64_t)plan->interp_size || path[plan->interp_size - 1]) {
        say("the interpreter's name does not end");
        return got < 0 ? (int)got : -ENOEXEC;
    }
    int r = vfs_open_at(AT_FDCWD, path, O_RDONLY, 0, out);
    if (!r && ((*out)->inode->mode & S_IFMT) != S_IFREG)
        r = -EACCES;
    if (!r)
        r = vfs_permission((*out)->inode, 1); /* X_OK */
    if (r)
        say("its interpreter %s cannot be opened (error %d)", path, -r);
    return r;
}

/* The interpreter's plan, into the room of the program's, which is mapped by then. */
static int load_interp(struct mm *mm, struct elf_plan *plan, struct file *file, uint64_t *base, char *why,
                       size_t why_size)
{
    char text[128];
    uint64_t bias;
    int r = elf_read(plan, file, text, sizeof text);
    if (!r && plan->interp_size) {
        text_format(text, sizeof text, "it is itself dynamic");
        r = -ENOEXEC;
    }
    if (!r)
        r = place_and_map(mm, file, plan, false, &bias, text, sizeof text);
    if (r) {
        say("its interpreter: %s", text);
        return r == -ENOEXEC ? -ELIBBAD : r;
    }
    mm->entry = bias + plan->entry;
    *base = bias;
    return 0;
}

/* ---- the program ---- */

/* The ends that /proc/PID/stat and the heap are about. */
static void note_ends(struct mm *mm, const struct elf_plan *plan, uint64_t bias)
{
    for (uint32_t i = 0; i < plan->n; i++) {
        const struct elf_segment *s = &plan->segments[i];
        uint64_t start = bias + s->address;
        if (s->prot & PROT_EXEC) {
            mm->code_start = mm->code_start ? mm->code_start : start;
            mm->code_end = start + s->file;
        } else if (s->prot & PROT_WRITE) {
            mm->data_start = mm->data_start ? mm->data_start : start;
            mm->data_end = start + s->file;
        }
    }
}

static int set_exe(struct mm *mm, struct file *file, char *why, size_t why_size)
{
    if (file->inode->writers) {
        say("it is open for writing");
        return -ETXTBSY;
    }
    mm->exe = file_get(file);
    file->inode->text++;
    return 0;
}

static int load(struct mm *mm, struct elf_plan *plan, struct file *file, struct file **interp, char *why,
                size_t why_size)
{
    int r = elf_read(plan, file, why, why_size);
    if (!r && plan->interp_size)
        r = open_interp(file, plan, interp, why, why_size);
    if (!r)
        r = set_exe(mm, file, why, why_size);
    uint64_t bias = 0, base = 0;
    if (!r)
        r = place_and_map(mm, file, plan, true, &bias, why, why_size);
    if (r)
        return r;
    mm->entry = bias + plan->entry;
    note_ends(mm, plan, bias);
    struct loaded program = {.headers = plan->headers ? bias + plan->headers : 0,
                             .n_headers = plan->n_headers,
                             .entry = bias + plan->entry,
                             .end = bias + plan->high};
    if (*interp && (r = load_interp(mm, plan, *interp, &base, why, why_size)))
        return r;
    program.base = base;
    r = heap_place(mm, program.end);
    if (r) {
        say("no room for its heap");
        r = no_room(mm);
    } else {
        auxv_make(mm, &program);
    }
    return r;
}

int elf_load(struct mm *mm, struct file *file, char *why, size_t why_size)
{
    struct elf_plan *plan = heap_alloc(sizeof *plan);
    struct file *interp = NULL;
    if (!plan)
        return -ENOMEM;
    int r = load(mm, plan, file, &interp, why, why_size);
    heap_release(plan, sizeof *plan);
    if (interp)
        file_put(interp);
    return r;
}
