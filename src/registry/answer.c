#include "registry/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "codec/json.h"

char *kist_answer_message(char dst[KIST_ANSWER_TEXT_MAX], const struct kist_buf *body)
{
    KIST_AUTO(json) cJSON *root = NULL;
    const cJSON *first;
    const char *message, *code, *detail;

    dst[0] = '\0';
    if (kist_json_parse(&root, kist_buf_text(body), body->len, "answer", NULL) < 0) {
        return dst;
    }
    first = cJSON_GetArrayItem(kist_json_array(root, "errors"), 0);
    code = kist_json_string(first, "code");
    message = kist_json_string(first, "message");
    if (!message || message[0] == '\0') {
        message = code;
    }
    detail = kist_json_string(first, "detail");
    if (detail && detail[0] != '\0' && code && strcmp(code, "UNKNOWN") == 0) {
        message = detail; /* beside it, the message is "unknown error" */
    }
    if (!message) {
        message = kist_json_string(root, "details");
    }
    if (!message) {
        message = kist_json_string(root, "message");
    }
    return message ? kist_str_printable(dst, KIST_ANSWER_TEXT_MAX, message) : dst;
}

/* Whether text can stand in a header as it is: else a token server could write headers of its own. */
static bool is_token(const char *text)
{
    size_t n = 0;

    while (text[n] > ' ' && text[n] <= '~') {
        n++;
    }
    return text[n] == '\0' && n > 0 && n < KIST_MAX_HEADER;
}

int kist_answer_token(char **token, char **refresh, const struct kist_buf *body, struct kist_error *err)
{
    KIST_AUTO(json_wipe) cJSON *root = NULL;
    const char *text;

    if (kist_json_parse(&root, kist_buf_text(body), body->len, "the token server's answer", err) < 0) {
        return kist_error_set(err, KIST_E_AUTH, "the token server's answer is not JSON");
    }
    text = kist_json_string(root, "token");
    if (!text || text[0] == '\0') {
        text = kist_json_string(root, "access_token");
    }
    if (!text || !is_token(text)) {
        return kist_error_set(err, KIST_E_AUTH, "the token server's answer holds no usable token");
    }
    *token = strdup(text);
    if (!*token) {
        return kist_error_nomem(err);
    }
    text = refresh ? kist_json_string(root, "refresh_token") : NULL;
    if (text && is_token(text)) {
        *refresh = strdup(text); /* without it the password does as well */
    }
    return 0;
}
