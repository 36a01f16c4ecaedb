/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ELF loader of linux/mm: a program and, behind it in the input, its interpreter, loaded twice into one space for
 * all, given a stack, and taken down. The platform of the fixture aborts on any mapping that the seam forbids (outside
 * the ranges, writable and executable, behind the end of the file); afterwards nothing may be left.
 *
 * Input: two bytes: the interpreter's size, then the program, then the interpreter.
 */
#include "../unit/linux_mm_fixture.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <string.h>

extern void abort(void) __attribute__((noreturn));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* What was loaded is one that can be started. */
static void check_loaded(struct mm *mm)
{
    static const char strings[] = "a\0b=c";
    check(fixture_prot(mm->entry) & PROT_EXEC);
    int64_t sp = elf_stack(mm, strings, sizeof strings, 1, 1, "/a");
    check(sp == -ENOMEM || (sp > 0 && sp % 16 == 0 && fixture_prot((uint64_t)sp) == (PROT_READ | PROT_WRITE)));
    uint64_t pages = 0;
    for (const struct vma *v = vma_first(mm); v; v = vma_next((struct vma *)v)) {
        check(!((v->prot & PROT_WRITE) && (v->prot & PROT_EXEC)));
        pages += vma_size(v) >> PAGE_SHIFT;
    }
    check(pages == mm->pages_mapped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t n = data[0] | (size_t)data[1] << 8;
    struct fixture_file program, interp;
    char why[128];
    data += 2, size -= 2;
    n = n < size ? n : size;
    fixture_begin(true);
    fixture_open(&program, data, size - n);
    fixture_open(&interp, data + size - n, n);
    fixture_interp = &interp;
    struct mm *mms[2];
    for (int i = 0; i < 2; i++) {
        why[0] = 0;
        mms[i] = mm_create();
        check(mms[i]);
        int r = elf_load(mms[i], &program.file, why, sizeof why);
        check(r ? r < 0 && why[0] : !why[0]);
        if (!r)
            check_loaded(mms[i]);
    }
    mm_put(mms[0]);
    mm_put(mms[1]);
    check(!fixture_mapped() && !vma_type.live && program.file.refs == 1 && interp.file.refs == 1);
    return 0;
}
