/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat asks of a running machine: records of boundary/control.h, on a descriptor that moat-vmm was given
 * (--control-fd: by read(2) and write(2) alone) or on connections to a socket that it listens on. The other end is
 * moat's, and still each record is looked at as a whole before it is obeyed.
 */
#include "boundary/control.h"

#include "machine/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORDS_MOST 16 /* in one go: the guest has its turn too */

struct record {
    struct control_header header;
    char payload[CONTROL_PAYLOAD_MAX];
};

static int take_snapshot(struct vmm *v, int fd, const char **why)
{
    *why = "no file came with the order";
    return fd < 0 ? -EBADF : snapshot_write(v, fd, why);
}

static int take_screen(struct vmm *v, int fd, const char **why)
{
    *why = "no file came with the question";
    return fd < 0 ? -EBADF : vmm_screen(v, fd, why);
}

/* As many as came with it, whatever it says. */
static int take_keys(struct vmm *v, const struct control_header *h, const void *payload, const char **why)
{
    struct control_keys keys = {0};

    memcpy(&keys, payload, h->length < sizeof keys ? h->length : sizeof keys);
    *why = "a machine has no such key, or not so many at once";
    if (keys.n > CONTROL_KEYS_MOST || h->length < offsetof(struct control_keys, keys) + keys.n * sizeof keys.keys[0])
        return -EINVAL;
    const int r = vmm_keys(v, keys.keys, keys.n);
    if (r == -EAGAIN)
        *why = "its keyboard has no room for more keys";
    return r;
}

static int take_machine(struct vmm *v, uint32_t what, const char **why)
{
    switch (what) {
    case CONTROL_MACHINE_RESET:
        *why = "it has no firmware to begin at again";
        return vmm_machine_reset(v);
    case CONTROL_MACHINE_POWER_BUTTON:
        return vmm_power_button(v);
    default:
        *why = "it has no such button";
        return -EOPNOTSUPP;
    }
}

/* What is asked of the machine itself. */
static int obey_machine(struct vmm *v, const struct control_header *h, const void *payload, int fd, const char **why)
{
    struct control_snapshot snapshot = {0};
    struct control_machine machine = {0};
    int code;

    switch (h->type) {
    case CONTROL_SNAPSHOT:
        memcpy(&snapshot, payload, h->length < sizeof snapshot ? h->length : sizeof snapshot);
        code = take_snapshot(v, fd, why);
        if (code == 0 && snapshot.flags & CONTROL_SNAPSHOT_ENDS)
            machine_end(&v->machine, MACHINE_POWEROFF);
        return code;
    case CONTROL_SCREEN:
        return take_screen(v, fd, why);
    case CONTROL_KEYS:
        return take_keys(v, h, payload, why);
    case CONTROL_MACHINE:
        memcpy(&machine, payload, h->length < sizeof machine ? h->length : sizeof machine);
        return take_machine(v, machine.what, why);
    default:
        return -EOPNOTSUPP;
    }
}

/* `fd`: what came with the record; it stays the caller's. */
static void obey(struct vmm *v, int from, const struct control_header *h, const void *payload, int fd)
{
    struct control_signal s = {0};
    struct control_resize size = {0};
    const char *why = "";
    int code;

    if (h->version > CONTROL_VERSION) {
        code = -EPROTONOSUPPORT;
    } else if (h->type == CONTROL_SIGNAL) {
        memcpy(&s, payload, h->length < sizeof s ? h->length : sizeof s);
        code = vmm_signal(v, s.signo);
    } else if (h->type == CONTROL_RESIZE) {
        memcpy(&size, payload, h->length < sizeof size ? h->length : sizeof size);
        code = vmm_resize(v, size.rows, size.cols);
    } else {
        code = obey_machine(v, h, payload, fd, &why);
    }
    control_answer(from, h, code, why);
}

/* ---- a descriptor that was given ---- */

static void obey_given(struct vmm *v)
{
    struct record r;

    for (int i = 0; i < RECORDS_MOST && v->control >= 0; i++) {
        const ssize_t n = read(v->control, &r, sizeof r);
        if (n == 0)
            v->control = -1; /* nobody listens any more, and the machine goes on */
        if (n <= 0)
            return;
        if (n >= (ssize_t)sizeof r.header && r.header.magic == CONTROL_MAGIC &&
            (size_t)n == sizeof r.header + r.header.length)
            obey(v, v->control, &r.header, r.payload, -1);
    }
}

/* ---- connections ---- */

static int *free_client(struct vmm *v)
{
    for (unsigned i = 0; i < VMM_CLIENTS; i++)
        if (v->clients[i] < 0)
            return &v->clients[i];
    return NULL;
}

/* One that finds no place waits in the socket's queue. */
static void accept_all(struct vmm *v)
{
    int *place, fd;

    while (v->listening >= 0 && (place = free_client(v)) &&
           (fd = accept4(v->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        *place = fd;
}

static void serve_client(struct vmm *v, int *client)
{
    struct control_record r;
    int n = 0;

    for (int i = 0; i < RECORDS_MOST && (n = control_receive(*client, &r, false)) > 0; i++) {
        obey(v, *client, &r.header, r.payload, r.fd);
        if (r.fd >= 0)
            close(r.fd);
    }
    if (n == 0 || (n < 0 && n != -EAGAIN)) {
        close(*client);
        *client = -1;
    }
}

void control_obey(struct vmm *v)
{
    if (v->control >= 0)
        obey_given(v);
    accept_all(v);
    for (unsigned i = 0; i < VMM_CLIENTS; i++)
        if (v->clients[i] >= 0)
            serve_client(v, &v->clients[i]);
}

/* ---- before the start ---- */

/* The type of the record that waits there; 0: none yet; -EPIPE: there will be none any more. */
static int next_type(int fd)
{
    struct control_header h;
    const ssize_t n = recv(fd, &h, sizeof h, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
    return n == 0 ? -EPIPE : (size_t)n < sizeof h ? CONTROL_TYPES : h.type;
}

/* A descriptor that moat has opened for us, by its name. Kept away from the numbers that are to be used. */
static int take_named(struct vmm *v, struct control_record *r)
{
    int *place = NULL;

    r->payload[r->header.length < sizeof r->payload ? r->header.length : sizeof r->payload - 1] = 0;
    if (!strcmp(r->payload, "end"))
        place = &v->end;
    else if (!strcmp(r->payload, "tap") && v->net)
        place = &v->net->io.in;
    else if (!strcmp(r->payload, "kvm"))
        place = &v->kvm;
    else if (!strcmp(r->payload, "media"))
        place = &v->media_listening;
    if (r->fd < 0 || !place || *place >= 0)
        return 0; /* of a later moat */
    *place = fcntl(r->fd, F_DUPFD_CLOEXEC, 64);
    return *place < 0 ? vmm_fail(EXIT_OWN_ERROR, "control", "keep a descriptor", -errno) : 0;
}

/* Who gives us what we need is heard and done with; who asks for something else is answered once the machine runs. */
static int hear(struct vmm *v, int *client)
{
    struct control_record r;
    int type, e = 0;

    while ((type = next_type(*client)) == CONTROL_DESCRIPTOR && e == 0) {
        if (control_receive(*client, &r, false) <= 0)
            continue;
        e = take_named(v, &r);
        if (r.fd >= 0)
            close(r.fd);
    }
    const int kept = type < 0 || e ? -1 : fcntl(*client, F_DUPFD_CLOEXEC, 64);
    close(*client);
    *client = kept;
    return e;
}

int control_prepare(struct vmm *v)
{
    int e = 0;

    accept_all(v);
    for (unsigned i = 0; i < VMM_CLIENTS && e == 0; i++)
        if (v->clients[i] >= 0)
            e = hear(v, &v->clients[i]);
    return e;
}

void control_tell_end(struct vmm *v, int status, const char *reason)
{
    struct control_end end = {.exit_code = status};

    memcpy(end.reason, reason, strlen(reason));
    if (v->control >= 0)
        control_write(v->control, CONTROL_WAIT, 0, 0, &end, sizeof end);
    if (v->end >= 0 && pwrite(v->end, reason, strlen(reason), 0) < 0)
        return; /* nobody to tell */
}
