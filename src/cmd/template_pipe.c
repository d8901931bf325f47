#include "cmd/template_pipe.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MAX_TEXT (16U << 20)
#define MAX_ARGUMENTS 8
#define MAX_DEPTH 16

const cJSON *kist_value_json(const struct kist_value *v)
{
    return v->owned ? v->owned : v->json;
}

void kist_value_release(struct kist_value *v)
{
    cJSON_Delete(v->owned);
    *v = (struct kist_value){.json = NULL};
}

bool kist_value_truth(const struct kist_value *v)
{
    const cJSON *json = kist_value_json(v);

    if (!json || cJSON_IsNull(json) || cJSON_IsFalse(json)) {
        return false;
    }
    if (cJSON_IsString(json)) {
        return json->valuestring[0] != '\0';
    }
    if (cJSON_IsArray(json) || cJSON_IsObject(json)) {
        return json->child != NULL;
    }
    return !cJSON_IsNumber(json) || json->valuedouble != 0;
}

/* As Go prints with %v: strings bare, [a b], map[k:v]. */
static int print_json(const cJSON *json, struct kist_buf *out, struct kist_error *err)
{
    bool object = cJSON_IsObject(json), first = true;
    const cJSON *item;
    int rc;

    if (!json || cJSON_IsNull(json)) {
        return kist_buf_puts(out, "<no value>", err);
    }
    if (cJSON_IsString(json)) {
        return kist_buf_puts(out, json->valuestring, err);
    }
    if (!object && !cJSON_IsArray(json)) {
        return kist_json_print(json, false, out, err);
    }
    rc = kist_buf_puts(out, object ? "map[" : "[", err);
    cJSON_ArrayForEach(item, json) {
        if (rc == 0 && !first) {
            rc = kist_buf_puts(out, " ", err);
        }
        first = false;
        if (rc == 0 && object) {
            rc = kist_buf_printf(out, err, "%s:", item->string);
        }
        if (rc == 0) {
            rc = print_json(item, out, err);
        }
    }
    return rc == 0 ? kist_buf_puts(out, "]", err) : rc;
}

int kist_value_print(const struct kist_value *v, struct kist_buf *out, struct kist_error *err)
{
    return print_json(kist_value_json(v), out, err);
}

static int fail(const struct kist_template *t, struct kist_error *err, const char *what, const char *name)
{
    return kist_error_set(err, KIST_E_USAGE, "template, at character %zu: %s%s%s%s",
                          (size_t)(t->at - t->text) + 1, what, name ? " '" : "", name ? name : "", name ? "'" : "");
}

void kist_template_blanks(struct kist_template *t)
{
    while (isspace((unsigned char)*t->at)) {
        t->at++;
    }
}

/* Letters, digits and "_" at t->at; false when there are none or too many. */
static bool take_name(struct kist_template *t, char *name, size_t size)
{
    size_t len = 0;

    while (isalnum((unsigned char)t->at[len]) || t->at[len] == '_') {
        len++;
    }
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(name, t->at, len);
    name[len] = '\0';
    t->at += len;
    return true;
}

bool kist_template_variable(struct kist_template *t, char name[KIST_TEMPLATE_NAME_MAX])
{
    if (*t->at != '$') {
        return false;
    }
    t->at++;
    if (!take_name(t, name, KIST_TEMPLATE_NAME_MAX)) {
        t->at--;
        return false;
    }
    return true;
}

int kist_template_bind(struct kist_template *t, const char *name, const cJSON *value, struct kist_error *err)
{
    if (t->variable_count == KIST_TEMPLATE_VARIABLES ||
        !kist_str_copy(t->variables[t->variable_count].name, KIST_TEMPLATE_NAME_MAX, name)) {
        return fail(t, err, "too many variables", NULL);
    }
    t->variables[t->variable_count++].value = value;
    return 0;
}

/* Docker's maps among the structs: what they lack is nothing, and no mistake. */
static bool is_map(const cJSON *member)
{
    static const char *const maps[] = {"Labels", "Volumes", "ExposedPorts"};

    for (size_t i = 0; i < KIST_COUNT(maps); i++) {
        if (member->string && strcmp(member->string, maps[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ".A.B" behind a value. A member that an object lacks is an error, as with Docker's structs; of nothing it is nothing. */
static int take_fields(struct kist_template *t, bool active, const cJSON **value, struct kist_error *err)
{
    char name[128];
    bool map = false;

    while (*t->at == '.' && (isalpha((unsigned char)t->at[1]) || t->at[1] == '_')) {
        const cJSON *member;

        t->at++;
        if (!take_name(t, name, sizeof(name))) {
            return fail(t, err, "a field's name is too long", NULL);
        }
        if (!active || !*value || cJSON_IsNull(*value)) {
            *value = NULL;
            continue;
        }
        member = cJSON_GetObjectItemCaseSensitive(*value, name);
        if (!member && !map) {
            member = cJSON_GetObjectItem(*value, name);
        }
        if (!member && !map) {
            return fail(t, err, "there is no field", name);
        }
        map = member && is_map(member);
        *value = member;
    }
    return 0;
}

static int take_string(struct kist_template *t, struct kist_value *v, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(MAX_TEXT);
    char quote = *t->at++;
    int rc = 0;

    while (rc == 0 && *t->at != quote) {
        char c = *t->at++;

        if (c == '\0') {
            t->at--;
            return fail(t, err, "a string is not closed", NULL);
        }
        if (c == '\\' && quote == '"' && *t->at != '\0') {
            c = *t->at++;
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c);
        }
        rc = kist_buf_add(&text, &c, 1, err);
    }
    if (rc < 0) {
        return rc;
    }
    t->at++;
    v->owned = cJSON_CreateString(kist_buf_text(&text));
    return v->owned ? 0 : kist_error_nomem(err);
}

static int take_variable(struct kist_template *t, bool active, struct kist_value *v, struct kist_error *err)
{
    char name[KIST_TEMPLATE_NAME_MAX];

    if (!kist_template_variable(t, name)) {
        t->at++;
        v->json = t->root;
        return take_fields(t, active, &v->json, err);
    }
    for (unsigned i = t->variable_count; i > 0; i--) {
        if (strcmp(t->variables[i - 1].name, name) == 0) {
            v->json = t->variables[i - 1].value;
            return take_fields(t, active, &v->json, err);
        }
    }
    return active ? fail(t, err, "there is no variable", name) : take_fields(t, active, &v->json, err);
}

static int take_number(struct kist_template *t, struct kist_value *v, struct kist_error *err)
{
    char *end;

    v->owned = cJSON_CreateNumber(strtod(t->at, &end));
    t->at = end;
    return v->owned ? 0 : kist_error_nomem(err);
}

static bool at_operand(const struct kist_template *t)
{
    return *t->at != '\0' && (strchr(".$\"`(", *t->at) || isdigit((unsigned char)*t->at));
}

static int take_operand(struct kist_template *t, const cJSON *dot, bool active, struct kist_value *v,
                        struct kist_error *err)
{
    int rc;

    switch (*t->at) {
    case '.':
        v->json = dot;
        if (!isalpha((unsigned char)t->at[1]) && t->at[1] != '_') {
            t->at++;
        }
        return take_fields(t, active, &v->json, err);
    case '$':
        return take_variable(t, active, v, err);
    case '"':
    case '`':
        return take_string(t, v, err);
    case '(':
        t->at++;
        if (++t->depth > MAX_DEPTH) {
            return fail(t, err, "parentheses are nested too deep", NULL);
        }
        rc = kist_template_pipe(t, dot, active, v, err);
        t->depth--;
        kist_template_blanks(t);
        if (rc == 0 && *t->at != ')') {
            return fail(t, err, "')' expected", NULL);
        }
        t->at += rc == 0;
        return rc;
    default:
        return take_number(t, v, err);
    }
}

/* ---- functions ---- */

static int make_string(struct kist_value *v, const char *text, struct kist_error *err)
{
    v->owned = cJSON_CreateString(text);
    return v->owned ? 0 : kist_error_nomem(err);
}

static int call_json(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(MAX_TEXT);
    const cJSON *json = kist_value_json(&args[0]);
    int rc = json ? kist_json_print(json, false, &text, err) : kist_buf_puts(&text, "null", err);

    (void)count;
    return rc == 0 ? make_string(v, kist_buf_text(&text), err) : rc;
}

static int call_print(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err,
                      const char *between, const char *end)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(MAX_TEXT);
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < count; i++) {
        rc = kist_buf_puts(&text, i > 0 ? between : "", err);
        if (rc == 0) {
            rc = kist_value_print(&args[i], &text, err);
        }
    }
    if (rc == 0) {
        rc = kist_buf_puts(&text, end, err);
    }
    return rc == 0 ? make_string(v, kist_buf_text(&text), err) : rc;
}

static int call_println(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    return call_print(args, count, v, err, " ", "\n");
}

static int call_plain(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    return call_print(args, count, v, err, "", "");
}

static int call_join(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(MAX_TEXT);
    const char *between = cJSON_GetStringValue(kist_value_json(&args[1]));
    const cJSON *item;
    int rc = between ? 0 : kist_error_set(err, KIST_E_USAGE, "template: join wants a list and a string");

    (void)count;
    cJSON_ArrayForEach(item, kist_value_json(&args[0])) {
        if (rc == 0 && item->prev->next) {
            rc = kist_buf_puts(&text, between, err);
        }
        if (rc == 0) {
            rc = print_json(item, &text, err);
        }
    }
    return rc == 0 ? make_string(v, kist_buf_text(&text), err) : rc;
}

static int call_index(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    const cJSON *json = kist_value_json(&args[0]);

    for (unsigned i = 1; i < count && json; i++) {
        const cJSON *key = kist_value_json(&args[i]);

        json = cJSON_IsString(key)   ? cJSON_GetObjectItemCaseSensitive(json, key->valuestring)
               : cJSON_IsNumber(key) ? cJSON_GetArrayItem(json, key->valueint)
                                     : NULL;
    }
    /* An argument may be owned and go: the result must stand alone. A key that is not there gives nothing. */
    v->owned = json ? cJSON_Duplicate(json, 1) : cJSON_CreateString("");
    return v->owned ? 0 : kist_error_nomem(err);
}

static int call_len(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    const cJSON *json = kist_value_json(&args[0]);

    (void)count;
    v->owned = cJSON_CreateNumber(cJSON_IsString(json) ? (double)strlen(json->valuestring)
                                                       : (double)cJSON_GetArraySize(json));
    return v->owned ? 0 : kist_error_nomem(err);
}

static int change_case(const struct kist_value *args, struct kist_value *v, struct kist_error *err, int (*change)(int))
{
    const char *text = cJSON_GetStringValue(kist_value_json(&args[0]));
    int rc = make_string(v, text ? text : "", err);

    for (char *p = rc == 0 ? v->owned->valuestring : NULL; p && *p != '\0'; p++) {
        *p = (char)change((unsigned char)*p);
    }
    return rc;
}

static int call_upper(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    (void)count;
    return change_case(args, v, err, toupper);
}

static int call_lower(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    (void)count;
    return change_case(args, v, err, tolower);
}

static int compare(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err,
                   bool equal)
{
    bool same = false;

    for (unsigned i = 1; i < count; i++) {
        same = same || cJSON_Compare(kist_value_json(&args[0]), kist_value_json(&args[i]), 1);
    }
    v->owned = cJSON_CreateBool(same == equal);
    return v->owned ? 0 : kist_error_nomem(err);
}

static int call_eq(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    return compare(args, count, v, err, true);
}

static int call_ne(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    return compare(args, count, v, err, false);
}

static int call_not(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err)
{
    (void)count;
    v->owned = cJSON_CreateBool(!kist_value_truth(&args[0]));
    return v->owned ? 0 : kist_error_nomem(err);
}

static const struct function {
    const char *name;
    unsigned min, max; /* arguments */
    int (*call)(const struct kist_value *args, unsigned count, struct kist_value *v, struct kist_error *err);
} functions[] = {
    {"json", 1, 1, call_json},   {"println", 0, MAX_ARGUMENTS, call_println}, {"print", 0, MAX_ARGUMENTS, call_plain},
    {"join", 2, 2, call_join},   {"index", 1, MAX_ARGUMENTS, call_index},     {"len", 1, 1, call_len},
    {"upper", 1, 1, call_upper}, {"lower", 1, 1, call_lower},                 {"eq", 2, MAX_ARGUMENTS, call_eq},
    {"ne", 2, 2, call_ne},       {"not", 1, 1, call_not},
};

static int find_function(struct kist_template *t, const struct function **f, struct kist_error *err)
{
    char name[32];

    *f = NULL;
    if (!take_name(t, name, sizeof(name))) {
        return fail(t, err, "a field or function expected", NULL);
    }
    for (size_t i = 0; i < KIST_COUNT(functions); i++) {
        if (strcmp(functions[i].name, name) == 0) {
            *f = &functions[i];
            return 0;
        }
    }
    return fail(t, err, "there is no function", name);
}

/* One command of a pipeline; piped, when not NULL, is its last argument. */
static int run_command(struct kist_template *t, const cJSON *dot, bool active, struct kist_value *piped,
                       struct kist_value *v, struct kist_error *err)
{
    struct kist_value args[MAX_ARGUMENTS + 1] = {{.json = NULL}};
    const struct function *f;
    unsigned count = 0;
    int rc;

    if (at_operand(t)) {
        return piped ? fail(t, err, "a function expected behind '|'", NULL) : take_operand(t, dot, active, v, err);
    }
    rc = find_function(t, &f, err);
    kist_template_blanks(t);
    while (rc == 0 && at_operand(t) && count < MAX_ARGUMENTS) {
        rc = take_operand(t, dot, active, &args[count++], err);
        kist_template_blanks(t);
    }
    if (rc == 0 && piped) {
        args[count++] = *piped;
        *piped = (struct kist_value){.json = NULL};
    }
    if (rc == 0 && (count < f->min || count > f->max)) {
        rc = fail(t, err, "wrong number of arguments for", f->name);
    }
    if (rc == 0 && active) {
        rc = f->call(args, count, v, err);
    }
    for (unsigned i = 0; i < count; i++) {
        kist_value_release(&args[i]);
    }
    return rc;
}

int kist_template_pipe(struct kist_template *t, const cJSON *dot, bool active, struct kist_value *v,
                       struct kist_error *err)
{
    struct kist_value piped = {.json = NULL};
    int rc;

    kist_template_blanks(t);
    rc = run_command(t, dot, active, NULL, v, err);
    kist_template_blanks(t);
    while (rc == 0 && *t->at == '|') {
        t->at++;
        kist_template_blanks(t);
        piped = *v;
        *v = (struct kist_value){.json = NULL};
        rc = run_command(t, dot, active, &piped, v, err);
        kist_value_release(&piped);
        kist_template_blanks(t);
    }
    return rc;
}
