/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native libraries. What a rule of the user's gives no x is refused here, whatever libc would say; the wall below is
 * the kernel's, for what is shown without x is mounted without execution. What is not shown fails before, when the
 * class library looks whether the file is there, and only the stack says what for.
 */
#include "jvm/library.h"

#include "jvm/denials.h"
#include "jvm/hotspot.h"

#include "base/pathtext.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static _Thread_local bool was_refused; /* what dlerror(3) is to say next */

/* Whether a rule lets the library be loaded; told where not. The JDK's own always may. */
static bool is_granted(const struct jvm_config *c, const char *path)
{
    char clean[ENGINE_PATH], sentence[ENGINE_SENTENCE];

    if (denials_clean(path, clean) < 0 || path_lies_in(clean, c->jdk) ||
        engine_rule_gives(engine_rule_find(&c->rules, clean), ENGINE_READ | ENGINE_EXECUTE))
        return true;
    engine_denial_sentence(&c->rules, "native library", clean, ENGINE_READ | ENGINE_EXECUTE, sentence);
    denials_tell(sentence);
    return false;
}

void library_looked_for(const char *path)
{
    const struct jvm_config *c = denials_config();
    int error = errno;

    if (c && c->rules.n && strstr(path, ".so") && hotspot_is_loading())
        is_granted(c, path);
    errno = error;
}

/* Looked up before it is needed: the look-up clears what libc's has to say. */
static __typeof__(dlerror) *next_dlerror(void)
{
    return DENIALS_NEXT(dlerror);
}

/* The libraries of the system are there for the JDK's own; Java code that names one needs a rule of the user's. */
DENIALS_EXPORT void *dlopen(const char *name, int flags)
{
    const struct jvm_config *c = denials_config();

    was_refused = false;
    next_dlerror();
    /* What has no slash is searched for along the caller's own path: libc must see the caller, so nothing follows this.
     */
    if (!name || !strchr(name, '/') || !c || !c->rules.n)
        return DENIALS_NEXT(dlopen)(name, flags);
    if (is_granted(c, name))
        return DENIALS_NEXT(dlopen)(name, flags);
    was_refused = true;
    return NULL;
}

DENIALS_EXPORT char *dlerror(void)
{
    if (!was_refused)
        return next_dlerror()();
    was_refused = false;
    return (char *)"the policy grants no such native library";
}
