#include "registry/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "port/clock.h"
#include "registry/tls_fault.h"

#ifndef KIST_VERSION
#define KIST_VERSION "0"
#endif

#define RECEIVE_BUFFER (128L << 10)
#define KEPT_CONNECTIONS 3L /* the registry, its token server, its content network */
#define POLL_MS 200         /* how late a stop may be noticed */

struct kist_http {
    const struct kist_http_settings *settings;
    const char *ca_file;
    CURLM *multi;
    CURL *easy;
    struct kist_tls tls;
    char words[CURL_ERROR_SIZE]; /* curl's own account of a failure */
    /* of the running request: */
    const struct kist_http_request *request;
    struct kist_http_head *head;
    struct kist_error *err;
    int rc;       /* what ended it from our side */
    bool passing; /* ... and may not the next time */
    bool connected;
    bool dropping; /* enough of a body that nobody wants */
    uint64_t last; /* when the connection last gave a sign of life */
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static const char *find_ca_file(void)
{
    static const char *const usual[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, OpenWrt, Buildroot, OpenEmbedded */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
        "/etc/ssl/cert.pem",                  /* Alpine */
    };

    for (size_t i = 0; i < KIST_COUNT(usual); i++) {
        if (access(usual[i], R_OK) == 0) {
            return usual[i];
        }
    }
    return NULL;
}

static bool final_head(const struct kist_http_head *head)
{
    return head->status >= 200;
}

static bool wanted(const struct kist_http_head *head)
{
    return head->status >= 200 && head->status < 300;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct kist_http *h = arg;
    size_t len = size * n;
    bool blank = len <= 2 && (len == 0 || data[0] == '\r' || data[0] == '\n');

    h->last = port_clock_monotonic();
    if (!blank) {
        h->rc = kist_http_head_line(h->head, data, len, port_clock_now(), h->err);
    } else if (final_head(h->head) && wanted(h->head) && h->request->begin) {
        h->rc = h->request->begin(h->request->arg, h->head, h->err);
        h->passing = h->rc == KIST_E_NETWORK;
    }
    return h->rc < 0 ? CURL_WRITEFUNC_ERROR : len;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct kist_http *h = arg;
    struct kist_buf *answer = h->request->answer;
    size_t len = size * n;

    if (wanted(h->head) && h->request->body) {
        h->rc = h->request->body(h->request->arg, data, len, h->err);
        h->last = port_clock_monotonic(); /* after: the time body takes is not the network's */
        return h->rc < 0 ? CURL_WRITEFUNC_ERROR : len;
    }
    h->last = port_clock_monotonic();
    if (len > answer->max - answer->len) {
        h->dropping = true; /* closes the connection: cheaper than reading what nobody wants */
        return CURL_WRITEFUNC_ERROR;
    }
    h->rc = kist_buf_add(answer, data, len, h->err);
    return h->rc < 0 ? CURL_WRITEFUNC_ERROR : len;
}

static size_t on_read(char *data, size_t size, size_t n, void *arg)
{
    struct kist_http *h = arg;
    const struct kist_http_content *c = h->request->content;
    size_t got = 0;

    h->rc = c ? c->read(c->arg, data, size * n, &got, h->err) : 0;
    h->last = port_clock_monotonic();
    return h->rc < 0 ? CURL_READFUNC_ABORT : got;
}

/* The library starts the content again where a kept connection turned out to be closed. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct kist_http *h = arg;
    const struct kist_http_content *c = h->request->content;

    if (offset != 0 || origin != SEEK_SET || (c && !c->rewind)) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    h->rc = c ? c->rewind(c->arg, h->err) : 0;
    return h->rc < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static int on_connected(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct kist_http *h = arg;

    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    h->connected = true;
    h->last = port_clock_monotonic();
    return CURL_PREREQFUNC_OK;
}

static CURLcode set_constants(struct kist_http *h)
{
    CURL *e = h->easy;
    CURLcode code = CURLE_OK;

#define SET(option, value) (code = code ? code : curl_easy_setopt(e, option, value))
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name that does not resolve must not hold up who wants to stop */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_USERAGENT, "kist/" KIST_VERSION);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_ERRORBUFFER, h->words);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, h);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, h);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, h);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, h);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, h);
    if (h->ca_file) {
        SET(CURLOPT_CAINFO, h->ca_file);
    }
    return code;
}

static const char *method_name(enum kist_http_method method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

    return names[method];
}

static bool sends(enum kist_http_method method)
{
    return method == KIST_HTTP_POST || method == KIST_HTTP_PUT || method == KIST_HTTP_PATCH;
}

static CURLcode set_request(struct kist_http *h, const struct kist_http_request *q,
                            struct curl_slist *headers)
{
    const struct kist_http_settings *s = h->settings;
    uint64_t bandwidth = KIST_MIN(s->bandwidth, (uint64_t)INT32_MAX);
    long verify = q->insecure ? 0 : 1;
    char range[32] = "";
    CURL *e = h->easy;
    CURLcode code = CURLE_OK;

    if (q->from > 0 && !kist_str_format(range, sizeof(range), "%llu-", (unsigned long long)q->from)) {
        return CURLE_BAD_FUNCTION_ARGUMENT;
    }
    SET(CURLOPT_HTTPGET, 1L); /* forgets the method before */
    if (sends(q->method)) {
        uint64_t length = q->content ? q->content->length : 0;

        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, length == KIST_HTTP_CHUNKED ? (curl_off_t)-1 : (curl_off_t)length);
    } else if (q->method == KIST_HTTP_HEAD) {
        SET(CURLOPT_NOBODY, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, q->method > KIST_HTTP_HEAD ? method_name(q->method) : NULL);
    SET(CURLOPT_URL, q->url->text);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_RANGE, range[0] != '\0' ? range : NULL);
    SET(CURLOPT_SSL_VERIFYPEER, verify);
    SET(CURLOPT_SSL_VERIFYHOST, verify * 2);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)q->connect_ms);
    SET(CURLOPT_PROXY, s->proxy ? s->proxy : q->url->https ? NULL : s->plain_proxy);
    /* a proxy cannot know this machine's loopback */
    SET(CURLOPT_NOPROXY, kist_url_is_loopback(q->url) ? "*" : s->no_proxy);
    SET(CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)bandwidth);
    SET(CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)bandwidth);
    /* a limited connection pauses after each bufferful, and is not to look stalled */
    SET(CURLOPT_BUFFERSIZE, bandwidth > 0 ? KIST_MIN(RECEIVE_BUFFER, KIST_MAX((long)bandwidth, 1024L)) : RECEIVE_BUFFER);
#undef SET
    return code;
}

static int add_header(struct curl_slist **list, const char *name, const char *value, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(2 * KIST_MAX_HEADER);
    struct curl_slist *longer;
    int rc = kist_buf_reserve(&text, strlen(name) + strlen(value), err); /* grows once: no copy is left behind */

    if (rc == 0) {
        rc = kist_buf_printf(&text, err, "%s%s", name, value);
    }
    longer = rc == 0 ? curl_slist_append(*list, kist_buf_text(&text)) : NULL;
    kist_buf_wipe(&text);
    if (rc < 0) {
        return rc;
    }
    if (!longer) {
        return kist_error_nomem(err);
    }
    *list = longer;
    return 0;
}

static int make_headers(struct curl_slist **list, const struct kist_http_request *q, struct kist_error *err)
{
    /* bytes are counted and hashed as they are stored: no one may compress them on the way */
    int rc = add_header(list, "Accept-Encoding: ", "identity", err);

    if (rc == 0 && q->accept) {
        rc = add_header(list, "Accept: ", q->accept, err);
    }
    if (rc == 0 && q->authorization) {
        rc = add_header(list, "Authorization: ", q->authorization, err);
    }
    if (rc == 0 && q->header) {
        rc = add_header(list, q->header, "", err);
    }
    if (rc == 0 && sends(q->method)) {
        rc = add_header(list, "Expect:", "", err); /* not asked for before each body: it costs a way there and back */
    }
    if (rc == 0 && q->content && q->content->type) {
        rc = add_header(list, "Content-Type: ", q->content->type, err);
    }
    return rc;
}

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item; item = item->next) {
        kist_wipe(item->data, strlen(item->data));
    }
    curl_slist_free_all(list);
}

int kist_http_open(struct kist_http **out, const struct kist_http_settings *settings, struct kist_error *err)
{
    struct kist_http *h = calloc(1, sizeof(*h));

    (void)pthread_once(&global_once, global_init);
    if (!h || global_result != CURLE_OK) {
        free(h);
        return global_result ? kist_error_set(err, KIST_E_FAIL, "the HTTP library does not start (%d)",
                                              (int)global_result)
                             : kist_error_nomem(err);
    }
    h->settings = settings;
    kist_tls_init(&h->tls, settings->certs_dirs, &settings->floor);
    h->ca_file = settings->ca_file ? settings->ca_file : find_ca_file();
    h->multi = curl_multi_init();
    h->easy = curl_easy_init();
    if (!h->multi || !h->easy ||
        curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS) != CURLM_OK ||
        set_constants(h) != CURLE_OK) {
        kist_http_close(h);
        return kist_error_nomem(err);
    }
    *out = h;
    return 0;
}

void kist_http_close(struct kist_http *h)
{
    if (h) {
        curl_easy_cleanup(h->easy);
        (void)curl_multi_cleanup(h->multi);
        kist_tls_release(&h->tls);
        free(h);
    }
}

static bool stalled(const struct kist_http *h)
{
    return h->connected && port_clock_monotonic() - h->last >= h->settings->stall_ms;
}

/* Runs the request to its end: curl's result, or h->rc set. */
static CURLcode run(struct kist_http *h)
{
    int running = 1;
    CURLMcode code = CURLM_OK;

    while (code == CURLM_OK) {
        CURLMsg *message;
        int left;

        code = curl_multi_perform(h->multi, &running);
        while ((message = curl_multi_info_read(h->multi, &left))) {
            if (message->msg == CURLMSG_DONE) {
                return message->data.result;
            }
        }
        if (h->settings->stop && h->settings->stop(h->settings->stop_arg)) {
            h->rc = kist_error_set(h->err, KIST_E_INTERRUPTED, "interrupted");
            return CURLE_ABORTED_BY_CALLBACK;
        }
        if (stalled(h)) {
            h->rc =
                kist_error_set(h->err, KIST_E_NETWORK, "'%s' sent nothing for %llu s", h->request->url->name,
                               (unsigned long long)(h->settings->stall_ms + 999) / 1000);
            h->passing = true;
            return CURLE_OPERATION_TIMEDOUT;
        }
        if (code == CURLM_OK) {
            code = curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL);
        }
    }
    return code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
}

/* In curl's words; curl_easy_strerror has none in a small build. */
static int network_fault(struct kist_http *h, CURLcode code)
{
    const char *name = h->request->url->name;
    char words[CURL_ERROR_SIZE];
    long sys_errno = 0;

    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &sys_errno) == CURLE_OK && sys_errno != 0) {
        return kist_error_sys(h->err, KIST_E_NETWORK, (int)sys_errno, "cannot reach '%s'", name);
    }
    (void)kist_str_printable(words, sizeof(words), h->words);
    if (words[0] == '\0' &&
        !kist_str_format(words, sizeof(words), "error %d of the HTTP library", (int)code)) {
        words[0] = '\0';
    }
    if (h->head->status != 0) {
        return kist_error_set(h->err, KIST_E_NETWORK, "the connection to '%s' was lost: %s", name, words);
    }
    return kist_error_set(h->err, KIST_E_NETWORK, "cannot reach '%s': %s", name, words);
}

static int explain(struct kist_http *h, CURLcode code, enum kist_http_fault *fault)
{
    *fault = KIST_HTTP_PASSING;
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        *fault = KIST_HTTP_FINAL;
        return kist_error_nomem(h->err);
    case CURLE_TOO_LARGE: /* the header as a whole; a long line is ours to find */
        *fault = KIST_HTTP_FINAL;
        return kist_error_set(h->err, KIST_E_CORRUPT, "the header of the answer from '%s' is too large",
                              h->request->url->name);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
        *fault = KIST_HTTP_FINAL;
        return kist_tls_fault_certificate(&h->tls, h->request->url, h->words, h->ca_file, h->err);
    case CURLE_SSL_CONNECT_ERROR:
        *fault = kist_tls_fault_speaks(h->words) ? KIST_HTTP_FINAL : KIST_HTTP_NOT_TLS;
        return kist_tls_fault_handshake(h->request->url, h->words, h->err);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: /* with TLS 1.3 a server tells after the handshake that it wants a certificate */
        if (h->head->status == 0 && kist_tls_fault_speaks(h->words)) {
            *fault = KIST_HTTP_FINAL;
            return kist_tls_fault_handshake(h->request->url, h->words, h->err);
        }
        *fault = h->connected ? KIST_HTTP_PASSING : KIST_HTTP_NOT_TLS;
        return network_fault(h, code);
    case CURLE_COULDNT_RESOLVE_HOST: /* plain HTTP may go through a proxy that can */
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
        *fault = h->connected ? KIST_HTTP_PASSING : KIST_HTTP_NOT_TLS;
        return network_fault(h, code);
    default:
        return network_fault(h, code);
    }
}

int kist_http_run(struct kist_http *h, const struct kist_http_request *request, struct kist_http_head *head,
                  enum kist_http_fault *fault, struct kist_error *err)
{
    struct curl_slist *headers = NULL;
    CURLcode code;
    int rc = kist_tls_prepare(&h->tls, h->easy, request->url, err);

    if (rc == 0) {
        rc = make_headers(&headers, request, err);
    }
    *fault = KIST_HTTP_FINAL;
    kist_http_head_clear(head);
    h->request = request;
    h->head = head;
    h->err = err;
    h->rc = 0;
    h->words[0] = '\0';
    h->passing = h->connected = h->dropping = false;
    if (rc == 0) {
        code = set_request(h, request, headers);
        if (code == CURLE_OK && curl_multi_add_handle(h->multi, h->easy) != CURLM_OK) {
            code = CURLE_OUT_OF_MEMORY;
        }
        if (code == CURLE_OK) {
            code = run(h);
            (void)curl_multi_remove_handle(h->multi, h->easy);
        }
        kist_log(KIST_LOG_DEBUG, "%s %s://%s: status %d, result %d", method_name(request->method),
                 request->url->https ? "https" : "http", request->url->name, head->status, (int)code);
        if (h->rc < 0) {
            *fault = h->passing ? KIST_HTTP_PASSING : KIST_HTTP_FINAL;
            rc = h->rc;
        } else if (code != CURLE_OK && !h->dropping) {
            rc = explain(h, code, fault);
        }
    }
    free_headers(headers);
    return rc;
}
