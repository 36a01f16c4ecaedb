/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/net: the interfaces and the sockets of the one network namespace. */
#include "linux/kfs/proc.h"

static const char proc_net_dev[] =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n"
    "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0   "
    "       0\n";

const struct made_node proc_net_rows[] = {
    {.name = "dev", .mode = PROC_FILE, .constant = proc_net_dev},
    {.name = "if_inet6", .mode = PROC_FILE, .constant = "00000000000000000000000000000001 01 80 10 80       lo\n"},
    {.name = "route",
     .mode = PROC_FILE,
     .constant = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"},
    {0},
};
