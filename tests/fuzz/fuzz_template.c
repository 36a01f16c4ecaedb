/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a --format template, over one document: it is refused in one line, or printed, and twice the same. */
#include "cli/template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"A\":\"a\",\"B\":{\"C\":1,\"D\":[true,null,\"x\",{\"E\":-2.5}]},\"L\":[\"p\",\"q\"],\"N\":null}";

static int run(const struct template *t, struct arena *a, const struct json *tree, char **out, struct err *err)
{
    size_t len;
    FILE *f = open_memstream(out, &len);

    if (!f)
        abort();
    int r = template_run(t, a, tree, f, err);
    fclose(f);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct template *t;
    struct err err = {0};
    struct json *tree;
    struct arena a;
    char *text = malloc(size + 1), *first = NULL, *second = NULL;

    if (!text || arena_init(&a, (size_t)64 << 20) < 0)
        abort();
    memcpy(text, data, size);
    text[size] = 0;
    char *json = arena_strdup(&a, document);
    if (json_parse(&a, json, strlen(json), &tree, &err) < 0)
        abort();
    int r = template_parse(&a, text, &t, &err);
    if (r == 0) {
        r = run(t, &a, tree, &first, &err);
        if (run(t, &a, tree, &second, &err) != r || strcmp(first, second) != 0)
            abort();
    }
    if (r < 0 && (err.code != r || strncmp(err.text, "--format: ", 10) != 0))
        abort();
    free(text);
    free(first);
    free(second);
    arena_free(&a);
    return 0;
}
