#include "cmd/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "cmd/cmd.h"

static int output_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_output *o = KIST_CONTAINER_OF(sink, struct kist_output, sink);

    if (kist_app_stopped(NULL)) {
        return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
    }
    if (o->file) {
        return port_file_append(o->file, data, len, err);
    }
    if (fwrite(data, 1, len, o->stream) != len) {
        int saved = errno;

        return kist_app_stopped(NULL) ? kist_error_set(err, KIST_E_INTERRUPTED, "interrupted")
                                      : kist_error_sys(err, KIST_E_IO, saved, "cannot write the archive");
    }
    return 0;
}

static int output_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

static int open_plain(struct kist_output *o, const char *path, struct kist_error *err)
{
    const char *base = kist_path_base(path);
    KIST_AUTO(free) char *folder = strndup(path, (size_t)(base - path));
    char temporary[64];
    struct port_stat st;
    int rc = folder ? 0 : kist_error_nomem(err);

    if (base[0] == '\0') {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no name of a file", path);
    }
    if (rc < 0 || (rc = port_dir_open(&o->dir, folder[0] ? folder : ".", false, err)) < 0) {
        return rc;
    }
    rc = port_dir_stat(o->dir, base, &st, NULL);
    if (rc == 0 && st.type != PORT_TYPE_FILE) {
        return 1;
    }
    (void)snprintf(temporary, sizeof(temporary), ".kist-%ld.tmp", (long)getpid());
    o->name = strdup(base);
    o->temporary = strdup(temporary);
    if (!o->name || !o->temporary) {
        return kist_error_nomem(err);
    }
    return port_file_create(&o->file, o->dir, temporary, true, err);
}

static void release(struct kist_output *o)
{
    port_dir_close(o->dir);
    free(o->name);
    free(o->temporary);
    if (o->stream && o->stream != stdout) {
        (void)fclose(o->stream);
    }
}

int kist_output_open(struct kist_output *o, const char *path, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {output_write, output_finish};
    int rc = 0;

    *o = (struct kist_output){.sink = {&ops}};
    if (!path || strcmp(path, "-") == 0) {
        o->stream = stdout;
        return isatty(STDOUT_FILENO) ? kist_error_set(err, KIST_E_USAGE,
                                                      "no archive is written to a terminal (try -o FILE)")
                                     : 0;
    }
    rc = open_plain(o, path, err);
    if (rc == 1) { /* a pipe, a device */
        o->stream = fopen(path, "wb");
        rc = o->stream ? 0 : kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", path);
    }
    if (rc < 0) {
        release(o);
    }
    return rc;
}

static int close_plain(struct kist_output *o, int rc, struct kist_error *err)
{
    int closed;

    if (rc == 0) {
        rc = port_file_sync(o->file, err);
    }
    closed = port_file_close(o->file, rc < 0 ? NULL : err);
    rc = rc < 0 ? rc : closed;
    if (rc == 0) {
        rc = port_dir_rename(o->dir, o->temporary, o->dir, o->name, err);
    }
    if (rc < 0) {
        (void)!port_dir_unlink(o->dir, o->temporary, NULL);
        return rc;
    }
    return port_dir_sync(o->dir, err);
}

int kist_output_close(struct kist_output *o, int rc, struct kist_error *err)
{
    if (o->file) {
        rc = close_plain(o, rc, err);
    } else if (rc == 0 && fflush(o->stream) != 0) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot write the archive");
    }
    release(o);
    return rc;
}
