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

#endif
