/* rooms: image */
/* References and platforms: what is accepted must survive being written out and read again. */
#include <stdlib.h>
#include <string.h>

#include "image/platform.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reference(const char *text)
{
    char whole[KIST_REFERENCE_TEXT_MAX], again[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference r, second;
    struct kist_error err;

    if (kist_reference_parse(&r, text, &err) < 0) {
        return;
    }
    if (kist_reference_parse(&second, kist_reference_text(whole, &r), &err) < 0 ||
        strcmp(whole, kist_reference_text(again, &second)) != 0) {
        abort();
    }
    if (kist_reference_parse(&second, kist_reference_familiar(again, &r), &err) < 0 ||
        strcmp(whole, kist_reference_text(again, &second)) != 0) {
        abort();
    }
}

static void check_platform(const char *text)
{
    char whole[KIST_PLATFORM_TEXT_MAX];
    struct kist_platform p, second;
    struct kist_error err;

    if (kist_platform_parse(&p, text, &err) == 0 &&
        (kist_platform_parse(&second, kist_platform_text(whole, &p), &err) < 0 ||
         !kist_platform_equal(&p, &second) || kist_platform_rank(&p, &second, true) != 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text) {
        memcpy(text, data, size);
        text[size] = '\0';
        check_reference(text);
        check_platform(text);
        free(text);
    }
    return 0;
}
