/* SPDX-License-Identifier: Apache-2.0 */
/* Names of images, and the two documents. A name that passes must be a harmless file name and come back as it was. */
#include "image/config.h"

#include <stdlib.h>
#include <string.h>

static void try_name(const char *text)
{
    struct reference ref, again;
    struct err err = {0};
    char file[REFERENCE_NAME_MAX + 1], tag[REFERENCE_TAG_MAX + 1], shown[2][REFERENCE_TEXT_MAX];

    if (reference_parse(text, &ref, &err) < 0) {
        if (!err.code || !err.text[0])
            abort();
        return;
    }
    reference_to_file(&ref, file);
    reference_to_tag_file(&ref, tag);
    if (strchr(file, '/') || file[0] == '.' || !file[0] || tag[0] == '.' || !tag[0] || strchr(tag, '/'))
        abort();
    if (!reference_from_file(file, tag, &again) || strcmp(again.name, ref.name))
        abort();
    reference_show(&ref, shown[0]);
    reference_show(&again, shown[1]);
    if (strcmp(shown[0], shown[1]) != 0)
        abort();
}

static void try_in(struct arena *a, const char *text, size_t size)
{
    struct json_writer w = {0};
    struct image first = {0}, second = {0};
    struct err err = {0};
    struct json *root;
    char *copy = arena_strndup(a, text, size);

    if (json_parse(a, copy, size, &root, &err) < 0 || root->type != JSON_OBJECT ||
        image_config_read(a, &first.config, root, &err) < 0)
        return;
    first.source = "fuzz";
    if (image_document_write(&first, &w, &err) < 0)
        abort();
    /* What we write we must be able to read: else a hostile image could not even be removed. */
    if (image_document_read(a, &second, w.buf, w.len, &err) < 0 || second.config.env.n != first.config.env.n ||
        second.config.labels.n != first.config.labels.n)
        abort();
    json_writer_free(&w);
}

static void try_documents(const char *text, size_t size)
{
    struct arena a; /* a new one each time: an arena hands out zeroed memory only once */

    if (arena_init(&a, 64u << 20) < 0)
        abort();
    try_in(&a, text, size);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    int64_t seconds;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    try_name(text);
    image_time_read(text, &seconds);
    image_id_prefix(text);
    try_documents(text, size);
    free(text);
    return 0;
}
