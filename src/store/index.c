#include "store/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

static void image_release(struct kist_image *image)
{
    free(image->name);
    free(image->previous);
    free(image->from);
    free(image->diff_ids);
}

void kist_image_list_release(struct kist_image_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        image_release(&list->v[i]);
    }
    free(list->v);
    *list = (struct kist_image_list){.v = NULL};
}

void kist_image_list_auto(struct kist_image_list *list)
{
    kist_image_list_release(list);
}

/* Room for one more. */
static int reserve(struct kist_image_list *list, struct kist_error *err)
{
    /* grown at powers of two, so that the size need not be kept */
    if ((list->n & (list->n - 1)) == 0) {
        size_t size = list->n ? list->n * 2 : 1;
        struct kist_image *v = realloc(list->v, size * sizeof(*v));

        if (!v) {
            return kist_error_nomem(err);
        }
        list->v = v;
    }
    return 0;
}

/* ---- reading ---- */

static int parse_digest(struct kist_digest *d, const cJSON *object, const char *member,
                        struct kist_error *err)
{
    const char *text = kist_json_string(object, member);
    int rc;

    if (!text) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' is missing", member);
    }
    rc = kist_digest_parse(d, text, err);
    return rc < 0 ? kist_error_wrap(err, "'%s'", member) : 0;
}

/* Only names as kist writes them: whole, with every default; so that comparing texts compares references. */
static int parse_name(struct kist_image *image, const cJSON *notes, struct kist_error *err)
{
    const char *text = kist_json_string(notes, KIST_NOTE_NAME);
    char whole[KIST_REFERENCE_TEXT_MAX], shown[128];
    struct kist_reference ref;

    if (!text) {
        return 0;
    }
    if (kist_reference_parse(&ref, text, NULL) < 0 || strcmp(kist_reference_text(whole, &ref), text) != 0) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' is no whole reference",
                              kist_str_printable(shown, sizeof(shown), text));
    }
    image->name = strdup(text);
    return image->name ? 0 : kist_error_nomem(err);
}

static int parse_layers(struct kist_image *image, const cJSON *notes, struct kist_error *err)
{
    const char *text = kist_json_string(notes, KIST_NOTE_LAYERS);
    size_t count = 1, len = 0;

    if (!text) {
        return kist_error_set(err, KIST_E_CORRUPT, "'" KIST_NOTE_LAYERS "' is missing");
    }
    if (*text == '\0') {
        return 0;
    }
    for (const char *p = text; (p = strchr(p, ',')) != NULL; p++) {
        count++;
    }
    if (count > KIST_MAX_LAYERS) {
        return kist_error_set(err, KIST_E_CORRUPT, "an image of %zu layers", count);
    }
    image->diff_ids = calloc(count, sizeof(*image->diff_ids));
    if (!image->diff_ids) {
        return kist_error_nomem(err);
    }
    for (const char *p = text; image->layer_count < count; p += len + 1) {
        char one[KIST_DIGEST_TEXT_MAX] = "";

        len = strcspn(p, ",");
        memcpy(one, p, len < sizeof(one) ? len : 0);
        if (kist_digest_parse(&image->diff_ids[image->layer_count], one, NULL) < 0) {
            return kist_error_set(err, KIST_E_CORRUPT, "'" KIST_NOTE_LAYERS "' holds something else than digests");
        }
        image->layer_count++;
    }
    return 0;
}

static int parse_time(int64_t *seconds, const cJSON *notes, const char *member, struct kist_error *err)
{
    const char *text = kist_json_string(notes, member);

    if (text && !kist_str_time(text, seconds)) {
        return kist_error_set(err, KIST_E_CORRUPT, "'%s' is not a time", member);
    }
    return 0;
}

static int parse_marks(struct kist_image *image, const cJSON *notes, struct kist_error *err)
{
    const char *pinned = kist_json_string(notes, KIST_NOTE_PINNED), *previous = kist_json_string(notes, KIST_NOTE_PREVIOUS);
    const char *from = kist_json_string(notes, KIST_NOTE_FROM);

    image->pinned = pinned && strcmp(pinned, "true") == 0;
    image->previous = previous ? strdup(previous) : NULL;
    image->from = from ? strdup(from) : NULL;
    return (previous && !image->previous) || (from && !image->from) ? kist_error_nomem(err) : 0;
}

static int parse_image(struct kist_image *image, const cJSON *item, struct kist_error *err)
{
    const cJSON *notes = kist_json_object(item, "annotations"),
                *platform = kist_json_object(item, "platform");
    const char *media = kist_json_string(item, "mediaType");
    int rc = parse_digest(&image->manifest.digest, item, "digest", err);

    if (rc < 0) {
        return rc;
    }
    if (!notes || !media ||
        !kist_str_copy(image->manifest.media_type, sizeof(image->manifest.media_type), media) ||
        !kist_json_u64(item, "size", &image->manifest.size)) {
        return kist_error_set(err, KIST_E_CORRUPT, "annotations, media type or size is missing");
    }
    kist_platform_set(&image->platform, kist_json_string(platform, "os"),
                      kist_json_string(platform, "architecture"), kist_json_string(platform, "variant"));
    image->manifest.platform = image->platform;
    if ((rc = parse_digest(&image->config, notes, KIST_NOTE_CONFIG, err)) < 0 ||
        (rc = parse_digest(&image->source, notes, KIST_NOTE_SOURCE, err)) < 0 ||
        (rc = parse_time(&image->created, notes, KIST_NOTE_CREATED, err)) < 0 ||
        (rc = parse_time(&image->pulled, notes, KIST_NOTE_PULLED, err)) < 0 ||
        (rc = parse_layers(image, notes, err)) < 0 || (rc = parse_marks(image, notes, err)) < 0) {
        return rc;
    }
    return parse_name(image, notes, err);
}

static int add_image(void *arg, const cJSON *item, struct kist_error *err)
{
    struct kist_image_list *list = arg;
    struct kist_image *image;
    int rc = reserve(list, err);

    if (rc < 0) {
        return rc;
    }
    image = &list->v[list->n++];
    *image = (struct kist_image){.name = NULL};
    rc = parse_image(image, item, err);
    return rc < 0 ? kist_error_wrap(err, "image %zu", list->n) : 0;
}

static int parse_images(struct kist_index *index, struct kist_error *err)
{
    const cJSON *item;
    int rc = cJSON_IsArray(index->manifests) ? 0 : kist_error_set(err, KIST_E_CORRUPT, "'manifests' is missing");

    cJSON_ArrayForEach(item, index->manifests)
    {
        rc = rc < 0 ? rc : add_image(&index->images, item, err);
    }
    return rc;
}

int kist_index_parse(struct kist_index *index, const char *text, size_t len, struct kist_error *err)
{
    int rc;

    *index = (struct kist_index){.root = NULL};
    rc = kist_json_parse(&index->root, text, len, "index", err);
    if (rc == 0) {
        index->manifests = cJSON_GetObjectItemCaseSensitive(index->root, "manifests");
        rc = parse_images(index, err);
    }
    if (rc < 0) {
        kist_index_release(index);
    }
    return rc;
}

int kist_index_parse_images(struct kist_index *index, const char *text, size_t len, struct kist_error *err)
{
    int rc;

    *index = (struct kist_index){.root = NULL};
    rc = kist_json_each(text, len, "index", "manifests", add_image, &index->images, err);
    if (rc < 0) {
        kist_index_release(index);
    }
    return rc;
}

int64_t kist_index_clock(const struct kist_index *index)
{
    const char *text = kist_json_string(kist_json_object(index->root, "annotations"), KIST_NOTE_CLOCK);
    int64_t seconds;

    return text && kist_str_time(text, &seconds) ? seconds : 0;
}

int kist_index_set_clock(struct kist_index *index, int64_t now, struct kist_error *err)
{
    cJSON *notes = cJSON_GetObjectItemCaseSensitive(index->root, "annotations");
    char text[KIST_STR_TIME_MAX];

    if (!cJSON_IsObject(notes)) {
        cJSON_DeleteItemFromObjectCaseSensitive(index->root, "annotations");
        notes = cJSON_AddObjectToObject(index->root, "annotations");
        if (!notes) {
            return kist_error_nomem(err);
        }
    }
    cJSON_DeleteItemFromObjectCaseSensitive(notes, KIST_NOTE_CLOCK);
    return kist_json_put_string(notes, KIST_NOTE_CLOCK, kist_str_rfc3339(text, now), err);
}

int kist_index_print(const struct kist_index *index, struct kist_buf *out, struct kist_error *err)
{
    return kist_json_print(index->root, false, out, err);
}

void kist_index_release(struct kist_index *index)
{
    kist_image_list_release(&index->images);
    cJSON_Delete(index->root);
    *index = (struct kist_index){.root = NULL};
}

void kist_index_auto(struct kist_index *index)
{
    kist_index_release(index);
}

/* ---- changing ---- */

static int put_digest(cJSON *object, const char *name, const struct kist_digest *digest,
                      struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];

    return kist_json_put_string(object, name, kist_digest_text(text, digest), err);
}

static int put_time(cJSON *object, const char *name, int64_t seconds, struct kist_error *err)
{
    char text[KIST_STR_TIME_MAX];

    return seconds == 0 ? 0 : kist_json_put_string(object, name, kist_str_rfc3339(text, seconds), err);
}

static int put_layers(cJSON *notes, const struct kist_image *image, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_LAYERS * KIST_DIGEST_TEXT_MAX);
    int rc = 0;

    for (size_t i = 0; i < image->layer_count && rc == 0; i++) {
        char one[KIST_DIGEST_TEXT_MAX];

        rc =
            kist_buf_printf(&text, err, "%s%s", i > 0 ? "," : "", kist_digest_text(one, &image->diff_ids[i]));
    }
    return rc < 0 ? rc : kist_json_put_string(notes, KIST_NOTE_LAYERS, kist_buf_text(&text), err);
}

static int put_platform(cJSON *item, const struct kist_platform *p, struct kist_error *err)
{
    cJSON *platform = cJSON_CreateObject();
    int rc = kist_json_put(item, "platform", platform, err);

    if (rc < 0 || (rc = kist_json_put_string(platform, "architecture", p->arch, err)) < 0 ||
        (rc = kist_json_put_string(platform, "os", p->os, err)) < 0) {
        return rc;
    }
    return p->variant[0] ? kist_json_put_string(platform, "variant", p->variant, err) : 0;
}

/* pinned, previous and from, and nothing for what is not. */
static int put_marks(cJSON *notes, const struct kist_image *image, struct kist_error *err)
{
    int rc = 0;

    cJSON_DeleteItemFromObjectCaseSensitive(notes, KIST_NOTE_PINNED);
    cJSON_DeleteItemFromObjectCaseSensitive(notes, KIST_NOTE_PREVIOUS);
    cJSON_DeleteItemFromObjectCaseSensitive(notes, KIST_NOTE_FROM);
    if (image->pinned) {
        rc = kist_json_put_string(notes, KIST_NOTE_PINNED, "true", err);
    }
    if (rc == 0 && image->from) {
        rc = kist_json_put_string(notes, KIST_NOTE_FROM, image->from, err);
    }
    return rc == 0 && image->previous ? kist_json_put_string(notes, KIST_NOTE_PREVIOUS, image->previous, err) : rc;
}

static int put_notes(cJSON *item, const struct kist_image *image, struct kist_error *err)
{
    cJSON *notes = cJSON_CreateObject();
    int rc = kist_json_put(item, "annotations", notes, err);

    if (rc == 0 && image->name) {
        rc = kist_json_put_string(notes, KIST_NOTE_NAME, image->name, err);
    }
    if (rc < 0 || (rc = put_digest(notes, KIST_NOTE_CONFIG, &image->config, err)) < 0 ||
        (rc = put_digest(notes, KIST_NOTE_SOURCE, &image->source, err)) < 0 ||
        (rc = put_layers(notes, image, err)) < 0 ||
        (rc = put_time(notes, KIST_NOTE_CREATED, image->created, err)) < 0 ||
        (rc = put_time(notes, KIST_NOTE_PULLED, image->pulled, err)) < 0) {
        return rc;
    }
    return put_marks(notes, image, err);
}

static int put_image(cJSON *item, const struct kist_image *image, struct kist_error *err)
{
    int rc;

    if ((rc = kist_json_put_string(item, "mediaType", image->manifest.media_type, err)) < 0 ||
        (rc = put_digest(item, "digest", &image->manifest.digest, err)) < 0 ||
        (rc = kist_json_put_u64(item, "size", image->manifest.size, err)) < 0 ||
        (rc = put_platform(item, &image->platform, err)) < 0) {
        return rc;
    }
    return put_notes(item, image, err);
}

static int image_copy(struct kist_image *to, const struct kist_image *from, struct kist_error *err)
{
    size_t bytes = from->layer_count * sizeof(*from->diff_ids);

    *to = *from;
    to->name = from->name ? strdup(from->name) : NULL;
    to->previous = from->previous ? strdup(from->previous) : NULL;
    to->from = from->from ? strdup(from->from) : NULL;
    to->diff_ids = bytes ? malloc(bytes) : NULL;
    if ((from->name && !to->name) || (from->previous && !to->previous) || (from->from && !to->from) ||
        (bytes && !to->diff_ids)) {
        image_release(to);
        return kist_error_nomem(err);
    }
    if (bytes) {
        memcpy(to->diff_ids, from->diff_ids, bytes);
    }
    return 0;
}

int kist_index_add(struct kist_index *index, const struct kist_image *image, struct kist_error *err)
{
    cJSON *item = cJSON_CreateObject();
    struct kist_image copy;
    int rc = index->images.n < KIST_MAX_STORE_IMAGES
                 ? reserve(&index->images, err)
                 : kist_error_set(err, KIST_E_NO_SPACE, "the store lists %u images, as many as it can (try 'kist rmi')",
                                  KIST_MAX_STORE_IMAGES);

    if (rc < 0 || (rc = image_copy(&copy, image, err)) < 0) {
        cJSON_Delete(item);
        return rc;
    }
    rc = kist_json_append(index->manifests, item, err);
    if (rc < 0) {
        image_release(&copy);
        return rc;
    }
    index->images.v[index->images.n++] = copy;
    rc = put_image(item, image, err);
    if (rc < 0) {
        kist_index_remove(index, index->images.n - 1);
    }
    return rc;
}

void kist_index_take(struct kist_index *index, const bool *chosen, struct kist_image_list *taken)
{
    struct kist_image_list *list = &index->images;
    cJSON *item = index->manifests->child, *next;
    size_t kept = 0;

    for (size_t i = 0; i < list->n; i++, item = next) {
        next = item->next;
        if (chosen[i]) {
            cJSON_Delete(cJSON_DetachItemViaPointer(index->manifests, item));
            taken->v[taken->n++] = list->v[i];
        } else {
            list->v[kept++] = list->v[i];
        }
    }
    list->n = kept;
}

void kist_index_remove(struct kist_index *index, size_t i)
{
    struct kist_image_list *list = &index->images;

    cJSON_DeleteItemFromArray(index->manifests, (int)i);
    image_release(&list->v[i]);
    list->n--;
    memmove(&list->v[i], &list->v[i + 1], (list->n - i) * sizeof(*list->v));
}

void kist_index_unname(struct kist_index *index, size_t i)
{
    cJSON *item = cJSON_GetArrayItem(index->manifests, (int)i);

    cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(item, "annotations"), KIST_NOTE_NAME);
    if (index->images.v[i].from) {
        free(index->images.v[i].name);
    } else {
        index->images.v[i].from = index->images.v[i].name;
    }
    index->images.v[i].name = NULL;
}

int kist_index_mark(struct kist_index *index, size_t i, struct kist_error *err)
{
    cJSON *item = cJSON_GetArrayItem(index->manifests, (int)i);

    return put_marks(cJSON_GetObjectItemCaseSensitive(item, "annotations"), &index->images.v[i], err);
}

/* ---- what an image is the previous one of ---- */

/* Where name is among the names of list, or NULL. */
static char *find_word(char *list, const char *name)
{
    size_t len = strlen(name);

    for (char *p = list; p && *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
        if (strcspn(p, " ") == len && strncmp(p, name, len) == 0) {
            return p;
        }
    }
    return NULL;
}

int kist_image_previous_add(struct kist_image *image, const char *names, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_STORE_INDEX);
    char name[KIST_REFERENCE_TEXT_MAX], *whole;
    int rc = image->previous ? kist_buf_puts(&text, image->previous, err) : 0;

    for (size_t len; rc == 0 && names && *names != '\0'; names += len, names += *names == ' ') {
        len = strcspn(names, " ");
        if (kist_str_format(name, sizeof(name), "%.*s", (int)KIST_MIN(len, sizeof(name)), names) &&
            !find_word(image->previous, name)) {
            rc = kist_buf_printf(&text, err, "%s%s", text.len > 0 ? " " : "", name);
        }
    }
    if (rc < 0 || text.len == 0) {
        return rc;
    }
    whole = strdup(kist_buf_text(&text));
    if (!whole) {
        return kist_error_nomem(err);
    }
    free(image->previous);
    image->previous = whole;
    return 0;
}

bool kist_image_previous_of(const struct kist_image *image, const char *name)
{
    return find_word(image->previous, name) != NULL;
}

bool kist_image_previous_drop(struct kist_image *image, const char *name)
{
    char *word = find_word(image->previous, name), *rest;

    if (!word) {
        return false;
    }
    rest = word + strlen(name);
    rest += *rest == ' ';
    memmove(word, rest, strlen(rest) + 1);
    rest = image->previous + strlen(image->previous);
    if (rest > image->previous && rest[-1] == ' ') {
        rest[-1] = '\0';
    }
    if (image->previous[0] == '\0') {
        free(image->previous);
        image->previous = NULL;
    }
    return true;
}
