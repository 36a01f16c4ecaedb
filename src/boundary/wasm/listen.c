/* SPDX-License-Identifier: Apache-2.0 */
/* See listen.h. Addresses are numbers: nothing is looked up. */
#include "boundary/wasm/listen.h"
#include "boundary/wasm/words.h"
#include "host/unixsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128
_Static_assert(WASM_LISTENERS_MAX + 2 <= UNIXSOCK_FDS_MAX, "one message brings all");

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "192.0.2.1:80", "[::1]:80" */
static bool read_address(const char *text, union address *out, socklen_t *size)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    const bool brackets = *text == '[';
    size_t n = colon ? (size_t)(colon - text) - (brackets ? 2 : 0) : 0;

    if (!colon || n >= sizeof host || (brackets && colon[-1] != ']'))
        return false;
    memcpy(host, text + brackets, n);
    host[n] = 0;
    memset(out, 0, sizeof *out);
    const in_port_t port = htons((uint16_t)atoi(colon + 1));
    if (brackets) {
        out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
        *size = sizeof out->v6;
        return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
    }
    out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    *size = sizeof out->v4;
    return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1;
}

static int open_listener(const char *text, struct err *err)
{
    union address address;
    socklen_t size;
    const int on = 1;

    if (!read_address(text, &address, &size))
        return err_set(err, -EINVAL, "--publish %s: no address", text);
    _cleanup_fd_ int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (address.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, &address.any, size) < 0 || listen(fd, BACKLOG) < 0)
        return err_sys(err, -errno, "--publish: cannot listen on %s", text);
    return steal_fd(&fd);
}

/* The end that is left to the workload is not close-on-exec. */
static int hand_over(const int *fds, size_t n, int *end)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
        return -errno;
    int r = unixsock_send_fds(ends[0], fds, n, "", 1);
    close(ends[0]);
    if (r < 0)
        close(ends[1]);
    else
        *end = ends[1];
    return r;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

/* -errno: *n are open none the less. */
static int open_listeners(const struct strv *argv, int *fds, size_t *n, struct err *err)
{
    const char *word, *value;
    uint32_t at = 0;
    int r = 0;

    while ((word = wasm_next_word(argv, &at, &value)) && r >= 0) {
        if (strcmp(word, "--listen") != 0)
            continue;
        r = *n == WASM_LISTENERS_MAX ? err_set(err, -E2BIG, "--publish: at most %d", WASM_LISTENERS_MAX)
                                     : open_listener(value, err);
        if (r >= 0)
            fds[(*n)++] = r;
    }
    return r < 0 ? r : 0;
}

int wasm_hand_over(const struct strv *argv, int *fd, int image, struct err *err)
{
    int fds[WASM_LISTENERS_MAX + 2] = {*fd}; /* the module, listeners, the image */
    _cleanup_fd_ int code = image;
    size_t n = 0;
    int r = open_listeners(argv, fds + 1, &n, err);

    if (r == 0 && (n || wasm_word_value(argv, "--image"))) {
        fds[n + 1] = code;
        r = hand_over(fds, n + (code >= 0 ? 2 : 1), fd);
        if (r < 0)
            err_sys(err, r, "the module cannot be handed over");
        else
            close(fds[0]);
    }
    close_all(fds + 1, n);
    return r;
}
