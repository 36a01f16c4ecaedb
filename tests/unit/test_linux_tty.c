/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals of src/linux, by guests that call them: the console as one, what waits, what runs out, names in /dev/pts.
 * What the line discipline makes of each character is compared with the host's kernel by
 * tests/platform-split/terminals.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/core/modes.h"
#include "linux/core/sched.h"
#include "linux/task/task.h"
#include "linux/tty/tty.h"
#include "linux_harness.h"
#include "linux_signals.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/stat.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <asm/unistd.h>
#include <linux/eventpoll.h>
#include <linux/sched.h>

#define MS            1000000ull
#define SIGNAL(signo) (HARNESS_SIGNAL + (signo))
#define ok(...)       assert_int_equal(sys(__VA_ARGS__), 0)
#define gives(n, ...) assert_int_equal(sys(__VA_ARGS__), n)
#define TERMINAL(typed)                                                                                                \
    &(struct harness)                                                                                                  \
    {                                                                                                                  \
        .terminal = true, .endless_input = true, .input = (typed)                                                      \
    }

static struct termios modes(int64_t fd)
{
    struct termios m;
    ok(__NR_ioctl, fd, TCGETS, &m);
    return m;
}

static void set_local(int64_t fd, tcflag_t on, tcflag_t off)
{
    struct termios m = modes(fd);
    m.c_lflag = (m.c_lflag | on) & ~off;
    ok(__NR_ioctl, fd, TCSETS, &m);
}

static int64_t poll_one(int64_t fd, int events)
{
    struct pollfd p = {.fd = (int)fd, .events = (short)events};
    int64_t r = sys(__NR_poll, &p, 1, 0);
    return r < 0 ? r : p.revents;
}

/* A pair whose slave is open; the master has the lower number. */
static void pair(int fds[2], int flags)
{
    int zero = 0;
    int64_t master = sys(__NR_open, user_string("/dev/ptmx"), O_RDWR | O_NOCTTY | flags, 0);
    assert_true(master >= 0);
    ok(__NR_ioctl, master, TIOCSPTLCK, &zero);
    int64_t slave = sys(__NR_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | flags);
    assert_true(slave >= 0);
    fds[0] = (int)master, fds[1] = (int)slave;
}

/* ---- the console ---- */

static void guest_console(void)
{
    char name[32] = "";
    struct winsize w;
    int n = 0;
    for (int fd = 0; fd < 3; fd++)
        assert_int_equal(modes(fd).c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
    gives(10, __NR_readlink, user_string("/proc/self/fd/0"), name, sizeof(name));
    assert_string_equal(name, "/dev/pts/0");
    ok(__NR_ioctl, 1, TIOCGWINSZ, &w);
    assert_int_equal(w.ws_row, 24);
    assert_int_equal(w.ws_col, 80);
    ok(__NR_ioctl, 0, TIOCGPGRP, &n);
    assert_int_equal(n, sys(__NR_getpgrp));
    ok(__NR_ioctl, 0, TIOCGSID, &n);
    assert_int_equal(n, sys(__NR_getsid, 0));
    assert_int_equal(sys(__NR_open, user_string("/dev/tty"), O_RDWR, 0), 3);
    assert_int_equal(sys(__NR_open, user_string("/dev/console"), O_RDWR, 0), 4);
    assert_int_equal(sys(__NR_open, user_string("/dev/pts/0"), O_RDWR, 0), 5);
    gives(3, __NR_write, 3, user_string("a\tb"), 3);
    gives(2, __NR_write, 4, user_string(".\n"), 2);
    gives(1, __NR_write, 2, user_string("."), 1);
}

static void test_console_is_the_first_terminal_and_controls_the_first_session(void **state)
{
    assert_int_equal(harness_run(TERMINAL(""), guest_console), 0);
    assert_string_equal(harness_output(HOST_STDOUT), "a\tb.\r\n.");
    assert_string_equal(harness_output(HOST_STDERR), "");
}

static void guest_console_line(void)
{
    char line[16] = "";
    gives(4, __NR_read, 0, line, sizeof(line));
    assert_memory_equal(line, "abd\n", 4);
    gives(2, __NR_read, 0, line, 2);
    assert_memory_equal(line, "ef", 2);
    gives(0, __NR_read, 0, line, sizeof(line));
}

static void test_console_lines_are_edited_and_echoed_by_the_kernel(void **state)
{
    assert_int_equal(harness_run(TERMINAL("abc\177d\ref\004\004"), guest_console_line), 0);
    assert_string_equal(harness_output(HOST_STDOUT), "abc\b \bd\r\nef");
}

static void type_interrupt(void)
{
    harness_input("\003", 1);
}

static void guest_computes(void)
{
    guest_time(MS);
    type_interrupt();
    for (int i = 0; i < 100; i++)
        guest_time(MS);
}

static void guest_sleeps(void)
{
    harness_at(harness_clock() + 20 * MS, type_interrupt);
    for (;;)
        sys(__NR_pause);
}

static void test_interrupt_character_ends_a_program_that_reads_nothing(void **state)
{
    assert_int_equal(harness_run(TERMINAL(""), guest_sleeps), SIGNAL(SIGINT));
    assert_string_equal(harness_output(HOST_STDOUT), "^C");
    assert_int_equal(harness_run(TERMINAL(""), guest_computes), SIGNAL(SIGINT));
}

static void guest_is_interrupted(void)
{
    char c;
    harness_at(harness_clock() + 20 * MS, type_interrupt);
    assert_int_equal(handle(SIGINT, note, 0, 0), 0);
    gives(-EINTR, __NR_read, 0, &c, 1);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.info.si_code, SI_KERNEL);
}

static void test_interrupt_character_interrupts_a_read(void **state)
{
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(harness_run(TERMINAL(""), guest_is_interrupted), 0);
}

static void guest_hung_up(void)
{
    char c;
    struct termios m;
    assert_int_equal(handle(SIGHUP, note, 0, 0), 0);
    gives(1, __NR_read, 0, &c, 1);
    gives(1, __NR_read, 0, &c, 1);
    gives(0, __NR_read, 0, &c, 1);
    assert_int_equal(seen.order[0], SIGHUP);
    gives(0, __NR_read, 0, &c, 1);
    gives(-EIO, __NR_write, 1, &c, 1);
    gives(-EIO, __NR_ioctl, 1, TCGETS, &m);
    gives(-ENXIO, __NR_open, user_string("/dev/tty"), O_RDWR, 0);
    assert_int_equal(poll_one(0, POLLIN | POLLOUT), POLLIN | POLLOUT | POLLERR | POLLHUP);
}

static void end_input(void)
{
    harness_input_end();
}

static void guest_hung_up_later(void)
{
    harness_at(harness_clock() + MS, end_input);
    guest_hung_up();
}

static void test_end_of_the_platforms_terminal_is_a_hangup(void **state)
{
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(harness_run(TERMINAL("a\n"), guest_hung_up_later), 0);
    const struct harness gone = {.terminal = true};
    assert_int_equal(harness_run(&gone, guest_sleeps), SIGNAL(SIGHUP));
}

static void other_window(void)
{
    assert_int_equal(linux_window(50, 132), 0);
}

static void guest_window(void)
{
    struct winsize w;
    assert_int_equal(handle(SIGWINCH, note, 0, 0), 0);
    harness_at(harness_clock() + MS, other_window);
    gives(-EINTR, __NR_pause);
    assert_int_equal(seen.order[0], SIGWINCH);
    ok(__NR_ioctl, 0, TIOCGWINSZ, &w);
    assert_int_equal(w.ws_row, 50);
    assert_int_equal(w.ws_col, 132);
}

static void test_new_window_is_signalled(void **state)
{
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(harness_run(TERMINAL(""), guest_window), 0);
}

/* ---- without a terminal ---- */

static void guest_without(void)
{
    struct termios m;
    gives(-ENOTTY, __NR_ioctl, 0, TCGETS, &m);
    gives(-ENXIO, __NR_open, user_string("/dev/tty"), O_RDWR, 0);
    gives(-ENXIO, __NR_open, user_string("/dev/console"), O_RDWR, 0);
    gives(-ENOENT, __NR_open, user_string("/dev/pts/0"), O_RDWR, 0);
    assert_int_equal(linux_window(1, 1), -ENOTTY);
}

static void test_without_a_terminal_there_is_none(void **state)
{
    assert_int_equal(harness_run(NULL, guest_without), 0);
}

/* ---- a terminal over streams of the platform: set 7 ---- */

static struct {
    const char *typed;
    char written[64];
    size_t n, room; /* bytes that may still be written */
    int closed;
    uint32_t watched;
} streams;

static int64_t streams_read(uint32_t set, void *to, size_t n)
{
    size_t left = strlen(streams.typed);
    assert_int_equal(set, 7);
    if (!left)
        return -EAGAIN;
    n = n < left ? n : left;
    memcpy(to, streams.typed, n);
    streams.typed += n;
    return (int64_t)n;
}

static int64_t streams_write(uint32_t set, enum host_stream s, const void *from, size_t n)
{
    assert_int_equal(s, HOST_STDOUT);
    n = n < streams.room ? n : streams.room;
    memcpy(streams.written + streams.n, from, n);
    streams.n += n, streams.room -= n;
    return n ? (int64_t)n : -EAGAIN;
}

static bool streams_ready(uint32_t set, enum host_stream s)
{
    return s == HOST_STDIN ? *streams.typed != 0 : streams.room != 0;
}

static void streams_watch(uint32_t set, enum host_stream s)
{
    streams.watched |= 1u << s;
}

static void streams_close(uint32_t set, enum host_stream s)
{
    streams.closed++;
}

static const struct stream_ops streams_ops = {.read = streams_read,
                                              .write = streams_write,
                                              .ready = streams_ready,
                                              .watch = streams_watch,
                                              .close = streams_close};

static uint32_t streams_events(uint32_t interest)
{
    uint32_t ready = (*streams.typed ? 1u << HOST_STDIN : 0) | (streams.room ? 1u << HOST_STDOUT : 0);
    if (!(interest & HOST_EVENT_STREAMS) || !(streams.watched & ready))
        return 0;
    streams.watched = 0;
    return HOST_EVENT_STREAMS;
}

/* As linux_spawn() does it. */
static void open_streams(void)
{
    current = process_init->leader;
    assert_int_equal(tty_streams_open(7, 30, 90), 0);
    current = NULL;
}

static void take_more(void)
{
    streams.room = 30;
    streams.typed = "\003";
    assert_int_equal(linux_window_of(7, 31, 91), 0);
    assert_int_equal(linux_window_of(8, 31, 91), -ENOTTY);
}

static void guest_streams(void)
{
    char line[8];
    struct winsize w;
    struct __kernel_timespec ts = {.tv_nsec = 5 * (long)MS};
    harness_at(harness_clock() + MS, open_streams);
    ok(__NR_nanosleep, &ts, NULL);
    assert_int_equal(handle(SIGHUP, note, 0, 0), 0);
    assert_int_equal(handle(SIGINT, note, 0, 0), 0);
    ok(__NR_ioctl, 5, TIOCGWINSZ, &w);
    assert_int_equal(w.ws_row, 30);
    gives(3, __NR_read, 3, line, 8);
    harness_at(harness_clock() + MS, take_more);
    gives(10, __NR_write, 4, user_string("0123456789"), 10); /* waits: there is no room for all */
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.order[0], SIGINT);
    ok(__NR_ioctl, 4, TIOCGWINSZ, &w);
    assert_int_equal(w.ws_col, 91);
    for (int fd = 3; fd < 6; fd++)
        ok(__NR_close, fd);
    assert_int_equal(streams.closed, 0); /* it is still somebody's controlling terminal */
    assert_int_equal(sys(__NR_open, user_string("/dev/tty"), O_RDWR, 0), 3);
    ok(__NR_ioctl, 3, TIOCNOTTY, 0);
    assert_int_equal(seen.order[1], SIGHUP);
    ok(__NR_close, 3);
    assert_int_equal(streams.closed, 3);
}

static void test_streams_of_the_platform_are_a_terminal_until_nobody_has_it(void **state)
{
    const struct harness h = {.streams = &streams_ops, .events = streams_events, .endless_input = true};
    memset(&streams, 0, sizeof(streams));
    memset(&seen, 0, sizeof(seen));
    streams.typed = "ax\177b\r", streams.room = 15;
    assert_int_equal(harness_run(&h, guest_streams), 0);
    assert_string_equal(streams.written, "ax\b \bb\r\n0123456789^C");
}

/* ---- names ---- */

static bool is_there(const char *name)
{
    struct stat *st = user_alloc(sizeof(*st));
    int64_t r = sys(__NR_stat, user_string(name), st);
    assert_true(!r || r == -ENOENT);
    return !r;
}

static void guest_names(void)
{
    int one[2], two[2], three[2], number = -1;
    struct stat *st = user_alloc(sizeof(*st));
    pair(one, 0);
    pair(two, 0);
    ok(__NR_ioctl, two[0], TIOCGPTN, &number);
    assert_int_equal(number, 1);
    ok(__NR_chmod, user_string("/dev/pts/1"), 0644);
    ok(__NR_stat, user_string("/dev/pts/1"), st);
    assert_int_equal(st->st_mode, S_IFCHR | 0644);
    assert_int_equal(st->st_rdev, 136 << 8 | 1);
    assert_int_equal(st->st_gid, 5);
    gives(-EPERM, __NR_unlink, user_string("/dev/pts/1"));
    assert_false(is_there("/dev/pts/01"));
    assert_true(sys(__NR_open, user_string("/dev/pts/x"), O_RDWR | O_CREAT, 0600) < 0);
    ok(__NR_close, one[0]);
    assert_false(is_there("/dev/pts/0"));
    assert_true(is_there("/dev/pts/1"));
    pair(three, 0);
    ok(__NR_ioctl, three[0], TIOCGPTN, &number);
    assert_int_equal(number, 0);
    gives(-ENOTTY, __NR_ioctl, three[1], TIOCGPTN, &number);
}

static void test_names_are_the_lowest_numbers_and_go_with_the_master(void **state)
{
    assert_int_equal(harness_run(NULL, guest_names), 0);
}

/* struct linux_dirent64: the type at 18, the name at 19. */
static void guest_listing(void)
{
    int fds[2];
    char *room = user_alloc(512), names[64] = "";
    for (int i = 0; i < 3; i++)
        pair(fds, 0);
    ok(__NR_close, 5); /* the second master */
    int64_t dir = sys(__NR_open, user_string("/dev/pts"), O_RDONLY | O_DIRECTORY, 0);
    int64_t n = sys(__NR_getdents64, dir, room, 512);
    for (int64_t at = 0; at < n; at += (uint8_t)room[at + 16]) {
        strcat(names, room + at + 19);
        strcat(names, " ");
    }
    assert_string_equal(names, ". .. ptmx 0 2 ");
    gives(0, __NR_getdents64, dir, room, 512);
}

static void test_directory_lists_what_exists(void **state)
{
    assert_int_equal(harness_run(NULL, guest_listing), 0);
}

static int64_t mount_devpts(const char *at, const char *options)
{
    return sys(__NR_mount, user_string("devpts"), user_string(at), user_string("devpts"), 0, user_string(options));
}

static void guest_instances(void)
{
    int fds[2], zero = 0, number = -1;
    pair(fds, 0);
    ok(__NR_mkdir, user_string("/m"), 0755);
    assert_int_equal(mount_devpts("/m", "mode=9"), -EINVAL);
    assert_int_equal(mount_devpts("/m", "size=1"), -EINVAL);
    assert_int_equal(mount_devpts("/m", "newinstance,ptmxmode=0666,mode=600,uid=7,gid=8,max=1"), 0);
    int64_t master = sys(__NR_open, user_string("/m/ptmx"), O_RDWR, 0);
    assert_true(master >= 0);
    gives(-ENOSPC, __NR_open, user_string("/m/ptmx"), O_RDWR, 0);
    ok(__NR_ioctl, master, TIOCGPTN, &number);
    assert_int_equal(number, 0);
    ok(__NR_ioctl, master, TIOCSPTLCK, &zero);
    struct stat *st = user_alloc(sizeof(*st));
    ok(__NR_stat, user_string("/m/0"), st);
    assert_int_equal(st->st_uid, 7);
    assert_int_equal(st->st_gid, 8);
    int64_t slave = sys(__NR_open, user_string("/m/0"), O_RDWR | O_NOCTTY, 0);
    assert_true(slave >= 0);
    ok(__NR_umount2, user_string("/m"), 2 /* MNT_DETACH */);
    gives(2, __NR_write, master, user_string("x\n"), 2);
    gives(2, __NR_read, slave, user_alloc(4), 4);
    ok(__NR_close, slave);
    ok(__NR_close, master);
}

static void test_each_mount_is_an_instance_of_its_own(void **state)
{
    assert_int_equal(harness_run(NULL, guest_instances), 0);
}

static void guest_not_root(void)
{
    int fds[2];
    pair(fds, 0);
    ok(__NR_ioctl, fds[1], TIOCEXCL);
    gives(-EBUSY, __NR_open, user_string("/dev/pts/0"), O_RDWR, 0);
    gives(-EPERM, __NR_ioctl, fds[1], TIOCVHANGUP, 0);
    gives(-EIO, __NR_ioctl, fds[1], TIOCSTI, user_string("x"));
    ok(__NR_close, fds[1]);
    assert_true(sys(__NR_open, user_string("/dev/pts/0"), O_RDWR, 0) >= 0);
}

static void test_exclusive_terminal_refuses_others(void **state)
{
    const struct harness user = {.uid = 1000, .gid = 1000};
    assert_int_equal(harness_run(&user, guest_not_root), 0);
}

/* ---- waiting ---- */

static struct shared {
    int fds[2];
    int64_t result;
    uint32_t word;
} * shared;

static void share(void)
{
    shared = user_alloc(sizeof(*shared));
    pair(shared->fds, 0);
}

static void type_line(void *of)
{
    struct __kernel_timespec ts = {.tv_nsec = 5 * (long)MS};
    sys(__NR_nanosleep, &ts, NULL);
    sys(__NR_write, shared->fds[0], of, 5);
}

static void guest_waits_for_line(void)
{
    char line[8];
    struct epoll_event *e = user_alloc(sizeof(*e));
    share();
    assert_true(guest_thread(type_line, user_string("line\n"), &shared->word) > 0);
    gives(5, __NR_read, shared->fds[1], line, sizeof(line));
    guest_join(&shared->word);
    int64_t epoll = sys(__NR_epoll_create1, 0);
    e->events = EPOLLIN;
    ok(__NR_epoll_ctl, epoll, EPOLL_CTL_ADD, shared->fds[1], e);
    assert_true(guest_thread(type_line, user_string("more\n"), &shared->word) > 0);
    gives(1, __NR_epoll_wait, epoll, e, 1, -1);
    assert_int_equal(e->events, EPOLLIN);
    guest_join(&shared->word);
}

static void test_reader_and_poller_wait_for_a_line(void **state)
{
    assert_int_equal(harness_run(NULL, guest_waits_for_line), 0);
}

static void write_much(void *of)
{
    shared->result = sys(__NR_write, shared->fds[*(int *)of], user_alloc(50000), 50000);
}

static void guest_writer_waits(int from)
{
    char *room = user_alloc(4096);
    int *side = user_alloc(sizeof(*side)), to = 1 - from;
    share();
    set_local(shared->fds[1], 0, ICANON | ECHO | ISIG);
    struct termios m = modes(shared->fds[1]);
    m.c_iflag = 0, m.c_oflag = 0;
    ok(__NR_ioctl, shared->fds[1], TCSETS, &m);
    *side = from;
    assert_true(guest_thread(write_much, side, &shared->word) > 0);
    for (int64_t got = 0, n; got < 50000; got += n) {
        n = sys(__NR_read, shared->fds[to], room, 4096);
        assert_true(n > 0);
    }
    guest_join(&shared->word);
    assert_int_equal(shared->result, 50000);
    assert_int_equal(poll_one(shared->fds[to], POLLIN), 0);
}

static void guest_slave_writer_waits(void)
{
    guest_writer_waits(1);
}

static void guest_master_writer_waits(void)
{
    guest_writer_waits(0);
}

static void test_writers_of_both_sides_wait_for_readers(void **state)
{
    assert_int_equal(harness_run(NULL, guest_slave_writer_waits), 0);
    assert_int_equal(harness_run(NULL, guest_master_writer_waits), 0);
}

static void close_later(void *of)
{
    struct __kernel_timespec ts = {.tv_nsec = 5 * (long)MS};
    sys(__NR_nanosleep, &ts, NULL);
    sys(__NR_close, shared->fds[*(int *)of]);
}

static void guest_other_side_goes(void)
{
    char c;
    int *side = user_alloc(sizeof(*side));
    share();
    *side = 1;
    assert_true(guest_thread(close_later, side, &shared->word) > 0);
    gives(-EIO, __NR_read, shared->fds[0], &c, 1);
    guest_join(&shared->word);
    assert_int_equal(poll_one(shared->fds[0], POLLIN | POLLOUT), POLLOUT | POLLHUP);
    share();
    *side = 0;
    assert_true(guest_thread(close_later, side, &shared->word) > 0);
    gives(-EIO, __NR_read, shared->fds[1], &c, 1);
    guest_join(&shared->word);
    gives(0, __NR_read, shared->fds[1], &c, 1);
}

static void test_readers_learn_that_the_other_side_is_gone(void **state)
{
    assert_int_equal(harness_run(NULL, guest_other_side_goes), 0);
}

static void guest_start_stop(void)
{
    char *room = user_alloc(4096);
    share();
    int *side = user_alloc(sizeof(*side));
    *side = 1;
    gives(1, __NR_write, shared->fds[0], user_string("\023"), 1);
    assert_true(guest_thread(write_much, side, &shared->word) > 0);
    sys(__NR_sched_yield);
    assert_int_equal(poll_one(shared->fds[0], POLLIN), 0);
    gives(1, __NR_write, shared->fds[0], user_string("\021"), 1);
    for (int64_t got = 0, n; got < 50000; got += n) {
        n = sys(__NR_read, shared->fds[0], room, 4096);
        assert_true(n > 0);
    }
    guest_join(&shared->word);
}

static void test_stopped_output_goes_on_with_the_start_character(void **state)
{
    assert_int_equal(harness_run(NULL, guest_start_stop), 0);
}

/* By the harness's clock, which goes by deadlines alone. */
static void guest_time_of_reads(void)
{
    char room[8];
    share();
    set_local(shared->fds[1], 0, ICANON | ECHO);
    struct termios m = modes(shared->fds[1]);
    m.c_cc[VMIN] = 0, m.c_cc[VTIME] = 3;
    ok(__NR_ioctl, shared->fds[1], TCSETS, &m);
    uint64_t before = harness_clock();
    gives(0, __NR_read, shared->fds[1], room, 8);
    assert_int_equal(harness_clock() - before, 300 * MS);
    m.c_cc[VMIN] = 8;
    ok(__NR_ioctl, shared->fds[1], TCSETS, &m);
    gives(2, __NR_write, shared->fds[0], user_string("ab"), 2);
    before = harness_clock();
    gives(2, __NR_read, shared->fds[1], room, 8);
    assert_int_equal(harness_clock() - before, 300 * MS);
}

static void test_vtime_counts_tenths_of_seconds(void **state)
{
    assert_int_equal(harness_run(NULL, guest_time_of_reads), 0);
}

/* ---- memory ---- */

static void guest_memory(void)
{
    int fds[2], many[512], n = 0;
    int64_t r;
    while (n < 512 && (r = sys(__NR_open, user_string("/dev/ptmx"), O_RDWR, 0)) >= 0)
        many[n++] = (int)r;
    assert_int_equal(r, -ENOMEM);
    assert_true(n > 10);
    while (n)
        ok(__NR_close, many[--n]);
    for (int i = 0; i < 3; i++) {
        pair(fds, 0);
        gives(2, __NR_write, fds[0], user_string("x\n"), 2);
        ok(__NR_close, fds[0]);
        ok(__NR_close, fds[1]);
    }
}

static void test_terminals_without_memory_are_refused_and_give_all_back(void **state)
{
    const struct harness small = {.arena = 4 << 20};
    assert_int_equal(harness_run(&small, guest_memory), 0);
}

static void guest_bad_memory(void)
{
    int fds[2];
    static const uint32_t commands[] = {TCGETS,  TCSETS,     TCGETA,     TCSETA,  TCGETS2,
                                        TCSETS2, TIOCGWINSZ, TIOCSWINSZ, TIOCSETD};
    pair(fds, O_NONBLOCK);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        gives(-EFAULT, __NR_ioctl, fds[1], commands[i], 8);
    gives(-EFAULT, __NR_write, fds[1], 8, 3);
    gives(-EFAULT, __NR_write, fds[0], 8, 3);
    gives(3, __NR_write, fds[0], user_string("ab\n"), 3);
    gives(-EFAULT, __NR_read, fds[1], 8, 3);
    gives(-EFAULT, __NR_read, fds[0], 8, 3);
}

static void test_bad_addresses_are_efault(void **state)
{
    assert_int_equal(harness_run(NULL, guest_bad_memory), 0);
}

/* ---- anything at all: the sanitizers and the kernel's own checks look on ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void random_modes(int fd, uint32_t *seed)
{
    struct termios m = {.c_iflag = next_random(seed), .c_oflag = next_random(seed), .c_lflag = next_random(seed)};
    m.c_lflag &= ~(tcflag_t)TOSTOP;
    for (int i = 0; i < NCCS; i++)
        m.c_cc[i] = (cc_t)(next_random(seed) % 32);
    m.c_cc[VTIME] = 0;
    ok(__NR_ioctl, fd, next_random(seed) % 4 ? TCSETS : TCSETSF, &m);
}

static void random_bytes(uint8_t *to, int n, uint32_t *seed)
{
    for (int i = 0; i < n; i++)
        to[i] = (uint8_t)(next_random(seed) % 3 ? next_random(seed) % 32 : next_random(seed));
}

static void guest_random(void)
{
    static const uint32_t commands[] = {TCFLSH, TCXONC, TIOCPKT, FIONREAD, TCSBRK};
    uint8_t *room = user_alloc(6000);
    uint32_t *seed = user_alloc(4);
    int fds[2], flag;
    *seed = 1;
    pair(fds, O_NONBLOCK);
    for (int i = 0; i < 6000; i++) {
        int side = next_random(seed) % 2, n = next_random(seed) % 8 ? (int)(next_random(seed) % 40) : 6000;
        switch (next_random(seed) % 8) {
        case 0:
            random_modes(fds[1], seed);
            break;
        case 1:
            flag = next_random(seed) % 2;
            (void)sys(__NR_ioctl, fds[side], commands[next_random(seed) % 5],
                      next_random(seed) % 2 ? &flag : (void *)1);
            break;
        case 2:
        case 3:
            assert_in_range(poll_one(fds[side], POLLIN | POLLOUT | POLLPRI), 0, 0xffff);
            break;
        case 4:
        case 5:
            random_bytes(room, n, seed);
            (void)sys(__NR_write, fds[side], room, n);
            break;
        default:
            assert_true(sys(__NR_read, fds[side], room, n) <= n);
        }
    }
    ok(__NR_close, fds[0]);
    gives(0, __NR_read, fds[1], room, 10);
}

static void test_random_use_breaks_nothing(void **state)
{
    assert_int_equal(harness_run(NULL, guest_random), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_console_is_the_first_terminal_and_controls_the_first_session),
        cmocka_unit_test(test_console_lines_are_edited_and_echoed_by_the_kernel),
        cmocka_unit_test(test_interrupt_character_ends_a_program_that_reads_nothing),
        cmocka_unit_test(test_interrupt_character_interrupts_a_read),
        cmocka_unit_test(test_end_of_the_platforms_terminal_is_a_hangup),
        cmocka_unit_test(test_new_window_is_signalled),
        cmocka_unit_test(test_without_a_terminal_there_is_none),
        cmocka_unit_test(test_streams_of_the_platform_are_a_terminal_until_nobody_has_it),
        cmocka_unit_test(test_names_are_the_lowest_numbers_and_go_with_the_master),
        cmocka_unit_test(test_directory_lists_what_exists),
        cmocka_unit_test(test_each_mount_is_an_instance_of_its_own),
        cmocka_unit_test(test_exclusive_terminal_refuses_others),
        cmocka_unit_test(test_reader_and_poller_wait_for_a_line),
        cmocka_unit_test(test_writers_of_both_sides_wait_for_readers),
        cmocka_unit_test(test_readers_learn_that_the_other_side_is_gone),
        cmocka_unit_test(test_stopped_output_goes_on_with_the_start_character),
        cmocka_unit_test(test_vtime_counts_tenths_of_seconds),
        cmocka_unit_test(test_terminals_without_memory_are_refused_and_give_all_back),
        cmocka_unit_test(test_bad_addresses_are_efault),
        cmocka_unit_test(test_random_use_breaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
