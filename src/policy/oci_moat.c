/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The member "moat" of a config.json: what the policy has and the OCI specification has no words for. Only our own
 * writer makes it; other runtimes ignore it, as the specification orders.
 */
#include "policy/ioctl_sets.h"
#include "policy/net_rule.h"
#include "policy/oci.h"

#include <errno.h>
#include <string.h>

static const struct oci_word verdicts[] = {{"allow", PATH_ALLOW}, {"deny", PATH_DENY}, {"broker", PATH_BROKER}};
static const struct oci_word accesses[] = {{"stat", PATH_STAT},
                                           {"read", PATH_READ},
                                           {"write", PATH_WRITE},
                                           {"execute", PATH_EXECUTE},
                                           {"create", PATH_CREATE}};

static int read_paths(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *list;
    int code = oci_list(r, o, "paths", sizeof *p->paths, &list, &p->paths);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "paths");
    for (const struct json *j = list->child; j; j = j->next) {
        struct path_rule *rule = &p->paths[p->n_paths];
        uint64_t verdict = 0, access = 0;
        oci_enter_item(r, p->n_paths);
        if ((code = oci_expect_object(r, j)) < 0 ||
            (code = oci_string(r, j, "host", OCI_REQUIRED | OCI_ABSOLUTE, &rule->host)) < 0 ||
            (code = oci_string(r, j, "guest", OCI_REQUIRED | OCI_ABSOLUTE, &rule->guest)) < 0 ||
            (code = oci_word(r, j, "verdict", OCI_REQUIRED, verdicts, ARRAY_LEN(verdicts), &verdict)) < 0 ||
            (code = oci_word_flags(r, j, "access", accesses, ARRAY_LEN(accesses), &access)) < 0 ||
            (code = oci_bool(r, j, "optional", &rule->optional)) < 0)
            return code;
        rule->verdict = (enum path_verdict)verdict;
        rule->access = (uint32_t)access;
        p->n_paths++;
        oci_leave(r);
    }
    oci_leave(r);
    return 0;
}

static int read_made(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *list;
    int code = oci_list(r, o, "made", sizeof *p->made, &list, &p->made);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "made");
    for (const struct json *j = list->child; j; j = j->next) {
        struct made_file *f = &p->made[p->n_made];
        struct opt_i64 changed = {0};
        oci_enter_item(r, p->n_made);
        if ((code = oci_expect_object(r, j)) < 0 ||
            (code = oci_string(r, j, "path", OCI_REQUIRED | OCI_ABSOLUTE, &f->path)) < 0 ||
            (code = oci_string(r, j, "content", 0, &f->content)) < 0 ||
            (code = oci_string(r, j, "target", OCI_NONEMPTY, &f->target)) < 0 ||
            (code = oci_i64(r, j, "changed", 0, 0, INT64_MAX, &changed)) < 0)
            return code;
        f->changed = changed.set ? changed.v : 0;
        if (!f->content == !f->target)
            return oci_fail(r, NULL, "needs either content or target");
        p->n_made++;
        oci_leave(r);
    }
    oci_leave(r);
    return 0;
}

static int read_net(struct oci_reader *r, const struct json *o, struct policy *p)
{
    struct strv texts = {0};
    int code = oci_strings(r, o, "net", OCI_NONEMPTY, &texts);

    if (code < 0 || !texts.n)
        return code;
    p->net = arena_array(r->a, texts.n, sizeof *p->net);
    if (!p->net)
        return oci_no_memory(r);
    for (; p->n_net < texts.n; p->n_net++)
        if (net_rule_parse(r->a, texts.v[p->n_net], &p->net[p->n_net], r->err) < 0)
            return err_wrap(r->err, "moat.net[%u]", p->n_net);
    return 0;
}

static int read_ioctls(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const char *text = NULL;
    int code = oci_string(r, o, "ioctls", OCI_NONEMPTY, &text);

    if (code < 0 || !text)
        return code;
    return ioctl_list_parse(r->a, text, &p->ioctls, r->err) < 0 ? err_wrap(r->err, "moat.ioctls") : 0;
}

int oci_read_moat(struct oci_reader *r, const struct json *root, struct policy *p)
{
    const struct json *o;
    int code = oci_child(r, root, "moat", JSON_OBJECT, &o);

    if (code < 0 || !o)
        return code;
    oci_enter(r, "moat");
    if ((code = oci_bool(r, o, "privateRoot", &p->private_root)) < 0 ||
        (code = oci_bool(r, o, "denyLog", &p->deny_log)) < 0 || (code = read_paths(r, o, p)) < 0 ||
        (code = read_made(r, o, p)) < 0 || (code = read_net(r, o, p)) < 0 || (code = read_ioctls(r, o, p)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static void write_path(const struct path_rule *rule, struct json_writer *w)
{
    json_object_begin(w, NULL);
    json_string(w, "host", rule->host);
    json_string(w, "guest", rule->guest);
    json_string(w, "verdict", verdicts[rule->verdict].name);
    json_array_begin(w, "access");
    for (size_t i = 0; i < ARRAY_LEN(accesses); i++)
        if (rule->access & accesses[i].value)
            json_string(w, NULL, accesses[i].name);
    json_array_end(w);
    if (rule->optional)
        json_bool(w, "optional", true);
    json_object_end(w);
}

void oci_write_moat(const struct policy *p, struct json_writer *w)
{
    char text[NET_RULE_TEXT_MAX];

    if (!p->private_root && !p->deny_log && !p->n_paths && !p->n_made && !p->n_net && !p->ioctls.set)
        return;
    json_object_begin(w, "moat");
    if (p->private_root)
        json_bool(w, "privateRoot", true);
    if (p->deny_log)
        json_bool(w, "denyLog", true);
    if (p->ioctls.set)
        json_string(w, "ioctls", p->ioctls.text);
    json_array_begin(w, "paths");
    for (uint32_t i = 0; i < p->n_paths; i++)
        write_path(&p->paths[i], w);
    json_array_end(w);
    json_array_begin(w, "made");
    for (uint32_t i = 0; i < p->n_made; i++) {
        json_object_begin(w, NULL);
        json_string(w, "path", p->made[i].path);
        json_string(w, p->made[i].target ? "target" : "content",
                    p->made[i].target ? p->made[i].target : p->made[i].content);
        if (p->made[i].changed)
            json_int(w, "changed", p->made[i].changed);
        json_object_end(w);
    }
    json_array_end(w);
    json_array_begin(w, "net");
    for (uint32_t i = 0; i < p->n_net; i++) {
        net_rule_text(&p->net[i], text);
        json_string(w, NULL, text);
    }
    json_array_end(w);
    json_object_end(w);
}
