/* How a connection begins: made of a socket that was accepted. */
#include "server/connection.h"

#include <string.h>
#include <unistd.h>

/*
 * A connection without a socket yet, among those of its worker; NULL when memory is exhausted.
 * libuv's TCP handle takes any stream socket that was accepted, also that of a unix listener.
 */
static cz_connection_t *begin(cz_worker_t *worker)
{
    size_t size;
    cz_connection_t *connection = cz_pool_take(&worker->connections, CZ_CONNECTION_BLOCK, &size);
    if (connection == NULL)
        return NULL;
    memset(connection, 0, sizeof *connection);
    connection->worker = worker;
    connection->fd = -1;
    if (uv_tcp_init(worker->loop, &connection->tcp) != 0) {
        cz_pool_give(&worker->connections, connection, CZ_CONNECTION_BLOCK);
        return NULL;
    }
    connection->tcp.data = connection;
    connection->next = worker->open;
    if (worker->open != NULL)
        worker->open->previous = connection;
    worker->open = connection;
    worker->open_count++;
    return connection;
}

bool cz_connection_adopt(cz_worker_t *worker, int fd)
{
    cz_connection_t *connection = begin(worker);
    if (connection == NULL)
        return false;
    if (uv_tcp_open(&connection->tcp, fd) != 0) {
        close(fd);
        cz_connection_close(connection);
        return true;
    }
    connection->fd = fd;
    connection->awaits_proxy = cz_peer_is_proxy(connection);
    /* A proxy's own address has many; its clients are counted when it has named them. */
    if (!connection->awaits_proxy && !cz_peer_enter(connection))
        return true;
    cz_connection_wait(connection, connection->awaits_proxy ? CZ_WAIT_HEAD : CZ_WAIT_REQUEST);
    cz_connection_read_start(connection);
    return true;
}
