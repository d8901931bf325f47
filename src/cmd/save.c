#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/output.h"
#include "cmd/pulling.h"
#include "transfer/inventory.h"
#include "transfer/save.h"

struct options {
    const char *output, *format, *platform, *not_in;
};

/* All of a file, a pipe too. */
static int read_text(const char *path, struct kist_buf *text, struct kist_error *err)
{
    FILE *f = fopen(path, "rb");
    int rc = f ? 0 : kist_error_sys(err, KIST_E_USAGE, errno, "cannot open '%s'", path);
    char part[4096];
    size_t got;

    while (rc == 0 && (got = fread(part, 1, sizeof(part), f)) > 0) {
        rc = kist_buf_add(text, part, got, err);
    }
    if (rc == 0 && ferror(f)) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot read '%s'", path);
    }
    if (f) {
        (void)fclose(f);
    }
    return rc;
}

static int read_inventory(const char *path, struct kist_save_options *o, struct kist_digest **digests,
                          struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_STORE_INDEX);
    int rc = path ? read_text(path, &text, err) : 0;

    if (path && rc == 0) {
        rc = kist_inventory_parse(kist_buf_text(&text), digests, &o->without_count, err);
        o->without = *digests;
    }
    return rc < 0 ? kist_error_wrap(err, "inventory '%s'", path) : 0;
}

static int save(struct kist_store *store, const char *path, int count, char **operands,
                const struct kist_save_options *o, struct kist_error *err)
{
    struct kist_output out;
    int rc = kist_output_open(&out, path, err);

    if (rc < 0) {
        return rc;
    }
    kist_app_catch_signals();
    rc = kist_save(store, operands, (size_t)count, o, &out.sink, err);
    rc = kist_output_close(&out, rc, err);
    kist_app_release_signals();
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_save_options save_options = {.platform_sure = o->platform != NULL};
    KIST_AUTO(free) struct kist_digest *without = NULL;
    struct kist_platform platform;
    struct kist_store *store;
    bool aarch32;
    int rc;

    if (o->format && strcmp(o->format, "oci") != 0 && strcmp(o->format, "docker") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "format must be docker or oci, not '%s'", o->format);
    }
    save_options.oci = o->format && strcmp(o->format, "oci") == 0;
    save_options.platform = &platform;
    rc = kist_pulling_platform(app, o->platform, &platform, &aarch32, err);
    if (rc == 0) {
        rc = read_inventory(o->not_in, &save_options, &without, err);
    }
    if (rc == 0) {
        rc = kist_app_store(app, false, &store, err);
    }
    return rc == 0 ? save(store, o->output, count, operands, &save_options, err) : rc;
}

static const struct kist_option options[] = {
    KIST_OPT("output", 'o', TEXT, struct options, output, "FILE", "Write to a file instead of standard output"),
    KIST_OPT("format", 0, TEXT, struct options, format, "docker|oci", "docker: both in one; oci: an OCI layout alone"),
    KIST_OPT("platform", 0, TEXT, struct options, platform, "OS/ARCH[/VARIANT]", "Of a name with several platforms"),
    KIST_OPT("not-in", 0, TEXT, struct options, not_in, "INVENTORY", "Leave out layers that this inventory has"),
    {.name = NULL},
};

const struct kist_command kist_cmd_save = {
    .name = "save",
    .operands = "IMAGE [IMAGE...]",
    .summary = "Write images to an archive",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
