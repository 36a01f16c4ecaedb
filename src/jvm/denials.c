/* SPDX-License-Identifier: Apache-2.0 */
/* Which denials are told, and that each is told once. Any thread may come here, in the middle of a failed call. */
#include "jvm/denials.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static const struct jvm_config *config;

void denials_begin(const struct jvm_config *c)
{
    config = c;
}

const struct jvm_config *denials_config(void)
{
    return config;
}

void *denials_next(_Atomic(void *) *at, const char *name)
{
    void *f = atomic_load_explicit(at, memory_order_acquire);

    if (!f) {
        f = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(at, f, memory_order_release);
    }
    return f;
}

bool denials_of_machine(const void *address)
{
    Dl_info info;

    if (!dladdr(address, &info) || !info.dli_fname)
        return false;
    const char *slash = strrchr(info.dli_fname, '/');
    return !strcmp(slash ? slash + 1 : info.dli_fname, "libjvm.so");
}

/* What is to be said of a sentence (engine_told_add()). */
static const char *add_told(const char *sentence)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct engine_told told;

    pthread_mutex_lock(&lock);
    const char *said = engine_told_add(&told, sentence);
    pthread_mutex_unlock(&lock);
    return said;
}

void denials_tell(const char *sentence)
{
    char line[ENGINE_LINE];
    int error = errno;

    if (!config || config->tell == ENGINE_TELL_NONE || !(sentence = add_told(sentence)))
        return;
    ssize_t ignored = write(STDERR_FILENO, line, engine_denial_line(sentence, line));
    (void)ignored;
    errno = error;
}

int denials_clean(const char *path, char out[ENGINE_PATH])
{
    char directory[ENGINE_PATH];
    int error = errno, r;

    if (*path != '/' && !getcwd(directory, sizeof directory))
        r = -errno;
    else
        r = engine_path_clean(path, directory, out);
    errno = error;
    return r;
}

int denials_path(const char *deed, const char *path, uint32_t access, int error, bool told, const void *caller)
{
    char clean[ENGINE_PATH], sentence[ENGINE_SENTENCE];
    const struct jvm_config *c = config;

    if (!c || !c->rules.n || !path || !*path || denials_clean(path, clean) < 0)
        return error;
    if (!engine_is_denied(&c->rules, clean, access, error) || denials_is_silent(clean, c->jdk) ||
        denials_of_machine(caller))
        return error;
    if (told) {
        engine_denial_sentence(&c->rules, deed, clean, access, sentence);
        denials_tell(sentence);
    }
    return EACCES;
}
