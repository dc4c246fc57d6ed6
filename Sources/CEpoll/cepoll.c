#define _GNU_SOURCE
#include "cepoll.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), "epoll bits")
SAME(GH_IN, EPOLLIN);
SAME(GH_OUT, EPOLLOUT);
SAME(GH_ERR, EPOLLERR);
SAME(GH_HUP, EPOLLHUP);
SAME(GH_RDHUP, EPOLLRDHUP);

int32_t gh_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int32_t control(int32_t epoll, int operation, int32_t fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data = {.u64 = data}};
    return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}
int32_t gh_epoll_add(int32_t epoll, int32_t fd, uint32_t events, uint64_t data) { return control(epoll, EPOLL_CTL_ADD, fd, events, data); }
int32_t gh_epoll_modify(int32_t epoll, int32_t fd, uint32_t events, uint64_t data) { return control(epoll, EPOLL_CTL_MOD, fd, events, data); }
int32_t gh_epoll_remove(int32_t epoll, int32_t fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int32_t gh_epoll_wait(int32_t epoll, gh_event *events, int32_t capacity, int32_t timeout) {
    struct epoll_event batch[256];
    int count = epoll_wait(epoll, batch, capacity < 256 ? capacity : 256, timeout);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) events[i] = (gh_event){.data = batch[i].data.u64, .events = batch[i].events};
    return count;
}

int32_t gh_eventfd(void) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
void gh_eventfd_signal(int32_t fd) { eventfd_write(fd, 1); }
void gh_eventfd_clear(int32_t fd) {
    eventfd_t value;
    eventfd_read(fd, &value);
}

static socklen_t fill(struct sockaddr_storage *storage, const uint8_t address[16], int v6, uint16_t port) {
    memset(storage, 0, sizeof *storage);
    if (v6) {
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)storage;
        to->sin6_family = AF_INET6;
        to->sin6_port = htons(port);
        memcpy(&to->sin6_addr, address, 16);
        return sizeof *to;
    }
    struct sockaddr_in *to = (struct sockaddr_in *)storage;
    to->sin_family = AF_INET;
    to->sin_port = htons(port);
    memcpy(&to->sin_addr, address + 12, 4);
    return sizeof *to;
}

static uint16_t spell(const struct sockaddr_storage *from, uint8_t address[16]) {
    memset(address, 0, 16);
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        memcpy(address, &v6->sin6_addr, 16);
        return ntohs(v6->sin6_port);
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    address[10] = address[11] = 0xff;
    memcpy(address + 12, &v4->sin_addr, 4);
    return ntohs(v4->sin_port);
}

static int failed(int fd) {
    int code = errno;
    close(fd);
    return -code;
}

int32_t gh_listen(const uint8_t address[16], int32_t v6, uint16_t port, int32_t backlog, int32_t reuse_port) {
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int on = 1, off = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return failed(fd);
    if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) return failed(fd);
    if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0) return failed(fd);
    struct sockaddr_storage storage;
    socklen_t length = fill(&storage, address, v6, port);
    if (bind(fd, (struct sockaddr *)&storage, length) < 0 || listen(fd, backlog) < 0) return failed(fd);
    return fd;
}

int32_t gh_accept(int32_t listener, uint8_t address[16], uint16_t *port) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    int fd;
    do {
        fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return -errno;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *port = spell(&from, address);
    return fd;
}

int32_t gh_connect(const uint8_t address[16], int32_t v6, uint16_t port) {
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_storage storage;
    socklen_t length = fill(&storage, address, v6, port);
    if (connect(fd, (struct sockaddr *)&storage, length) < 0 && errno != EINPROGRESS && errno != EINTR) return failed(fd);
    return fd;
}

int32_t gh_socket_error(int32_t fd) {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) < 0 ? errno : value;
}

int32_t gh_local_port(int32_t fd) {
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    if (getsockname(fd, (struct sockaddr *)&own, &length) < 0) return -errno;
    uint8_t ignored[16];
    return spell(&own, ignored);
}

int32_t gh_peer_is_known(int32_t fd) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &length) == 0;
}

// The four calls of every request go to the kernel directly. In a process with several threads glibc's own are points where a thread
// can be cancelled, for which each pays two atomic exchanges; no thread here is ever cancelled. The thread sanitizer watches glibc's.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LIBC_CALLS 1
#endif
#endif
#ifdef LIBC_CALLS
static long receive(int fd, void *into, size_t capacity, int flags) { return recv(fd, into, capacity, flags); }
static long send_bytes(int fd, const void *bytes, size_t count) { return send(fd, bytes, count, MSG_NOSIGNAL); }
static long send_message(int fd, const struct msghdr *message) { return sendmsg(fd, message, MSG_NOSIGNAL); }
#else
static long receive(int fd, void *into, size_t capacity, int flags) { return syscall(SYS_recvfrom, fd, into, capacity, flags, NULL, NULL); }
static long send_bytes(int fd, const void *bytes, size_t count) { return syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL, NULL, 0); }
static long send_message(int fd, const struct msghdr *message) { return syscall(SYS_sendmsg, fd, message, MSG_NOSIGNAL); }
#endif

int64_t gh_receive(int32_t fd, void *into, uint64_t capacity) {
    long count;
    do count = receive(fd, into, capacity, 0);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

int64_t gh_peek(int32_t fd) {
    uint8_t byte;
    long count;
    do count = receive(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

int64_t gh_send(int32_t fd, const void *bytes, uint64_t length) {
    long count;
    do count = send_bytes(fd, bytes, length);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

int64_t gh_send_pieces(int32_t fd, const gh_piece *pieces, int32_t number) {
    struct iovec vector[4];
    if (number < 0 || number > 4) return -EINVAL;
    for (int i = 0; i < number; i++) vector[i] = (struct iovec){.iov_base = (void *)pieces[i].bytes, .iov_len = pieces[i].count};
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = (size_t)number};
    long count;
    do count = send_message(fd, &message);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

void gh_shutdown_write(int32_t fd) { shutdown(fd, SHUT_WR); }
void gh_close(int32_t fd) { close(fd); }
void gh_reset(int32_t fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}
void gh_set_buffers(int32_t fd, int32_t receive_bytes, int32_t send_bytes) {
    if (receive_bytes > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (send_bytes > 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
}

uint64_t gh_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : limit.rlim_cur;
}
int32_t gh_set_descriptor_limit(uint64_t soft) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = soft;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}
void gh_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

int32_t gh_open_unlinked(const char *folder) {
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int32_t gh_resolve(const char *name, uint8_t *addresses, int32_t capacity) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
    int code = getaddrinfo(name, NULL, &hints, &found);
    if (code != 0) return code;
    int32_t count = 0;
    for (struct addrinfo *item = found; item != NULL && count < capacity; item = item->ai_next) {
        if (item->ai_family != AF_INET && item->ai_family != AF_INET6) continue;
        struct sockaddr_storage storage;
        memcpy(&storage, item->ai_addr, item->ai_addrlen);
        spell(&storage, addresses + 16 * count++);
    }
    freeaddrinfo(found);
    return count;
}
const char *gh_resolve_reason(int32_t code) { return code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code); }

void gh_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void gh_keep_freed_memory(void) {
    // Blocks from this size on (a password's hash takes 64 MiB) still go back to the kernel at once.
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 256 << 10);
}
