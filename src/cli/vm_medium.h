/* SPDX-License-Identifier: Apache-2.0 */
/* Files as the media of a PC's drives: whether they can be, said with the name that their user knows, before a machine
 * finds it out. */
#ifndef MOAT_CLI_VM_MEDIUM_H
#define MOAT_CLI_VM_MEDIUM_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>

enum vm_medium { VM_MEDIUM_FLOPPY, VM_MEDIUM_CDROM, VM_MEDIUM_DISK };

/* An open file, which stays the caller's. -EINVAL: it has no such medium's size. said: what named it. */
int vm_medium_fits(int fd, enum vm_medium kind, const char *said, const char *file, struct err *err);

/* The same, and whether no other machine has it now: -EBUSY. */
int vm_medium_check(int fd, enum vm_medium kind, bool read_only, const char *said, const char *file, struct err *err);

/* The lock by which it is one machine's (base/io.h). -EBUSY: another machine has it. */
int vm_medium_lock(int fd, bool read_only, const char *said, const char *file, struct err *err);

/* The file of "FILE" or "FILE,ro". NULL: no memory. */
const char *vm_medium_name(struct arena *a, const char *text, bool *read_only);

#endif
