/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean" for names of images. Reads names of the store, which have passed the grammar; decides nothing. */
#include "base/nearest.h"
#include "image/store.h"
#include "image/store_internal.h"

#include <string.h>

#define TAGS_MOST 100000 /* a question is not worth more */

struct search {
    struct store *s;
    struct nearest near;
    const char *file; /* the refs/ directory under way */
    bool with_tag;    /* the user wrote one */
    unsigned seen;
};

static int try_tag(void *ctx, const char *tag, struct err *err)
{
    struct search *f = ctx;
    struct reference ref;

    (void)err;
    if (++f->seen > TAGS_MOST || !reference_from_file(f->file, tag, &ref) || ref.by_digest)
        return 0;
    bool whole = f->with_tag || strcmp(ref.tag, "latest") != 0;
    const char *name = arena_printf(f->s->arena, "%s%s%s", ref.name, whole ? ":" : "", whole ? ref.tag : "");
    if (!name)
        return 0;
    nearest_try(&f->near, name);
    /* "debain" is near "debian", whatever tags that has. */
    struct nearest bare = {.wanted = f->near.wanted};
    nearest_try(&bare, ref.name);
    if (!f->with_tag && bare.best && (!f->near.best || bare.distance < f->near.distance)) {
        f->near.best = name;
        f->near.distance = bare.distance;
    }
    return 0;
}

static int try_name(void *ctx, const char *file, struct err *err)
{
    struct search *f = ctx;

    if (*file == '.')
        return 0;
    f->file = file;
    return store_walk_tags(f->s, file, try_tag, f, err);
}

const char *store_nearest(struct store *s, const char *text)
{
    struct search f = {.s = s, .near = {.wanted = text}, .with_tag = strchr(text, ':') != NULL};
    struct err ignored = {0};

    if (s->refs_fd < 0 || store_walk_dir(s->refs_fd, try_name, &f, &ignored) < 0)
        return NULL;
    return f.near.best;
}
