// Linux calls that Swift cannot import (variadic, macro or hidden behind _GNU_SOURCE). stdint types only, on purpose:
// a header that pulls glibc in under _GNU_SOURCE breaks debug and test builds.
#pragma once
#include <stdint.h>

// accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC; -errno on failure.
int32_t gh_accept(int32_t listener, uint8_t *address, uint32_t *length);
