/* Listeners in a worker's loop, and what happens when there is no room for a connection. */
#define _GNU_SOURCE /* accept4 */
#include "server/connection.h"
#include "server/instance.h"

#include "server/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_closed(uv_handle_t *handle)
{
    cz_listener_t *listener = handle->data;
    cz_worker_t *worker = listener->worker;
    catzilla_free(listener);
    cz_worker_handle_closed(worker);
}

/* Accepts one connection, or leaves it where it is until there is room. */
static void accept_one(cz_listener_t *listener)
{
    cz_worker_t *worker = listener->worker;
    cz_gate_t *gate = &worker->server->gate;
    if (!cz_gate_enter(gate)) {
        if (!listener->waits)
            cz_gate_wait(gate);
        listener->waits = true;
        if (!cz_gate_enter(gate))
            return;
    }
    if (listener->waits)
        cz_gate_wait_end(gate);
    /* Without memory the connection stays in the listener, and the tick tries again. */
    listener->waits = !cz_connection_accept(worker, &listener->uv.stream);
    if (listener->waits) {
        cz_gate_wait(gate);
        cz_gate_leave(gate);
    }
    cz_worker_tick_start(worker);
}

static void on_connection(uv_stream_t *stream, int status)
{
    cz_listener_t *listener = stream->data;
    if (status < 0)
        cz_log(listener->worker->options, CATZILLA_LOG_WARNING, "accept failed reason=\"%s\"",
               uv_strerror(status));
    else
        accept_one(listener);
}

/* A peer that reads nothing is given up by write_timeout_ms, and not before. */
static void watch_peers(const catzilla_server_options_t *options, int fd)
{
    uint32_t quiet_ms = options->keepalive_ms;
    uint32_t patience_ms = quiet_ms > UINT32_MAX / 2 ? UINT32_MAX : 2 * quiet_ms;
    if (patience_ms < options->write_timeout_ms)
        patience_ms = options->write_timeout_ms;
    cz_socket_watch(fd, quiet_ms, options->write_timeout_ms == 0 ? 0 : patience_ms);
}

int cz_listener_open(cz_worker_t *worker, int fd, int backlog)
{
    int rc;
    cz_listener_t *listener = catzilla_malloc(sizeof *listener);
    if (listener == NULL) {
        close(fd);
        return CATZILLA_ERR_NOMEM;
    }
    memset(listener, 0, sizeof *listener);
    listener->worker = worker;
    bool is_unix = cz_socket_is_unix(fd);
    if (!is_unix)
        watch_peers(worker->options, fd);
    rc = is_unix ? uv_pipe_init(worker->loop, &listener->uv.pipe, 0)
                 : uv_tcp_init(worker->loop, &listener->uv.tcp);
    if (rc != 0) {
        close(fd);
        catzilla_free(listener);
        return CATZILLA_ERR_SYSTEM;
    }
    if (!is_unix)
        cz_socket_hurry(fd);
    worker->handles++;
    listener->uv.handle.data = listener;
    rc = is_unix ? uv_pipe_open(&listener->uv.pipe, fd) : uv_tcp_open(&listener->uv.tcp, fd);
    if (rc != 0)
        close(fd);
    else
        rc = uv_listen(&listener->uv.stream, backlog, on_connection);
    if (rc != 0) {
        uv_close(&listener->uv.handle, on_closed);
        return cz_socket_code(-rc);
    }
    listener->next = worker->listeners;
    worker->listeners = listener;
    return 0;
}

void cz_listener_retry(cz_worker_t *worker)
{
    for (cz_listener_t *at = worker->listeners; at != NULL; at = at->next)
        if (at->waits)
            accept_one(at);
}

/* The one that libuv has accepted already and holds. */
static void empty_held(cz_listener_t *listener)
{
    cz_gate_t *gate = &listener->worker->server->gate;
    cz_gate_pass(gate);
    listener->waits = !cz_connection_accept(listener->worker, &listener->uv.stream);
    if (listener->waits)
        cz_gate_leave(gate);
    else
        cz_gate_wait_end(gate);
}

static void empty_one(cz_listener_t *listener)
{
    cz_worker_t *worker = listener->worker;
    uv_os_fd_t from;
    if (listener->waits)
        empty_held(listener);
    bool more = !listener->waits && uv_fileno(&listener->uv.handle, &from) == 0;
    while (more) {
        int fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            /* Who has left meanwhile is no reason to leave those behind it. */
            more = errno == ECONNABORTED || errno == EINTR;
            if (!more && errno != EAGAIN)
                cz_log(worker->options, CATZILLA_LOG_WARNING, "accept failed reason=\"%s\"",
                       uv_strerror(uv_translate_sys_error(errno)));
            continue;
        }
        cz_gate_pass(&worker->server->gate);
        more = cz_connection_adopt(worker, fd);
        if (!more) {
            close(fd);
            cz_gate_leave(&worker->server->gate);
        }
    }
    cz_worker_tick_start(worker);
}

void cz_listener_empty(cz_worker_t *worker)
{
    for (cz_listener_t *at = worker->listeners; at != NULL; at = at->next)
        empty_one(at);
}

void cz_listener_close_all(cz_worker_t *worker)
{
    while (worker->listeners != NULL) {
        cz_listener_t *listener = worker->listeners;
        worker->listeners = listener->next;
        if (listener->waits)
            cz_gate_wait_end(&worker->server->gate);
        uv_os_fd_t fd;
        if (uv_fileno(&listener->uv.handle, &fd) == 0)
            cz_endpoints_forget(worker->server, fd);
        uv_close(&listener->uv.handle, on_closed);
    }
}
