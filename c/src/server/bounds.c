/*
 * What a connection may cost in time. Each wait has a window; a body and a slow reader may begin
 * a new one when enough has moved in the last, so that a rate costs a comparison for each window
 * and nothing for each read. The total is looked at by the tick, which only walks the connections
 * where such a deadline is set.
 */
#include "server/connection.h"

static bool moved_enough(cz_connection_t *connection, uint32_t window_ms)
{
    uint64_t wanted = (uint64_t)connection->worker->options->min_rate * window_ms / 1000;
    bool enough = connection->moved >= (wanted == 0 ? 1 : wanted);
    connection->moved = 0;
    return enough;
}

void cz_connection_expired(cz_connection_t *connection, cz_wait_t wait)
{
    uint32_t window = connection->worker->deadlines.timeout_ms[wait];
    if ((wait == CZ_WAIT_BODY || wait == CZ_WAIT_WRITE) && moved_enough(connection, window)) {
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
    for (cz_connection_t *at = worker->open; at != NULL; at = at->next)
        if (at->began_ms != 0 && !at->closing && now_ms - at->began_ms >= total)
            total_expired(at);
}
