/* SPDX-License-Identifier: Apache-2.0 */
/* `moat rmi`: takes names away, and images with their last name. Goes on after an operand that fails, as docker does.
 */
#include "cli/commands.h"
#include "cli/usage.h"
#include "image/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* Its last name must not go while a sandbox, one that has ended too, stands on the image: it could not start again. */
static int refuse_used(struct store *s, const char *text, const struct image_uses *uses, struct err *err)
{
    struct image image;
    struct store_row *rows = NULL;
    size_t n = 0, names = 0;
    int r = store_resolve(s, text, &image, err);

    if (r < 0) /* store_remove() will say so */
        return 0;
    close(image.dir_fd);
    unsigned used = image_uses_count(uses, image.id);
    if (!used || store_list(s, &rows, &n, err) < 0)
        return 0;
    const char *digits = strncmp(text, "sha256:", 7) ? text : text + 7;
    bool by_id = !strncmp(digits, image.id, strlen(digits));
    for (size_t i = 0; i < n; i++)
        names += !strcmp(rows[i].id, image.id);
    if (names > 1 && !by_id)
        return 0;
    return err_set(err, -EBUSY,
                   "conflict: image %s is used by %u sandbox%s: remove %s first (moat ps -a), or use --force", text,
                   used, used > 1 ? "es" : "", used > 1 ? "them" : "it");
}

static int remove_one(struct store *s, const char *text, bool force, const struct image_uses *uses)
{
    struct store_removed removed = {0};
    struct err err = {0};
    int r = force ? 0 : refuse_used(s, text, uses, &err);

    if (r == 0)
        r = store_remove(s, text, force, &removed, &err);
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
    struct image_uses uses = {0};
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
    if (image_uses_find(&uses, &err) < 0 || store_open(&store, &arena, NULL, false, &err) < 0)
        return command_fail("rmi", &err);
    for (int i = operand; i < argc; i++) {
        int r = remove_one(&store, argv[i], force, &uses);
        status = r ? r : status;
    }
    store_close(&store);
    arena_free(&arena);
    return status;
}
