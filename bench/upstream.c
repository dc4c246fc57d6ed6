// The upstream of the measurements: answers a Messages request with a fixed message, or with a stream whose pace the request's body
// names ("every_ms", "events"). One thread, epoll, plain or TLS. Prints "listening PORT".
//
//   upstream [CERTIFICATE KEY]
#define _GNU_SOURCE
#include "wire.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

enum { batch = 512, slow_ms = 60000 };

typedef struct {
    int fd, slot;
    SSL *tls;
    int is_ready, wants_close;
    buffer in, out;
    int64_t every_ns, next_ns;
    long events_left;
} connection;

static int poller;
static SSL_CTX *context;
static connection **streams;
static int stream_count, stream_room;
static char *message;
static size_t message_length;

static const char usage[] =
    "{\"input_tokens\":25,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":{"
    "\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":%d,\"service_tier\":\"standard\"}";

static void forget_stream(connection *c) {
    if (c->slot < 0) return;
    streams[c->slot] = streams[--stream_count];
    streams[c->slot]->slot = c->slot;
    c->slot = -1;
}

static void end(connection *c) {
    forget_stream(c);
    if (c->tls) SSL_free(c->tls);
    close(c->fd);
    release(&c->in);
    release(&c->out);
    free(c);
}

// -1: gone; 0: would wait.
static ssize_t receive(connection *c, char *into, int room) {
    if (c->tls == NULL) {
        ssize_t count = recv(c->fd, into, (size_t)room, 0);
        return count > 0 ? count : count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    ERR_clear_error();
    int count = SSL_read(c->tls, into, room);
    if (count > 0) return count;
    int why = SSL_get_error(c->tls, count);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int flush(connection *c) {
    while (c->out.count > 0) {
        ssize_t count;
        if (c->tls) {
            ERR_clear_error();
            int sent = SSL_write(c->tls, c->out.bytes, (int)c->out.count);
            int why = sent > 0 ? SSL_ERROR_NONE : SSL_get_error(c->tls, sent);
            if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) break;
            count = sent > 0 ? sent : -1;
        } else {
            count = send(c->fd, c->out.bytes, c->out.count, MSG_NOSIGNAL);
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
        }
        if (count < 0) return 0;
        drop(&c->out, (size_t)count);
    }
    struct epoll_event event = {.events = EPOLLIN | (c->out.count > 0 ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
    if (c->out.count == 0 && c->slot >= 0 && c->every_ns >= (int64_t)slow_ms * 1000000) release(&c->out);
    return 1;
}

static void chunk(connection *c, const char *text) {
    char size[16];
    size_t length = strlen(text);
    append(&c->out, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", length));
    append(&c->out, text, length);
    append(&c->out, "\r\n", 2);
}

static void start_stream(connection *c, int64_t every_ms, long events) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nrequest-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n";
    append(&c->out, head, sizeof head - 1);
    char numbers[400], start[1024];
    snprintf(numbers, sizeof numbers, usage, 1);
    snprintf(start, sizeof start,
             "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":"
             "\"assistant\",\"model\":\"claude-sonnet-5-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":%s}}\n\n"
             "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":"
             "\"\"}}\n\n",
             numbers);
    chunk(c, start);
    c->every_ns = every_ms * 1000000;
    c->next_ns = now_ns() + (c->fd * 7919L % (every_ms > 0 ? every_ms : 1)) * 1000000;
    c->events_left = events;
    if (stream_count == stream_room) {
        stream_room = stream_room ? stream_room * 2 : 256;
        streams = grown(streams, (size_t)stream_room * sizeof *streams);
    }
    c->slot = stream_count;
    streams[stream_count++] = c;
}

static void finish_stream(connection *c) {
    char numbers[400], text[1024];
    snprintf(numbers, sizeof numbers, usage, 40);
    snprintf(text, sizeof text,
             "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":"
             "\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":%s}\n\nevent: message_stop\n"
             "data: {\"type\":\"message_stop\"}\n\n",
             numbers);
    chunk(c, text);
    append(&c->out, "0\r\n\r\n", 5);
    forget_stream(c);
}

static int answer(connection *c) {
    while (c->in.count > 0 && c->slot < 0) {
        int64_t length;
        size_t head = whole_head(&c->in, &length);
        if (head == 0) break;
        size_t body = length > 0 ? (size_t)length : 0;
        if (c->in.count < head + body) break;
        const char *text = c->in.bytes + head;
        int64_t every = number_after(text, body, "every_ms\"", 0);
        if (every > 0)
            start_stream(c, every, (long)number_after(text, body, "events\"", 1));
        else
            append(&c->out, message, message_length);
        drop(&c->in, head + body);
    }
    if (c->in.count == 0) release(&c->in);
    return flush(c);
}

static void serve(connection *c, uint32_t events) {
    static char bytes[65536];
    if (c->tls && !c->is_ready) {
        ERR_clear_error();
        int done = SSL_accept(c->tls);
        if (done != 1) {
            int why = SSL_get_error(c->tls, done);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) end(c);
            return;
        }
        c->is_ready = 1;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        while (1) {
            ssize_t count = receive(c, bytes, sizeof bytes);
            if (count < 0) return end(c);
            if (count == 0) break;
            append(&c->in, bytes, (size_t)count);
            if (!c->tls && count < (ssize_t)sizeof bytes) break;
        }
    }
    if (!answer(c)) end(c);
}

// Sends what is due; answers the milliseconds until the next look.
static int tick(void) {
    int64_t now = now_ns();
    char text[256];
    for (int i = stream_count - 1; i >= 0; i--) {
        connection *c = streams[i];
        if (c->next_ns > now || c->out.count > 0) continue;
        if (c->events_left-- > 0) {
            c->next_ns += c->every_ns;
            snprintf(text, sizeof text,
                     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
                     "\"text\":\"stamp:%lld.\"}}\n\n",
                     (long long)now_ns());
            chunk(c, text);
        } else {
            finish_stream(c);
        }
        if (!flush(c)) end(c);
    }
    return stream_count > 0 ? 1 : 1000;
}

static void make_message(void) {
    char numbers[400], body[2048];
    snprintf(numbers, sizeof numbers, usage, 40);
    int length = snprintf(body, sizeof body,
                          "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-5-5\",\"content\":[{"
                          "\"type\":\"text\",\"text\":\"%0512d\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":%s}",
                          7, numbers);
    message = grown(NULL, 4096);
    message_length = (size_t)snprintf(message, 4096,
                                      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\ncontent-length: %d\r\n\r\n%s",
                                      length, body);
}

int main(int count, char **arguments) {
    raise_descriptor_limit();
    make_message();
    if (count == 3) {
        context = SSL_CTX_new(TLS_server_method());
        if (context == NULL || SSL_CTX_use_certificate_chain_file(context, arguments[1]) != 1 ||
            SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM) != 1)
            die("certificate");
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        die("listen");
    printf("listening %d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    struct epoll_event first = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &first);
    struct epoll_event ready[batch];
    while (1) {
        int found = epoll_wait(poller, ready, batch, tick());
        for (int i = 0; i < found; i++) {
            if (ready[i].data.ptr) {
                serve(ready[i].data.ptr, ready[i].events);
                continue;
            }
            int fd;
            while ((fd = accept(listener, NULL, NULL)) >= 0) {
                tune(fd);
                connection *c = calloc(1, sizeof *c);
                if (c == NULL) die("calloc");
                c->fd = fd;
                c->slot = -1;
                if (context) {
                    c->tls = SSL_new(context);
                    if (c->tls == NULL || SSL_set_fd(c->tls, fd) != 1) die("SSL_new");
                }
                struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
