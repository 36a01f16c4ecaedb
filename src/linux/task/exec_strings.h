/* SPDX-License-Identifier: Apache-2.0 */
/* What execve(2) gives to a new program: its strings, and what #! lines put in front of them. */
#ifndef MOAT_LINUX_TASK_EXEC_STRINGS_H
#define MOAT_LINUX_TASK_EXEC_STRINGS_H

#include "linux/task/task.h"

#define SCRIPT_LINE  255 /* bytes of a file that are looked at for #! */
#define SCRIPT_DEPTH 5   /* scripts that are interpreters of scripts, then -ELOOP */

/* Words of #! lines, outermost first: what the command line begins with instead of argv[0]. */
struct exec_script {
    char lines[SCRIPT_DEPTH + 1][SCRIPT_LINE + 1];
    const char *words[2 * (SCRIPT_DEPTH + 1)]; /* in `lines` */
    uint32_t n_lines, n_words;
    const char *path; /* of the script, the last word */
    char name[300];   /* room for one that was made up: execveat */
};
/* Looks at the beginning of a file. 1: a script, its words are put in front of those that are there and *interpreter
 * is the file to go on with; 0: no script; -ENOEXEC: a line without an interpreter. */
int exec_script_line(struct exec_script *, const char *head, size_t n, const char **interpreter);

/* argv, then envp, as elf_stack() takes them. All zero: empty. */
struct exec_block {
    char *bytes;
    size_t used, pages;
    uint32_t argc, envc;
};
/* -E2BIG: over a quarter of the stack's limit (at least 128 KiB, at most 2 MiB); -EFAULT; -ENOMEM. */
int exec_block_fill(struct exec_block *, const struct exec_script *, struct exec_strings argv, struct exec_strings envp,
                    uint64_t stack_limit);
void exec_block_free(struct exec_block *);

#endif
