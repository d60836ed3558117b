/*
 * How output leaves. Sending happens once an iteration of the loop, straight on the socket; only
 * what the socket does not take goes through libuv, which waits for it. A file then gives one
 * bounded piece at a time, so that a slow reader costs that piece and no more.
 */
#include "server/connection.h"
#include "server/socket.h"

#include <string.h>
#include <sys/socket.h>

#define FILE_PIECE  16384u
#define WRITE_PIECE 65536u

/* One write that waits; response class. */
typedef struct waiting_write {
    uv_write_t request;
    cz_connection_t *connection;
    size_t block_size;
    char storage[];
} waiting_write_t;

static void on_written(uv_write_t *request, int status)
{
    waiting_write_t *write = request->data;
    cz_connection_t *connection = write->connection;
    cz_pool_t *pool = &connection->worker->responses;
    size_t size = connection->writing;
    cz_pool_give(pool, write, write->block_size);
    connection->writing = 0;
    if (connection->closing)
        return;
    if (status != 0) {
        cz_connection_close(connection);
        return;
    }
    cz_output_advance(&connection->output, pool, size);
    cz_worker_flush_later(connection->worker, connection);
}

static void write_waiting(cz_connection_t *connection)
{
    cz_pool_t *pool = &connection->worker->responses;
    bool is_file = cz_output_is_file(&connection->output);
    size_t block_size;
    waiting_write_t *write =
        cz_pool_take(pool, sizeof *write + (is_file ? FILE_PIECE : 0), &block_size);
    if (write == NULL) {
        cz_connection_close(connection);
        return;
    }
    write->connection = connection;
    write->block_size = block_size;
    write->request.data = write;
    catzilla_slice_t bytes = cz_output_peek(&connection->output, write->storage,
                                            is_file ? block_size - sizeof *write : 0);
    /* In pieces, so that the next read of a file or turn of a stream is not far off. */
    if (bytes.size > WRITE_PIECE)
        bytes.size = WRITE_PIECE;
    uv_buf_t buffer = uv_buf_init((char *)bytes.data, (unsigned)bytes.size);
    if (bytes.size == 0 ||
        uv_write(&write->request, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written) != 0) {
        cz_pool_give(pool, write, block_size);
        cz_connection_close(connection);
        return;
    }
    connection->writing = (uint32_t)bytes.size;
    /* The window began when the peer first lagged behind. */
    if (connection->deadline.wait != CZ_WAIT_WRITE)
        cz_connection_wait(connection, CZ_WAIT_WRITE);
}

/*
 * Whether a close takes nothing from the peer (RFC 9112, section 9.6): bytes that it sends, or has
 * sent and nobody has read, would answer a close by a reset, and that discards what it has not
 * taken yet. Most have taken a short reply by now, and are not waited for.
 */
static bool may_close(const cz_connection_t *connection)
{
    if (connection->peer_ended || connection->worker->options->linger_timeout_ms == 0)
        return true;
    return !connection->lingers && cz_socket_unsent(connection->fd) == 0 &&
           !cz_socket_has_input(connection->fd);
}

/* Everything is sent and nothing more is read: the connection ends, so that the peer sees it. */
static void finish(cz_connection_t *connection)
{
    if (connection->shut)
        return;
    if (may_close(connection) || shutdown(connection->fd, SHUT_WR) != 0) {
        cz_connection_close(connection);
        return;
    }
    connection->shut = true;
    connection->lingers = true;
    connection->began_ms = uv_now(connection->worker->loop);
    cz_connection_wait(connection, CZ_WAIT_LINGER);
    cz_connection_read_start(connection);
}

void cz_connection_flush(cz_connection_t *connection)
{
    if (connection->closing || connection->writing)
        return;
    cz_flush_t result =
        cz_output_flush(&connection->output, &connection->worker->responses, connection->fd);
    if (result == CZ_FLUSH_FAILED) {
        cz_connection_close(connection);
        return;
    }
    if (result == CZ_FLUSH_MORE)
        cz_worker_flush_later(connection->worker, connection);
    if (result == CZ_FLUSH_BLOCKED) {
        write_waiting(connection);
        if (connection->closing)
            return;
    }
    if (connection->paused &&
        connection->output.queued <= connection->worker->options->max_output_bytes / 2)
        cz_connection_resume(connection);
    if (connection->pending != NULL)
        cz_connection_pending_drained(connection);
    if (connection->closing || connection->writing || connection->output.first != NULL)
        return;
    /* The peer has caught up, so a stream may now be as quiet as it likes. */
    if (connection->deadline.wait == CZ_WAIT_WRITE || connection->pending != NULL)
        cz_connection_wait_input(connection);
    if (connection->pending != NULL) {
        if (connection->pending->phase != CZ_REPLY_ENDED) {
            /* An owner that does not want to hear of its peer's end has nothing more to say. */
            if (connection->peer_ended && cz_connection_is_raw(connection) &&
                connection->pending->stream.on_end == NULL)
                cz_connection_close(connection);
            return;
        }
        cz_connection_pending_sent(connection);
        /* The request behind it, perhaps the last, may have been put off. */
        if (connection->closing || connection->output.first != NULL || connection->pending != NULL)
            return;
    }
    /* What the peer asked for before it closed its half is sent, unless more waits unparsed. */
    if (connection->ends || connection->peer_ended)
        finish(connection);
}
