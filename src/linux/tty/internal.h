/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share. A terminal is one struct tty: the side that programs use (the slave, in the words
 * of pty(7)), its line discipline, and the bytes on their way to and from the other side: the file of a master, or the
 * platform's terminal.
 *
 *     other side -> incoming -> line discipline -> line -> read(2)
 *     other side <- output <- echo, output processing <- write(2)
 */
#ifndef MOAT_LINUX_TTY_INTERNAL_H
#define MOAT_LINUX_TTY_INTERNAL_H

#include "linux/core/wait.h"
#include "linux/fs/vfs.h"
#include "linux/task/task.h"
#include "linux/tty/tty.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/eventpoll.h>

#define TTY_LINE     4096u /* bytes that a line discipline keeps: a line is cut to one less than this and its end */
#define TTY_INCOMING 8192u /* what waits in front of it */
#define TTY_OUTPUT   8192u /* what the other side has not taken */
#define TTY_ECHO     4096u /* echoes that wait for room; more are lost */
#define TTY_PIECE    256u  /* bytes that are copied from or to a program at once */
#define PTS_MAJOR    136u

/* A ring of fixed size, a power of two. */
struct tty_bytes {
    uint8_t *bytes; /* FIELD_BYTES of `size` */
    uint32_t size, at, used;
};

/* What has been read of the terminal: [tail, head) counts for ever, taken modulo TTY_LINE. */
struct tty_line {
    uint8_t *bytes; /* FIELD_BYTES of TTY_LINE: characters */
    uint8_t *ends;  /* FIELD_BYTES of TTY_LINE / 8: a bit for each that ends a line; one that is 0: end of file */
    uint32_t head, tail;
    uint32_t whole; /* up to here there are whole lines */
    bool literal;   /* the next character has no meaning (VLNEXT) */
    bool erasing;   /* ECHOPRT: a slash is due */
    bool pushed;    /* the last line has no end: there was none when ICANON was set */
};

struct tty {
    uint32_t refs;       /* open files, its name, the console's platform */
    uint32_t number;     /* its name in /dev/pts */
    struct list of_home; /* in its instance's terminals */
    struct inode *name;  /* held; NULL: not, or no longer, in /dev/pts */
    struct ktermios modes;
    struct winsize window;
    int32_t session, group;       /* whose controlling terminal it is, its foreground process group; 0: none */
    uint32_t slaves;              /* open files that have not been hung up */
    uint32_t hangups;             /* so far: a file that was opened before the last one is dead */
    uint32_t column, line_column; /* of the cursor; where the line that is being typed begins */
    uint8_t packet_status;        /* TIOCPKT_* that the master has not read */
    bool master;                  /* the other side is there */
    bool console;                 /* which is the platform: no master */
    bool locked, exclusive, packet;
    bool left;          /* the last slave was closed, and none opened since */
    bool stopped, held; /* output, by a character or a call; by TCOOFF: only TCOON starts it again */
    /* Of the platform's terminals. */
    bool closing;                  /* nobody has it open: its streams are closed when all is out */
    uint32_t set;                  /* of platform.streams; 0: the console */
    struct list of_platform;       /* those with a set */
    struct wait_link typed, taken; /* on the host's queues; with a set they are one: typed */
    struct tty_line line;
    struct tty_bytes incoming, output, echo;
    struct wait_queue changed;        /* who uses the slave */
    struct wait_queue master_changed; /* who uses the master */
};

static inline bool tty_flag(const struct tty *t, tcflag_t local) /* of c_lflag */
{
    return t->modes.c_lflag & local;
}
static inline bool tty_is_canonical(const struct tty *t)
{
    return (t->modes.c_lflag & (ICANON | EXTPROC)) == ICANON;
}

/* ---- bytes.c ---- */
int bytes_make(struct tty_bytes *, uint32_t size); /* -ENOMEM */
void bytes_free(struct tty_bytes *);
uint32_t bytes_put(struct tty_bytes *, const uint8_t *, uint32_t n); /* as many as fit */
uint32_t bytes_look(const struct tty_bytes *, uint8_t *to, uint32_t n);
void bytes_drop(struct tty_bytes *, uint32_t n);
static inline uint32_t bytes_room(const struct tty_bytes *b)
{
    return b->size - b->used;
}

/* ---- tty.c: life ---- */
struct tty *tty_new(void); /* one holder; NULL */
void tty_get(struct tty *);
void tty_put(struct tty *);
int tty_open(struct tty *, struct file *, bool may_control); /* the slave. -EIO, -EBUSY */
/* All open files are dead, the session loses the terminal, and its leader is told. */
void tty_hangup(struct tty *);
bool tty_is_dead(const struct file *);
int tty_wait(struct wait_queue *, uint64_t deadline); /* as task_block() */
extern const struct file_ops tty_ops;
struct tty *tty_of(const struct file *); /* of a slave or a master */
void tty_modes_default(struct ktermios *);

/* ---- line.c: the line discipline's input ---- */
void line_receive(struct tty *); /* takes what is incoming, as far as there is room */
void line_flush(struct tty *);   /* what has not been read is gone */
/* The modes were `old` before. */
void line_modes_changed(struct tty *, const struct ktermios *old);

/* ---- read.c ---- */
bool line_readable(const struct tty *, bool poll); /* poll: as poll(2) says it, by VMIN */
uint32_t line_count(const struct tty *);           /* FIONREAD */
int64_t tty_read(struct file *, struct uio *, uint64_t *pos);

/* ---- output.c ---- */
uint32_t output_room(const struct tty *);
int64_t tty_write(struct file *, struct uio *, uint64_t *pos);
void output_flush(struct tty *);         /* as far as the other side does not have it */
int output_drain(struct tty *);          /* waits until the other side has it: 0, -ERESTARTSYS */
int output_raw(struct tty *, uint8_t c); /* past everything that waits for room */
void output_stop(struct tty *), output_start(struct tty *);
void echo_byte(struct tty *, uint8_t c);  /* as it is, but for output processing */
void echo_shown(struct tty *, uint8_t c); /* ECHOCTL: ^X for control characters */
void echo_line_begins(struct tty *);      /* the cursor stands where the line begins */
void echo_tab_erased(struct tty *, uint32_t columns, bool after_tab);
void echo_flush(struct tty *);

/* ---- jobs.c: sessions and groups ---- */
int tty_check(struct tty *, int signo);   /* the caller may use it: 0, -EIO, -ERESTARTSYS */
void tty_signal(struct tty *, int signo); /* to the foreground group */
void tty_take(struct tty *);              /* becomes the current process's controlling terminal */
void tty_session_clear(struct tty *);     /* of nobody's from now on */
int64_t tty_session_ioctl(struct file *, uint32_t command, struct uptr); /* -ENOTTY: none of these */

/* ---- control.c ---- */
int64_t tty_ioctl(struct file *, uint32_t command, struct uptr);
int64_t tty_modes_ioctl(struct file *, uint32_t command, struct uptr); /* -ENOTTY: none of these */
void tty_window(struct tty *, const struct winsize *);

/* ---- pty.c ---- */
bool file_is_master(const struct file *);
int pty_open(struct file *);                               /* of /dev/ptmx */
void pty_status(struct tty *, uint8_t set, uint8_t clear); /* packet mode */
void tty_output_ready(struct tty *);                       /* something is in `output` */
void tty_incoming_room(struct tty *);                      /* `incoming` may take more */

/* ---- devpts.c ---- */
/* A name for a new terminal, in the file system that `f` is of or stands beside; NULL: the one of boot. */
int devpts_add(const struct file *f, struct tty *);
void devpts_remove(struct tty *);
int devpts_open_slave(const struct file *master, struct tty *, uint32_t flags, struct file **);

/* ---- console.c ---- */
struct tty *console_tty(void); /* NULL: the platform has no terminal */
void console_output(struct tty *);
void console_input_more(struct tty *);
void console_left(struct tty *); /* nobody has it open, and it is nobody's controlling terminal */

#endif
