/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this platform know of each other. One address space, one host thread: nothing here is locked, and
 * only what trap.c names is touched by a signal handler. */
#ifndef MOAT_GUEST_UNIKERNEL_INTERNAL_H
#define MOAT_GUEST_UNIKERNEL_INTERNAL_H

#include "guest/unikernel/boot.h"
#include "guest/unikernel/gate.h"
#include "linux/linux.h"
#include "linux/platform.h"

#include <asm/errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tender's record. Set by platform_start, never changed. */
extern const struct boot *boot;

/* ---- host calls: the gate's bodies, by address (entry.S). Results as the kernel's: negative errno. Every argument is
 * a whole register, since the filter looks at all of it. ---- */
struct pollfd;
struct iovec;
struct __kernel_timespec;
struct __kernel_itimerspec;
long gate_read(long fd, void *to, size_t n);
long gate_write(long fd, const void *from, size_t n);
long gate_ppoll(struct pollfd *fds, unsigned long n, const struct __kernel_timespec *timeout, const void *mask,
                size_t size);
long gate_mprotect(uint64_t at, size_t n, long prot);
long gate_madvise(uint64_t at, size_t n, long advice);
long gate_timer_settime(long timer, long flags, const struct __kernel_itimerspec *value, void *old);
_Noreturn void gate_exit_group(long status);
long gate_preadv(long fd, const struct iovec *, unsigned long n, unsigned long low, unsigned long high);
long gate_pwritev(long fd, const struct iovec *, unsigned long n, unsigned long low, unsigned long high);

/* The kernel's own memory (kernel.ld). */
extern const char kernel_text[], kernel_text_end[], kernel_end[];

/* ---- host.c ---- */
#define EXIT_OWN_ERROR 125 /* docker's: README.md of the project */
extern const struct hostops host_ops;
void host_exit(int status, int signo) __attribute__((noreturn));
uint64_t host_monotonic(void);
/* A line on standard error: "moat-spt: NAME: text". */
void host_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- control.c ---- */
/* Reads what has come on the control descriptor and tells the kernel of it. */
void control_read(bool locked);
void control_exit(int status, int signo);

/* ---- trap.c ---- */
/* Signals that came and were not yet told to the kernel: bit signo - 1 of the first 32. Set by the handler alone,
 * cleared by trap_take. */
extern volatile uint32_t trap_pending;
/* Tells the kernel what is pending. true: something was. */
bool trap_take(bool locked);
/* The kernel's own fault handling is asked for by no one; these are for entry.S. */
void trap_signal(int signo, void *info, void *context);
_Noreturn void trap_arrived(struct task *);

/* ---- task.c ---- */
extern struct task *task_running; /* whose registers the program's are; NULL while the kernel looks for one */
extern const struct task_ops task_ops;
void task_init(struct platform *);
/* The registers of the program as they are kept in the processor: into task->regs. */
void task_bases_save(struct task *);
/* The deadline has been there, or a signal that says so. */
void task_timer_fired(void);

/* ---- aspace.c, memobj.c ---- */
extern const struct aspace_ops aspace_ops;
/* ---- aspace_copy.c: as struct aspace_ops says ---- */
#define ASPACE_SPAN_MOST (1ul << 31) /* bytes of one mprotect(2) or madvise(2): the filter lets no more pass */
bool aspace_is_programs(uint64_t at, size_t n); /* memory that the tender has set apart for programs */
bool aspace_is_image(uint64_t at, size_t n);
int aspace_protect_pages(uint64_t at, size_t n, int prot); /* 0, or the host's errno */
size_t aspace_copy_in(struct aspace *, void *to, struct uptr from, size_t n);
size_t aspace_copy_out(struct aspace *, struct uptr to, const void *from, size_t n);
int64_t aspace_copy_str(struct aspace *, char *to, struct uptr from, size_t n);
size_t aspace_zero(struct aspace *, struct uptr to, size_t n);
int aspace_load32(struct aspace *, struct uptr at, uint32_t *value);
int aspace_cmpxchg32(struct aspace *, struct uptr at, uint32_t *value, uint32_t with);
extern const struct memobj_ops memobj_ops;
struct memobj *memobj_image(void);
/* The image's bytes when it is the image; else NULL. */
const void *memobj_constant(const struct memobj *);
/* Where [page, page + n) of it lies for good: it moves no more. 0: there is no room. */
uint64_t memobj_pin(struct memobj *, uint64_t page, uint64_t n);
bool memobj_holds(uint64_t at, size_t n); /* whether it is memory of objects */
/* A kernel for one program that has no files in memory is linked without memobj.c: then nobody makes an object. */
#pragma weak memobj_ops
#pragma weak memobj_image
#pragma weak memobj_constant
#pragma weak memobj_pin
#pragma weak memobj_holds

/* ---- assembler ---- */
extern const char window_return[], window_return_end[], window_resume[], window_resume_end[], window_poll[],
    window_poll_end[], poll_interrupted[], trap_stub[];
_Noreturn void task_resume(struct task *);
long poll_unless_pending(struct pollfd *, unsigned long n, const struct __kernel_timespec *);
size_t user_copy(void *to, const void *from, size_t n);
size_t user_zero(void *to, size_t n);
long user_string(char *to, const char *from, size_t n);
int user_load32(const void *from, uint32_t *value);
int user_cmpxchg32(void *at, uint32_t *value, uint32_t with);
int state_restore(const void *image, uint64_t mask);
void state_save(void *image, uint64_t mask);

/* Rows of the exception table (kernel.ld). */
struct fixup {
    uint32_t at, to;
};
extern const struct fixup fixups[], fixups_end[];

#endif
