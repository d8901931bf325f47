/* rooms: build */
/* Expansions: up to a NUL the text, behind it the value of every variable. Words are the word's text, and never more of it. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "build/expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *same(void *arg, const char *name)
{
    return name[0] == '_' ? NULL : arg;
}

static void check(const char *text, char *value, char escape, bool quotes_stand)
{
    KIST_AUTO(buf) struct kist_buf word = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    KIST_AUTO(strv) struct kist_strv words = {.v = NULL};
    struct kist_expand e = {.lookup = same, .arg = value, .escape = escape, .quotes_stand = quotes_stand};
    struct kist_error err;
    size_t total = 0;
    int rc = kist_expand_word(&word, &e, text, &err);

    if (e.at > strlen(text)) {
        abort();
    }
    if (rc == 0 && kist_expand_words(&words, &e, text, &err) < 0) {
        abort();
    }
    for (size_t i = 0; i < words.n; i++) {
        total += strlen(words.v[i]);
    }
    if (rc == 0 && total > word.len) {
        abort();
    }
    /* a form that is refused without values is refused with them */
    e.lookup = NULL;
    kist_buf_clear(&word);
    if (rc == 0 && kist_expand_word(&word, &e, text, &err) < 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 2);

    if (text) {
        memcpy(text, data, size);
        text[size] = text[size + 1] = '\0';
        for (int way = 0; way < 4; way++) {
            check(text, text + strlen(text) + 1, way & 1 ? '`' : '\\', way & 2);
        }
        free(text);
    }
    return 0;
}
