/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat learn`: runs a program as the ordinary child it would be without moat, with its calls shown to the broker
 * process, and writes a policy under which the same run works behind `-b broker`. The program's streams, terminal,
 * group and identity are its own; what it gets of moat's is the environment that `moat run -b broker` will give. The
 * file is written when all is over, whole or not at all.
 */
#include "base/clock.h"
#include "base/io.h"
#include "boundary/broker/learning.h"
#include "cli/commands.h"
#include "cli/learn_policy.h"
#include "cli/make.h"
#include "cli/program.h"
#include "host/helper.h"
#include "host/sys.h"
#include "learn/filter.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA_SIZE    (UINT64_C(4) << 30) /* of addresses; pages are taken as they are used */
#define BUFFER_SIZE   (2 * LEARN_LINE_MAX)
#define LEFT_BEHIND   1000 /* ms until it is said that others still run */
#define BROKER_END_MS 2000

enum { OPTION_OUTPUT, OPTION_MERGE };

const struct option_row learn_options[] = {
    {"output", 'o', "FILE", "Where the policy is to be written (YAML); required", OPTION_OUTPUT},
    {"merge", 0, NULL, "Add to the policy that is there; nothing of it is removed", OPTION_MERGE},
};
const size_t n_learn_options = ARRAY_LEN(learn_options);

struct options {
    const char *output;
    bool merge;
};

struct lesson {
    struct options o;
    struct arena arena;
    struct run_options run;   /* what `moat run -b broker` would make of the program */
    struct run_options known; /* and of the policy that is added to */
    struct learn learn;
    struct learn_watch watch;
    struct learning child;
    const char *cwd, *path;   /* where we are; the program's file */
    char buffer[BUFFER_SIZE]; /* events, up to the last line's end */
    size_t held;
    int status; /* as from waitpid(2) */
    bool left;  /* processes of it went on when we stopped listening */
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct options *o = ctx;

    (void)err;
    if (id == OPTION_MERGE)
        o->merge = !strcmp(value, "true");
    else
        o->output = value;
    return 0;
}

/* ---- before -------------------------------------------------------------------------------------------------------
 */

static int check_output(const struct options *o, struct err *err)
{
    char dir[PATH_MAX];
    struct stat st;

    if (!o->output)
        return err_set(err, -EINVAL, "where is the policy to be written? moat learn -o policy.yaml PROGRAM");
    if (snprintf(dir, sizeof dir, "%s", o->output) >= (int)sizeof dir)
        return err_set(err, -ENAMETOOLONG, "-o %.100s...", o->output);
    bool there = stat(o->output, &st) == 0;
    if (there && !S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "-o %s: is no regular file, and a policy is written whole or not at all",
                       o->output);
    if (there && !o->merge)
        return err_set(err, -EEXIST, "-o %s: is there already; --merge adds to it, or name another", o->output);
    char *slash = strrchr(dir, '/');
    *(slash ? slash + 1 : dir) = '\0';
    if (access(*dir ? dir : ".", W_OK) < 0)
        return err_sys(err, -errno, "-o %s: cannot be written", o->output);
    return there;
}

/* A process that is not an ancestor may look into others only where the kernel lets it: the broker is none. */
static int check_looking(struct err *err)
{
    char text[16];

    if (geteuid() == 0 || io_read_small(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof text) <= 0 ||
        *text == '0')
        return 0;
    return err_set(
        err, -EPERM,
        "kernel.yama.ptrace_scope is %c: the broker process may not read what your programs ask for; run it as "
        "root, or set it to 0",
        *text);
}

/* The policy and the command line that a run would have, with a policy file or without. */
static int prepare_run(struct lesson *s, char **program, const char *file, struct run_options *out, struct err *err)
{
    static char run[] = "run", boundary[] = "--boundary=broker", end[] = "--";
    char *policy = file ? arena_printf(&s->arena, "--policy=%s", file) : NULL;
    char *const first[] = {run, boundary, policy ? policy : end, end};
    struct strv argv = {0};
    int r = file && !policy ? -ENOMEM : 0;

    for (size_t i = 0; i < (policy ? 4 : 3) && r == 0; i++)
        r = policy_strv_push(&s->arena, &argv, first[i]);
    for (char **word = program; *word && r == 0; word++)
        r = policy_strv_push(&s->arena, &argv, *word);
    if (r < 0)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = run_options_parse(&s->arena, (int)argv.n, argv.v, out, err)) < 0)
        return r;
    return run_options_image(out, NULL, err);
}

/* What the policy says already; its environment is the program's. */
static int prepare_known(struct lesson *s, char **program, struct err *err)
{
    int r = prepare_run(s, program, s->o.output, &s->known, err);

    if (r == 0)
        r = learn_policy_known(&s->learn, &s->known.policy, err);
    for (uint32_t i = 0; r == 0 && i < s->known.build.user_env.n; i++)
        if (policy_env_set(&s->arena, &s->run.policy.process.env, s->known.build.user_env.v[i]) < 0)
            r = err_set(err, -ENOMEM, "out of memory");
    return r;
}

static int find_program(struct lesson *s, struct err *err)
{
    const char *name = s->run.policy.process.argv.v[0];
    const char *path = policy_env_get(&s->run.policy.process.env, "PATH");
    struct stat st;

    if (strchr(name, '/')) {
        s->path = *name == '/' ? name : arena_printf(&s->arena, "%s/%s", s->cwd, name);
        return s->path ? 0 : err_set(err, -ENOMEM, "out of memory");
    }
    for (; path && *path; path += strspn(path, ":")) {
        size_t n = strcspn(path, ":");
        char *file = n && *path == '/' ? arena_printf(&s->arena, "%.*s/%s", (int)n, path, name) : NULL;
        if (file && stat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111) {
            s->path = file;
            return 0;
        }
        path += n;
    }
    return err_set(err, -ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

static int prepare(struct lesson *s, char **program, struct err *err)
{
    char cwd[PATH_MAX];
    int there = check_output(&s->o, err), r;

    if (there < 0 || (r = check_looking(err)) < 0)
        return there < 0 ? there : r;
    if (!*program)
        return err_set(err, -EINVAL, "no program given: moat learn -o %s PROGRAM [ARG...]", s->o.output);
    if (!getcwd(cwd, sizeof cwd) || !(s->cwd = arena_strdup(&s->arena, cwd)))
        return err_sys(err, -errno, "cannot tell the current directory");
    s->o.merge = there > 0;
    if ((r = prepare_run(s, program, NULL, &s->run, err)) < 0 ||
        (r = learn_init(&s->learn, &s->arena, s->cwd, (const char *const *)s->run.policy.process.argv.v, err)) < 0 ||
        (s->o.merge && (r = prepare_known(s, program, err)) < 0) || (r = program_find(&s->run.build, err)) < 0 ||
        (r = find_program(s, err)) < 0)
        return r;
    s->watch.l = &s->learn;
    learn_watch_begin(&s->watch);
    return learn_watch_program(&s->watch, s->path, err);
}

/* ---- during -------------------------------------------------------------------------------------------------------
 */

static int take_lines(struct lesson *s, struct err *err)
{
    char *line = s->buffer, *end;
    int r = 0;

    while (r == 0 && (end = memchr(line, '\n', s->held - (size_t)(line - s->buffer)))) {
        r = learn_watch_line(&s->watch, line, (size_t)(end - line), err);
        line = end + 1;
    }
    s->held -= (size_t)(line - s->buffer);
    memmove(s->buffer, line, s->held);
    if (r == 0 && s->held == sizeof s->buffer)
        r = err_set(err, -E2BIG, "the broker's report is longer than any line of it");
    return r;
}

/* 1: there may be more, 0: the end. */
static int read_events(struct lesson *s, struct err *err)
{
    ssize_t n = read(s->child.events, s->buffer + s->held, sizeof s->buffer - s->held);

    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN) ? 1 : 0;
    s->held += (size_t)n;
    int r = take_lines(s, err);
    return r < 0 ? r : 1;
}

/* What the terminal sends, the program gets itself. True: nobody is to be waited for any longer. */
static bool take_signal(struct lesson *s, int fd, bool ended)
{
    struct signalfd_siginfo si;

    if (read(fd, &si, sizeof si) != sizeof si)
        return false;
    if (!ended && si.ssi_code != SI_KERNEL)
        sys(SYS_pidfd_send_signal, s->child.pidfd, si.ssi_signo, NULL, 0);
    return ended;
}

static int reap(struct lesson *s, struct err *err)
{
    int r = helper_wait(s->child.pid, false, &s->status);

    return r < 0 ? err_sys(err, r, "wait for the program") : 0;
}

/* Until the broker has nobody left to answer for, or we are told not to wait for what the program left behind. */
static int listen_to(struct lesson *s, int signals, struct err *err)
{
    bool ended = false, said = false;

    for (;;) {
        struct pollfd fds[] = {{.fd = s->child.events, .events = POLLIN},
                               {.fd = signals, .events = POLLIN},
                               {.fd = ended ? -1 : s->child.pidfd, .events = POLLIN}};
        int k = poll(fds, ARRAY_LEN(fds), ended && !said ? LEFT_BEHIND : -1), r = 1;
        if (k < 0 && errno != EINTR)
            return err_sys(err, -errno, "wait for the program");
        if (k == 0) {
            fputs("moat learn: it has ended, and processes that it started have not; Ctrl-C stops waiting for them\n",
                  stderr);
            said = true;
        }
        if (k <= 0)
            continue;
        if (fds[1].revents && take_signal(s, signals, ended)) {
            s->left = true;
            return 0;
        }
        if (fds[0].revents && (r = read_events(s, err)) < 0)
            return r;
        if (!ended && fds[2].revents) {
            ended = true;
            if (reap(s, err) < 0)
                return err->code;
        }
        if (r == 0) /* the broker is gone */
            break;
    }
    if (!ended && helper_poll(s->child.pidfd, POLLIN, 0) <= 0 &&
        helper_poll(s->child.pidfd, POLLIN, clock_ms() + BROKER_END_MS) <= 0) {
        helper_wait(s->child.pid, true, &s->status);
        return err_set(err, -EPIPE, "the broker process ended before the program: nothing was written");
    }
    return ended ? 0 : reap(s, err);
}

static int run_program(struct lesson *s, struct err *err)
{
    struct bpf_program filter;
    sigset_t ours, old;
    int r = learn_filter(&s->arena, &filter, err);

    if (r < 0)
        return r;
    struct sock_fprog prog = {.len = (unsigned short)filter.n, .filter = filter.insns};
    const struct process *pr = &s->run.policy.process;
    s->child = (struct learning){.path = s->path, .argv = pr->argv.v, .env = pr->env.v, .filter = &prog, .mask = &old};
    sigemptyset(&ours);
    for (const int *sig = (const int[]){SIGINT, SIGQUIT, SIGTERM, SIGHUP, 0}; *sig; sig++)
        sigaddset(&ours, *sig);
    signal(SIGCHLD, SIG_DFL); /* ignored, no child could be waited for */
    sigprocmask(SIG_BLOCK, &ours, &old);
    _cleanup_fd_ int signals = signalfd(-1, &ours, SFD_CLOEXEC);
    if (signals < 0)
        return err_sys(err, -errno, "signals");
    if ((r = learning_begin(&s->arena, &s->child, err)) < 0 || (r = learning_go(&s->child, err)) < 0)
        return r;
    r = listen_to(s, signals, err);
    close(s->child.events); /* a broker that goes on tells nobody any more */
    int broker = 0;
    if (!s->left && helper_wait_for(s->child.broker, BROKER_END_MS, &broker) == 0 && broker && r == 0)
        r = err_set(err, -EPIPE,
                    "the broker process failed: some of what the program used was not seen, and nothing is written");
    return r;
}

/* ---- after --------------------------------------------------------------------------------------------------------
 */

static const char *end_text(struct lesson *s)
{
    return WIFSIGNALED(s->status) ? arena_printf(&s->arena, "signal %d", WTERMSIG(s->status))
                                  : arena_printf(&s->arena, "exit status %d", WEXITSTATUS(s->status));
}

static int write_policy(struct lesson *s, struct err *err)
{
    const struct process *pr = &s->run.policy.process;
    const char *slash = strrchr(pr->argv.v[0], '/');
    struct learn_story story = {
        .program = slash ? slash + 1 : pr->argv.v[0], .arguments = pr->argv.n - 1, .end = end_text(s)};
    char *text = NULL;

    if (s->left &&
        learn_note(&s->learn, "what processes used that it left behind, after moat had stopped listening") < 0)
        return err_set(err, -ENOMEM, "out of memory");
    int r = learn_rules(&s->learn, err);
    if (r < 0)
        return r;
    if (s->o.merge)
        learn_policy_drop_mounted(&s->learn, &s->known.policy);
    if (s->o.merge)
        r = learn_policy_merge(&s->learn, s->o.output, s->cwd, &text, err);
    else if (!story.end || !(text = learn_write(&s->learn, &story)))
        r = err_set(err, -ENOMEM, "out of memory");
    if (r == 0)
        r = learn_policy_check(&s->arena, text, s->o.output, s->cwd, err);
    if (r == 0 && (r = io_replace_file(AT_FDCWD, s->o.output, text, strlen(text), 0644)) < 0)
        err_sys(err, r, "-o %s", s->o.output);
    free(text);
    return r < 0 ? r : 0;
}

int cmd_learn(int argc, char **argv)
{
    static struct lesson s;
    static struct err err;
    int at;

    if (options_parse(learn_options, n_learn_options, argc, argv, true, &at, apply, &s.o, &err) < 0)
        return command_fail("learn", &err);
    if (arena_init(&s.arena, ARENA_SIZE) < 0) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("learn", &err);
    }
    int r = prepare(&s, argv + at, &err);
    if (r == 0)
        r = run_program(&s, &err);
    if (r < 0) {
        command_fail("learn", &err);
        return start_failure_status(r, &err);
    }
    if (write_policy(&s, &err) < 0)
        return command_fail("learn", &err);
    if (!WIFSIGNALED(s.status))
        return WEXITSTATUS(s.status);
    fprintf(stderr, "moat learn: signal %d ended it; %s holds what it used until then\n", WTERMSIG(s.status),
            s.o.output);
    return 128 + WTERMSIG(s.status);
}
