/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of linux_image.h. Inode numbers are those of the rows, so that parents have smaller ones. */
#include "linux_image.h"

#include "linux/core/modes.h"
#include "linux/fs/imgfs_format.h"

#include <linux/elf-em.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 128
#define PAGE     4096u

struct builder {
    const struct image_row *rows;
    size_t n;
    uint8_t *bytes;
    size_t used;
    struct image_inode inodes[ROWS_MAX + 1];
};

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* 0: the root; else 1 + row. */
static uint32_t number_of(const struct builder *b, const char *path, size_t length)
{
    for (size_t i = 0; i < b->n && length; i++)
        if (strlen(b->rows[i].path) == length && !memcmp(b->rows[i].path, path, length))
            return b->rows[i].another ? number_of(b, b->rows[i].text, strlen(b->rows[i].text)) : (uint32_t)i + 1;
    return 0;
}

static bool is_in(const struct builder *b, size_t row, uint32_t directory)
{
    const char *path = b->rows[row].path;
    const char *name = last_name(path);
    return number_of(b, path, name == path ? 0 : (size_t)(name - path) - 1) == directory;
}

/* Where the section begins: on 8 bytes. */
static uint64_t put(struct builder *b, const void *from, size_t n)
{
    b->used = (b->used + 7) & ~(size_t)7;
    uint64_t at = b->used;
    if (n)
        memcpy(b->bytes + at, from, n);
    b->used += n;
    return at;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(last_name((*(const struct image_row *const *)a)->path),
                  last_name((*(const struct image_row *const *)b)->path));
}

/* The entries of one directory from `at` on, sorted; how many. */
static uint64_t directory(struct builder *b, uint32_t number, struct image_entry *at, uint64_t names)
{
    const struct image_row *sorted[ROWS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        if (is_in(b, i, number))
            sorted[n++] = &b->rows[i];
    qsort(sorted, n, sizeof(sorted[0]), by_name);
    for (size_t i = 0; i < n; i++) {
        const char *name = last_name(sorted[i]->path);
        uint32_t inode = number_of(b, sorted[i]->path, strlen(sorted[i]->path));
        at[i] = (struct image_entry){
            .inode = inode, .length = (uint16_t)strlen(name), .type = (uint16_t)(b->inodes[inode].mode >> 12)};
        at[i].name = (uint32_t)(put(b, name, strlen(name)) - names);
        if (S_ISDIR(b->inodes[inode].mode))
            b->inodes[number].nlink++;
    }
    return n;
}

static void inodes_make(struct builder *b, uint32_t uid, uint32_t gid)
{
    b->inodes[0] = (struct image_inode){.mode = S_IFDIR | 0755, .uid = uid, .gid = gid, .nlink = 2};
    for (size_t i = 0; i < b->n; i++) {
        const struct image_row *r = &b->rows[i];
        if (r->another) {
            b->inodes[number_of(b, r->text, strlen(r->text))].nlink++;
            b->inodes[i + 1] = (struct image_inode){.mode = S_IFREG, .nlink = 0};
            continue;
        }
        b->inodes[i + 1] = (struct image_inode){
            .mode = r->mode, .uid = uid, .gid = gid, .nlink = S_ISDIR(r->mode) ? 2 : 1, .mtime = 1000};
        if (S_ISREG(r->mode) || S_ISLNK(r->mode)) {
            b->inodes[i + 1].size = r->text ? strlen(r->text) : 0;
            b->inodes[i + 1].offset = put(b, r->text, b->inodes[i + 1].size);
        }
    }
}

uint8_t *image_build(const struct image_row *rows, size_t n, uint32_t uid, uint32_t gid, size_t *size)
{
    struct image_entry entries[ROWS_MAX];
    struct image_header h = {.version = IMAGE_VERSION, .machine = EM_X86_64, .n_sections = IMAGE_SECTIONS};
    struct builder b = {.rows = rows, .n = n, .used = sizeof(h)};
    size_t room = PAGE + 512 * n;
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++)
        room += rows[i].text ? strlen(rows[i].text) : 0;
    room = (room + PAGE - 1) / PAGE * PAGE;
    if (n > ROWS_MAX || !(b.bytes = aligned_alloc(PAGE, room)))
        return NULL;
    memset(b.bytes, 0, room);
    inodes_make(&b, uid, gid);
    uint64_t names = put(&b, NULL, 0);
    for (uint32_t i = 0; i <= n; i++) {
        if (!S_ISDIR(b.inodes[i].mode))
            continue;
        b.inodes[i].offset = at;
        b.inodes[i].size = directory(&b, i, entries + at, names);
        at += b.inodes[i].size;
    }
    h.sections[IMAGE_NAMES] = (struct image_section){names, b.used - names, 1, 0};
    h.sections[IMAGE_INODES] = (struct image_section){put(&b, b.inodes, (n + 1) * sizeof(b.inodes[0])),
                                                      (n + 1) * sizeof(b.inodes[0]), sizeof(b.inodes[0]), 0};
    h.sections[IMAGE_ENTRIES] = (struct image_section){put(&b, entries, at * sizeof(entries[0])),
                                                       at * sizeof(entries[0]), sizeof(entries[0]), 0};
    memcpy(h.magic, IMAGE_MAGIC, sizeof(h.magic));
    h.size = *size = room;
    memcpy(b.bytes, &h, sizeof(h));
    return b.bytes;
}
