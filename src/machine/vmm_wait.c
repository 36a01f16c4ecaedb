/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine asks of its host, and what devices ask of their back ends, in the machine process: all of it is
 * rings, eventfds and ppoll(2). */
#include "machine/vmm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void vmm_backend_kick(struct backend *b)
{
    const struct vmm *v = b->owner;
    const struct vmm_port *p = (const struct vmm_port *)((const uint8_t *)b - offsetof(struct vmm_port, backend));
    const uint64_t one = 1;

    if (write(v->kicks[p->server], &one, sizeof one) < 0)
        return; /* so many kicks that no more can be counted: it is awake */
}

static bool sleep_all(struct vmm *v)
{
    bool any = false;

    for (unsigned i = 0; i < v->n_ports; i++)
        any |= ring_sleep(&v->ports[i].backend.ring);
    return !any;
}

static void wake_all(struct vmm *v)
{
    for (unsigned i = 0; i < v->n_ports; i++)
        ring_wake(&v->ports[i].backend.ring);
}

/* Those who may have something to say to the machine. */
static unsigned add_visitors(const struct vmm *v, struct pollfd *p, unsigned n)
{
    p[n++] = (struct pollfd){v->control, POLLIN, 0};
    p[n++] = (struct pollfd){v->listening, POLLIN, 0};
    for (unsigned i = 0; i < VMM_CLIENTS && v->listening >= 0; i++)
        if (v->clients[i] >= 0)
            p[n++] = (struct pollfd){v->clients[i], POLLIN, 0};
    return n;
}

/* Until there is an answer, a signal, so much time has gone by, or (`obey`) there is a word of moat's. */
static void sleep_for(struct vmm *v, uint64_t ns, bool obey)
{
    struct pollfd p[4 + VMM_CLIENTS] = {{v->answers, POLLIN, 0}, {v->life[0], POLLIN, 0}};
    const unsigned n = obey ? add_visitors(v, p, 2) : 2;
    bool said = false;
    uint64_t count;

    if (!sleep_all(v))
        ns = 0;
    const struct timespec t = {(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)};
    if (ppoll(p, n, ns == NEVER ? NULL : &t, NULL) > 0) {
        if (p[0].revents && read(v->answers, &count, sizeof count) < 0)
            p[0].revents = 0; /* taken already */
        if (p[1].revents) {
            v->io_gone = true;
            machine_end(&v->machine, MACHINE_FAILED);
        }
        for (unsigned i = 2; i < n; i++)
            said |= p[i].revents != 0;
        if (said)
            control_obey(v);
    }
    wake_all(v);
}

#define LOOK_NS UINT64_C(20000000)

/* A guest that never rests does not let the machine wait: now and then it is looked all the same. */
static void look(struct vmm *v)
{
    const uint64_t now = v->listening >= 0 || v->control >= 0 ? clock_now(&v->machine.clock) : 0;

    if (now < v->look_at)
        return;
    v->look_at = now + LOOK_NS;
    if (now)
        sleep_for(v, 0, true);
}

/* In the middle of something: what moat and signals want is looked at when that is over. */
bool vmm_backend_wait(struct backend *b)
{
    struct vmm *v = b->owner;

    if (!v->io_gone && !v->killed)
        sleep_for(v, NEVER, false);
    return !v->io_gone && !v->killed;
}

void vmm_poll(void *vmm)
{
    struct vmm *v = vmm;

    stream_poll(&v->serial_stream);
    uart_poll(&v->machine.uart[0]); /* what found no room may find some now */
    stream_poll(&v->message_stream);
    if (v->channel) {
        stream_poll(&v->channel_stream);
        uart_poll(&v->machine.uart[1]);
    }
    for (unsigned i = 0; i < v->n_virtio; i++)
        virtio_poll(v->virtio[i]);
    if (v->options.pc)
        vmm_pc_poll(v);
    signals_obey(v);
    look(v);
}

void vmm_wait(void *vmm, uint64_t ns)
{
    struct vmm *v = vmm;

    vmm_poll(v);
    sleep_for(v, v->options.pc ? vmm_pc_wait(v, ns) : ns, true);
    vmm_poll(v);
}

bool vmm_random(void *vmm, uint64_t *value)
{
    (void)vmm;
    return getrandom(value, sizeof *value, 0) == sizeof *value;
}

/* ---- lines for people ---- */

static size_t hexadecimal(char out[19], uint64_t n)
{
    size_t digits = 1;

    for (uint64_t m = n; m >= 16; m /= 16)
        digits++;
    out[0] = '0', out[1] = 'x';
    for (size_t i = digits; i--; n /= 16)
        out[2 + i] = "0123456789abcdef"[n % 16];
    return 2 + digits;
}

void vmm_say(struct vmm *v, const char *text, const char *more)
{
    const char *words[] = {"moat-vmm: ", text, more ? ": " : "", more ? more : "", "\n"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        stream_write(&v->message_stream, words[i], (uint32_t)strlen(words[i]));
}

void vmm_note(void *vmm, const char *what, uint64_t number, uint64_t value)
{
    char text[64], *at = text;

    at += hexadecimal(at, number);
    *at++ = ' ';
    at += hexadecimal(at, value);
    *at = 0;
    vmm_say(vmm, what, text);
}
