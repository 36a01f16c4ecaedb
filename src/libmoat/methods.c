/* SPDX-License-Identifier: Apache-2.0 */
#include "libmoat/methods.h"

#include "libmoat/ring.h"

#include <errno.h>

#define METHODS_MAX 4096u

int methods_check(const struct moat_method *methods, uint32_t n, uint32_t ring_bytes, bool served,
                  struct method_limits *limits, struct err *err)
{
    uint32_t most = ring_bytes - RING_ALIGN;

    *limits = (struct method_limits){0};
    if (!methods || n == 0 || n > METHODS_MAX)
        return err_set(err, -EINVAL, "a table of %u methods: 1 to %u can be", n, METHODS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const struct moat_method *m = &methods[i];
        if (!m->name || m->method != i)
            return err_set(err, -EINVAL, "method %s: it has number %u and is row %u of its table: they must agree",
                           m->name ? m->name : "without a name", m->method, i);
        if (m->request_min > m->request_max || m->request_max > most || m->reply_max > most)
            return err_set(err, -EINVAL,
                           "method %s: requests of %u to %u bytes and replies of %u: a ring holds one of at most %u: "
                           "use a shared buffer, or larger rings",
                           m->name, m->request_min, m->request_max, m->reply_max, most);
        if (m->fds_in > MOAT_FDS_MAX || m->fds_out > MOAT_FDS_MAX || m->next > 32)
            return err_set(err, -EINVAL, "method %s: %u and %u descriptors, next state %d: at most %d, and state 31",
                           m->name, m->fds_in, m->fds_out, (int)m->next - 1, MOAT_FDS_MAX);
        if (served && !m->function)
            return err_set(err, -EINVAL, "method %s: the target has no function for it", m->name);
        if (m->request_max > limits->request_max)
            limits->request_max = m->request_max;
        if (m->reply_max > limits->reply_max)
            limits->reply_max = m->reply_max;
    }
    return 0;
}

int methods_permit(const struct moat_method *row, uint32_t state, size_t size, uint32_t n_fds, struct err *err)
{
    if (!(row->states & MOAT_STATE(state)))
        return err_set(err, -EINVAL, "method %s is not permitted in state %u (mask %#x)", row->name, state,
                       row->states);
    if (size < row->request_min || size > row->request_max)
        return err_set(err, -EINVAL, "method %s: a request of %zu bytes: %u to %u are permitted", row->name, size,
                       row->request_min, row->request_max);
    if (n_fds > row->fds_in)
        return err_set(err, -EINVAL, "method %s: %u descriptors: at most %u are permitted", row->name, n_fds,
                       row->fds_in);
    return 0;
}
