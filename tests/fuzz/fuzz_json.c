/* rooms: codec */
/* JSON: what was parsed and printed must parse again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

static void need(int truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT((size_t)64 << 20);
    KIST_AUTO(json) cJSON *root = NULL;
    KIST_AUTO(json) cJSON *again = NULL;
    struct kist_error err = {0};
    char *copy = malloc(size + 1);
    uint64_t number = 0;
    int rc;

    if (!copy)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    rc = kist_json_parse(&root, copy, size, "input", &err);
    free(copy);
    need(rc == err.code && (rc < 0) == !root);
    if (!root)
        return 0;
    need(!kist_json_u64(root, "size", &number) || number <= (uint64_t)1 << 53);
    (void)kist_json_string(kist_json_object(root, "config"), "digest");
    (void)kist_json_array(root, "layers");
    need(kist_json_print(root, size % 2 != 0, &text, &err) == 0);
    need(kist_json_parse(&again, text.data, text.len, "output", &err) == 0);
    return 0;
}
