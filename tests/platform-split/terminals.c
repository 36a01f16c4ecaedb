/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of cases about terminals: pseudo terminals of its own, what is typed at them and what comes out, jobs in
 * them. It prints what it sees and decides nothing: its output on the host's kernel and on ours has to be the same. It
 * prints no number that a kernel may choose. Linux's line discipline works behind a caller's back; poll(2) of the slave
 * and then of the master waits for it, so nothing here depends on time.
 *     terminals [CASE...]
 */
#include "terminals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int master, slave;

/* ---- what every case does ---- */

void say(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

const char *result(long r)
{
    static char rooms[4][32];
    static int turn;
    char *room = rooms[turn++ % 4];
    if (r < 0)
        snprintf(room, 32, "%s", strerrorname_np(errno));
    else
        snprintf(room, 32, "%ld", r);
    return room;
}

static void bytes(const char *what, const char *at, size_t n)
{
    printf("  %s \"", what);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)at[i];
        if (c == '\n')
            printf("\\n");
        else if (c == '\r')
            printf("\\r");
        else if (c < 32 || c > 126 || c == '"' || c == '\\')
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    puts("\"");
    fflush(stdout);
}

struct termios modes(void)
{
    struct termios m;
    if (ioctl(slave, TCGETS, &m))
        say("  TCGETS: %s", result(-1));
    return m;
}

static void set(const struct termios *m)
{
    if (ioctl(slave, TCSETS, m))
        say("  TCSETS: %s", result(-1));
}

void local(tcflag_t on, tcflag_t off)
{
    struct termios m = modes();
    m.c_lflag = (m.c_lflag | on) & ~off;
    set(&m);
}

static void input(tcflag_t on, tcflag_t off)
{
    struct termios m = modes();
    m.c_iflag = (m.c_iflag | on) & ~off;
    set(&m);
}

static void character(int which, int c)
{
    struct termios m = modes();
    m.c_cc[which] = (cc_t)c;
    set(&m);
}

/* Neither side of it waits for anything. */
void pair(void)
{
    int zero = 0;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &zero))
        say("  no pseudo terminal: %s", result(-1));
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        say("  TIOCGPTPEER: %s", result(-1));
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
}

void end(void)
{
    close(slave);
    close(master);
}

static void settle(void)
{
    struct pollfd p = {.fd = slave, .events = POLLIN};
    (void)poll(&p, 1, 0);
    p.fd = master;
    (void)poll(&p, 1, 0);
}

static void type_n(const char *what, size_t n)
{
    if (write(master, what, n) != (ssize_t)n)
        say("  typing: %s", result(-1));
    settle();
}

void type(const char *what)
{
    type_n(what, strlen(what));
}

/* Everything that comes out. */
void out(void)
{
    char room[65536];
    size_t n = 0;
    ssize_t r;
    settle();
    while (n < sizeof(room) && (r = read(master, room + n, sizeof(room) - n)) > 0)
        n += (size_t)r;
    bytes("out", room, n);
}

static void in_n(size_t n)
{
    char room[8192];
    ssize_t r = read(slave, room, n);
    if (r < 0)
        say("  in %s", result(r));
    else
        bytes("in", room, (size_t)r);
}

void in(void)
{
    in_n(8192);
}

static void readable(int fd, const char *what)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
    settle();
    (void)poll(&p, 1, 0);
    say("  %s:%s%s%s%s%s", what, p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "",
        p.revents & POLLPRI ? " pri" : "", p.revents & POLLHUP ? " hup" : "", p.revents & POLLERR ? " err" : "");
}

/* ---- lines ---- */

static void case_line(void)
{
    pair();
    type("hello\n");
    out();
    readable(slave, "slave");
    in();
    in();
    type("one\rtwo\nthree");
    out();
    in_n(2);
    in_n(2);
    in();
    in();
    type("\n");
    in();
    end();
}

static void case_modes(void)
{
    struct termios2 m = {0};
    struct {
        unsigned short in, out, control, local;
        unsigned char line, cc[8];
    } old = {0};
    pair();
    say("  TCGETS2 %s", result(ioctl(slave, TCGETS2, &m)));
    say("  %o %o %o %o line %d speeds %u %u", m.c_iflag, m.c_oflag, m.c_cflag, m.c_lflag, m.c_line, m.c_ispeed,
        m.c_ospeed);
    bytes("characters", (char *)m.c_cc, NCCS);
    say("  TCGETA %s", result(ioctl(slave, TCGETA, &old)));
    say("  %o %o %o %o", old.in, old.out, old.control, old.local);
    old.local &= (unsigned short)~ECHO;
    old.control = B9600 | CS7 | PARENB;
    say("  TCSETA %s", result(ioctl(slave, TCSETAW, &old)));
    ioctl(master, TCGETS2, &m);
    say("  %o %o %o %o speeds %u %u", m.c_iflag, m.c_oflag, m.c_cflag, m.c_lflag, m.c_ispeed, m.c_ospeed);
    m.c_cflag = (m.c_cflag & ~(tcflag_t)CBAUD) | BOTHER, m.c_ospeed = 12345, m.c_ispeed = 12345;
    say("  TCSETS2 %s", result(ioctl(slave, TCSETSF2, &m)));
    ioctl(slave, TCGETS2, &m);
    say("  %o speeds %u %u", m.c_cflag, m.c_ispeed, m.c_ospeed);
    end();
}

static const char *const typed[] = {"abc\177\177d\n",          "abc\177\177\177\177\n", "foo bar_baz  \027x\n",
                                    "one two\025three\n",      "a\tb\177\177c\n",       "\001\002x\177\177\177y\n",
                                    "12345678\t\t\177\177z\n", "\001\t\177q\n",         "ab\022c\n",
                                    "x\026\003y\026\177\n"};

static void edit_all(const char *title)
{
    say("  -- %s", title);
    for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
        type(typed[i]);
        out();
        in();
    }
}

static void case_editing(void)
{
    pair();
    input(0, ICRNL);
    edit_all("as it is");
    local(0, ECHOE);
    edit_all("no ECHOE");
    local(ECHOE, ECHOKE);
    edit_all("no ECHOKE");
    local(0, ECHOK);
    edit_all("no ECHOK");
    local(ECHOK | ECHOKE, ECHOCTL);
    edit_all("no ECHOCTL");
    local(ECHOPRT, 0);
    edit_all("ECHOPRT");
    local(ECHOCTL, ECHOPRT | IEXTEN);
    edit_all("no IEXTEN");
    local(IEXTEN | ECHONL, ECHO);
    edit_all("ECHONL alone");
    end();
}

static void case_utf8(void)
{
    static const char *const words[] = {
        "h\303\251\177x\n", "\342\202\254\177\177\n", "a\360\237\230\200\177b\n", "\303\251 \303\251\027z\n",
        "\251\177\n",       "\t\303\251\t\177\177q\n"};
    for (int utf8 = 0; utf8 < 2; utf8++) {
        pair();
        input(utf8 ? IUTF8 : 0, utf8 ? 0 : IUTF8);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            type(words[i]);
            out();
            in();
        }
        end();
    }
}

static void case_ends(void)
{
    int n;
    pair();
    local(0, ECHO);
    type("abc\004");
    ioctl(slave, FIONREAD, &n);
    say("  %d to read", n);
    in();
    in();
    type("\004");
    readable(slave, "slave");
    in();
    in();
    type("ab\004cd\n");
    in_n(2);
    in();
    in();
    type("ab\004\004x\n");
    in_n(1);
    in_n(8);
    in_n(8);
    in_n(8);
    character(VEOL, ';');
    character(VEOL2, '!');
    type("one;two!three\n");
    ioctl(slave, FIONREAD, &n);
    say("  %d to read", n);
    in();
    in();
    in();
    local(ECHO, IEXTEN);
    type("one;two!three\n");
    out();
    in();
    in();
    character(VEOF, 0);
    type("a\004b\n");
    in();
    end();
}

static void case_long(void)
{
    char line[5001];
    memset(line, 'x', 4999);
    line[4999] = 'y', line[5000] = '\n';
    pair();
    local(0, ECHO);
    type_n(line, sizeof(line));
    ssize_t n = read(slave, line, sizeof(line));
    say("  %s of the line, its end %d %d", result(n), n > 1 ? line[n - 2] : 0, n > 0 ? line[n - 1] : 0);
    in();
    memset(line, 'z', 4095);
    line[4095] = '\n';
    type_n(line, 4096);
    n = read(slave, line, sizeof(line));
    say("  %s", result(n));
    end();
}

/* ---- what becomes of characters ---- */

static void case_input(void)
{
    static const struct {
        const char *name;
        tcflag_t on, off;
    } rows[] = {{"ICRNL", ICRNL, 0}, {"no ICRNL", 0, ICRNL}, {"INLCR", INLCR, ICRNL}, {"INLCR ICRNL", INLCR | ICRNL, 0},
                {"IGNCR", IGNCR, 0}, {"ISTRIP", ISTRIP, 0},  {"IUCLC", IUCLC, 0},     {"PARMRK", PARMRK, 0}};
    for (int canonical = 0; canonical < 2; canonical++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            pair();
            local(canonical ? ICANON : 0, canonical ? 0 : ICANON);
            input(rows[i].on, rows[i].off);
            say("  -- %s%s", rows[i].name, canonical ? "" : ", raw");
            type("Ab\rC\nd\377\351E\026\377\r\n\n");
            out();
            in();
            in();
            in();
            end();
        }
    }
}

static void case_output(void)
{
    static const struct {
        const char *name;
        tcflag_t flags;
    } rows[] = {{"ONLCR", OPOST | ONLCR},
                {"nothing", ONLCR},
                {"OPOST", OPOST},
                {"XTABS", OPOST | ONLCR | XTABS},
                {"XTABS alone", OPOST | XTABS},
                {"OCRNL", OPOST | OCRNL},
                {"OCRNL ONLRET", OPOST | OCRNL | ONLRET | XTABS},
                {"ONOCR", OPOST | ONOCR},
                {"ONLRET", OPOST | ONLRET | XTABS},
                {"OLCUC", OPOST | OLCUC}};
    static const char words[] = "\rab\tc\r\n\r\r\n\td\b\b\be\tf\n\xc3\xa9\tg\001\033\t.";
    for (int utf8 = 0; utf8 < 2; utf8++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            pair();
            struct termios m = modes();
            m.c_oflag = rows[i].flags;
            m.c_iflag = utf8 ? m.c_iflag | IUTF8 : m.c_iflag;
            set(&m);
            say("  -- %s: %s", rows[i].name, result(write(slave, words, sizeof(words) - 1)));
            out();
            type("a\tb\r");
            out();
            end();
        }
}

/* ---- reads that are not of lines ---- */

static void raw_read(int least, int tenths, bool waits)
{
    char room[16];
    character(VMIN, least);
    character(VTIME, tenths);
    fcntl(slave, F_SETFL, O_RDWR | (waits ? 0 : O_NONBLOCK));
    readable(slave, "slave");
    ssize_t n = read(slave, room, 5);
    say("  VMIN %d VTIME %d%s: %s", least, tenths, waits ? ", waiting" : "", result(n));
}

static void case_raw(void)
{
    pair();
    local(0, ICANON | ECHO);
    raw_read(1, 0, false);
    raw_read(0, 0, false);
    raw_read(0, 0, true);
    raw_read(0, 1, true);
    type("ab");
    raw_read(3, 0, false);
    type("ab");
    raw_read(3, 1, true);
    type("abcdefg");
    raw_read(3, 0, true);
    raw_read(1, 0, true);
    type("\004\n\026\177");
    raw_read(1, 0, true);
    type("abc");
    raw_read(200, 1, true);
    end();
}

static void case_switch(void)
{
    pair();
    local(0, ECHO);
    type("abc");
    in();
    local(0, ICANON);
    readable(slave, "raw");
    in_n(1);
    local(ICANON, 0);
    readable(slave, "lines");
    in();
    type("d\n");
    in();
    type("a\004b\nc");
    local(0, ICANON);
    in();
    type("x\n\004");
    local(ICANON, 0);
    in_n(1);
    in();
    in();
    type("keep");
    struct termios m = modes();
    say("  TCSETSF %s", result(ioctl(slave, TCSETSF, &m)));
    type("!\n");
    in();
    type("keep");
    say("  TCSETSW %s", result(ioctl(slave, TCSETSW, &m)));
    type("!\n");
    in();
    end();
}

/* ---- flow ---- */

static void write_some(void)
{
    say("  write %s", result(write(slave, "some\n", 5)));
}

static void case_flow(void)
{
    pair();
    type("\023");
    write_some();
    readable(slave, "slave");
    type("typed\n");
    out();
    in();
    type("\021");
    out();
    write_some();
    out();
    input(IXANY, 0);
    type("\023");
    write_some();
    type("x");
    write_some();
    out();
    type("\023");
    input(0, IXON);
    write_some();
    out();
    type("\023\021\n");
    out();
    in();
    say("  TCOOFF %s", result(ioctl(slave, TCXONC, TCOOFF)));
    write_some();
    input(IXON, 0);
    type("\021");
    write_some();
    say("  TCOON %s", result(ioctl(slave, TCXONC, TCOON)));
    write_some();
    type("\023");
    say("  TCOON %s", result(ioctl(slave, TCXONC, TCOON)));
    write_some();
    type("\021");
    out();
    say("  TCIOFF %s", result(ioctl(slave, TCXONC, TCIOFF)));
    say("  TCION %s", result(ioctl(slave, TCXONC, TCION)));
    out();
    say("  TCXONC 9 %s", result(ioctl(slave, TCXONC, 9)));
    end();
}

static void case_flush(void)
{
    int n;
    pair();
    type("line\npart");
    say("  TCIFLUSH %s", result(ioctl(slave, TCFLSH, TCIFLUSH)));
    in();
    type("more\n");
    in();
    out();
    write_some();
    settle();
    say("  TCOFLUSH %s", result(ioctl(slave, TCFLSH, TCOFLUSH)));
    out();
    write_some();
    settle();
    say("  master TCIFLUSH %s", result(ioctl(master, TCFLSH, TCIFLUSH)));
    out();
    say("  TCFLSH 7 %s", result(ioctl(slave, TCFLSH, 7)));
    say("  TCSBRK %s %s", result(ioctl(slave, TCSBRK, 0)), result(ioctl(slave, TCSBRK, 1)));
    write_some();
    settle();
    say("  TIOCOUTQ %s", result(ioctl(slave, TIOCOUTQ, &n)));
    say("  %d", n);
    ioctl(master, FIONREAD, &n);
    say("  %d at the master", n);
    end();
}

static void packet(void)
{
    char room[64];
    settle();
    ssize_t n = read(master, room, sizeof(room));
    if (n < 0)
        say("  packet %s", result(n));
    else
        bytes("packet", room, (size_t)n);
}

static void case_packets(void)
{
    int one = 1, is = -1;
    pair();
    write_some();
    say("  TIOCPKT %s", result(ioctl(master, TIOCPKT, &one)));
    say("  TIOCGPKT %s", result(ioctl(master, TIOCGPKT, &is)));
    say("  %d", is);
    packet();
    packet();
    type("\023");
    readable(master, "master");
    packet();
    type("\021");
    packet();
    write_some();
    type("\003");
    packet();
    packet();
    packet();
    ioctl(slave, TCFLSH, TCIFLUSH);
    packet();
    ioctl(slave, TCFLSH, TCIOFLUSH);
    packet();
    input(0, IXON);
    packet();
    input(IXON, 0);
    packet();
    character(VSTOP, 7);
    packet();
    character(VSTOP, 19);
    packet();
    local(EXTPROC, 0);
    packet();
    type("a\177b\n");
    packet();
    in();
    local(0, EXTPROC);
    packet();
    one = 0;
    ioctl(master, TIOCPKT, &one);
    type("q\n");
    out();
    say("  TIOCPKT at the slave %s", result(ioctl(slave, TIOCPKT, &one)));
    end();
}

/* ---- the two sides ---- */

static void case_sides(void)
{
    char name[64], room[8];
    unsigned n = 0;
    struct stat st;
    int zero = 0, one = 1, is = -1;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    slave = -1;
    say("  TIOCGPTN %s", result(ioctl(master, TIOCGPTN, &n)));
    snprintf(name, sizeof(name), "/dev/pts/%u", n);
    say("  TIOCGPTLCK %s", result(ioctl(master, TIOCGPTLCK, &is)));
    say("  %d", is);
    say("  locked: %s", result(open(name, O_RDWR | O_NOCTTY)));
    say("  locked: %s", result(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY)));
    ioctl(master, TIOCSPTLCK, &zero);
    readable(master, "nobody yet");
    say("  typing %s", result(write(master, "early\n", 6)));
    slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    say("  stat %s", result(stat(name, &st)));
    say("  a device %d", S_ISCHR(st.st_mode));
    say("  major %u minor %d", (unsigned)(st.st_rdev >> 8), (unsigned)st.st_rdev % 256 == n % 256);
    settle();
    in();
    out();
    write_some();
    close(slave);
    readable(master, "left");
    out();
    readable(master, "left and read");
    say("  read %s", result(read(master, room, sizeof(room))));
    say("  typing %s", result(write(master, "late\n", 5)));
    slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    readable(master, "there again");
    in();
    out();
    ioctl(slave, TIOCEXCL);
    say("  TIOCGEXCL %s", result(ioctl(slave, TIOCGEXCL, &is)));
    say("  %d", is);
    ioctl(slave, TIOCNXCL);
    write_some();
    close(master);
    say("  name %s", result(stat(name, &st)));
    master = open("/dev/null", O_RDWR);
    readable(slave, "slave without master");
    in();
    write_some();
    say("  TCGETS %s", result(ioctl(slave, TCGETS, room)));
    say("  TIOCSPGRP %s", result(ioctl(slave, TIOCSPGRP, &one)));
    end();
}

static void case_calls(void)
{
    int n = 0, pipes[2];
    struct winsize w = {0};
    pair();
    say("  TIOCGWINSZ %s", result(ioctl(slave, TIOCGWINSZ, &w)));
    say("  %d %d", w.ws_row, w.ws_col);
    w.ws_row = 33, w.ws_col = 111;
    say("  TIOCSWINSZ %s", result(ioctl(master, TIOCSWINSZ, &w)));
    w.ws_row = w.ws_col = 0;
    ioctl(slave, TIOCGWINSZ, &w);
    say("  %d %d", w.ws_row, w.ws_col);
    say("  TIOCGETD %s", result(ioctl(slave, TIOCGETD, &n)));
    say("  %d", n);
    n = 0;
    say("  TIOCSETD %s", result(ioctl(slave, TIOCSETD, &n)));
    say("  TIOCGPGRP %s", result(ioctl(slave, TIOCGPGRP, &n)));
    say("  TIOCGPGRP of the master %s", result(ioctl(master, TIOCGPGRP, &n)));
    say("  %d", n);
    say("  TIOCGSID %s", result(ioctl(slave, TIOCGSID, &n)));
    say("  TIOCGSID of the master %s", result(ioctl(master, TIOCGSID, &n)));
    say("  TIOCSPGRP %s", result(ioctl(slave, TIOCSPGRP, &n)));
    say("  TIOCNOTTY %s", result(ioctl(slave, TIOCNOTTY)));
    say("  TIOCGPTN of the slave %s", result(ioctl(slave, TIOCGPTN, &n)));
    say("  TIOCMGET %s", result(ioctl(slave, TIOCMGET, &n)));
    say("  TIOCGSOFTCAR %s", result(ioctl(slave, TIOCGSOFTCAR, &n)));
    say("  %d", n);
    n = 1;
    ioctl(slave, TIOCSSOFTCAR, &n);
    say("  CLOCAL %d", !!(modes().c_cflag & CLOCAL));
    say("  TIOCSBRK %s TIOCCBRK %s", result(ioctl(slave, TIOCSBRK)), result(ioctl(slave, TIOCCBRK)));
    say("  TIOCSIG %s", result(ioctl(master, TIOCSIG, SIGINT)));
    say("  TIOCSIG %s", result(ioctl(master, TIOCSIG, SIGHUP)));
    say("  TIOCSIG of the slave %s", result(ioctl(slave, TIOCSIG, SIGINT)));
    say("  TIOCSETD 99 %s", result(ioctl(master, TIOCSETD, &(int){99})));
    say("  unknown %s", result(ioctl(slave, 0x54ff, &n)));
    say("  TCGETS to nowhere %s", result(ioctl(slave, TCGETS, NULL)));
    say("  lseek %s", result(lseek(slave, 0, SEEK_CUR)));
    say("  pread %s", result(pread(slave, &n, 1, 0)));
    say("  isatty %d %d", isatty(slave), isatty(master));
    if (!pipe(pipes))
        say("  of a pipe %s", result(ioctl(pipes[0], TCGETS, &w)));
    close(pipes[0]), close(pipes[1]);
    end();
}

/* ---- the list ---- */

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"line", case_line},       {"modes", case_modes},     {"editing", case_editing},
    {"utf8", case_utf8},       {"ends", case_ends},       {"long", case_long},
    {"input", case_input},     {"output", case_output},   {"raw", case_raw},
    {"switch", case_switch},   {"flow", case_flow},       {"flush", case_flush},
    {"packets", case_packets}, {"sides", case_sides},     {"calls", case_calls},
    {"signals", case_signals}, {"stop", case_stop},       {"background", case_background},
    {"orphans", case_orphans}, {"window", case_window},   {"hangup", case_hangup},
    {"leader", case_leader},   {"control", case_control},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool wanted = argc < 2;
        for (int a = 1; a < argc; a++)
            wanted |= !strcmp(argv[a], cases[i].name);
        if (!wanted)
            continue;
        say("%s", cases[i].name);
        cases[i].run();
    }
    return 0;
}
