/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and keyrings, keyrings(7). Private to task/keys.c (what there is) and task/keyctl.c (the calls). Keys refer to
 * each other and tasks to keys by serial numbers alone; what no program can reach any more goes when there are many.
 */
#ifndef MOAT_LINUX_TASK_KEYS_H
#define MOAT_LINUX_TASK_KEYS_H

#include "linux/task/internal.h"

enum key_type { KEY_KEYRING, KEY_USER, KEY_LOGON, KEY_BIG, KEY_TYPES };

struct key {
    struct list all;
    int32_t serial;
    uint8_t type;
    bool revoked, of_user, marked; /* of_user: the keyring, or session keyring, of a user */
    bool negative;                 /* says that there is no such key: request_key(2) did not find it */
    uint32_t uid, gid, perm;
    uint64_t expires;  /* clock_realtime(); 0: never */
    char *description; /* FIELD_BYTES, with its NUL */
    uint32_t description_size;
    uint8_t *payload; /* FIELD_BYTES; of a keyring: int32_t serial numbers */
    uint32_t payload_size, links;
};

/* What is wanted of a key: bits of each of the four groups of key.perm. */
enum key_need {
    NEED_VIEW = 1,
    NEED_READ = 2,
    NEED_WRITE = 4,
    NEED_SEARCH = 8,
    NEED_LINK = 16,
    NEED_SETATTR = 32,
};
#define PERM_POSSESSOR(bits) ((uint32_t)(bits) << 24)
#define PERM_USER(bits)      ((uint32_t)(bits) << 16)
#define PERM_KNOWN           0x3f3f3f3fu
#define DESCRIPTION_MOST     4096u
#define DEPTH_MOST           6 /* of keyrings within each other */

extern const char *const key_type_names[KEY_TYPES];

/* The type of that name; -ENODEV. */
int key_type_of(const char *name);
/* A payload of n bytes for this type: 0, -EINVAL. */
int key_payload_check(int type, uint64_t n);
/* One that nothing refers to yet; takes the payload (heap_alloc of n). NULL and *error: -EDQUOT, -ENOMEM. */
struct key *key_new(int type, const char *description, uint8_t *payload, uint32_t n, uint32_t perm, int *error);
uint32_t key_perm_default(int type);
struct key *key_find(int32_t serial);             /* NULL */
void key_resized(const struct key *, uint32_t n); /* its payload will have n bytes */
/* The key that a serial number or a KEY_SPEC_* means, with these rights to it: NULL and *error. */
struct key *key_get(struct task *, int32_t serial, bool create, uint32_t need, int *error);
int key_alive(const struct key *); /* 0, -EKEYREVOKED, -EKEYEXPIRED, -ENOKEY */
bool key_may(struct task *, const struct key *, uint32_t need);
bool key_possessed(struct task *, const struct key *);
/* In a keyring and those in it that may be searched: NULL. */
struct key *key_search(struct task *, const struct key *ring, int type, const char *description);
/* In all keyrings of a task. */
struct key *key_search_all(struct task *, int type, const char *description);
struct key *key_in(const struct key *ring, int type, const char *description); /* in that one alone; NULL */
/* Takes the place of one with the same type and description. -ENFILE, -ENOMEM, -EDEADLK, -ELOOP. */
int key_link(struct key *ring, const struct key *);
int key_unlink(struct key *ring, int32_t serial);                       /* -ENOENT */
void key_forget(struct key *);                                          /* out of all keyrings */
int key_join_session(struct task *, const char *name, int32_t *serial); /* NULL: a new one without a name */

#endif
