/*
 * Draining. A worker takes the connections that wait at its listeners, at the limit too, since they
 * were promised an answer, then closes the listeners and every connection without work; the others
 * end with the reply that they are about. A worker that has drained waits for the others, so that
 * signals and calls still reach the server; the last one stops them all. So does the deadline, and
 * what is open then has been aborted.
 */
#include "server/connection.h"
#include "server/instance.h"
#include "server/socket.h"

#include <string.h>

static bool is_busy(const cz_connection_t *connection)
{
    return connection->request != NULL || connection->pending != NULL || connection->own != NULL ||
           connection->output.first != NULL || connection->writing;
}

static void drain_one(cz_connection_t *connection)
{
    if (connection->closing || connection->lingers)
        return; /* it ends by itself */
    connection->drains = true;
    if (is_busy(connection)) {
        /* No request is being read: the reply on its way is the last one. */
        if (connection->request == NULL && connection->own == NULL)
            connection->ends = true;
        return;
    }
    /* What the loop has not read yet is a request. */
    if (cz_socket_has_input(connection->fd))
        return;
    /* Who has just connected is given a moment for the request. */
    if (connection->requests == 0)
        cz_connection_wait(connection, CZ_WAIT_LINGER);
    else
        cz_connection_close(connection);
}

static void on_deadline(uv_timer_t *timer)
{
    catzilla_server_stop(timer->data);
}

/* The first worker keeps the time for all. */
static void deadline_start(cz_worker_t *worker)
{
    catzilla_server_t *server = worker->server;
    uint32_t deadline_ms = atomic_load(&server->drain_deadline_ms);
    if (worker->index != 0 || deadline_ms == 0)
        return;
    uv_timer_init(worker->loop, &server->drain_timer);
    server->drain_timer.data = server;
    server->drain_timed = true;
    worker->handles++;
    uv_update_time(worker->loop);
    uv_timer_start(&server->drain_timer, on_deadline, deadline_ms, 0);
}

void cz_drain_begin(cz_worker_t *worker)
{
    if (worker->draining)
        return;
    worker->draining = true;
    deadline_start(worker);
    cz_listener_empty(worker);
    cz_listener_close_all(worker);
    for (cz_connection_t *at = worker->open; at != NULL; at = at->next)
        drain_one(at);
    catzilla_server_t *server = worker->server;
    /* Streams end when their owners say so, who may do it right here. */
    if (server->on_drain != NULL)
        server->on_drain(server, (catzilla_loop_t *)(void *)worker, server->on_drain_data);
    cz_drain_check(worker);
}

void cz_drain_count(cz_connection_t *connection)
{
    cz_worker_t *worker = connection->worker;
    if (!worker->draining || !connection->drains)
        return;
    if (is_busy(connection)) {
        worker->drained.aborted++;
        worker->drained.bytes_unsent += connection->output.queued;
    } else if (connection->ends) {
        worker->drained.finished++;
    }
}

void cz_drain_check(cz_worker_t *worker)
{
    if (!worker->draining || worker->has_drained || worker->open_count > 0)
        return;
    worker->has_drained = true;
    if (atomic_fetch_add(&worker->server->drained_workers, 1) + 1 == worker->server->worker_count)
        catzilla_server_stop(worker->server);
}

int catzilla_server_drain(catzilla_server_t *server, uint32_t deadline_ms)
{
    if (atomic_exchange(&server->drain_asked, true))
        return 0;
    atomic_store(&server->drain_deadline_ms, deadline_ms);
    atomic_store(&server->drain_set, true);
    if (!atomic_load(&server->stop_asked))
        cz_server_wake(server);
    return 0;
}

int catzilla_server_on_drain(catzilla_server_t *server,
                             void (*call)(catzilla_server_t *server, catzilla_loop_t *loop,
                                          void *user_data),
                             void *user_data)
{
    if (server->state != CZ_SERVER_IDLE)
        return CATZILLA_ERR_STATE;
    server->on_drain = call;
    server->on_drain_data = user_data;
    return 0;
}

int catzilla_server_drain_report(const catzilla_server_t *server, catzilla_drain_report_t *out)
{
    size_t size = out->size;
    catzilla_drain_report_t report = {0};
    if (size < sizeof size || size > sizeof report)
        return CATZILLA_ERR_INVALID;
    if (server->state != CZ_SERVER_ENDED || !atomic_load(&server->drain_set))
        return CATZILLA_ERR_STATE;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        const cz_drain_counts_t *counts = &server->workers[i].drained;
        report.finished += counts->finished;
        report.aborted += counts->aborted;
        report.bytes_unsent += counts->bytes_unsent;
    }
    memcpy(report.live_bytes, server->drain_live_bytes, sizeof report.live_bytes);
    report.size = size;
    memcpy(out, &report, size);
    return 0;
}
