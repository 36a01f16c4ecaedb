/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over moat-pull can still do. Each attempt runs first without the jail and must succeed there, then
 * inside and must end as its row says. Needs root for the attempts that need root without the jail.
 */
#include "jail_attempts.h"
#include "jail_destination.h"
#include "pull/jail.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int listener;
static struct sockaddr_in served;

/* 0 when the attempt succeeded, else an errno. */
static int open_shadow(void)
{
    return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int link_in(void)
{
    return linkat(destination.outside, "secret", destination.dest, "link", 0) < 0 ? errno : 0;
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

static int change_owner(void)
{
    return fchownat(destination.dest, ".", 1, 1, 0) < 0 ? errno : 0;
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
    {"an absolute path", open_secret_by_path, ENOENT},
    {"the host's users", open_shadow, ENOENT},
    {"a leaked directory, reading", open_secret_by_leaked_descriptor, EACCES},
    {"a leaked directory, writing", write_by_leaked_descriptor, EACCES},
    {"a device node", make_device_in_destination, KILLED},
    {"a link to a file outside", link_in, KILLED},
    {"a unix socket", unix_socket, EAFNOSUPPORT},
    {"a packet socket", packet_socket, KILLED},
    {"a raw socket", raw_socket, EPERM},
    {"listening", listen_on_port, KILLED},
    {"code from a file", load_code_from_secret, EPERM},
    {"code from memory", make_code, EPERM},
    ATTEMPTS_KILLED,
    {"another root", leave_root, KILLED},
    {"another owner", change_owner, KILLED},
    {"a file (its work)", make_regular_file_in_destination, ALLOWED},
    {"a connection (its work)", connect_by_tcp, ALLOWED},
    {"the resolver's files (its work)", read_names, ALLOWED},
};

static void clean_dest(void)
{
    static const char *const names[] = {"null",      "file",         "link",          "etc/resolv.conf",
                                        "etc/hosts", "etc/gai.conf", "etc/host.conf", "etc/nsswitch.conf"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlinkat(destination.dest, names[i], 0);
    unlinkat(destination.dest, "etc", AT_REMOVEDIR);
    unlinkat(destination.outside, "new", 0);
    assert_int_equal(fchown(destination.dest, geteuid(), getegid()), 0);
}

static int enter(bool jailed)
{
    struct err err = {0};
    struct jail jail = {.dest = 3, .descriptors = 6, .max_bytes = 1 << 20};

    destination_hand_over();
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

    served = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&served, sizeof served) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&served, &size) < 0)
        return -1;
    return destination_set_up(state);
}

static int tear_down(void **state)
{
    close(listener);
    return destination_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    return cmocka_run_group_tests_name("pull_jail", tests, set_up, tear_down);
}
