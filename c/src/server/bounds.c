/*
 * What a connection may cost in time. Each wait has a window; a body and a slow reader may begin
 * a new one when enough has moved in the last, so that a rate costs two readings for each window
 * and nothing for each read. The total is looked at by the tick, which only walks the connections
 * where such a deadline is set.
 */
#include "server/connection.h"
#include "server/socket.h"

/*
 * What the peer's system has acknowledged: a socket may hold megabytes, and says that it takes more
 * only when much of that has gone. Where the system does not tell, it is what the socket has taken.
 */
static uint64_t taken(const cz_connection_t *connection)
{
    int64_t unsent = cz_socket_unsent(connection->fd);
    if (unsent < 0)
        return connection->output.sent;
    size_t waits = uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp);
    return connection->output.sent + connection->writing - waits - (uint64_t)unsent;
}

uint64_t cz_connection_progress(const cz_connection_t *connection, cz_wait_t wait)
{
    switch (wait) {
    case CZ_WAIT_BODY:
        return connection->request == NULL ? 0 : connection->request->message.body_total;
    case CZ_WAIT_WRITE:
    case CZ_WAIT_HALF_CLOSED:
    case CZ_WAIT_LINGER:
        return taken(connection);
    default:
        return 0;
    }
}

static bool moved_enough(const cz_connection_t *connection, cz_wait_t wait, uint32_t window_ms)
{
    if (wait != CZ_WAIT_BODY && wait != CZ_WAIT_WRITE && wait != CZ_WAIT_HALF_CLOSED)
        return false;
    int64_t wanted = (int64_t)connection->worker->options->min_rate * window_ms / 1000;
    /* A stream sends when there is something to send. */
    if (wait == CZ_WAIT_HALF_CLOSED)
        wanted = 0;
    /* What a unix socket still holds is told with its overhead, so the difference may be negative.
     */
    int64_t moved = (int64_t)(cz_connection_progress(connection, wait) - connection->mark);
    return moved >= (wanted == 0 ? 1 : wanted);
}

/* A peer that sends on, or takes what it is owed, will come to the end of it and see ours. */
static bool may_linger(const cz_connection_t *connection)
{
    const cz_worker_t *worker = connection->worker;
    if (!connection->shut || worker->draining ||
        uv_now(worker->loop) - connection->began_ms >= worker->options->linger_total_ms)
        return false;
    return cz_connection_progress(connection, CZ_WAIT_LINGER) != connection->mark ||
           cz_socket_has_input(connection->fd);
}

/*
 * Nobody reads from the connection now, and so nobody has seen its peer leave. One that has closed
 * its half may have sent all of a body whose reader pauses; any other asked for what it does not
 * take.
 */
static bool may_be_there(const cz_connection_t *connection)
{
    const catzilla_response_t *pending = connection->pending;
    const catzilla_request_t *request = pending == NULL ? connection->request : pending->request;
    bool pauses = request != NULL && request->paused;
    return !connection->peer_ended && !cz_socket_is_left(connection->fd, !pauses);
}

void cz_connection_expired(cz_connection_t *connection, cz_wait_t wait)
{
    uint32_t window = connection->worker->deadlines.timeout_ms[wait];
    if (moved_enough(connection, wait, window) ||
        (wait == CZ_WAIT_LINGER && may_linger(connection)) ||
        (wait == CZ_WAIT_HALF_CLOSED && may_be_there(connection))) {
        cz_connection_wait(connection, wait);
        return;
    }
    if (wait == CZ_WAIT_HEAD || wait == CZ_WAIT_BODY) {
        cz_connection_refuse(connection, 408);
        cz_connection_flush(connection);
    } else {
        cz_connection_close(connection);
    }
}

/* 408 while the request is read; a reply that is not there in time cannot be told from no reply. */
static void total_expired(cz_connection_t *connection)
{
    connection->began_ms = 0;
    if (connection->pending != NULL) {
        cz_connection_close(connection);
        return;
    }
    cz_connection_refuse(connection, 408);
    cz_connection_flush(connection);
}

void cz_connections_check_totals(cz_worker_t *worker, uint64_t now_ms)
{
    uint32_t total = worker->options->total_timeout_ms;
    if (total == 0)
        return;
    for (cz_connection_t *at = worker->open; at != NULL; at = at->next) {
        uint64_t owed_ms = cz_output_oldest_ms(&at->output);
        if (at->closing || at->shut)
            continue;
        /* A reply that is not sent in time takes those behind it along. */
        if (owed_ms != 0 && now_ms - owed_ms >= total)
            cz_connection_close(at);
        else if (at->began_ms != 0 && now_ms - at->began_ms >= total)
            total_expired(at);
    }
}
