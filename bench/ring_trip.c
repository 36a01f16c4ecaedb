/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times round trips of 64 bytes, in blocks that take turns: an AF_UNIX SEQPACKET pair between two processes, the same
 * with pipes, and moat_call() to a confined target. Run by bench/ring, one line a round:
 *
 *   ring_trip BLOCKS TRIPS CPU     "SEQPACKET PIPE CALL" in nanoseconds per trip; CPU -1: not pinned
 *
 * The peers of the pair are bound to the same processor as their caller, without any confinement or check: that is the
 * best they can do. The target is left to follow its caller by itself.
 */
#include <moat/moat.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES 64

static int echo(struct moat_request *q)
{
    memcpy(q->reply, q->bytes, q->size);
    q->reply_size = q->size;
    return 0;
}

static const struct moat_method methods[] = {{.method = 0,
                                              .name = "echo",
                                              .states = MOAT_STATES_ALL,
                                              .request_max = BYTES,
                                              .reply_max = BYTES,
                                              .function = echo}};

static int serve(struct moat_session *session, void *context)
{
    (void)context;
    return moat_serve(session, methods, 1, NULL, NULL) < 0;
}

static void die(const char *what)
{
    fprintf(stderr, "ring_trip: %s\n", what);
    exit(1);
}

static long ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

/* A process that sends back what it reads, until there is no more. */
static void mirror(int in, int out, int not_ours, int nor_this)
{
    char bytes[BYTES];

    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(not_ours);
    close(nor_this);
    while (read(in, bytes, BYTES) == BYTES && write(out, bytes, BYTES) == BYTES)
        ;
    _exit(0);
}

static long by_descriptors(int in, int out, long trips)
{
    char bytes[BYTES] = "";
    long began = ns();

    for (long i = 0; i < trips; i++)
        if (write(out, bytes, BYTES) != BYTES || read(in, bytes, BYTES) != BYTES)
            die("a peer does not answer");
    return (ns() - began) / trips;
}

static long by_calls(struct moat_target *t, long trips)
{
    char request[BYTES] = "", reply[BYTES];
    struct moat_call call = {.request = request, .request_size = BYTES, .reply = reply, .reply_max = BYTES};
    struct moat_error error;
    long began = ns();

    for (long i = 0; i < trips; i++)
        if (moat_call(t, &call, &error) < 0)
            die(error.text);
    return (ns() - began) / trips;
}

int main(int argc, char **argv)
{
    struct moat_target_options options = {.methods = methods, .n_methods = 1};
    struct moat_error error;
    struct moat_target *t;
    int pair[2], up[2], down[2];
    cpu_set_t set;

    if (argc != 4)
        die("BLOCKS TRIPS CPU");
    CPU_ZERO(&set);
    CPU_SET(atoi(argv[3]) < 0 ? 0 : atoi(argv[3]), &set);
    if (moat_target_fork(&options, serve, NULL, &t, &error) < 0)
        die(error.text);
    if (atoi(argv[3]) >= 0 && sched_setaffinity(0, sizeof set, &set) < 0)
        die("no such processor");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 || pipe(up) < 0 || pipe(down) < 0)
        die("make the descriptors of the peers");
    mirror(pair[1], pair[1], pair[0], -1);
    mirror(up[0], down[1], up[1], down[0]);
    by_calls(t, 1000);
    for (long i = 0; i < atol(argv[1]); i++) {
        long seqpacket = by_descriptors(pair[0], pair[0], atol(argv[2]));
        long pipes = by_descriptors(down[0], up[1], atol(argv[2]));
        printf("%ld %ld %ld\n", seqpacket, pipes, by_calls(t, atol(argv[2])));
    }
    moat_target_free(t);
    return 0;
}
