/* SPDX-License-Identifier: Apache-2.0 */
/* See kernel.h. Reads one file, which was installed with moat or made by moat build. */
#include "unikernel/kernel.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define KERNEL_MOST ((size_t)64 << 20)

/* What is zero at the end of a segment that is written to need not be in the file. */
static uint64_t trim(const uint8_t *bytes, const struct elf_load *l)
{
    uint64_t n = l->file;

    while (n && l->prot & PROT_WRITE && !bytes[l->offset + n - 1])
        n--;
    return n;
}

int kernel_read(struct kernel *k, struct arena *a, const char *path, struct err *err)
{
    const uint64_t in_page = ELF_PAGE - 1;
    struct elf_facts f;
    char *text;
    size_t n;
    int r = io_read_file(a, AT_FDCWD, path, KERNEL_MOST, &text, &n);

    if (r < 0)
        return err_sys(err, r, "read the kernel %s", path);
    if ((r = elf_facts_read((const uint8_t *)text, n, &f, err)) < 0)
        return err_wrap(err, "the kernel %s", path);
    uint64_t first = UINT64_MAX, end = 0;
    for (unsigned i = 0; i < f.n_loads; i++) {
        struct elf_load *l = &f.loads[i];
        l->file = trim((const uint8_t *)text, l);
        if (l->file && (l->offset & ~in_page) < first)
            first = l->offset & ~in_page;
        end = l->file && l->offset + l->file > end ? l->offset + l->file : end;
    }
    if (!f.fixed || f.interpreter || first >= end)
        return err_set(err, -ENOEXEC, "the kernel %s: it is no program at fixed addresses", path);
    *k = (struct kernel){(const uint8_t *)text + first, end - first, f.entry, .n = f.n_loads, .calls = "all"};
    for (unsigned i = 0; i < f.n_loads; i++) {
        const struct elf_load *l = &f.loads[i];
        const uint64_t skew = l->address & in_page;
        if ((l->prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
            return err_set(err, -ENOEXEC, "the kernel %s: segment %u is writable and executable", path, i);
        k->segments[i] = (struct image_segment){.address = l->address - skew,
                                                .memory = (l->memory + skew + in_page) & ~in_page,
                                                .offset = l->file ? l->offset - skew - first : 0,
                                                .file = l->file ? l->file + skew : 0,
                                                .prot = l->prot};
    }
    return 0;
}
