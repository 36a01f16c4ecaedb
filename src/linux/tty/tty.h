/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: the console that the platform's terminal is, and pseudo terminals. What the other rooms ask of them; all
 * of it is weak where it is used, since a kernel for one program may be linked without terminals.
 */
#ifndef MOAT_LINUX_TTY_TTY_H
#define MOAT_LINUX_TTY_TTY_H

#include "linux/fs/vfs.h"

struct process;
struct tty;
extern struct heap_type tty_type;
extern const struct fs_type devpts_type;

/* open(2) of a device file by its number: /dev/tty, /dev/console, /dev/ptmx. -ENXIO: none of them. */
int tty_device_open(struct inode *, struct file *);
/* Descriptors 0, 1 and 2 of the current task are the platform's terminal, which becomes the controlling one. 0, -errno.
 */
int tty_console_boot(void);
/* The same for a set of platform.streams: each of its streams is closed when nobody holds the terminal any more, also
 * where this fails. */
int tty_streams_open(uint32_t set, uint32_t rows, uint32_t columns);
/* The leader of a session has ended, and is not yet taken out of its group. */
void tty_leader_ended(struct process *);
uint64_t tty_device(const struct tty *);    /* as st_rdev shows it */
int32_t tty_foreground(const struct tty *); /* its foreground process group; 0: none */

#endif
