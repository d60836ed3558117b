/* How a request becomes a reply in the connection's output. */
#include "server/connection.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Files up to this size are read at once and gather with other replies. */
#define SMALL_FILE 16384u

static void report(cz_connection_t *connection, const catzilla_request_t *request, int status,
                   uint64_t body_bytes)
{
    const catzilla_server_options_t *options = connection->worker->options;
    catzilla_access_t access;
    if (options->access == NULL)
        return;
    memset(&access, 0, sizeof access);
    access.size = sizeof access;
    access.method = access.target = access.peer = CATZILLA_SLICE("");
    access.status = status;
    access.body_bytes = body_bytes;
    if (request != NULL) {
        access.peer = catzilla_request_peer(request);
        access.duration_ns = uv_hrtime() - request->started_ns;
        if (request->message.head_complete) {
            access.method = catzilla_request_method(request);
            access.target = catzilla_request_target(request);
        }
    }
    options->access(&access, options->access_data);
}

/* Moves a small file's bytes into the response; false where it must be streamed. */
static bool file_inline(catzilla_response_t *response)
{
    char bytes[SMALL_FILE];
    if (response->length > sizeof bytes)
        return false;
    size_t wanted = (size_t)response->length;
    if (pread(response->fd, bytes, wanted, (off_t)response->offset) != (ssize_t)wanted)
        return false;
    catzilla_slice_t body = {bytes, wanted};
    int fd = dup(response->fd); /* kept in case the copy fails, as setting a body closes it */
    uint64_t offset = response->offset;
    if (catzilla_response_body(response, body) == 0) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    if (fd >= 0)
        catzilla_response_file(response, fd, offset, wanted);
    return false;
}

/* Hands the body over to the output; what the output took the response no longer owns. */
static int body_move(cz_output_t *output, cz_pool_t *pool, catzilla_response_t *response)
{
    int rc = 0;
    switch (response->body_kind) {
    case CZ_BODY_NONE:
        return 0;
    case CZ_BODY_COPIED:
        return cz_output_take(output, pool, &response->copied);
    case CZ_BODY_BORROWED:
        rc = cz_output_borrow(output, pool, response->borrowed, response->release,
                              response->release_data);
        break;
    case CZ_BODY_FILE:
        rc = cz_output_file(output, pool, response->fd, response->offset, response->length);
        break;
    }
    if (rc == 0)
        response->body_kind = CZ_BODY_NONE;
    return rc;
}

static int write_reply(cz_connection_t *connection, catzilla_response_t *response,
                       bool without_body, bool http_1_0)
{
    cz_worker_t *worker = connection->worker;
    cz_output_t *output = &connection->output;
    if (response->body_kind == CZ_BODY_FILE && !without_body)
        file_inline(response);
    size_t room = cz_response_head_room(response);
    /* A small body then finds room right behind its head. */
    if (response->body_kind != CZ_BODY_FILE && response->length <= CZ_OUTPUT_COPIED)
        room += (size_t)response->length;
    char *begin = cz_output_reserve(output, &worker->responses, room);
    if (begin == NULL)
        return CATZILLA_ERR_NOMEM;
    cz_reply_facts_t facts = {cz_worker_date(worker), !connection->ends, http_1_0};
    char *end = cz_response_write_head(response, &facts, begin);
    cz_output_commit(output, (size_t)(end - begin));
    return without_body ? 0 : body_move(output, &worker->responses, response);
}

/* Sends the response as the answer to the request in progress, and ends both. */
static void finish(cz_connection_t *connection, catzilla_response_t *response)
{
    catzilla_request_t *request = connection->request;
    const cz_head_t *head = request == NULL ? NULL : &request->message.head;
    bool is_head = false;
    bool http_1_0 = head != NULL && head->major == 1 && head->minor == 0;
    if (head != NULL && head->method_size == 4)
        is_head = memcmp(head->base + head->method, "HEAD", 4) == 0;
    bool without_body = is_head || cz_response_is_bodiless(response->status);
    uint64_t body_bytes = without_body ? 0 : response->length;
    int rc = write_reply(connection, response, without_body, http_1_0);
    report(connection, request, response->status, body_bytes);
    cz_response_destroy(response);
    cz_request_destroy(request);
    connection->request = NULL;
    connection->requests++;
    if (connection->deadline.wait == CZ_WAIT_HEAD || connection->deadline.wait == CZ_WAIT_BODY)
        cz_connection_wait(connection, CZ_WAIT_NOTHING);
    connection->worker->active = true;
    /* A head without its body cannot be taken back, so the connection ends. */
    if (rc != 0)
        cz_connection_close(connection);
    else
        cz_worker_flush_later(connection->worker, connection);
}

/* The answer where no route of the path takes the method. */
static void answer_other_method(catzilla_request_t *request, catzilla_response_t *response,
                                catzilla_slice_t allow)
{
    if (catzilla_slice_equal(catzilla_request_method(request), CATZILLA_SLICE("OPTIONS")))
        catzilla_response_status(response, 204);
    else
        cz_response_plain(response, 405);
    catzilla_response_header(response, CATZILLA_SLICE("Allow"), allow);
}

static void run_handler(cz_connection_t *connection, catzilla_response_t *response)
{
    catzilla_request_t *request = connection->request;
    const cz_route_target_t *target = request->route;
    int rc = target->handler(request, response, target->user_data);
    if (rc == 0)
        return;
    catzilla_slice_t method = catzilla_request_method(request);
    catzilla_slice_t path = catzilla_request_path(request);
    cz_log(connection->worker->options, CATZILLA_LOG_ERROR,
           "handler failed method=%.*s path=%.*s code=%d reason=\"%s\"", (int)method.size,
           method.data, path.size > 200 ? 200 : (int)path.size, path.data, rc,
           catzilla_strerror(rc));
    cz_response_plain(response, 500);
}

static void route(cz_connection_t *connection, catzilla_response_t *response)
{
    catzilla_request_t *request = connection->request;
    catzilla_router_result_t result = CATZILLA_ROUTER_NO_PATH;
    catzilla_slice_t allow;
    int rc = cz_request_route(request, connection->worker->router, &result, &allow);
    if (rc != 0)
        cz_response_plain(response, rc == CATZILLA_ERR_SYNTAX ? 400 : 503);
    else if (request->message.head.asterisk)
        catzilla_response_status(response, 204);
    else if (result == CATZILLA_ROUTER_NO_PATH)
        cz_response_plain(response, 404);
    else if (result == CATZILLA_ROUTER_NO_METHOD)
        answer_other_method(request, response, allow);
    else
        run_handler(connection, response);
}

void cz_connection_answer(cz_connection_t *connection)
{
    if (!connection->request->message.head.keep_alive || connection->worker->stopping)
        connection->ends = true;
    catzilla_response_t *response = cz_response_create(&connection->worker->responses);
    if (response == NULL) {
        cz_connection_close(connection);
        return;
    }
    route(connection, response);
    finish(connection, response);
}

void cz_connection_refuse(cz_connection_t *connection, int status)
{
    if (connection->ends || connection->closing)
        return;
    connection->ends = true;
    connection->lingers = true;
    catzilla_response_t *response = cz_response_create(&connection->worker->responses);
    if (response == NULL) {
        cz_connection_close(connection);
        return;
    }
    cz_response_plain(response, status);
    finish(connection, response);
}
