/* SPDX-License-Identifier: Apache-2.0 */
/* What the sanitizers have to be told when the kernel is a host program with its own heap and stacks; else nothing. */
#ifndef MOAT_LINUX_CORE_POISON_H
#define MOAT_LINUX_CORE_POISON_H

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define POISON_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define POISON_TSAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define POISON_ASAN
#endif
#ifdef __SANITIZE_THREAD__
#define POISON_TSAN
#endif

#ifdef POISON_ASAN
void __asan_poison_memory_region(void const volatile *at, size_t n);
void __asan_unpoison_memory_region(void const volatile *at, size_t n);
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom_old, size_t *size_old);
#endif
#ifdef POISON_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif

static inline void poison(const void *at, size_t n)
{
#ifdef POISON_ASAN
    __asan_poison_memory_region(at, n);
#else
    (void)at, (void)n;
#endif
}

static inline void unpoison(const void *at, size_t n)
{
#ifdef POISON_ASAN
    __asan_unpoison_memory_region(at, n);
#else
    (void)at, (void)n;
#endif
}

#endif
