/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private: one program's state, and a call of it. A function of functions.def takes the call and gives 0 or a negative
 * errno in the manner of Linux; functions.c makes the program's errno of it, once. Each goes through the same steps
 * in this order: copy in, check, act, copy out. Where a result goes is checked before the act.
 */
#ifndef MOAT_WASI_PROGRAM_H
#define MOAT_WASI_PROGRAM_H

#include "wasi/abi.h"
#include "wasi/memory.h"
#include "wasi/wasi.h"

#include <limits.h>
#include <sys/types.h>
#include <sys/uio.h>

#define WASI_DESCRIPTORS_MAX 1024u
#define WASI_IOVECS_MAX      1024u /* IOV_MAX */
#define WASI_POLL_MAX        1024u /* subscriptions of one call */
#define WASI_CLOCK_TICK_NS   1000u /* of the fixed clock */

/* Arguments or environment: n strings, one behind the other. */
struct wasi_strings {
    char *bytes;
    uint32_t n, size;
};

enum wasi_kind {
    WASI_FREE,
    WASI_DIRECTORY,
    WASI_FILE,   /* regular */
    WASI_STREAM, /* pipe, terminal, device */
    WASI_SOCKET,
    WASI_LISTENER,
};

struct wasi_listing; /* dir.c */

struct wasi_fd {
    uint8_t kind, filetype;
    bool owned;      /* the host's descriptor is closed with it */
    bool preopen;    /* told by fd_prestat_get */
    bool names_only; /* for functions that are not about paths it is not there */
    bool polls;      /* a stream that has no RWF_NOWAIT: wait first */
    uint16_t flags;  /* FDFLAG_*, as the program set them */
    int host;
    uint32_t rights, inheriting;
    uint32_t origin;              /* of a directory: index of its preopen ... */
    char *below;                  /* ... and the way down from there, for reports; NULL: none */
    struct wasi_listing *listing; /* of a directory that is being read */
};

/* What wasm_host_func() is given. */
struct wasi_function;
struct wasi_bound {
    struct wasi *wasi;
    const struct wasi_function *function;
    struct wasm_func *func;
};

struct wasi_origin {
    char *name;
    bool writable;
    dev_t dev;
    ino_t ino;
};

struct wasi {
    struct wasm_store *store;
    struct wasi_strings args, env;
    struct wasi_fd *fds;                /* [max_fds] */
    uint32_t max_fds, end, lowest_free; /* end: none was in use from there on */
    struct wasi_origin *origins;
    uint32_t n_origins;
    bool clock_fixed, seeded;
    uint64_t clock_start, clock_passed; /* ns, of the fixed clock */
    uint64_t random_state;
    void (*denied)(void *data, const struct wasi_denial *d);
    void *data;
    struct wasi_bound *bound; /* one for each function */
};

struct wasi_call {
    struct wasi *wasi;
    const struct wasm_memory *memory; /* NULL: none */
    const union wasm_value *args;
    enum wasm_trap trap; /* ends the program, whatever is returned */
};

#define FUNCTION(name, params, results) int wasi_##name(struct wasi_call *c);
#include "wasi/functions.def"
#undef FUNCTION

static inline struct waddr call_address(const struct wasi_call *c, unsigned n)
{
    return (struct waddr){c->args[n].i32};
}

/* Copies a result out. */
static inline int call_put(const struct wasi_call *c, unsigned n, const void *result, uint32_t size)
{
    return memory_write(c->memory, call_address(c, n), result, size);
}

/* table.c: descriptors. Pointers hold until a descriptor is added or goes. */
int fd_table_make(struct wasi *w, const struct wasi_options *o, struct err *err);
void fd_table_free(struct wasi *w);
/* -EBADF; -WASI_NOTCAPABLE when it lacks one of the rights. */
int fd_get(struct wasi *w, uint32_t number, uint32_t rights, struct wasi_fd **out);
/* -EMFILE; asked before a host's descriptor is opened. */
int fd_room(const struct wasi *w);
/* Takes what is in f. There must be room. */
uint32_t fd_add(struct wasi *w, const struct wasi_fd *f);
void fd_release(struct wasi_fd *f);
/* Kind, type and the rights that make sense for it, out of what is offered, of an open descriptor. */
int fd_describe(int host, uint32_t rights, uint32_t inheriting, struct wasi_fd *out);

/* wait.c */
bool wasi_interrupted(const struct wasi *w);
/* ppoll(2) that wasm_interrupt() ends without fail: then -EINTR, and the call's trap is set. Another signal gives 0.
 * timeout_ns < 0: none. */
struct pollfd;
int wait_for(struct wasi_call *c, struct pollfd *p, uint32_t n, int64_t timeout_ns);
/* For one descriptor; -EAGAIN at once when the program set FDFLAG_NONBLOCK and it is not ready. */
int wait_ready(struct wasi_call *c, const struct wasi_fd *f, short events);

/* io.c: a vector of the program's, copied; each range lies in its memory. Argument n is the address, the next one the
 * count. -EINVAL more than WASI_IOVECS_MAX, -EFAULT. */
struct wasi_vector {
    struct iovec v[WASI_IOVECS_MAX];
    uint32_t n;
};
int vector_take(const struct wasi_call *c, unsigned n, struct wasi_vector *out);
/* Whether anything is left after `done` bytes went: v and n move on. */
bool iovec_advance(struct iovec **v, uint32_t *n, size_t done);

/* sock.c: of a stream socket. Flags of recvmsg(2); *truncated may be NULL. */
ssize_t socket_receive(struct wasi_call *c, struct wasi_fd *f, struct iovec *v, uint32_t n, int flags, bool *truncated);
ssize_t socket_send(struct wasi_call *c, struct wasi_fd *f, struct iovec *v, uint32_t n);
/* clock.c */
int clock_now(struct wasi *w, uint32_t id, uint64_t *ns);
void clock_pass(struct wasi *w, uint64_t ns);

/* stat.c */
struct stat;
struct timespec;
enum wasi_filetype wasi_filetype_of(mode_t mode, int fd);
int times_take(struct wasi *w, uint64_t atim, uint64_t mtim, uint32_t flags, struct timespec out[2]);
void stat_put(const struct stat *st, int fd, struct wasi_filestat *out);

/* dir.c */
void listing_free(struct wasi_listing *l);

/* path.c: a path of the program's, copied, and the directory where it starts. */
struct wasi_path {
    struct wasi_fd *dir;
    const char *deed; /* struct wasi_denial */
    uint32_t access;
    char text[PATH_MAX];
};
/* fd, address and length are the arguments n, a and a + 1. -ENOTDIR, -ENOENT "", -EINVAL a NUL in it,
 * -WASI_NOTCAPABLE absolute, or the directory lacks a right. */
int path_take(struct wasi_call *c, unsigned n, unsigned a, uint32_t rights, struct wasi_path *out);
/* Text of a link: the same without a directory. */
int path_take_text(struct wasi_call *c, unsigned a, char text[PATH_MAX]);
/* Whether a program may have what was opened: -WASI_KERNELS when it lies in procfs or its kin; the other one, of what
 * is a device: when it is all memory. */
int path_admit(int fd);
int path_admit_device(int fd);
/* openat2(2) beneath the directory. -WASI_NOTCAPABLE: it leads out; -WASI_KERNELS. */
int path_open_beneath(const struct wasi_path *p, uint64_t flags, mode_t mode);
/* The directory that holds the last name, and that name. It has no slash but one at its end, where the path has, and is
 * neither "." nor ".." (dots: the error then). The kernel does not follow it where names are made, moved and removed.
 */
struct wasi_place {
    int dir;
    bool opened;
    char name[NAME_MAX + 2];
};
int path_place(const struct wasi_path *p, int dots, struct wasi_place *out);
void path_place_end(struct wasi_place *at);
#define _cleanup_place_ __attribute__((cleanup(path_place_end)))
/* Tells about a failure; returns result. */
int path_done(struct wasi_call *c, const struct wasi_path *p, int result);

#endif
