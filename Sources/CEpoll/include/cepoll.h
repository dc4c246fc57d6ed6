// Linux calls that Swift cannot import (variadic, macro, packed, or hidden behind _GNU_SOURCE). stdint types only, on purpose:
// a header that pulls glibc in under _GNU_SOURCE breaks debug and test builds. Every function answers -errno on failure and
// repeats after EINTR unless it says otherwise.
#pragma once
#include <stdint.h>

// The bits of epoll_event.events, as Linux numbers them.
enum { GH_IN = 0x001, GH_OUT = 0x004, GH_ERR = 0x008, GH_HUP = 0x010, GH_RDHUP = 0x2000 };

typedef struct {
    uint64_t data;
    uint32_t events;
} gh_event;

int32_t gh_epoll_create(void);
int32_t gh_epoll_add(int32_t epoll, int32_t fd, uint32_t events, uint64_t data);
int32_t gh_epoll_modify(int32_t epoll, int32_t fd, uint32_t events, uint64_t data);
int32_t gh_epoll_remove(int32_t epoll, int32_t fd);
// At most 256 events; timeout in ms, -1 waits for ever. EINTR counts as no event.
int32_t gh_epoll_wait(int32_t epoll, gh_event *events, int32_t capacity, int32_t timeout);

int32_t gh_eventfd(void);
void gh_eventfd_signal(int32_t fd);
void gh_eventfd_clear(int32_t fd);

// Addresses travel as 16 bytes (IPv4 as ::ffff:a.b.c.d), a port and, for a listener, the family that was asked for.
// A listening socket, non-blocking. v6 is 1 for an IPv6 address. reuse_port shares the port among several listeners.
int32_t gh_listen(const uint8_t address[16], int32_t v6, uint16_t port, int32_t backlog, int32_t reuse_port);
// accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC and TCP_NODELAY.
int32_t gh_accept(int32_t listener, uint8_t address[16], uint16_t *port);
// Starts a non-blocking connect with TCP_NODELAY; the fd is writable when it is decided, then ask gh_socket_error.
int32_t gh_connect(const uint8_t address[16], int32_t v6, uint16_t port);
// 0 or the errno that waits on the socket.
int32_t gh_socket_error(int32_t fd);
int32_t gh_local_port(int32_t fd);
// 1 when the socket is connected.
int32_t gh_peer_is_known(int32_t fd);

int64_t gh_receive(int32_t fd, void *into, uint64_t capacity);
// 0: the peer has closed; 1: bytes wait; -EAGAIN: neither.
int64_t gh_peek(int32_t fd);
int64_t gh_send(int32_t fd, const void *bytes, uint64_t count);
typedef struct {
    const void *bytes;
    uint64_t count;
} gh_piece;
// At most 4 pieces in one call.
int64_t gh_send_pieces(int32_t fd, const gh_piece *pieces, int32_t count);
// No more writing; the peer reads the end of the stream.
void gh_shutdown_write(int32_t fd);
void gh_close(int32_t fd);
// Close with RST: whatever is still unsent is dropped.
void gh_reset(int32_t fd);
void gh_set_buffers(int32_t fd, int32_t receive_bytes, int32_t send_bytes);

// A file without a name in that folder, open for reading and writing; its errno, negated, when the file system knows none.
int32_t gh_open_unlinked(const char *folder);

// The soft limit of open descriptors.
uint64_t gh_descriptor_limit(void);
int32_t gh_set_descriptor_limit(uint64_t soft);
void gh_ignore_sigpipe(void);
// The calling thread's name in lists of threads; at most 15 bytes.
void gh_name_thread(const char *name);
// Lets the allocator keep what was freed, up to a few MiB, instead of giving it back and asking again hundreds of times a second.
void gh_keep_freed_memory(void);

// The addresses of a name, 16 bytes each, as the system's resolver orders them; blocks. Answers their number, or the (negative) EAI code.
int32_t gh_resolve(const char *name, uint8_t *addresses, int32_t capacity);
const char *gh_resolve_reason(int32_t code);
