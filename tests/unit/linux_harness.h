/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src/linux as an ordinary part of a test program: its platform is this process. Deterministic: one thread, no real
 * time, no real input.
 *   - Guest memory is one mmap()ed region; a user address is an address of this process. Copies of the kernel look at
 *     the pages' protection in a table: -EFAULT where a guest would fault. One address space for all (range.shared).
 *   - A guest task is a C function on a stack in that region, which calls sys(nr, ...). cmocka's assertions may be used
 *     in it. Its own memory (locals) can be read and written by system calls; memory of the test program cannot:
 *     use user_string(), user_alloc(), or locals.
 *   - The clock stands still but for poll with a deadline, which jumps there, and guest_time(). All asleep without a
 *     deadline is the end: harness_run() gives HARNESS_DEADLOCK.
 *   - Each harness_run() begins with a new kernel.
 * A test that includes headers of src/linux takes its constants and structs from <asm/...> and <linux/...>: the C
 * library's <signal.h>, <stdlib.h>, <time.h> and <sys/...> cannot be had in the same file.
 */
#ifndef MOAT_TEST_LINUX_HARNESS_H
#define MOAT_TEST_LINUX_HARNESS_H

#include "linux/linux.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct harness {
    const void *image; /* of fs/imgfs_format.h; NULL: none */
    size_t image_size;
    const char *input; /* console_read gives this, then the end; NULL: the end at once */
    size_t input_size; /* 0: strlen */
    size_t arena;      /* bytes of the kernel's heap; 0: 64 MiB */
    size_t memory;     /* bytes of guest memory; 0: 64 MiB, of which the lower quarter may be executable */
    uint64_t memory_limit;
    bool trace, read_only;
    bool shy_stacks;    /* system calls cannot reach guests' stacks: what a test chose at random does no harm there */
    uint32_t polls;     /* the run ends as a deadlock after so many waits; 0: never */
    bool endless_input; /* after the input: -EAGAIN instead of the end */
    uint32_t uid, gid;
    uint32_t max_tasks; /* 0: the kernel's own */
    const char *cwd;
    const struct files_ops *files; /* without its `object`, which is the harness's; NULL: no files of the host */
    const struct linux_mount *mounts;
    uint32_t n_mounts;
    bool terminal;                         /* the streams are a terminal of 24 rows and 80 columns */
    const struct stream_ops *streams;      /* of the platform; NULL: none */
    uint32_t (*events)(uint32_t interest); /* what poll reports beside the console's; NULL: nothing */
};

/* What it ended with: the exit status, or HARNESS_SIGNAL + signo, or one of these. */
enum { HARNESS_SIGNAL = 1000, HARNESS_DEADLOCK = 2000, HARNESS_NO_BOOT = 2001 };

/* Boots, runs `guest` as the first program (returning from it is exit_group(0)), ends. NULL: with the defaults. */
int harness_run(const struct harness *, void (*guest)(void));
/* What was written to the streams by the last run; NUL-ended. */
const char *harness_output(enum host_stream);
const char *harness_why(void); /* why linux_boot() failed */

/* ---- in guest code ---- */

/* A system call: the result or -errno. Registers and stack as the instruction has them, so vfork works. */
#define sys(...)                                SYS_PICK_(__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)(__VA_ARGS__)
#define SYS_PICK_(nr, a, b, c, d, e, f, n, ...) SYS_##n##_
#define SYS_V_(x)                               ((uint64_t)(uintptr_t)(x))
#define SYS_0_(nr)                              guest_call((nr), 0, 0, 0, 0, 0, 0)
#define SYS_1_(nr, a)                           guest_call((nr), SYS_V_(a), 0, 0, 0, 0, 0)
#define SYS_2_(nr, a, b)                        guest_call((nr), SYS_V_(a), SYS_V_(b), 0, 0, 0, 0)
#define SYS_3_(nr, a, b, c)                     guest_call((nr), SYS_V_(a), SYS_V_(b), SYS_V_(c), 0, 0, 0)
#define SYS_4_(nr, a, b, c, d)                  guest_call((nr), SYS_V_(a), SYS_V_(b), SYS_V_(c), SYS_V_(d), 0, 0)
#define SYS_5_(nr, a, b, c, d, e)               guest_call((nr), SYS_V_(a), SYS_V_(b), SYS_V_(c), SYS_V_(d), SYS_V_(e), 0)
#define SYS_6_(nr, a, b, c, d, e, f)            guest_call((nr), SYS_V_(a), SYS_V_(b), SYS_V_(c), SYS_V_(d), SYS_V_(e), SYS_V_(f))
int64_t guest_call(int64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
    __attribute__((returns_twice));

/* clone(flags, a new stack, ...) whose child calls fn(of) and then exit(0). The child's tid or -errno. */
int64_t guest_clone(uint64_t flags, void (*fn)(void *), void *of, uint32_t *parent_tid, uint32_t *child_tid);
/* The usual flags of a thread; *word (user memory, may be NULL) becomes the tid and is zeroed and woken at its end. */
int64_t guest_thread(void (*fn)(void *), void *of, uint32_t *word);
void guest_join(uint32_t *word);

/* sa_restorer of a signal action; the handler may be a C function of the test. */
void guest_restorer(void);

/* User memory, zeroed; freed with the run. Fails the test when there is none. */
void *user_alloc(size_t n);
char *user_string(const char *);
/* A page-aligned piece of so many bytes with nothing readable behind it. */
void *user_guarded(size_t n);

void guest_time(uint64_t ns); /* time passes in guest code; a deadline of task_ops.start that is over kicks */
uint64_t harness_clock(void);
/* At this time of the monotonic clock (or when all sleep, if that is earlier, but then the clock goes there) `fn` is
 * called from hostops.poll: it may call linux_signal(n, false), harness_input(). At most 16 at a time: false. */
bool harness_at(uint64_t ns, void (*fn)(void));
void harness_input(const char *, size_t n); /* replaces what console_read has left */
void harness_input_end(void);               /* then it gives the end */

#endif
