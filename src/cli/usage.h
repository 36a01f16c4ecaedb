/* SPDX-License-Identifier: Apache-2.0 */
/* Disk space of sandboxes and images, and giving it back: shared by prune and `system df`, `system prune`. */
#ifndef MOAT_CLI_USAGE_H
#define MOAT_CLI_USAGE_H

#include "cli/filter.h"
#include "image/reference.h"

struct usage {
    uint64_t bytes; /* of disk blocks; a file with several names counts once, where that is seen in one directory */
    uint64_t files;
};

/* Adds all below a directory, without following links or leaving its file system. Absent: nothing. */
void usage_path(const char *path, struct usage *u);
void usage_at(int parent, const char *name, struct usage *u);

/* The images that sandboxes are made of, whether they run or not. */
struct image_uses {
    char (*ids)[IMAGE_ID_LEN + 1]; /* malloced; one for each sandbox that has one */
    size_t n, cap;
};
int image_uses_find(struct image_uses *u, struct err *err);
unsigned image_uses_count(const struct image_uses *u, const char *id);
static inline bool image_uses_has(const struct image_uses *u, const char *id)
{
    return image_uses_count(u, id) > 0;
}

struct prune {
    struct filters filters; /* "until", "label" */
    bool force;
    int64_t now;
    unsigned removed;
    uint64_t bytes;
    bool failed;
};

int prune_check(struct prune *p, struct err *err);
/* Removes those that have ended or were never started, and says which. */
int prune_sandboxes(struct prune *p, struct err *err);
/* Asks on standard input. */
bool prune_confirm(const char *warning);

#endif
