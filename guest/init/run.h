/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What init is told to run: the file RUN_FILE of its initramfs, texts that end with a zero byte, each begun by a
 * letter. It is written by moat (src/cli/machine_run.c) and read by guest/init; nobody else has it, as init removes it.
 */
#ifndef MOAT_GUEST_INIT_RUN_H
#define MOAT_GUEST_INIT_RUN_H

#define RUN_DIRECTORY "/.moat"
#define RUN_FILE      RUN_DIRECTORY "/run"
#define RUN_INIT      RUN_DIRECTORY "/init"
#define RUN_PORT      "/dev/ttyS1" /* the channel (src/machine/channel.h) */

#define RUN_MOST (1u << 20) /* bytes of the file */

enum run_letter {
    RUN_ARGUMENT = 'a',     /* of the program, the first its name; in order */
    RUN_ENVIRONMENT = 'e',  /* KEY=VALUE */
    RUN_DIRECTORY_OF = 'c', /* working directory */
    RUN_USER = 'u',         /* UID:GID */
    RUN_GROUP = 'g',        /* one more group */
    RUN_HOSTNAME = 'h',
    RUN_MODULE = 'm',    /* path of a kernel module, in the order of loading */
    RUN_READ_ONLY = 'r', /* nothing behind it: the root is not written */
    RUN_ADDRESS = 'n',   /* network: ADDRESS/BITS,GATEWAY of eth0 */
};

#endif
