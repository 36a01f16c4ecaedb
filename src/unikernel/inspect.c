/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat inspect` of an image: what it says of itself, and what is in it, as JSON on standard output. An image may come
 * from anybody: it is read from standard input into memory, and before its first byte is looked at this process shuts
 * itself in (confine/walls.h), so that all it can do is print.
 */
#include "base/io.h"
#include "base/json.h"
#include "confine/walls.h"
#include "unikernel/program.h"
#include "unikernel/view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_MOST  ((uint64_t)16 << 30)
#define SAID_MOST   ((uint64_t)64 << 20)
#define CPU_SECONDS 120
#define DEPTH_MOST  128

static int shut_in(struct err *err)
{
    const struct walls walls = {
        .who = "the reader of images", .file_bytes = SAID_MOST, .memory = IMAGE_MOST * 8, .cpu_seconds = CPU_SECONDS};

    return walls_enter_converter(&walls, err);
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

static void put_strings(struct json_writer *w, const char *key, const struct image_view *v, uint32_t from, uint32_t n)
{
    json_array_begin(w, key);
    for (uint32_t i = 0; i < n; i++)
        json_string(w, NULL, image_view_string(v, from + i));
    json_array_end(w);
}

static void put_sites(struct json_writer *w, const struct image_view *v, const struct image_sites *s)
{
    uint64_t called = 0, unknown = 0;

    for (uint32_t i = 0; i < s->n; i++) {
        called += v->site[s->first + i].state != 0;
        unknown += v->site[s->first + i].nr < 0;
    }
    json_object_begin(w, "sites");
    json_uint(w, "rewritten", called);
    json_uint(w, "trapped", s->n - called);
    json_uint(w, "unknownNumber", unknown);
    json_object_end(w);
}

struct walk {
    struct json_writer *w;
    const struct image_view *v;
    const struct json *manifest;
    char path[4096];
    uint64_t left; /* names that may still be met: an image may have its directories in a circle */
};

/* Of the manifest, which has the digests of files as they were found. */
static const char *digest_of(const struct walk *k, const char *path)
{
    const struct json *files = json_get(k->manifest, "files");

    for (const struct json *f = files && files->type == JSON_ARRAY ? files->child : NULL; f; f = f->next)
        if (!strcmp(json_get_text(f, "path", ""), path))
            return json_get_text(f, "sha256", NULL);
    return NULL;
}

static void put_file(struct walk *k, const struct image_inode *f)
{
    const char *types[] = {[S_IFDIR >> 12] = "directory", [S_IFREG >> 12] = "file",   [S_IFLNK >> 12] = "link",
                           [S_IFIFO >> 12] = "fifo",      [S_IFCHR >> 12] = "device", [S_IFBLK >> 12] = "device",
                           [S_IFSOCK >> 12] = "socket"};
    struct json_writer *w = k->w;
    char mode[8], target[4096];

    snprintf(mode, sizeof mode, "%04o", f->mode & 07777);
    json_object_begin(w, NULL);
    json_string(w, "path", k->path);
    json_string(w, "type", types[f->mode >> 12]);
    json_string(w, "mode", mode);
    if (S_ISREG(f->mode)) {
        const char *digest = digest_of(k, k->path);
        json_uint(w, "size", f->size);
        if (digest)
            json_string(w, "sha256", digest);
    }
    if (S_ISLNK(f->mode)) {
        snprintf(target, sizeof target, "%.*s", (int)(f->size < sizeof target ? f->size : sizeof target - 1),
                 (const char *)k->v->bytes + f->offset);
        json_string(w, "target", target);
    }
    if (f->sites)
        put_sites(w, k->v, &k->v->sites[f->sites - 1]);
    else
        json_null(w, "sites");
    json_object_end(w);
}

static void put_directory(struct walk *k, const struct image_inode *dir, size_t length, unsigned depth)
{
    const struct image_view *v = k->v;

    for (uint64_t i = 0; i < dir->size && k->left && depth < DEPTH_MOST; i++, k->left--) {
        const struct image_entry *e = &v->entries[dir->offset + i];
        if (length + 1 + e->length >= sizeof k->path)
            continue;
        k->path[length] = '/';
        memcpy(k->path + length + 1, v->names + e->name, e->length);
        k->path[length + 1 + e->length] = 0;
        put_file(k, &v->inodes[e->inode]);
        if (S_ISDIR(v->inodes[e->inode].mode))
            put_directory(k, &v->inodes[e->inode], length + 1 + e->length, depth + 1);
    }
}

static void put_kernel(struct json_writer *w, const struct image_view *v, const struct json *manifest)
{
    const struct json *calls = json_get(manifest, "calls");
    uint64_t size = 0;

    for (uint64_t i = 0; i < v->n_kernel; i++)
        size += v->kernel[i].file;
    json_object_begin(w, "kernel");
    json_uint(w, "size", size);
    json_array_begin(w, "calls");
    for (const struct json *c = calls && calls->type == JSON_ARRAY ? calls->child : NULL; c; c = c->next)
        if (c->type == JSON_STRING)
            json_string(w, NULL, c->string.s);
    json_array_end(w);
    json_object_end(w);
}

static void describe(struct json_writer *w, const struct image_view *v, const struct json *manifest, const char *name,
                     struct walk *k)
{
    char digest[SHA256_HEX_SIZE];

    sha256_hex_of(v->bytes, v->size, digest);
    json_object_begin(w, NULL);
    json_string(w, "file", name);
    json_uint(w, "size", v->size);
    json_string(w, "sha256", digest);
    json_string(w, "madeBy", json_get_text(manifest, "madeBy", ""));
    json_string(w, "program", image_view_string(v, 0));
    json_string(w, "cwd", image_view_string(v, 1));
    put_strings(w, "args", v, 2, v->boot.n_args);
    put_strings(w, "env", v, 2 + v->boot.n_args, v->boot.n_env);
    if (v->boot.memory)
        json_uint(w, "memory", v->boot.memory);
    json_uint(w, "text", v->boot.text);
    json_bool(w, "jit", v->boot.flags & IMAGE_JIT);
    put_kernel(w, v, manifest);
    json_array_begin(w, "files");
    put_directory(k, &v->inodes[0], 0, 0);
    json_array_end(w);
    json_object_end(w);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int look(struct arena *a, const uint8_t *bytes, size_t size, const char *name, struct err *err)
{
    struct image_view v;
    struct json *manifest;
    struct json_writer w = {.indent = 4};
    struct walk *k = arena_alloc(a, sizeof *k);
    int r = image_view(&v, bytes, size, true, err);

    if (r < 0)
        return r;
    char *text = arena_strndup(a, v.manifest, v.n_manifest);
    if (!k || !text)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = json_parse(a, text, strlen(text), &manifest, err)) < 0)
        return err_wrap(err, "its manifest");
    *k = (struct walk){.w = &w, .v = &v, .manifest = manifest, .left = v.n_entries};
    describe(&w, &v, manifest, name, k);
    if (w.failed || (r = io_write_all(1, w.buf, w.len)) < 0 || (r = io_write_all(1, "\n", 1)) < 0)
        return err_sys(err, r < 0 ? r : -ENOMEM, "print it");
    return 0;
}

/* argv[0]: how the user has named what is the standard input. */
int inspect_main(struct arena *a, int argc, char **argv)
{
    const char *name = argc ? argv[0] : "-";
    struct err err = {0};
    struct stat st = {0};
    int r = 0;

    if (fstat(0, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > IMAGE_MOST)
        r = err_set(&err, -EINVAL, "it is no file, or too large");
    uint8_t *bytes = r < 0 ? NULL : arena_alloc(a, (size_t)st.st_size + 1);
    if (r == 0 && !bytes)
        r = err_set(&err, -ENOMEM, "out of memory");
    if (r == 0)
        r = shut_in(&err);
    ssize_t n = r < 0 ? 0 : io_read_full(0, bytes, (size_t)st.st_size);
    if (n < 0)
        r = err_sys(&err, (int)n, "read it");
    if (r == 0)
        r = look(a, bytes, (size_t)n, name, &err);
    if (r < 0) {
        err_wrap(&err, "%s", name);
        return program_fail("inspect", &err);
    }
    return 0;
}
