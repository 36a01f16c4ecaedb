/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a config.json, a process and a resources document. A config.json that is accepted is written, read and
 * written again: it must be accepted again, and both texts must be the same.
 */
#include "base/json.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what, const struct err *err, const char *text)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s\n%s\n", what, err->text, text ? text : "");
    abort();
}

static char *copy(const void *data, size_t size)
{
    char *text = malloc(size + 1);

    if (!text)
        abort();
    memcpy(text, data, size);
    return text;
}

static void fuzz_config(const void *data, size_t size)
{
    struct json_writer first = {.indent = 1}, second = {.indent = 1};
    struct policy p, q;
    struct err err = {0};
    struct arena a;
    char *text = copy(data, size), *again = NULL;

    if (arena_init(&a, (size_t)64 << 20) < 0)
        abort();
    policy_init(&p, &a, POLICY_FROM_OCI);
    int r = policy_read_oci(&p, text, size, &err);
    must(r == 0 || (err.code == r && err.text[0] && !strchr(err.text, '\n')), "no good error", &err, NULL);
    if (r == 0) {
        int checked = policy_check(&p, &err);
        policy_write_oci(&p, &first);
        must(!first.failed, "the writer failed", &err, NULL);
        again = copy(first.buf, first.len);
        policy_init(&q, &a, POLICY_FROM_OCI);
        must(policy_read_oci(&q, again, first.len, &err) == 0, "refused when read again", &err, first.buf);
        must(policy_check(&q, &err) == checked, "checked differently", &err, first.buf);
        policy_write_oci(&q, &second);
        must(strcmp(first.buf, second.buf) == 0, "written differently", &err, second.buf);
    }
    json_writer_free(&first);
    json_writer_free(&second);
    free(text);
    free(again);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process pr = {0};
    struct resources res = {0};
    struct err err = {0};
    struct arena a;

    fuzz_config(data, size);
    if (arena_init(&a, (size_t)64 << 20) < 0)
        abort();
    char *text = copy(data, size);
    policy_read_oci_process(&a, &pr, text, size, &err);
    free(text);
    text = copy(data, size);
    policy_read_oci_resources(&a, &res, text, size, &err);
    free(text);
    arena_free(&a);
    return 0;
}
