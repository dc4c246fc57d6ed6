// Load for the measurements. One thread, epoll, plain HTTP to 127.0.0.1. Prints one line of JSON.
//
//   load json PORT KEY CONNECTIONS SECONDS RATE    POST requests; RATE 0 is as fast as it goes. At a fixed rate the latency counts from
//                                                  the moment a request was due, so a stall is not hidden by sending less.
//   load sse  PORT KEY STREAMS SECONDS EVERY_MS    that many streams, an event each EVERY_MS; latency of each from its stamp
//   load idle PORT KEY STREAMS                     opens streams that say nothing more, prints a line, holds until standard input ends
#define _GNU_SOURCE
#include "wire.h"

enum { batch = 512, head_room = 2048 };
typedef enum { json, sse, idle } mode;

typedef struct {
    int fd, is_busy, has_started;
    int64_t due_ns;
    buffer in;
} connection;

static int poller, port;
static mode doing;
static connection *all;
static int connection_count;
static char request[4096];
static size_t request_length;
static uint64_t *latencies;
static size_t latency_count, latency_room;
static int64_t failures, started, completed;

static void note(int64_t nanoseconds) {
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1 << 16;
        latencies = grown(latencies, latency_room * sizeof *latencies);
    }
    latencies[latency_count++] = (uint64_t)(nanoseconds < 0 ? 0 : nanoseconds);
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double quantile_us(double q) {
    if (latency_count == 0) return 0;
    size_t at = (size_t)(q * (double)latency_count);
    return (double)latencies[at < latency_count ? at : latency_count - 1] / 1000;
}

static void make_request(const char *key, int64_t every_ms, int64_t events) {
    char body[1600], pace[100] = "";
    if (every_ms > 0)
        snprintf(pace, sizeof pace, "\"stream\":true,\"metadata\":{\"every_ms\":%lld,\"events\":%lld},", (long long)every_ms,
                 (long long)events);
    int length = snprintf(body, sizeof body,
                          "{\"model\":\"claude-sonnet-5-5\",\"max_tokens\":64,%s\"messages\":[{\"role\":\"user\",\"content\":\"%01000d\"}]}",
                          pace, 1);
    request_length = (size_t)snprintf(request, sizeof request,
                                      "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-api-key: %s\r\nanthropic-version: 2023-06-01\r\n"
                                      "user-agent: bench\r\naccept: application/json\r\ncontent-type: application/json\r\n"
                                      "content-length: %d\r\n\r\n%s",
                                      port, key, length, body);
}

static void open_connection(connection *c) {
    struct sockaddr_in address = loopback(port);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0) die("socket");
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
    tune(c->fd);
    c->is_busy = c->has_started = 0;
    c->in.count = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void submit(connection *c, int64_t due) {
    c->is_busy = 1;
    c->due_ns = due;
    started++;
    // A request is smaller than any socket buffer, and one is under way a connection.
    if (send(c->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) die("send");
}

static void fail(connection *c, const char *why) {
    if (failures++ == 0) fprintf(stderr, "load: %s: %.*s\n", why, (int)(c->in.count < 300 ? c->in.count : 300), c->in.bytes ? c->in.bytes : "");
    close(c->fd);
    if (failures > 100) exit(1);
    open_connection(c);
}

// A whole answer of known or chunked length has come.
static int is_complete(connection *c, size_t *total) {
    int64_t length;
    size_t head = whole_head(&c->in, &length);
    if (head == 0) return 0;
    if (strncmp(c->in.bytes, "HTTP/1.1 200", 12) != 0) {
        *total = 0;
        return -1;
    }
    if (length >= 0) {
        *total = head + (size_t)length;
        return c->in.count >= *total;
    }
    const char *end = memmem(c->in.bytes + head - 2, c->in.count - head + 2, "\r\n0\r\n\r\n", 7);
    if (end == NULL) return 0;
    *total = (size_t)(end - c->in.bytes) + 7;
    return 1;
}

static void read_stamps(connection *c) {
    int64_t now = now_ns();
    if (!c->has_started) {
        if (c->in.count < 12) return;
        if (strncmp(c->in.bytes, "HTTP/1.1 200", 12) != 0) return fail(c, "no stream");
        if (memmem(c->in.bytes, c->in.count, "message_start", 13) == NULL) return;
        c->has_started = 1;
        started++;
    }
    size_t used = 0;
    while (1) {
        char *at = memmem(c->in.bytes + used, c->in.count - used, "stamp:", 6);
        if (at == NULL) break;
        char *dot = memchr(at, '.', c->in.count - (size_t)(at - c->in.bytes));
        if (dot == NULL) break;
        int64_t stamp = strtoll(at + 6, NULL, 10);
        // A stamp that chunk framing has split cannot be read; it is not counted.
        if (now >= stamp && now - stamp < 10000000000) note(now - stamp);
        used = (size_t)(dot - c->in.bytes) + 1;
    }
    size_t keep = c->in.count - used < 64 ? c->in.count - used : used > 0 ? c->in.count - used : 64;
    if (keep > 4096) keep = 64;
    drop(&c->in, c->in.count - keep);
    if (doing == idle) release(&c->in);
}

static void receive(connection *c) {
    static char bytes[65536];
    ssize_t count = recv(c->fd, bytes, sizeof bytes, 0);
    if (count <= 0) {
        if (count < 0 && errno == EAGAIN) return;
        return fail(c, "closed");
    }
    append(&c->in, bytes, (size_t)count);
    if (doing != json) return read_stamps(c);
    size_t total;
    int state = is_complete(c, &total);
    if (state < 0) return fail(c, "not 200");
    if (state == 0) return;
    note(now_ns() - c->due_ns);
    completed++;
    drop(&c->in, total);
    c->is_busy = 0;
}

static void turn(int wait_ms) {
    struct epoll_event ready[batch];
    int found = epoll_wait(poller, ready, batch, wait_ms);
    for (int i = 0; i < found; i++) receive(ready[i].data.ptr);
}

static void run_json(double seconds, double rate) {
    int64_t begin = now_ns(), stop = begin + (int64_t)(seconds * 1e9), asked = 0;
    int next = 0;
    while (now_ns() < stop) {
        int64_t now = now_ns(), due_count = rate > 0 ? (int64_t)((double)(now - begin) * rate / 1e9) : INT64_MAX;
        for (int tried = 0; tried < connection_count && asked < due_count; tried++, next = (next + 1) % connection_count) {
            connection *c = &all[next];
            if (c->is_busy) continue;
            submit(c, rate > 0 ? begin + (int64_t)((double)asked * 1e9 / rate) : now);
            asked++;
        }
        turn(rate > 0 ? 0 : 1);
    }
    double passed = (double)(now_ns() - begin) / 1e9;
    // What was due and never got an answer counts with the time it has waited.
    for (int i = 0; i < connection_count; i++)
        if (rate > 0 && all[i].is_busy) note(now_ns() - all[i].due_ns);
    qsort(latencies, latency_count, sizeof *latencies, ascending);
    printf("{\"completed\":%lld,\"failures\":%lld,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           (long long)completed, (long long)failures, passed, (double)completed / passed, quantile_us(0.5), quantile_us(0.99));
}

static void open_streams(void) {
    for (int i = 0; i < connection_count; i++) {
        int64_t before = started;
        open_connection(&all[i]);
        submit(&all[i], now_ns());
        started = before;
        // Not more than a few on the way, so that no listen queue overflows.
        for (int64_t limit = now_ns() + 10000000000; started + 64 < i + 1 && now_ns() < limit;) turn(1);
    }
    for (int64_t limit = now_ns() + 20000000000; started < connection_count && now_ns() < limit;) turn(1);
    if (started < connection_count) {
        fprintf(stderr, "load: only %lld of %d streams began\n", (long long)started, connection_count);
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count < 5) {
        fprintf(stderr, "usage: load json|sse|idle PORT KEY CONNECTIONS [SECONDS RATE|EVERY_MS]\n");
        return 2;
    }
    raise_descriptor_limit();
    doing = strcmp(arguments[1], "json") == 0 ? json : strcmp(arguments[1], "sse") == 0 ? sse : idle;
    if (doing != idle && count < 7) return 2;
    port = atoi(arguments[2]);
    connection_count = atoi(arguments[4]);
    double seconds = doing == idle ? 0 : atof(arguments[5]), pace = doing == idle ? 0 : atof(arguments[6]);
    all = calloc((size_t)connection_count, sizeof *all);
    poller = epoll_create1(0);
    if (all == NULL || poller < 0) die("start");
    make_request(arguments[3], doing == json ? 0 : doing == idle ? 600000 : (int64_t)pace, 1000000);
    if (doing == json) {
        for (int i = 0; i < connection_count; i++) open_connection(&all[i]);
        run_json(seconds, pace);
        return failures > 0;
    }
    open_streams();
    if (doing == idle) {
        printf("{\"open\":%lld}\n", (long long)started);
        fflush(stdout);
        char byte;
        while (read(0, &byte, 1) > 0) {}
        return 0;
    }
    latency_count = 0;
    // The window of the measurement begins only now: tell whoever reads the CPU clock.
    printf("{\"open\":%lld}\n", (long long)started);
    fflush(stdout);
    int64_t begin = now_ns(), stop = begin + (int64_t)(seconds * 1e9);
    while (now_ns() < stop) turn(10);
    double passed = (double)(now_ns() - begin) / 1e9;
    qsort(latencies, latency_count, sizeof *latencies, ascending);
    printf("{\"completed\":%zu,\"failures\":%lld,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", latency_count,
           (long long)failures, passed, (double)latency_count / passed, quantile_us(0.5), quantile_us(0.99));
    return failures > 0;
}
