/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is started from outside while the kernel runs (linux_spawn): its process has no parent, so nobody
 * inside waits for it or learns of its end; who started it does. It is made as the first process was: on the calling
 * thread's stack, with the new task as the current one, which therefore must not wait; what it opens is in memory, or
 * asked for of the platform, which answers at once.
 */
#include "linux/core/boot.h"
#include "linux/core/text.h"
#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"
#include "linux/kfs/streams.h"
#include "linux/task/internal.h"
#include "linux/tty/tty.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include <string.h>

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- the process ------------------------------------------------------------------------------------------------- */

static struct process *spawn_process(void)
{
    struct signal_shared *signals = signal_shared_new();
    struct process *p = signals ? process_new(signals) : NULL;
    if (!p) {
        if (signals)
            signal_shared_put(signals);
        return NULL;
    }
    memcpy(p->limits, process_init->limits, sizeof(p->limits));
    p->dumpable = true;
    p->exit_signal = SIGCHLD;
    return p;
}

/* A task of a process of its own, without files, memory and place. NULL: too many, or no memory. */
static struct task *spawn_task(const struct linux_program *of)
{
    struct cred *cred = cred_boot(of->uid, of->gid);
    struct process *p = cred ? spawn_process() : NULL;
    struct task *t = p ? task_new(p, NULL) : NULL;
    if (!t) {
        if (p)
            process_free(p);
        if (cred)
            cred_put(cred);
        return NULL;
    }
    cred_limit(cred, of->groups, of->n_groups, boot_config->caps_dropped);
    t->cred = cred;
    p->pgid = p->sid = p->pid;
    return t;
}

/* Its task ends as soon as it is run, and nobody is told. */
static void spawn_undo(struct task *t)
{
    t->process->streams = 0;
    process_kill(t->process, SIGKILL);
    t->killed = true;
    t->work |= WORK_SIGNALS;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static const char *path_of(const char *const *envp)
{
    for (; envp && *envp; envp++)
        if (!strncmp(*envp, "PATH=", 5))
            return *envp + 5;
    return USUAL_PATH;
}

static int spawn_exec(struct task *t, const struct linux_program *of, const char *path)
{
    return task_exec(t, AT_FDCWD, path, 0, (struct exec_strings){.kernel = of->argv},
                     (struct exec_strings){.kernel = of->envp});
}

/* execvp(3): a name without a slash is looked for; one that may not be executed is told of when there is no other. */
static int spawn_search(struct task *t, const struct linux_program *of, char *name)
{
    int worst = -ENOENT;
    for (const char *at = path_of(of->envp), *end;; at = end + 1) {
        end = at;
        while (*end && *end != ':')
            end++;
        text_format(name, PATH_MAX_, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "", of->argv[0]);
        int r = spawn_exec(t, of, name);
        if (r == -EACCES)
            worst = r;
        else if (r != -ENOENT && r != -ENOTDIR)
            return r;
        if (!*end)
            return worst;
    }
}

static int spawn_program(struct task *t, const struct linux_program *of)
{
    if (memchr(of->argv[0], '/', strlen(of->argv[0])))
        return spawn_exec(t, of, of->argv[0]);
    char *name = heap_alloc(PATH_MAX_);
    if (!name)
        return -ENOMEM;
    int r = spawn_search(t, of, name);
    heap_release(name, PATH_MAX_);
    return r;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int spawn_open(struct task *t, const struct linux_program *of)
{
    t->files = files_new();
    if (t->files) {
        t->process->streams = of->streams;
        return of->terminal ? tty_streams_open(of->streams, of->rows, of->columns) : streams_open(of->streams);
    }
    for (enum host_stream s = HOST_STDIN; s <= HOST_STDERR; s++)
        platform.streams->close(of->streams, s);
    return -ENOMEM;
}

static int32_t spawn(const struct linux_program *of, char *why, size_t n)
{
    struct task *t = spawn_task(of);
    if (!t) {
        text_format(why, n, "there are too many tasks, or no memory for another");
        for (enum host_stream s = HOST_STDIN; s <= HOST_STDERR; s++)
            platform.streams->close(of->streams, s);
        return -EAGAIN;
    }
    current = t;
    t->state = TASK_RUNNING;
    t->entered = clock_now();
    int32_t r = spawn_open(t, of);
    if (r)
        text_format(why, n, "its streams cannot be opened (error %d)", -r);
    else if ((r = fs_spawn(of->cwd, &t->fs)))
        text_format(why, n, "the working directory %s is not there (error %d)", of->cwd, -r);
    else if ((r = spawn_program(t, of)))
        text_format(why, n, "%s", task_exec_reason());
    if (r)
        spawn_undo(t);
    r = r ? r : t->process->pid;
    sched_ready(t);
    current = NULL;
    return r;
}

int32_t linux_spawn(const struct linux_program *of, char *why, size_t n)
{
    *why = 0;
    kernel_lock();
    struct task *before = current;
    int32_t r = !process_init || process_init->exiting ? -ESRCH : spawn(of, why, n);
    current = before;
    kernel_unlock();
    return r;
}

int linux_signal_to(int32_t pid, int signo, bool locked)
{
    if (!locked)
        kernel_lock();
    struct process *p = process_find(pid);
    int r = p && p->streams && !p->zombie ? signal_process_number(p, signo) : -ESRCH;
    if (!locked)
        kernel_unlock();
    return r;
}
