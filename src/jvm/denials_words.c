/* SPDX-License-Identifier: Apache-2.0 */
/* Denials in words, as the broker says them. Pure. */
#include "jvm/denials.h"

#include "base/mem.h"
#include "base/pathtext.h"

#include <stdio.h>
#include <string.h>

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

void denials_address_sentence(const char *host, bool is_ipv6, unsigned port, bool udp, char out[ENGINE_SENTENCE])
{
    const char *before = is_ipv6 ? "[" : "", *behind = is_ipv6 ? "]" : "";

    snprintf(out, ENGINE_SENTENCE, "connect to %s%s%s:%u/%s: no rule allows it: --allow-net %s%s%s:%u%s would allow it",
             before, host, behind, port, udp ? "udp" : "tcp", before, host, behind, port, udp ? "/udp" : "");
}

void denials_name_sentence(const char *name, char out[ENGINE_SENTENCE])
{
    snprintf(out, ENGINE_SENTENCE, "look up the name %s: no rule names it: --allow-net %s:* would allow it", name,
             name);
}
