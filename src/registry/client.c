#include "registry/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "port/clock.h"
#include "registry/answer.h"
#include "registry/auth.h"

#define MAX_REDIRECTS 5
#define MAX_BACKOFF_MS 30000
#define MAX_RETRY_AFTER_MS 60000
#define PROBE_MS 5000 /* for TLS with a server that may speak plain HTTP and not answer it at all */

static bool is_insecure(const struct kist_registry *reg, const struct kist_url *url)
{
    return kist_url_in_list(url, reg->options->insecure);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Whether TLS may be given up on the way from a place that had it. */
static bool may_go(const struct kist_registry *reg, bool https, const struct kist_url *url)
{
    return !https || url->https || kist_url_is_loopback(url) || is_insecure(reg, url);
}

/* Moves url to where head says. */
static int redirect(const struct kist_registry *reg, struct kist_url *url, const struct kist_http_head *head,
                    struct kist_error *err)
{
    bool https = url->https;
    char from[sizeof(url->name)];

    memcpy(from, url->name, sizeof(from));
    if (head->location.len == 0) {
        return kist_error_set(err, KIST_E_NETWORK, "'%s' redirects to nowhere (status %d)", from,
                              head->status);
    }
    if (kist_url_follow(url, kist_buf_text(&head->location), err) < 0) {
        return kist_error_wrap(err, "'%s' redirects to where kist cannot follow", from);
    }
    if (!may_go(reg, https, url)) {
        return kist_error_set(err, KIST_E_TLS, "'%s' redirects to 'http://%s', without TLS: not followed",
                              from, url->name);
    }
    kist_log(KIST_LOG_DEBUG, "'%s' redirects to '%s'", from, url->name);
    return 0;
}

/* What is to be sent a second time begins at its start again. */
static int rewind_content(const struct kist_http_content *c, struct kist_error *err)
{
    if (!c) {
        return 0;
    }
    return c->rewind ? c->rewind(c->arg, err)
                     : kist_error_set(err, KIST_E_NETWORK, "the server wants the same content again");
}

int kist_client_send(struct kist_registry *reg, const struct kist_url *home, const struct kist_url *start,
                     struct kist_http_request *request, struct kist_http_head *head, enum kist_http_fault *fault,
                     bool *left, struct kist_error *err)
{
    KIST_AUTO(url) struct kist_url url = KIST_URL_INIT;
    const char *authorization = request->authorization;
    bool reads = request->method == KIST_HTTP_GET || request->method == KIST_HTTP_HEAD;
    int rc = kist_url_set(&url, start->text, err);

    *left = false;
    *fault = KIST_HTTP_FINAL;
    for (int hops = 0; rc == 0; hops++) {
        *left = !kist_url_same_origin(&url, home);
        request->url = &url;
        request->authorization = *left ? NULL : authorization;
        request->insecure = is_insecure(reg, &url);
        request->connect_ms = reg->connect_ms;
        if (url.https && reg->plain_allowed && !reg->settled && request->connect_ms > PROBE_MS) {
            request->connect_ms = PROBE_MS;
        }
        kist_buf_clear(request->answer);
        rc = kist_http_run(reg->http, request, head, fault, err);
        if (rc < 0 || !is_redirect(head->status) || (!reads && head->status != 307 && head->status != 308)) {
            break;
        }
        *fault = KIST_HTTP_FINAL;
        if (hops == MAX_REDIRECTS) {
            rc = kist_error_set(err, KIST_E_NETWORK, "'%s' redirects more than %d times, perhaps in a loop",
                                start->name, MAX_REDIRECTS);
            break;
        }
        rc = redirect(reg, &url, head, err);
        if (rc == 0 && request->content && request->content->secret && !kist_url_same_origin(&url, home)) {
            rc = kist_error_set(err, KIST_E_AUTH, "'%s' redirects a login to '%s': not followed", home->name, url.name);
        }
        if (rc == 0) {
            rc = rewind_content(request->content, err);
        }
    }
    if (rc == 0 && head->status >= 200 && head->status < 300 && request->location && head->location.len > 0) {
        rc = kist_url_set(request->location, url.text, err);
        rc = rc == 0 ? redirect(reg, request->location, head, err) : rc;
    }
    request->authorization = authorization;
    request->url = NULL; /* it was ours */
    return rc;
}

static int registry_url(const struct kist_registry *reg, bool plain, const char *path, struct kist_url *url,
                        struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_HEADER);
    int rc = kist_buf_printf(&text, err, "%s://%s/v2/%s%s%s", plain ? "http" : "https", reg->server, reg->path,
                             reg->path[0] != '\0' ? "/" : "", path);

    return rc < 0 ? rc : kist_url_set(url, kist_buf_text(&text), err);
}

/*
 * A request for x. As long as nothing has answered yet, a host that may speak plain HTTP is asked so when it does
 * not take TLS; what answers settles it.
 */
static int send_settling(struct kist_registry *reg, const struct kist_exchange *x, struct kist_http_request *request,
                         struct kist_http_head *head, enum kist_http_fault *fault, bool *left, struct kist_error *err)
{
    KIST_AUTO(url) struct kist_url home = KIST_URL_INIT;
    int rc = registry_url(reg, reg->plain, x->url ? "" : x->path, &home, err);

    if (rc < 0) {
        return rc;
    }
    if (x->url) {
        return kist_client_send(reg, &home, x->url, request, head, fault, left, err);
    }
    reg->plain_allowed = kist_url_is_loopback(&home) || is_insecure(reg, &home);
    rc = kist_client_send(reg, &home, &home, request, head, fault, left, err);
    if (rc < 0 && *fault == KIST_HTTP_NOT_TLS && !*left && !reg->plain && reg->plain_allowed && !reg->settled) {
        kist_log(KIST_LOG_DEBUG, "trying plain HTTP: %s", err ? err->message : "no TLS");
        rc = registry_url(reg, true, x->path, &home, err);
        if (rc < 0) {
            *fault = KIST_HTTP_FINAL;
            return rc;
        }
        rc = kist_client_send(reg, &home, &home, request, head, fault, left, err);
        reg->plain = head->status != 0 && head->status != 400; /* what a TLS server answers to plain HTTP */
    }
    reg->settled = reg->settled || reg->plain || (home.https && head->status != 0);
    return rc;
}

static bool passes(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

/* What a status means where the registry has no words for it. */
static const char *meaning(int status)
{
    return status == 413 ? "it is too large for it" : status == 507 ? "it has no space left" : "";
}

/* The error for an answer that is not 2xx. */
static int refuse(const struct kist_registry *reg, const struct kist_exchange *x,
                  const struct kist_http_head *head, bool left, const struct kist_buf *answer,
                  struct kist_attempt *attempt, struct kist_error *err)
{
    char message[KIST_ANSWER_TEXT_MAX];
    int code = KIST_E_FAIL;
    bool full;

    attempt->after_ms = head->retry_after_ms;
    if ((head->status == 401 || head->status == 403) && !left) {
        return kist_auth_refused(reg, answer, err);
    }
    if (kist_answer_message(message, answer)[0] == '\0') {
        (void)!kist_str_copy(message, sizeof(message), meaning(head->status));
    }
    if (head->status == 404) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "%s not found at '%s'%s%s", x->what, reg->host,
                              message[0] ? ": " : "", message);
    }
    /* a registry whose disk is full says so in passing, and will be full the next time too */
    full = head->status == 507 || strstr(message, "no space left") != NULL;
    /* a content network refuses a link whose time has run out: the registry gives another */
    if ((passes(head->status) && !full) || (left && (head->status == 401 || head->status == 403))) {
        attempt->again = true;
        code = KIST_E_NETWORK;
    }
    return kist_error_set(err, code, "cannot %s %s: '%s' answered %d%s%s", reg->push ? "push" : "get", x->what,
                          reg->host, head->status, message[0] ? ": " : "", message);
}

int kist_client_attempt(struct kist_registry *reg, const struct kist_exchange *x,
                        struct kist_attempt *attempt, struct kist_error *err)
{
    KIST_AUTO(http_head) struct kist_http_head head;
    KIST_AUTO(buf) struct kist_buf answer = KIST_BUF_INIT(KIST_MAX_ANSWER);
    struct kist_http_request request = {.method = x->method,
                                        .accept = x->accept,
                                        .header = x->header,
                                        .content = x->content,
                                        .location = x->location,
                                        .from = x->from,
                                        .begin = x->begin,
                                        .body = x->body,
                                        .arg = x->arg,
                                        .answer = &answer};
    enum kist_http_fault fault = KIST_HTTP_FINAL;
    bool left = false;
    int rc = 0;

    memset(attempt, 0, sizeof(*attempt));
    kist_http_head_init(&head);
    for (int round = 0; rc == 0; round++) {
        request.authorization = reg->authorization;
        rc = send_settling(reg, x, &request, &head, &fault, &left, err);
        if (rc < 0 || head.status != 401 || head.challenges.len == 0 || left || round == 1) {
            break;
        }
        rc = kist_auth_renew(reg, &head, &answer, &fault, err);
        if (rc == 0) {
            rc = rewind_content(x->content, err);
        }
    }
    attempt->status = head.status;
    if (rc < 0) {
        attempt->again = fault != KIST_HTTP_FINAL && rc == KIST_E_NETWORK;
        return rc;
    }
    return head.status >= 200 && head.status < 300 ? 0 : refuse(reg, x, &head, left, &answer, attempt, err);
}

int kist_client_wait(struct kist_registry *reg, unsigned failures, const struct kist_attempt *attempt,
                     struct kist_error *err)
{
    uint64_t wait = reg->backoff_ms, end;

    while (failures-- > 1 && wait < MAX_BACKOFF_MS) {
        wait *= 2;
    }
    wait = KIST_MIN(wait, (uint64_t)MAX_BACKOFF_MS);
    if (attempt->after_ms > 0) {
        wait = KIST_MIN(attempt->after_ms, (uint64_t)MAX_RETRY_AFTER_MS);
    }
    kist_log(KIST_LOG_INFO, "%s; next try in %llu ms", err ? err->message : "failed",
             (unsigned long long)wait);
    end = port_clock_monotonic() + wait;
    for (uint64_t now = port_clock_monotonic(); now < end; now = port_clock_monotonic()) {
        if (reg->settings.stop && reg->settings.stop(reg->settings.stop_arg)) {
            return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
        }
        port_clock_sleep(KIST_MIN(end - now, (uint64_t)100));
    }
    return 0;
}

void kist_client_give_up(unsigned failures, struct kist_error *err)
{
    size_t used = err ? strlen(err->message) : 0;

    if (err) {
        (void)!kist_str_format(err->message + used, sizeof(err->message) - used, " (given up after %u %s)",
                               failures, failures == 1 ? "try" : "tries");
    }
}

int kist_client_exchange(struct kist_registry *reg, const struct kist_exchange *x, struct kist_attempt *attempt,
                         struct kist_error *err)
{
    for (unsigned failures = 1;; failures++) {
        int rc = kist_client_attempt(reg, x, attempt, err);

        if (rc == 0 || !attempt->again) {
            return rc;
        }
        if (failures >= reg->tries) {
            kist_client_give_up(failures, err);
            return rc;
        }
        rc = kist_client_wait(reg, failures, attempt, err);
        if (rc == 0) {
            rc = rewind_content(x->content, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

/* Whether another source may do better. */
static bool is_own_fault(int rc)
{
    return rc == KIST_E_NETWORK || rc == KIST_E_AUTH || rc == KIST_E_NOT_FOUND || rc == KIST_E_TLS ||
           rc == KIST_E_CORRUPT || rc == KIST_E_FAIL;
}

int kist_client_read(struct kist_registry *reg,
                     int (*ask)(void *arg, struct kist_registry *source, bool *own, struct kist_error *err), void *arg,
                     struct kist_error *err)
{
    for (;;) {
        bool last = reg->source >= reg->mirror_count, own = true;
        struct kist_registry *source = last ? reg : reg->mirrors[reg->source];
        int rc = ask(arg, source, &own, err);

        if (rc == 0 || last || !own || !is_own_fault(rc)) {
            return rc;
        }
        kist_log(KIST_LOG_INFO, "mirror '%s' of '%s' is given up: %s", source->host, reg->host,
                 err ? err->message : "failed");
        reg->source++;
    }
}
