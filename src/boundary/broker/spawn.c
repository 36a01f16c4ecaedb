/* SPDX-License-Identifier: Apache-2.0 */
/* Starts libexec/moat-broker beside a target: its record, its descriptors, the handshake (broker/record.h). */
#include "base/clock.h"
#include "base/mem.h"
#include "base/record.h"
#include "boundary/broker/adaptor.h"
#include "boundary/control.h"
#include "broker/record.h"
#include "host/helper.h"
#include "host/idmap.h"
#include "host/mountapi.h"
#include "host/unixsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS      10000
#define RECORD_SIZE   BROKER_RECORD_MAX
#define RESOLVERS_MAX 3
#define EVENTS_FILE   "denials"

/* ---- trees ---------------------------------------------------------------------------------------------------- */

struct trees {
    int fds[BROKER_TREES_MAX];
    uint32_t n;
};

int broker_shift_tree(struct instance *inst, int fd, int userns, const char *said, struct err *err)
{
    struct id_map uid[3], gid[3];
    struct stat st;
    int shifted = -1, r = fstatat(fd, "", &st, AT_EMPTY_PATH) < 0 ? -errno : 0;

    if (r == 0 && (st.st_uid || st.st_gid) && inst->policy->uid_maps.n) {
        struct id_maps u = {uid, idmap_owner(st.st_uid, &inst->policy->uid_maps.v[0], uid)},
                       g = {gid, idmap_owner(st.st_gid, &inst->policy->gid_maps.v[0], gid)};
        r = idmap_userns(&u, &g, &shifted, err);
    }
    if (r == 0)
        r = mount_set(fd, true, MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, MS_PRIVATE,
                      shifted >= 0 ? shifted : userns);
    cleanup_fd(&shifted);
    return r == 0 || err->code ? r : err_sys(err, r, "%s: cannot be id-mapped", said);
}

/* The directory that a brokered rule is about, or, where the rule is of one file, the directory that holds it. */
static int open_tree_of(struct instance *inst, const struct path_rule *rule, int userns, uint32_t *is_file,
                        const char **host, struct err *err)
{
    char dir[PATH_MAX];
    struct stat st;

    *host = rule->host;
    if (snprintf(dir, sizeof dir, "%s", rule->host) >= (int)sizeof dir)
        return err_set(err, -ENAMETOOLONG, "--broker %s", rule->host);
    /* Whoever may change the directory, as the program of an earlier sandbox, may have put it there. */
    if (lstat(dir, &st) == 0 && S_ISLNK(st.st_mode))
        return err_set(err, -ELOOP, "--broker %s: it is a symbolic link: name the path it leads to", rule->host);
    *is_file = stat(dir, &st) < 0 || !S_ISDIR(st.st_mode);
    if (*is_file) {
        /* Where a link leads; the broker takes its last name and follows none. */
        if (realpath(rule->host, dir) && !(*host = arena_strdup(inst->arena, dir)))
            return err_set(err, -ENOMEM, "--broker %s: out of memory", rule->host);
        char *slash = strrchr(dir, '/');
        slash[slash == dir] = '\0';
    }
    int fd = inst->rootless ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : mount_clone(AT_FDCWD, dir, true);
    if (fd < 0)
        return err_sys(err, inst->rootless ? -errno : fd, "--broker %s: cannot open %s", rule->host, dir);
    if (inst->rootless || userns < 0)
        return fd;
    int r = broker_shift_tree(inst, fd, userns, arena_printf(inst->arena, "--broker %s", rule->host), err);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

/* ---- the record ------------------------------------------------------------------------------------------------- */

static int put_paths(struct record_builder *b, struct broker_record *rec, struct instance *inst, int userns,
                     struct trees *trees, struct err *err)
{
    const struct policy *p = inst->policy;
    struct broker_path *list = arena_array(inst->arena, p->n_paths + p->n_mounts + 1, sizeof *list);
    uint32_t n = 0;

    if (!list)
        return err_set(err, -ENOMEM, "no memory for the broker's rules");
    for (uint32_t i = 0; i < p->n_paths; i++) {
        const struct path_rule *rule = &p->paths[i];
        struct broker_path *out = &list[n++];
        *out = (struct broker_path){.guest = record_put_string(b, rule->guest),
                                    .host = record_put_string(b, rule->host),
                                    .verdict = rule->verdict,
                                    .access = rule->access,
                                    .tree = -1};
        if (rule->verdict != PATH_BROKER)
            continue;
        if (trees->n == BROKER_TREES_MAX)
            return err_set(err, -E2BIG,
                           "--broker %s: at most %d paths can be answered for: name a directory above them", rule->host,
                           BROKER_TREES_MAX);
        const char *host;
        int fd = open_tree_of(inst, rule, userns, &out->is_file, &host, err);
        if (fd < 0)
            return fd;
        out->host = record_put_string(b, host);
        out->tree = (int32_t)trees->n;
        trees->fds[trees->n++] = fd;
    }
    rec->paths = record_put(b, list, n * sizeof *list);
    rec->n_paths = n;
    rec->n_trees = trees->n;
    return 0;
}

static int put_net(struct record_builder *b, struct broker_record *rec, struct instance *inst, struct err *err)
{
    const struct policy *p = inst->policy;
    struct broker_net *list = arena_array(inst->arena, p->n_net + 1, sizeof *list);

    if (!list)
        return err_set(err, -ENOMEM, "no memory for the broker's rules");
    for (uint32_t i = 0; i < p->n_net; i++)
        list[i] = (struct broker_net){.host = record_put_string(b, p->net[i].host),
                                      .first = p->net[i].first,
                                      .last = p->net[i].last,
                                      .protocols = p->net[i].protocols,
                                      .listen = p->net[i].listen};
    rec->net = record_put(b, list, p->n_net * sizeof *list);
    rec->n_net = p->n_net;
    return 0;
}

/* The host's name servers, from its resolv.conf; others' words, so only what is an address. */
static void put_resolvers(struct record_builder *b, struct broker_record *rec)
{
    FILE *f = fopen("/etc/resolv.conf", "re");
    uint32_t offsets[RESOLVERS_MAX];
    char line[512], word[64];
    unsigned char address[16];

    while (f && rec->n_resolvers < RESOLVERS_MAX && fgets(line, sizeof line, f)) {
        if (sscanf(line, "nameserver %63s", word) == 1 &&
            (inet_pton(AF_INET, word, address) == 1 || inet_pton(AF_INET6, word, address) == 1))
            offsets[rec->n_resolvers++] = record_put_string(b, word);
    }
    if (f)
        fclose(f);
    rec->resolvers = rec->n_resolvers ? record_put(b, offsets, rec->n_resolvers * sizeof *offsets) : 0;
}

static int make_record(struct instance *inst, int userns, struct trees *trees, int *memfd, struct err *err)
{
    const struct policy *p = inst->policy;
    struct record_builder b = {
        .base = arena_alloc(inst->arena, RECORD_SIZE), .used = sizeof(struct broker_record), .cap = RECORD_SIZE};
    int r;

    if (!b.base)
        return err_set(err, -ENOMEM, "no memory for the broker's record");
    struct broker_record *rec = (struct broker_record *)b.base;
    *rec = (struct broker_record){.magic = BROKER_MAGIC,
                                  .version = BROKER_VERSION,
                                  .flags = p->deny_log ? BROKER_DENY_LOG | BROKER_TERMINAL : 0,
                                  .uid = p->process.user.uid,
                                  .gid = p->process.user.gid};
    rec->sandbox = record_put_string(&b, inst->id);
    if ((r = put_paths(&b, rec, inst, userns, trees, err)) < 0 || (r = put_net(&b, rec, inst, err)) < 0)
        return r;
    if (p->n_net)
        put_resolvers(&b, rec);
    if (b.failed)
        return err_set(err, -E2BIG, "the path and network rules do not fit the broker's record (4 MiB)");
    rec->size = b.used;
    *memfd = (int)sys(SYS_memfd_create, "moat-broker", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    if (*memfd < 0)
        return err_sys(err, *memfd, "memfd for the broker's record");
    ssize_t n = write(*memfd, b.base, b.used);
    if (n != (ssize_t)b.used ||
        fcntl(*memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return err_sys(err, n < 0 ? -errno : -EIO, "memfd for the broker's record");
    return 0;
}

/* ---- a socket of the target's network --------------------------------------------------------------------------- */

static int bind_dns(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) < 0 ? -errno : s;
}

/* A child enters the namespaces for it, since the way back may be closed. The descriptor, or negative errno. */
static int dns_socket(int userns, int netns)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        int s = userns >= 0 && setns(userns, CLONE_NEWUSER) < 0 ? -errno : setns(netns, CLONE_NEWNET) < 0 ? -errno : 0;
        if (s == 0)
            s = bind_dns();
        control_send(pair[1], 0, 0, s < 0 ? s : 0, NULL, 0, s < 0 ? -1 : s);
        _exit(0);
    }
    close(pair[1]);
    struct control_record answer = {.fd = -1};
    int r = pid < 0 ? -errno : control_receive(pair[0], &answer, true);
    int fd = r < 0                    ? r
             : r == 0                 ? -EPIPE
             : answer.fd >= 0         ? answer.fd
             : answer.header.code < 0 ? answer.header.code
                                      : -EPROTO;
    close(pair[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return fd;
}

/* ---- the process --------------------------------------------------------------------------------------------------
 */

int broker_prepare(struct instance *inst, int *listener_peer, int *lifeline_peer, struct err *err)
{
    int pair[2], pipe_fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "socket for the broker");
    inst->listener_socket = pair[0];
    *listener_peer = pair[1];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe for the broker");
    inst->lifeline = pipe_fds[0];
    *lifeline_peer = pipe_fds[1];
    fcntl(inst->listener_socket, F_SETFD, 0); /* both are moat-enter's */
    fcntl(inst->lifeline, F_SETFD, 0);
    return 0;
}

static int send_target(int control, int userns, int pidfd)
{
    struct broker_word word = {.magic = BROKER_MAGIC, .what = BROKER_SAY_TARGET};
    int fds[2] = {userns >= 0 ? userns : pidfd, pidfd};
    size_t n = userns >= 0 ? 2 : 1;

    return unixsock_send_fds(control, fds, n, &word, sizeof word);
}

static int wait_ready(int control, struct err *err)
{
    struct broker_word word;
    int k = helper_poll(control, POLLIN, clock_ms() + READY_MS);
    ssize_t n = k > 0 ? recv(control, &word, sizeof word, MSG_DONTWAIT) : -1;
    char text[sizeof word.text];

    if (n != sizeof word || word.magic != BROKER_MAGIC)
        return err_set(err, -EPROTO, "the broker process ended, or was silent, before it was ready");
    if (word.what == BROKER_SAY_READY)
        return 0;
    helper_printable(text, sizeof text, word.text, sizeof word.text - 1);
    return err_set(err, word.code < 0 && word.code > -4096 ? word.code : -EPROTO, "broker: %s", text);
}

int broker_start(struct arena *a, const struct helper_fd *fds, size_t n, int control, int userns, int pidfd,
                 struct err *err)
{
    static char name[] = "moat-broker";
    char *argv[] = {name, NULL};
    const char *path;
    pid_t pid;
    int r = libexec_find(a, "moat-broker", &path, err);

    if (r < 0)
        return r;
    if ((r = helper_spawn(path, argv, fds, n, &pid)) < 0)
        return err_sys(err, r, "%s: cannot be started", path);
    if ((r = send_target(control, userns, pidfd)) < 0)
        err_sys(err, r, "the broker process does not listen");
    if (r == 0)
        r = wait_ready(control, err);
    if (r < 0)
        helper_wait(pid, true, &(int){0});
    return r < 0 ? r : (int)pid;
}

static int open_of(pid_t pid, const char *what)
{
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    return open(path, O_RDONLY | O_CLOEXEC);
}

int broker_spawn(struct instance *inst, int listener_peer, int lifeline_peer, struct err *err)
{
    const struct policy *p = inst->policy;
    bool own_ids = p->ns[NS_USER].how != NS_HOST, needs_dns = p->n_net && p->ns[NS_NET].how == NS_NEW;
    _cleanup_fd_ int listener = listener_peer, lifeline = lifeline_peer, record = -1, mine = -1, its = -1, dns = -1;
    _cleanup_fd_ int userns = own_ids ? open_of(inst->pid, "ns/user") : -1;
    _cleanup_fd_ int netns = needs_dns ? open_of(inst->pid, "ns/net") : -1;
    _cleanup_fd_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_fd_ int host = p->deny_log ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    _cleanup_fd_ int events = openat(inst->state_fd, EVENTS_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct trees trees = {.n = 0};
    int pair[2], r;

    if ((own_ids && userns < 0) || proc < 0 || events < 0)
        return err_sys(err, -errno, "broker: what it is to be given cannot be opened");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "socket for the broker");
    mine = pair[0];
    its = pair[1];
    if (needs_dns && (dns = dns_socket(userns, netns)) < 0)
        return err_sys(err, dns, "broker: no socket in the sandbox's network");
    r = make_record(inst, userns, &trees, &record, err);
    struct helper_fd fds[HELPER_FDS_MAX] = {
        {p->deny_log ? 2 : -1, 2}, {record, BROKER_FD_RECORD}, {listener, BROKER_FD_LISTENER},
        {its, BROKER_FD_CONTROL},  {events, BROKER_FD_EVENTS}, {proc, BROKER_FD_PROC},
        {host, BROKER_FD_HOST},    {dns, BROKER_FD_DNS},       {lifeline, BROKER_FD_LIFELINE},
    };
    size_t n = 9;
    for (uint32_t i = 0; i < trees.n; i++)
        fds[n++] = (struct helper_fd){trees.fds[i], BROKER_FD_FIRST_TREE + (int)i};
    if (r == 0)
        r = broker_start(inst->arena, fds, n, mine, userns, inst->pidfd, err);
    for (uint32_t i = 0; i < trees.n; i++)
        close(trees.fds[i]);
    return r < 0 ? r : 0;
}
