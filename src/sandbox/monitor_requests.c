/* SPDX-License-Identifier: Apache-2.0 */
/* What commands ask the monitor on control.sock (boundary/control.h), and who waits for an end. A record was checked by
 * control_receive(); a client that does not read is given up. */
#include "sandbox/monitor_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* ---- clients ------------------------------------------------------------------------------------------------ */

static void client_close(struct client *c)
{
    close(c->fd);
    *c = (struct client){.fd = -1};
}

static void answer(struct client *c, uint16_t type, uint32_t serial, int32_t code, const void *payload, size_t n,
                   int fd)
{
    if (control_send(c->fd, type | CONTROL_REPLY, serial, code, payload, n, fd) < 0)
        client_close(c);
}

static void answer_error(struct client *c, uint16_t type, uint32_t serial, int code, const char *text)
{
    answer(c, type, serial, code, text, strlen(text) + 1, -1);
}

static void tell_end(struct client *c)
{
    static const uint16_t types[] = {
        [WAITS_END] = CONTROL_WAIT, [WAITS_STOP] = CONTROL_STOP, [WAITS_REMOVE] = CONTROL_REMOVE};
    const struct sandbox_end *e = &monitor.facts.end;
    struct control_end end = {.exit_code = e->exit_code, .oom_killed = e->oom_killed};

    snprintf(end.reason, sizeof end.reason, "%s", end_reason_name(e->reason));
    enum waits w = c->waits;
    c->waits = WAITS_NOT;
    if (w == WAITS_REMOVE && !monitor.facts.removed && !monitor.tried)
        client_close(c); /* it came too late for us, and is done by who asked */
    else if (w == WAITS_REMOVE && !monitor.facts.removed)
        answer_error(c, CONTROL_REMOVE, c->serial, monitor.facts.code < 0 ? monitor.facts.code : -EIO,
                     monitor.facts.code < 0 ? monitor.facts.text : "it could not be removed");
    else
        answer(c, types[w], c->serial, 0, &end, sizeof end, -1);
}

/* finished: for good; else one run has ended and another will follow. */
void monitor_tell(bool finished)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &monitor.clients[i];
        if (c->fd >= 0 && c->waits != WAITS_NOT && (finished || c->waits == WAITS_STOP))
            tell_end(c);
    }
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

static void request_input(struct client *c, uint32_t serial)
{
    int fd = monitor.facts.terminal ? monitor.master : monitor.common->hands.input ? MONITOR_INPUT : -1;

    if (fd < 0)
        answer_error(c, CONTROL_INPUT, serial, -ENOTCONN,
                     monitor.facts.terminal ? "its terminal was hung up"
                                            : "it reads no standard input (run -i keeps it open)");
    else
        answer(c, CONTROL_INPUT, serial, 0, NULL, 0, fd);
}

static void serve(struct client *c, const struct control_record *r)
{
    uint32_t serial = r->header.serial;
    struct control_signal sig;
    struct control_stop st;
    struct control_resize size;

    switch (r->header.type) {
    case CONTROL_SIGNAL:
        control_payload(r, &sig, sizeof sig);
        if (monitor.pidfd < 0) {
            answer_error(c, CONTROL_SIGNAL, serial, -ESRCH, "it is not running");
            return;
        }
        if (sig.signo < 0 || sig.signo > 64) {
            answer_error(c, CONTROL_SIGNAL, serial, -EINVAL, "no such signal");
            return;
        }
        monitor.manual |= sig.manual != 0;
        monitor_signal(sig.signo);
        answer(c, CONTROL_SIGNAL, serial, 0, NULL, 0, -1);
        return;
    case CONTROL_STOP:
        control_payload(r, &st, sizeof st);
        c->waits = WAITS_STOP;
        c->serial = serial;
        monitor_stop(st.signo > 0 && st.signo <= 64 ? st.signo : monitor.facts.stop_signal,
                     st.timeout_ms >= 0 ? st.timeout_ms : monitor.facts.stop_timeout_ms);
        return;
    case CONTROL_WAIT:
        c->waits = WAITS_END;
        c->serial = serial;
        return;
    case CONTROL_INPUT:
        request_input(c, serial);
        return;
    case CONTROL_RESIZE:
        control_payload(r, &size, sizeof size);
        struct winsize ws = {.ws_row = size.rows, .ws_col = size.cols};
        if (monitor.master >= 0)
            ioctl(monitor.master, TIOCSWINSZ, &ws);
        answer(c, CONTROL_RESIZE, serial, monitor.master >= 0 ? 0 : -ENOTTY, NULL, 0, -1);
        return;
    case CONTROL_RELOAD: { /* what is needed later is read then; these are needed now */
        struct monitor_facts now;
        int code = hand_look(&monitor.common->hands, &now);
        if (code == 0) {
            monitor.facts.stop_timeout_ms = now.stop_timeout_ms;
            monitor.facts.stop_signal = now.stop_signal;
        }
        answer(c, CONTROL_RELOAD, serial, code, NULL, 0, -1);
        return;
    }
    case CONTROL_REMOVE:
        monitor.remove = true;
        if (monitor.pidfd >= 0 && !monitor.held && monitor.facts.boundary && monitor.facts.boundary->hold) {
            monitor.held = true;
            monitor.facts.boundary->hold(&(struct instance){.pid = monitor.facts.pid}); /* until we end */
        }
        c->waits = WAITS_REMOVE;
        c->serial = serial;
        monitor_stop(SIGKILL, 0);
        return;
    default:
        answer_error(c, r->header.type, serial, -ENOSYS, "this monitor does not know the request");
    }
}

void monitor_serve(struct client *c)
{
    static struct control_record r;
    int got = control_receive(c->fd, &r, false);

    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        client_close(c);
        return;
    }
    if (r.fd >= 0) /* no request brings one */
        close(r.fd);
    serve(c, &r);
}

void monitor_accept(void)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (monitor.clients[i].fd >= 0)
            continue;
        int fd = accept4(MONITOR_LISTEN, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            monitor.clients[i] = (struct client){.fd = fd};
        return;
    }
}
