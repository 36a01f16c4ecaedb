/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of a running machine. The handler notes them; the machine looks at the notes between slices of its
 * processor's time, on its own thread, so all of the machine is there to be asked. */
#include "boundary/control.h"

#include "machine/dev/virtio_console.h"
#include "machine/vmm.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static int end_by(struct vmm *v, int signo)
{
    v->killed = true, v->killed_by = signo;
    machine_stop(&v->machine);
    return 0;
}

/* With the channel a signal is the guest's program's. Else one that asks for an end presses the button, and the next
 * one ends the machine as Ctrl-C does at once: a guest that knows no button would not end at all. */
int vmm_signal(struct vmm *v, int signo)
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

/* 0, 0: that of the I/O process's terminal. */
int vmm_resize(struct vmm *v, uint16_t rows, uint16_t columns)
{
    const uint64_t word = (uint64_t)rows << 16 | columns;
    int64_t now = v->channel || v->console
                      ? stream_tell(v->channel ? &v->channel_stream : &v->serial_stream, RING_WORD_SIZE, word)
                      : -EOPNOTSUPP;

    if (v->display)
        return now = stream_tell(&v->display_stream, RING_WORD_SIZE, word),
               vmm_pc_resize(v, (uint16_t)(now > 0 ? now >> 16 : 0), (uint16_t)(now > 0 ? now : 0)),
               now < 0 ? (int)now : 0;
    if (v->console && now > 0)
        virtio_console_resize(&v->console_device, (uint16_t)now, (uint16_t)(now >> 16));
    return now < 0 ? (int)now : 0;
}

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
            vmm_resize(v, 0, 0);
        else
            vmm_signal(v, signo);
    }
}
