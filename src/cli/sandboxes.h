/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands on sandboxes share: finding one by what the user wrote, walking all of them, speaking to a monitor,
 * and docker's words and status (1) when that fails. Each sandbox is loaded into an arena of its own and closed before
 * the next one, so any number of them takes the memory and the descriptors of one.
 */
#ifndef MOAT_CLI_SANDBOXES_H
#define MOAT_CLI_SANDBOXES_H

#include "cli/command.h"
#include "sandbox/monitor.h"

/* Address space of a command's own arena, and of one sandbox. */
#define SANDBOXES_ARENA (256u << 20)

/* The exit status of a command on sandboxes that failed; 125 is kept for command lines that do not parse. */
enum { EXIT_DOCKER_ERROR = 1 };

/* Prints "moat COMMAND: text" and returns EXIT_DOCKER_ERROR. */
int sandboxes_fail(const char *command, const struct err *err);
/* The same for a command line that does not parse: 125, but docker's 1 for a filter that is refused. */
int sandboxes_fail_line(const char *command, const struct err *err);
/* The same for a command line that lacks an operand. */
int sandboxes_no_operand(const char *command);

/* Finds and loads what `word` names. -ENOENT: "No such container: WORD". Close with sandboxes_close(). */
int sandboxes_load(struct sandbox *sb, struct arena *a, const char *word, struct err *err);
void sandboxes_close(struct sandbox *sb);

/* Calls one() for each of argv[from..argc), the others too when one fails; `word` is printed where it returns 0.
 * Returns the exit status. */
int sandboxes_each(const char *command, int argc, char **argv, int from,
                   int (*one)(struct sandbox *sb, void *ctx, struct err *err), void *ctx, bool print);

/* Calls each() for every sandbox that is complete. One that cannot be read is said on stderr, and passed over. */
int sandboxes_all(const char *command, int (*each)(struct sandbox *sb, void *ctx, struct err *err), void *ctx,
                  struct err *err);

/* Connects to the monitor of a kept sandbox. When that is dead, and the workload lives or its end was not seen, another
 * is made first. The descriptor; -ENOTCONN: none, since it has ended for good. */
int sandboxes_connect(struct sandbox *sb, struct err *err);

/* Gives back what sandbox_lock() took, and keeps the sandbox open. */
void sandboxes_unlock(struct sandbox *sb);

/* rm.c: removes it, by its monitor where there is one. Without force one that runs is refused in docker's words. */
int sandboxes_remove(struct sandbox *sb, bool force, struct err *err);

/* Docker's word for a state: "running", "exited", "created", "paused", "restarting". */
const char *sandboxes_state_word(enum sandbox_status s);
static inline bool sandboxes_runs(enum sandbox_status s)
{
    return s == SANDBOX_RUNNING || s == SANDBOX_PAUSED || s == SANDBOX_RESTARTING;
}

/* The command that was asked for: of a Java program not the engine that runs it, but what one would write without moat.
 * Its words are borrowed from the policy; empty: no memory. */
struct strv sandboxes_command(struct sandbox *sb);
/* The 64 digits of the image whose tree is its root, from the root's path; NULL: its root is no image. */
const char *sandboxes_image_id(const struct sandbox *sb);
/* The name that `run` was given, or else what the root is: an image's id, or a path. */
const char *sandboxes_image_name(struct sandbox *sb);
/* How it ended last, as far as its status says that it has ended: .known is false while it runs or never ran. An end
 * that nobody saw is END_LOST, 255. */
struct sandbox_end sandboxes_end(const struct sandbox *sb, enum sandbox_status s);
/* events_add() with the image's name, which a sandbox in the foreground has not on record. */
void sandboxes_event(struct sandbox *sb, const char *action, const char *key, const char *value);
/* When it was made: RFC 3339; "" when that is not on record. */
const char *sandboxes_created(const struct sandbox *sb);

#endif
