/* SPDX-License-Identifier: Apache-2.0 */
/* Any message, with up to five descriptors beside it, to control_receive(): a record that passes is whole, and no
 * descriptor stays open that the caller was not given. */
#include "base/mem.h"
#include "boundary/control.h"
#include "send_all.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_record r;
    uint8_t payload[64];
    int pair[2];

    if (size < 1 || size > 4096)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    int lowest = dup(0);
    close(lowest);
    send_all(pair[0], data + 1, size - 1, data[0] % (FDS_MOST + 1));
    int got = control_receive(pair[1], &r, false);
    if (got == 1) {
        if (r.header.magic != CONTROL_MAGIC || r.header.version != CONTROL_VERSION ||
            r.header.length > CONTROL_PAYLOAD_MAX || r.header.length != size - 1 - sizeof r.header)
            abort();
        for (size_t n = 0; n <= sizeof payload; n += 8) {
            control_payload(&r, payload, n);
            for (size_t i = r.header.length; i < n; i++)
                if (payload[i])
                    abort();
        }
        if ((r.fd >= 0) != (data[0] % (FDS_MOST + 1) > 0))
            abort();
    } else if (r.fd != -1) {
        abort();
    }
    cleanup_fd(&r.fd);
    /* The sanitizer's own thread may have a file open for a moment; a descriptor that leaked stays. */
    int now = lowest + 1;
    for (int tries = 0; now != lowest && tries < 100; tries++) {
        if (tries)
            usleep(1000);
        now = dup(0);
        close(now);
    }
    if (now != lowest)
        abort();
    close(pair[0]);
    /* Whoever looks through /proc/PID/fd holds it open for a moment, too. */
    int end = -EAGAIN;
    for (int tries = 0; end == -EAGAIN && tries < 100; tries++) {
        if (tries)
            usleep(1000);
        end = control_receive(pair[1], &r, false);
    }
    if (end != 0 || r.fd != -1)
        abort();
    close(pair[1]);
    return 0;
}
