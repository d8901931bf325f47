/*
 * --format: the part of Go's text/template that scripts use with Docker, over a JSON value: {{.A.B}}, {{.}}, {{json .X}},
 * {{range .X}}...{{else}}...{{end}}, {{range $k, $v := .X}}, {{if .X}}...{{else}}...{{end}}, {{join .X ", "}}, {{println .X}},
 * {{index .X "key"}}, {{len .X}}, {{upper .X}}, {{lower .X}}, pipes {{.X | json}}, quoted strings, and "\n" and "\t" outside.
 */
#ifndef KIST_CMD_TEMPLATE_H
#define KIST_CMD_TEMPLATE_H

#include "codec/json.h"

/*
 * Appends value formatted by text to out. "json" alone means {{json .}}; a leading "table " is dropped. KIST_E_USAGE for a
 * template that does not parse, naming the place, and for a field that value does not have. Fields are matched without regard
 * to case only when there is no exact one.
 */
int kist_template_print(const char *text, const cJSON *value, struct kist_buf *out, struct kist_error *err) KIST_CHECKED;

#endif
