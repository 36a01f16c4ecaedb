/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One archive on its way into the cache. Life: class_making_begin() makes the directory KEY.making, locks it, and puts
 * two files into it: the class list, and an empty one that a confined process is given to write the archive into ->
 * that process has ended -> class_making_finish() looks at what it wrote and moves it to its name -> class_making_end()
 * clears the directory. Whoever dies at whatever step leaves nothing that is used: the lock goes with him, and the next
 * one clears the rest.
 */
#ifndef MOAT_CLASSCACHE_MAKING_H
#define MOAT_CLASSCACHE_MAKING_H

#include "classcache/cache.h"

#define CLASS_MAKING         ".making" /* behind the key */
#define CLASS_MAKING_LIST    "list"
#define CLASS_MAKING_ARCHIVE "archive"

struct class_making {
    const struct class_cache *cache; /* borrowed */
    char key[CLASS_KEY_SIZE];
    const char *path; /* of the directory, absolute */
    int fd;           /* of it; holds the lock */
    int archive_fd;   /* of the file as we made it */
};

/* -EBUSY: somebody is at it. Nothing to end where it fails. */
int class_making_begin(struct class_making *m, struct arena *a, const struct class_cache *c, const char *key,
                       const char *list, size_t length, struct err *err);
/* Nobody writes to the file any more. -EPROTO: what is in it is no archive; -EEXIST: another one was faster. */
int class_making_finish(struct class_making *m);
void class_making_end(struct class_making *m);

/* Removes a directory of this name that nobody holds. */
void class_making_clear(const struct class_cache *c, const char *name);

#endif
