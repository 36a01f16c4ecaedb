/* SPDX-License-Identifier: Apache-2.0 */
/* See owned.h. The tree is hostile; whoever removes it has rights over the caller's ids and no others. */
#include "image/owned.h"

#include "host/userns.h"

#include <errno.h>
#include <unistd.h>

struct removal {
    int dirfd;
    const char *name;
};

static int remove_inside(void *ctx, struct err *err)
{
    const struct removal *r = ctx;

    return tree_remove(r->dirfd, r->name, err);
}

int owned_tree_remove(int dirfd, const char *name, struct err *err)
{
    struct removal removal = {dirfd, name};
    struct err own = {0}, inside = {0};
    int r = tree_remove(dirfd, name, &own);

    if (r == 0)
        return 0;
    if ((r == -EPERM || r == -EACCES) && geteuid() != 0) {
        r = userns_call(remove_inside, &removal, &inside);
        if (r == 0)
            return 0;
        *err = inside;
        return r == -ENOTSUP
                   ? err_set(err, own.code, "%s; it belongs to a subordinate id, and %s", own.text, inside.text)
                   : r;
    }
    *err = own;
    return r;
}
