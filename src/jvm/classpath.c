/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See classpath.h. "Is it there?" is asked of many paths in vain, so the questions come in the order of their price:
 * the name, the rules, the command line, and at last the stack, which says what the path is looked for.
 */
#include "jvm/classpath.h"

#include "jvm/denials.h"
#include "jvm/hotspot.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define CLASS_PATH "-Djava.class.path="

static bool names_archive(const char *path)
{
    static const char *const ends[] = {".jar", ".zip"};
    size_t n = strlen(path);

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (n > 4 && !strcasecmp(path + n - 4, ends[i]))
            return true;
    return false;
}

/* Whether a list with colons has the path, which is clean. */
static bool list_has(const char *list, const char *path)
{
    char entry[ENGINE_PATH], clean[ENGINE_PATH];

    for (const char *c = list;; c++) {
        size_t n = strcspn(c, ":");
        if (n && n < sizeof entry) {
            memcpy(entry, c, n);
            entry[n] = 0;
            if (denials_clean(entry, clean) >= 0 && !strcmp(clean, path))
                return true;
        }
        c += n;
        if (!*c)
            return false;
    }
}

/* What the user named and is there was shown to the program: this is not there on the host either. */
static bool is_of_user(const struct jvm_config *c, const char *path)
{
    if (c->entry == JVM_ENTRY_JAR && list_has(c->what, path))
        return true;
    for (int i = 0; i < c->n_options; i++)
        if (!strncmp(c->options[i], CLASS_PATH, strlen(CLASS_PATH)) &&
            list_has(c->options[i] + strlen(CLASS_PATH), path))
            return true;
    return false;
}

void classpath_looked_for(const char *path, const void *caller)
{
    const struct jvm_config *c = denials_config();
    char clean[ENGINE_PATH], sentence[ENGINE_SENTENCE];
    int error = errno;

    if (c && c->tell == ENGINE_TELL_SOME && c->rules.n && names_archive(path) && denials_clean(path, clean) >= 0 &&
        engine_is_denied(&c->rules, clean, ENGINE_STAT, error) && !denials_is_silent(clean, c->jdk) &&
        !denials_of_machine(caller) && !is_of_user(c, clean) && hotspot_is_finding_classes()) {
        engine_denial_sentence(&c->rules, "class path", clean, ENGINE_READ, sentence);
        denials_tell(sentence);
    }
    errno = error;
}
