/* One loop: its listener, its tick, and the check that sends what an iteration has gathered. */
#include "server/connection.h"

#include "http/date.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define CACHED_BYTES (4u << 20) /* what a pool keeps at most while it is busy */
#define TICK_MS      500u
#define TICK_MIN_MS  10u
#define LINGER_MS    2000u

void cz_log(const catzilla_server_options_t *options, int level, const char *format, ...)
{
    char line[512];
    va_list arguments;
    if (options->log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    options->log(level, line, options->log_data);
}

const char *cz_worker_date(cz_worker_t *worker)
{
    if (worker->date_fresh)
        return worker->date_line;
    worker->date_fresh = true;
    int64_t now = (int64_t)time(NULL);
    if (now != worker->date_second) {
        worker->date_second = now;
        memcpy(worker->date_line, "Date: ", 6);
        cz_date_format(now, worker->date_line + 6);
        memcpy(worker->date_line + 6 + CZ_DATE_SIZE, "\r\n", 2);
    }
    return worker->date_line;
}

void cz_worker_flush_later(cz_worker_t *worker, cz_connection_t *connection)
{
    if (connection->flush_queued)
        return;
    connection->flush_queued = true;
    connection->flush_next = NULL;
    *worker->flush_end = connection;
    worker->flush_end = &connection->flush_next;
}

static void on_check(uv_check_t *check)
{
    cz_worker_t *worker = check->data;
    /* A flush may resume its connection, which then joins the list anew. */
    while (worker->to_flush != NULL) {
        cz_connection_t *connection = worker->to_flush;
        worker->to_flush = connection->flush_next;
        if (worker->to_flush == NULL)
            worker->flush_end = &worker->to_flush;
        connection->flush_queued = false;
        cz_connection_flush(connection);
    }
    worker->date_fresh = false;
}

static uint64_t tick_interval(const cz_worker_t *worker)
{
    uint64_t interval = TICK_MS;
    for (int wait = 0; wait < CZ_WAIT_KINDS; wait++) {
        uint64_t quarter = worker->deadlines.timeout_ms[wait] / 4;
        if (worker->deadlines.timeout_ms[wait] > 0 && quarter < interval)
            interval = quarter;
    }
    return interval < TICK_MIN_MS ? TICK_MIN_MS : interval;
}

static void on_tick(uv_timer_t *tick)
{
    cz_worker_t *worker = tick->data;
    uint64_t now = uv_now(worker->loop);
    cz_wait_t wait;
    cz_deadline_t *deadline;
    while ((deadline = cz_deadline_next(&worker->deadlines, now, &wait)) != NULL) {
        char *inside = (char *)deadline - offsetof(cz_connection_t, deadline);
        cz_connection_expired((cz_connection_t *)(void *)inside, wait);
    }
    if (!worker->active) {
        cz_pool_trim(&worker->requests);
        cz_pool_trim(&worker->responses);
        if (worker->open_count == 0) {
            cz_pool_trim(&worker->connections);
            uv_timer_stop(tick);
        }
    }
    worker->active = false;
}

static void accept_one(cz_worker_t *worker)
{
    if (worker->open_count >= worker->options->max_connections) {
        worker->accept_waits = true;
        return;
    }
    cz_connection_accept(worker);
    if (!uv_is_active((uv_handle_t *)&worker->tick)) {
        uint64_t interval = tick_interval(worker);
        uv_timer_start(&worker->tick, on_tick, interval, interval);
    }
}

static void on_connection(uv_stream_t *stream, int status)
{
    cz_worker_t *worker = stream->data;
    if (status < 0)
        cz_log(worker->options, CATZILLA_LOG_WARNING, "accept failed reason=\"%s\"",
               uv_strerror(status));
    else
        accept_one(worker);
}

void cz_worker_connection_closed(cz_worker_t *worker)
{
    worker->open_count--;
    if (worker->accept_waits && !worker->stopping) {
        worker->accept_waits = false;
        accept_one(worker);
    }
}

static int listen_code(int code)
{
    switch (code) {
    case UV_EADDRINUSE:
        return CATZILLA_ERR_ADDRESS_IN_USE;
    case UV_EADDRNOTAVAIL:
    case UV_EINVAL:
    case UV_EAFNOSUPPORT:
        return CATZILLA_ERR_ADDRESS;
    case UV_EACCES:
    case UV_EPERM:
        return CATZILLA_ERR_ACCESS;
    case UV_ENOMEM:
        return CATZILLA_ERR_NOMEM;
    default:
        return CATZILLA_ERR_SYSTEM;
    }
}

int cz_worker_open(cz_worker_t *worker, uv_loop_t *loop)
{
    worker->loop = loop;
    worker->flush_end = &worker->to_flush;
    cz_pool_init(&worker->requests, catzilla_request_alloc, catzilla_request_free, CACHED_BYTES);
    cz_pool_init(&worker->responses, catzilla_response_alloc, catzilla_response_free, CACHED_BYTES);
    cz_pool_init(&worker->connections, catzilla_malloc, catzilla_free, CACHED_BYTES);
    cz_deadlines_init(&worker->deadlines);
    worker->deadlines.timeout_ms[CZ_WAIT_REQUEST] = worker->options->idle_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_HEAD] = worker->options->header_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_BODY] = worker->options->body_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_WRITE] = worker->options->write_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_LINGER] = LINGER_MS;
    int rc = cz_posts_open(&worker->posts, loop, cz_connection_completed);
    if (rc != 0)
        return rc;
    if (uv_check_init(loop, &worker->check) != 0 || uv_timer_init(loop, &worker->tick) != 0) {
        cz_posts_stop(&worker->posts);
        return CATZILLA_ERR_SYSTEM;
    }
    worker->check.data = worker->tick.data = worker;
    return 0;
}

static void on_listen_failed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

/* Runs the loop until a listener that failed is gone, so that it may be made anew. */
static int listen_failed(cz_worker_t *worker, int code)
{
    bool closed = false;
    worker->listener.data = &closed;
    uv_close((uv_handle_t *)&worker->listener, on_listen_failed);
    while (!closed)
        uv_run(worker->loop, UV_RUN_NOWAIT);
    return listen_code(code);
}

int cz_worker_listen(cz_worker_t *worker, const char *host, uint16_t port, int backlog)
{
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&address) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address) != 0)
        return CATZILLA_ERR_ADDRESS;
    if (uv_tcp_init(worker->loop, &worker->listener) != 0)
        return CATZILLA_ERR_SYSTEM;
    worker->listener.data = worker;
    int rc = uv_tcp_bind(&worker->listener, (const struct sockaddr *)&address, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&worker->listener, backlog, on_connection);
    if (rc != 0)
        return listen_failed(worker, rc);
    uv_os_fd_t fd;
    int on = 1;
    /* Accepted sockets inherit it; where that fails replies are merely later. */
    if (uv_fileno((uv_handle_t *)&worker->listener, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    worker->listening = true;
    return 0;
}

int cz_worker_start(cz_worker_t *worker)
{
    worker->read_buffer = catzilla_request_alloc(CZ_READ_BUFFER_SIZE);
    if (worker->read_buffer == NULL)
        return CATZILLA_ERR_NOMEM;
    return uv_check_start(&worker->check, on_check) == 0 ? 0 : CATZILLA_ERR_SYSTEM;
}

void cz_worker_stop(cz_worker_t *worker)
{
    if (worker->stopping)
        return;
    worker->stopping = true;
    cz_posts_stop(&worker->posts);
    if (worker->listening)
        uv_close((uv_handle_t *)&worker->listener, NULL);
    worker->listening = false;
    uv_close((uv_handle_t *)&worker->check, NULL);
    uv_close((uv_handle_t *)&worker->tick, NULL);
    for (cz_connection_t *at = worker->open; at != NULL; at = at->next)
        cz_connection_close(at);
}

void cz_worker_close(cz_worker_t *worker)
{
    catzilla_request_free(worker->read_buffer);
    worker->read_buffer = NULL;
    cz_posts_close(&worker->posts);
    cz_pool_trim(&worker->requests);
    cz_pool_trim(&worker->responses);
    cz_pool_trim(&worker->connections);
}
