#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509v3.h>

// HMAC-SHA256 with the work on the key done ahead, for the relay key of every request. These calls are called old since OpenSSL 3; what
// is to replace them allocates several times for each message.
#include <openssl/sha.h>
#include <openssl/crypto.h>
#include <string.h>
typedef struct {
    SHA256_CTX inner, outer;
} gh_hmac_sha256;
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
// The key has at most 64 bytes.
static inline void gh_hmac_sha256_prepare(gh_hmac_sha256 *state, const unsigned char *key, size_t count) {
    unsigned char inner[64], outer[64];
    for (size_t at = 0; at < 64; at++) {
        unsigned char byte = at < count ? key[at] : 0;
        inner[at] = byte ^ 0x36;
        outer[at] = byte ^ 0x5c;
    }
    SHA256_Init(&state->inner);
    SHA256_Update(&state->inner, inner, 64);
    SHA256_Init(&state->outer);
    SHA256_Update(&state->outer, outer, 64);
    OPENSSL_cleanse(inner, 64);
    OPENSSL_cleanse(outer, 64);
}
static inline void gh_hmac_sha256_of(const gh_hmac_sha256 *state, const unsigned char *message, size_t count, unsigned char *out) {
    SHA256_CTX inner = state->inner, outer = state->outer;
    SHA256_Update(&inner, message, count);
    SHA256_Final(out, &inner);
    SHA256_Update(&outer, out, 32);
    SHA256_Final(out, &outer);
}
#pragma clang diagnostic pop

// Macros and callbacks that Swift cannot import.
#include <string.h>
static inline int gh_ssl_minimum_tls12(SSL_CTX *context) { return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1; }
static inline void gh_ssl_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}
// The record buffers stay between two calls, or go when they are empty, as `gh_ssl_modes` has it.
static inline void gh_ssl_keep_buffers(SSL *ssl, int keeps) {
    if (keeps) {
        SSL_clear_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    } else {
        SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
        SSL_free_buffers(ssl);
    }
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
