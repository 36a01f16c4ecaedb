/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs and files that were installed with moat: finding them, and running a helper. Life of a helper:
 * helper_spawn()
 * -> what the caller has to say and to hear over its descriptors -> helper_wait(). A helper is assumed to be taken over
 * by what it reads: it gets no environment and no descriptor but those named, and what it says is hostile.
 */
#ifndef MOAT_HOST_HELPER_H
#define MOAT_HOST_HELPER_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Path of a libexec program: beside this executable, then ../libexec/moat from it, then /usr/libexec/moat. -ENOENT
 * names them. */
int libexec_find(struct arena *a, const char *name, const char **path, struct err *err);

/* The same for what lies in share/: share/NAME beside this executable, ../share/moat/NAME, /usr/share/moat/NAME. */
int share_find(struct arena *a, const char *name, const char **path, struct err *err);

#define HELPER_FDS_MAX 80

/* A descriptor of ours as `target` in the helper; fd -1: /dev/null there. */
struct helper_fd {
    int fd, target;
};

/* 0 or -errno. 0, 1 and 2 are /dev/null unless named; all else that is open must be close-on-exec, as everything here
 * is. */
int helper_spawn(const char *path, char *const argv[], const struct helper_fd *fds, size_t n, pid_t *pid);
/* The same as the root of a user namespace (userns.h). */
int helper_spawn_in(int userns, const char *path, char *const argv[], const struct helper_fd *fds, size_t n,
                    pid_t *pid);

/* Reaps it; kill_it: it has nothing to say any more. 0 or -errno. */
int helper_wait(pid_t pid, bool kill_it, int *status);
/* The same for one that has said all: it has `ms` to end by itself, and is killed then. */
int helper_wait_for(pid_t pid, int ms, int *status);

/* Waits for poll(2) events on a descriptor until a time of clock_ms() (base/clock.h). 1: they are there, 0: too late.
 */
int helper_poll(int fd, short events, int64_t until);

/* Runs libexec program argv[0] with `input` as its standard input, until it has ended or `ms` are over: what it said on
 * its standard output, at most `most` bytes, NUL-terminated, is hostile. Its words on standard error reach ours.
 * -ENOEXEC: it has ended with another status than 0, having said why. */
int helper_ask(struct arena *a, char *const argv[], int input, int ms, size_t most, char **text, size_t *length,
               struct err *err);

/* Copies at most size - 1 bytes of a helper's words, up to a NUL; what is not printable ASCII becomes '?'. */
void helper_printable(char *out, size_t size, const char *text, size_t len);

#endif
