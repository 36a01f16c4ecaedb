/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole root file system becomes an image, for `moat run -b unikernel IMAGE|DIR COMMAND` (src/cli/packed_root.c), or
 * with --files the files of one, as they are and without a kernel, for -b sentry. Root and files may come from anybody:
 * descriptor 3 is the root, standard output a file to write the image into, and before anything of the root is looked
 * at this process shuts itself in (confine/walls.h), so that it can read below that root, write that file, and nothing
 * else. What runs is said when it runs.
 */
#include "confine/walls.h"
#include "unikernel/program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ROOT       3
#define IMAGE_MOST ((uint64_t)16 << 30)
#define MEMORY     ((uint64_t)128 << 30) /* of address space: the arena's */

static int shut_in(struct err *err)
{
    const struct walls walls = {.who = "the packer", .source = ROOT, .file_bytes = IMAGE_MOST, .memory = MEMORY};

    return walls_enter_packer(&walls, err);
}

static int pack_root(struct arena *a, struct image *im, struct source *s, bool files, struct err *err)
{
    static char shell[] = "/bin/sh", *args[] = {shell, NULL};
    const char *kernel = program_beside(a, "moat-kernel.elf");
    int r;

    *im = (struct image){.arena = a, .path = shell, .cwd = "/", .args = {args, 1}, .dynamic = true, .files = files};
    *s = (struct source){.tree = &im->tree, .root = ROOT, .path = "", .as_it_is = true, .no_programs = files};
    im->kernel.calls = "";
    if (!kernel)
        return err_set(err, -ENOMEM, "out of memory");
    if ((!files && (r = kernel_read(&im->kernel, a, kernel, err)) < 0) ||
        (r = tree_init(&im->tree, a, program_epoch(), err)) < 0 || (r = shut_in(err)) < 0 ||
        (r = source_take_all(s, "/", err)) < 0 || (r = expected_directories(&im->tree, err)) < 0)
        return r;
    im->program = im->tree.root;
    return image_finish_to(im, 1, err);
}

int pack_root_main(struct arena *a, int argc, char **argv)
{
    static struct image im;
    static struct source source;
    struct err err = {0};
    const bool files = argc > 0 && !strcmp(argv[0], "--files");

    return pack_root(a, &im, &source, files, &err) < 0 ? program_fail("pack", &err) : 0;
}
