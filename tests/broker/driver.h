/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the broker's test driver. */
#ifndef MOAT_TESTS_BROKER_DRIVER_H
#define MOAT_TESTS_BROKER_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__x86_64__)
#define DRIVER_ARCH AUDIT_ARCH_X86_64
#else
#define DRIVER_ARCH AUDIT_ARCH_AARCH64
#endif
#define DRIVER_WAIT_KILLABLE (1ul << 5) /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19 */

/* scenarios.c: what runs as the target instead of a program. argv[0] begins with '@'. The exit status. */
int scenario_run(char **argv);
int scenario_net(char **argv); /* scenarios_net.c: "@net-..." */

/* naive.c: answers until the target ends. */
void naive_broker(int socket, const char *forbidden);

/* network.c */
void driver_loopback_up(void);
/* UDP, bound to 127.0.0.1:53 in the network namespace of the process. */
int driver_dns_socket(pid_t pid, bool own_ids);

#endif
