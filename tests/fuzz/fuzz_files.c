/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the gofer's answer, with up to three descriptors beside them, to the sentry's side of the socket: what
 * is taken fits its request, and no descriptor stays open that the caller was not given. Input: a byte for descriptors,
 * one for the room, then the datagram.
 */
#include "send_all.h"
#include "sentry/files.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[FILES_BYTES_MAX];
    int pair[2];
    if (size < 2 || size > 40000)
        return 0;
    int lowest = dup(0);
    close(lowest);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    struct files_call c = {.r = {.op = FILES_READDIR}, .to = data[1] ? room : NULL, .room = data[1] * 128u};
    send_all(pair[1], data + 2, size - 2, data[0] % 4);
    int r = files_begin(pair[0], NULL)->call(&c);
    if (r > 0 || r <= -4096 || (!r && c.a.bytes > c.room))
        abort();
    if (!r && c.a.has_fd && c.fd < 0)
        abort();
    if (c.fd >= 0)
        close(c.fd);
    files_end();
    close(pair[1]);
    int again = dup(0);
    if (again != lowest)
        abort();
    close(again);
    return 0;
}
