/* SPDX-License-Identifier: Apache-2.0 */
/* Host id ranges for sandboxes: blocks of 65,536 from 2^19 up, one a sandbox, so no two share a uid and none is a
 * person's. */
#ifndef MOAT_SANDBOX_IDS_H
#define MOAT_SANDBOX_IDS_H

#include "sandbox/sandbox.h"

#define IDS_BLOCK 65536u

/* Takes a free block for sb->id (file ROOT/.ids/N); sb->id_block is its first id. Blocks that /etc/subuid or
 * /etc/subgid grant to somebody are passed over. -ENOSPC when all are taken. */
int ids_reserve(struct sandbox *sb, struct err *err);
void ids_release(struct sandbox *sb);
/* Gives back blocks whose sandbox is gone; the number. */
int ids_clean(struct sandbox *root, unsigned *released);

#endif
