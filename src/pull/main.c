/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-pull: fetches documents and blobs from one registry, shut in. Started by moat only, with the descriptors of
 * image/pull_record.h and an empty environment; it has no options, since what it is told is secret in part.
 */
#include "base/mem.h"
#include "pull/jail.h"
#include "pull/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(uint32_t request, const struct err *err)
{
    struct pull_report r = {.version = PULL_RECORD_VERSION, .kind = PULL_FAILED, .request = request};

    r.text_len = (uint32_t)strnlen(err->text, sizeof r.text);
    memcpy(r.text, err->text, r.text_len);
    report_send(&r);
    return 1;
}

static int read_setup(struct pull_setup *p, struct err *err)
{
    size_t n = 0;

    while (n < sizeof *p) {
        ssize_t k = read(PULL_FD_REQUEST, (char *)p + n, sizeof *p - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    if (n != sizeof *p || p->version != PULL_RECORD_VERSION || !memchr(p->host, 0, sizeof p->host) ||
        !memchr(p->repository, 0, sizeof p->repository) || !memchr(p->user, 0, sizeof p->user) ||
        !memchr(p->password, 0, sizeof p->password))
        return err_set(err, -EPROTO, "moat-pull is started by moat, not by hand; reinstall both together");
    return 0;
}

/* The authorities' certificates: the system's file, or the one the user named. /dev/null: none, and https fails. */
static int read_certificates(struct session *s, struct err *err)
{
    struct stat st;

    if (fstat(PULL_FD_CA, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return 0;
    if (st.st_size > PULL_CA_MAX)
        return err_set(err, -EFBIG, "the file of certificates has more than %u bytes", PULL_CA_MAX);
    size_t size = (size_t)st.st_size, n = 0;
    char *text = malloc(size);
    while (text && n < size) {
        ssize_t k = pread(PULL_FD_CA, text + n, size - n, (off_t)n);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    if (!text || n != size)
        return err_set(err, -EIO, "the file of certificates cannot be read");
    s->ca = (struct curl_blob){.data = text, .len = size, .flags = CURL_BLOB_NOCOPY};
    return 0;
}

int main(void)
{
    static struct session s;
    struct jail jail = {
        .dest = PULL_FD_DEST,
    };
    struct err err = {0};
    uint32_t failed = 0;
    int r = read_setup(&s.setup, &err);

    if (r == 0 && (r = read_certificates(&s, &err)) == 0)
        r = session_init(&s, &err);
    fcntl(PULL_FD_REPORT, F_SETFL, O_NONBLOCK);
    jail.max_bytes = s.setup.max_bytes;
    jail.descriptors = 16; /* libcurl has a pair of its own by now */
    if (r < 0 || (r = jail_enter(&jail, &err)) < 0 || (r = session_run(&s, &failed, &err)) < 0)
        return fail(failed, &err);
    return 0; /* memory goes with the process */
}
