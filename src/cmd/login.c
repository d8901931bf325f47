#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"
#include "cmd/remote.h"
#include "port/program.h"

#define SECRET_MAX 8192 /* bytes of a password or a token of a cloud */

struct options {
    const char *user, *password;
    bool password_stdin;
};

/* Takes the password over; where it stood, ps would show it to everyone. */
static int take_argument(char **secret, const char *argument, struct kist_error *err)
{
    *secret = strdup(argument);
    kist_wipe((char *)(uintptr_t)argument, strlen(argument)); /* it is in argv, which is ours to write */
    (void)fprintf(stderr, "kist: warning: a password on the command line is seen by others (use --password-stdin)\n");
    return *secret ? 0 : kist_error_nomem(err);
}

/* All of standard input, but a line end at its end. */
static int read_input(struct kist_buf *text, struct kist_error *err)
{
    char c;
    ssize_t got;

    while ((got = read(STDIN_FILENO, &c, 1)) == 1) {
        if (c == '\0' || kist_buf_add(text, &c, 1, err) < 0) {
            return kist_error_set(err, KIST_E_USAGE, "what standard input has is no password");
        }
    }
    if (got < 0) {
        return kist_error_sys(err, errno == EINTR ? KIST_E_INTERRUPTED : KIST_E_IO, errno,
                              "cannot read the password from standard input");
    }
    if (text->len > 0 && text->data[text->len - 1] == '\n') {
        text->data[--text->len] = '\0';
    }
    if (text->len > 0 && text->data[text->len - 1] == '\r') {
        text->data[--text->len] = '\0';
    }
    return 0;
}

/* One word, from where it can be had; what is not given is asked for. */
static int obtain(char **word, const char *prompt, bool secret, bool input, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf text = KIST_BUF_INIT(SECRET_MAX);
    int rc = kist_buf_reserve(&text, text.max, err);

    if (rc == 0 && !input && !port_terminal_asks()) {
        return kist_error_set(err, KIST_E_USAGE,
                              "there is no terminal to ask on (use --username with --password-stdin)");
    }
    if (rc == 0) {
        rc = input ? read_input(&text, err) : port_terminal_ask(prompt, secret, kist_app_stopped, &text, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (text.len == 0) {
        return kist_error_set(err, KIST_E_USAGE, "an empty %s is none", secret ? "password" : "user name");
    }
    *word = strdup(text.data);
    return *word ? 0 : kist_error_nomem(err);
}

static int obtain_account(struct kist_credential *c, const struct options *o, struct kist_error *err)
{
    int rc = 0;

    if (o->password && o->password_stdin) {
        return kist_error_set(err, KIST_E_USAGE, "--password and --password-stdin exclude each other");
    }
    if (o->password_stdin && !o->user) {
        return kist_error_set(err, KIST_E_USAGE, "--password-stdin needs --username");
    }
    if (o->user && o->user[0] != '\0' && !strchr(o->user, ':')) {
        c->user = strdup(o->user);
        rc = c->user ? 0 : kist_error_nomem(err);
    } else if (o->user) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no user name", o->user);
    } else {
        rc = obtain(&c->user, "Username: ", false, false, err);
    }
    if (rc == 0) {
        rc = o->password ? take_argument(&c->password, o->password, err)
                         : obtain(&c->password, "Password: ", true, o->password_stdin, err);
    }
    return rc;
}

/* $DOCKER_CONFIG/config.json or 'registry.auth-file' come first; of the others the first that is there, or the last. */
static const char *choose_file(const struct kist_strv *files)
{
    for (size_t i = 0; i + 1 < files->n; i++) {
        if (strcmp(files->v[i], KIST_SYSTEM_AUTH_FILE) != 0 || access(files->v[i], F_OK) == 0) {
            return files->v[i];
        }
    }
    return files->v[files->n - 1];
}

static int login(struct kist_app *app, const char *host, struct kist_credential *c, struct kist_error *err)
{
    struct kist_registry_options options;
    const char *file;
    bool helper = false;
    int rc = kist_remote_options(app, &options, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_registry_login(host, &options, c, err);
    if (rc < 0) {
        return rc;
    }
    file = choose_file(options.auth_files);
    rc = kist_credential_store(c, file, host, &helper, err);
    if (rc == 0 && !helper) {
        (void)fprintf(stderr, "kist: warning: the login is kept unencrypted in '%s'\n", file);
    }
    if (rc == 0) {
        (void)printf("Login Succeeded\n");
    }
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_credential c = {.user = NULL};
    char host[KIST_REFERENCE_HOST_MAX];
    int rc = kist_registry_host(host, count > 0 ? operands[0] : "docker.io", err);

    port_program_seal();
    kist_app_catch_signals(); /* while it asks, too: a terminal is not to be left without echo */
    if (rc == 0) {
        rc = obtain_account(&c, o, err);
    }
    if (rc == 0) {
        rc = login(app, host, &c, err);
    }
    kist_app_release_signals();
    kist_credential_release(&c);
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("username", 'u', TEXT, struct options, user, "NAME", "User name"),
    KIST_OPT("password", 'p', TEXT, struct options, password, "PASSWORD", "Password, which others then may see"),
    KIST_OPT("password-stdin", 0, FLAG, struct options, password_stdin, NULL, "Take the password from standard input"),
    {.name = NULL},
};

const struct kist_command kist_cmd_login = {
    .name = "login",
    .operands = "[HOST]",
    .summary = "Log in to a registry, docker.io if none is named",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
