/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and layouts that a program's memory holds (WASI preview 1, typenames.witx). They are little-endian and
 * aligned as on this host, so the structs are copied as they are. What a program may write is checked by who reads it.
 */
#ifndef MOAT_WASI_ABI_H
#define MOAT_WASI_ABI_H

#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are copied as they are");

/* $rights */
enum {
    RIGHT_FD_DATASYNC = 1u << 0,
    RIGHT_FD_READ = 1u << 1,
    RIGHT_FD_SEEK = 1u << 2,
    RIGHT_FD_FDSTAT_SET_FLAGS = 1u << 3,
    RIGHT_FD_SYNC = 1u << 4,
    RIGHT_FD_TELL = 1u << 5,
    RIGHT_FD_WRITE = 1u << 6,
    RIGHT_FD_ADVISE = 1u << 7,
    RIGHT_FD_ALLOCATE = 1u << 8,
    RIGHT_PATH_CREATE_DIRECTORY = 1u << 9,
    RIGHT_PATH_CREATE_FILE = 1u << 10,
    RIGHT_PATH_LINK_SOURCE = 1u << 11,
    RIGHT_PATH_LINK_TARGET = 1u << 12,
    RIGHT_PATH_OPEN = 1u << 13,
    RIGHT_FD_READDIR = 1u << 14,
    RIGHT_PATH_READLINK = 1u << 15,
    RIGHT_PATH_RENAME_SOURCE = 1u << 16,
    RIGHT_PATH_RENAME_TARGET = 1u << 17,
    RIGHT_PATH_FILESTAT_GET = 1u << 18,
    RIGHT_PATH_FILESTAT_SET_SIZE = 1u << 19,
    RIGHT_PATH_FILESTAT_SET_TIMES = 1u << 20,
    RIGHT_FD_FILESTAT_GET = 1u << 21,
    RIGHT_FD_FILESTAT_SET_SIZE = 1u << 22,
    RIGHT_FD_FILESTAT_SET_TIMES = 1u << 23,
    RIGHT_PATH_SYMLINK = 1u << 24,
    RIGHT_PATH_REMOVE_DIRECTORY = 1u << 25,
    RIGHT_PATH_UNLINK_FILE = 1u << 26,
    RIGHT_POLL_FD_READWRITE = 1u << 27,
    RIGHT_SOCK_SHUTDOWN = 1u << 28,
    RIGHT_SOCK_ACCEPT = 1u << 29,
};

/* $filetype; a pipe is unknown. */
enum wasi_filetype {
    FILETYPE_UNKNOWN,
    FILETYPE_BLOCK_DEVICE,
    FILETYPE_CHARACTER_DEVICE,
    FILETYPE_DIRECTORY,
    FILETYPE_REGULAR_FILE,
    FILETYPE_SOCKET_DGRAM,
    FILETYPE_SOCKET_STREAM,
    FILETYPE_SYMBOLIC_LINK,
};

/* $fdflags, $oflags, $lookupflags, $fstflags, $riflags, $roflags, $sdflags */
enum { FDFLAG_APPEND = 1, FDFLAG_DSYNC = 2, FDFLAG_NONBLOCK = 4, FDFLAG_RSYNC = 8, FDFLAG_SYNC = 16, FDFLAGS = 31 };
enum { OFLAG_CREAT = 1, OFLAG_DIRECTORY = 2, OFLAG_EXCL = 4, OFLAG_TRUNC = 8, OFLAGS = 15 };
enum { LOOKUP_SYMLINK_FOLLOW = 1 };
enum { FST_ATIM = 1, FST_ATIM_NOW = 2, FST_MTIM = 4, FST_MTIM_NOW = 8, FST_FLAGS = 15 };
enum { RECV_PEEK = 1, RECV_WAITALL = 2, RECV_FLAGS = 3, RECV_DATA_TRUNCATED = 1 };
enum { SHUT_READ = 1, SHUT_WRITE = 2, SHUT_FLAGS = 3 };
enum { SUBSCRIPTION_CLOCK_ABSTIME = 1 };
enum { EVENT_CLOCK, EVENT_FD_READ, EVENT_FD_WRITE };
enum { EVENT_HANGUP = 1 };
enum { WHENCE_SET, WHENCE_CUR, WHENCE_END };
enum { CLOCKID_REALTIME, CLOCKID_MONOTONIC, CLOCKID_PROCESS_CPUTIME, CLOCKID_THREAD_CPUTIME, CLOCKIDS };
enum { PREOPENTYPE_DIR };

struct wasi_iovec {
    uint32_t buf, length;
};

struct wasi_fdstat {
    uint8_t filetype;
    uint16_t flags;
    uint64_t rights_base, rights_inheriting;
};
_Static_assert(offsetof(struct wasi_fdstat, flags) == 2 && offsetof(struct wasi_fdstat, rights_base) == 8 &&
                   sizeof(struct wasi_fdstat) == 24,
               "$fdstat");

struct wasi_filestat {
    uint64_t dev, ino;
    uint8_t filetype;
    uint64_t nlink, size, atim, mtim, ctim;
};
_Static_assert(offsetof(struct wasi_filestat, filetype) == 16 && offsetof(struct wasi_filestat, nlink) == 24 &&
                   sizeof(struct wasi_filestat) == 64,
               "$filestat");

struct wasi_dirent {
    uint64_t next, ino;
    uint32_t name_length;
    uint8_t type;
};
_Static_assert(offsetof(struct wasi_dirent, type) == 20 && sizeof(struct wasi_dirent) == 24, "$dirent");

struct wasi_prestat {
    uint8_t tag;
    uint32_t name_length;
};
_Static_assert(offsetof(struct wasi_prestat, name_length) == 4 && sizeof(struct wasi_prestat) == 8, "$prestat");

struct wasi_subscription {
    uint64_t userdata;
    uint8_t tag;
    union {
        struct {
            uint32_t id;
            uint64_t timeout, precision;
            uint16_t flags;
        } clock;
        uint32_t fd;
    };
};
_Static_assert(offsetof(struct wasi_subscription, tag) == 8 && offsetof(struct wasi_subscription, clock) == 16 &&
                   offsetof(struct wasi_subscription, clock.timeout) == 24 &&
                   offsetof(struct wasi_subscription, clock.flags) == 40 && sizeof(struct wasi_subscription) == 48,
               "$subscription");

struct wasi_event {
    uint64_t userdata;
    uint16_t error;
    uint8_t type;
    uint64_t nbytes;
    uint16_t flags;
};
_Static_assert(offsetof(struct wasi_event, type) == 10 && offsetof(struct wasi_event, nbytes) == 16 &&
                   offsetof(struct wasi_event, flags) == 24 && sizeof(struct wasi_event) == 32,
               "$event");

/* $errno of a result in the manner of Linux: 0, or a negative errno or -WASI_NOTCAPABLE. */
uint16_t wasi_errno(int result);

#endif
