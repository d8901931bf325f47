/* Private to the templates: values and the pipelines inside "{{" and "}}". */
#ifndef KIST_CMD_TEMPLATE_PIPE_H
#define KIST_CMD_TEMPLATE_PIPE_H

#include "cmd/template.h"

#define KIST_TEMPLATE_NAME_MAX 32
#define KIST_TEMPLATE_VARIABLES 16

struct kist_template {
    const char *text, *at; /* the template, and where in it we are */
    const cJSON *root;     /* "$" */
    struct kist_buf *out;
    bool trim;             /* blanks that follow are dropped */
    unsigned depth;
    struct {
        char name[KIST_TEMPLATE_NAME_MAX];
        const cJSON *value;
    } variables[KIST_TEMPLATE_VARIABLES];
    unsigned variable_count;
};

/* A value at hand: part of what is printed, or made by a function and owned. json NULL is no value. */
struct kist_value {
    const cJSON *json;
    cJSON *owned;
};

const cJSON *kist_value_json(const struct kist_value *v);
void kist_value_release(struct kist_value *v);
/* Go's: false for nothing, false, 0, "" and what is empty. */
bool kist_value_truth(const struct kist_value *v);
int kist_value_print(const struct kist_value *v, struct kist_buf *out, struct kist_error *err) KIST_CHECKED;

void kist_template_blanks(struct kist_template *t);
/* "$name" at t->at; false, and nothing taken, when there is none. */
bool kist_template_variable(struct kist_template *t, char name[KIST_TEMPLATE_NAME_MAX]);
int kist_template_bind(struct kist_template *t, const char *name, const cJSON *value, struct kist_error *err) KIST_CHECKED;
/* "operand | function operand ..."; when not active it is only read, and *v has no value. */
int kist_template_pipe(struct kist_template *t, const cJSON *dot, bool active, struct kist_value *v,
                       struct kist_error *err) KIST_CHECKED;

#endif
