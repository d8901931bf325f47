/* rooms: image */
/* Manifests, indexes and image configurations. */
#include <stdlib.h>

#include "base/limits.h"
#include "image/config.h"
#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_manifest(const char *text, size_t size, const char *content_type)
{
    static const char *const wanted[] = {"linux/amd64/v2", "linux/arm/v6", "linux/arm64"};
    KIST_AUTO(manifest) struct kist_manifest m = {0};
    struct kist_error err;

    if (kist_manifest_parse(&m, text, size, content_type, &err) < 0) {
        return;
    }
    if (m.entry_count > (m.kind == KIST_MANIFEST_INDEX ? KIST_MAX_INDEX : KIST_MAX_LAYERS)) {
        abort();
    }
    for (size_t i = 0; i < KIST_COUNT(wanted) && m.kind == KIST_MANIFEST_INDEX; i++) {
        struct kist_platform want;
        const struct kist_descriptor *d;

        if (kist_platform_parse(&want, wanted[i], &err) < 0) {
            abort();
        }
        d = kist_manifest_choose(&m, &want, true, &err);
        if (d && d->platform.os[0] != '\0' && kist_platform_rank(&want, &d->platform, true) < 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KIST_AUTO(config) struct kist_config c = {0};
    struct kist_error err;

    read_manifest((const char *)data, size, NULL);
    read_manifest((const char *)data, size, KIST_MEDIA_DOCKER_LIST);
    if (kist_config_parse(&c, (const char *)data, size, &err) == 0 && c.diff_id_count > KIST_MAX_LAYERS) {
        abort();
    }
    return 0;
}
