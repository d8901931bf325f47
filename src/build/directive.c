#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/parse.h"

/* The language that kist reads, in any version. */
static bool is_dockerfile_syntax(const char *image)
{
    static const char *const names[] = {"docker/dockerfile", "docker/dockerfile-upstream"};

    if (kist_str_starts(image, "docker.io/")) {
        image += strlen("docker.io/");
    }
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        if (kist_str_starts(image, names[i]) && strchr(":@", image[strlen(names[i])])) {
            return true;
        }
    }
    return false;
}

static int enter(struct kist_parser *p, size_t name, size_t len, const char *value)
{
    static const char *const names[] = {"syntax", "escape", "check"};
    struct kist_dockerfile *df = p->df;
    char **const texts[] = {&df->syntax, NULL, &df->check};
    size_t i;

    for (i = 0; i < KIST_COUNT(names); i++) {
        if (strlen(names[i]) == len && strncasecmp(names[i], df->source + name, len) == 0) {
            break;
        }
    }
    if (i == KIST_COUNT(names)) {
        return 0;
    }
    if (texts[i] ? *texts[i] != NULL : df->escape != '\0') {
        return kist_parser_fail(p, name, "only one '%s' directive can be used", names[i]);
    }
    if (!texts[i]) {
        if (strcmp(value, "\\") != 0 && strcmp(value, "`") != 0) {
            return kist_parser_fail(p, name, "the escape character can be '\\' or '`', not '%s'", value);
        }
        df->escape = value[0];
        return 1;
    }
    *texts[i] = strdup(value);
    if (!*texts[i]) {
        return kist_error_nomem(p->err);
    }
    if (i == 0 && !is_dockerfile_syntax(value)) {
        (void)kist_parser_fail(p, name, "the syntax '%s' is none that kist reads (it reads docker/dockerfile:1)", value);
        p->err->code = KIST_E_UNSUPPORTED;
        return KIST_E_UNSUPPORTED;
    }
    return 1;
}

int kist_parser_directive(struct kist_parser *p, size_t start, size_t end)
{
    const char *source = p->df->source;
    size_t name, name_end, value;
    char *text;
    int rc;

    for (name = start + 1; name < end && kist_is_space(source[name]); name++) {
    }
    for (name_end = name; name_end < end && source[name_end] != '=' && !kist_is_space(source[name_end]); name_end++) {
    }
    for (value = name_end; value < end && kist_is_space(source[value]); value++) {
    }
    if (value == end || source[value] != '=') {
        return 0;
    }
    for (value++; value < end && kist_is_space(source[value]); value++) {
    }
    while (end > value && kist_is_space(source[end - 1])) {
        end--;
    }
    if (value == end) {
        return 0;
    }
    text = strndup(source + value, end - value);
    if (!text) {
        return kist_error_nomem(p->err);
    }
    rc = enter(p, name, name_end - name, text);
    free(text);
    return rc;
}
