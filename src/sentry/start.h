/* SPDX-License-Identifier: Apache-2.0 */
/* How platforms of apart.h begin: with an image, and with what the command line says over it. */
#ifndef MOAT_SENTRY_START_H
#define MOAT_SENTRY_START_H

#include "sentry/options.h"
#include "spt/image.h"

/* The image of a descriptor, mapped and checked: its parts, and its place in the configuration. Or ends. */
void apart_image(int fd, struct image_parts *parts, struct linux_config *c);

/* The program and its words, which are the image's where the command line has none, and its limits: all but the heap,
 * the terminal and the mounts. What is borrowed lives as long as the options. Or ends. */
void apart_config(const struct options *o, const struct image_parts *parts, struct linux_config *c);

/* Memory for the kernel's own, n bytes of address space. Or ends. */
void apart_heap(struct linux_config *c, size_t n);

/* The exit status where linux_boot() says `error`: docker's of a program that cannot be started, or our own. */
int apart_exit_of(int error);

#endif
