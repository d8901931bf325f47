#include "registry/download.h"

#include <string.h>

#include "registry/client.h"

#define ANSWER_MAX 1024

struct download {
    struct kist_sink *sink;
    uint64_t received;
};

static int take_body(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct download *d = arg;

    d->received += len;
    return kist_sink_write(d->sink, data, len, err);
}

static int check(const struct kist_url *url, const struct kist_http_head *head, uint64_t received, struct kist_error *err)
{
    if (head->status < 200 || head->status > 299) {
        bool gone = head->status == 404 || head->status == 410;

        return kist_error_set(err, gone ? KIST_E_NOT_FOUND : KIST_E_NETWORK, "'%s' answered %d", url->name, head->status);
    }
    if (head->has_length && received < head->length) {
        return kist_error_set(err, KIST_E_NETWORK, "the connection to '%s' was closed early", url->name);
    }
    return 0;
}

int kist_download(const char *text, const struct kist_registry_options *options, struct kist_sink *sink,
                  int64_t *modified, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf answer = KIST_BUF_INIT(ANSWER_MAX);
    KIST_AUTO(url) struct kist_url url = KIST_URL_INIT;
    struct download d = {.sink = sink};
    struct kist_http_request request = {.body = take_body, .arg = &d, .answer = &answer};
    struct kist_reference server = {.path = ""};
    struct kist_registry *reg;
    struct kist_http_head head;
    enum kist_http_fault fault;
    bool left;
    int rc = kist_url_set(&url, text, err);

    if (rc < 0) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no URL that kist can get", text);
    }
    if (!kist_str_copy(server.host, sizeof(server.host), url.name)) {
        return kist_error_set(err, KIST_E_USAGE, "the host of '%s' is too long", text);
    }
    rc = kist_registry_open(&reg, &server, options, err);
    if (rc < 0) {
        return rc;
    }
    kist_http_head_init(&head);
    rc = kist_client_send(reg, &url, &url, &request, &head, &fault, &left, err);
    if (rc == 0) {
        rc = check(&url, &head, d.received, err);
        if (modified) {
            *modified = head.modified;
        }
    }
    kist_http_head_release(&head);
    kist_registry_close(reg);
    return rc;
}
