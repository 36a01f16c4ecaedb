/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that a filter can hand to the broker process: one row a call, read by the filter (seccomp_broker.c) and by
 * the broker's own table (src/broker/calls.c), so neither can know a call that the other does not. A call that takes a
 * path or an address and has no row here is one that the broker's profile refuses. Include it with NOTIFY_CALL()
 * defined; it is not guarded.
 *
 *   NOTIFY_CALL(name, group, service, dir, path, dir2, path2, flags, only)
 *
 * name     of the system call, as in syscalls_table.h; 64-bit forms only, since the profile knows no other.
 * group    FILES, EXEC or NETWORK: NOTIFY_##group (seccomp.h) switches the rows of one on.
 * service  what is asked for; several calls may ask for the same.
 * dir      index of the argument that is the directory descriptor the path starts at; of NETWORK the socket.
 * path     index of the argument that points to the path; of NETWORK to the address; of sendmsg to struct msghdr, of
 *          sendmmsg to an array of struct mmsghdr.
 * dir2, path2  the same for a call's second path, the new name.
 * flags    index of the argument with AT_*, O_*, RENAME_* or MSG_* flags; of openat2 of its struct open_how.
 * only     the call is handed over only when this argument is not zero, all 64 bits of it; else the kernel runs it.
 *
 * NOTIFY_NONE (-1) stands for: there is no such argument (dir: the working directory).
 */
#ifndef NOTIFY_NONE
#define NOTIFY_NONE (-1)
#endif
#define NO NOTIFY_NONE
/* clang-format off */

/* contents */
NOTIFY_CALL(creat,             FILES,   creat,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(open,              FILES,   open,         NO, 0,  NO, NO, 1,  NO)
NOTIFY_CALL(openat,            FILES,   open,         0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(openat2,           FILES,   open_how,     0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(truncate,          FILES,   truncate,     NO, 0,  NO, NO, NO, NO)

/* what is there */
NOTIFY_CALL(access,            FILES,   access,       NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(faccessat,         FILES,   access,       0,  1,  NO, NO, NO, NO)
NOTIFY_CALL(faccessat2,        FILES,   access,       0,  1,  NO, NO, 3,  NO)
NOTIFY_CALL(stat,              FILES,   stat,         NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(lstat,             FILES,   lstat,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(newfstatat,        FILES,   stat,         0,  1,  NO, NO, 3,  NO)
NOTIFY_CALL(statx,             FILES,   statx,        0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(statfs,            FILES,   statfs,       NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(readlink,          FILES,   readlink,     NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(readlinkat,        FILES,   readlink,     0,  1,  NO, NO, NO, NO)
NOTIFY_CALL(chdir,             FILES,   chdir,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(inotify_add_watch, FILES,   watch,        NO, 1,  NO, NO, NO, NO)

/* names */
NOTIFY_CALL(mkdir,             FILES,   mkdir,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(mkdirat,           FILES,   mkdir,        0,  1,  NO, NO, NO, NO)
NOTIFY_CALL(mknod,             FILES,   mknod,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(mknodat,           FILES,   mknod,        0,  1,  NO, NO, NO, NO)
NOTIFY_CALL(rmdir,             FILES,   rmdir,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(unlink,            FILES,   unlink,       NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(unlinkat,          FILES,   unlink,       0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(rename,            FILES,   rename,       NO, 0,  NO, 1,  NO, NO)
NOTIFY_CALL(renameat,          FILES,   rename,       0,  1,  2,  3,  NO, NO)
NOTIFY_CALL(renameat2,         FILES,   rename,       0,  1,  2,  3,  4,  NO)
NOTIFY_CALL(link,              FILES,   link,         NO, 0,  NO, 1,  NO, NO)
NOTIFY_CALL(linkat,            FILES,   link,         0,  1,  2,  3,  4,  NO)
/* path is the text the link is to hold, which names nothing yet; path2 is where it is to lie. */
NOTIFY_CALL(symlink,           FILES,   symlink,      NO, 0,  NO, 1,  NO, NO)
NOTIFY_CALL(symlinkat,         FILES,   symlink,      NO, 0,  1,  2,  NO, NO)

/* attributes */
NOTIFY_CALL(chmod,             FILES,   chmod,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(fchmodat,          FILES,   chmod,        0,  1,  NO, NO, NO, NO)
NOTIFY_CALL(fchmodat2,         FILES,   chmod,        0,  1,  NO, NO, 3,  NO)
NOTIFY_CALL(chown,             FILES,   chown,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(lchown,            FILES,   lchown,       NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(fchownat,          FILES,   chown,        0,  1,  NO, NO, 4,  NO)
NOTIFY_CALL(utime,             FILES,   utime,        NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(utimes,            FILES,   utime,        NO, 0,  NO, NO, NO, NO)
/* Without a path these two are about the descriptor itself. */
NOTIFY_CALL(futimesat,         FILES,   utime,        0,  1,  NO, NO, NO, 1)
NOTIFY_CALL(utimensat,         FILES,   utime,        0,  1,  NO, NO, 3,  1)
NOTIFY_CALL(getxattr,          FILES,   getxattr,     NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(lgetxattr,         FILES,   lgetxattr,    NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(getxattrat,        FILES,   getxattr,     0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(listxattr,         FILES,   listxattr,    NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(llistxattr,        FILES,   llistxattr,   NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(listxattrat,       FILES,   listxattr,    0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(setxattr,          FILES,   setxattr,     NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(lsetxattr,         FILES,   lsetxattr,    NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(setxattrat,        FILES,   setxattr,     0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(removexattr,       FILES,   removexattr,  NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(lremovexattr,      FILES,   lremovexattr, NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(removexattrat,     FILES,   removexattr,  0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(file_getattr,      FILES,   getattr,      0,  1,  NO, NO, 4,  NO)
NOTIFY_CALL(file_setattr,      FILES,   setattr,      0,  1,  NO, NO, 4,  NO)

/* programs */
NOTIFY_CALL(execve,            EXEC,    exec,         NO, 0,  NO, NO, NO, NO)
NOTIFY_CALL(execveat,          EXEC,    exec,         0,  1,  NO, NO, 4,  NO)

/* addresses. A socket that the broker put in place lies in the host's network namespace: so everything that can give it
 * another peer is here, also listen, which binds a socket that is not bound, and messages with an address of their own,
 * which a connected datagram socket sends all the same. */
NOTIFY_CALL(bind,              NETWORK, bind,         0,  1,  NO, NO, NO, NO)
NOTIFY_CALL(connect,           NETWORK, connect,      0,  1,  NO, NO, NO, NO)
NOTIFY_CALL(listen,            NETWORK, listen,       0,  NO, NO, NO, NO, NO)
NOTIFY_CALL(sendto,            NETWORK, sendto,       0,  4,  NO, NO, 3,  4)
NOTIFY_CALL(sendmsg,           NETWORK, sendmsg,      0,  1,  NO, NO, 2,  NO)
NOTIFY_CALL(sendmmsg,          NETWORK, sendmmsg,     0,  1,  NO, NO, 3,  NO)

/* clang-format on */
#undef NO
#undef NOTIFY_CALL
