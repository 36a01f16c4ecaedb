/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and names. Without rules of the network the sandbox has none; with rules the broker process decides, and
 * a connection that it denies fails with EACCES or EPERM, which no reachable network does.
 */
#include "jvm/denials.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* As text; false: not an address of the network. */
static bool address_of(const struct sockaddr *a, socklen_t length, char text[INET6_ADDRSTRLEN], bool *is_ipv6,
                       unsigned *port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    *is_ipv6 = a->sa_family == AF_INET6;
    if (a->sa_family == AF_INET && length >= sizeof v4) {
        memcpy(&v4, a, sizeof v4);
    } else if (a->sa_family == AF_INET6 && length >= sizeof v6) {
        memcpy(&v6, a, sizeof v6);
        v4 = (struct sockaddr_in){.sin_port = v6.sin6_port};
        *is_ipv6 = !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr); /* Java's sockets are of IPv6 for both */
        if (*is_ipv6)
            inet_ntop(AF_INET6, &v6.sin6_addr, text, INET6_ADDRSTRLEN);
        else
            memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
    } else {
        return false;
    }
    if (!*is_ipv6)
        inet_ntop(AF_INET, &v4.sin_addr, text, INET6_ADDRSTRLEN);
    *port = ntohs(v4.sin_port);
    return true;
}

static void tell_address(int fd, const struct sockaddr *a, socklen_t length)
{
    char text[INET6_ADDRSTRLEN], sentence[ENGINE_SENTENCE];
    int type = 0;
    bool is_ipv6;
    unsigned port;

    if (!address_of(a, length, text, &is_ipv6, &port))
        return;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
    denials_address_sentence(text, is_ipv6, port, type == SOCK_DGRAM, sentence);
    denials_tell(sentence);
}

DENIALS_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int r = DENIALS_NEXT(connect)(fd, address, length);
    int error = errno;

    if (r == 0 || (error != ENETUNREACH && error != EACCES && error != EPERM))
        return r;
    const struct jvm_config *c = denials_config();
    bool is_network = length >= sizeof address->sa_family && address->sa_family != AF_UNIX;
    bool is_denied = c && c->rules.n && (!c->n_net || error != ENETUNREACH);
    if (is_denied && is_network)
        tell_address(fd, address, length);
    if (is_network && error == EACCES) /* Java makes a BindException of EACCES, and that is for bind(2) */
        error = EPERM;
    errno = error;
    return r;
}

/* Names that no rule could be for. */
static bool is_of_this_host(const char *name)
{
    unsigned char address[16];
    char own[256] = "";

    gethostname(own, sizeof own - 1);
    return !strcmp(name, "localhost") || !strcmp(name, own) || inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

/* Whether a rule is for the name: then it is not known, but not denied either. */
static bool has_rule(const struct jvm_config *c, const char *name)
{
    for (size_t i = 0; i < c->n_net; i++) {
        const char *host = c->net[i];
        size_t n = strcspn(host, ":"), length = strlen(name);
        if (n == 1 && *host == '*')
            return true;
        if (*host == '*' ? length > --n && !strncasecmp(name + length - n, host + 1, n)
                         : length == n && !strncasecmp(name, host, n))
            return true;
    }
    return false;
}

DENIALS_EXPORT int getaddrinfo(const char *restrict name, const char *restrict service,
                               const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    int r = DENIALS_NEXT(getaddrinfo)(name, service, hints, out), error = errno;
    const struct jvm_config *c = denials_config();
    char sentence[ENGINE_SENTENCE];

    if (r && c && c->rules.n && name && strlen(name) < NI_MAXHOST && !has_rule(c, name) && !is_of_this_host(name)) {
        denials_name_sentence(name, sentence);
        denials_tell(sentence);
    }
    errno = error;
    return r;
}
