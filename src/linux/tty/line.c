/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline's input, termios(3): what each character that comes in means, the editing of a line, echo. Takes
 * bytes from `incoming` and leaves them in `line`; what it makes of one depends on the modes at that moment, as Linux's
 * does.
 */
#include "linux/tty/internal.h"

#include <string.h>

#define MASK (TTY_LINE - 1)

/* ---- the characters that are kept ---- */

static uint8_t line_at(const struct tty *t, uint32_t place)
{
    return t->line.bytes[place & MASK];
}

static void line_mark(struct tty *t, uint32_t place, bool end)
{
    uint8_t bit = (uint8_t)(1u << (place & 7)), *byte = &t->line.ends[(place & MASK) >> 3];
    *byte = end ? *byte | bit : *byte & (uint8_t)~bit;
}

static void line_put(struct tty *t, uint8_t c)
{
    line_mark(t, t->line.head, false);
    t->line.bytes[t->line.head++ & MASK] = c;
}

/* 0377 is the mark of PARMRK: a real one is doubled. */
static void line_put_marked(struct tty *t, uint8_t c)
{
    if (c == 0377 && t->modes.c_iflag & PARMRK)
        line_put(t, c);
    line_put(t, c);
}

static void line_end(struct tty *t, uint8_t c)
{
    line_put(t, c);
    line_mark(t, t->line.head - 1, true);
    t->line.whole = t->line.head;
}

void line_flush(struct tty *t)
{
    t->line.head = t->line.tail = t->line.whole = 0;
    t->line.erasing = t->line.pushed = false;
    memset(t->line.ends, 0, TTY_LINE / 8);
}

/* ---- what a character is ---- */

static bool is_control(uint8_t c)
{
    return c < 32 || c == 127;
}

/* As Linux's ctype has it: Latin-1. */
static bool is_word(uint8_t c)
{
    bool letter = (c | 32) >= 'a' && (c | 32) <= 'z' && c < 128;
    return letter || (c >= '0' && c <= '9') || c == '_' || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* Of a character in UTF-8, but not its first byte. */
static bool is_inner(const struct tty *t, uint8_t c)
{
    return t->modes.c_iflag & IUTF8 && (c & 0xc0) == 0x80;
}

/* It has this function; 0 has none. */
static bool is(const struct tty *t, int function, uint8_t c)
{
    return c && t->modes.c_cc[function] == c;
}

/* ---- editing ---- */

static void erasing_ends(struct tty *t)
{
    if (t->line.erasing)
        echo_byte(t, '/');
    t->line.erasing = false;
}

/* The columns between a tab at `head` and the tab or the begin of the line before it. */
static void erase_tab(struct tty *t, uint32_t head)
{
    uint32_t columns = 0;
    bool after_tab = false;
    for (uint32_t at = head; at != t->line.whole && !after_tab;) {
        uint8_t c = line_at(t, --at);
        if (c == '\t')
            after_tab = true;
        else if (is_control(c))
            columns += tty_flag(t, ECHOCTL) ? 2 : 0;
        else
            columns += !is_inner(t, c);
    }
    echo_tab_erased(t, columns, after_tab);
}

static void erase_columns(struct tty *t, uint32_t n)
{
    while (n--) {
        echo_byte(t, '\b');
        echo_byte(t, ' ');
        echo_byte(t, '\b');
    }
}

/* One character that was `n` bytes from `head` on is gone: what is to be seen of it. */
static void erase_shown(struct tty *t, uint32_t head, uint32_t n, bool one)
{
    uint8_t c = line_at(t, head);
    if (tty_flag(t, ECHOPRT)) {
        if (!t->line.erasing)
            echo_byte(t, '\\');
        t->line.erasing = true;
        echo_shown(t, c);
        for (uint32_t i = 1; i < n; i++)
            echo_byte(t, line_at(t, head + i));
    } else if (one && !tty_flag(t, ECHOE)) {
        echo_shown(t, t->modes.c_cc[VERASE]);
    } else if (c == '\t') {
        erase_tab(t, head);
    } else {
        erase_columns(t, is_control(c) ? (tty_flag(t, ECHOCTL) ? 2 : 0) : 1);
    }
}

/* The whole line goes, and is not taken from the screen character by character. */
static bool kill_at_once(struct tty *t)
{
    const tcflag_t all = ECHOK | ECHOKE | ECHOE;
    if (tty_flag(t, ECHO) && (t->modes.c_lflag & all) == all)
        return false;
    t->line.head = t->line.whole;
    if (!tty_flag(t, ECHO))
        return true;
    erasing_ends(t);
    echo_shown(t, t->modes.c_cc[VKILL]);
    if (tty_flag(t, ECHOK))
        echo_byte(t, '\n');
    return true;
}

static void erase(struct tty *t, int function)
{
    bool word = false;
    if (t->line.head == t->line.whole || (function == VKILL && kill_at_once(t)))
        return;
    while (t->line.head != t->line.whole) {
        uint32_t head = t->line.head;
        uint8_t c;
        do {
            c = line_at(t, --head);
        } while (is_inner(t, c) && head != t->line.whole);
        if (is_inner(t, c))
            break; /* its first byte is not there: it stays */
        if (function == VWERASE && !is_word(c) && word)
            break;
        word |= is_word(c);
        uint32_t n = t->line.head - head;
        t->line.head = head;
        if (tty_flag(t, ECHO))
            erase_shown(t, head, n, function == VERASE);
        if (function == VERASE)
            break;
    }
    if (t->line.head == t->line.whole && tty_flag(t, ECHO))
        erasing_ends(t);
}

static void reprint(struct tty *t)
{
    erasing_ends(t);
    echo_shown(t, t->modes.c_cc[VREPRINT]);
    echo_byte(t, '\n');
    for (uint32_t at = t->line.whole; at != t->line.head; at++)
        echo_shown(t, line_at(t, at));
}

/* ---- one character ---- */

static void echo_typed(struct tty *t, uint8_t c)
{
    if (!tty_flag(t, ECHO))
        return;
    erasing_ends(t);
    if (t->line.whole == t->line.head)
        echo_line_begins(t);
    echo_shown(t, c);
}

static void receive_plain(struct tty *t, uint8_t c)
{
    echo_typed(t, c);
    line_put_marked(t, c);
}

/* VINTR, VQUIT, VSUSP. What was typed and written before is gone, but for NOFLSH. */
static void receive_signal(struct tty *t, uint8_t c, int signo)
{
    tty_signal(t, signo);
    if (!tty_flag(t, NOFLSH)) {
        t->echo.used = 0;
        output_flush(t);
        line_flush(t);
        pty_status(t, TIOCPKT_FLUSHREAD, 0);
    }
    if (t->modes.c_iflag & IXON)
        output_start(t);
    if (tty_flag(t, ECHO))
        echo_shown(t, c);
}

static bool receive_flow(struct tty *t, uint8_t c)
{
    if (!(t->modes.c_iflag & IXON))
        return false;
    if (is(t, VSTART, c))
        output_start(t);
    else if (is(t, VSTOP, c))
        output_stop(t);
    else
        return false;
    return true;
}

static bool receive_signals(struct tty *t, uint8_t c)
{
    if (!tty_flag(t, ISIG))
        return false;
    int signo = is(t, VINTR, c) ? SIGINT : is(t, VQUIT, c) ? SIGQUIT : is(t, VSUSP, c) ? SIGTSTP : 0;
    if (signo)
        receive_signal(t, c, signo);
    return signo;
}

/* VERASE, VKILL, VWERASE, VLNEXT, VREPRINT. */
static bool receive_editing(struct tty *t, uint8_t c)
{
    bool extended = tty_flag(t, IEXTEN);
    if (is(t, VERASE, c)) {
        erase(t, VERASE);
    } else if (is(t, VKILL, c)) {
        erase(t, VKILL);
    } else if (extended && is(t, VWERASE, c)) {
        erase(t, VWERASE);
    } else if (extended && is(t, VLNEXT, c)) {
        t->line.literal = true;
        if (tty_flag(t, ECHO)) {
            erasing_ends(t);
            if (tty_flag(t, ECHOCTL))
                echo_byte(t, '^'), echo_byte(t, '\b');
        }
    } else if (extended && tty_flag(t, ECHO) && is(t, VREPRINT, c)) {
        reprint(t);
    } else {
        return false;
    }
    return true;
}

/* A newline, VEOF, VEOL, VEOL2. */
static bool receive_end(struct tty *t, uint8_t c)
{
    if (c == '\n') {
        if (t->modes.c_lflag & (ECHO | ECHONL))
            echo_byte(t, c);
        line_end(t, c);
    } else if (is(t, VEOF, c)) {
        line_end(t, 0);
    } else if (is(t, VEOL, c) || (tty_flag(t, IEXTEN) && is(t, VEOL2, c))) {
        if (tty_flag(t, ECHO)) {
            if (t->line.whole == t->line.head)
                echo_line_begins(t);
            echo_shown(t, c);
        }
        if (c == 0377 && t->modes.c_iflag & PARMRK)
            line_put(t, c);
        line_end(t, c);
    } else {
        return false;
    }
    return true;
}

/* ICRNL. Without lines it is echoed as what it became; a newline that is one is echoed as a control character. */
static void receive_return(struct tty *t)
{
    if (tty_flag(t, ICANON)) {
        if (!receive_editing(t, '\n'))
            (void)receive_end(t, '\n');
        return;
    }
    if (tty_flag(t, ECHO)) {
        erasing_ends(t);
        echo_byte(t, '\n');
    }
    line_put(t, '\n');
}

static void receive_byte(struct tty *t, uint8_t c)
{
    tcflag_t in = t->modes.c_iflag;
    if (t->line.literal) {
        t->line.literal = false;
        receive_plain(t, in & ISTRIP ? c & 0177 : c);
        return;
    }
    if (in & ISTRIP)
        c &= 0177;
    if (in & IUCLC && tty_flag(t, IEXTEN) && c >= 'A' && c <= 'Z')
        c = (uint8_t)(c - 'A' + 'a');
    if (tty_flag(t, EXTPROC)) {
        line_put(t, c);
        return;
    }
    if (receive_flow(t, c) || receive_signals(t, c))
        return;
    if (in & IXON && in & IXANY)
        output_start(t);
    if (c == '\r' && in & (IGNCR | ICRNL)) {
        if (!(in & IGNCR))
            receive_return(t);
        return;
    }
    if (c == '\n' && in & INLCR)
        c = '\r';
    if (tty_flag(t, ICANON) && (receive_editing(t, c) || receive_end(t, c)))
        return;
    receive_plain(t, c);
}

/* A line that is too long is cut: the last character that fits is replaced again and again, so that its end goes in. */
static bool line_room(struct tty *t)
{
    uint32_t used = t->line.head - t->line.tail, each = t->modes.c_iflag & PARMRK ? 3 : 1;
    if ((TTY_LINE - used + each - 1) / each > 1)
        return true;
    if (!tty_is_canonical(t) || t->line.whole != t->line.tail)
        return false;
    if (used == TTY_LINE)
        t->line.head--;
    return true;
}

void line_receive(struct tty *t)
{
    uint32_t taken = 0;
    uint8_t c;
    while (t->incoming.used && line_room(t)) {
        (void)bytes_look(&t->incoming, &c, 1);
        bytes_drop(&t->incoming, 1);
        receive_byte(t, c);
        taken++;
    }
    if (!taken)
        return;
    echo_flush(t);
    if (line_readable(t, false))
        wait_wake(&t->changed, EPOLLIN | EPOLLRDNORM, 1 << 30);
    tty_incoming_room(t);
}

/* ---- other modes ---- */

void line_modes_changed(struct tty *t, const struct ktermios *old)
{
    if ((old->c_lflag ^ t->modes.c_lflag) & (ICANON | EXTPROC)) {
        memset(t->line.ends, 0, TTY_LINE / 8);
        t->line.whole = t->line.tail;
        t->line.pushed = tty_flag(t, ICANON) && t->line.head != t->line.tail;
        if (t->line.pushed) {
            line_mark(t, t->line.head - 1, true);
            t->line.whole = t->line.head;
        }
        t->line.erasing = t->line.literal = false;
    }
    if (old->c_iflag & IXON && !(t->modes.c_iflag & IXON))
        output_start(t);
    line_receive(t);
    wait_wake_all(&t->changed);
}
