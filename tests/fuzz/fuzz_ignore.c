/* rooms: build */
/* Ignore files: up to a NUL the file, behind it a path. What is below a skipped directory is left out. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "build/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct kist_ignore *ignore, const char *written)
{
    char path[KIST_MAX_PATH + 1];

    if (!kist_path_clean(path, sizeof(path), written) || path[0] == '\0') {
        return;
    }
    for (char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
        bool skips;

        *slash = '\0';
        skips = kist_ignore_skips(ignore, path);
        *slash = '/';
        if (skips && !kist_ignore_match(ignore, path)) {
            abort();
        }
    }
    (void)kist_ignore_match(ignore, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t len = nul ? (size_t)(nul - data) : size;
    struct kist_ignore *ignore;
    struct kist_error err;
    char *path;

    if (kist_ignore_parse(&ignore, ".dockerignore", (const char *)data, len, &err) < 0) {
        return 0;
    }
    path = nul ? calloc(1, size - len) : NULL;
    if (path) {
        memcpy(path, nul + 1, size - len - 1); /* up to the NUL in it, or the one after it */
        check(ignore, path);
    }
    free(path);
    kist_ignore_free(ignore);
    return 0;
}
