#include <stdlib.h>
#include <string.h>

#include "build/parse.h"

bool kist_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *kist_skip_space(const char *text)
{
    while (kist_is_space(*text)) {
        text++;
    }
    return text;
}

const char *kist_word_end(const char *text, char escape, const char **quote)
{
    const char *open = NULL;

    for (; *text != '\0' && (open || !kist_is_space(*text)); text++) {
        if (*text == escape && text[1] != '\0' && !(open && *open == '\'')) {
            text++;
        } else if (open ? *text == *open : *text == '"' || *text == '\'') {
            open = open ? NULL : text;
        }
    }
    if (quote) {
        *quote = open;
    }
    return text;
}

int kist_instruction_add(struct kist_instruction *in, const char *arg, size_t len, size_t at, struct kist_error *err)
{
    size_t *places = realloc(in->at, (in->args.n + 1) * sizeof(*places));
    char *copy = places ? strndup(arg, len) : NULL;
    int rc;

    in->at = places ? places : in->at;
    if (!copy) {
        return kist_error_nomem(err);
    }
    in->at[in->args.n] = at;
    rc = kist_strv_add(&in->args, copy, err);
    free(copy);
    return rc;
}
