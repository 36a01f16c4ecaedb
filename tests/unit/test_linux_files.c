/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on files, in lists that run on the host's kernel and on src/linux: the results have to be equal. The host's
 * directory is one of a tmpfs, ours too. As root they cover permissions (setresuid); for another user these lines fail
 * alike on both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_files_compare.h"

#define SCRIPT(name, ...)                                                                                              \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        static const char *const script[] = {__VA_ARGS__, NULL};                                                       \
        script_compare(NULL, 0, NULL, script);                                                                         \
    }

SCRIPT(open_flags_and_errors, "open missing O_RDONLY 0", "open \"\" O_RDONLY 0", "open missing/ O_RDONLY 0",
       "open missing/ O_CREAT 0644", "a = open a O_CREAT|O_RDWR 0666", "stat a", "open a O_CREAT|O_EXCL 0666",
       "open a/ O_RDONLY 0", "open a/ O_CREAT 0644", "open a/b O_RDONLY 0", "open a/b O_CREAT 0644",
       "open a O_DIRECTORY 0", "mkdir d 0755", "open d O_RDWR 0", "open d O_WRONLY 0", "open d O_CREAT 0644",
       "open d/ O_CREAT 0644", "open d O_CREAT|O_EXCL 0644", "[6.4] open d O_CREAT|O_DIRECTORY 0755",
       "open d O_DIRECTORY 0", "open d O_TRUNC 0", "open . O_CREAT 0644", "open .. O_CREAT 0644", "open / O_CREAT 0644",
       "open d/. O_RDONLY 0", "open d/.. O_RDONLY 0", "open a/. O_RDONLY 0", "open a/.. O_RDONLY 0", "write @a hello",
       "b = open a O_TRUNC|O_RDONLY 0", "fstat @a", "write @b x", "c = open a O_WRONLY|O_APPEND 0", "read @c 10",
       "write @c abc", "lseek @c 0 SEEK_SET", "write @c def", "pread @a 100 0", "d = open d O_RDONLY 0", "read @d 10",
       "write @d x", "pread @d 10 0", "openat @a x O_RDONLY 0", "openat @d x O_CREAT|O_WRONLY 0600", "stat d/x",
       "openat 999 x O_RDONLY 0", "openat 999 / O_RDONLY 0", "openat @d \"\" O_RDONLY 0", "open xa*255 O_CREAT 0644",
       "open xa*256 O_CREAT 0644", "open xa*4095 O_RDONLY 0", "open xa*4096 O_RDONLY 0", "stat xa*256", "stat a/xa*256",
       "stat missing/xa*256")

SCRIPT(paths_with_slashes_and_dots, "mkdir d 0755", "mkdir d/e/ 0755", "mkdir d/f// 0700", "mkdir missing/e 0755",
       "mkdir d 0755", "mkdir . 0755", "mkdir .. 0755", "mkdir / 0755", "mkdir d/. 0755", "mkdir d/../g 0755",
       "mkdir d//h 0755", "stat d", "stat d/", "stat d//", "stat ./d/./e/../e/.", "stat d/..",
       "open d/e/a O_CREAT|O_RDWR 0644", "stat d/e/a", "stat d/e/a/", "stat d/e/a/.", "stat d/e/a/..", "rmdir d",
       "rmdir d/e/a", "rmdir d/.", "rmdir d/..", "rmdir /", "rmdir .", "rmdir d/f/", "rmdir missing", "rmdir missing/x",
       "unlink d", "unlink d/", "unlink d/e/a/", "unlink d/e/a", "unlink d/e/a", "unlink .", "unlink ..", "unlink /",
       "unlink missing/", "rmdir d/e", "rmdir d", "rmdir g", "unlinkat cwd d AT_REMOVEDIR", "unlinkat cwd d 1",
       "unlinkat cwd d/h AT_REMOVEDIR", "unlinkat cwd d AT_REMOVEDIR", "stat d")

SCRIPT(symbolic_links, "symlink target a", "symlink target a", "symlink \"\" b", "symlink x \"\"", "readlink a 100",
       "readlink a 3", "readlink a 0", "readlink missing 10", "lstat a", "stat a", "open a O_RDONLY 0",
       "open a O_NOFOLLOW 0", "open a O_NOFOLLOW|O_PATH 0", "open a O_CREAT|O_EXCL 0644",
       "open a O_CREAT|O_NOFOLLOW 0644", "open a O_CREAT|O_WRONLY 0644", "stat target", "same a target", "mkdir d 0755",
       "symlink d l", "stat l", "lstat l", "lstat l/", "open l O_DIRECTORY 0", "open l O_DIRECTORY|O_NOFOLLOW 0",
       "open l/ O_NOFOLLOW 0", "rmdir l", "rmdir l/", "unlink l/", "mkdir l/x 0755", "stat d/x",
       "open l/x/y O_CREAT 0600", "symlink loop loop", "stat loop", "open loop O_CREAT 0644", "lstat loop",
       "symlink loop2 loop1", "symlink loop1 loop2", "open loop1 O_RDONLY 0", "chmod loop1 0700", "truncate loop1 0",
       "symlink a/b/c through", "stat through", "symlink target/ slashed", "stat slashed", "lstat slashed",
       "symlink d/ dslashed", "stat dslashed", "open dslashed O_RDONLY 0", "symlink new dangling",
       "open dangling/ O_CREAT 0644", "mkdir dangling 0755", "mkdir dangling/ 0755",
       "open dangling O_CREAT|O_WRONLY 0644", "lstat new", "symlink ../here/../here up", "stat up/a", "stat up/d/..",
       "rename l/x l/z", "stat d/z", "link l hard", "lstat hard", "linkat cwd l cwd hard2 AT_SYMLINK_FOLLOW",
       "linkat cwd a cwd hard3 AT_SYMLINK_FOLLOW", "lstat hard3", "readlinkat cwd l 10", "readlink d 10",
       "p = open l O_PATH|O_NOFOLLOW 0", "readlinkat @p \"\" 10", "fstat @p", "q = open d O_PATH 0",
       "readlinkat @q \"\" 10")

SCRIPT(forty_links_are_followed_and_no_more, "symlink /tmp z0", "symlink z0 z1", "symlink z1 z2", "symlink z2 z3",
       "symlink z3 z4", "symlink z4 z5", "symlink z5 z6", "symlink z6 z7", "symlink z7 z8", "symlink z8 z9",
       "mkdir d 0755", "symlink . d/s",
       "stat d/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s",
       "stat d/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s/s", "lstat z9",
       "symlink d/s/s n0", "symlink n0/s/s/s n1", "symlink n1/s/s/s n2", "symlink n2/s/s/s n3", "stat n3",
       "symlink n3/s/s/s/s n4", "symlink n4/n4/n4 n5", "stat n4", "stat n5", "open n4/file O_CREAT|O_RDWR 0644",
       "stat d/file")

SCRIPT(reading_and_writing, "a = open a O_CREAT|O_RDWR 0644", "write @a \"\"", "write @a hello", "lseek @a 0 SEEK_CUR",
       "read @a 10", "lseek @a 0 SEEK_SET", "read @a 3", "read @a 3", "read @a 3", "pwrite @a XY 1", "pread @a 100 0",
       "lseek @a 0 SEEK_CUR", "pread @a 10 -1", "pwrite @a x -1", "lseek @a -1 SEEK_SET", "lseek @a -6 SEEK_CUR",
       "lseek @a 10000 SEEK_END", "write @a far", "fstat @a", "pread @a 10 9998", "pread @a 20 4090", "lseek @a 0 99",
       "read @a 10", "lseek @a 9223372036854775807 SEEK_SET", "write @a x", "read @a 1", "lseek @a 1 SEEK_CUR",
       "pwrite @a xyz 4095", "pread @a 10 4092", "pwrite @a xq*9000 100", "fstat @a", "ftruncate @a 4097", "fstat @a",
       "pread @a 10 4092", "ftruncate @a 20000", "pread @a 10 4092", "fstat @a", "ftruncate @a 0", "fstat @a",
       "ftruncate @a -1", "b = open a O_RDONLY 0", "ftruncate @b 1", "write @b x", "truncate a 5", "pread @b 10 0",
       "truncate missing 5", "truncate . 5", "truncate a -1", "close @b", "close @b", "read @b 1", "write 999 x",
       "close 999", "fsync @a", "c = open a O_WRONLY 0", "read @c 1", "fallocate @a 0 0 5000", "fstat @a",
       "fallocate @a 0 0 0", "fallocate @a 0 -1 5", "fallocate @c FALLOC_FL_KEEP_SIZE 0 100", "pwrite @a xz*8192 0",
       "fstat @a", "fallocate @a FALLOC_FL_PUNCH_HOLE 0 4096",
       "fallocate @a FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE 0 4096", "fstat @a", "pread @a 10 4090",
       "fallocate @a FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE 4100 100", "pread @a 120 4095", "lseek @a 0 SEEK_DATA",
       "lseek @a 0 SEEK_HOLE", "lseek @a 4096 SEEK_HOLE", "lseek @a 8192 SEEK_DATA", "lseek @a 8191 SEEK_DATA",
       "lseek @a 9000 SEEK_HOLE", "lseek @a -1 SEEK_DATA", "ftruncate @a 1000000", "lseek @a 8192 SEEK_DATA",
       "lseek @a 8192 SEEK_HOLE", "pwrite @a end 999000", "lseek @a 8192 SEEK_DATA", "fstat @a", "readahead @a 0 100",
       "readahead @c 0 100", "fadvise @a 0 0 4", "fadvise @a 0 0 99", "sync_file_range @a 0 0 2",
       "sync_file_range @a 0 -1 2", "ioctl @a 21505", "d = open . O_DIRECTORY 0", "lseek @d 0 SEEK_SET", "fsync @d",
       "ftruncate @d 0", "fallocate @d 0 0 1")

SCRIPT(copies_between_files, "a = open a O_CREAT|O_RDWR 0644", "b = open b O_CREAT|O_RDWR 0644", "write @a 0123456789",
       "lseek @a 2 SEEK_SET", "copy_file_range @a @b 4 0", "lseek @a 0 SEEK_CUR", "lseek @b 0 SEEK_CUR",
       "pread @b 20 0", "copy_file_range @a @b 100 0", "pread @b 20 0", "copy_file_range @a @b 100 0",
       "copy_file_range @a @b 100 1", "lseek @a 0 SEEK_SET", "copy_file_range @a @a 5 0", "lseek @a 0 SEEK_SET",
       "c = open a O_RDWR 0", "lseek @c 10 SEEK_SET", "copy_file_range @a @c 5 0", "pread @a 20 0",
       "d = open . O_RDONLY 0", "copy_file_range @a @d 5 0", "copy_file_range @d @a 5 0", "r = open b O_RDONLY 0",
       "copy_file_range @a @r 5 0", "w = open b O_WRONLY|O_APPEND 0", "copy_file_range @a @w 5 0",
       "copy_file_range @w @a 5 0", "copy_file_range 999 @a 5 0", "copy_file_range @a 999 5 0")

SCRIPT(sendfile_between_files, "a = open a O_CREAT|O_RDWR 0644", "b = open b O_CREAT|O_RDWR 0644",
       "write @a 0123456789", "sendfile @b @a 5", "lseek @a 3 SEEK_SET", "sendfile @b @a 4", "lseek @a 0 SEEK_CUR",
       "pread @b 20 0", "sendfile @b @a 100", "sendfile @b @a 100", "fstat @b", "r = open a O_RDONLY 0",
       "w = open b O_WRONLY 0", "sendfile @r @a 5", "sendfile @b @w 5", "sendfile @w @r 5", "pread @b 20 0",
       "sendfile @b @r -1", "sendfile 999 @r 5", "sendfile @b 999 5", "p = open b O_WRONLY|O_APPEND 0",
       "sendfile @p @r 5", "d = open . O_RDONLY 0", "sendfile @b @d 5", "sendfile @d @a 5")

SCRIPT(descriptors, "a = open a O_CREAT|O_RDWR 0644", "b = dup @a", "write @a abc", "lseek @b 0 SEEK_CUR", "dup 999",
       "dup2 @a 50", "dup2 @a 50", "dup2 @a @a", "dup2 999 50", "dup2 999 999", "dup2 @a 5000", "dup2 @a -1",
       "dup3 @a @a 0", "dup3 @a 51 O_CLOEXEC", "dup3 @a 51 1", "fcntl 51 F_GETFD 0", "fcntl 50 F_GETFD 0",
       "fcntl 50 F_SETFD FD_CLOEXEC", "fcntl 50 F_GETFD 0", "fcntl @a F_GETFL 0",
       "fcntl @a F_SETFL O_APPEND|O_NONBLOCK", "fcntl @b F_GETFL 0", "fcntl @a F_SETFL 0", "fcntl @a F_GETFL 0",
       "c = fcntl_fd @a F_DUPFD 100", "fcntl @c F_GETFD 0", "d = fcntl_fd @a F_DUPFD_CLOEXEC 100", "fcntl @d F_GETFD 0",
       "fcntl @a F_DUPFD 5000", "fcntl @a F_DUPFD -1", "fcntl 999 F_GETFD 0", "fcntl @a 9999 0", "close_range 50 51 0",
       "fcntl 50 F_GETFD 0", "close_range 51 50 0", "close_range 100 -1 CLOSE_RANGE_CLOEXEC", "fcntl @c F_GETFD 0",
       "close_range 100 200 0", "fcntl @c F_GETFD 0", "close_range 100 200 1", "p = open a O_PATH 0", "read @p 1",
       "write @p x", "fcntl @p F_GETFL 0", "fcntl @p F_SETFL O_APPEND", "fstat @p", "lseek @p 0 SEEK_SET",
       "fchmod @p 0600", "ftruncate @p 0", "dup @p", "close @p", "w = open a O_WRONLY|O_CLOEXEC 0",
       "fcntl @w F_GETFD 0", "fcntl @w F_GETFL 0", "ioctl @a 21585", "fcntl @a F_GETFD 0", "ioctl @a 21584",
       "fcntl @a F_GETFD 0", "[memory] fcntl @a F_GET_SEALS 0", "[memory] fcntl @a F_ADD_SEALS 1")

SCRIPT(descriptors_are_the_lowest_and_limited, "a = open a O_CREAT|O_RDWR 0644", "b = dup @a", "c = dup @a", "close @b",
       "d = dup @a", "dup2 @a @b", "fcntl @d F_GETFD 0", "setrlimit 7 8,8", "dup2 @a 7", "dup2 @a 8",
       "fcntl @a F_DUPFD 8", "dup @a", "dup @a", "dup @a", "dup @a", "dup @a", "dup @a", "dup @a", "open a O_RDONLY 0",
       "close @a", "e = open a O_RDONLY 0")

SCRIPT(rename_of_files, "open a O_CREAT 0644", "open b O_CREAT 0600", "rename a c", "stat a", "stat c", "rename c b",
       "stat c", "stat b", "rename missing x", "rename b missing/x", "rename b b", "rename b .", "rename . b",
       "rename b ..", "rename b/ d", "rename b d/", "mkdir d 0755", "rename b d", "rename d b", "rename b d/",
       "rename b d/b", "stat d/b", "rename d/b ./b", "link b l", "rename b l", "same b l", "stat b", "stat l",
       "renameat2 cwd b cwd l RENAME_NOREPLACE", "renameat2 cwd b cwd n RENAME_NOREPLACE",
       "renameat2 cwd n cwd d RENAME_EXCHANGE", "stat n", "stat d", "renameat2 cwd n cwd missing RENAME_EXCHANGE",
       "renameat2 cwd missing cwd n RENAME_EXCHANGE", "renameat2 cwd n cwd d RENAME_EXCHANGE|RENAME_NOREPLACE",
       "renameat2 cwd n cwd d 64", "renameat2 cwd n cwd d/ RENAME_EXCHANGE", "renameat2 cwd n/ cwd d RENAME_EXCHANGE",
       "renameat2 cwd n cwd . RENAME_NOREPLACE", "symlink d s", "rename s t", "lstat t", "rename t d", "lstat d",
       "rename xa*256 b", "rename n xa*256", "rename \"\" x", "rename n \"\"")

SCRIPT(rename_of_directories, "mkdir a 0755", "mkdir b 0755", "mkdir a/x 0755", "rename a b", "stat a", "stat b",
       "stat b/x", "mkdir a 0755", "rename a b", "rename b a", "stat a", "rename a a/y", "rename a a/x/y",
       "rename a/x a", "rename a/x/. b", "rename a/x .", "rename a/x ..", "rename a/x /", "mkdir c 0755", "stat .",
       "rename a/x c/x", "stat a", "stat c", "stat .", "rename c/x c/x", "rename c/x/ d/", "stat d",
       "open f O_CREAT 0644", "rename f d", "rename d f", "renameat2 cwd f cwd d RENAME_EXCHANGE", "stat f", "stat d",
       "mkdir p 0755", "mkdir p/q 0755", "mkdir p/q/r 0755", "renameat2 cwd p cwd p/q RENAME_EXCHANGE",
       "renameat2 cwd p/q cwd p RENAME_EXCHANGE", "mkdir s 0755", "open s/file O_CREAT 0644",
       "renameat2 cwd p/q cwd s/file RENAME_EXCHANGE", "stat p", "stat s", "stat p/q", "stat s/file", "stat s/file/r",
       "rename s p", "rename p/q s/file", "open p/q O_RDONLY 0", "chdir s/file", "rename ../../p ../../p2", "stat ..",
       "stat ../../p2", "cwd", "rename ../file ../gone", "cwd", "stat .", "chdir ..", "cwd")

SCRIPT(removed_files_and_directories_live_on_while_used, "a = open a O_CREAT|O_RDWR 0644", "write @a abc", "unlink a",
       "fstat @a", "pread @a 10 0", "write @a def", "fstat @a", "open a O_RDONLY 0", "link a b", "mkdir d 0755",
       "mkdir d/e 0755", "d = open d O_RDONLY 0", "chdir d", "rmdir ../d", "rmdir e", "rmdir ../d", "cwd", "stat .",
       "stat ..", "ls @d 1000", "open x O_CREAT 0644", "openat @d x O_CREAT 0644", "mkdir x 0755", "open . O_RDONLY 0",
       "fstat @d", "symlink a b", "chdir ..", "cwd", "openat @d . O_RDONLY 0", "openat @d .. O_RDONLY 0", "fchdir @d",
       "cwd", "chdir ..", "stat d")

SCRIPT(hard_links, "open a O_CREAT 0644", "link a b", "stat a", "stat b", "same a b", "link a b", "link missing c",
       "link a missing/c", "mkdir d 0755", "link d e", "link a d/a", "stat a", "unlink a", "stat b", "link b c/",
       "link b/ c", "link b .", "link \"\" c", "linkat cwd b cwd c 1", "p = open b O_RDWR 0",
       "[root] linkat @p \"\" cwd e AT_EMPTY_PATH", "stat e", "t = open . O_TMPFILE|O_RDWR 0600", "write @t inside",
       "fstat @t", "[root] linkat @t \"\" cwd named AT_EMPTY_PATH", "fstat @t", "stat named", "ls @t 100",
       "d = open . O_RDONLY 0", "ls @d 4096", "open b O_TMPFILE|O_RDWR 0600", "open . O_TMPFILE 0600",
       "open missing O_TMPFILE|O_RDWR 0600", "open d O_TMPFILE|O_WRONLY 0600")

SCRIPT(listing_directories, "d = open . O_RDONLY 0", "ls @d 1000", "ls @d 10", "ls @d 0", "open a O_CREAT 0644",
       "mkdir b 0755", "symlink x c", "mknod e S_IFIFO|0644 0", "mknod f S_IFSOCK|0644 0", "ls @d 1000", "ls @d 24",
       "ls @d 32", "ls @d 64", "unlink a", "open g O_CREAT 0644", "rename c h", "ls @d 100", "open xa*17 O_CREAT 0644",
       "open xb*17 O_CREAT 0644", "open xc*17 O_CREAT 0644", "ls @d 100", "ls @d 40", "g = open g O_RDONLY 0",
       "ls @g 100", "ls 999 100", "p = open . O_PATH 0", "ls @p 100", "lseek @d -1 SEEK_SET")

SCRIPT(mknod_and_special_files, "mknod f S_IFIFO|0644 0", "stat f", "mknod f S_IFIFO|0644 0", "mknod s S_IFSOCK|0600 0",
       "stat s", "open s O_RDONLY 0", "open s O_PATH 0", "mknod r S_IFREG|0640 0", "stat r", "mknod p 0600 0", "stat p",
       "mknod d S_IFDIR|0755 0", "mknod x 0777777 0", "open f O_NONBLOCK|O_WRONLY 0",
       "r = open f O_NONBLOCK|O_RDONLY 0", "fstat @r", "lseek @r 0 SEEK_SET", "pread @r 1 0", "ftruncate @r 0",
       "truncate f 0", "truncate s 0", "fallocate @r 0 0 1", "mknod missing/f S_IFIFO|0644 0",
       "mknod f/ S_IFIFO|0644 0", "mknod n/ S_IFIFO|0644 0", "chmod f 0600", "stat f", "rename f g", "unlink g",
       "fsync @r")

SCRIPT(umask_and_modes, "umask 077", "open a O_CREAT 0666", "stat a", "mkdir d 0777", "stat d", "umask 0",
       "open b O_CREAT 07777", "stat b", "mkdir e 07777", "stat e", "mkdir f 01777", "stat f", "umask 022",
       "chmod a 04755", "stat a", "chmod d 02755", "open d/x O_CREAT 0644", "stat d/x", "mkdir d/y 0755", "stat d/y",
       "chmod missing 0644", "chmod a 0177777", "stat a", "[6.6] fchmodat2 cwd a 0600 AT_SYMLINK_NOFOLLOW",
       "symlink a l", "chmod l 0640", "stat a", "[6.6] fchmodat2 cwd l 0600 AT_SYMLINK_NOFOLLOW",
       "[6.6] fchmodat2 cwd l 0600 8", "fchmod 999 0600", "chmod a/b 0600", "umask 0777", "umask 07777",
       "open z O_CREAT 0666", "stat z")

SCRIPT(owners, "open a O_CREAT 0644", "chown a 1 2", "stat a", "chown a -1 -1", "chown a 3 -1", "stat a",
       "chown a -1 4", "stat a", "chmod a 06755", "stat a", "chown a 5 5", "stat a", "chmod a 06745", "chown a 5 5",
       "stat a", "mkdir d 02755", "chown d 6 6", "stat d", "mkdir d/e 0755", "stat d/e", "open d/f O_CREAT 0644",
       "stat d/f", "symlink a l", "lchown l 7 7", "lstat l", "stat l", "chown l 8 8", "lstat l", "stat l",
       "chown missing 1 1", "f = open a O_RDONLY 0", "fchown @f 9 9", "fchown 999 1 1", "stat a")

SCRIPT(permissions_of_another_user, "umask 0", "mkdir open 0777", "mkdir shut 0700", "mkdir read 0744",
       "mkdir search 0711", "mkdir sticky 01777", "open shut/x O_CREAT 0666", "open read/x O_CREAT 0666",
       "open search/x O_CREAT 0666", "open sticky/roots O_CREAT 0666", "open r O_CREAT 0444", "open w O_CREAT 0222",
       "open x O_CREAT 0111", "open n O_CREAT 0", "open mine O_CREAT 0600", "chown mine 1000 1000",
       "open group O_CREAT 0640", "chown group 0 1001", "open setid O_CREAT 06777", "chmod . 0777", "chmod setid 06777",
       "setgroups 0", "setresgid 1001 1001 1001", "setresuid 1000 1000 1000", "open shut/x O_RDONLY 0", "stat shut/x",
       "stat shut/missing", "stat shut", "open shut O_RDONLY 0", "chdir shut", "stat read/x", "open read O_RDONLY 0",
       "stat search/x", "open search O_RDONLY 0", "open search/x O_RDWR 0", "unlink search/x",
       "open search/new O_CREAT 0644", "open open/new O_CREAT|O_RDWR 0644", "stat open/new", "unlink sticky/roots",
       "rename sticky/roots sticky/other", "open sticky/mine O_CREAT 0644", "rename sticky/mine sticky/roots",
       "rename sticky/mine sticky/m2", "unlink sticky/m2", "open r O_RDONLY 0", "open r O_WRONLY 0", "open r O_RDWR 0",
       "open r O_TRUNC 0", "open w O_WRONLY 0", "open w O_RDONLY 0", "open x O_RDONLY 0", "open n O_RDONLY 0",
       "access r 4", "access r 2", "access w 2", "access x 1", "access x 4", "access n 0", "access missing 0",
       "access r 8", "access shut/x 0", "open mine O_RDWR 0", "chmod mine 0644", "chmod r 0777", "chmod missing 0",
       "chown mine 1000 1001", "stat mine", "chown mine 0 -1", "chown mine -1 0", "chown r 1000 1000", "chown r -1 -1",
       "open group O_RDONLY 0", "open group O_WRONLY 0", "chmod mine 06755", "stat mine", "chown mine 1000 1001",
       "stat mine", "utimensat cwd r 5,5,6,6 0", "utimensat cwd r NULL 0", "utimensat cwd w NULL 0",
       "utimensat cwd mine 5,5,6,6 0", "times mine", "truncate r 0", "truncate w 0", "s = open setid O_WRONLY 0",
       "stat setid", "write @s x", "stat setid", "open r O_NOATIME 0", "open mine O_NOATIME 0", "link mine open/link",
       "mkdir open/d 0755", "rename open/d shut/d", "rename open/d sticky/d", "rename sticky/d open/d", "rmdir open/d",
       "rename shut open/shut", "chroot .", "[memory] mknod dev S_IFCHR|0600 259", "mkdir search/d 0755",
       "rmdir search", "symlink a search/l", "symlink missing/a search/l2", "umask 022")

SCRIPT(access_asks_for_the_real_user, "umask 0", "open a O_CREAT 0600", "open b O_CREAT 0", "open c O_CREAT 0100",
       "access a 7", "access a 6", "access b 6", "access b 1", "access c 1", "setresgid 1001 0 0", "setresuid 1000 0 0",
       "access a 4", "access b 4", "access a 0", "faccessat2 cwd a 4 AT_EACCESS", "faccessat2 cwd a 4 AT_EACCESS|4",
       "open a O_RDWR 0", "faccessat2 cwd a 4 0", "symlink missing l", "faccessat2 cwd l 0 0",
       "faccessat2 cwd l 0 AT_SYMLINK_NOFOLLOW", "access l 0", "access l/x 0", "f = open a O_RDONLY 0",
       "faccessat2 @f \"\" 4 AT_EMPTY_PATH|AT_EACCESS", "faccessat2 @f \"\" 4 AT_EMPTY_PATH")

SCRIPT(times_are_set, "open a O_CREAT 0644", "utimensat cwd a 1,2,3,4 0", "times a",
       "utimensat cwd a 0,1073741822,7,8 0", "times a", "utimensat cwd a 9,10,0,1073741822 0", "times a",
       "utimensat cwd a 0,1073741822,0,1073741822 0", "times a", "utimensat cwd a 0,1073741823,5,6 0", "times a",
       "utimensat cwd a 1,1000000000,3,4 0", "utimensat cwd a 1,-1,3,4 0", "utimensat cwd missing 1,2,3,4 0",
       "utimensat cwd missing 0,1073741822,0,1073741822 0", "symlink a l",
       "utimensat cwd l 11,0,12,0 AT_SYMLINK_NOFOLLOW", "times l", "times a", "utimensat cwd l 13,0,14,0 0", "times a",
       "f = open a O_RDWR 0", "utimensat @f NULL 15,0,16,0 0", "times a",
       "utimensat @f NULL 15,0,16,0 AT_SYMLINK_NOFOLLOW", "utimensat 999 NULL 15,0,16,0 0", "utimensat cwd a NULL 0",
       "times a", "utimensat cwd a 1,0,2,0 0", "write @f x", "times a", "utimensat cwd a 1,0,2,0 0", "pread @f 10 0",
       "times a", "utimensat cwd a 5,0,2,0 0", "pread @f 10 0", "mkdir d 0755", "utimensat cwd d 1,0,2,0 0",
       "open d/x O_CREAT 0644", "times d", "utimensat cwd d 1,0,2,0 0", "unlink d/x", "times d",
       "utimensat cwd d 1,0,2,0 0", "rename a d/a", "times d", "utimensat cwd d 1,0,2,0 0", "chmod d/a 0600", "times d",
       "utimensat cwd d/a 1,0,2,0 0", "truncate d/a 1", "times d/a", "utimensat cwd d/a 1,0,2,0 0", "ftruncate @f 1",
       "times d/a", "utimensat cwd d/a 1,0,2,0 0", "open d/a O_TRUNC|O_WRONLY 0", "times d/a")

SCRIPT(record_locks, "a = open a O_CREAT|O_RDWR 0644", "b = open a O_RDWR 0", "r = open a O_RDONLY 0",
       "w = open a O_WRONLY 0", "lock @a F_SETLK F_WRLCK SEEK_SET 0 10", "lock @a F_GETLK F_WRLCK SEEK_SET 0 10",
       "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 5 10", "lock @b F_OFD_SETLK F_WRLCK SEEK_SET 5 10",
       "lock @b F_OFD_SETLK F_WRLCK SEEK_SET 10 10", "lock @a F_OFD_SETLK F_WRLCK SEEK_SET 15 1",
       "lock @a F_GETLK F_WRLCK SEEK_SET 0 0", "lock @a F_SETLK F_UNLCK SEEK_SET 3 2",
       "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 0 0", "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 3 0",
       "lock @b F_OFD_SETLK F_WRLCK SEEK_SET 3 2", "lock @a F_SETLK F_WRLCK SEEK_SET 0 0",
       "lock @b F_OFD_SETLK F_UNLCK SEEK_SET 0 0", "lock @a F_SETLK F_WRLCK SEEK_SET 0 0",
       "lock @b F_OFD_GETLK F_RDLCK SEEK_SET 1000 5", "lock @a F_SETLK F_RDLCK SEEK_SET 0 0",
       "lock @b F_OFD_SETLK F_RDLCK SEEK_SET 0 100", "lock @b F_OFD_SETLK F_WRLCK SEEK_SET 0 100",
       "lock @r F_SETLK F_WRLCK SEEK_SET 0 1", "lock @w F_SETLK F_RDLCK SEEK_SET 0 1", "lock @a F_SETLK 7 SEEK_SET 0 1",
       "lock @a F_SETLK F_WRLCK 7 0 1", "lock @a F_SETLK F_WRLCK SEEK_SET -1 1",
       "lock @a F_SETLK F_WRLCK SEEK_SET 5 -5", "lock @a F_SETLK F_WRLCK SEEK_SET 5 -6", "write @a 0123456789",
       "lock @a F_SETLK F_UNLCK SEEK_SET 0 0", "lock @a F_SETLK F_WRLCK SEEK_END -5 2",
       "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 0 0", "lock @a F_SETLK F_WRLCK SEEK_CUR 0 5",
       "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 8 0", "lock @a F_SETLK F_WRLCK SEEK_SET 9223372036854775807 2",
       "lock @a F_SETLK F_WRLCK SEEK_SET 9223372036854775807 1", "lock @a F_GETLK F_UNLCK SEEK_SET 0 1", "close @b",
       "lock @r F_OFD_GETLK F_WRLCK SEEK_SET 0 0", "lock 999 F_SETLK F_WRLCK SEEK_SET 0 0")

SCRIPT(first_lock_in_the_way, "a = open a O_CREAT|O_RDWR 0644", "b = open a O_RDWR 0",
       "lock @a F_SETLK F_WRLCK SEEK_SET 20 5", "lock @a F_SETLK F_RDLCK SEEK_SET 5 5",
       "lock @a F_SETLK F_WRLCK SEEK_SET 1 2", "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 0 0",
       "lock @b F_OFD_GETLK F_RDLCK SEEK_SET 3 0", "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 3 0",
       "lock @a F_SETLK F_RDLCK SEEK_SET 2 10", "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 0 0",
       "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 2 0", "lock @a F_SETLK F_UNLCK SEEK_SET 7 1",
       "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 2 0", "lock @b F_OFD_GETLK F_WRLCK SEEK_SET 7 0")

SCRIPT(flocks, "a = open a O_CREAT|O_RDWR 0644", "b = open a O_RDONLY 0", "c = dup @a", "flock @a 6", "flock @b 6",
       "flock @b 5", "flock @c 6", "flock @c 5", "flock @b 5", "flock @a 6", "flock @b 8", "flock @a 6", "flock @b 5",
       "close @a", "flock @b 5", "close @c", "flock @b 6", "[5.18] flock @b 99", "flock @b 0", "flock 999 6",
       "flock @b 8", "flock @b 8", "lock @b F_SETLK F_RDLCK SEEK_SET 0 0", "d = open a O_RDWR 0", "flock @d 6")

SCRIPT(extended_attributes, "[6.6] open a O_CREAT 0644", "[6.6] setxattr a user.x hello 0",
       "[6.6] getxattr a user.x 100", "[6.6] getxattr a user.x 5", "[6.6] getxattr a user.x 4",
       "[6.6] getxattr a user.x 0", "[6.6] getxattr a user.y 10", "[6.6] listxattr a 0",
       "[6.6] setxattr a user.x bye XATTR_CREATE", "[6.6] setxattr a user.y bye XATTR_REPLACE",
       "[6.6] setxattr a user.x bye XATTR_REPLACE", "[6.6] getxattr a user.x 10",
       "[6.6] setxattr a user.y \"\" XATTR_CREATE", "[6.6] getxattr a user.y 10", "[6.6] setxattr a user.x x 99",
       "[6.6] setxattr a nothing x 0", "[6.6] setxattr a user. x 0", "[6.6] setxattr a \"\" x 0",
       "[6.6] setxattr a xa*256 x 0", "[6.6] removexattr a user.x", "[6.6] removexattr a user.x",
       "[6.6] getxattr a user.x 10", "[6.6] setxattr missing user.x x 0", "[6.6] mkdir d 0755",
       "[6.6] setxattr d user.x x 0", "[6.6] getxattr d user.x 10", "[6.6] symlink a l", "[6.6] lsetxattr l user.x x 0",
       "[6.6] setxattr l user.z x 0", "[6.6] getxattr a user.z 10", "[6.6] mknod f S_IFIFO|0644 0",
       "[6.6] setxattr f user.x x 0", "[6.6] getxattr f user.x 1", "[6.6] getxattr a nothing 5",
       "[6.6] removexattr a nothing")

SCRIPT(inotify_moves_of_directories, "i = inotify_init1 O_NONBLOCK", "mkdir d 0755", "mkdir d/e 0755",
       "inotify_add_watch @i d IN_ALL_EVENTS", "inotify_add_watch @i d/e IN_ALL_EVENTS", "rename d/e d/f", "rename d g",
       "events @i")

SCRIPT(inotify_events, "i = inotify_init1 O_NONBLOCK", "inotify_init1 99", "mkdir d 0755", "open d/old O_CREAT 0644",
       "inotify_add_watch @i d IN_ALL_EVENTS", "inotify_add_watch @i d IN_ALL_EVENTS",
       "inotify_add_watch @i d/old IN_ALL_EVENTS", "inotify_add_watch @i missing IN_ALL_EVENTS",
       "inotify_add_watch @i d/old IN_ALL_EVENTS|IN_ONLYDIR", "inotify_add_watch @i d 0",
       "inotify_add_watch @i d IN_ALL_EVENTS|IN_MASK_CREATE",
       "inotify_add_watch @i d IN_CREATE|IN_MASK_ADD|IN_MASK_CREATE", "inotify_add_watch 0 d IN_CREATE",
       "inotify_add_watch 999 d IN_CREATE", "events @i", "f = open d/new O_CREAT|O_RDWR 0644", "events @i",
       "write @f abc", "write @f def", "events @i", "pread @f 3 0", "events @i", "chmod d/new 0600", "ftruncate @f 2",
       "events @i", "close @f", "events @i", "g = open d/old O_RDONLY 0", "read @g 5", "close @g", "events @i",
       "mkdir d/e 0755", "symlink x d/s", "link d/old d/hard", "mknod d/p S_IFIFO|0644 0", "events @i",
       "rename d/new d/newer", "events @i", "rename d/newer moved", "rename moved d/back", "events @i",
       "rename d/old d/back", "events @i", "renameat2 cwd d/back cwd d/e RENAME_EXCHANGE", "events @i", "unlink d/hard",
       "events @i", "unlink d/e", "events @i", "rmdir d/back", "events @i", "utimensat cwd d 1,2,3,4 0", "events @i",
       "h = open d O_RDONLY 0", "ls @h 4096", "close @h", "unlink d/s", "unlink d/p", "events @i", "rmdir d",
       "events @i", "inotify_rm_watch @i 1", "mkdir q 0755", "inotify_add_watch @i q IN_CREATE|IN_ONESHOT",
       "open q/a O_CREAT 0644", "open q/b O_CREAT 0644", "events @i", "inotify_add_watch @i q IN_CREATE",
       "inotify_add_watch @i q IN_DELETE|IN_MASK_ADD", "unlink q/a", "open q/c O_CREAT 0644", "events @i",
       "inotify_add_watch @i q IN_DELETE", "open q/d O_CREAT 0644", "events @i", "inotify_rm_watch @i 4", "events @i",
       "inotify_rm_watch @i 99", "write @i x", "mkdir x 0755", "inotify_add_watch @i x IN_ALL_EVENTS|IN_EXCL_UNLINK",
       "k = open x/k O_CREAT|O_RDWR 0644", "write @k 1", "events @i", "unlink x/k", "events @i", "write @k 2",
       "close @k", "events @i", "read @i 1")

SCRIPT(openat2_resolution, "mkdir d 0755", "mkdir d/e 0755", "open d/f O_CREAT 0644", "symlink f d/in",
       "symlink ../d/f d/out", "symlink /etc d/abs", "symlink e/../f d/updown", "d = open d O_PATH 0",
       "openat2 @d f O_RDONLY 0 RESOLVE_BENEATH", "openat2 @d in O_RDONLY 0 RESOLVE_BENEATH",
       "openat2 @d out O_RDONLY 0 RESOLVE_BENEATH", "openat2 @d abs O_RDONLY 0 RESOLVE_BENEATH",
       "openat2 @d updown O_RDONLY 0 RESOLVE_BENEATH", "openat2 @d .. O_RDONLY 0 RESOLVE_BENEATH",
       "openat2 @d . O_RDONLY 0 RESOLVE_BENEATH", "openat2 @d e/.. O_RDONLY 0 RESOLVE_BENEATH",
       "openat2 @d e/../.. O_RDONLY 0 RESOLVE_BENEATH", "openat2 @d /f O_RDONLY 0 RESOLVE_BENEATH",
       "openat2 @d /f O_RDONLY 0 RESOLVE_IN_ROOT", "openat2 @d ../../f O_RDONLY 0 RESOLVE_IN_ROOT",
       "openat2 @d abs O_RDONLY 0 RESOLVE_IN_ROOT", "openat2 @d out O_RDONLY 0 RESOLVE_IN_ROOT",
       "openat2 @d in O_RDONLY 0 RESOLVE_NO_SYMLINKS", "openat2 @d f O_RDONLY 0 RESOLVE_NO_SYMLINKS",
       "openat2 @d in O_PATH|O_NOFOLLOW 0 RESOLVE_NO_SYMLINKS", "openat2 @d f O_RDONLY 0 RESOLVE_NO_XDEV",
       "openat2 @d f O_RDONLY 0644 0", "openat2 @d new O_CREAT|O_RDWR 0644 RESOLVE_BENEATH", "stat d/new",
       "openat2 @d f O_RDONLY 0 4096", "openat2 @d f 2147483648 0 0", "openat2 @d f O_CREAT 0107777 0",
       "openat2 @d f O_PATH|O_RDWR 0 0", "openat2 @d f O_RDONLY 0 RESOLVE_BENEATH|RESOLVE_IN_ROOT",
       "[6.4] openat2 @d f O_CREAT|O_DIRECTORY 0644 0", "openat2 999 f O_RDONLY 0 0")

SCRIPT(file_size_limit_is_kept, "a = open a O_CREAT|O_RDWR 0644", "setrlimit 1 1000,1000", "write @a xa*100",
       "pwrite @a xb*100 950", "fstat @a", "ftruncate @a 1000", "pread @a 10 995")

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_flags_and_errors),
        cmocka_unit_test(test_paths_with_slashes_and_dots),
        cmocka_unit_test(test_symbolic_links),
        cmocka_unit_test(test_forty_links_are_followed_and_no_more),
        cmocka_unit_test(test_reading_and_writing),
        cmocka_unit_test(test_copies_between_files),
        cmocka_unit_test(test_sendfile_between_files),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_descriptors_are_the_lowest_and_limited),
        cmocka_unit_test(test_rename_of_files),
        cmocka_unit_test(test_rename_of_directories),
        cmocka_unit_test(test_removed_files_and_directories_live_on_while_used),
        cmocka_unit_test(test_hard_links),
        cmocka_unit_test(test_listing_directories),
        cmocka_unit_test(test_mknod_and_special_files),
        cmocka_unit_test(test_umask_and_modes),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_permissions_of_another_user),
        cmocka_unit_test(test_access_asks_for_the_real_user),
        cmocka_unit_test(test_times_are_set),
        cmocka_unit_test(test_record_locks),
        cmocka_unit_test(test_first_lock_in_the_way),
        cmocka_unit_test(test_flocks),
        cmocka_unit_test(test_extended_attributes),
        cmocka_unit_test(test_inotify_moves_of_directories),
        cmocka_unit_test(test_inotify_events),
        cmocka_unit_test(test_openat2_resolution),
        cmocka_unit_test(test_file_size_limit_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
