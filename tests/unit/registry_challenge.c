#include "registry/challenge.h"

#include "test.h"

TEST(reads_challenges)
{
    static const struct {
        const char *text, *realm, *service, *scope;
        bool basic;
    } rows[] = {
        {"Bearer "
         "realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:library/"
         "alpine:pull\"",
         "https://auth.docker.io/token", "registry.docker.io", "repository:library/alpine:pull", false},
        {"bearer REALM=\"https://a/\"", "https://a/", "", "", false},
        {"Bearer realm = \"https://a/\" ,\tservice =\"b\"", "https://a/", "b", "", false},
        {"Basic realm=\"x\", Bearer realm=\"https://a/\", service=\"b\"", "https://a/", "b", "", true},
        {"Bearer realm=\"https://a/\", Basic realm=\"x\"", "https://a/", "", "", true},
        {"Bearer realm=\"https://a/\", Bearer realm=\"https://b/\",service=\"b\"", "https://a/", "", "",
         false},
        {"Negotiate, Bearer realm=\"https://a/\"", "https://a/", "", "", false},
        {"Negotiate YWJjZA==, Bearer realm=\"https://a/\"", "https://a/", "", "", false},
        {"NTLM abc/def+~._-=, Basic", "", "", "", true},
        {"Digest realm=\"a, Bearer realm=\\\"https://evil/\\\"\", nonce=x, Bearer realm=\"https://a/\"",
         "https://a/", "", "", false},
        {"Bearer realm=\"a\\\"b\\\\c\"", "a\"b\\c", "", "", false},
        {"Bearer realm=https://a/token,service=b", "https://a/token", "b", "", false},
        {"Bearer realm=\"https://a/\",error=\"insufficient_scope\",realm=\"https://b/\"", "https://a/", "",
         "", false},
        {",, Bearer realm=\"https://a/\",, ,", "https://a/", "", "", false},
        {"Basic realm=\"\"", "", "", "", true},
        {"Bearer realm=", "", "", "", false}, /* a token68 that ends in padding */
        {"", "", "", "", false},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_challenge c;

        TEST_CASE(rows[i].text);
        CHECK(kist_challenge_parse(&c, rows[i].text));
        CHECK_INT(c.bearer, rows[i].realm[0] != '\0');
        CHECK_INT(c.basic, rows[i].basic);
        CHECK_STR(c.realm, rows[i].realm);
        CHECK_STR(c.service, rows[i].service);
        CHECK_STR(c.scope, rows[i].scope);
    }
}

TEST(refuses_what_breaks_the_grammar)
{
    static const char *const rows[] = {
        "Bearer realm=\"https://a/",
        "Bearer realm=,x=",
        "Bearer realm=\"a\" service=\"b\"",
        "Bearer realm=\"a\\",
        "\"Bearer\" realm=\"a\"",
        "Bearer/1 realm=\"a\"",
        "=x",
        "Bearer realm=\"a\"x",
        "Bearer (comment) realm=\"a\"",
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_challenge c;

        TEST_CASE(rows[i]);
        CHECK(!kist_challenge_parse(&c, rows[i]));
        CHECK(!c.bearer);
    }
}

TEST(bounds_the_parameters)
{
    char text[4096] = "Bearer realm=\"";
    struct kist_challenge c;
    size_t head = strlen(text);

    memset(text + head, 'a', sizeof(c.realm) - 1);
    memcpy(text + head + sizeof(c.realm) - 1, "\"", 2);
    CHECK(kist_challenge_parse(&c, text));
    CHECK_INT(strlen(c.realm), sizeof(c.realm) - 1);
    memset(text + head, 'a', sizeof(c.realm));
    memcpy(text + head + sizeof(c.realm), "\"", 2);
    CHECK(!kist_challenge_parse(&c, text));
}
