/* SPDX-License-Identifier: Apache-2.0 */
/* add_key(2), request_key(2), keyctl(2). No program is asked to make a key that is not there. */
#include "linux/task/keys.h"

#include "linux/core/text.h"

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <string.h>

#define TYPE_MOST        32u
#define NEGATIVE_SECONDS 60u

/* ---- what comes from the program ---- */

static int type_from_user(struct uptr from)
{
    char name[TYPE_MOST];
    int64_t n = copy_string_in(name, from, sizeof(name));
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : (int)n;
    return !n ? -EINVAL : *name == '.' ? -EPERM : key_type_of(name);
}

/* heap_alloc()ed, DESCRIPTION_MOST bytes; NULL and *error. */
static char *description_from_user(struct uptr from, int *error)
{
    char *text = heap_alloc(DESCRIPTION_MOST);
    *error = text ? 0 : -ENOMEM;
    int64_t n = text ? copy_string_in(text, from, DESCRIPTION_MOST) : 0;
    if (n < 0)
        *error = n == -ENAMETOOLONG ? -EINVAL : (int)n;
    if (!*error)
        return text;
    if (text)
        heap_release(text, DESCRIPTION_MOST);
    return NULL;
}

/* heap_alloc()ed; NULL also for none. */
static uint8_t *payload_from_user(struct uptr from, uint64_t n, int *error)
{
    *error = n > (1u << 20) - 1 ? -EINVAL : 0;
    if (!n || *error)
        return NULL;
    uint8_t *bytes = heap_alloc(n);
    *error = !bytes ? -ENOMEM : copy_in(bytes, from, n) ? -EFAULT : 0;
    if (*error && bytes)
        heap_release(bytes, n);
    return *error ? NULL : bytes;
}

/* The keyring of a number that may be changed. */
static struct key *ring_get(struct task *t, int32_t serial, bool create, uint32_t need, int *error)
{
    struct key *ring = key_get(t, serial, create, need, error);
    if (ring && ring->type != KEY_KEYRING)
        *error = -ENOTDIR;
    return *error ? NULL : ring;
}

/* ---- add_key ---- */

static int description_check(int type, const char *d)
{
    if (!*d || (type == KEY_LOGON && (!strchr(d, ':') || *d == ':')))
        return -EINVAL;
    return type == KEY_KEYRING && *d == '.' ? -EPERM : 0;
}

static void payload_set(struct key *k, uint8_t *payload, uint32_t n)
{
    if (k->payload)
        heap_release(k->payload, k->payload_size);
    key_resized(k, n);
    k->payload = payload, k->payload_size = n;
}

/* Takes the payload. */
static int64_t put(struct task *t, int type, const char *description, uint8_t *payload, uint32_t n, int32_t into)
{
    int r;
    struct key *ring = ring_get(t, into, true, NEED_WRITE, &r), *k = NULL;
    if (ring && type != KEY_KEYRING && (k = key_in(ring, type, description)) && !key_alive(k) &&
        key_may(t, k, NEED_WRITE)) {
        payload_set(k, payload, n);
        return k->serial;
    }
    if (!ring) {
        if (payload)
            heap_release(payload, n);
        return r;
    }
    k = key_new(type, description, payload, n, key_perm_default(type), &r);
    if (k)
        r = key_link(ring, k);
    return r ? r : k->serial;
}

int64_t sys_add_key(struct task *t, const struct args *a)
{
    int r = 0, type = type_from_user(arg_ptr(a, 0));
    if (type < 0 && type != -ENODEV)
        return type;
    char *description = description_from_user(arg_ptr(a, 1), &r);
    if (!description)
        return r;
    uint64_t n = a->v[3];
    uint8_t *payload = payload_from_user(arg_ptr(a, 2), n, &r);
    if (!r && type < 0)
        r = type;
    if (!r)
        r = key_payload_check(type, n);
    if (!r)
        r = description_check(type, description);
    int64_t serial = r;
    if (!r)
        serial = put(t, type, description, payload, (uint32_t)n, arg_int(a, 4));
    else if (payload)
        heap_release(payload, n);
    heap_release(description, DESCRIPTION_MOST);
    return serial;
}

/* Found by type and description in `in`, or in all that the task has; linked into `into` unless it is 0. */
static int64_t look_up(struct task *t, const struct args *a, int at, int32_t in, int32_t into)
{
    int r = 0, type = type_from_user(arg_ptr(a, at));
    struct key *ring = NULL;
    if (type < 0)
        return type;
    char *description = description_from_user(arg_ptr(a, at + 1), &r);
    if (!description)
        return r;
    if (in)
        ring = ring_get(t, in, false, NEED_SEARCH, &r);
    struct key *k = r ? NULL : in ? key_search(t, ring, type, description) : key_search_all(t, type, description);
    heap_release(description, DESCRIPTION_MOST);
    if (!k)
        return r ? r : -ENOKEY;
    ring = into ? ring_get(t, into, true, NEED_WRITE, &r) : NULL;
    if (ring)
        r = key_may(t, k, NEED_LINK) ? key_link(ring, k) : -EACCES;
    return r ? r : k->serial;
}

/* No program makes the key: for a minute the keyring says that there is none. */
static int64_t remember_none(struct task *t, const struct args *a)
{
    int r = 0, type = type_from_user(arg_ptr(a, 0));
    char *description = type < 0 ? NULL : description_from_user(arg_ptr(a, 1), &r);
    struct key *ring = description && !r ? ring_get(t, arg_int(a, 3), true, NEED_WRITE, &r) : NULL;
    struct key *k = ring ? key_new(type, description, NULL, 0, key_perm_default(type), &r) : NULL;
    if (k) {
        r = key_link(ring, k);
        k->negative = true, k->expires = clock_realtime() + NEGATIVE_SECONDS * SECOND;
    }
    if (description)
        heap_release(description, DESCRIPTION_MOST);
    return r ? r : -ENOKEY;
}

int64_t sys_request_key(struct task *t, const struct args *a)
{
    int64_t r = look_up(t, a, 0, 0, arg_int(a, 3));
    return r == -ENOKEY && a->v[2] && arg_int(a, 3) ? remember_none(t, a) : r;
}

/* ---- keyctl ---- */

static int64_t join(struct task *t, struct uptr from)
{
    int32_t serial;
    int r = 0;
    char *name = from.v ? description_from_user(from, &r) : NULL;
    if (r)
        return r;
    r = name && *name == '.' ? -EPERM : name && !*name ? -EINVAL : key_join_session(t, name, &serial);
    if (name)
        heap_release(name, DESCRIPTION_MOST);
    return r ? r : serial;
}

static int64_t update(struct task *t, int32_t serial, struct uptr from, uint64_t n)
{
    int r;
    uint8_t *payload = payload_from_user(from, n, &r);
    struct key *k = r ? NULL : key_get(t, serial, false, NEED_WRITE, &r);
    if (k)
        r = k->type == KEY_KEYRING ? -EOPNOTSUPP : key_payload_check(k->type, n);
    if (!r)
        payload_set(k, payload, (uint32_t)n);
    else if (payload)
        heap_release(payload, n);
    return r;
}

static int64_t read_key(struct task *t, int32_t serial, struct uptr to, uint64_t room)
{
    int r;
    const struct key *k = key_get(t, serial, false, 0, &r);
    if (!k)
        return r;
    if (!key_may(t, k, NEED_READ) && !(key_possessed(t, k) && key_may(t, k, NEED_SEARCH)))
        return -EACCES;
    if (k->type == KEY_LOGON)
        return -EOPNOTSUPP;
    uint64_t n = k->type == KEY_KEYRING ? k->links * sizeof(int32_t) : k->payload_size;
    uint64_t fits = k->type == KEY_KEYRING ? room - room % sizeof(int32_t) : room;
    if (to.v && room && copy_out(to, k->payload, fits < n ? fits : n))
        return -EFAULT;
    return (int64_t)n;
}

static int64_t describe(struct task *t, int32_t serial, struct uptr to, uint64_t room)
{
    int r;
    char head[96];
    const struct key *k = key_get(t, serial, false, NEED_VIEW, &r);
    if (!k)
        return r;
    size_t n = text_format(head, sizeof(head), "%s;%u;%u;%08x;", key_type_names[k->type], k->uid, k->gid, k->perm);
    if (to.v && room >= n + k->description_size &&
        (copy_out(to, head, n) || copy_out(uptr_add(to, n), k->description, k->description_size)))
        return -EFAULT;
    return (int64_t)(n + k->description_size);
}

/* Owner, rights, time: for who may set them, or the owner. */
static int64_t change(struct task *t, const struct args *a)
{
    int r;
    struct key *k = key_get(t, arg_int(a, 1), false, NEED_SETATTR, &r);
    if (!k)
        return r;
    switch (arg_int(a, 0)) {
    case KEYCTL_CHOWN:
        if (!capable(t, CAP_SYS_ADMIN) && (arg_u32(a, 2) != UINT32_MAX || arg_u32(a, 3) != t->cred->fsgid))
            return -EACCES;
        k->uid = arg_u32(a, 2) == UINT32_MAX ? k->uid : arg_u32(a, 2);
        k->gid = arg_u32(a, 3) == UINT32_MAX ? k->gid : arg_u32(a, 3);
        return 0;
    case KEYCTL_SETPERM:
        if (arg_u32(a, 2) & ~PERM_KNOWN)
            return -EINVAL;
        if (k->uid != t->cred->fsuid && !capable(t, CAP_SYS_ADMIN))
            return -EACCES;
        k->perm = arg_u32(a, 2);
        return 0;
    default:
        k->expires = arg_u32(a, 2) ? clock_realtime() + arg_u32(a, 2) * SECOND : 0;
        return 0;
    }
}

static int64_t end(struct task *t, int command, int32_t serial)
{
    int r;
    uint32_t need = command == KEYCTL_INVALIDATE ? NEED_SEARCH : NEED_WRITE;
    struct key *k = key_get(t, serial, false, need, &r);
    if (!k && r == -EACCES && command == KEYCTL_REVOKE)
        k = key_get(t, serial, false, NEED_SETATTR, &r);
    if (!k)
        return r;
    k->revoked = true;
    if (command == KEYCTL_INVALIDATE)
        key_forget(k);
    return 0;
}

static int64_t link_or_unlink(struct task *t, bool unlink, int32_t serial, int32_t into)
{
    int r;
    struct key *ring = ring_get(t, into, !unlink, NEED_WRITE, &r);
    const struct key *k = ring ? key_get(t, serial, !unlink, unlink ? 0 : NEED_LINK, &r) : NULL;
    if (!ring || (!k && !(unlink && (r == -EKEYREVOKED || r == -EKEYEXPIRED || key_find(serial)))))
        return r;
    return unlink ? key_unlink(ring, k ? k->serial : serial) : key_link(ring, k);
}

static int64_t request_ring(struct task *t, int32_t which)
{
    int32_t before = t->request_keys;
    int r = 0;
    if (which == KEY_REQKEY_DEFL_NO_CHANGE)
        return before;
    if (which < 0 || which > KEY_REQKEY_DEFL_USER_SESSION_KEYRING)
        return -EINVAL;
    if (which == KEY_REQKEY_DEFL_THREAD_KEYRING || which == KEY_REQKEY_DEFL_PROCESS_KEYRING)
        (void)key_get(t, -which, true, 0, &r);
    if (!r)
        t->request_keys = which;
    return r ? r : before;
}

static int64_t with_ring(struct task *t, const struct args *a)
{
    int r;
    struct key *ring;
    const char none = 0;
    switch (arg_int(a, 0)) {
    case KEYCTL_GET_KEYRING_ID:
        ring = key_get(t, arg_int(a, 1), a->v[2], NEED_SEARCH, &r);
        return ring ? ring->serial : r;
    case KEYCTL_CLEAR:
        ring = ring_get(t, arg_int(a, 1), true, NEED_WRITE, &r);
        if (ring)
            ring->links = 0;
        return r;
    case KEYCTL_GET_SECURITY: /* a label of no module */
        if (key_get(t, arg_int(a, 1), false, NEED_VIEW, &r) && a->v[2] && a->v[3] && put_user(arg_ptr(a, 2), none))
            return -EFAULT;
        return r ? r : 1;
    }
    return -EOPNOTSUPP;
}

int64_t sys_keyctl(struct task *t, const struct args *a)
{
    int command = arg_int(a, 0);
    switch (command) {
    case KEYCTL_JOIN_SESSION_KEYRING:
        return join(t, arg_ptr(a, 1));
    case KEYCTL_UPDATE:
        return update(t, arg_int(a, 1), arg_ptr(a, 2), a->v[3]);
    case KEYCTL_REVOKE:
    case KEYCTL_INVALIDATE:
        return end(t, command, arg_int(a, 1));
    case KEYCTL_CHOWN:
    case KEYCTL_SETPERM:
    case KEYCTL_SET_TIMEOUT:
        return change(t, a);
    case KEYCTL_DESCRIBE:
        return describe(t, arg_int(a, 1), arg_ptr(a, 2), a->v[3]);
    case KEYCTL_READ:
        return read_key(t, arg_int(a, 1), arg_ptr(a, 2), a->v[3]);
    case KEYCTL_LINK:
    case KEYCTL_UNLINK:
        return link_or_unlink(t, command == KEYCTL_UNLINK, arg_int(a, 1), arg_int(a, 2));
    case KEYCTL_SEARCH:
        return look_up(t, a, 2, arg_int(a, 1), arg_int(a, 4));
    case KEYCTL_SET_REQKEY_KEYRING:
        return request_ring(t, arg_int(a, 1));
    }
    return with_ring(t, a);
}
