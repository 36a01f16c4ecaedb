/* SPDX-License-Identifier: Apache-2.0 */
/* Private: the services, one for each name in the third column of confine/notify_calls.h. */
#ifndef MOAT_BROKER_SERVICES_H
#define MOAT_BROKER_SERVICES_H

#include "broker/broker.h"

/* files_open.c */
extern const struct service service_open, service_creat, service_open_how, service_truncate;

/* files_look.c: what is there */
extern const struct service service_access, service_stat, service_lstat, service_statx, service_statfs,
    service_readlink;

/* files_change.c: names and attributes */
extern const struct service service_mkdir, service_rmdir, service_unlink, service_rename, service_symlink,
    service_chmod, service_chown, service_lchown, service_utime;

/* files_refuse.c: what brokered paths cannot have */
extern const struct service service_chdir, service_watch, service_mknod, service_link, service_exec, service_getxattr,
    service_lgetxattr, service_listxattr, service_llistxattr, service_setxattr, service_lsetxattr, service_removexattr,
    service_lremovexattr, service_getattr, service_setattr;

/* net.c */
extern const struct service service_bind, service_connect, service_listen, service_sendto, service_sendmsg,
    service_sendmmsg;

/* Opens what an O_PATH descriptor of ours stands for. A descriptor, or -errno. */
int own_reopen(const struct broker *b, int fd, int flags);
/* fstat(2) of such a descriptor. */
struct stat;
int own_stat(int fd, struct stat *st);

#endif
