#include "registry/tls_fault.h"

#include <string.h>

#include "port/clock.h"

#define CLOCK_PLAUSIBLE 1577836800 /* 2020-01-01: before the first kist */

/* What is said after the cause when the device's clock cannot be right: validity is judged by it. */
static void add_clock(struct kist_error *err)
{
    char now[KIST_STR_TIME_MAX];
    size_t used = strlen(err->message);

    if (port_clock_now() < CLOCK_PLAUSIBLE) {
        (void)!kist_str_format(err->message + used, sizeof(err->message) - used,
                               " (this device's clock says %s: set it first)",
                               kist_str_rfc3339(now, port_clock_now()));
    }
}

/* mbedTLS's words (library/x509_crt.c), of which there may be several, the worst first. */
static const char *certificate_cause(const char *words, const char *ca_file)
{
    static const struct {
        const char *word, *cause;
    } causes[] = {
        {"CN) does not match", "its certificate is for another host name"},
        {"has expired", "its certificate has expired"},
        {"in the future", "its certificate is not valid yet"},
        {"revoked", "its certificate was revoked"},
        {"trusted CA",
         "its certificate is signed by an authority that this device does not trust (see 'tls.ca')"},
        {"CA cert", "the CA bundle cannot be read"},
    };

    for (size_t i = 0; i < KIST_COUNT(causes); i++) {
        if (strstr(words, causes[i].word)) {
            bool trust = strstr(words, "trusted CA") && !ca_file;

            return trust ? "this device has no CA bundle to trust its certificate by (see 'tls.ca')"
                         : causes[i].cause;
        }
    }
    return NULL;
}

int kist_tls_fault_certificate(const struct kist_url *url, const char *words, const char *ca_file,
                               struct kist_error *err)
{
    const char *cause = certificate_cause(words, ca_file);
    bool file = cause && strstr(words, "CA cert");
    char shown[256];

    if (!cause) {
        cause = kist_str_printable(shown, sizeof(shown), words);
    }
    (void)kist_error_set(err, KIST_E_TLS, "cannot trust '%s': %s%s%s%s", url->name, cause, file ? ": '" : "",
                         file && ca_file ? ca_file : "", file ? "'" : "");
    if (err) {
        add_clock(err);
    }
    return KIST_E_TLS;
}

int kist_tls_fault_handshake(const struct kist_url *url, const char *words, struct kist_error *err)
{
    /* mbedTLS is built without its table of error texts (include/mbedtls/ssl.h); curl's -1 is a failed read
     * or write */
    static const struct {
        const char *code, *cause;
        enum kist_err result;
    } causes[] = {
        {"(-0x7200)", "it does not speak TLS (see 'registry.insecure' for plain HTTP)", KIST_E_TLS},
        {"(-0x7780)", "it broke the handshake off", KIST_E_TLS},
        {"(-0x6E80)", "it offers no TLS version from 1.2 on", KIST_E_TLS},
        {"(-0x7280)", "it closed the connection", KIST_E_NETWORK},
        {"(-0x0001)", "the connection was lost", KIST_E_NETWORK},
    };
    char shown[256];

    for (size_t i = 0; i < KIST_COUNT(causes); i++) {
        if (strstr(words, causes[i].code)) {
            return kist_error_set(err, causes[i].result, "no TLS connection to '%s': %s", url->name,
                                  causes[i].cause);
        }
    }
    return kist_error_set(err, KIST_E_TLS, "no TLS connection to '%s': %s", url->name,
                          kist_str_printable(shown, sizeof(shown), words));
}
