/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from outside. Whoever waits for something of the host (the console, the network) puts itself on the queue
 * of the event, and asks for it by host_watch() once the host has given -EAGAIN. One watch gives one wake-up, so an
 * event that nobody takes does not keep the machine awake.
 */
#ifndef MOAT_LINUX_CORE_HOST_H
#define MOAT_LINUX_CORE_HOST_H

#include "linux/core/wait.h"

void host_watch(uint32_t events);              /* enum host_event, or-ed */
struct wait_queue *host_queue(uint32_t event); /* one of them */

#endif
