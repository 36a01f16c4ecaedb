/* SPDX-License-Identifier: Apache-2.0 */
/* See keys.h: keys, keyrings, who may do what with them, and what goes. */
#include "linux/task/keys.h"

#include "linux/core/random.h"
#include "linux/core/text.h"

#include <linux/keyctl.h>
#include <string.h>

#define KEYS_MOST   2048u /* of all users: each search goes through them */
#define KEYS_SWEEP  256u
#define LINKS_MOST  1024u
#define KEYS_USER   200u   /* of one user that is not root, as Linux's defaults */
#define BYTES_USER  20000u /* the same */
#define BYTES_MOST  (4u << 20)
#define PAYLOAD_BIG ((1u << 20) - 1)
#define SEARCH_MOST 1024u /* keyrings that one search looks into, each with rights of its own */
#define STEPS_MOST  8192u /* links that one walk looks at: keyrings may hold each other in many ways */

HEAP_TYPE(key, FIELD(key, all, FIELD_LIST), FIELD(key, serial, FIELD_PLAIN), FIELD(key, type, FIELD_PLAIN),
          FIELD(key, revoked, FIELD_PLAIN), FIELD(key, of_user, FIELD_PLAIN), FIELD(key, marked, FIELD_NONE),
          FIELD(key, negative, FIELD_PLAIN), FIELD(key, uid, FIELD_PLAIN), FIELD(key, gid, FIELD_PLAIN),
          FIELD(key, perm, FIELD_PLAIN), FIELD(key, expires, FIELD_PLAIN), FIELD(key, description, FIELD_BYTES),
          FIELD(key, description_size, FIELD_PLAIN), FIELD(key, payload, FIELD_BYTES),
          FIELD(key, payload_size, FIELD_PLAIN), FIELD(key, links, FIELD_PLAIN));

KERNEL_STATE static struct {
    struct list all;
    uint32_t n, sweep_at;
    uint64_t bytes;
} keys;

const char *const key_type_names[KEY_TYPES] = {"keyring", "user", "logon", "big_key"};

int key_type_of(const char *name)
{
    for (int i = 0; i < KEY_TYPES; i++)
        if (!strcmp(key_type_names[i], name))
            return i;
    return -ENODEV;
}

int key_payload_check(int type, uint64_t n)
{
    if (type == KEY_KEYRING)
        return n ? -EINVAL : 0;
    return n && n <= (type == KEY_BIG ? PAYLOAD_BIG : 32767u) ? 0 : -EINVAL;
}

uint32_t key_perm_default(int type)
{
    uint32_t own =
        NEED_VIEW | NEED_SEARCH | NEED_LINK | NEED_SETATTR | NEED_WRITE | (type == KEY_LOGON ? 0 : NEED_READ);
    return PERM_POSSESSOR(own) | PERM_USER(NEED_VIEW);
}

static const int32_t *members(const struct key *ring)
{
    return (const int32_t *)(const void *)ring->payload;
}

struct key *key_find(int32_t serial)
{
    if (!keys.all.next)
        return NULL;
    list_each (k, &keys.all, struct key, all) {
        if (k->serial == serial)
            return k;
    }
    return NULL;
}

/* ---- what goes: all that neither a task nor a user nor a keyring of theirs refers to ---- */

static void mark(struct key *k)
{
    if (!k || k->marked)
        return;
    k->marked = true;
    for (uint32_t i = 0; k->type == KEY_KEYRING && i < k->links; i++) {
        struct key *in = key_find(members(k)[i]);
        if (in && in->type != KEY_KEYRING)
            in->marked = true;
    }
}

/* Keyrings in keyrings, in as many rounds as they may lie within each other, so that nothing calls itself. */
static void mark_rings(void)
{
    for (bool more = true; more;) {
        more = false;
        list_each (k, &keys.all, struct key, all) {
            for (uint32_t i = 0; k->marked && k->type == KEY_KEYRING && i < k->links; i++) {
                struct key *in = key_find(members(k)[i]);
                if (in && !in->marked)
                    mark(in), more = true;
            }
        }
    }
}

static void key_free(struct key *k)
{
    list_remove(&k->all);
    keys.n--;
    keys.bytes -= k->payload_size + k->description_size;
    heap_release(k->description, k->description_size);
    if (k->payload)
        heap_release(k->payload, k->payload_size);
    heap_free(&key_type, k);
}

static void sweep(void)
{
    list_each (k, &keys.all, struct key, all)
        k->marked = false;
    each_process (p) {
        mark(key_find(p->session_keys));
        mark(key_find(p->process_keys));
        each_task (t, p)
            mark(key_find(t->thread_keys));
    }
    list_each (k, &keys.all, struct key, all) {
        if (k->of_user)
            mark(k);
    }
    mark_rings();
    list_each (k, &keys.all, struct key, all) {
        if (!k->marked)
            key_free(k);
    }
    keys.sweep_at = keys.n * 2 > KEYS_SWEEP ? keys.n * 2 : KEYS_SWEEP;
}

/* ---- making ---- */

static int quota(uint32_t uid, uint64_t bytes)
{
    uint64_t n = 0, used = 0;
    if (!keys.all.next) {
        list_init(&keys.all);
        keys.sweep_at = KEYS_SWEEP;
    }
    if (keys.n >= keys.sweep_at || keys.n >= KEYS_MOST || keys.bytes + bytes > BYTES_MOST)
        sweep();
    list_each (k, &keys.all, struct key, all) {
        if (k->uid == uid && !k->of_user)
            n++, used += k->payload_size + k->description_size;
    }
    if (keys.n >= KEYS_MOST || keys.bytes + bytes > BYTES_MOST)
        return -EDQUOT;
    return uid && (n >= KEYS_USER || used + bytes > BYTES_USER) ? -EDQUOT : 0;
}

static int32_t serial_new(void)
{
    uint32_t serial;
    do {
        random_bytes(&serial, sizeof(serial));
        serial &= INT32_MAX;
    } while (serial < 3 || key_find((int32_t)serial));
    return (int32_t)serial;
}

struct key *key_new(int type, const char *description, uint8_t *payload, uint32_t n, uint32_t perm, int *error)
{
    const struct cred *c = current->cred;
    uint32_t size = (uint32_t)strlen(description) + 1;
    *error = quota(c->fsuid, (uint64_t)n + size);
    struct key *k = *error ? NULL : heap_new(&key_type);
    if (k && !(k->description = heap_alloc(size))) {
        heap_free(&key_type, k);
        k = NULL;
    }
    if (!k) {
        if (payload)
            heap_release(payload, n);
        *error = *error ? *error : -ENOMEM;
        return NULL;
    }
    memcpy(k->description, description, size);
    k->description_size = size, k->payload = payload, k->payload_size = n;
    k->type = (uint8_t)type, k->perm = perm, k->uid = c->fsuid, k->gid = c->fsgid;
    k->serial = serial_new();
    list_append(&keys.all, &k->all);
    keys.n++;
    keys.bytes += n + size;
    return k;
}

void key_resized(const struct key *k, uint32_t n)
{
    keys.bytes += n - (uint64_t)k->payload_size;
}

/* ---- keyrings ---- */

struct key *key_in(const struct key *ring, int type, const char *description)
{
    for (uint32_t i = 0; i < ring->links; i++) {
        struct key *k = key_find(members(ring)[i]);
        if (k && k->type == type && !strcmp(k->description, description))
            return k;
    }
    return NULL;
}

/* How deep the keyrings in this one lie; -EDEADLK: `never` is among them. */
static int depth_of(const struct key *ring, const struct key *never, int depth, uint32_t *steps)
{
    int deepest = depth;
    if (ring == never)
        return -EDEADLK;
    if (depth > DEPTH_MOST)
        return -ELOOP;
    for (uint32_t i = 0; i < ring->links; i++) {
        if (!(*steps)--)
            return -ELOOP;
        const struct key *k = key_find(members(ring)[i]);
        int r = k && k->type == KEY_KEYRING ? depth_of(k, never, depth + 1, steps) : depth;
        if (r < 0)
            return r;
        deepest = r > deepest ? r : deepest;
    }
    return deepest;
}

static int room_for_link(struct key *ring)
{
    uint32_t size = ring->payload_size ? ring->payload_size * 2 : 8 * sizeof(int32_t);
    if (ring->links >= LINKS_MOST)
        return -ENFILE;
    if (ring->links * sizeof(int32_t) < ring->payload_size)
        return 0;
    uint8_t *more = heap_alloc(size);
    if (!more)
        return -ENOMEM;
    if (ring->payload) {
        memcpy(more, ring->payload, ring->payload_size);
        heap_release(ring->payload, ring->payload_size);
    }
    keys.bytes += size - ring->payload_size;
    ring->payload = more, ring->payload_size = size;
    return 0;
}

int key_unlink(struct key *ring, int32_t serial)
{
    int32_t *m = (int32_t *)(void *)ring->payload;
    for (uint32_t i = 0; i < ring->links; i++)
        if (m[i] == serial) {
            memmove(m + i, m + i + 1, (--ring->links - i) * sizeof(*m));
            return 0;
        }
    return -ENOENT;
}

int key_link(struct key *ring, const struct key *k)
{
    const struct key *before = key_in(ring, k->type, k->description);
    uint32_t steps = STEPS_MOST;
    int r = k->type == KEY_KEYRING ? depth_of(k, ring, 1, &steps) : 0;
    if (r < 0)
        return r;
    if (before)
        (void)key_unlink(ring, before->serial);
    for (uint32_t i = 0; i < ring->links;) /* of those that are gone */
        if (key_find(members(ring)[i]))
            i++;
        else
            (void)key_unlink(ring, members(ring)[i]);
    if ((r = room_for_link(ring)))
        return r;
    ((int32_t *)(void *)ring->payload)[ring->links++] = k->serial;
    return 0;
}

void key_forget(struct key *k)
{
    list_each (ring, &keys.all, struct key, all) {
        if (ring->type == KEY_KEYRING)
            (void)key_unlink(ring, k->serial);
    }
}

/* ---- rights ---- */

int key_alive(const struct key *k)
{
    if (k->revoked)
        return -EKEYREVOKED;
    if (k->expires && clock_realtime() >= k->expires)
        return -EKEYEXPIRED;
    return k->negative ? -ENOKEY : 0;
}

/* Whether `k` is in the keyring, or in those in it; keyrings on the way need not be searched by rights of their own, as
 * who holds the first holds them. */
static bool holds(const struct key *ring, const struct key *k, int depth, uint32_t *steps)
{
    if (!ring || depth > DEPTH_MOST || key_alive(ring))
        return false;
    if (ring == k)
        return true;
    for (uint32_t i = 0; ring->type == KEY_KEYRING && i < ring->links && *steps; i++) {
        --*steps;
        const struct key *in = members(ring)[i] == k->serial ? k : key_find(members(ring)[i]);
        if (in == k || (in && in->type == KEY_KEYRING && holds(in, k, depth + 1, steps)))
            return true;
    }
    return false;
}

static struct key *of_user(uint32_t uid, bool session)
{
    char name[32];
    text_format(name, sizeof(name), session ? "_uid_ses.%u" : "_uid.%u", uid);
    if (keys.all.next)
        list_each (k, &keys.all, struct key, all) {
            if (k->of_user && !strcmp(k->description, name))
                return k;
        }
    return NULL;
}

/* The session keyring of a task, or its user's; NULL: neither is there yet. */
static struct key *session_of(const struct task *t)
{
    struct key *k = key_find(t->process->session_keys);
    return k ? k : of_user(t->cred->uid, true);
}

bool key_possessed(struct task *t, const struct key *k)
{
    uint32_t steps = STEPS_MOST;
    return holds(key_find(t->thread_keys), k, 0, &steps) || holds(key_find(t->process->process_keys), k, 0, &steps) ||
           holds(session_of(t), k, 0, &steps);
}

static bool in_group(const struct cred *c, uint32_t gid)
{
    for (uint32_t i = 0; i < c->n_groups; i++)
        if (c->groups[i] == gid)
            return true;
    return c->fsgid == gid;
}

bool key_may(struct task *t, const struct key *k, uint32_t need)
{
    uint32_t has = k->uid == t->cred->fsuid ? k->perm >> 16 : in_group(t->cred, k->gid) ? k->perm >> 8 : k->perm;
    if (need & ~has && key_possessed(t, k))
        has |= k->perm >> 24;
    return !(need & ~has);
}

/* ---- finding ---- */

static struct key *search(struct task *t, const struct key *ring, int type, const char *description, int depth,
                          uint32_t *steps)
{
    if (!ring || ring->type != KEY_KEYRING || depth > DEPTH_MOST || key_alive(ring) || !key_may(t, ring, NEED_SEARCH))
        return NULL;
    struct key *k = key_in(ring, type, description);
    if (k && !key_alive(k) && key_may(t, k, NEED_SEARCH))
        return k;
    for (uint32_t i = 0; i < ring->links && *steps; i++) {
        --*steps;
        const struct key *in = key_find(members(ring)[i]);
        if (in && in->type == KEY_KEYRING && (k = search(t, in, type, description, depth + 1, steps)))
            return k;
    }
    return NULL;
}

struct key *key_search(struct task *t, const struct key *ring, int type, const char *description)
{
    uint32_t steps = SEARCH_MOST;
    return search(t, ring, type, description, 0, &steps);
}

struct key *key_search_all(struct task *t, int type, const char *description)
{
    uint32_t steps = SEARCH_MOST;
    struct key *k = search(t, key_find(t->thread_keys), type, description, 0, &steps);
    if (!k)
        k = search(t, key_find(t->process->process_keys), type, description, 0, &steps);
    return k ? k : search(t, session_of(t), type, description, 0, &steps);
}

/* ---- keyrings with a special name ---- */

#define RING_PERM PERM_POSSESSOR(0x3f) | PERM_USER(NEED_VIEW)
#define USER_PERM (PERM_POSSESSOR(0x3f & ~NEED_SETATTR) | PERM_USER(0x3f))

static struct key *ring_for(int32_t *place, const char *name, bool create, int *error)
{
    struct key *k = key_find(*place);
    *error = k ? 0 : -ENOKEY;
    if (k || !create)
        return k;
    k = key_new(KEY_KEYRING, name, NULL, 0, RING_PERM, error);
    if (k)
        *place = k->serial;
    return k;
}

/* Both keyrings of a user are made together: the session's holds the other. */
static struct key *user_ring(const struct task *t, bool session, int *error)
{
    char name[32];
    struct key *made[2] = {of_user(t->cred->uid, false), of_user(t->cred->uid, true)};
    for (int i = 0; i < 2; i++) {
        if (made[i])
            continue;
        text_format(name, sizeof(name), i ? "_uid_ses.%u" : "_uid.%u", t->cred->uid);
        if (!(made[i] = key_new(KEY_KEYRING, name, NULL, 0, USER_PERM, error)))
            return NULL;
        made[i]->of_user = true, made[i]->uid = t->cred->uid;
        if (i && (*error = key_link(made[1], made[0])))
            return NULL;
    }
    *error = 0;
    return made[session];
}

static struct key *special(struct task *t, int32_t serial, bool create, int *error)
{
    struct key *k;
    switch (serial) {
    case KEY_SPEC_THREAD_KEYRING:
        return ring_for(&t->thread_keys, "_tid", create, error);
    case KEY_SPEC_PROCESS_KEYRING:
        return ring_for(&t->process->process_keys, "_pid", create, error);
    case KEY_SPEC_SESSION_KEYRING:
        if ((k = key_find(t->process->session_keys)) || create)
            return k ? k : ring_for(&t->process->session_keys, "_ses", true, error);
        return user_ring(t, true, error);
    case KEY_SPEC_USER_KEYRING:
        return user_ring(t, false, error);
    case KEY_SPEC_USER_SESSION_KEYRING:
        return user_ring(t, true, error);
    case KEY_SPEC_REQKEY_AUTH_KEY:
    case KEY_SPEC_REQUESTOR_KEYRING:
        *error = -ENOKEY;
        return NULL;
    }
    *error = -EINVAL;
    return NULL;
}

struct key *key_get(struct task *t, int32_t serial, bool create, uint32_t need, int *error)
{
    *error = -ENOKEY;
    struct key *k = serial > 0 ? key_find(serial) : special(t, serial, create, error);
    if (!k)
        return NULL;
    *error = key_alive(k);
    if (!*error && !key_may(t, k, need))
        *error = -EACCES;
    return *error ? NULL : k;
}

int key_join_session(struct task *t, const char *name, int32_t *serial)
{
    struct key *found = NULL;
    int r = 0;
    if (name && keys.all.next)
        list_each (k, &keys.all, struct key, all) {
            if (k->type == KEY_KEYRING && !k->of_user && !strcmp(k->description, name) && !key_alive(k) &&
                key_may(t, k, NEED_SEARCH))
                found = k;
        }
    if (!found)
        found = key_new(KEY_KEYRING, name ? name : "_ses", NULL, 0, RING_PERM | PERM_USER(NEED_READ | NEED_LINK), &r);
    if (found)
        *serial = t->process->session_keys = found->serial;
    return r;
}
