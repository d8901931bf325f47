/* rooms: registry */
/* The head of a registry's answer: the WWW-Authenticate grammar, and every other header line kist reads. */
#include <stdlib.h>
#include <string.h>

#include "registry/challenge.h"
#include "registry/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_challenge(const char *text)
{
    static struct kist_challenge c; /* large */

    if (kist_challenge_parse(&c, text) && c.bearer != (c.realm[0] != '\0')) {
        abort();
    }
}

/* Lines as the library hands them over. */
static void read_head(const char *text, size_t size)
{
    KIST_AUTO(http_head) struct kist_http_head head;
    struct kist_error err;

    kist_http_head_init(&head);
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) + 1 : size;

        if (kist_http_head_line(&head, text, len, 0, &err) < 0) {
            break;
        }
        text += len;
        size -= len;
    }
    if (head.status < 0 || head.status > 999 ||
        (head.has_range && head.has_total && head.range_first >= head.range_total)) {
        abort();
    }
    read_challenge(kist_buf_text(&head.challenges));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text) {
        memcpy(text, data, size);
        text[size] = '\0';
        read_challenge(text);
        read_head(text, size);
        free(text);
    }
    return 0;
}
