/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine that a module has taken over: moat-wasm itself, its objects linked once more, in whose process machine code
 * of the attacker's choice runs where the module would. Everything before is as it is: what is opened, which filter is
 * raised and when, the module decoded and compiled. One attempt a run, since no process can be made for it:
 *
 *   taken ... --module FILE NAME [FACT=VALUE...] ID      ID  CLASS  escaped|blocked|absent  WHAT WAS SEEN
 *   taken ... --module FILE NAME list                    as moat-probe's
 *   taken ... --module FILE NAME [FACT=VALUE...] all     each in a child: only where the filter is off
 *   taken ... --module FILE NAME deaf|eat                hears no signal and has no end; takes all memory that there is
 *
 * The rows are guest/probe's, and those of taken_rows.c. With the variable FENCE=off the filter is not raised: by that
 * the attempts are seen to be live, and the walls around the process stand alone.
 */
#include "taken.h"
#include "wasmrun/fence.h"
#include "wasmrun/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_EACH 10

static const struct probe_class *const classes[] = {&left_class,      &names_class,       &arguments_class,
                                                    &processes_class, &descriptors_class, &kernel_class,
                                                    &ipc_class,       &rings_class,       &tty_class};
static const char *const words[OUTCOMES] = {"blocked", "escaped", "absent"};

int __real_wasmrun_fence_raise(enum wasmrun_fence which, struct err *err);
int __wrap_wasmrun_fence_raise(enum wasmrun_fence which, struct err *err);
int __wrap_program_run(struct program *p, enum wasm_trap *trap, struct err *err);

int __wrap_wasmrun_fence_raise(enum wasmrun_fence which, struct err *err)
{
    const char *fence = getenv("FENCE");

    return fence && !strcmp(fence, "off") ? 0 : __real_wasmrun_fence_raise(which, err);
}

static void tell(const struct probe *p, const char *class, const struct seen *s)
{
    dprintf(STDOUT_FILENO, "%s\t%s\t%s\t%s\n", p->id, class, words[s->outcome % OUTCOMES], s->text);
}

static int make(const struct probe *p, const char *class)
{
    static struct seen s;

    say_blocked(&s, "said nothing");
    p->run(p, &s);
    tell(p, class, &s);
    return 0;
}

/* A child may die of it, and leave children behind: the sandbox takes them along. */
static void make_in_child(const struct probe *p, const char *class)
{
    struct seen s;
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(SECONDS_EACH);
        _exit(make(p, class));
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    say_blocked(&s, pid < 0 ? "no process for it" : "ended with status %#x", (unsigned)status);
    tell(p, class, &s);
}

static void list(const struct probe *p, const char *class)
{
    dprintf(STDOUT_FILENO, "%s\t%s\t%s%s%s\t%s\n", p->id, class, p->needs & NEEDS_TOKEN ? "token" : "-",
            p->needs & NEEDS_ROOT ? ",root" : "", p->needs & NEEDS_FILTER ? ",filter" : "", p->attempt);
}

static void be_deaf(void)
{
    for (int s = 1; s < 65; s++)
        signal(s, SIG_IGN);
    dprintf(STDOUT_FILENO, "begun\n");
    for (volatile long n = 0;; n++)
        ;
}

static void eat(void)
{
    const size_t piece = 1 << 20;

    dprintf(STDOUT_FILENO, "begun\n");
    for (;;) {
        char *m = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m != MAP_FAILED)
            memset(m, 1, piece);
    }
}

int __wrap_program_run(struct program *p, enum wasm_trap *trap, struct err *err)
{
    const char *id = "";

    (void)trap;
    for (uint32_t i = 1; i < p->config.n_arguments; i++)
        if (!facts_add(p->config.arguments[i]))
            id = p->config.arguments[i];
    if (!strcmp(id, "deaf"))
        be_deaf();
    if (!strcmp(id, "eat"))
        eat();
    for (size_t c = 0; c < ARRAY_LEN(classes); c++)
        for (size_t i = 0; i < classes[c]->n; i++) {
            const struct probe *row = &classes[c]->rows[i];
            if (!strcmp(id, "list"))
                list(row, classes[c]->name);
            else if (!strcmp(id, "all"))
                make_in_child(row, classes[c]->name);
            else if (!strcmp(id, row->id))
                return make(row, classes[c]->name);
        }
    return !strcmp(id, "list") || !strcmp(id, "all") ? 0 : err_set(err, -EINVAL, "no attempt is called '%s'", id);
}
