/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a program that was just started to a target: an empty root directory, an identity that owns nothing, and the
 * walls of confine/walls.h. Runs in the target, before it reads a foreign byte; what the host says here is trusted.
 */
#include "libmoat/session.h"

#include "base/mem.h"
#include "confine/walls.h"
#include "host/mountapi.h"
#include "host/sys.h"
#include "libmoat/calls.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_FD (WIRE_SOCKET + 1)

int session_map(struct moat_session *s, int fd, uint32_t ring_bytes, struct err *err)
{
    if (ring_bytes < RING_BYTES_MIN || ring_bytes > RING_BYTES_MAX || (ring_bytes & (ring_bytes - 1)))
        return err_set(err, -EPROTO, "the host speaks of rings of %u bytes", ring_bytes);
    long map = sys(SYS_mmap, NULL, wire_bytes(ring_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map < 0 && map >= -4095)
        return err_sys(err, (int)map, "map the rings");
    s->page = wire_rings((void *)map, ring_bytes, &s->request, &s->reply);
    return 0;
}

int session_open(int sock, struct moat_session *s, struct wire_hello *hello, struct err *err)
{
    int fd = -1;
    unsigned n;
    int r = wire_receive(sock, WIRE_HELLO, hello, sizeof *hello, &fd, 1, &n, 0);

    if (r == -ENOTSOCK || r == -EBADF)
        return err_set(err, -ENOTCONN, "this program was not started as a target: start it by moat_target_spawn()");
    if (r < 0)
        return err_sys(err, r, "hear from the host what the walls are");
    s->sock = sock;
    s->flags = hello->flags;
    s->cpu = WIRE_CPU_FREE;
    sched_getaffinity(0, sizeof s->allowed, &s->allowed);
    if (hello->calls_size > WIRE_CALLS_MAX || (hello->calls_size && hello->calls[hello->calls_size - 1]) ||
        (n == 1) == (hello->ring_bytes == 0))
        r = err_set(err, -EPROTO, "the host speaks another protocol: link both with the same libmoat");
    else if (n == 1)
        r = session_map(s, fd, hello->ring_bytes, err);
    cleanup_fd(&fd);
    return r;
}

/* An empty, read-only file system that is mounted nowhere: as a root directory it leads to nothing. */
static int empty_root(void)
{
    int fs = mount_fs_open("tmpfs"), root = -1;

    if (fs >= 0)
        root = mount_fs_create(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    cleanup_fd(&fs); /* it may have the number that the root is to have */
    if (root >= 0 && root != ROOT_FD) {
        int moved = dup2(root, ROOT_FD);
        close(root);
        return moved;
    }
    return root;
}

/* Root becomes nobody in particular, in a user namespace in which nobody is mapped. */
static uint32_t lose_identity(uint32_t uid, uint32_t gid)
{
    uint32_t stands = 0;

    if (uid && setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0) {
        stands |= MOAT_WALL_IDENTITY;
        if (unshare(CLONE_NEWUSER) == 0)
            stands |= MOAT_WALL_USER;
    }
    return stands;
}

static uint32_t stands_of(uint32_t w, uint32_t flags)
{
    return (flags & WIRE_NAMESPACES ? MOAT_WALL_NAMESPACES : 0) | (w & WALLS_ROOT ? MOAT_WALL_ROOT : 0) |
           (w & WALLS_LANDLOCK ? MOAT_WALL_LANDLOCK : 0) | MOAT_WALL_FILTER;
}

int session_walls(struct moat_session *s, const struct wire_hello *hello, struct err *err)
{
    bool zygote = hello->flags & WIRE_ZYGOTE;
    uint32_t stand = 0;
    struct arena arena;
    int root = hello->flags & WIRE_NAMESPACES ? empty_root() : -1;
    struct calls_wish wish = {
        .extra = hello->calls, .extra_size = hello->calls_size, .zygote = zygote, .rooted = root >= 0};
    struct walls walls = {.who = "the target",
                          .dest = root,
                          .source = -1,
                          .namespaces = hello->flags & WIRE_NAMESPACES,
                          .descriptors = root >= 0 ? ROOT_FD + 1 : WIRE_SOCKET + 1,
                          .file_bytes = hello->file_bytes,
                          .memory = hello->memory,
                          .cpu_seconds = hello->cpu_seconds,
                          .stand = &stand};

    s->walls = hello->flags & WIRE_USER ? MOAT_WALL_USER : 0;
    s->walls |= lose_identity(hello->uid, hello->gid);
    s->root = hello->flags & WIRE_ROOT && !(s->walls & MOAT_WALL_IDENTITY);
    wish.filtered = zygote && s->root;
    int r = arena_init(&arena, 1u << 20);
    if (r < 0)
        return err_sys(err, r, "memory for the walls");
    struct seccomp_rule *rules;
    r = calls_rules(&arena, &wish, &rules, &walls.n_calls, err);
    walls.calls = rules;
    if (r == 0)
        r = walls_enter(&walls, err);
    arena_free(&arena);
    if (r < 0)
        return r;
    if (root >= 0)
        close(root);
    s->walls |= stands_of(stand, hello->flags);
    if (hello->require & ~s->walls)
        return err_set(err, -EPERM,
                       "of the walls that are required (%#x) this host offers %#x: run as root, or allow user "
                       "namespaces, or use a kernel with Landlock",
                       hello->require, s->walls);
    return 0;
}

int session_ready(struct moat_session *s, const struct err *err)
{
    struct wire_ready ready = {.head = {.magic = WIRE_MAGIC, .op = WIRE_READY}, .walls = s->walls, .code = err->code};

    memcpy(ready.text, err->text, sizeof ready.text);
    return wire_send(s->sock, &ready, sizeof ready, NULL, 0);
}

void session_follow(struct moat_session *s, int32_t cpu)
{
    cpu_set_t set = s->allowed;

    if (cpu == s->cpu)
        return;
    s->cpu = cpu;
    if (cpu >= 0 && cpu < CPU_SETSIZE) {
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
    } else if (cpu < WIRE_CPU_FREE && WIRE_CPU_NOT(cpu) < CPU_SETSIZE) {
        CPU_CLR(WIRE_CPU_NOT(cpu), &set);
    }
    sched_setaffinity(0, sizeof set, &set); /* refused, or nothing left: then where we are */
}

int session_start(int sock, struct moat_session *s, bool may_be_zygote, struct err *err)
{
    struct wire_hello *hello = calloc(1, sizeof *hello);
    struct err own = {0};
    int r;

    if (!hello)
        return err_sys(err, -ENOMEM, "memory for the target");
    r = session_open(sock, s, hello, err);
    if (r < 0) {
        free(hello);
        return r;
    }
    if (hello->flags & WIRE_ZYGOTE && !may_be_zygote)
        r = err_set(&own, -EINVAL, "the program is no zygote: it calls moat_session_enter(), not moat_zygote_ready()");
    if (r == 0)
        r = session_walls(s, hello, &own);
    if (r == 0 && !(hello->flags & WIRE_ZYGOTE)) {
        session_announce(s);
        session_follow(s, hello->cpu);
    }
    free(hello);
    int said = session_ready(s, &own);
    if (r < 0) {
        *err = own;
        return r;
    }
    return said < 0 ? err_sys(err, said, "tell the host that the walls stand") : 0;
}
