/* SPDX-License-Identifier: Apache-2.0 */
/* Denials in words, as the broker says them. Pure. */
#include "jvm/denials.h"

#include "base/mem.h"
#include "base/pathtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool denials_is_denied(const struct jvm_rules *rules, const char *path, uint32_t access, int error)
{
    const struct jvm_rule *rule = jvm_rules_find(rules, path);

    if (error != ENOENT && error != EACCES && error != EPERM && error != EROFS)
        return false;
    if (!rule || !rule->access)
        return true; /* a path without a rule is not there */
    return !jvm_rule_gives(rule, access) && error != ENOENT;
}

bool denials_is_silent(const char *path, const char *jdk)
{
    static const char *const places[] = {"/proc",          "/sys",         "/dev", "/usr/share/zoneinfo",
                                         "/etc/localtime", "/etc/timezone"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (path_lies_in(path, places[i]))
            return true;
    }
    return path_lies_in(path, jdk);
}

/* What would give more of a place that has another name on the host, or is not there: the mapping itself, in the form
 * that says so. */
static void remedy_of_place(const struct jvm_rule *rule, uint32_t access, char *out, size_t size)
{
    const char *host = rule->host, *guest = rule->path;

    if (rule->fresh)
        snprintf(out, size, "--tmpfs %s%s", guest, access & JVM_EXECUTE ? ":exec" : "");
    else if (access & JVM_EXECUTE)
        snprintf(out, size, "-v %s:%s:%sexec", host, guest, rule->access & JVM_WRITE ? "" : "ro,");
    else
        snprintf(out, size, "--dir %s::%s%s", host, guest, access & (JVM_WRITE | JVM_CREATE) ? "" : ":ro");
}

/* The flag that would allow it; "": there is none. --ro and --rw give no execution behind this boundary. */
static void remedy(const struct jvm_rule *rule, const char *path, uint32_t access, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = (int)strlen(path);

    *out = 0;
    if (access & JVM_CREATE && slash) /* names are made in a directory */
        length = (int)(slash - path);
    if (rule && (rule->fresh || rule->host))
        remedy_of_place(rule, access, out, size);
    else if (access & JVM_EXECUTE)
        snprintf(out, size, "--allow %s:rx", path);
    else if (length) /* the root itself is nobody's to give */
        snprintf(out, size, "--%s %.*s", access & (JVM_WRITE | JVM_CREATE) ? "rw" : "ro", length, path);
}

void denials_path_sentence(const struct jvm_rules *rules, const char *deed, const char *path, uint32_t access,
                           char out[DENIALS_LINE])
{
    const struct jvm_rule *rule = jvm_rules_find(rules, path);
    char allow[2 * JVM_PATH_SIZE + 16], have[8];

    remedy(rule, path, access, allow, sizeof allow);
    if (rule && !rule->access) {
        snprintf(out, DENIALS_LINE, "%s %s: --deny %s forbids it", deed, path, rule->path);
    } else if (rule) {
        jvm_access_letters(rule->access, have);
        snprintf(out, DENIALS_LINE, "%s %s: %s is given %s alone: %s would allow it", deed, path, rule->path, have,
                 allow);
    } else {
        snprintf(out, DENIALS_LINE, "%s %s: %s%s", deed, path, *allow ? allow : "no rule gives the root directory",
                 *allow ? " would allow it" : "");
    }
}

void denials_address_sentence(const char *host, bool is_ipv6, unsigned port, bool udp, char out[DENIALS_LINE])
{
    const char *before = is_ipv6 ? "[" : "", *behind = is_ipv6 ? "]" : "";

    snprintf(out, DENIALS_LINE, "connect to %s%s%s:%u/%s: no rule allows it: --allow-net %s%s%s:%u%s would allow it",
             before, host, behind, port, udp ? "udp" : "tcp", before, host, behind, port, udp ? "/udp" : "");
}

void denials_name_sentence(const char *name, char out[DENIALS_LINE])
{
    snprintf(out, DENIALS_LINE, "look up the name %s: no rule names it: --allow-net %s:* would allow it", name, name);
}
