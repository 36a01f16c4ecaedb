/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to sandboxes: lines of JSON in ROOT/.events (and .events.1, the older), one write(2) each. */
#ifndef MOAT_SANDBOX_EVENTS_H
#define MOAT_SANDBOX_EVENTS_H

#include "sandbox/sandbox.h"

#define EVENTS_SIZE_MAX (1u << 20) /* a file */

/* {"time":..., "timeNano":..., "action": "start", "id": ..., "image": ..., key: value}. key NULL: none. Never fails
 * loudly: an event is not worth a run. */
void events_add(const struct sandbox *sb, const char *action, const char *key, const char *value);

struct event {
    const char *action, *key, *value;
};
/* Several at one time, by one write. */
void events_add_all(const struct sandbox *sb, const struct event *events, size_t n);

#endif
