/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat's control descriptor: records of boundary/control.h by read(2) and write(2) alone, so without descriptors beside
 * them. The other end is moat's, and still each record is looked at as a whole before it is obeyed.
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

/* With the channel a signal is the program's; else what asks for an end presses the button, and SIGKILL pulls the plug. */
static int signal_guest(struct vmm *v, int signo)
{
    if (signo <= 0 || signo > 64)
        return -EINVAL;
    if (signo == SIGKILL) {
        v->killed = true;
        machine_stop(&v->machine);
        return 0;
    }
    if (v->channel)
        return (int)stream_tell(&v->channel_stream, RING_WORD_SIGNAL, (uint64_t)signo);
    if (signo == SIGTERM || signo == SIGINT || signo == SIGPWR) {
        power_button(&v->machine.power);
        return 0;
    }
    return -EOPNOTSUPP;
}

static int resize(struct vmm *v, const struct control_resize *size)
{
    if (v->console)
        virtio_console_resize(&v->console_device, size->cols, size->rows);
    if (v->channel)
        return (int)stream_tell(&v->channel_stream, RING_WORD_SIZE, (uint64_t)size->rows << 16 | size->cols);
    return v->console ? 0 : -EOPNOTSUPP;
}

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
