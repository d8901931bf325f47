/* Who is shown what: accounts and tokens against a server that plays a script. */
#include <stdlib.h>
#include <unistd.h>

#include "http_script.h"

#define LOGIN "{\"auths\":{\"127.0.0.1:@\":{\"auth\":\"dTpw\"}}}" /* u:p */
#define BASIC STATUS("401", "WWW-Authenticate: Basic realm=\"r\"\r\n")
#define ASKS(challenge) STATUS("401", "WWW-Authenticate: " challenge "\r\n")
#define BEARER(scope) "Bearer realm=\"http://localhost:@/t\",service=\"s\"" scope
#define TOKEN OK("15") "{\"token\":\"one\"}"
#define IMAGE OK("2") "{}"

struct play {
    const char *label, *logins; /* the file of logins, @ being the port; NULL: none */
    bool push;
    const char *from;
    const char *script[SCRIPT_MAX];
    int result;
    const char *message; /* part of the error's */
    int answers;
    const char *sent[SCRIPT_MAX]; /* part of the request's head; "!": not part of it */
};

static void write_logins(const char *path, const char *text, unsigned port)
{
    FILE *f = fopen(path, "w");

    CHECK(f != NULL);
    for (; f && *text != '\0'; text++) {
        *text == '@' ? fprintf(f, "%u", port) : fputc(*text, f);
    }
    CHECK(f && fclose(f) == 0);
}

static void play(const struct play *p)
{
    char path[] = "/tmp/kist-auth.XXXXXX", *files[] = {path, NULL};
    const struct kist_strv list = {files, 1};
    struct kist_registry_options options = {.tries = 1, .auth_files = &list};
    struct server *s = server_start(p->script);
    struct kist_registry *reg = open_at(s, &options);
    struct kist_registry_document doc;
    struct kist_error err = {0};
    int fd = mkstemp(path);

    TEST_CASE(p->label);
    CHECK(fd >= 0 && close(fd) == 0);
    write_logins(path, p->logins ? p->logins : "", s->http.port);
    if (p->push) {
        CHECK_OK(kist_registry_require(reg, true, p->from, &err), err);
    }
    CHECK_INT(kist_registry_manifest(reg, "t", &doc, &err), p->result);
    if (p->result == 0) {
        kist_registry_document_release(&doc);
    } else if (!strstr(err.message, p->message)) {
        CHECK_STR(err.message, p->message);
    }
    kist_registry_close(reg);
    CHECK_INT(server_stop(s), p->answers);
    for (int i = 0; i < p->answers && p->sent[i]; i++) {
        bool absent = p->sent[i][0] == '!';

        if ((strstr(s->requests[i], p->sent[i] + absent) == NULL) != absent) {
            CHECK_STR(s->requests[i], p->sent[i]);
        }
    }
    free(s);
    (void)unlink(path);
    TEST_CASE(NULL);
}

TEST(basic)
{
    static const struct play plays[] = {
        {"an account", LOGIN, false, NULL, {BASIC, IMAGE}, 0, NULL, 2, {"!Authorization", "Authorization: Basic dTpw\r\n"}},
        {"no account", NULL, false, NULL, {BASIC}, KIST_E_AUTH, "it needs a login (try 'kist login')", 1, {NULL}},
        {"of another host", "{\"auths\":{\"127.0.0.1\":{\"auth\":\"dTpw\"}}}", false, NULL, {BASIC}, KIST_E_AUTH,
         "it needs a login", 1, {NULL}},
        {"not taken", LOGIN, false, NULL, {BASIC, BASIC}, KIST_E_AUTH, "wrong or out of date", 2, {NULL}},
        {"forbidden", LOGIN, true, NULL, {BASIC, STATUS("403", "")}, KIST_E_AUTH, "not authorised to push 'a/b' to '127", 2,
         {NULL}},
        {"a redirect to another host", LOGIN, false, NULL,
         {BASIC, STATUS("307", "Location: http://localhost:@/x\r\n"), IMAGE}, 0, NULL, 3,
         {"!Authorization", "Basic dTpw", "!Authorization"}},
        {"another host that asks", LOGIN, false, NULL,
         {BASIC, STATUS("307", "Location: http://localhost:@/x\r\n"), BASIC}, KIST_E_NETWORK, "answered 401", 3,
         {"!Authorization", "Basic dTpw", "!Authorization"}},
        {"a token made by others", "{\"auths\":{\"127.0.0.1:@\":{\"registrytoken\":\"abc\"}}}", false, NULL, {BASIC, IMAGE}, 0,
         NULL, 2, {"!Authorization", "Authorization: Bearer abc\r\n"}},
        {"a damaged file", "{", false, NULL, {BASIC}, KIST_E_USAGE, "cannot be read", 1, {NULL}},
    };

    for (size_t i = 0; i < KIST_COUNT(plays); i++) {
        play(&plays[i]);
    }
}

TEST(tokens)
{
    static const struct play plays[] = {
        {"with an account", LOGIN, false, NULL, {ASKS(BEARER("")), TOKEN, IMAGE}, 0, NULL, 3,
         {"!Authorization", "GET /t?scope=repository%3Aa%2Fb%3Apull&service=s&account=u HTTP", "Bearer one"}},
        {"which the token server is shown", LOGIN, false, NULL, {ASKS(BEARER("")), TOKEN, IMAGE}, 0, NULL, 3,
         {"!Authorization", "Authorization: Basic dTpw\r\n", "Bearer one"}},
        {"several challenges, one header", NULL, false, NULL,
         {ASKS("Negotiate abc==, Basic realm=\"r, Bearer\", " BEARER("")), TOKEN, IMAGE}, 0, NULL, 3,
         {"!Authorization", "!Authorization", "Bearer one"}},
        {"several headers", NULL, false, NULL,
         {STATUS("401", "WWW-Authenticate: Basic realm=\"r\"\r\nWWW-Authenticate: " BEARER("") "\r\n"), TOKEN, IMAGE}, 0, NULL, 3,
         {"!Authorization", "GET /t?", "Bearer one"}},
        {"the challenge's scopes", NULL, false, NULL, {ASKS(BEARER(",scope=\"repository:x:pull registry:catalog:*\"")), TOKEN, IMAGE},
         0, NULL, 3, {"", "GET /t?scope=repository%3Ax%3Apull&scope=registry%3Acatalog%3A%2A&service=s HTTP", "Bearer one"}},
        {"scopes for a push", NULL, true, NULL, {ASKS(BEARER(",scope=\"repository:a/b:pull\"")), TOKEN, IMAGE}, 0, NULL, 3,
         {"", "GET /t?scope=repository%3Aa%2Fb%3Apull%2Cpush&service=s HTTP", "Bearer one"}},
        {"scopes for a mount", NULL, true, "c/d", {ASKS(BEARER(",scope=\"repository:a/b:push,pull repository:c/d:pull\"")), TOKEN, IMAGE},
         0, NULL, 3,
         {"", "GET /t?scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%2Fd%3Apull&service=s HTTP", "Bearer one"}},
        {"scopes beyond", NULL, true, NULL, {ASKS(BEARER(",scope=\"repository:a/b:delete repository:a/bc:pull\"")), TOKEN, IMAGE}, 0,
         NULL, 3,
         {"", "scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Aa%2Fb%3Adelete&scope=repository%3Aa%2Fbc%3Apull&",
          "Bearer one"}},
        {"a token that does not do", LOGIN, false, NULL, {ASKS(BEARER("")), TOKEN, ASKS(BEARER(""))}, KIST_E_AUTH,
         "wrong or out of date, or does not allow it", 3, {NULL}},
        {"a token server elsewhere without TLS", LOGIN, false, NULL, {ASKS("Bearer realm=\"http://auth.example/t\"")}, KIST_E_AUTH,
         "without TLS", 1, {NULL}},
        {"a token server that redirects", LOGIN, false, NULL,
         {ASKS(BEARER("")), STATUS("307", "Location: http://127.0.0.1:@/u\r\n"), TOKEN, IMAGE}, 0, NULL, 4,
         {"", "Basic dTpw", "!Authorization", "Bearer one"}},
        {"a token server that is busy", LOGIN, false, NULL, {ASKS(BEARER("")), STATUS("503", "")}, KIST_E_NETWORK,
         "the token server 'localhost:", 2, {NULL}},
        {"a token with a line end", NULL, false, NULL, {ASKS(BEARER("")), OK("21") "{\"token\":\"a\\r\\nb: c\"}"}, KIST_E_AUTH,
         "no usable token", 2, {NULL}},
        {"an unknown kind", LOGIN, false, NULL, {ASKS("Digest realm=\"r\"")}, KIST_E_AUTH, "unknown kind", 1, {NULL}},
    };

    for (size_t i = 0; i < KIST_COUNT(plays); i++) {
        play(&plays[i]);
    }
}
