#include "cmd/template.h"

#include "test.h"

static const char json[] =
    "{\"Id\":\"sha256:ab\",\"Size\":1234567890123,\"Tags\":[\"a:1\",\"b:2\"],\"None\":null,\"Empty\":[],\"Up\":true,"
    "\"Config\":{\"Env\":[\"A=1\"],\"Labels\":{\"x.y\":\"z\",\"k\":\"v\"}}}";

static int format(const char *text, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *value = NULL;
    int rc = kist_json_parse(&value, json, sizeof(json) - 1, "test", err);

    return rc == 0 ? kist_template_print(text, value, out, err) : rc;
}

TEST(what_scripts_use)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"{{.Id}}", "sha256:ab"},
        {"{{ .Size }} bytes", "1234567890123 bytes"},
        {"{{.Config.Env}} {{.Up}} {{.None}}", "[A=1] true <no value>"},
        {"{{json .Config.Labels}}", "{\"x.y\":\"z\",\"k\":\"v\"}"},
        {"{{.Tags | json}}", "[\"a:1\",\"b:2\"]"},
        {"{{json .None}}", "null"},
        {"{{.Config.Labels.k}} {{.Config.Labels.none}} {{.Config.Labels.none.x}}", "v <no value> <no value>"},
        {"{{range .Tags}}<{{.}}>{{end}}", "<a:1><b:2>"},
        {"{{range $i, $t := .Tags}}{{$i}}={{$t}};{{end}}", "0=a:1;1=b:2;"},
        {"{{range $t := .Tags}}{{$t}}{{$.Id}} {{end}}", "a:1sha256:ab b:2sha256:ab "},
        {"{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}},{{end}}", "x.y:z,k:v,"},
        {"{{range .Empty}}x{{else}}none{{end}}", "none"},
        {"{{range .None}}x{{end}}", ""},
        {"{{join .Tags \", \"}}", "a:1, b:2"},
        {"{{println .Id}}{{println}}", "sha256:ab\n\n"},
        {"{{range .Tags}}{{println .}}{{end}}", "a:1\nb:2\n"},
        {"{{index .Config.Labels \"x.y\"}}{{index .Tags 1}}{{index .Config.Labels \"none\"}}", "zb:2"},
        {"{{len .Tags}} {{len .Id}}", "2 9"},
        {"{{upper .Id}} {{lower \"ABC\"}}", "SHA256:AB abc"},
        {"{{if .Up}}up{{else}}down{{end}} {{if .Empty}}x{{end}}", "up "},
        {"{{if eq .Id \"sha256:ab\"}}same{{end}}{{if ne .Up true}}{{end}}", NULL},
        {"{{if not .Empty}}{{(index .Tags 0) | upper}}{{end}}", "A:1"},
        {"a\\tb\\n{{.id}}", "a\tb\nsha256:ab"},
        {"table {{.Id}}\t{{.Up}}", "sha256:ab\ttrue"},
        {"a {{- .Up -}} b", "atrueb"},
        {"{{\"{{\"}}", "{{"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(4096);
        struct kist_error err = {.code = 0};

        if (!rows[i].want) {
            CHECK_INT(format(rows[i].text, &out, &err), KIST_E_USAGE); /* "true" is no value of ours */
            continue;
        }
        CHECK_OK(format(rows[i].text, &out, &err), err);
        CHECK_STR(kist_buf_text(&out), rows[i].want);
    }
}

TEST(mistakes)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"{{.Nope}}", "template, at character 8: there is no field 'Nope'"},
        {"{{.Id", "template, at character 6: '{{' is not closed"},
        {"{{nope .Id}}", "template, at character 7: there is no function 'nope'"},
        {"{{range .Tags}}x", "template, at character 17: '{{end}}' expected"},
        {"x{{end}}", "template, at character 9: '{{end}}' or '{{else}}' without its block"},
        {"{{join .Tags}}", "template, at character 13: wrong number of arguments for 'join'"},
        {"{{$x}}", "template, at character 5: there is no variable 'x'"},
        {"{{\"x}}", "template, at character 7: a string is not closed"},
        {"{{.Id | .Up}}", "template, at character 9: a function expected behind '|'"},
        {"{{range .Id}}{{end}}", "template, at character 14: range wants a list"},
        {"{{}}", "template, at character 3: a field or function expected"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(4096);
        struct kist_error err = {.code = 0};

        CHECK_INT(format(rows[i].text, &out, &err), KIST_E_USAGE);
        CHECK_STR(err.message, rows[i].message);
    }
}

TEST(nesting_is_bounded)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(65536), out = KIST_BUF_INIT(4096);
    struct kist_error err = {.code = 0};

    for (int i = 0; i < 1000; i++) {
        CHECK_OK(kist_buf_puts(&text, i < 500 ? "{{if .Up}}" : "{{end}}", &err), err);
    }
    CHECK_INT(format(kist_buf_text(&text), &out, &err), KIST_E_USAGE);
    kist_buf_clear(&text);
    CHECK_OK(kist_buf_puts(&text, "{{", &err), err);
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(kist_buf_puts(&text, "(", &err), err);
    }
    CHECK_INT(format(kist_buf_text(&text), &out, &err), KIST_E_USAGE);
}
