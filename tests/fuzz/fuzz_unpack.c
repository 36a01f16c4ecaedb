/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a tar stream, unpacked into a directory without any jail around it: what keeps it inside is the extraction
 * itself. The first byte chooses the mode and the size of the pieces in which the stream arrives. After each run the
 * directory's neighbour must be as it was.
 */
#include "base/mem.h"
#include "image/tree.h"
#include "unpack/extract.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct memory {
    const char *bytes;
    size_t left, piece;
};

static int next_piece(void *ctx, const char **bytes, size_t *n, struct err *err)
{
    struct memory *m = ctx;

    (void)err;
    *n = m->left < m->piece ? m->left : m->piece;
    *bytes = m->bytes;
    m->bytes += *n;
    m->left -= *n;
    return 0;
}

static char place[] = "/tmp/fuzz-unpack-XXXXXX";
static int dest_fd = -1, place_fd = -1;
static struct stat canary;

static void clean_up(void)
{
    struct err err = {0};

    tree_empty(place_fd, &err);
    rmdir(place);
}

static void set_up(void)
{
    if (!mkdtemp(place) || (place_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        mkdirat(place_fd, "dest", 0755) < 0 || mkdirat(place_fd, "canary", 0755) < 0 ||
        (dest_fd = openat(place_fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        fstatat(place_fd, "canary", &canary, 0) < 0)
        abort();
    atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct stat now;
    struct tar t;

    if (dest_fd < 0)
        set_up();
    if (size < 1)
        return 0;
    struct memory m = {.bytes = (const char *)data + 1, .left = size - 1, .piece = (size_t)(data[0] >> 1) * 8 + 1};
    struct dest d;
    dest_init(&d, dest_fd, data[0] & 1, false);
    d.max_entries = 200;
    d.max_bytes = 1u << 20;
    if (tar_init(&t, next_piece, &m, &err) == 0)
        extract_all(&d, &t, &err);
    tar_free(&t);
    dest_free(&d);
    if (tree_empty(dest_fd, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    if (fstatat(place_fd, "canary", &now, 0) < 0 || memcmp(&now.st_mtim, &canary.st_mtim, sizeof now.st_mtim) ||
        now.st_mode != canary.st_mode || now.st_ino != canary.st_ino)
        abort();
    return 0;
}
