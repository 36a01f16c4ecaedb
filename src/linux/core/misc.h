/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the machine. */
#ifndef MOAT_LINUX_CORE_MISC_H
#define MOAT_LINUX_CORE_MISC_H

#include "linux/platform.h"

#include <linux/utsname.h>

void misc_init(const char *hostname) __attribute__((weak)); /* NULL: "moat"; a kernel without uname(2) has none */
const struct new_utsname *misc_names(void);                 /* uname(2) */
const char *hostname_get(void);                             /* the node's name */
int hostname_set(const char *, size_t n);                   /* -EINVAL */

#endif
