/* SPDX-License-Identifier: Apache-2.0 */
/* Included before a source by -include: what SQLite's unix file system and Lua's library ask of the C library and
 * wasi-libc does not have. SQLite's locks are not used (its VFS "unix-none"); there are no users, modes and programs.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 5
#define F_SETLK 6
#define fchmod  0
#define fchown  0
#define geteuid 0

#define system(command) (-1)
#define tmpfile()       ((FILE *)0)
#define tmpnam(buffer)  ((char *)0)
#define L_tmpnam        20
