/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a running machine from outside: signals, and moat's control descriptor: records of
 * boundary/control.h by read(2) and write(2) alone, so without descriptors beside them. The other end is moat's, and
 * still each record is looked at as a whole before it is obeyed.
 */
#include "boundary/control.h"

#include "machine/dev/virtio_console.h"
#include "machine/vmm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define RECORDS_MOST 16 /* in one go: the guest has its turn too */

struct record {
    struct control_header header;
    char payload[CONTROL_PAYLOAD_MAX];
};

static void answer(struct vmm *v, const struct control_header *to, uint16_t type, int code, const void *payload,
                   uint32_t length)
{
    struct record r = {.header = {.magic = CONTROL_MAGIC,
                                  .version = CONTROL_VERSION,
                                  .type = type,
                                  .length = length,
                                  .serial = to ? to->serial : 0,
                                  .code = code}};

    memcpy(r.payload, payload, length);
    if (write(v->control, &r, sizeof r.header + length) < 0)
        return; /* nobody to tell */
}

static int end_by(struct vmm *v, int signo)
{
    v->killed = true, v->killed_by = signo;
    machine_stop(&v->machine);
    return 0;
}

/* With the channel a signal is the guest's program's. Else one that asks for an end presses the button, and the next
 * one ends the machine as Ctrl-C does at once: a guest that knows no button would not end at all. */
static int signal_guest(struct vmm *v, int signo)
{
    if (signo <= 0 || signo > 64)
        return -EINVAL;
    if (signo == SIGKILL)
        return end_by(v, signo);
    if (v->channel)
        return (int)stream_tell(&v->channel_stream, RING_WORD_SIGNAL, (uint64_t)signo);
    if (signo != SIGTERM && signo != SIGPWR && signo != SIGINT && signo != SIGHUP && signo != SIGQUIT)
        return -EOPNOTSUPP;
    if (v->button || signo == SIGINT || signo == SIGQUIT)
        return end_by(v, signo);
    v->button = true;
    power_button(&v->machine.power);
    return 0;
}

/* size NULL: that of the I/O process's terminal. */
static int resize(struct vmm *v, const struct control_resize *size)
{
    const uint64_t word = size ? (uint64_t)size->rows << 16 | size->cols : 0;
    int64_t now = v->channel || v->console
                      ? stream_tell(v->channel ? &v->channel_stream : &v->serial_stream, RING_WORD_SIZE, word)
                      : -EOPNOTSUPP;

    if (v->console && now > 0)
        virtio_console_resize(&v->console_device, (uint16_t)now, (uint16_t)(now >> 16));
    return now < 0 ? (int)now : 0;
}

/* ---- signals ---- */

static uint64_t noted; /* atomic: a bit for each */

static void note(int signo)
{
    const uint64_t one = 1;
    const int error = errno;

    __atomic_or_fetch(&noted, UINT64_C(1) << signo, __ATOMIC_RELEASE);
    if (write(VMM_ANSWERS, &one, sizeof one) < 0)
        errno = error; /* it is awake */
    errno = error;
}

/* What moat or a user asks with. For process 1 of a sandbox one without a handler would be lost. */
static const uint8_t handled[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGPWR, SIGALRM, SIGIO};

static int set_all(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler}, before;
    sigset_t none;

    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof handled; i++) {
        if (sigaction(handled[i], &action, &before) < 0)
            return -errno;
        /* nohup(1) and shells in the background have them ignored, for good. */
        if (before.sa_handler == SIG_IGN && handler != SIG_IGN && handled[i] != SIGTERM)
            sigaction(handled[i], &before, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

int signals_handle(void)
{
    return set_all(note);
}

void signals_ignore(void)
{
    set_all(SIG_IGN);
}

void signals_obey(struct vmm *v)
{
    uint64_t all = __atomic_load_n(&noted, __ATOMIC_ACQUIRE);

    if (!all)
        return;
    all = __atomic_exchange_n(&noted, 0, __ATOMIC_ACQ_REL);
    for (int signo = 1; signo < 64; signo++) {
        if (!(all >> signo & 1))
            continue;
        if (signo == SIGIO)
            control_obey(v);
        else if (signo == SIGWINCH)
            resize(v, NULL);
        else
            signal_guest(v, signo);
    }
}

/* ---- records ---- */

static void obey(struct vmm *v, const struct record *r)
{
    struct control_signal s = {0};
    struct control_resize size = {0};
    int code = -EOPNOTSUPP;

    if (r->header.version > CONTROL_VERSION) {
        code = -EPROTONOSUPPORT;
    } else if (r->header.type == CONTROL_SIGNAL) {
        memcpy(&s, r->payload, r->header.length < sizeof s ? r->header.length : sizeof s);
        code = signal_guest(v, s.signo);
    } else if (r->header.type == CONTROL_RESIZE) {
        memcpy(&size, r->payload, r->header.length < sizeof size ? r->header.length : sizeof size);
        code = resize(v, &size);
    }
    answer(v, &r->header, r->header.type | CONTROL_REPLY, code, "", 0);
}

/* Whoever had the other end is gone: nobody listens any more, and the machine goes on. */
void control_obey(struct vmm *v)
{
    struct record r;

    for (int i = 0; i < RECORDS_MOST && v->control >= 0; i++) {
        const ssize_t n = read(v->control, &r, sizeof r);
        if (n == 0)
            v->control = -1;
        if (n < (ssize_t)sizeof r.header || r.header.magic != CONTROL_MAGIC ||
            (size_t)n != sizeof r.header + r.header.length)
            return;
        obey(v, &r);
    }
}

void control_tell_end(struct vmm *v, int status, const char *reason)
{
    struct control_end end = {.exit_code = status};

    memcpy(end.reason, reason, strlen(reason));
    if (v->control >= 0)
        answer(v, NULL, CONTROL_WAIT, 0, &end, sizeof end);
}
