/* Files of accounts: what is found in them, and what changing one leaves alone. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/credential.h"
#include "test.h"

static char folder[64], path[128];

static void begin(const char *text)
{
    FILE *f;

    snprintf(folder, sizeof(folder), "/tmp/kist-credential.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/config.json", folder);
    if (text) {
        f = fopen(path, "w");
        CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    }
}

static void end(void)
{
    (void)unlink(path);
    CHECK_INT(rmdir(folder), 0); /* nothing else was left in it */
}

static const char *file_text(void)
{
    static char text[4096];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f) {
        fclose(f);
    }
    text[n] = '\0';
    return text;
}

TEST(finds_accounts)
{
    static const struct {
        const char *text, *host;
        int result;
        const char *user, *password, *identity, *token;
    } rows[] = {
        {NULL, "a.lan", 1, NULL, NULL, NULL, NULL},
        {"", "a.lan", 1, NULL, NULL, NULL, NULL},
        {"{\"auths\":{\"a.lan\":{\"auth\":\"dTpwOnE=\"}}}", "a.lan", 0, "u", "p:q", NULL, NULL},
        {"{\"auths\":{\"a.lan\":{\"auth\":\"dTpwOnE=\"}}}", "a.lan:5000", 1, NULL, NULL, NULL, NULL},
        {"{\"auths\":{\"https://A.lan/v1/\":{\"auth\":\"dTpwOnE=\"}}}", "a.lan", 0, "u", "p:q", NULL, NULL},
        {"{\"auths\":{\"http://a.lan\":{\"auth\":\"eDp5\"},\"a.lan\":{\"auth\":\"dTpwOnE=\"}}}", "a.lan", 0, "u", "p:q", NULL,
         NULL},
        {"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpwOnE=\"}}}", "docker.io", 0, "u", "p:q", NULL, NULL},
        {"{\"auths\":{\"registry-1.docker.io\":{\"auth\":\"dTpwOnE=\"}}}", "docker.io", 0, "u", "p:q", NULL, NULL},
        {"{\"auths\":{\"a.lan\":{\"username\":\"u\",\"password\":\"p\"}}}", "a.lan", 0, "u", "p", NULL, NULL},
        {"{\"auths\":{\"a.lan\":{\"auth\":\"\",\"identitytoken\":\"t\"}}}", "a.lan", 0, NULL, NULL, "t", NULL},
        {"{\"auths\":{\"a.lan\":{\"registrytoken\":\"r\"}}}", "a.lan", 0, NULL, NULL, NULL, "r"},
        {"{\"auths\":{\"a.lan\":{}}}", "a.lan", 1, NULL, NULL, NULL, NULL},
        {"{\"auths\":{\"a.lan\":{\"auth\":\"***\"}}}", "a.lan", KIST_E_USAGE, NULL, NULL, NULL, NULL},
        {"{\"auths\":", "a.lan", KIST_E_USAGE, NULL, NULL, NULL, NULL},
        {"[1]", "a.lan", KIST_E_USAGE, NULL, NULL, NULL, NULL},
        {"{\"credsStore\":\"a/b\"}", "a.lan", KIST_E_USAGE, NULL, NULL, NULL, NULL},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_credential c;
        struct kist_error err;
        char *files[] = {path, NULL};
        const struct kist_strv list = {files, 1};

        TEST_CASE(rows[i].text ? rows[i].text : "no file");
        begin(rows[i].text);
        CHECK_INT(kist_credential_find(&c, &list, rows[i].host, &err), rows[i].result);
        CHECK_STR(c.user ? c.user : "-", rows[i].user ? rows[i].user : "-");
        CHECK_STR(c.password ? c.password : "-", rows[i].password ? rows[i].password : "-");
        CHECK_STR(c.identity_token ? c.identity_token : "-", rows[i].identity ? rows[i].identity : "-");
        CHECK_STR(c.registry_token ? c.registry_token : "-", rows[i].token ? rows[i].token : "-");
        if (rows[i].result < 0) {
            CHECK(strstr(err.message, path) != NULL);
        }
        kist_credential_release(&c);
        end();
        TEST_CASE(NULL);
    }
}

TEST(changes_what_is_asked_only)
{
    struct kist_credential c = {.user = strdup("u"), .password = strdup("p:q")};
    struct kist_error err;
    struct stat st;
    bool helper = true, found = false;

    begin("{\"first\": 1, \"auths\": {\"b.lan\": {\"auth\": \"eDp5\"}, \"https://a.lan/v2/\": {\"auth\": \"eDp5\"}}, \"n\": 1.5}");
    CHECK_OK(kist_credential_store(&c, path, "a.lan", &helper, &err), err);
    CHECK(!helper);
    CHECK_STR(file_text(), "{\n\t\"first\":\t1,\n\t\"auths\":\t{\n\t\t\"b.lan\":\t{\n\t\t\t\"auth\":\t\"eDp5\"\n\t\t},\n\t\t\"a.lan\":\t{\n"
                           "\t\t\t\"auth\":\t\"dTpwOnE=\"\n\t\t}\n\t},\n\t\"n\":\t1.5\n}\n");
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK_OK(kist_credential_erase(path, "a.lan", &found, &err), err);
    CHECK(found);
    CHECK(strstr(file_text(), "a.lan") == NULL && strstr(file_text(), "b.lan") != NULL);
    CHECK_OK(kist_credential_erase(path, "a.lan", &found, &err), err);
    CHECK(!found);
    end();
    kist_credential_release(&c);
}

TEST(makes_the_file)
{
    struct kist_credential c = {.user = strdup("u"), .password = strdup("secret"), .identity_token = strdup("i")};
    struct kist_error err;
    bool helper, found = true;

    begin(NULL);
    CHECK_OK(kist_credential_erase(path, "a.lan", &found, &err), err);
    CHECK(!found);
    CHECK_OK(kist_credential_store(&c, path, "docker.io", &helper, &err), err);
    CHECK(strstr(file_text(), "\"https://index.docker.io/v1/\"") != NULL);
    CHECK(strstr(file_text(), "\"auth\":\t\"dTo=\"") != NULL && strstr(file_text(), "\"identitytoken\":\t\"i\"") != NULL);
    end();
    kist_credential_release(&c);
}
