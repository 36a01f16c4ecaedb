/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stop.h. The engine is process 1 of its sandbox: a signal without a handler would be lost. A signal may come just
 * before a host function begins to wait, which then would not end: so another follows until the process is gone.
 */
#include "wasmrun/stop.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>

#define AGAIN_US 10000
/* Whoever started us keeps the same limit, began to count earlier, and asks by SIGTERM: that is the limit too. */
#define EARLIER_MS 200

static struct wasm_store *store;
static int64_t limit_at; /* of clock_ms(); 0: none */
static volatile sig_atomic_t reason;
static char handler_stack[64 * 1024] __attribute__((aligned(16)));

static void on_signal(int signo)
{
    static const struct itimerval again = {.it_interval = {0, AGAIN_US}, .it_value = {0, AGAIN_US}};
    int error = errno;

    if (!reason) {
        reason = limit_at && clock_ms() + EARLIER_MS >= limit_at ? SIGALRM : signo;
        setitimer(ITIMER_REAL, &again, NULL);
    }
    wasm_interrupt(store);
    errno = error;
}

int stop_prepare(struct wasm_store *s, int64_t timeout_ms, struct err *err)
{
    static const int asking[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU, SIGALRM};
    const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK}, ignore = {.sa_handler = SIG_IGN};
    struct itimerval limit = {.it_value = {timeout_ms / 1000, timeout_ms % 1000 * 1000}};
    sigset_t none;
    int r = sigaltstack(&stack, NULL);

    store = s;
    limit_at = timeout_ms ? clock_ms() + timeout_ms : 0;
    sigemptyset(&none);
    /* The signal by which wasm_interrupt() reaches compiled code must find that code, and not this handler. */
    sigfillset(&act.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(asking) && r == 0; i++)
        r = sigaction(asking[i], &act, NULL);
    if (r == 0)
        r = sigaction(SIGPIPE, &ignore, NULL);
    if (r == 0)
        r = sigaction(SIGXFSZ, &ignore, NULL);
    if (r == 0)
        r = sigprocmask(SIG_SETMASK, &none, NULL);
    if (r == 0 && timeout_ms)
        r = setitimer(ITIMER_REAL, &limit, NULL);
    return r < 0 ? err_sys(err, -errno, "signals") : 0;
}

int stop_reason(void)
{
    return reason;
}
