/* SPDX-License-Identifier: Apache-2.0 */
/* `moat version`: what this build is. */
#include "base/json.h"
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OCI_RUNTIME_SPEC "1.3.0"

enum { OPTION_JSON };

const struct option_row version_options[] = {
    {.name = "json", .help = "Print an object for programs", .id = OPTION_JSON},
};
const size_t n_version_options = sizeof version_options / sizeof *version_options;

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    (void)id, (void)err;
    *(bool *)ctx = !strcmp(value, "true");
    return 0;
}

static int print_json(void)
{
    struct json_writer w = {.indent = 2};
    struct err err;

    json_object_begin(&w, NULL);
    json_string(&w, "name", "moat");
    json_string(&w, "version", MOAT_VERSION);
    json_string(&w, "ociRuntimeSpec", OCI_RUNTIME_SPEC);
    json_string(&w, "compiler", __VERSION__);
    json_object_end(&w);
    if (w.failed) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("version", &err);
    }
    puts(w.buf);
    json_writer_free(&w);
    return 0;
}

int cmd_version(int argc, char **argv)
{
    bool json = false;
    int operand;
    struct err err;

    if (options_parse(version_options, n_version_options, argc, argv, false, &operand, apply, &json, &err) < 0)
        return command_fail("version", &err);
    if (operand < argc) {
        err_set(&err, -EINVAL, "unexpected operand '%s'", argv[operand]);
        return command_fail("version", &err);
    }
    if (json)
        return print_json();
    printf("moat %s\nOCI runtime specification %s\n", MOAT_VERSION, OCI_RUNTIME_SPEC);
    return 0;
}
