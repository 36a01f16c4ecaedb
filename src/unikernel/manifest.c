/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of an image: JSON for people, moat inspect and other programs; nothing that runs it reads it. Pure. */
#include "base/json.h"
#include "unikernel/image.h"
#include "unikernel/sites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void put_strings(struct json_writer *w, const char *key, const struct strv *v)
{
    json_array_begin(w, key);
    for (uint32_t i = 0; i < v->n; i++)
        json_string(w, NULL, v->v[i]);
    json_array_end(w);
}

static void put_calls(struct json_writer *w, const char *calls)
{
    char name[64];

    json_array_begin(w, "calls");
    while (*calls) {
        size_t n = strcspn(calls, " ");
        if (n && n < sizeof name) {
            memcpy(name, calls, n);
            name[n] = 0;
            json_string(w, NULL, name);
        }
        calls += n + (calls[n] == ' ');
    }
    json_array_end(w);
}

static void put_file(struct json_writer *w, struct arena *a, const struct tree_node *node)
{
    const struct tree_file *f = node->file;
    char hex[SHA256_HEX_SIZE], mode[8];

    sha256_hex(f->sha256, hex);
    mode[0] = '0';
    for (int i = 0; i < 4; i++)
        mode[1 + i] = (char)('0' + (f->mode >> (9 - 3 * i) & 7));
    mode[5] = 0;
    json_object_begin(w, NULL);
    json_string(w, "path", tree_path(a, node));
    json_string(w, "mode", mode);
    json_uint(w, "size", f->size);
    json_string(w, "sha256", hex);
    json_object_end(w);
}

const char *image_manifest(struct image *im, size_t *size)
{
    struct json_writer w = {0};

    json_object_begin(&w, NULL);
    json_int(&w, "version", 1);
    json_string(&w, "madeBy", "moat " MOAT_VERSION);
    json_string(&w, "program", im->path);
    put_strings(&w, "args", &im->args);
    put_strings(&w, "env", &im->env);
    json_string(&w, "cwd", im->cwd);
    put_calls(&w, im->kernel.calls);
    json_array_begin(&w, "files");
    for (uint32_t i = 0; i < im->tree.n_files; i++)
        if (S_ISREG(im->tree.nodes[i]->file->mode))
            put_file(&w, im->arena, im->tree.nodes[i]);
    json_array_end(&w);
    json_object_end(&w);
    const char *text = w.failed ? NULL : arena_strndup(im->arena, w.buf, w.len);
    *size = w.len;
    json_writer_free(&w);
    return text;
}
