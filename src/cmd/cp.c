#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cmd/containers.h"
#include "cmd/input.h"
#include "cmd/output.h"

struct options {
    bool archive, follow, quiet;
};

/* The path in "CONTAINER:PATH", NULL where text is one of ours. */
static const char *split(const char *text)
{
    const char *colon = strchr(text, ':');

    return text[0] == '/' || text[0] == '.' || !colon || colon == text ? NULL : colon + 1;
}

static int feed(void *arg, struct kist_sink *sink, struct kist_error *err)
{
    return kist_input_copy(arg, sink, err);
}

static int stream(const struct kist_engine *engine, const char *id, struct kist_copy *c, struct kist_error *err)
{
    struct kist_output out;
    uint64_t bytes;
    FILE *in;
    int rc;

    c->outside = NULL;
    if (c->in) {
        rc = kist_input_open(&in, NULL, err);
        c->feed = feed;
        c->feed_arg = in;
        c->owners = true; /* as the archive has them */
    } else {
        rc = kist_output_open(&out, NULL, err);
        c->sink = &out.sink;
    }
    if (rc < 0) {
        return rc;
    }
    kist_app_catch_signals();
    rc = kist_container_copy(engine, id, c, &bytes, err);
    rc = c->in ? rc : kist_output_close(&out, rc, err);
    kist_app_release_signals();
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    const struct options *o = values;
    const char *from = split(operands[0]), *to = split(operands[1]);
    const char *remote = operands[from ? 0 : 1], *path = from ? from : to;
    struct kist_copy copy = {.in = !from, .outside = operands[from ? 1 : 0], .follow = o->follow, .owners = o->archive,
                             .uid = from ? geteuid() : 0, .gid = from ? getegid() : 0};
    struct kist_engine engine = {.run = NULL};
    char inside[KIST_MAX_PATH + 1], size[KIST_STR_SIZE_MAX];
    uint64_t bytes = 0;
    int rc;

    (void)count;
    if (!from == !to) {
        return kist_error_set(err, KIST_E_USAGE, from ? "nothing is copied from container to container (copy to '-', and from there)"
                                                      : "one of the two must be 'CONTAINER:PATH'");
    }
    if (!path[0] || !kist_str_format(inside, sizeof(inside), "%s%s", path[0] == '/' ? "" : "/", path)) {
        return kist_error_set(err, KIST_E_USAGE, "the path in the container is %s", path[0] ? "too long" : "empty");
    }
    copy.inside = inside;
    KIST_AUTO(free) char *name = strndup(remote, (size_t)(path - remote) - 1);
    rc = name ? kist_containers_find(app, &engine, name, &c, err) : kist_error_nomem(err);
    if (rc == 0) {
        rc = strcmp(copy.outside, "-") == 0 ? stream(&engine, c.id, &copy, err) : kist_container_copy(&engine, c.id, &copy, &bytes, err);
    }
    if (rc < 0) {
        return kist_error_wrap(err, "cannot copy '%s'", operands[0]);
    }
    if (!o->quiet && copy.outside) {
        (void)fprintf(stderr, "Successfully copied %s to %s\n", kist_str_size(size, bytes), operands[1]);
    }
    return 0;
}

static const struct kist_option options[] = {
    KIST_OPT("archive", 'a', FLAG, struct options, archive, NULL, "Keep owners and all mode bits"),
    KIST_OPT("follow-link", 'L', FLAG, struct options, follow, NULL, "Follow a symbolic link that is the source"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Say nothing of success"),
    {.name = NULL},
};

const struct kist_command kist_cmd_cp = {
    .name = "cp",
    .operands = "CONTAINER:PATH LOCAL|- | LOCAL|- CONTAINER:PATH",
    .summary = "Copy files into or out of a container",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 2,
    .max_operands = 2,
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
