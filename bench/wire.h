// What the measuring upstream and the load generator share: sockets, clocks, and growing byte buffers. Loopback only.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

static inline void *grown(void *old, size_t size) {
    void *made = realloc(old, size);
    if (made == NULL) die("realloc");
    return made;
}

static inline void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    signal(SIGPIPE, SIG_IGN);
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline void tune(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

typedef struct {
    char *bytes;
    size_t count, room;
} buffer;

static inline void append(buffer *to, const void *bytes, size_t count) {
    if (to->count + count > to->room) {
        to->room = (to->count + count) * 2;
        to->bytes = grown(to->bytes, to->room);
    }
    memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
}

static inline void drop(buffer *from, size_t count) {
    memmove(from->bytes, from->bytes + count, from->count - count);
    from->count -= count;
}

static inline void release(buffer *it) {
    free(it->bytes);
    *it = (buffer){0};
}

// The number after `name` in the bytes, or `otherwise`.
static inline int64_t number_after(const char *bytes, size_t count, const char *name, int64_t otherwise) {
    const char *at = memmem(bytes, count, name, strlen(name));
    if (at == NULL) return otherwise;
    int64_t value = 0;
    int digits = 0;
    for (at += strlen(name); at < bytes + count && (*at == ' ' || *at == ':'); at++) {}
    for (; at < bytes + count && *at >= '0' && *at <= '9' && digits < 18; at++, digits++) value = value * 10 + (*at - '0');
    return digits > 0 ? value : otherwise;
}

// Length of a whole head with its empty line, 0 when it is not all there; `length` gets Content-Length, -1 when there is none.
static inline size_t whole_head(const buffer *in, int64_t *length) {
    const char *end = memmem(in->bytes, in->count, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    *length = -1;
    for (const char *line = in->bytes; line < end;) {
        const char *stop = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
        if (strncasecmp(line, "content-length:", 15) == 0) *length = strtoll(line + 15, NULL, 10);
        line = stop + 2;
    }
    return (size_t)(end - in->bytes) + 4;
}
