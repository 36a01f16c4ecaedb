/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of the tests: `host SCENARIO WORKER` does one thing with targets and says on one line what went wrong;
 * silence and status 0 are success. `host list` names the scenarios. tests/cli/libmoat.bats runs each, as root and as
 * somebody.
 */
#include <moat/moat.h>

#include "attempts.h"
#include "methods.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static const char *worker;
static struct moat_error error;
static bool by_zygote; /* targets of this run are forks of one */
static struct moat_zygote *zygote;

#define FAIL(...)                                                                                                      \
    do {                                                                                                               \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                \
        fprintf(stderr, __VA_ARGS__);                                                                                  \
        fprintf(stderr, " (last error: %s)\n", error.text);                                                            \
        exit(1);                                                                                                       \
    } while (0)
#define IS(got, expected)                                                                                              \
    do {                                                                                                               \
        long g_ = (long)(got), e_ = (long)(expected);                                                                  \
        if (g_ != e_)                                                                                                  \
            FAIL("%s is %ld, expected %ld", #got, g_, e_);                                                             \
    } while (0)
#define SAYS(word)                                                                                                     \
    do {                                                                                                               \
        if (!strstr(error.text, word))                                                                                 \
            FAIL("expected in the sentence: %s", word);                                                                \
    } while (0)

static struct moat_target_options options(void)
{
    static const char *argv[3];

    argv[0] = "worker";
    argv[1] = by_zygote ? "zygote" : NULL;
    return (struct moat_target_options){.path = worker,
                                        .argv = argv,
                                        .methods = methods,
                                        .n_methods = METHODS,
                                        .memory = getenv("MOAT_TEST_SANITIZED") ? UINT64_MAX : 0,
                                        .keep_stderr = getenv("MOAT_TEST_STDERR") != NULL,
                                        .restarts = 15};
}

static struct moat_target *start_with(const struct moat_target_options *o)
{
    struct moat_target *t;

    if (by_zygote && !zygote)
        IS(moat_zygote_start(o, &zygote, &error), 0);
    IS(by_zygote ? moat_zygote_spawn(zygote, &t, &error) : moat_target_spawn(o, &t, &error), 0);
    return t;
}

static struct moat_target *start(void)
{
    struct moat_target_options o = options();

    return start_with(&o);
}

/* The result of the function; the program ends when the call fails otherwise. */
static int ask(struct moat_target *t, uint32_t method, const void *request, size_t size, void *reply, size_t max)
{
    struct moat_call c = {.method = method, .request = request, .request_size = size, .reply = reply, .reply_max = max};

    if (moat_call(t, &c, &error) < 0)
        FAIL("method %s", methods[method].name);
    return c.result;
}

static int ask_int(struct moat_target *t, uint32_t method)
{
    int value = -1;

    IS(ask(t, method, NULL, 0, &value, sizeof value), 0);
    return value;
}

/* The code with which a call that ends the target comes back. */
static int let_it_end(struct moat_target *t, int way, int deadline_ms)
{
    struct moat_call c = {.method = END, .request = &way, .request_size = sizeof way, .deadline_ms = deadline_ms};

    return moat_call(t, &c, &error);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static void calls_of_all_sizes(void)
{
    struct moat_target *t = start();
    unsigned char bytes[ECHO_MAX], back[ECHO_MAX];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7);
    for (size_t size = 0; size <= ECHO_MAX; size += size < 100 ? 1 : 97) {
        struct moat_call c = {
            .method = ECHO, .request = bytes, .request_size = size, .reply = back, .reply_max = sizeof back};
        memset(back, 0, sizeof back);
        IS(moat_call(t, &c, &error), 0);
        IS(c.reply_size, size);
        IS(memcmp(back, bytes, size), 0);
    }
    moat_target_free(t);
}

static void calls_against_their_row(void)
{
    struct moat_target *t = start();
    unsigned char bytes[ECHO_MAX + 1] = {0};
    struct moat_call c = {
        .method = ECHO, .request = bytes, .request_size = sizeof bytes, .reply = bytes, .reply_max = ECHO_MAX};

    IS(moat_call(t, &c, &error), -EINVAL);
    SAYS("echo");
    SAYS("4001 bytes");
    c.request_size = 1;
    c.reply_max = 100;
    IS(moat_call(t, &c, &error), -EINVAL);
    SAYS("room for a reply of 100 bytes");
    c = (struct moat_call){.method = METHODS};
    IS(moat_call(t, &c, &error), -EINVAL);
    c = (struct moat_call){.method = 0xffff0000u, .request = bytes, .request_size = 16};
    IS(moat_call(t, &c, &error), -EINVAL);
    c = (struct moat_call){.method = END, .request = bytes, .request_size = 3};
    IS(moat_call(t, &c, &error), -EINVAL);
    c = (struct moat_call){.method = COUNT, .fds = (int[]){0}, .n_fds = 1, .reply = bytes, .reply_max = 4};
    IS(moat_call(t, &c, &error), -EINVAL);
    SAYS("1 descriptors");
    IS(moat_call_end(t, &c, &error), -EINVAL);
    IS(ask_int(t, COUNT), 1); /* it lives, and has seen none of them */
    moat_target_free(t);
}

static void states_permit_and_forbid(void)
{
    struct moat_target *t = start();
    char treasure[16] = "";
    struct moat_call c = {.method = SECRET, .reply = treasure, .reply_max = sizeof treasure};

    IS(moat_call(t, &c, &error), -EINVAL);
    SAYS("secret is not permitted in state 0");
    IS(ask(t, LOG_IN, "wrong", 5, NULL, 0), -EACCES);
    IS(moat_target_state(t), 0);
    IS(ask(t, LOG_IN, "sesame", 6, NULL, 0), 0);
    IS(moat_target_state(t), 1);
    IS(ask(t, SECRET, NULL, 0, treasure, sizeof treasure), 0);
    IS(memcmp(treasure, "the treasure", 12), 0);
    c = (struct moat_call){.method = LOG_IN, .request = "sesame", .request_size = 6};
    IS(moat_call(t, &c, &error), -EINVAL);
    IS(moat_target_restart(t, &error), 0);
    IS(moat_target_state(t), 0);
    moat_target_free(t);
}

static void calls_begun_are_ended_in_any_order(void)
{
    enum { N = 10 };
    struct moat_target *t = start();
    struct moat_call c[N];
    int values[N], back[N];
    unsigned char large[ECHO_MAX] = {0}, rest[40][ECHO_MAX];
    struct moat_call many[40], login = {.method = LOG_IN, .request = "sesame", .request_size = 6};
    int begun = 0;

    for (int i = 0; i < N; i++) {
        values[i] = i * 11;
        c[i] = (struct moat_call){.method = COUNT, .reply = &back[i], .reply_max = sizeof back[i]};
        IS(moat_call_begin(t, &c[i], &error), 0);
    }
    IS(moat_call_begin(t, &c[3], &error), -EINVAL); /* under way already */
    IS(moat_call_begin(t, &login, &error), -EAGAIN);
    SAYS("must be alone");
    for (int i = N - 1; i >= 0; i--) {
        IS(moat_call_end(t, &c[i], &error), 0);
        IS(back[i], i + 1);
    }
    for (; begun < 40; begun++) { /* until the replies would not fit */
        many[begun] = (struct moat_call){
            .method = ECHO, .request = large, .request_size = ECHO_MAX, .reply = rest[begun], .reply_max = ECHO_MAX};
        if (moat_call_begin(t, &many[begun], &error) < 0)
            break;
    }
    IS(error.code, -EAGAIN);
    IS(begun, 65536 / 4032);
    for (int i = 0; i < begun; i++)
        IS(moat_call_end(t, &many[i], &error), 0);
    IS(moat_call_begin(t, &login, &error), 0);
    c[0] = (struct moat_call){.method = COUNT, .reply = &back[0], .reply_max = 4};
    IS(moat_call_begin(t, &c[0], &error), -EAGAIN);
    while (!moat_call_is_done(t, &login))
        usleep(1000);
    IS(moat_call_end(t, &login, &error), 0);
    IS(moat_target_state(t), 1);
    IS(values[1], 11);
    moat_target_free(t);
}

/* ---- ends -------------------------------------------------------------------------------------------------------- */

static void ends_are_told_apart(void)
{
    static const struct {
        int way, code;
        const char *says;
    } ways[] = {{WAY_EXIT, -ECONNRESET, "ended with status 7"},
                {WAY_CRASH, -ECONNRESET, "signal 11"},
                {WAY_ABORT, -ECONNRESET, "signal"},
                {WAY_FORBIDDEN, -ECONNRESET, "a system call that is not allowed"},
                {WAY_STACK, -ECONNRESET, "signal 11"},
                {WAY_HANG, -ETIMEDOUT, "within 50 ms"},
                {WAY_SPIN, -ETIMEDOUT, "within 50 ms"}};
    struct moat_target *t = start();

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int before = moat_target_pid(t), value;
        struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};
        IS(let_it_end(t, ways[i].way, ways[i].code == -ETIMEDOUT ? 50 : 0), ways[i].code);
        SAYS(ways[i].says);
        IS(moat_call(t, &c, &error), -ENOTCONN);
        SAYS("not running");
        IS(kill(before, 0), -1);
        IS(moat_target_restart(t, &error), 0);
        IS(ask_int(t, COUNT), 1); /* a fresh one */
    }
    moat_target_free(t);
}

static void restarts_are_limited(void)
{
    struct moat_target_options o = options();

    o.restarts = 3;
    o.restart_seconds = 1000;
    struct moat_target *t = start_with(&o);
    for (int i = 0; i < 3; i++) {
        IS(let_it_end(t, WAY_CRASH, 0), -ECONNRESET);
        IS(moat_target_restart(t, &error), 0);
    }
    IS(let_it_end(t, WAY_CRASH, 0), -ECONNRESET);
    IS(moat_target_restart(t, &error), -EAGAIN);
    SAYS("3 times within 1000 s");
    moat_target_free(t);
}

static void status_is_known_after_the_end(void)
{
    struct moat_target *t = start();

    IS(moat_target_status(t), -1);
    IS(let_it_end(t, WAY_EXIT, 0), -ECONNRESET);
    IS(WEXITSTATUS(moat_target_status(t)), 7);
    moat_target_free(t);
}

/* A program that was executed is a child like any other: a host that waits for all may take its status. */
static void host_may_take_the_status(void)
{
    struct moat_target *t = start();
    int way = WAY_EXIT, status = 0;
    struct moat_call c = {.method = END, .request = &way, .request_size = sizeof way};
    pid_t pid = moat_target_pid(t);

    IS(moat_call_begin(t, &c, &error), 0);
    IS(waitpid(-1, &status, 0), pid);
    IS(WEXITSTATUS(status), 7);
    IS(moat_call_end(t, &c, &error), -ECONNRESET);
    IS(moat_target_restart(t, &error), 0);
    IS(ask_int(t, COUNT), 1);
    moat_target_free(t);
    IS(waitpid(-1, NULL, WNOHANG), -1);
    IS(errno, ECHILD);
}

static volatile sig_atomic_t alarms;
static void on_alarm(int signo)
{
    alarms += signo == SIGALRM;
}

static void signals_do_not_disturb_calls(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    struct moat_target *t = start();

    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 1; i <= 20000 || alarms < 20; i++)
        IS(ask_int(t, COUNT), i);
    IS(let_it_end(t, WAY_HANG, 100), -ETIMEDOUT);
    setitimer(ITIMER_REAL, &never, NULL);
    moat_target_free(t);
}

/* ---- walls ------------------------------------------------------------------------------------------------------- */

static int unconfined(const struct attempt *a)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(a->try() & 0xff);
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        return ECHILD;
    return WEXITSTATUS(status);
}

static void walls_stop_what_works_outside(void)
{
    int live = 0;

    for (int i = 0; i < (int)ATTEMPTS; i++) {
        int inside = 0, control = unconfined(&attempts[i]);
        struct moat_call c = {
            .method = ATTEMPT, .request = &i, .request_size = sizeof i, .reply = &inside, .reply_max = 4};
        if (attempts[i].forks && !by_zygote)
            continue;
        if (control) {
            printf("not live here: %s (%s)\n", attempts[i].label, strerror(control));
            continue;
        }
        live++;
        struct moat_target *t = start();
        int r = moat_call(t, &c, &error);
        if (r == 0 && inside == 0)
            FAIL("a target could %s", attempts[i].label);
        if (r < 0)
            IS(r, -ECONNRESET);
        moat_target_free(t);
    }
    if (live < (int)ATTEMPTS - 8)
        FAIL("only %d of %zu attempts succeed without walls: they prove nothing", live, ATTEMPTS);
}

static void walls_are_reported(void)
{
    struct moat_target *t = start();
    uint32_t expected = MOAT_WALL_FILTER | MOAT_WALL_NAMESPACES | MOAT_WALL_ROOT | MOAT_WALL_USER | MOAT_WALL_LANDLOCK;

    if (geteuid() == 0)
        expected |= MOAT_WALL_IDENTITY;
    printf("walls %#x\n", moat_target_walls(t));
    if (!getenv("MOAT_TEST_FEWER_WALLS"))
        IS(moat_target_walls(t), expected);
    struct stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", moat_target_pid(t));
    IS(stat(path, &st), 0);
    snprintf(path, sizeof path, "/proc/%d/status", moat_target_pid(t));
    FILE *f = fopen(path, "r");
    char line[256];
    unsigned uid = 0, seccomp = 0;
    unsigned long long caps = 1;
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Uid: %u", &uid);
        sscanf(line, "CapEff: %llx", &caps);
        sscanf(line, "Seccomp: %u", &seccomp);
    }
    fclose(f);
    IS(caps, 0);
    IS(seccomp, 2);
    if (geteuid() == 0 && !getenv("MOAT_TEST_FEWER_WALLS") && uid < 65536)
        FAIL("its uid is %u", uid);
    moat_target_free(t);
}

static void walls_required_and_missing_are_named(void)
{
    struct moat_target_options o = options();
    struct moat_target *t;

    o.require = MOAT_WALL_NAMESPACES | MOAT_WALL_USER;
    IS(moat_target_spawn(&o, &t, &error), -EPERM);
    SAYS("required");
    SAYS("user namespaces");
}

static void memory_is_limited(void)
{
    struct moat_target_options o = options();

    o.memory = 64 << 20;
    struct moat_target *t = start_with(&o);
    struct moat_buffer *b;
    uint32_t id;
    IS(moat_buffer_create(128 << 20, MOAT_BUFFER_WRITTEN, &b, &error), 0);
    IS(moat_buffer_share(b, t, &id, &error), -ENOMEM);
    IS(ask_int(t, COUNT), 1);
    moat_buffer_free(b);
    moat_target_free(t);
}

static void calls_named_in_the_options_are_allowed(void)
{
    static const char *const calls[] = {"mkdirat", NULL}, *const wrong[] = {"mkdri", NULL};
    struct moat_target_options o = options();
    struct moat_target *t;

    o.calls = calls;
    t = start_with(&o);
    IS(let_it_end(t, WAY_FORBIDDEN, 0), 0); /* it came to its end: the file system is read-only and empty */
    moat_target_free(t);
    o.calls = wrong;
    IS(moat_target_spawn(&o, &t, &error), -EINVAL);
    SAYS("\"mkdri\"");
}

/* ---- starts ------------------------------------------------------------------------------------------------------ */

static void starts_that_fail_say_why(void)
{
    const char *argv[] = {"worker", "end", NULL};
    struct moat_target_options o = options(), table = options();
    struct moat_method two[2] = {methods[ECHO], methods[ECHO]};
    struct moat_target *t;

    o.argv = argv;
    IS(moat_target_spawn(&o, &t, &error), -ECHILD);
    SAYS("ended with status 5 before it was ready");
    argv[1] = "hang";
    o.start_ms = 100;
    IS(moat_target_spawn(&o, &t, &error), -ETIMEDOUT);
    SAYS("moat_session_enter");
    o.path = "/nonexistent/program";
    IS(moat_target_spawn(&o, &t, &error), -ENOENT);
    SAYS("/nonexistent/program");
    o.path = "/etc/passwd";
    IS(moat_target_spawn(&o, &t, &error), -EACCES);
    o.path = "/bin/true";
    IS(moat_target_spawn(&o, &t, &error), -ECHILD);
    table.methods = two;
    table.n_methods = 2;
    IS(moat_target_spawn(&table, &t, &error), -EINVAL);
    SAYS("row 1");
    table = options();
    table.ring_bytes = 5000;
    IS(moat_target_spawn(&table, &t, &error), -EINVAL);
    SAYS("power of two");
    table.ring_bytes = 4096;
    two[0].request_max = 4096;
    table.methods = two;
    table.n_methods = 1;
    IS(moat_target_spawn(&table, &t, &error), -EINVAL);
    SAYS("shared buffer");
    struct moat_zygote *z;
    table = options();
    argv[1] = NULL;
    table.argv = argv;
    IS(moat_zygote_start(&table, &z, &error), -EINVAL);
    SAYS("moat_zygote_ready");
}

static int fork_entry(struct moat_session *s, void *context)
{
    (void)s;
    _exit(*(int *)context); /* without a word */
}

static void *sleeper(void *unused)
{
    (void)unused;
    while (pause() < 0)
        ;
    return NULL;
}

static void fork_of_a_function(void)
{
    struct moat_target_options o = options();
    struct moat_target *t;
    pthread_t thread;
    int value = 9;

    o.path = NULL;
    IS(moat_target_fork(&o, fork_entry, &value, &t, &error), 0);
    IS(waitpid(-1, NULL, WNOHANG), -1); /* not seen by an ordinary wait */
    IS(errno, ECHILD);
    struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};
    IS(moat_call(t, &c, &error), -ECONNRESET);
    SAYS("status 9");
    IS(pthread_create(&thread, NULL, sleeper, NULL), 0);
    IS(moat_target_restart(t, &error), -EBUSY);
    moat_target_free(t);
    IS(moat_target_fork(&o, fork_entry, &value, &t, &error), -EBUSY);
    SAYS("more than one thread");
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

static int descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d && readdir(d))
        n++;
    closedir(d);
    return n;
}

static void descriptors_go_both_ways(void)
{
    struct moat_target *t = start();
    int pipes[2], before, n = 2, many = 4;
    char text[64] = "";

    IS(pipe(pipes), 0);
    IS(write(pipes[1], "through the pipe", 16), 16);
    before = descriptors();
    struct moat_call c = {.method = TAKE_FD, .fds = pipes, .n_fds = 1, .reply = text, .reply_max = sizeof text};
    IS(moat_call(t, &c, &error), 0);
    IS(c.result, 0);
    IS(memcmp(text, "through the pipe", 16), 0);
    IS(close(pipes[1]), 0);
    IS(ask(t, TAKE_FD, NULL, 0, text, sizeof text), -EBADF); /* none came */
    c = (struct moat_call){.method = GIVE_FD, .request = &n, .request_size = sizeof n};
    IS(moat_call(t, &c, &error), 0);
    IS(c.n_reply_fds, 2);
    for (unsigned i = 0; i < c.n_reply_fds; i++) {
        IS(fcntl(c.reply_fds[i], F_GETFD), FD_CLOEXEC);
        IS(close(c.reply_fds[i]), 0);
    }
    int bad = 999;
    c = (struct moat_call){.method = TAKE_FD, .fds = &bad, .n_fds = 1, .reply = text, .reply_max = sizeof text};
    IS(moat_call(t, &c, &error), -EBADF); /* the caller's mistake: the target lives */
    for (int i = 1; i <= 20; i++) {
        int kept = 0;
        c = (struct moat_call){.method = KEEP_FD, .fds = pipes, .n_fds = 1, .reply = &kept, .reply_max = 4};
        IS(moat_call(t, &c, &error), 0);
        IS(kept, i);
    }
    IS(descriptors(), before - 1); /* the one end that we closed */
    c = (struct moat_call){.method = GIVE_FD, .request = &many, .request_size = sizeof many};
    IS(moat_call(t, &c, &error), -ECONNRESET); /* more than its row: its own library ends it */
    moat_target_free(t);
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static struct sum sum_of(struct moat_target *t, uint32_t id, uint64_t offset, uint64_t size)
{
    struct place p = {.buffer = id, .offset = offset, .size = size};
    struct sum s = {moat_taint_u64(0), moat_taint_offset(0)};

    IS(ask(t, SUM, &p, sizeof p, &s, sizeof s), 0);
    return s;
}

static void buffers_are_shared(void)
{
    enum { SIZE = 1 << 20 };
    struct moat_target *t = start();
    struct moat_buffer *b, *other;
    uint32_t id, other_id;
    uint64_t total;
    unsigned char got[16];

    IS(moat_buffer_create(SIZE, MOAT_BUFFER_WRITTEN, &b, &error), 0);
    IS(moat_buffer_create(4096, MOAT_BUFFER_WRITTEN, &other, &error), 0);
    memset(moat_buffer_memory(b), 3, SIZE);
    IS(moat_buffer_share(b, t, &id, &error), 0);
    IS(moat_buffer_share(b, t, &id, &error), -EBUSY);
    IS(moat_buffer_share(other, t, &other_id, &error), 0);
    IS(other_id != id, 1);
    struct sum s = sum_of(t, id, 0, SIZE);
    IS(moat_untaint_range(s.sum, 0, 1u << 30, &total), 0);
    IS(total, 3 * SIZE);
    struct place p = {.buffer = id, .value = 0x41, .offset = SIZE - 16, .size = 16};
    IS(ask(t, FILL, &p, sizeof p, NULL, 0), 0);
    IS(moat_buffer_read(b, moat_taint_offset(SIZE - 16), got, 16), 0);
    IS(memcmp(got, "AAAAAAAAAAAAAAAA", 16), 0);
    IS(moat_buffer_read(b, moat_taint_offset(SIZE - 15), got, 16), -ERANGE);
    IS(moat_buffer_read(b, moat_taint_offset(~0ull), got, 16), -ERANGE);
    IS(moat_buffer_read(b, moat_taint_offset(~0ull - 7), got, 16), -ERANGE);
    IS(moat_buffer_read(b, s.last, got, 1), -ERANGE); /* one past the end */
    IS(let_it_end(t, WAY_CRASH, 0), -ECONNRESET);
    IS(moat_target_restart(t, &error), 0);
    s = sum_of(t, id, 0, SIZE); /* under the same number, with the same bytes */
    IS(moat_untaint_range(s.sum, 0, 1u << 30, &total), 0);
    IS(total, 3 * (SIZE - 16) + 16 * 0x41);
    IS(moat_buffer_unshare(b, &error), 0);
    p = (struct place){.buffer = id, .size = 1};
    IS(ask(t, FILL, &p, sizeof p, NULL, 0), -ENOENT);
    moat_buffer_free(b);
    moat_target_free(t); /* before a buffer that it shares */
    moat_buffer_free(other);
}

static void buffers_to_read_cannot_be_written(void)
{
    struct moat_target *t = start();
    struct moat_buffer *b;
    uint32_t id;
    uint64_t total;

    IS(moat_buffer_create(4096, MOAT_BUFFER_READ, &b, &error), 0);
    memset(moat_buffer_memory(b), 1, 4096);
    IS(moat_buffer_share(b, t, &id, &error), 0);
    struct sum s = sum_of(t, id, 0, 4096);
    IS(moat_untaint_range(s.sum, 4096, 4096, &total), 0);
    struct place p = {.buffer = id, .value = 256 + 2, .size = 1};
    struct moat_call c = {.method = FILL, .request = &p, .request_size = sizeof p};
    IS(moat_call(t, &c, &error), -ECONNRESET);
    SAYS("signal 11");
    IS(*(unsigned char *)moat_buffer_memory(b), 1);
    moat_buffer_free(b);
    moat_target_free(t);
}

static void buffers_are_limited_in_number(void)
{
    struct moat_target *t = start();
    struct moat_buffer *b[65];
    uint32_t id;

    for (int i = 0; i < 65; i++) {
        IS(moat_buffer_create(1, MOAT_BUFFER_WRITTEN, &b[i], &error), 0);
        IS(moat_buffer_share(b[i], t, &id, &error), i < 64 ? 0 : -ENOSPC);
    }
    moat_buffer_free(b[7]);
    IS(moat_buffer_share(b[64], t, &id, &error), 0);
    IS(id, 7);
    for (int i = 0; i < 65; i++)
        if (i != 7)
            moat_buffer_free(b[i]);
    IS(moat_buffer_create(0, MOAT_BUFFER_WRITTEN, &b[0], &error), -EINVAL);
    moat_target_free(t);
}

/* ---- zygotes ----------------------------------------------------------------------------------------------------- */

static void start_up_is_done_once(void)
{
    struct moat_target *a = start(), *b = start();

    IS(ask_int(a, STARTED), 1);
    IS(ask_int(b, STARTED), 1);
    IS(ask_int(a, COUNT), 1);
    IS(ask_int(a, COUNT), 2);
    IS(ask_int(b, COUNT), 1); /* it has memory of its own */
    IS(let_it_end(a, WAY_CRASH, 0), -ECONNRESET);
    IS(ask_int(b, COUNT), 2);
    moat_target_free(a);
    moat_target_free(b);
}

static int children_of(pid_t pid)
{
    char path[64], text[8192] = "";
    int n = 0, fd;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        FAIL("%s: %s", path, strerror(errno));
    close(fd);
    for (const char *c = text; *c; c++)
        n += *c == ' ';
    return n;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[256];
    pid_t parent = -1;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "PPid: %d", &parent);
    if (f)
        fclose(f);
    return parent;
}

/* MOAT_TEST_SCALE times 100 forks of a zygote; a tenth as many programs, whose namespaces take their time to go. */
static void many_starts_leave_nothing(void)
{
    const char *scale = getenv("MOAT_TEST_SCALE");
    long n = (by_zygote ? 100 : 10) * (scale ? atol(scale) : 1);
    struct moat_target *t = start();
    pid_t zygote_pid = by_zygote ? parent_of(moat_target_pid(t)) : getpid();
    int fds;

    moat_target_free(t);
    fds = descriptors();
    for (long i = 0; i < n; i++) {
        t = start();
        if (i % 3 == 0)
            IS(ask_int(t, COUNT), 1);
        if (i % 3 == 1)
            IS(let_it_end(t, i % 2 ? WAY_CRASH : WAY_EXIT, 0), -ECONNRESET);
        moat_target_free(t);
    }
    IS(descriptors(), fds);
    for (int i = 0; i < 100 && children_of(zygote_pid); i++)
        usleep(10000);
    IS(children_of(zygote_pid), 0);
}

/* What one fork leaves in its rings, the next must not find: the second reads what the first has written. */
static void forks_find_nothing_of_each_other(void)
{
    unsigned char secret[ECHO_MAX], back[ECHO_MAX];
    struct moat_target *t = start();
    struct moat_call c = {
        .method = ECHO, .request = secret, .request_size = ECHO_MAX, .reply = back, .reply_max = ECHO_MAX};
    char path[64], map[256];
    long found = -1, size = 0;

    memset(secret, 0x77, sizeof secret);
    IS(moat_call(t, &c, &error), 0);
    moat_target_free(t);
    t = start();
    IS(ask_int(t, COUNT), 1);
    snprintf(path, sizeof path, "/proc/self/maps"); /* the rings, as we have them mapped */
    FILE *f = fopen(path, "r");
    while (f && fgets(map, sizeof map, f)) {
        unsigned long from, to;
        if (!strstr(map, "moat-ring") || sscanf(map, "%lx-%lx", &from, &to) != 2)
            continue;
        found = 0;
        for (const unsigned char *p = (const unsigned char *)from; p < (const unsigned char *)to; p++)
            found += *p == 0x77;
        size += (long)(to - from);
    }
    fclose(f);
    IS(found, 0);
    IS(size >= 65536, 1);
    moat_target_free(t);
}

static void zygote_that_dies_takes_its_forks_along(void)
{
    struct moat_target *t = start(), *u;
    pid_t fork_pid = moat_target_pid(t), zygote_pid = parent_of(fork_pid);
    int value;
    struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};

    IS(ask_int(t, COUNT), 1);
    IS(kill(zygote_pid, SIGKILL), 0);
    for (int i = 0; i < 500 && kill(fork_pid, 0) == 0 && parent_of(fork_pid) > 0; i++)
        usleep(10000);
    IS(moat_call(t, &c, &error), -ECONNRESET);
    IS(moat_target_restart(t, &error), -ECONNRESET);
    SAYS("zygote");
    IS(moat_zygote_spawn(zygote, &u, &error), -ECONNRESET);
    SAYS("killed by signal 9");
    moat_target_free(t);
}

static void zygote_that_cannot_fork_says_so(void)
{
    struct moat_target *t = start(), *u;
    pid_t pid = parent_of(moat_target_pid(t));
    struct rlimit usual, none = {0, 0};
    int value;
    struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};

    if (prlimit(pid, RLIMIT_NPROC, NULL, &usual) < 0) { /* root without CAP_SYS_RESOURCE; somebody else may */
        printf("not here: set a limit of a zygote: %s\n", strerror(errno));
        moat_target_free(t);
        return;
    }
    none.rlim_max = usual.rlim_max;
    IS(prlimit(pid, RLIMIT_NPROC, &none, NULL), 0);
    IS(moat_zygote_spawn(zygote, &u, &error), 0);
    IS(moat_call(u, &c, &error), -ECONNRESET);
    SAYS("never made: Resource temporarily unavailable");
    IS(prlimit(pid, RLIMIT_NPROC, &usual, NULL), 0);
    IS(moat_target_restart(u, &error), 0);
    IS(ask_int(u, COUNT), 1);
    IS(ask_int(t, COUNT), 1);
    moat_target_free(u);
    moat_target_free(t);
}

/* ---- placement --------------------------------------------------------------------------------------------------- */

static void target_follows_its_host(void)
{
    struct moat_target_options o = options();
    cpu_set_t all, one;

    sched_getaffinity(0, sizeof all, &all);
    for (uint32_t p = 0; p <= MOAT_PLACE_APART; p++) {
        o.placement = p;
        struct moat_target *t = start_with(&o);
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &all))
                continue;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            IS(sched_setaffinity(0, sizeof one, &one), 0);
            int there = ask_int(t, CPU);
            if (p == MOAT_PLACE_TOGETHER)
                IS(there, cpu);
            if (p == MOAT_PLACE_APART && CPU_COUNT(&all) > 1)
                IS(there != cpu, 1);
        }
        sched_setaffinity(0, sizeof all, &all);
        moat_target_free(t);
    }
}

static void waits_to_be_killed(void)
{
    struct moat_target *t = start();

    printf("%d\n", moat_target_pid(t));
    fflush(stdout);
    for (;;)
        pause();
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define SPAWN  1 /* with moat_target_spawn() */
#define ZYGOTE 2 /* with moat_zygote_spawn() */
#define HIDDEN 4 /* a bats test of its own calls it */

static const struct {
    const char *name;
    void (*run)(void);
    int how;
} scenarios[] = {
    {"calls_of_all_sizes", calls_of_all_sizes, SPAWN | ZYGOTE},
    {"calls_against_their_row", calls_against_their_row, SPAWN | ZYGOTE},
    {"calls_begun_are_ended_in_any_order", calls_begun_are_ended_in_any_order, SPAWN | ZYGOTE},
    {"states_permit_and_forbid", states_permit_and_forbid, SPAWN | ZYGOTE},
    {"ends_are_told_apart", ends_are_told_apart, SPAWN | ZYGOTE},
    {"restarts_are_limited", restarts_are_limited, SPAWN | ZYGOTE},
    {"status_is_known_after_the_end", status_is_known_after_the_end, SPAWN},
    {"host_may_take_the_status", host_may_take_the_status, SPAWN},
    {"signals_do_not_disturb_calls", signals_do_not_disturb_calls, SPAWN | ZYGOTE},
    {"walls_stop_what_works_outside", walls_stop_what_works_outside, SPAWN | ZYGOTE},
    {"walls_are_reported", walls_are_reported, SPAWN | ZYGOTE},
    {"memory_is_limited", memory_is_limited, SPAWN | ZYGOTE},
    {"calls_named_in_the_options_are_allowed", calls_named_in_the_options_are_allowed, SPAWN},
    {"starts_that_fail_say_why", starts_that_fail_say_why, SPAWN},
    {"fork_of_a_function", fork_of_a_function, SPAWN},
    {"descriptors_go_both_ways", descriptors_go_both_ways, SPAWN | ZYGOTE},
    {"buffers_are_shared", buffers_are_shared, SPAWN | ZYGOTE},
    {"buffers_to_read_cannot_be_written", buffers_to_read_cannot_be_written, SPAWN | ZYGOTE},
    {"buffers_are_limited_in_number", buffers_are_limited_in_number, SPAWN | ZYGOTE},
    {"start_up_is_done_once", start_up_is_done_once, SPAWN | ZYGOTE},
    {"many_starts_leave_nothing", many_starts_leave_nothing, SPAWN | ZYGOTE},
    {"forks_find_nothing_of_each_other", forks_find_nothing_of_each_other, ZYGOTE},
    {"zygote_that_dies_takes_its_forks_along", zygote_that_dies_takes_its_forks_along, ZYGOTE},
    {"zygote_that_cannot_fork_says_so", zygote_that_cannot_fork_says_so, ZYGOTE},
    {"target_follows_its_host", target_follows_its_host, SPAWN},
    {"walls_required_and_missing_are_named", walls_required_and_missing_are_named, SPAWN | HIDDEN},
    {"waits_to_be_killed", waits_to_be_killed, SPAWN | ZYGOTE | HIDDEN},
};

/* host list | host SCENARIO spawn|zygote WORKER */
int main(int argc, char **argv)
{
    size_t n = sizeof scenarios / sizeof *scenarios;

    if (argc == 2 && !strcmp(argv[1], "list")) {
        for (size_t i = 0; i < n; i++)
            for (int how = SPAWN; how <= ZYGOTE; how++)
                if (scenarios[i].how & how && !(scenarios[i].how & HIDDEN))
                    printf("%s %s\n", scenarios[i].name, how == SPAWN ? "spawn" : "zygote");
        return 0;
    }
    for (size_t i = 0; argc == 4 && i < n; i++) {
        if (strcmp(argv[1], scenarios[i].name))
            continue;
        by_zygote = !strcmp(argv[2], "zygote");
        worker = argv[3];
        scenarios[i].run();
        moat_zygote_free(zygote);
        return 0;
    }
    fprintf(stderr, "host: list | SCENARIO spawn|zygote WORKER\n");
    return 2;
}
