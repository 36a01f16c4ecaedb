/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process for the programs that run inside boundaries. Most kernels can fork(2); one with a single address
 * space cannot, and there the child shares its maker's memory, as after vfork(2), and the maker waits until it has
 * ended or executed something. So a child may rely on neither: not on memory of its own, and not on anything its maker
 * does meanwhile.
 */
#ifndef MOAT_GUEST_CHILD_H
#define MOAT_GUEST_CHILD_H

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHILD_STACK (1u << 20)

/* Runs f, whose result is the child's exit status. -1 with errno. */
static inline pid_t child_begin(int (*f)(void *), void *ctx)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(f(ctx));
    if (pid > 0 || errno != ENOSYS)
        return pid;
    char *stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return -1;
    pid = clone(f, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, ctx);
    int e = errno;
    munmap(stack, CHILD_STACK);
    errno = e;
    return pid;
}

#endif
