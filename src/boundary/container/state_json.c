/* SPDX-License-Identifier: Apache-2.0 */
/* The state document of the OCI runtime specification (runtime.md, "State"), for hooks, `state` and seccomp agents. */
#include "base/json.h"
#include "boundary/container/container.h"

#include <string.h>

static void write_state(struct json_writer *w, const char *key, const struct instance *inst, const char *status,
                        pid_t pid)
{
    const struct policy *p = inst->policy;

    json_object_begin(w, key);
    json_string(w, "ociVersion", p->oci_version ? p->oci_version : "1.2.0");
    json_string(w, "id", inst->id);
    json_string(w, "status", status);
    if (pid > 0)
        json_int(w, "pid", pid);
    json_string(w, "bundle", inst->bundle);
    json_object_begin(w, "annotations");
    for (uint32_t i = 0; i < p->n_annotations; i++)
        json_string(w, p->annotations[i].key, p->annotations[i].value);
    json_object_end(w);
    json_object_end(w);
}

static char *finish(struct json_writer *w, struct arena *a, size_t *len)
{
    char *text = w->failed ? NULL : arena_strndup(a, w->buf, w->len);

    if (text && len)
        *len = w->len;
    json_writer_free(w);
    return text;
}

char *state_json(const struct instance *inst, const char *status, pid_t pid, size_t *len)
{
    struct json_writer w = {0};

    write_state(&w, NULL, inst, status, pid);
    return finish(&w, inst->arena, len);
}

/* ContainerProcessState (config-linux.md, "seccomp"): what goes to a listener with the notification descriptor. */
char *state_json_seccomp(const struct instance *inst, pid_t pid)
{
    struct json_writer w = {0};
    const struct policy *p = inst->policy;

    json_object_begin(&w, NULL);
    json_string(&w, "ociVersion", p->oci_version ? p->oci_version : "1.2.0");
    json_array_begin(&w, "fds");
    json_string(&w, NULL, "seccompFd");
    json_array_end(&w);
    json_int(&w, "pid", pid);
    if (p->seccomp.listener_metadata)
        json_string(&w, "metadata", p->seccomp.listener_metadata);
    write_state(&w, "state", inst, "creating", pid);
    json_object_end(&w);
    return finish(&w, inst->arena, NULL);
}
