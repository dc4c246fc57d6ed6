#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509v3.h>

// Macros and callbacks that Swift cannot import.
#include <string.h>
static inline int gh_ssl_minimum_tls12(SSL_CTX *context) { return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1; }
static inline void gh_ssl_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}
static inline void gh_ssl_client_cache(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}
static inline int gh_ssl_server_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, name) == 1; }
static inline int gh_ssl_verify_address(SSL *ssl, const char *address) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address) == 1;
}
// Chooses "http/1.1" and refuses a client that offers protocols without it.
static inline int gh_ssl_choose_http11(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in,
                                       unsigned int count, void *unused) {
    (void)ssl, (void)unused;
    for (unsigned int at = 0; at < count; at += in[at] + 1u)
        if (in[at] == 8 && at + 9 <= count && memcmp(in + at + 1, "http/1.1", 8) == 0) {
            *out = in + at + 1;
            *length = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}
static inline void gh_ssl_offer_choice(SSL_CTX *context) { SSL_CTX_set_alpn_select_cb(context, gh_ssl_choose_http11, NULL); }
static inline void gh_ssl_offer_http11(SSL_CTX *context) {
    static const unsigned char offer[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(context, offer, 9);
}
