/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-probe: the command line, and each attempt in a process of its own. It judges nothing and trusts nothing around
 * it: no file is read but what attempts read, and the words it prints are printable ASCII.
 */
#include "../child.h"
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_EACH 10 /* an attempt that waits longer was not answered */

/* In the order in which they are made: those on the terminal may lose it, so they come last. */
static const struct probe_class *const classes[] = {&names_class,       &arguments_class, &processes_class,
                                                    &descriptors_class, &kernel_class,    &ipc_class,
                                                    &rings_class,       &tty_class};

static const char *const outcome_names[OUTCOMES] = {"blocked", "escaped", "absent"};

struct one {
    const struct probe *p;
    struct seen *s;
    int from, to; /* ends of a pipe: the first is not its own */
};

static int attempt_here(void *ctx)
{
    const struct one *one = ctx;

    close(one->from);
    alarm(SECONDS_EACH);
    say_blocked(one->s, "said nothing");
    one->p->run(one->p, one->s);
    alarm(0);
    if (one->p->needs & NEEDS_KERNEL)
        say_own_kernel(one->s);
    scratch_drop();
    return write(one->to, one->s, sizeof *one->s) == sizeof *one->s ? 0 : 1;
}

static void attempt(const struct probe *p, struct seen *s)
{
    int status = 0, fds[2];
    ssize_t n = 0;

    fflush(stdout);
    if (pipe(fds) < 0) {
        say_blocked(s, "no pipe for it: %s", errno_name(errno));
        return;
    }
    struct one one = {p, s, fds[0], fds[1]};
    pid_t pid = child_begin(attempt_here, &one);
    close(fds[1]);
    if (pid < 0)
        say_blocked(s, "no process for it: %s", errno_name(errno));
    /* An attempt may have left children with the pipe open: its death is what ends the waiting. */
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        n = read(fds[0], s, sizeof *s);
    close(fds[0]);
    if (pid > 0 && WIFSIGNALED(status))
        say_blocked(s, WTERMSIG(status) == SIGALRM ? "no answer in %d seconds" : "ended by signal %d",
                    WTERMSIG(status) == SIGALRM ? SECONDS_EACH : WTERMSIG(status));
    else if (pid > 0 && n != sizeof *s)
        say_blocked(s, "ended without a word, status %d", status);
    s->text[sizeof s->text - 1] = '\0';
}

static bool wanted(const struct probe_class *c, const struct probe *p, const char *class, char **ids, int n)
{
    if (class && strcmp(class, c->name))
        return false;
    for (int i = 0; i < n; i++)
        if (!strcmp(ids[i], p->id))
            return true;
    return n == 0;
}

static int run(const char *class, char **ids, int n)
{
    puts("begun"); /* what ends us is an attempt from here on */
    for (size_t c = 0; c < ARRAY_LEN(classes); c++)
        for (size_t i = 0; i < classes[c]->n; i++) {
            const struct probe *p = &classes[c]->rows[i];
            struct seen s = {0};
            if (!wanted(classes[c], p, class, ids, n))
                continue;
            attempt(p, &s);
            printf("%s\t%s\t%s\t%s\n", p->id, classes[c]->name, outcome_names[s.outcome % OUTCOMES], s.text);
            fflush(stdout); /* the next may end the sandbox */
        }
    return fflush(stdout) ? 1 : 0;
}

static int list(void)
{
    for (size_t c = 0; c < ARRAY_LEN(classes); c++)
        for (size_t i = 0; i < classes[c]->n; i++) {
            const struct probe *p = &classes[c]->rows[i];
            char needs[32] = "";
            snprintf(needs, sizeof needs, "%s%s%s%s", p->needs & NEEDS_ROOT ? "root," : "",
                     p->needs & NEEDS_TOKEN ? "token," : "", p->needs & NEEDS_FILTER ? "filter," : "",
                     p->needs & NEEDS_KERNEL ? "kernel," : "");
            if (!needs[0])
                strcpy(needs, "-,");
            needs[strlen(needs) - 1] = '\0';
            printf("%s\t%s\t%s\t%s\n", p->id, classes[c]->name, needs, p->attempt);
        }
    return fflush(stdout) ? 1 : 0;
}

static int usage(void)
{
    fputs("moat-probe run [FACT=VALUE...] [--class CLASS] [ID...] | list | plant DIR | surface [--json] "
          "[FACT=VALUE...]\n",
          stderr);
    return 125;
}

int main(int argc, char **argv)
{
    const char *class = NULL, *command = argc > 1 ? argv[1] : "";
    bool json = false;
    int n = 0;

    if (!strcmp(command, "keyed") && argc > 2)
        return keyed(argv + 2);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--class") && i + 1 < argc)
            class = argv[++i];
        else if (!strcmp(argv[i], "--json"))
            json = true;
        else if (argv[i][0] == '-')
            return usage();
        else if (!strchr(argv[i], '='))
            argv[n++] = argv[i]; /* ids, moved to the front */
        else if (!facts_add(argv[i]))
            return usage();
    }
    if (!strcmp(command, "run"))
        return run(class, argv, n);
    if (!strcmp(command, "list"))
        return list();
    if (!strcmp(command, "surface") || !strcmp(command, "--surface"))
        return surface_print(json);
    if (!strcmp(command, "plant") && n == 1)
        return plant(argv[0]);
    if (!strcmp(command, "witness"))
        return witness();
    return usage();
}
