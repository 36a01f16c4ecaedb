/* SPDX-License-Identifier: Apache-2.0 */
/* What a pull decides without a network: which host a name means, which login is its, what a challenge asks for, and
 * which documents are taken. */
#include "base/clock.h"
#include "base/mem.h"
#include "host/helper.h"
#include "image/oci_document.h"
#include "image/puller.h"
#include "image/remote.h"
#include "pull/challenge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE    "application/vnd.oci.image.index.v1+json"

static struct arena arena;

static struct json *parse(const char *text)
{
    struct json *root = NULL;
    struct err err = {0};
    char *copy = arena_strdup(&arena, text);

    if (json_parse(&arena, copy, strlen(copy), &root, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return root;
}

static void test_remote_table(void **state)
{
    static const struct {
        const char *text, *registry, *host, *repository, *wanted;
        bool loopback;
    } cases[] = {
        {"localhost:5000/app", "", "localhost:5000", "app", "latest", true},
        {"localhost/app:1", "", "localhost", "app", "1", true},
        {"127.0.0.1:5000/a/b:1", "", "127.0.0.1:5000", "a/b", "1", true},
        {"127.255.3.4/a", "", "127.255.3.4", "a", "latest", true},
        {"127.0.0.1.example/a", "", "127.0.0.1.example", "a", "latest", false},
        {"localhost.example/a", "", "localhost.example", "a", "latest", false},
        {"[::1]:5000/a", "", "[::1]:5000", "a", "latest", true},
        {"[fe80::1]/a:x", "", "[fe80::1]", "a", "x", false},
        {"128.0.0.1/a", "", "128.0.0.1", "a", "latest", false},
        {"registry.example/a@sha256:" HEX_A, "", "registry.example", "a", "sha256:" HEX_A, false},
        {"registry.example/a:1@sha256:" HEX_A, "", "registry.example", "a", "sha256:" HEX_A, false},
        {"app:1", "registry.example", "registry.example", "app", "1", false},
        {"team/app", "registry.example:443", "registry.example:443", "team/app", "latest", false},
        {"app", "registry.example/official", "registry.example", "official/app", "latest", false},
        {"team/app", "registry.example/official", "registry.example", "team/app", "latest", false},
        {"app", "localhost", "localhost", "app", "latest", true},
        {"other.example/app", "registry.example", "other.example", "app", "latest", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reference ref;
        struct remote remote;
        struct err err = {0};
        if (reference_parse(cases[i].text, &ref, &err) < 0 || remote_of(&ref, cases[i].registry, &remote, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        if (strcmp(remote.host, cases[i].host) || strcmp(remote.repository, cases[i].repository) ||
            strcmp(remote.wanted, cases[i].wanted) || remote.loopback != cases[i].loopback)
            fail_msg("%s: got %s %s %s loopback %d", cases[i].text, remote.host, remote.repository, remote.wanted,
                     remote.loopback);
    }
}

static void test_remote_without_a_registry_is_refused(void **state)
{
    static const char *const registries[] = {"",           "word", "has space.example", "a.example/UPPER",
                                             "a.example/", "/x",   "https://a.example", "a.example:/x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(registries); i++) {
        struct reference ref;
        struct remote remote;
        struct err err = {0};
        assert_int_equal(reference_parse("app", &ref, &err), 0);
        if (remote_of(&ref, registries[i], &remote, &err) == 0)
            fail_msg("\"%s\" was taken: %s %s", registries[i], remote.host, remote.repository);
        assert_non_null(strstr(err.text, "MOAT_REGISTRY"));
    }
}

static void test_reference_digest_and_brackets_come_back(void **state)
{
    static const char *const texts[] = {"a@sha256:" HEX_A, "h.example:1/a/b@sha256:" HEX_B, "[::1]:5/a:1", "[::1]/a:1"};
    static const char *const bad[] = {"a@",
                                      "a@sha256:",
                                      "a@sha256:" HEX_A "a",
                                      "a@sha512:" HEX_A,
                                      "@sha256:" HEX_A,
                                      "a@sha256:sha256:" HEX_A,
                                      "a@sha256:" HEX_A "@sha256:" HEX_A,
                                      "a:@sha256:" HEX_A,
                                      "[]/a",
                                      "[x::1]/a",
                                      "[::1/a",
                                      "[::1]x/a",
                                      "[::1]:/a",
                                      "[1]/a",
                                      "[::1]:x/a"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct reference ref, back;
        struct err err = {0};
        char file[REFERENCE_NAME_MAX + 1], tag[REFERENCE_TAG_MAX + 1], show[REFERENCE_TEXT_MAX];
        if (reference_parse(texts[i], &ref, &err) < 0)
            fail_msg("%s: %s", texts[i], err.text);
        reference_to_file(&ref, file);
        reference_to_tag_file(&ref, tag);
        assert_true(reference_from_file(file, tag, &back));
        reference_show(&back, show);
        assert_string_equal(show, texts[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct reference ref;
        struct err err = {0};
        if (reference_parse(bad[i], &ref, &err) == 0)
            fail_msg("%s was taken as %s", bad[i], ref.name);
    }
}

static void test_login_is_found_for_its_host_only(void **state)
{
    static const struct {
        const char *label, *text, *host, *user, *password;
        bool helper;
    } cases[] = {
        {"by host and port", "{\"auths\":{\"h:5\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h:5", "user", "pass", false},
        {"another port", "{\"auths\":{\"h:5\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h:6", NULL, NULL, false},
        {"no port", "{\"auths\":{\"h:5\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h", NULL, NULL, false},
        {"as an address", "{\"auths\":{\"https://H.example/v1/\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h.example", "user",
         "pass", false},
        {"longer host", "{\"auths\":{\"h.example.evil\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h.example", NULL, NULL, false},
        {"in words", "{\"auths\":{\"h\":{\"username\":\"u\",\"password\":\"p:q\"}}}", "h", "u", "p:q", false},
        {"colons in the password", "{\"auths\":{\"h\":{\"auth\":\"dTpwOnE\"}}}", "h", "u", "p:q", false},
        {"empty entry", "{\"auths\":{\"h\":{}},\"credsStore\":\"x\"}", "h", NULL, NULL, true},
        {"a helper for it", "{\"credHelpers\":{\"h\":\"x\"}}", "h", NULL, NULL, true},
        {"a helper for others", "{\"credHelpers\":{\"g\":\"x\"}}", "h", NULL, NULL, false},
        {"odd shapes", "{\"auths\":[1],\"credHelpers\":3}", "h", NULL, NULL, false},
        {"no object", "[]", "h", NULL, NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct remote_login login;
        struct err err = {0};
        char *text = arena_strdup(&arena, cases[i].text);
        if (remote_login_read(&arena, text, strlen(text), cases[i].host, &login, &err) < 0)
            fail_msg("%s: %s", cases[i].label, err.text);
        if (login.found != (cases[i].user != NULL) || login.helper != cases[i].helper)
            fail_msg("%s: found %d, helper %d", cases[i].label, login.found, login.helper);
        if (login.found && (strcmp(login.user, cases[i].user) || strcmp(login.password, cases[i].password)))
            fail_msg("%s: got %s %s", cases[i].label, login.user, login.password);
    }
}

static void test_login_malformed_is_refused(void **state)
{
    static const char *const texts[] = {"{\"auths\":{\"h\":{\"auth\":\"dXNlcg==\"}}}",
                                        "{\"auths\":{\"h\":{\"auth\":\"?\"}}}",
                                        "{\"auths\":{\"h\":{\"auth\":\"AAAA\"}}}", "{"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct remote_login login;
        struct err err = {0};
        char *text = arena_strdup(&arena, texts[i]);
        if (remote_login_read(&arena, text, strlen(text), "h", &login, &err) == 0)
            fail_msg("%s was taken", texts[i]);
    }
}

static void test_challenge_table(void **state)
{
    static const struct {
        const char *text;
        enum challenge_scheme scheme;
        const char *realm, *service, *scope;
    } cases[] = {
        {"Bearer realm=\"https://a.example/t\",service=\"s\",scope=\"x\"", CHALLENGE_BEARER, "https://a.example/t", "s",
         "x"},
        {"bearer REALM=https://a.example/t , service = s", CHALLENGE_BEARER, "https://a.example/t", "s", ""},
        {"Basic realm=\"a, b\"", CHALLENGE_BASIC, "a, b", "", ""},
        {"Basic", CHALLENGE_BASIC, "", "", ""},
        {"Basic realm=\"x\", Bearer realm=\"y\"", CHALLENGE_BEARER, "y", "", ""},
        {"Bearer realm=\"y\", Basic realm=\"x\"", CHALLENGE_BEARER, "y", "", ""},
        {"Digest qop=\"auth\", nonce=abc, Basic realm=x", CHALLENGE_BASIC, "x", "", ""},
        {"Bearer realm=\"a\\\"b\"", CHALLENGE_BEARER, "a\"b", "", ""},
        {"Bearer realm=\"y\",error=\"insufficient_scope\"", CHALLENGE_BEARER, "y", "", ""},
    };
    static const char *const bad[] = {"",
                                      " , ",
                                      "Digest realm=x",
                                      "Bearer",
                                      "Bearer service=\"x\"",
                                      "Bearer realm=\"open",
                                      "Bearer realm=",
                                      "Bearer realm=a\007b",
                                      "Bearer realm=\"a\"b",
                                      "Basic realm=\"a\\",
                                      "Bearer realm=\"\n\"",
                                      "Negotiate abc=, Basic realm=\"x",
                                      "=",
                                      "Bearer \"x\""};
    struct challenge c;
    char *longest = arena_alloc(&arena, 3000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!challenge_read(cases[i].text, &c))
            fail_msg("%s was refused", cases[i].text);
        if (c.scheme != cases[i].scheme || strcmp(c.realm, cases[i].realm) || strcmp(c.service, cases[i].service) ||
            strcmp(c.scope, cases[i].scope))
            fail_msg("%s: got %d %s %s %s", cases[i].text, c.scheme, c.realm, c.service, c.scope);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (challenge_read(bad[i], &c))
            fail_msg("%s was taken", bad[i]);
    strcpy(longest, "Bearer realm=");
    memset(longest + strlen(longest), 'x', 2000);
    assert_false(challenge_read(longest, &c));
    assert_true(challenge_token_valid("a.b-c/d+e=", 10));
    assert_false(challenge_token_valid("a b", 3));
    assert_false(challenge_token_valid("a\r\nb", 4));
    assert_false(challenge_token_valid("", 0));
}

static void test_platform_table(void **state)
{
    static const struct {
        const char *text, *show; /* NULL: refused */
    } cases[] = {{"linux/arm64", "linux/arm64"},
                 {"linux/arm/v7", "linux/arm/v7"},
                 {"arm64", "linux/arm64"},
                 {"linux/x86_64", "linux/amd64"},
                 {"linux/aarch64", "linux/arm64"},
                 {"windows/amd64", NULL},
                 {"linux/", NULL},
                 {"/amd64", NULL},
                 {"", NULL},
                 {"linux/amd64/v2/x", NULL},
                 {"linux/AMD64", NULL},
                 {"linux/a b", NULL},
                 {"linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL}};
    struct oci_platform p;
    struct err err = {0};
    char show[64];

    (void)state;
    assert_int_equal(oci_platform_parse(NULL, &p, &err), 0);
    assert_true(oci_platform_is_own(&p));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = oci_platform_parse(cases[i].text, &p, &err);
        if ((r == 0) != (cases[i].show != NULL))
            fail_msg("%s: %d", cases[i].text, r);
        if (r == 0)
            oci_platform_show(&p, show);
        if (r == 0 && strcmp(show, cases[i].show) != 0)
            fail_msg("%s: got %s", cases[i].text, show);
    }
}

static void test_document_kind_table(void **state)
{
    enum { REFUSED = -1 };
    static const struct {
        const char *text, *type;
        int kind;
    } cases[] = {
        {"{\"schemaVersion\":2,\"layers\":[]}", OCI_MANIFEST_TYPE, OCI_MANIFEST},
        {"{\"schemaVersion\":2,\"manifests\":[]}", OCI_INDEX_TYPE, OCI_INDEX},
        {"{\"layers\":[]}", "application/json", OCI_MANIFEST},
        {"{\"manifests\":[]}", "", OCI_INDEX},
        {"{\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"layers\":[]}", "", OCI_MANIFEST},
        {"{\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"layers\":[]}", OCI_INDEX_TYPE, REFUSED},
        {"{\"mediaType\":\"" OCI_INDEX_TYPE "\",\"layers\":[]}", OCI_INDEX_TYPE, REFUSED},
        {"{\"manifests\":[],\"layers\":[]}", OCI_INDEX_TYPE, REFUSED},
        {"{\"schemaVersion\":1,\"fsLayers\":[]}", OCI_MANIFEST_TYPE, REFUSED},
        {"{}", "application/vnd.docker.distribution.manifest.v1+json", REFUSED},
        {"{\"mediaType\":\"x\",\"layers\":[]}", "", REFUSED},
        {"{}", "", REFUSED},
        {"{}", "text/html", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum oci_kind kind = OCI_INDEX;
        struct err err = {0};
        int r = oci_document_kind(parse(cases[i].text), cases[i].type, &kind, &err);
        int got = r < 0 ? REFUSED : (int)kind;
        if (got != cases[i].kind)
            fail_msg("%s as \"%s\": %d, %s", cases[i].text, cases[i].type, got, err.text);
    }
}

#define ENTRY(hex, arch)                                                                                               \
    "{\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"digest\":\"sha256:" hex                                                \
    "\",\"size\":7,\"platform\":{\"os\":\"linux\","                                                                    \
    "\"architecture\":\"" arch "\",\"variant\":\"v8\"}}"

static void test_index_choice(void **state)
{
    const char *text =
        "{\"manifests\":[{\"mediaType\":\"other\"}," ENTRY(HEX_A, "arm64") "," ENTRY(HEX_B, "riscv64") "]}";
    static const struct {
        const char *platform, *hex;
    } cases[] = {{"linux/arm64", HEX_A},
                 {"linux/arm64/v8", HEX_A},
                 {"linux/riscv64", HEX_B},
                 {"linux/arm64/v9", NULL},
                 {"linux/s390x", NULL}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oci_platform p;
        struct oci_blob blob;
        struct err err = {0};
        const char *type;
        assert_int_equal(oci_platform_parse(cases[i].platform, &p, &err), 0);
        int r = oci_index_choose(parse(text), NULL, &p, &blob, &type, &err);
        if ((r == 0) != (cases[i].hex != NULL) || (r == 0 && strcmp(blob.hex, cases[i].hex) != 0))
            fail_msg("%s: %d %s", cases[i].platform, r, err.text);
        if (r < 0)
            assert_non_null(strstr(err.text, "linux/riscv64"));
    }
}

static int set_up(void **state)
{
    (void)state;
    return arena_init(&arena, 64u << 20);
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* ---- hearing from a helper that was taken over ---------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_alarm(int number)
{
    (void)number;
    interrupted = 1;
}

/* A puller that has asked for two things of 100 bytes, and the helper's end of its pipe. */
static struct puller taken_over(int *helper)
{
    static struct puller_asked asked[2];
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    *helper = ends[1];
    interrupted = 0;
    asked[0] = asked[1] = (struct puller_asked){.size = 100};
    return (struct puller){.request = -1,
                           .report = ends[0],
                           .asked = 2,
                           .requests = asked,
                           .news_ms = clock_ms(),
                           .quiet_ms = 1000000,
                           .interrupted = &interrupted};
}

static void say(int helper, enum pull_report_kind kind, uint32_t request, uint64_t bytes, size_t from, size_t to)
{
    struct pull_report r = {.version = PULL_RECORD_VERSION, .kind = kind, .request = request, .bytes = bytes};

    assert_int_equal(write(helper, (char *)&r + from, to - from), to - from);
}

static void test_hear_after_half_a_report_is_interrupted(void **state)
{
    struct sigaction alarm = {.sa_handler = on_alarm}, before;
    struct itimerval soon = {.it_value.tv_usec = 50000};
    struct pull_report r;
    struct err err = {0};
    int helper;
    struct puller p = taken_over(&helper);

    (void)state;
    sigaction(SIGALRM, &alarm, &before);
    say(helper, PULL_PROGRESS, 0, 1, 0, 500);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(puller_hear(&p, true, &r, &err), -EINTR);
    sigaction(SIGALRM, &before, NULL);
    puller_end(&p);
    close(helper);
}

static void test_hear_half_a_report_does_not_hold_who_will_not_wait(void **state)
{
    struct pull_report r;
    struct err err = {0};
    int helper;
    struct puller p = taken_over(&helper);

    (void)state;
    say(helper, PULL_PROGRESS, 1, 7, 0, 500);
    assert_int_equal(puller_hear(&p, false, &r, &err), -EAGAIN);
    assert_int_equal(puller_hear(&p, false, &r, &err), -EAGAIN);
    say(helper, PULL_PROGRESS, 1, 7, 500, sizeof r);
    assert_int_equal(puller_hear(&p, false, &r, &err), 0);
    assert_int_equal(r.request * 100 + r.bytes, 107);
    assert_int_equal(err.code, 0);
    puller_end(&p);
    close(helper);
}

/* The time for news is over before each of these is heard: only what is new counts. */
static void test_hear_what_is_not_new_is_silence(void **state)
{
    static const struct {
        const char *label;
        enum pull_report_kind kind;
        uint32_t request;
        uint64_t bytes;
        bool news;
    } cases[] = {
        {"a byte", PULL_PROGRESS, 0, 1, true},        {"the same byte", PULL_PROGRESS, 0, 1, false},
        {"none", PULL_PROGRESS, 1, 0, false},         {"more", PULL_PROGRESS, 0, 100, true},
        {"less", PULL_PROGRESS, 0, 99, false},        {"more than there is", PULL_PROGRESS, 0, 101, false},
        {"an answer", PULL_GOT, 0, 100, true},        {"the answer again", PULL_GOT, 0, 100, false},
        {"the other's answer", PULL_GOT, 1, 0, true},
    };
    int helper;
    struct puller p = taken_over(&helper);

    (void)state;
    p.quiet_ms = 1000;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pull_report r;
        struct err err = {0};
        say(helper, cases[i].kind, cases[i].request, cases[i].bytes, 0, sizeof r);
        p.news_ms = clock_ms() - 10000;
        int got = puller_hear(&p, true, &r, &err);
        if (got != (cases[i].news ? 0 : -ETIMEDOUT))
            fail_msg("%s: %d %s", cases[i].label, got, err.text);
    }
    p.news_ms = clock_ms() - 10000;
    assert_int_equal(puller_hear(&p, true, &(struct pull_report){0}, &(struct err){0}), -ETIMEDOUT);
    puller_end(&p);
    close(helper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remote_table),
        cmocka_unit_test(test_remote_without_a_registry_is_refused),
        cmocka_unit_test(test_reference_digest_and_brackets_come_back),
        cmocka_unit_test(test_login_is_found_for_its_host_only),
        cmocka_unit_test(test_login_malformed_is_refused),
        cmocka_unit_test(test_challenge_table),
        cmocka_unit_test(test_platform_table),
        cmocka_unit_test(test_document_kind_table),
        cmocka_unit_test(test_index_choice),
        cmocka_unit_test(test_hear_after_half_a_report_is_interrupted),
        cmocka_unit_test(test_hear_half_a_report_does_not_hold_who_will_not_wait),
        cmocka_unit_test(test_hear_what_is_not_new_is_silence),
    };

    return cmocka_run_group_tests_name("pull", tests, set_up, tear_down);
}
