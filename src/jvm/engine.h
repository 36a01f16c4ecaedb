/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Java virtual machine is to moat-jvm: one table of verbs, so that another one can stand behind it. Life: create
 * -> run -> destroy. create finds all that is needed before a byte of the program is read; run comes back when the
 * program has ended; meter and kill may come from other threads while it runs. 0 or -errno; the program's own failure
 * is a status.
 */
#ifndef MOAT_JVM_ENGINE_H
#define MOAT_JVM_ENGINE_H

#include "base/err.h"
#include "jvm/config.h"
#include "jvm/meter.h"

struct jvm_engine {
    const char *name;
    /* Borrows config, which must live as long as *vm. */
    int (*create)(const struct jvm_config *config, void **vm, struct err *err);
    /* *status: as `java` would exit. Where the program calls System.exit the process ends in here. */
    int (*run)(void *vm, int *status, struct err *err);
    /* Fills the figures of the page; the words for waiting in it are not touched. -EAGAIN where nothing runs yet. */
    int (*meter)(void *vm, struct jvm_meter *page);
    /* Ends the program at once, whatever it does. */
    void (*kill)(void *vm);
    void (*destroy)(void *vm);
};

extern const struct jvm_engine jvm_hotspot; /* hotspot.c */

#endif
