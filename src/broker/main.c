/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-broker: answers for one sandbox the calls that the kernel's own walls cannot decide. Started by moat only, with
 * the descriptors of record.h and an empty environment. Order: the record is read, the views of the directories are
 * made, the target's user namespace is entered, the process shuts itself in, says so, and gets the listener; from then
 * on everything it reads is the target's.
 */
#include "broker/broker.h"
#include "broker/net.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct broker broker;

/* A descriptor that may be /dev/null instead, where the launcher had none. */
static int optional_fd(int fd)
{
    struct stat st;

    return fstat(fd, &st) < 0 || S_ISCHR(st.st_mode) ? -1 : fd;
}

static int read_record(struct broker *b, struct err *err)
{
    struct stat st;

    if (fstat(BROKER_FD_RECORD, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > BROKER_RECORD_MAX)
        return err_set(err, -EINVAL, "moat-broker is started by moat, not by hand: descriptor 3 holds no record");
    void *record = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, BROKER_FD_RECORD, 0);
    if (record == MAP_FAILED)
        return err_sys(err, -errno, "read the broker's record");
    return rules_read(&b->rules, record, (size_t)st.st_size, err);
}

static int set_up(struct broker *b, struct err *err)
{
    b->events = BROKER_FD_EVENTS;
    b->proc = BROKER_FD_PROC;
    b->host = optional_fd(BROKER_FD_HOST);
    b->dns = optional_fd(BROKER_FD_DNS);
    b->listener = b->root = b->looker = b->own_root = -1;
    int r = read_record(b, err);
    if (r < 0)
        return r;
    sys(SYS_close_range, BROKER_FD_FIRST_TREE + b->rules.n_trees, ~0u, 0);
    b->own_fds = openat(b->proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (b->own_fds < 0)
        return err_sys(err, -errno, "the procfs that the broker was given does not show it");
    for (uint32_t i = 0; i < b->rules.n_trees; i++)
        b->trees[i].change = b->trees[i].show = BROKER_FD_FIRST_TREE + (int)i;
    report_init(b);
    calls_init();
    r = net_init(b, err);
    return r < 0 ? r : notify_init(b, err);
}

/* ---- the launcher ------------------------------------------------------------------------------------------------ */

static void say(int what, int code, const char *text)
{
    struct broker_word word = {.magic = BROKER_MAGIC, .what = (uint32_t)what, .code = code};

    snprintf(word.text, sizeof word.text, "%s", text);
    send(BROKER_FD_CONTROL, &word, sizeof word, MSG_NOSIGNAL);
}

/* One message with at most two descriptors; their number, or -errno. -EPIPE: the peer is gone. */
static int receive_fds(int socket, void *data, size_t size, int fds[2])
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec iov = {data, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;

    do
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return n < 0 ? -errno : -EPIPE;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    return (int)count;
}

static int receive_target(int *userns, struct err *err)
{
    struct broker_word word = {0};
    int fds[2] = {-1, -1};
    int n = receive_fds(BROKER_FD_CONTROL, &word, sizeof word, fds);

    if (n < 1 || word.magic != BROKER_MAGIC || word.what != BROKER_SAY_TARGET)
        return err_set(err, n < 0 ? n : -EPROTO, "moat did not say which target the broker is for");
    *userns = n == 2 ? fds[0] : -1;
    close(fds[n - 1]); /* its pidfd: the listener's end tells as much */
    return 0;
}

/* moat-enter's last act before the program. Its end without it is no error of ours: the start failed. */
static int receive_listener(struct broker *b)
{
    char payload[64];
    int fds[2] = {-1, -1};
    int n = receive_fds(BROKER_FD_LISTENER, payload, sizeof payload, fds);

    if (n < 1)
        return n < 0 ? n : -EPIPE;
    if (n == 2)
        close(fds[1]);
    close(BROKER_FD_LISTENER);
    b->listener = fds[0];
    return 0;
}

int main(void)
{
    struct err err = {0};
    int userns = -1;

    /* The terminal's signals are for the program in the sandbox; a report must not stop the broker either. */
    for (const int *s = (const int[]){SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGTTOU, SIGPIPE, SIGUSR1, SIGUSR2, 0}; *s; s++)
        signal(*s, SIG_IGN);
    int r = set_up(&broker, &err);
    int k = receive_target(&userns, r < 0 ? &(struct err){0} : &err); /* a word left unread would undo our answer */
    if (r == 0)
        r = k;
    if (r == 0)
        r = shut_in(&broker, userns, &err);
    if (r < 0) {
        say(BROKER_SAY_FAILED, r, err.text);
        return 1;
    }
    say(BROKER_SAY_READY, 0, "");
    if (receive_listener(&broker) < 0)
        return 0;
    r = notify_run(&broker, &err);
    if (r < 0)
        fprintf(stderr, "moat: broker: %s\n", err.text);
    return r < 0 ? 1 : 0;
}
