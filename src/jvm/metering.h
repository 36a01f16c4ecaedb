/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's side of the meter page (meter.h). Life: jvm_metering_open() maps the page that moat gave, if it gave
 * one, and closes its descriptor -> jvm_metering_serve() starts the thread that answers -> the rest may be called at
 * any time, and does nothing without a page.
 */
#ifndef MOAT_JVM_METERING_H
#define MOAT_JVM_METERING_H

#include "base/err.h"
#include "jvm/meter.h"

struct jvm_engine;

/* Takes the variable out of the environment. -errno only where a page was given and cannot be used. */
int jvm_metering_open(struct err *err);

/* A thread with a small stack and no signals: it sleeps until somebody asks. */
int jvm_metering_serve(const struct jvm_engine *engine, void *vm, struct err *err);

/* Whether there is a page. */
bool jvm_metering_on(void);

void jvm_metering_state(enum jvm_state state);
/* What the program ended by, and what it ran into, caught or not. JVM_END_NONE changes nothing. */
void jvm_metering_end(enum jvm_end reason);
void jvm_metering_exhausted(enum jvm_end limit);

/* Whether the class archive that was given is in use. */
void jvm_metering_sharing(bool in_use);

/* Adds one line to the list behind the page. Not from two threads at once. */
void jvm_metering_list(const char *name, size_t length);

#endif
