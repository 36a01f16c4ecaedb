/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denials: an operation that the walls refuse becomes one sentence on standard error, and EACCES for Java, so that its
 * exception says "denied" and not "not there". Words and error numbers alone: who goes around them meets the same
 * walls.
 *
 * Life: denials_begin() before there are threads. The functions that the JDK's libraries would call in libc are
 * exported by denials_*.c and call libc's; on success they do no more.
 */
#ifndef MOAT_JVM_DENIALS_H
#define MOAT_JVM_DENIALS_H

#include "jvm/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the JDK's libraries find here before they find libc's. */
#define DENIALS_EXPORT __attribute__((visibility("default")))
/* libc's function of that name. */
#define DENIALS_NEXT(name)                                                                                             \
    ({                                                                                                                 \
        static _Atomic(void *) at;                                                                                     \
        (__typeof__(name) *)denials_next(&at, #name);                                                                  \
    })

void denials_begin(const struct jvm_config *c);

/* The command line; NULL before denials_begin(): then nothing is told. */
const struct jvm_config *denials_config(void);

void *denials_next(_Atomic(void *) *at, const char *name);

/* The path that is meant, cleaned: relative ones from the working directory. Length, or -errno. errno stays. */
int denials_clean(const char *path, char out[ENGINE_PATH]);

/* Tells a sentence (without "moat: denied: " and the line's end) once. Any thread. errno stays. */
void denials_tell(const char *sentence);

/* The library that `address` lies in is the virtual machine itself, which looks about on its own behalf. */
bool denials_of_machine(const void *address);

/*
 * An operation on a path has failed with `error`. What the walls refused is told, where `told`, and EACCES comes back;
 * any other failure comes back as it is. caller: who called.
 */
int denials_path(const char *deed, const char *path, uint32_t access, int error, bool told, const void *caller);

/* ---- pure (denials_words.c); sentences about paths are engine/denials.h's ---- */

/* Where programs and the JDK look on nobody's behalf. */
bool denials_is_silent(const char *path, const char *jdk);

/* "connect to 192.0.2.1:443/tcp: no rule allows it: --allow-net 192.0.2.1:443 would allow it" */
void denials_address_sentence(const char *host, bool is_ipv6, unsigned port, bool udp, char out[ENGINE_SENTENCE]);

/* "look up the name example.org: no rule names it: --allow-net example.org:* would allow it" */
void denials_name_sentence(const char *name, char out[ENGINE_SENTENCE]);

#endif
