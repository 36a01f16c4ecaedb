/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an image, as moat inspect reads them: what is accepted can be walked from end to end within the file. */
#include "unikernel/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum(const void *bytes, uint64_t n)
{
    const uint8_t *b = bytes;
    unsigned s = 0;

    while (n--)
        s += *b++;
    return s;
}

static unsigned walk(const struct image_view *v)
{
    unsigned s = 0;

    for (uint64_t i = 0; i < v->n_inodes; i++) {
        const struct image_inode *f = &v->inodes[i];
        if (S_ISDIR(f->mode))
            for (uint64_t k = 0; k < f->size; k++)
                s += v->entries[f->offset + k].inode;
        else if (S_ISREG(f->mode) || S_ISLNK(f->mode))
            s += sum(v->bytes + f->offset, f->size);
        if (S_ISREG(f->mode) && f->sites)
            s += v->sites[f->sites - 1].n;
    }
    for (uint64_t i = 0; i < v->n_entries; i++)
        s += sum(v->names + v->entries[i].name, v->entries[i].length) + v->inodes[v->entries[i].inode].mode;
    for (uint64_t i = 0; i < v->n_sites; i++) {
        for (uint32_t k = 0; k < v->sites[i].n; k++)
            s += v->site[v->sites[i].first + k].length;
        s += sum(v->bytes + v->sites[i].blob, v->sites[i].blob_size);
    }
    for (uint64_t i = 0; i < v->n_kernel; i++)
        s += sum(v->bytes + v->kernel[i].offset, v->kernel[i].file);
    for (uint32_t i = 0; i < v->boot.n_args + v->boot.n_env + 2; i++)
        s += (unsigned)strlen(image_view_string(v, i));
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_view v;
    struct err err;
    uint8_t *copy = malloc(size ? size : 1); /* aligned, and exactly as long */
    volatile unsigned out = 0;

    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (size >= sizeof(struct image_header)) /* a fuzzer would hardly guess it */
        memcpy(copy + 16, &(uint64_t){size}, 8);
    if (image_view(&v, copy, size, false, &err) == 0)
        out = walk(&v);
    (void)out;
    free(copy);
    return 0;
}
