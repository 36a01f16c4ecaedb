/* SPDX-License-Identifier: Apache-2.0 */
/* The table of handles: numbers for what was found, so that no name is ever looked at twice. */
#include "gofer/internal.h"

#include "base/kernelfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void gofer_begin(struct gofer *g, int proc, uint32_t most)
{
    g->proc = proc;
    g->n_roots = g->top = 0;
    g->free = FILES_NONE;
    g->most = most < GOFER_HANDLES_MAX ? most : GOFER_HANDLES_MAX;
}

void gofer_end(struct gofer *g)
{
    for (uint32_t i = 0; i < g->top; i++)
        if (g->handles[i].kind != HANDLE_FREE)
            close(g->handles[i].fd);
    gofer_begin(g, g->proc, g->most);
}

int handle_make(struct gofer *g, int fd, uint8_t kind, uint8_t root, uint32_t *out)
{
    uint32_t number = g->free;
    if (number != FILES_NONE) {
        g->free = g->handles[number].next;
    } else if (g->top < g->most) {
        number = g->top++;
    } else {
        close(fd);
        return -ENFILE;
    }
    g->handles[number] = (struct handle){.fd = fd, .kind = kind, .root = root};
    *out = number;
    return 0;
}

struct handle *handle_of(struct gofer *g, uint32_t number)
{
    return number < g->top && g->handles[number].kind != HANDLE_FREE ? &g->handles[number] : NULL;
}

void handle_free(struct gofer *g, uint32_t number)
{
    struct handle *h = &g->handles[number];
    close(h->fd);
    *h = (struct handle){.fd = -1, .kind = HANDLE_FREE, .next = g->free};
    g->free = number;
}

int gofer_root(struct gofer *g, int fd, uint32_t flags)
{
    struct files_attr attr;
    uint32_t number;
    int r = attr_of(fd, &attr);
    if (r)
        return r;
    uint8_t kind = kind_of(attr.mode);
    if (kind != HANDLE_DIRECTORY && kind != HANDLE_REGULAR)
        return -EINVAL;
    if (g->n_roots == FILES_ROOTS_MAX || g->n_roots != g->top)
        return -E2BIG;
    if (kernelfs_of(fd, &r) || r)
        return r ? r : -EACCES;
    g->roots[g->n_roots] = (uint8_t)flags;
    g->root_dev[g->n_roots] = attr.dev;
    r = handle_make(g, fd, kind, (uint8_t)g->n_roots, &number);
    g->n_roots += !r;
    return r;
}

void handle_name(const struct handle *h, char name[HANDLE_NAME])
{
    snprintf(name, HANDLE_NAME, "%d", h->fd);
}

int handle_open(const struct gofer *g, const struct handle *h, int flags)
{
    char name[HANDLE_NAME];
    handle_name(h, name);
    int fd = openat(g->proc, name, flags | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}
