/* SPDX-License-Identifier: Apache-2.0 */
/* The device files of terminals whose meaning depends on who opens them: tty(4), console(4), ptmx(4). */
#include "linux/kfs/device.h"
#include "linux/tty/internal.h"

int tty_device_open(struct inode *i, struct file *f)
{
    struct tty *t = NULL;
    if (i->rdev == DEVICE(5, 0))
        t = current->process->tty;
    else if (i->rdev == DEVICE(5, 1))
        t = console_tty();
    else if (i->rdev == DEVICE(5, 2))
        return pty_open(f);
    return t ? tty_open(t, f, false) : -ENXIO;
}
