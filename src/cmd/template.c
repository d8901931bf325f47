/* The blocks of a template: text, actions, range and if. What stands inside an action is template_pipe.c's. */
#include "cmd/template.h"

#include <ctype.h>
#include <string.h>

#include "cmd/template_pipe.h"

#define MAX_DEPTH 16

/* What ended a block. */
enum end { END_OF_TEXT, END_OF_BLOCK, END_ELSE };

static int run_block(struct kist_template *t, const cJSON *dot, bool active, enum end *end, struct kist_error *err);

static int fail(const struct kist_template *t, struct kist_error *err, const char *what)
{
    return kist_error_set(err, KIST_E_USAGE, "template, at character %zu: %s", (size_t)(t->at - t->text) + 1, what);
}

/* Plain text with Docker's "\n" and "\t", up to the next action. */
static int copy_text(struct kist_template *t, bool active, struct kist_error *err)
{
    const char *open = strstr(t->at, "{{");
    const char *stop = open ? open : t->at + strlen(t->at);
    const char *from = t->at, *to = stop;
    int rc = 0;

    t->at = stop;
    while (t->trim && from < to && isspace((unsigned char)*from)) {
        from++;
    }
    if (open && open[2] == '-' && isspace((unsigned char)open[3])) {
        while (to > from && isspace((unsigned char)to[-1])) {
            to--;
        }
    }
    t->trim = false;
    for (; rc == 0 && active && from < to; from++) {
        char c = *from;

        if (c == '\\' && from + 1 < to && (from[1] == 'n' || from[1] == 't')) {
            c = *++from == 'n' ? '\n' : '\t';
        }
        rc = kist_buf_add(t->out, &c, 1, err);
    }
    return rc;
}

/* The word of a block action at t->at, or none. */
static bool take_word(struct kist_template *t, const char *word)
{
    size_t len = strlen(word);

    kist_template_blanks(t);
    if (strncmp(t->at, word, len) != 0 || isalnum((unsigned char)t->at[len]) || t->at[len] == '_') {
        return false;
    }
    t->at += len;
    return true;
}

static int close_action(struct kist_template *t, struct kist_error *err)
{
    kist_template_blanks(t);
    if (t->at[0] == '-' && t->at[1] == '}' && t->at[2] == '}') {
        t->trim = true;
        t->at++;
    }
    if (t->at[0] != '}' || t->at[1] != '}') {
        return fail(t, err, *t->at == '\0' ? "'{{' is not closed" : "'}}' expected");
    }
    t->at += 2;
    return 0;
}

/* A block, and its else when there is one; of the two at most one is active. */
static int run_either(struct kist_template *t, const cJSON *dot, bool first, bool second, struct kist_error *err)
{
    enum end end;
    int rc = run_block(t, dot, first, &end, err);

    if (rc == 0 && end == END_ELSE) {
        rc = run_block(t, dot, second, &end, err);
    }
    return rc == 0 && end != END_OF_BLOCK ? fail(t, err, "'{{end}}' expected") : rc;
}

static int run_if(struct kist_template *t, const cJSON *dot, bool active, struct kist_error *err)
{
    struct kist_value condition = {.json = NULL};
    int rc = kist_template_pipe(t, dot, active, &condition, err);
    bool yes = rc == 0 && active && kist_value_truth(&condition);

    kist_value_release(&condition);
    if (rc == 0) {
        rc = close_action(t, err);
    }
    return rc == 0 ? run_either(t, dot, active && yes, active && !yes, err) : rc;
}

/* "$v :=" or "$k, $v :=" before a range's pipe. */
static int range_variables(struct kist_template *t, char names[2][KIST_TEMPLATE_NAME_MAX], unsigned *count,
                           struct kist_error *err)
{
    const char *start = t->at;

    *count = 0;
    while (*count < 2 && kist_template_variable(t, names[*count])) {
        (*count)++;
        kist_template_blanks(t);
        if (t->at[0] == ':' && t->at[1] == '=') {
            t->at += 2;
            return 0;
        }
        if (*t->at != ',') {
            break;
        }
        t->at++;
        kist_template_blanks(t);
    }
    if (*count == 2) {
        return fail(t, err, "':=' expected");
    }
    t->at = start; /* it was an operand */
    *count = 0;
    return 0;
}

static int run_item(struct kist_template *t, const cJSON *item, const cJSON *key,
                    char names[2][KIST_TEMPLATE_NAME_MAX], unsigned count, struct kist_error *err)
{
    unsigned saved = t->variable_count;
    enum end end;
    int rc = 0;

    if (count == 2) {
        rc = kist_template_bind(t, names[0], key, err);
    }
    if (rc == 0 && count > 0) {
        rc = kist_template_bind(t, names[count - 1], item, err);
    }
    if (rc == 0) {
        rc = run_block(t, item, true, &end, err);
    }
    t->variable_count = saved;
    return rc;
}

static int run_items(struct kist_template *t, const cJSON *list, char names[2][KIST_TEMPLATE_NAME_MAX], unsigned count,
                     struct kist_error *err)
{
    const char *body = t->at;
    const cJSON *item;
    double index = 0;
    int rc = 0;

    cJSON_ArrayForEach(item, list) {
        KIST_AUTO(json) cJSON *key = item->string ? cJSON_CreateString(item->string) : cJSON_CreateNumber(index++);

        t->at = body;
        rc = key ? run_item(t, item, key, names, count, err) : kist_error_nomem(err);
        if (rc < 0) {
            return rc;
        }
    }
    t->at = body;
    return 0;
}

static int run_range(struct kist_template *t, const cJSON *dot, bool active, struct kist_error *err)
{
    char names[2][KIST_TEMPLATE_NAME_MAX];
    struct kist_value list = {.json = NULL};
    bool empty = true;
    unsigned count;
    int rc;

    kist_template_blanks(t);
    rc = range_variables(t, names, &count, err);
    if (rc == 0) {
        rc = kist_template_pipe(t, dot, active, &list, err);
    }
    if (rc == 0) {
        rc = close_action(t, err);
    }
    if (rc == 0 && active) {
        const cJSON *json = kist_value_json(&list);

        empty = !json || !json->child;
        if (json && !cJSON_IsArray(json) && !cJSON_IsObject(json) && !cJSON_IsNull(json)) {
            rc = fail(t, err, "range wants a list");
        } else if (!empty) {
            rc = run_items(t, json, names, count, err);
        }
    }
    kist_value_release(&list);
    return rc == 0 ? run_either(t, dot, false, active && empty, err) : rc;
}

static int run_pipe(struct kist_template *t, const cJSON *dot, bool active, struct kist_error *err)
{
    struct kist_value value = {.json = NULL};
    int rc = kist_template_pipe(t, dot, active, &value, err);

    if (rc == 0) {
        rc = close_action(t, err);
    }
    if (rc == 0 && active) {
        rc = kist_value_print(&value, t->out, err);
    }
    kist_value_release(&value);
    return rc;
}

/* The action at t->at, behind "{{"; *ended when it was one that ends the block. */
static int run_action(struct kist_template *t, const cJSON *dot, bool active, enum end *end, bool *ended,
                      struct kist_error *err)
{
    *ended = false;
    if (*t->at == '-' && isspace((unsigned char)t->at[1])) {
        t->at++;
    }
    kist_template_blanks(t);
    if (take_word(t, "end")) {
        *ended = true;
        *end = END_OF_BLOCK;
        return close_action(t, err);
    }
    if (take_word(t, "else")) {
        *ended = true;
        *end = END_ELSE;
        return close_action(t, err);
    }
    if (take_word(t, "range")) {
        return run_range(t, dot, active, err);
    }
    return take_word(t, "if") ? run_if(t, dot, active, err) : run_pipe(t, dot, active, err);
}

static int run_block(struct kist_template *t, const cJSON *dot, bool active, enum end *end, struct kist_error *err)
{
    bool ended = false;
    int rc = 0;

    if (++t->depth > MAX_DEPTH) {
        return fail(t, err, "blocks are nested too deep");
    }
    while (rc == 0 && !ended) {
        rc = copy_text(t, active, err);
        if (rc == 0 && *t->at == '\0') {
            *end = END_OF_TEXT;
            break;
        }
        if (rc == 0) {
            t->at += 2;
            rc = run_action(t, dot, active, end, &ended, err);
        }
    }
    t->depth--;
    return rc;
}

int kist_template_print(const char *text, const cJSON *value, struct kist_buf *out, struct kist_error *err)
{
    struct kist_template t = {.out = out, .root = value};
    enum end end = END_OF_TEXT;
    int rc;

    if (strcmp(text, "json") == 0) {
        return kist_json_print(value, false, out, err);
    }
    t.text = t.at = strncmp(text, "table ", 6) == 0 ? text + 6 : text;
    rc = run_block(&t, value, true, &end, err);
    return rc == 0 && end != END_OF_TEXT ? fail(&t, err, "'{{end}}' or '{{else}}' without its block") : rc;
}
