/* SPDX-License-Identifier: Apache-2.0 */
/* See program.h: what is in every image, so that a program finds what it finds everywhere. Users, groups and host names
 * are the image's own and not the host's, of which nothing is given away. */
#include "unikernel/program.h"

#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *path;
    uint32_t mode;
} directories[] = {{"/dev", 0755}, {"/etc", 0755}, {"/proc", 0555}, {"/root", 0700},
                   {"/run", 0755}, {"/sys", 0555}, {"/tmp", 01777}, {"/var/tmp", 01777}};

static const struct {
    const char *path, *text;
} texts[] = {
    {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"},
    {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
};

int expected_directories(struct tree *t, struct err *err)
{
    struct tree_node *node;
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(directories) && r == 0; i++)
        if (!tree_at(t, directories[i].path))
            r = tree_directory(t, directories[i].path, directories[i].mode, &node, err);
    return r;
}

int expected_files(struct tree *t, struct err *err)
{
    int r = expected_directories(t, err);

    for (size_t i = 0; i < ARRAY_LEN(texts) && r == 0; i++)
        r = tree_text(t, texts[i].path, texts[i].text, err);
    return r;
}

/* OpenSSL looks for cert.pem and a directory of one file for each certificate; the bundle has the same in one file, and
 * GnuTLS reads that. */
static int certificates(struct source *s, struct err *err)
{
    static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";
    struct tree_node *node, *configuration;
    int r = source_take_if_there(s, bundle, &node, err);

    if (r == 0)
        r = source_take_if_there(s, "/usr/lib/ssl/openssl.cnf", &configuration, err);
    return r == 0 && node ? tree_link(s->tree, "/usr/lib/ssl/cert.pem", bundle, err) : r;
}

int expected_from(struct source *s, bool tls, struct err *err)
{
    struct tree_node *node;
    int r = source_take_if_there(s, "/etc/localtime", &node, err);

    return r == 0 && tls ? certificates(s, err) : r;
}
