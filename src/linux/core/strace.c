/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a call, in the form of strace(1). The arguments that the call reads are written when it begins, the others
 * when it ends; a line that another task cuts is marked as strace marks it. User memory is read by copies that may
 * fail, so what cannot be read is shown as an address.
 */
#include "linux/core/strace.h"

#include "linux/core/heap.h"
#include "linux/core/sched.h"
#include "linux/core/strace_names.h"
#include "linux/core/text.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <linux/time_types.h>
#include <string.h>

#define LINE_ROOM  2048
#define SHOWN      32 /* bytes of a string, as strace */
#define PATH_SHOWN 512
#define ITEMS      16

KERNEL_STATE static struct strace {
    struct text line;
    int32_t tid; /* whose call the line is in the middle of; 0: it is empty */
} trace;

int strace_init(void)
{
    char *room = heap_alloc(LINE_ROOM);
    if (!room)
        return -ENOMEM;
    text_fixed(&trace.line, room, LINE_ROOM);
    strace_on = true;
    return 0;
}

void strace_flush(void)
{
    if (trace.line.n)
        platform.host.console_write(HOST_TRACE, trace.line.bytes, trace.line.n);
    trace.line.n = 0, trace.line.cut = false;
}

static void line_end(void)
{
    struct text *l = &trace.line;
    if (l->cut)
        l->n = l->room - 4, text_put(l, "...", 3);
    text_put(l, "\n", 1);
    strace_flush();
    trace.tid = 0;
}

/* A line of `t` begins; what another task's call left open is closed. */
static void line_begin(struct task *t)
{
    if (trace.tid) {
        text_printf(&trace.line, " <unfinished ...>");
        line_end();
    }
    bool alone = process_all.next && process_all.next->next == &process_all && t->process->n_tasks == 1;
    if (!alone)
        text_printf(&trace.line, "[pid %5d] ", t->tid);
    trace.tid = t->tid;
}

/* ---- arguments ---- */

static void put_quoted(struct text *l, const char *bytes, size_t n, bool more)
{
    static const char special[] = "\n\t\r\"\\\v\f", letter[] = "ntr\"\\vf";
    text_put(l, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        const char *at = c ? memchr(special, c, sizeof(special) - 1) : NULL;
        bool digit = i + 1 < n && bytes[i + 1] >= '0' && bytes[i + 1] <= '9';
        if (at)
            text_printf(l, "\\%c", letter[at - special]);
        else if (c >= ' ' && c < 127)
            text_put(l, bytes + i, 1);
        else
            text_printf(l, digit ? "\\%03o" : "\\%o", c);
    }
    text_printf(l, more ? "\"..." : "\"");
}

static void put_pointer(struct text *l, uint64_t v)
{
    if (v)
        text_printf(l, "0x%lx", (unsigned long)v);
    else
        text_printf(l, "NULL");
}

static void put_bytes(struct text *l, uint64_t at, uint64_t n)
{
    char bytes[SHOWN];
    size_t shown = n < SHOWN ? n : SHOWN;
    if (!at || copy_in(bytes, uptr(at), shown))
        put_pointer(l, at);
    else
        put_quoted(l, bytes, shown, n > shown);
}

static void put_string(struct text *l, uint64_t at, size_t most)
{
    char bytes[PATH_SHOWN];
    if (most > sizeof(bytes))
        most = sizeof(bytes);
    int64_t n = at ? copy_string_in(bytes, uptr(at), most) : -EFAULT;
    if (n >= 0)
        put_quoted(l, bytes, (size_t)n, false);
    else if (n == -ENAMETOOLONG)
        put_quoted(l, bytes, most - 1, true);
    else
        put_pointer(l, at);
}

static void put_argv(struct text *l, uint64_t at)
{
    uint64_t item;
    text_put(l, "[", 1);
    for (uint64_t i = 0; at && i < ITEMS * 2; i++) {
        if (get_user(item, uptr(at + i * sizeof(item))) || !item)
            break;
        if (i)
            text_put(l, ", ", 2);
        put_string(l, item, SHOWN + 1);
    }
    text_put(l, "]", 1);
}

static void put_vecs(struct text *l, uint64_t at, uint64_t n)
{
    struct uio_vec v;
    text_put(l, "[", 1);
    for (uint64_t i = 0; i < n; i++) {
        if (i)
            text_put(l, ", ", 2);
        if (i == ITEMS || get_user(v, uptr(at + i * sizeof(v)))) {
            text_put(l, "...", 3);
            break;
        }
        text_printf(l, "{iov_base=");
        put_bytes(l, v.base, v.length);
        text_printf(l, ", iov_len=%lu}", (unsigned long)v.length);
    }
    text_put(l, "]", 1);
}

static void put_polls(struct text *l, uint64_t at, uint64_t n)
{
    struct {
        int32_t fd;
        int16_t events, revents;
    } p;
    text_put(l, "[", 1);
    for (uint64_t i = 0; i < n; i++) {
        if (i)
            text_put(l, ", ", 2);
        if (i == ITEMS || get_user(p, uptr(at + i * sizeof(p)))) {
            text_put(l, "...", 3);
            break;
        }
        text_printf(l, "{fd=%d, events=", p.fd);
        strace_flags(l, strace_poll_flags, (uint16_t)p.events);
        text_put(l, "}", 1);
    }
    text_put(l, "]", 1);
}

static void put_sigset(struct text *l, uint64_t at)
{
    uint64_t set;
    if (!at || get_user(set, uptr(at))) {
        put_pointer(l, at);
        return;
    }
    bool inverted = __builtin_popcountll(set) > 32, first = true;
    if (inverted)
        set = ~set;
    text_printf(l, inverted ? "~[" : "[");
    for (int signo = 1; signo <= 64; signo++) {
        if (!(set & signal_bit(signo)))
            continue;
        if (!first)
            text_put(l, " ", 1);
        first = false;
        strace_signal_name(l, signo, false);
    }
    text_put(l, "]", 1);
}

static void put_time(struct text *l, uint64_t at, const char *part)
{
    struct __kernel_timespec v;
    if (!at || get_user(v, uptr(at)))
        put_pointer(l, at);
    else
        text_printf(l, "{tv_sec=%lld, %s=%lld}", (long long)v.tv_sec, part, (long long)v.tv_nsec);
}

static void put_stat(struct text *l, uint64_t at)
{
    struct stat s;
    if (!at || get_user(s, uptr(at))) {
        put_pointer(l, at);
        return;
    }
    text_printf(l, "{st_mode=");
    strace_mode(l, s.st_mode);
    text_printf(l, ", st_size=%ld, ...}", (long)s.st_size);
}

static void put_sockaddr(struct text *l, uint64_t at, uint64_t n)
{
    union {
        uint16_t family;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        char un[110];
    } a = {0};
    if (n > sizeof(a))
        n = sizeof(a);
    if (!at || n < sizeof(a.family) || copy_in(&a, uptr(at), n)) {
        put_pointer(l, at);
        return;
    }
    const uint8_t *ip = (const uint8_t *)&a.in.sin_addr;
    text_printf(l, "{sa_family=");
    strace_value(l, strace_domains, a.family);
    if (a.family == 2)
        text_printf(l, ", sin_port=htons(%u), sin_addr=inet_addr(\"%u.%u.%u.%u\")", __builtin_bswap16(a.in.sin_port),
                    ip[0], ip[1], ip[2], ip[3]);
    if (a.family == 10)
        text_printf(l, ", sin6_port=htons(%u), ...", __builtin_bswap16(a.in6.sin6_port));
    if (a.family == 1 && n > 2) {
        bool abstract = !a.un[2];
        size_t length = abstract ? n - 3 : strnlen(a.un + 2, n - 2);
        text_printf(l, ", sun_path=%s", abstract ? "@" : "");
        put_quoted(l, a.un + 2 + abstract, length, false);
    }
    text_put(l, "}", 1);
}

static void put_ints(struct text *l, uint64_t at, unsigned n)
{
    int32_t v[2];
    if (!at || copy_in(v, uptr(at), n * sizeof(v[0])))
        put_pointer(l, at);
    else if (n == 2)
        text_printf(l, "[%d, %d]", v[0], v[1]);
    else
        text_printf(l, "[%d]", v[0]);
}

static void put_epoll_event(struct text *l, uint64_t at)
{
    struct {
        uint32_t events;
        uint64_t data;
    } __attribute__((packed)) e;
    if (!at || get_user(e, uptr(at))) {
        put_pointer(l, at);
        return;
    }
    text_printf(l, "{events=");
    strace_flags(l, strace_epoll_flags, e.events);
    text_printf(l, ", data=0x%lx}", (unsigned long)e.data);
}

static void put_int(struct text *l, uint64_t v)
{
    text_printf(l, "%ld", v <= UINT32_MAX ? (long)(int32_t)v : (long)v);
}

/* Kinds that are one number. */
static void put_number(struct text *l, uint8_t kind, uint64_t v)
{
    switch (kind) {
    case A_INT:
    case A_FD:
        put_int(l, v);
        break;
    case A_UINT:
        text_printf(l, "%u", (uint32_t)v);
        break;
    case A_SIZE:
        text_printf(l, "%lu", (unsigned long)v);
        break;
    case A_OCT:
        text_printf(l, v ? "0%lo" : "0", (unsigned long)v);
        break;
    case A_HEX:
        text_printf(l, v ? "0x%lx" : "0", (unsigned long)v);
        break;
    case A_ATFD:
        if ((int32_t)v == -100)
            text_printf(l, "AT_FDCWD");
        else
            put_int(l, v);
        break;
    case A_SIGNO:
        strace_signal_name(l, (int)v, true);
        break;
    case A_CLOCK:
        strace_value(l, strace_clocks, v);
        break;
    case A_OPEN:
        strace_open_flags(l, (uint32_t)v);
        break;
    case A_PROT:
        strace_flags(l, strace_prot_flags, v);
        break;
    case A_MAP:
        strace_flags(l, strace_map_flags, v);
        break;
    case A_DOMAIN:
        strace_value(l, strace_domains, v);
        break;
    case A_SOCKTYPE:
        strace_socket_type(l, (uint32_t)v);
        break;
    case A_FUTEX:
        strace_futex_op(l, (uint32_t)v);
        break;
    case A_CLONE:
        strace_clone_flags(l, v);
        break;
    case A_WAIT:
        strace_flags(l, strace_wait_flags, v);
        break;
    case A_WHENCE:
        strace_value(l, strace_whences, v);
        break;
    default:
        put_pointer(l, v);
        break;
    }
}

/* `result` of the call, for kinds that it fills; negative when it failed. */
static void put_argument(struct text *l, const struct call *c, unsigned i, const struct args *a, int64_t result)
{
    uint64_t v = a->v[i], next = i < 5 ? a->v[i + 1] : 0;
    switch (c->kinds[i]) {
    case A_PATH:
        put_string(l, v, PATH_SHOWN);
        break;
    case A_STR:
        put_string(l, v, SHOWN + 1);
        break;
    case A_IN:
        put_bytes(l, v, next);
        break;
    case A_IOV:
        put_vecs(l, v, next);
        break;
    case A_SIGSET:
        put_sigset(l, v);
        break;
    case A_TIMESPEC:
        put_time(l, v, "tv_nsec");
        break;
    case A_TIMEVAL:
        put_time(l, v, "tv_usec");
        break;
    case A_SOCKADDR:
        put_sockaddr(l, v, (uint32_t)next);
        break;
    case A_POLLFDS:
        put_polls(l, v, next);
        break;
    case A_EPOLL_EVENT:
        put_epoll_event(l, v);
        break;
    case A_ARGV:
        put_argv(l, v);
        break;
    case A_OUT:
    case A_STAT:
    case A_INT_OUT:
    case A_FDPAIR_OUT:
        if (result < 0)
            put_pointer(l, v);
        else if (c->kinds[i] == A_OUT)
            put_bytes(l, v, (uint64_t)result);
        else if (c->kinds[i] == A_STAT)
            put_stat(l, v);
        else
            put_ints(l, v, c->kinds[i] == A_INT_OUT ? 1 : 2);
        break;
    default:
        put_number(l, c->kinds[i], v);
    }
}

static bool is_filled(uint8_t kind)
{
    return kind == A_OUT || kind == A_STAT || kind == A_INT_OUT || kind == A_FDPAIR_OUT || kind == A_SOCKADDR_OUT;
}

/* The first argument that is shown only when the call has ended. */
static unsigned shown_at_once(const struct call *c)
{
    unsigned i = 0;
    while (i < c->n_args && !is_filled(c->kinds[i]))
        i++;
    return i;
}

static const struct call *known(int64_t nr)
{
    return (uint64_t)nr < CALL_MAX && call_table[nr].name ? &call_table[nr] : NULL;
}

void strace_enter(struct task *t, int64_t nr, const struct args *a)
{
    const struct call *c = known(nr);
    struct text *l = &trace.line;
    line_begin(t);
    if (!c) {
        text_printf(l, "syscall_0x%lx(0x%lx, 0x%lx, 0x%lx", (unsigned long)nr, (unsigned long)a->v[0],
                    (unsigned long)a->v[1], (unsigned long)a->v[2]);
        return;
    }
    text_printf(l, "%s(", c->name);
    unsigned n = c->status == CALL_NONE ? 0 : shown_at_once(c);
    for (unsigned i = 0; i < n; i++) {
        if (i)
            text_put(l, ", ", 2);
        put_argument(l, c, i, a, -1);
    }
    if (nr != __NR_exit && nr != __NR_exit_group)
        return;
    text_printf(l, ") = ?");
    line_end();
}

static void put_result(struct text *l, int64_t nr, int64_t r)
{
    if (r < 0 && r >= -4095) {
        const char *name = strace_errno((int)-r);
        if (r <= -512)
            text_printf(l, " = ? %s", name);
        else
            text_printf(l, " = -1 %s", name);
    } else if (nr == __NR_mmap || nr == __NR_brk || nr == __NR_mremap || nr == __NR_shmat) {
        text_printf(l, " = 0x%lx", (unsigned long)r);
    } else {
        text_printf(l, " = %ld", (long)r);
    }
}

void strace_leave(struct task *t, int64_t nr, const struct args *a, int64_t result)
{
    const struct call *c = known(nr);
    struct text *l = &trace.line;
    if (trace.tid != t->tid) {
        line_begin(t);
        text_printf(l, "<... %s resumed>", c ? c->name : "syscall");
    }
    for (unsigned i = c && c->status != CALL_NONE ? shown_at_once(c) : 6; c && i < c->n_args; i++) {
        if (i)
            text_put(l, ", ", 2);
        put_argument(l, c, i, a, result);
    }
    text_put(l, ")", 1);
    put_result(l, nr, result);
    line_end();
}

void strace_signal(struct task *t, int signo)
{
    if (!strace_on)
        return;
    line_begin(t);
    text_printf(&trace.line, "--- ");
    strace_signal_name(&trace.line, signo, true);
    text_printf(&trace.line, " ---");
    line_end();
}

void trace_note(const char *sentence)
{
    if (!strace_on)
        return;
    if (current)
        line_begin(current);
    text_printf(&trace.line, "--- %s ---", sentence);
    line_end();
}
