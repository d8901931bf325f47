/* rooms: registry */
/* A file of accounts, and what a token server answers. */
#include <stdlib.h>

#include "base/path.h"
#include "registry/answer.h"
#include "registry/credential.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_answer(const uint8_t *data, size_t size)
{
    KIST_AUTO(buf) struct kist_buf body = KIST_BUF_INIT(1U << 20);
    char *token = NULL, *refresh = NULL;
    struct kist_error err;

    if (kist_buf_add(&body, data, size, &err) == 0 && kist_answer_token(&token, &refresh, &body, &err) == 0 &&
        (!token || token[0] == '\0')) {
        abort();
    }
    free(token);
    free(refresh);
}

static void read_file(const uint8_t *data, size_t size)
{
    char path[128], *files[] = {path, NULL};
    const struct kist_strv list = {files, 1};
    struct kist_credential c;
    struct kist_error err;
    struct port_file *f;
    bool found;

    scratch_prepare("fuzz_credential");
    if (port_file_create(&f, folder, name, true, &err) < 0 || port_file_append(f, data, size, &err) < 0 ||
        port_file_close(f, &err) < 0 || !kist_path_join(path, sizeof(path), port_dir_path(folder), name)) {
        die("cannot write the input", &err);
    }
    if (kist_credential_find(&c, &list, "a.lan", &err) == 0 && !(c.user && c.password) && !c.identity_token &&
        !c.registry_token) {
        abort();
    }
    kist_credential_release(&c);
    /* what was forgotten is not found again */
    if (kist_credential_erase(path, "a.lan", &found, &err) == 0 && kist_credential_find(&c, &list, "a.lan", &err) == 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)setenv("PATH", "/nowhere", 1); /* helpers that an input names are not there */
    read_answer(data, size);
    read_file(data, size);
    return 0;
}
