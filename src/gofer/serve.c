/* SPDX-License-Identifier: Apache-2.0 */
/* One request, one answer. */
#include "gofer/internal.h"

#include <errno.h>
#include <string.h>

int gofer_serve(struct gofer *g, const void *datagram, size_t n, struct reply *reply)
{
    static struct request q; /* two paths: not for a stack; one request at a time */
    memset(&reply->a, 0, sizeof reply->a);
    reply->a.handle = FILES_NONE;
    reply->fd = -1;
    int r = request_read(g, datagram, n, &q);
    if (r == -EPROTO)
        return r;
    if (!r)
        r = q.row->serve(g, &q, reply);
    if (r < 0)
        reply->a = (struct files_answer){.error = r, .handle = FILES_NONE};
    reply->a.has_fd = reply->fd >= 0;
    return 0;
}
