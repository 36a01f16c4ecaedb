/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a name is pulled from. A name with a host is that host's. One without comes from the default registry, which
 * this program does not know: the environment (MOAT_REGISTRY) or the host's administrator (/etc/moat/registry) says it,
 * as HOST[:PORT][/PREFIX]; PREFIX is put before names of one word.
 */
#ifndef MOAT_IMAGE_REMOTE_H
#define MOAT_IMAGE_REMOTE_H

#include "base/mem.h"
#include "image/reference.h"

#define REMOTE_REGISTRY_FILE "/etc/moat/registry"

struct remote {
    char host[REFERENCE_NAME_MAX + 1];       /* HOST[:PORT] */
    char repository[REFERENCE_NAME_MAX + 1]; /* without the host */
    char wanted[REFERENCE_TAG_MAX + 8];      /* the tag, or "sha256:HEX" */
    bool loopback;                           /* by the host's name alone */
};

/* MOAT_REGISTRY, else the file's one line; "" when there is neither. -EINVAL when it is malformed. */
int remote_default_registry(struct arena *a, const char **registry, struct err *err);
/* Pure. `registry` may be "": then a name without a host is refused (-EDESTADDRREQ), with the remedy. */
int remote_of(const struct reference *ref, const char *registry, struct remote *out, struct err *err);

/* user and password of one host from docker's config.json ($DOCKER_CONFIG or ~/.docker): only what stands in `auths` as
 * it is; helpers are not run. 0 with *found false: there is none, and *helper says that there may be one in a form that
 * is not read: with a credential helper, or as an identity token. */
struct remote_login {
    const char *user, *password;
    bool found, helper;
};
int remote_login_find(struct arena *a, const char *host, struct remote_login *out, struct err *err);
/* The same from the file's text, which is changed. */
int remote_login_read(struct arena *a, char *text, size_t len, const char *host, struct remote_login *out,
                      struct err *err);

#endif
