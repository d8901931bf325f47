#include <stdio.h>

#include "cmd/cmd.h"
#include "transfer/inventory.h"

struct options {
    bool json;
};

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    KIST_AUTO(free) struct kist_digest *diff_ids = NULL;
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_store *store;
    size_t n = 0;
    int rc = kist_app_store(app, false, &store, err);

    (void)count;
    (void)operands;
    if (rc == 0) {
        rc = kist_inventory_list(store, &diff_ids, &n, err);
    }
    if (rc < 0 && rc != KIST_E_NOT_FOUND) { /* without a store there is nothing in it */
        return rc;
    }
    (void)fputs(o->json ? "{\"layers\":[" : "", stdout);
    for (size_t i = 0; i < n; i++) {
        (void)printf(o->json ? "%s\"%s\"" : "%s%s\n", o->json && i > 0 ? "," : "", kist_digest_text(text, &diff_ids[i]));
    }
    (void)fputs(o->json ? "]}\n" : "", stdout);
    return 0;
}

static const struct kist_option options[] = {
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object"),
    {.name = NULL},
};

const struct kist_command kist_cmd_inventory = {
    .name = "system inventory",
    .operands = "",
    .summary = "Print the layers that are kept, for 'save --not-in'",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};
