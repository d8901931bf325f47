#include "layer/read.h"

#include <string.h>

#include "base/path.h"

void kist_read_implied_open(struct kist_layer *l, struct kist_read_implied *i)
{
    i->left = l->trailer.implied;
    i->path[0] = '\0';
    kist_read_stream_open(l, &i->stream, KIST_LAYER_IMPLIED);
}

void kist_read_implied_close(struct kist_read_implied *i)
{
    kist_read_stream_close(&i->stream);
}

int kist_read_implied_next(struct kist_read_implied *i, struct kist_error *err)
{
    char clean[KIST_MAX_PATH + 1];
    uint64_t len, done = 0;
    int result;

    if (i->left == 0) {
        if (!kist_read_stream_ended(&i->stream))
            return KIST_READ_DAMAGED(err,
                                     "the list of implied directories does not end with the last of them");
        return 0;
    }
    i->left--;
    result = kist_read_stream_varint(&i->stream, &len, err);
    if (result < 0)
        return result;
    if (len > KIST_MAX_PATH)
        return KIST_READ_DAMAGED(err, "an implied directory's path has %" PRIu64 " bytes", len);
    while (done < len) {
        const unsigned char *data;
        size_t n;

        result = kist_read_stream_span(&i->stream, len - done, &data, &n, err);
        if (result < 0)
            return result;
        memcpy(i->path + done, data, n);
        done += n;
    }
    i->path[len] = '\0';
    if (strlen(i->path) != len || !kist_path_clean(clean, sizeof(clean), i->path) ||
        strcmp(clean, i->path) != 0)
        return KIST_READ_DAMAGED(err, "an implied directory's path is not clean");
    return 1;
}

int kist_layer_implied(struct kist_layer *l, int (*each)(void *arg, const char *path, struct kist_error *err),
                       void *arg, struct kist_error *err)
{
    struct kist_read_implied i;
    int result;

    kist_read_implied_open(l, &i);
    while ((result = kist_read_implied_next(&i, err)) > 0) {
        result = each(arg, i.path, err);
        if (result != 0)
            break;
    }
    kist_read_implied_close(&i);
    return result;
}
