/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel has of what a boundary needs. Probed by asking the kernel, never by version numbers. */
#ifndef MOAT_HOST_FEATURES_H
#define MOAT_HOST_FEATURES_H

#include "base/mem.h"
#include "host/cgroup.h"

#include <stdbool.h>

struct features {
    bool namespaces; /* mnt, pid, net, ipc, uts, user, cgroup all in /proc/self/ns */
    bool seccomp_filter;
    bool mount_api;  /* fsopen, open_tree, mount_setattr: Linux 5.12 */
    bool privileged; /* CAP_SYS_ADMIN in effect */
    bool user_namespaces_allowed;
    bool chrooted;    /* our root is not the root of our mount namespace */
    int landlock_abi; /* 0: none */
    enum cgroup_layout cgroups;
    bool user;                           /* not root: the three below count */
    const char *one_id;                  /* why only one id can be mapped, and the remedy; NULL: a range can */
    uint32_t ids;                        /* how many can */
    struct cgroup_delegation delegation; /* where limits can be set */
    const char *userns_why_not;          /* why user namespaces are not allowed; NULL: they are */
    bool resource_capability;            /* CAP_SYS_RESOURCE in effect */
    const char *why_not;                 /* when containers cannot run: what is missing and the remedy; else NULL */
};

void features_probe(struct features *f);
/* The same without what only fails on kernels that cannot start anything, where clone3(2) says so: each look at
 * /proc/self/ns costs. namespaces is then true and why_not NULL. */
void features_probe_start(struct features *f);
bool features_time_namespace(void);
/* What cgroup_host_probe() has told the caller, who keeps it: it is not asked again. NULL: it is. */
void features_know(const struct cgroup_host *cgroups);
/* What an ordinary user can do to have limits. */
const char *features_delegate_remedy(void);
/* "cgroups hybrid, Landlock ABI 7, overlay" in the arena. */
const char *features_summary(const struct features *f, struct arena *a);

/* Whether a filter of ours can have a listener: in the sandbox of somebody who listens already, no second one can.
 * Costs a fork, so it is asked where one is needed. */
bool features_listener(void);

#endif
