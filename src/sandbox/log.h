/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a sandbox: LAYER/log, and when that is full log.1 (the older), ... A file is a struct log_file_header and
 * records; a record is a struct log_header and its bytes, as the workload wrote them: nothing is escaped, cut or added.
 * A record holds what was read in one go, so it may begin and end within a line.
 *
 * Writing (the monitor): log_open() -> log_take() each time the workload's pipe is readable -> log_close(). The bytes
 * go from the pipe to the file by splice(2): at every moment they are in one of the two, so a monitor that is killed
 * loses nothing; log_open() closes the record that it left open. A file never grows beyond its size, so a workload
 * cannot fill the disk; on a full disk bytes are dropped, counted, and the gap is on record.
 *
 * Reading (any command, any number): log_reader_open() -> log_read() until 0 -> again after the file has changed.
 */
#ifndef MOAT_SANDBOX_LOG_H
#define MOAT_SANDBOX_LOG_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_MAGIC     0x474f4c54414f4d31ull
#define LOG_FILES_MAX 100
#define LOG_SIZE_MIN  4096

struct log_file_header {
    uint64_t magic;
    uint64_t sequence; /* 1, 2, ... in the order of writing */
};

enum log_flags {
    LOG_OPEN = 1,   /* being written: its length is not known yet */
    LOG_LOST = 2,   /* the bytes are a uint64_t: so many were lost here (full disk) */
    LOG_CLOSED = 4, /* last record of a full file: the next file goes on */
};

struct log_header {
    uint64_t time_ns; /* since 1970 */
    uint32_t length;
    uint8_t stream; /* 1 stdout (and terminals), 2 stderr */
    uint8_t flags;  /* enum log_flags */
    uint16_t mark;  /* LOG_MARK: a record begins here */
};
#define LOG_MARK 0x4c52
_Static_assert(sizeof(struct log_header) == 16 && sizeof(struct log_file_header) == 16, "the form of log files");

struct log {
    int dir_fd;  /* borrowed */
    int fd;      /* of "log"; -1: none is kept */
    uint64_t at; /* where the next record goes */
    uint64_t size_max;
    uint32_t files_max;
    uint64_t sequence;
    bool reserved;      /* a block at the end of the file is taken already, for the note about a full disk */
    uint64_t lost, gap; /* bytes dropped since the disk is full, and where in the file that number is; 0: not */
    int null_fd;
};

/* Opens or makes the log in dir_fd, mends what a killed writer left, and goes on behind it. size_max 0: keeps nothing
 * (--log-driver none), bytes are dropped. */
int log_open(struct log *l, int dir_fd, uint64_t size_max, uint32_t files_max, struct err *err);
/* Moves what a pipe holds, at most `most` bytes (0: no bound), into the log. The bytes moved; 0: the pipe is empty. */
int64_t log_take(struct log *l, int pipe_fd, uint8_t stream, uint64_t most);
/* The same for bytes in memory (a terminal's). */
int64_t log_write(struct log *l, uint8_t stream, const void *bytes, size_t n);
void log_close(struct log *l);

struct log_reader {
    int dir_fd; /* borrowed */
    int fd;
    uint64_t at, sequence;
    uint64_t left; /* payload bytes of the current record not yet handed out */
    struct log_header record;
    bool lost_file; /* rotated away before it could be read: a gap */
};

struct log_piece {
    uint64_t time_ns;
    uint8_t stream;
    uint64_t lost; /* > 0: bytes missing here (UINT64_MAX: a whole file or more); no bytes follow */
    size_t n;
    bool first; /* of its record */
};

/* At the oldest record that is there. -ENOENT: nothing was logged. */
int log_reader_open(struct log_reader *r, int dir_fd, struct err *err);
/* The next bytes, at most `size`, into buf. 1: *piece is filled; 0: no more for now; -errno: damaged. */
int log_read(struct log_reader *r, void *buf, size_t size, struct log_piece *piece, struct err *err);
/* Passes over all that is there now. */
int log_reader_skip(struct log_reader *r, struct err *err);
void log_reader_close(struct log_reader *r);

#endif
