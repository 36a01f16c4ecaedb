/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes into json_parse(). What it accepts is written, read and written again: both texts must be the same. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(struct arena *a, const void *data, size_t size, char **text, struct json **root, struct err *err)
{
    *text = malloc(size + 1); /* exactly: a read beyond is seen */
    if (!*text)
        abort();
    memcpy(*text, data, size);
    return json_parse(a, *text, size, root, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_writer first = {.indent = 1}, second = {.indent = 1};
    struct err err = {0};
    struct json *root;
    struct arena a;
    char *text, *again = NULL;

    if (arena_init(&a, (size_t)64 << 20) < 0)
        abort();
    int r = parse(&a, data, size, &text, &root, &err);
    if (r < 0 && (err.code != r || !err.text[0] || strchr(err.text, '\n')))
        abort();
    if (r == 0) {
        json_value(&first, NULL, root);
        /* The writer is one level shallower than the reader. */
        if (!first.failed) {
            if (parse(&a, first.buf, first.len, &again, &root, &err) < 0) {
                fprintf(stderr, "%s\n%s\n", err.text, first.buf);
                abort();
            }
            json_value(&second, NULL, root);
            if (second.failed || strcmp(first.buf, second.buf) != 0)
                abort();
        }
    }
    json_writer_free(&first);
    json_writer_free(&second);
    free(text);
    free(again);
    arena_free(&a);
    return 0;
}
