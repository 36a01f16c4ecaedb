/* SPDX-License-Identifier: Apache-2.0 */
#include "jvm/thread.h"

#include "base/mem.h"

#include <pthread.h>
#include <signal.h>

int jvm_thread_start(void *(*body)(void *context), void *context, size_t stack)
{
    static const int of_the_machine[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t blocked, before;
    pthread_attr_t attributes;
    pthread_t thread;

    sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(of_the_machine); i++)
        sigdelset(&blocked, of_the_machine[i]);
    pthread_attr_init(&attributes);
    if (stack)
        pthread_attr_setstacksize(&attributes, stack);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int r = pthread_create(&thread, &attributes, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -r;
}
