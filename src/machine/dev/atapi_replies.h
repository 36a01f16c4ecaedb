/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CD-ROM drive says of itself and its medium, each reply whole: its length, or -EINVAL when the packet has a
 * field that makes no sense. Some of them are told once: they take from the unit what they say.
 */
#ifndef MOAT_MACHINE_DEV_ATAPI_REPLIES_H
#define MOAT_MACHINE_DEV_ATAPI_REPLIES_H

#include "machine/dev/ide.h"

/* Media events (MMC-3, GET EVENT/STATUS NOTIFICATION). */
enum { ATAPI_EVENT_NONE, ATAPI_EVENT_EJECT_WANTED, ATAPI_EVENT_NEW, ATAPI_EVENT_REMOVED };

/* Sectors of the medium that can be read now; 0: there is none, or the tray is out. */
uint32_t atapi_blocks(const struct ide_unit *u);

int atapi_reply_sense(struct ide_unit *u, uint8_t *to);
int atapi_reply_inquiry(struct ide_unit *u, uint8_t *to);
int atapi_reply_mode_sense6(struct ide_unit *u, uint8_t *to);
int atapi_reply_mode_sense10(struct ide_unit *u, uint8_t *to);
int atapi_reply_capacity(struct ide_unit *u, uint8_t *to);
int atapi_reply_toc(struct ide_unit *u, uint8_t *to);
int atapi_reply_configuration(struct ide_unit *u, uint8_t *to);
int atapi_reply_event(struct ide_unit *u, uint8_t *to);
int atapi_reply_disc(struct ide_unit *u, uint8_t *to);
int atapi_reply_mechanism(struct ide_unit *u, uint8_t *to);

#endif
