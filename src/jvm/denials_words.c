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

/* The flag that would allow it. --ro and --rw give no execution behind this boundary. */
static void remedy(const char *path, uint32_t access, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = (int)strlen(path);

    if (access & JVM_CREATE && slash) /* names are made in a directory */
        length = slash == path ? 1 : (int)(slash - path);
    if (access & JVM_EXECUTE)
        snprintf(out, size, "--allow %s:rx", path);
    else
        snprintf(out, size, "--%s %.*s", access & (JVM_WRITE | JVM_CREATE) ? "rw" : "ro", length, path);
}

void denials_path_sentence(const struct jvm_rules *rules, const char *deed, const char *path, uint32_t access,
                           char out[DENIALS_LINE])
{
    const struct jvm_rule *rule = jvm_rules_find(rules, path);
    char allow[JVM_PATH_SIZE + 16], have[8];

    remedy(path, access, allow, sizeof allow);
    if (rule && !rule->access) {
        snprintf(out, DENIALS_LINE, "%s %s: --deny %s forbids it", deed, path, rule->path);
    } else if (rule) {
        jvm_access_letters(rule->access, have);
        snprintf(out, DENIALS_LINE, "%s %s: %s is given %s alone: %s would allow it", deed, path, rule->path, have,
                 allow);
    } else {
        snprintf(out, DENIALS_LINE, "%s %s: %s would allow it", deed, path, allow);
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
