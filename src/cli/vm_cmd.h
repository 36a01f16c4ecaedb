/* SPDX-License-Identifier: Apache-2.0 */
/* `moat vm`: what its files share. vm_cmd.c finds the action and the sandbox, the others do it. */
#ifndef MOAT_CLI_VM_CMD_H
#define MOAT_CLI_VM_CMD_H

#include "cli/sandboxes.h"

struct vm_request {
    struct arena arena;
    bool json;
    struct sandbox sb; /* of -b vm, and it runs */
    char **operands;   /* behind the sandbox's name */
    int n_operands;
};

/* Each 0 or -errno with a sentence. */
int vm_text(struct vm_request *q, struct err *err);       /* vm_screen.c */
int vm_screenshot(struct vm_request *q, struct err *err); /* FILE, or - */
int vm_type(struct vm_request *q, struct err *err);       /* vm_keys.c: TEXT... */
int vm_sendkey(struct vm_request *q, struct err *err);    /* KEYS... */
int vm_change(struct vm_request *q, struct err *err);     /* vm_media.c: DRIVE FILE[,ro] */
int vm_empty(struct vm_request *q, struct err *err);      /* DRIVE */

/* vm_media.c. Whether a file can be that drive's medium, before a machine is asked: -EINVAL for a size that no floppy
 * has, -EBUSY while another machine has it. said: what named it; fd stays the caller's. */
enum vm_medium { VM_MEDIUM_FLOPPY, VM_MEDIUM_CDROM, VM_MEDIUM_DISK };
int vm_medium_check(int fd, enum vm_medium kind, bool read_only, const char *said, const char *file, struct err *err);
/* "FILE" or "FILE,ro". NULL: no memory. */
const char *vm_medium_name(struct arena *a, const char *text, bool *read_only);

#endif
