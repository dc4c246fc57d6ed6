#include <curl/curl.h>

// curl_easy_setopt and its like are variadic, which Swift cannot call. One function for each type of argument.
static inline CURLcode gh_curl_set_long(CURL *easy, CURLoption option, long value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode gh_curl_set_size(CURL *easy, CURLoption option, curl_off_t value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode gh_curl_set_text(CURL *easy, CURLoption option, const char *value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode gh_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) { return curl_easy_setopt(easy, option, value); }

typedef size_t (*gh_curl_data)(char *bytes, size_t size, size_t count, void *context);
typedef curl_socket_t (*gh_curl_socket)(void *context, curlsocktype purpose, struct curl_sockaddr *address);
static inline CURLcode gh_curl_set_callbacks(CURL *easy, void *context, gh_curl_data body, gh_curl_data header, gh_curl_socket open) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
    return code;
}
// What an upload sends: `read` is asked until it answers 0. `size` bytes altogether.
static inline CURLcode gh_curl_set_upload(CURL *easy, void *context, gh_curl_data read, curl_off_t size) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, read);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_READDATA, context);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    return code;
}
// `text` has CURL_ERROR_SIZE bytes and lives as long as the handle.
static inline CURLcode gh_curl_set_error_text(CURL *easy, char *text) { return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text); }
static inline CURLcode gh_curl_get_long(CURL *easy, CURLINFO info, long *value) { return curl_easy_getinfo(easy, info, value); }
static inline CURLcode gh_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) { return curl_easy_getinfo(easy, info, value); }
static inline CURLMcode gh_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) { return curl_multi_setopt(multi, option, value); }

// The transfer that has ended and how, or NULL when there is none (any more).
static inline CURL *gh_curl_next_ended(CURLM *multi, CURLcode *code) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)))
        if (message->msg == CURLMSG_DONE) {
            *code = message->data.result;
            return message->easy_handle;
        }
    return NULL;
}
