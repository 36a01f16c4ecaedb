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

static uint64_t hash_of(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: a sentence more or less is all that a collision does */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

/* Whether a sentence is new. *last: it is the one too many. */
static bool is_new(const char *sentence, bool *last)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t told[DENIALS_LINES + 1];
    static size_t n;
    uint64_t h = hash_of(sentence);
    bool found = false;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n; i++)
        found = found || told[i] == h;
    if (n > DENIALS_LINES)
        found = true;
    *last = !found && n == DENIALS_LINES;
    if (!found)
        told[n++] = h;
    pthread_mutex_unlock(&lock);
    return !found;
}

void denials_tell(const char *sentence)
{
    static const char start[] = "moat: denied: ";
    char line[sizeof start + DENIALS_LINE];
    int error = errno;
    bool last;

    if (!config || config->tell == JVM_TELL_NONE || !is_new(sentence, &last))
        return;
    if (last)
        sentence = "more, which is not told";
    size_t n = strlen(start), length = strlen(sentence);
    memcpy(line, start, n);
    for (size_t i = 0; i < length; i++) /* a name may hold what moves a terminal's cursor */
        line[n++] = (unsigned char)sentence[i] < ' ' || sentence[i] == 0x7f ? '?' : sentence[i];
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, n);
    (void)ignored;
    errno = error;
}

int denials_clean(const char *path, char out[JVM_PATH_SIZE])
{
    char directory[JVM_PATH_SIZE];
    int error = errno, r;

    if (*path != '/' && !getcwd(directory, sizeof directory))
        r = -errno;
    else
        r = jvm_path_clean(path, directory, out);
    errno = error;
    return r;
}

int denials_path(const char *deed, const char *path, uint32_t access, int error, bool told, const void *caller)
{
    char clean[JVM_PATH_SIZE], sentence[DENIALS_LINE];
    const struct jvm_config *c = config;

    if (!c || !c->rules.n_paths || !path || !*path || denials_clean(path, clean) < 0)
        return error;
    if (!denials_is_denied(&c->rules, clean, access, error) || denials_is_silent(clean, c->jdk) ||
        denials_of_machine(caller))
        return error;
    if (told) {
        denials_path_sentence(&c->rules, deed, clean, access, sentence);
        denials_tell(sentence);
    }
    return EACCES;
}
