#define _GNU_SOURCE
#include "cepoll.h"
#include <errno.h>
#include <sys/socket.h>

int32_t gh_accept(int32_t listener, uint8_t *address, uint32_t *length) {
    int fd = accept4(listener, (struct sockaddr *)address, (socklen_t *)length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
