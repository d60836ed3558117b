/*
 * Listeners in a worker's loop, and what happens when there is no room for a connection: it waits
 * where it is. libuv's own listening is not used, since without a descriptor that drops connections
 * and tells nobody, or tries on without an end.
 */
#define _GNU_SOURCE /* accept4 */
#include "server/connection.h"
#include "server/instance.h"

#include "server/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_MOST 64   /* connections that are accepted before the loop looks at the others */
#define TELL_MS   2000 /* between two lines about what is in the way */

/* What came of an attempt to accept. */
typedef enum cz_attempt {
    ATTEMPT_TAKEN,
    ATTEMPT_LEFT, /* the peer has left meanwhile */
    ATTEMPT_NONE, /* nobody waits */
    ATTEMPT_LACKS /* memory or descriptors */
} cz_attempt_t;

static void on_closed(uv_handle_t *handle)
{
    cz_listener_t *listener = handle->data;
    cz_worker_t *worker = listener->worker;
    catzilla_free(listener);
    cz_worker_handle_closed(worker);
}

/* Says why nobody is accepted, once in a while for all workers together. */
static void tell(cz_worker_t *worker, int error)
{
    catzilla_server_t *server = worker->server;
    uint64_t now = uv_now(worker->loop);
    uint64_t next = atomic_load(&server->accept_tell_ms);
    atomic_fetch_add(&server->accepts_failed, 1);
    if (now < next ||
        !atomic_compare_exchange_strong(&server->accept_tell_ms, &next, now + TELL_MS))
        return;
    cz_log(worker->options, CATZILLA_LOG_ERROR, "accept failed times=%u reason=\"%s\"",
           atomic_exchange(&server->accepts_failed, 0), uv_strerror(uv_translate_sys_error(error)));
}

/* Whether it is about one connection, and not about the next one too (accept(2)). */
static bool is_of_peer(int error)
{
    return error == ECONNABORTED || error == EPROTO || error == ENETDOWN || error == ENETUNREACH ||
           error == EHOSTDOWN || error == EHOSTUNREACH || error == EINTR;
}

static cz_attempt_t attempt(cz_listener_t *listener)
{
    int fd = listener->held;
    listener->held = -1;
    if (fd < 0)
        fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && cz_connection_adopt(listener->worker, fd))
        return ATTEMPT_TAKEN;
    if (fd >= 0) {
        listener->held = fd;
        return ATTEMPT_LACKS;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return ATTEMPT_NONE;
    if (is_of_peer(errno))
        return ATTEMPT_LEFT;
    tell(listener->worker, errno);
    return ATTEMPT_LACKS;
}

/* Until a place becomes free, or the tick. */
static void wait_for_room(cz_listener_t *listener)
{
    if (listener->waits)
        return;
    listener->waits = true;
    cz_gate_wait(&listener->worker->server->gate);
    uv_poll_stop(&listener->poll);
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void go_on(cz_listener_t *listener)
{
    if (!listener->waits)
        return;
    listener->waits = false;
    cz_gate_wait_end(&listener->worker->server->gate);
    uv_poll_start(&listener->poll, UV_READABLE, on_ready);
}

/* A place among the connections that may be open; false where there is none. */
static bool enter(cz_listener_t *listener)
{
    cz_gate_t *gate = &listener->worker->server->gate;
    if (cz_gate_enter(gate))
        return true;
    /* One may have become free just before it was known who waits. */
    wait_for_room(listener);
    return cz_gate_enter(gate);
}

static void accept_some(cz_listener_t *listener)
{
    catzilla_server_t *server = listener->worker->server;
    cz_attempt_t result = ATTEMPT_TAKEN;
    cz_worker_tick_start(listener->worker);
    for (int left = TURN_MOST; left > 0 && result < ATTEMPT_NONE; left--) {
        if (!enter(listener))
            return;
        go_on(listener);
        result = attempt(listener);
        if (result == ATTEMPT_TAKEN)
            continue;
        /* Who found the place taken has it now; who lacks something is not helped by that. */
        if (cz_gate_leave(&server->gate) && result != ATTEMPT_LACKS)
            cz_server_wake(server);
    }
    /* Who is told of it may have destroyed the server. */
    if (result == ATTEMPT_LACKS && !listener->worker->stopping)
        wait_for_room(listener);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status; /* accept() says what the matter is */
    (void)events;
    accept_some(poll->data);
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
    cz_listener_t *listener = catzilla_malloc(sizeof *listener);
    if (listener == NULL) {
        close(fd);
        return CATZILLA_ERR_NOMEM;
    }
    memset(listener, 0, sizeof *listener);
    listener->worker = worker;
    listener->fd = fd;
    listener->held = -1;
    if (!cz_socket_is_unix(fd)) {
        watch_peers(worker->options, fd);
        cz_socket_hurry(fd);
    }
    int rc = listen(fd, backlog) == 0 ? 0 : cz_socket_code(errno);
    if (rc == 0 && uv_poll_init(worker->loop, &listener->poll, fd) != 0)
        rc = CATZILLA_ERR_SYSTEM;
    if (rc != 0) {
        close(fd);
        catzilla_free(listener);
        return rc;
    }
    worker->handles++;
    listener->poll.data = listener;
    uv_poll_start(&listener->poll, UV_READABLE, on_ready);
    listener->next = worker->listeners;
    worker->listeners = listener;
    return 0;
}

void cz_listener_retry(cz_worker_t *worker)
{
    for (cz_listener_t *at = worker->listeners; at != NULL; at = at->next)
        if (at->waits)
            accept_some(at);
}

static void empty_one(cz_listener_t *listener)
{
    cz_worker_t *worker = listener->worker;
    cz_gate_t *gate = &worker->server->gate;
    cz_attempt_t result;
    do {
        cz_gate_pass(gate);
        result = attempt(listener);
        if (result != ATTEMPT_TAKEN)
            cz_gate_leave(gate);
    } while (result < ATTEMPT_NONE);
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
        cz_endpoints_forget(worker->server, listener->fd);
        uv_close((uv_handle_t *)&listener->poll, on_closed);
        close(listener->fd);
        if (listener->held >= 0)
            close(listener->held);
    }
}
