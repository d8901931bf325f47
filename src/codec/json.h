/*
 * JSON texts from outside through cJSON, with caps on depth and number of values (KIST_MAX_JSON_...), and
 * typed getters.
 */
#ifndef KIST_CODEC_JSON_H
#define KIST_CODEC_JSON_H

#include <cJSON.h>
#include <stdbool.h>

#include "base/buf.h"

/*
 * One JSON value in the whole of text; cJSON_Delete what is returned in *out. what names the text in
 * messages ("manifest", "config"). KIST_E_CORRUPT with the byte offset where it is not JSON, too deep, or
 * has a NUL in it (a byte, or \u0000 in a string); KIST_E_NOMEM.
 */
int kist_json_parse(cJSON **out, const char *text, size_t len, const char *what,
                    struct kist_error *err) KIST_CHECKED;

typedef int kist_json_item_fn(void *arg, const cJSON *item, struct kist_error *err);

/*
 * Calls each for every item of the array that the object in text has as member, and keeps no more than one of them in memory; what
 * else is in the object is looked through. Ends with what each returns, where that is negative. Errors as kist_json_parse, by when
 * each may have been called for what comes before; KIST_E_CORRUPT also where there is no such array.
 */
int kist_json_each(const char *text, size_t len, const char *what, const char *member, kist_json_item_fn *each,
                   void *arg, struct kist_error *err) KIST_CHECKED;

/* KIST_AUTO(json) cJSON *root = NULL; */
void kist_json_auto(cJSON **root);

/* KIST_AUTO(json_wipe) cJSON *root = NULL; for one with secrets in it, whose strings are wiped first. */
void kist_json_wipe_auto(cJSON **root);

/* Members of an object, NULL where it is not one, has none such (case-sensitive), or of another type. */
const cJSON *kist_json_object(const cJSON *object, const char *name);
const cJSON *kist_json_array(const cJSON *object, const char *name);
const char *kist_json_string(const cJSON *object, const char *name);
bool kist_json_bool(const cJSON *object, const char *name, bool otherwise);
/* A whole number 0 ... 2^53; false where there is none. */
bool kist_json_u64(const cJSON *object, const char *name, uint64_t *value);

/* Writers that report out of memory: each adds a member to object. */
int kist_json_put_string(cJSON *object, const char *name, const char *value,
                         struct kist_error *err) KIST_CHECKED;
int kist_json_put_u64(cJSON *object, const char *name, uint64_t value, struct kist_error *err) KIST_CHECKED;
int kist_json_put_bool(cJSON *object, const char *name, bool value, struct kist_error *err) KIST_CHECKED;
/* Takes ownership of value always; NULL means the making of it ran out of memory. */
int kist_json_put(cJSON *object, const char *name, cJSON *value, struct kist_error *err) KIST_CHECKED;
/* Appends to an array; as kist_json_put. */
int kist_json_append(cJSON *array, cJSON *value, struct kist_error *err) KIST_CHECKED;

/* Text of value, compact or indented by pretty, appended to out. */
int kist_json_print(const cJSON *value, bool pretty, struct kist_buf *out,
                    struct kist_error *err) KIST_CHECKED;

#endif
