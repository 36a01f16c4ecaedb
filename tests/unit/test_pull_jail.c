/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over moat-pull can still do. Each attempt runs first without the jail and must succeed there, then
 * inside and must end as its row says. Needs root for the attempts that need root without the jail.
 */
#include "jail_attempts.h"
#include "pull/jail.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char place[] = "/tmp/moat-test-jail-XXXXXX";
static int dest, outside, secret, listener;
static struct sockaddr_in served;

/* 0 when the attempt succeeded, else an errno. */
static int open_absolute(void)
{
    char path[128];

    snprintf(path, sizeof path, "%s/secret", place);
    return open(path, O_RDONLY) < 0 ? errno : 0;
}

static int open_shadow(void)
{
    return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int open_by_leaked_descriptor(void)
{
    return openat(outside, "secret", O_RDONLY) < 0 ? errno : 0;
}

static int write_by_leaked_descriptor(void)
{
    return openat(outside, "new", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int make_device(void)
{
    return mknodat(dest, "null", S_IFCHR | 0666, (1 << 8) | 3) < 0 ? errno : 0;
}

static int link_in(void)
{
    return linkat(outside, "secret", dest, "link", 0) < 0 ? errno : 0;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int packet_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0;
}

static int raw_socket(void)
{
    return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 ? errno : 0;
}

static int listen_on_port(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);

    if (s < 0)
        return errno;
    return listen(s, 1) < 0 ? errno : 0;
}

static int load_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, secret, 0) == MAP_FAILED ? errno : 0;
}

static int change_owner(void)
{
    return fchownat(dest, ".", 1, 1, 0) < 0 ? errno : 0;
}

static int make_regular_file(void)
{
    return openat(dest, "file", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int connect_by_tcp(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);

    return s < 0 || connect(s, (struct sockaddr *)&served, sizeof served) < 0 ? errno : 0;
}

static int read_names(void)
{
    return open("/etc/nsswitch.conf", O_RDONLY) < 0 ? errno : 0;
}

static const struct attempt attempts[] = {
    {"an absolute path", open_absolute, ENOENT},
    {"the host's users", open_shadow, ENOENT},
    {"a leaked directory, reading", open_by_leaked_descriptor, EACCES},
    {"a leaked directory, writing", write_by_leaked_descriptor, EACCES},
    {"a device node", make_device, KILLED},
    {"a link to a file outside", link_in, KILLED},
    {"a unix socket", unix_socket, EAFNOSUPPORT},
    {"a packet socket", packet_socket, KILLED},
    {"a raw socket", raw_socket, EPERM},
    {"listening", listen_on_port, KILLED},
    {"code from a file", load_code, EPERM},
    {"code from memory", make_code, EPERM},
    ATTEMPTS_KILLED,
    {"another root", leave_root, KILLED},
    {"another owner", change_owner, KILLED},
    {"a file (its work)", make_regular_file, ALLOWED},
    {"a connection (its work)", connect_by_tcp, ALLOWED},
    {"the resolver's files (its work)", read_names, ALLOWED},
};

static void clean_dest(void)
{
    static const char *const names[] = {"null",      "file",         "link",          "etc/resolv.conf",
                                        "etc/hosts", "etc/gai.conf", "etc/host.conf", "etc/nsswitch.conf"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlinkat(dest, names[i], 0);
    unlinkat(dest, "etc", AT_REMOVEDIR);
    unlinkat(outside, "new", 0);
    assert_int_equal(fchown(dest, geteuid(), getegid()), 0);
}

/* Descriptors as moat hands them over, and two that should not be there: they move below 6, where the jail keeps them.
 */
static int enter(bool jailed)
{
    struct err err = {0};
    struct jail jail = {.dest = 3, .descriptors = 6, .max_bytes = 1 << 20};

    dup2(dest, 13), dup2(outside, 14), dup2(secret, 15);
    dup2(13, 3), dup2(14, 4), dup2(15, 5);
    dest = 3, outside = 4, secret = 5;
    return jailed ? jail_enter(&jail, &err) : 0;
}

static void test_jail_attempts_end_as_the_table_says(void **state)
{
    static const struct attempt_place where = {enter, clean_dest};

    (void)state;
    if (geteuid() != 0)
        skip();
    attempts_run(&where, attempts, ARRAY_LEN(attempts));
}

static int set_up(void **state)
{
    socklen_t size = sizeof served;

    (void)state;
    served = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&served, sizeof served) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&served, &size) < 0)
        return -1;
    if (!mkdtemp(place) || (outside = open(place, O_RDONLY | O_DIRECTORY)) < 0 || mkdirat(outside, "dest", 0755) < 0 ||
        (dest = openat(outside, "dest", O_RDONLY | O_DIRECTORY)) < 0 ||
        (secret = openat(outside, "secret", O_RDWR | O_CREAT, 0600)) < 0 || ftruncate(secret, 4096) < 0)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(listener);
    unlinkat(outside, "secret", 0);
    unlinkat(outside, "dest", AT_REMOVEDIR);
    return rmdir(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    return cmocka_run_group_tests_name("pull_jail", tests, set_up, tear_down);
}
