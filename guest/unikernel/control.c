/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control descriptor: records of src/boundary/control.h by read(2) and write(2) alone, so without descriptors
 * beside them. The other end is trusted to be moat's, and still each record is looked at as a whole before it is
 * obeyed. Where there is none the tender was started by hand.
 */
#include "boundary/control.h"

#include "guest/unikernel/internal.h"

#include <string.h>

#define RECORDS_MOST 16 /* in one go: the program has its turn too */

struct record {
    struct control_header header;
    char payload[CONTROL_PAYLOAD_MAX];
};

static void answer(const struct control_header *to, uint16_t type, int code, const void *payload, uint32_t length)
{
    struct record r = {.header = {.magic = CONTROL_MAGIC,
                                  .version = CONTROL_VERSION,
                                  .type = type,
                                  .length = length,
                                  .serial = to ? to->serial : 0,
                                  .code = code}};

    memcpy(r.payload, payload, length);
    gate_write(boot->control, &r, sizeof r.header + length);
}

static void obey(const struct record *r, bool locked)
{
    struct control_signal s = {0};
    int code = -EOPNOTSUPP;

    if (r->header.version > CONTROL_VERSION)
        code = -EPROTONOSUPPORT;
    else if (r->header.type == CONTROL_SIGNAL) {
        memcpy(&s, r->payload, r->header.length < sizeof s ? r->header.length : sizeof s);
        code = s.signo > 0 && s.signo <= 64 ? linux_signal(s.signo, locked) : -EINVAL;
    }
    answer(&r->header, r->header.type | CONTROL_REPLY, code, "", 0);
}

void control_read(bool locked)
{
    struct record r;

    for (int i = 0; i < RECORDS_MOST; i++) {
        long n = gate_read(boot->control, &r, sizeof r);
        if (n < (long)sizeof r.header || r.header.magic != CONTROL_MAGIC ||
            (size_t)n != sizeof r.header + r.header.length)
            return;
        obey(&r, locked);
    }
}

void control_exit(int status, int signo)
{
    struct control_end end = {.exit_code = signo ? 128 + signo : status & 0xff};

    if (signo)
        memcpy(end.reason, "signaled", sizeof "signaled");
    else
        memcpy(end.reason, "exited", sizeof "exited");
    answer(NULL, CONTROL_WAIT, 0, &end, sizeof end);
}
