/* SPDX-License-Identifier: Apache-2.0 */
/* See program.h. Touches the terminal, the environment's SOURCE_DATE_EPOCH, and the image's file. */
#include "unikernel/program.h"

#include "base/pathtext.h"
#include "unikernel/libraries.h"
#include "unikernel/sites.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int program_fail(const char *command, const struct err *err)
{
    fprintf(stderr, "moat %s: %s\n", command, err->text);
    return PACK_FAILED;
}

const char *program_beside(struct arena *a, const char *name)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    exe[n < 0 ? 0 : n] = 0;
    char *slash = strrchr(exe, '/');
    return arena_printf(a, "%.*s/%s", slash ? (int)(slash - exe) : 0, exe, name);
}

int64_t program_epoch(void)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    char *end;

    if (!text || !*text)
        return INT64_MAX;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    return errno || *end || v < 0 ? INT64_MAX : v;
}

int program_add(struct source *s, const char *text, struct err *err)
{
    const char *colons = strstr(text, "::");
    struct arena *a = s->tree->arena;
    char cwd[PATH_MAX];

    if (!colons) {
        if (*text != '/' && !getcwd(cwd, sizeof cwd))
            return err_sys(err, -errno, "--add %s", text);
        const char *path = *text == '/' ? text : arena_printf(a, "%s/%s", cwd, text);
        return path ? source_take_all(s, path, err) : err_set(err, -ENOMEM, "out of memory");
    }
    const char *host = arena_strndup(a, text, (size_t)(colons - text));
    char *guest = arena_alloc(a, strlen(colons));
    if (!host || !guest)
        return err_set(err, -ENOMEM, "out of memory");
    if (colons[2] != '/' || path_text_clean(colons + 2, guest, strlen(colons)) < 2)
        return err_set(err, -EINVAL, "--add %s: the name inside has to begin with /, and be more than that", text);
    return source_place(s, host, guest, err);
}

static void words(uint64_t bytes, char out[24])
{
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    double v = (double)bytes / 1024;
    size_t unit = 0;

    for (; v >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
        v /= 1024;
    snprintf(out, 24, v < 10 ? "%.1f %s" : "%.0f %s", v, units[unit]);
}

static void say(const struct image *im, const char *output)
{
    char size[24], kernel[24];

    words(im->size, size);
    words(im->kernel.size, kernel);
    printf("%s: %s: the kernel %s, %u names, %u system calls of which %u trap\n", output, size, kernel,
           im->tree.n_names, im->sites, im->trapped);
}

static void map_one(struct image *im, struct tree_file *f)
{
    for (uint32_t i = 0; i < im->n_mapped; i++)
        if (im->mapped[i] == f)
            return;
    im->mapped[im->n_mapped++] = f;
}

int image_map(struct image *im, const struct libraries *l, struct err *err)
{
    im->mapped = arena_array(im->arena, (l ? l->n : 0) + 2, sizeof(struct tree_file *));
    if (!im->mapped)
        return err_set(err, -ENOMEM, "out of memory");
    map_one(im, im->program->file);
    if (l && l->interpreter)
        map_one(im, l->interpreter);
    for (unsigned i = 0; l && i < l->n; i++)
        map_one(im, l->files[i]);
    return 0;
}

static int rewrite_all(struct image *im, struct err *err)
{
    int r = tree_finish(&im->tree, err);

    for (uint32_t i = 0; i < im->tree.n_files && r == 0; i++)
        if (im->tree.nodes[i]->file->elf)
            r = sites_rewrite(&im->tree, im->tree.nodes[i]->file, err);
    return r;
}

int image_finish_to(struct image *im, int fd, struct err *err)
{
    int r = rewrite_all(im, err);

    return r < 0 ? r : image_write_to(im, fd, err);
}

int image_finish(struct image *im, const char *output, bool quiet, struct err *err)
{
    int r = rewrite_all(im, err);

    if (r == 0)
        r = image_write(im, AT_FDCWD, output, err);
    if (r < 0)
        return err_wrap(err, "%s", output);
    if (!quiet)
        say(im, output);
    return 0;
}
