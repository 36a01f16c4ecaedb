/* SPDX-License-Identifier: Apache-2.0 */
/* `moat rmi`: takes names away, and images with their last name. Goes on after an operand that fails, as docker does.
 */
#include "cli/commands.h"
#include "image/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ARENA_SIZE (256u << 20)

enum { OPTION_FORCE };

const struct option_row rmi_options[] = {
    {.name = "force",
     .short_name = 'f',
     .help = "By id: remove it with all its names; missing images are no error",
     .id = OPTION_FORCE},
};
const size_t n_rmi_options = ARRAY_LEN(rmi_options);

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    *(bool *)ctx = !strcmp(value, "true");
    return 0;
}

static int remove_one(struct store *s, const char *text, bool force)
{
    struct store_removed removed;
    struct err err;
    int r = store_remove(s, text, force, &removed, &err);

    for (size_t i = 0; i < removed.n_untagged; i++)
        printf("Untagged: %s\n", removed.untagged[i]);
    if (r == 0 && removed.deleted)
        printf("Deleted: sha256:%s\n", removed.id);
    if (r == 0 || (r == -ENOENT && force))
        return 0;
    fflush(stdout);
    return command_fail("rmi", &err);
}

int cmd_rmi(int argc, char **argv)
{
    bool force = false;
    struct arena arena;
    struct store store;
    struct err err;
    int operand, status = 0;

    if (options_parse(rmi_options, n_rmi_options, argc, argv, false, &operand, apply, &force, &err) < 0)
        return command_fail("rmi", &err);
    if (operand == argc) {
        err_set(&err, -EINVAL, "no image given: see `moat images`");
        return command_fail("rmi", &err);
    }
    if (arena_init(&arena, ARENA_SIZE) < 0) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("rmi", &err);
    }
    if (store_open(&store, &arena, NULL, false, &err) < 0)
        return command_fail("rmi", &err);
    for (int i = operand; i < argc; i++) {
        int r = remove_one(&store, argv[i], force);
        status = r ? r : status;
    }
    store_close(&store);
    arena_free(&arena);
    return status;
}
