/* How a request becomes a reply in the connection's output. */
#include "http/redirect.h"
#include "server/connection.h"
#include "server/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Files up to this size are read at once and gather with other replies. */
#define SMALL_FILE 16384u

/*
 * Reads a small file into the response. Where that fails, for want of memory too, the file stays
 * and is streamed.
 */
static void file_inline(catzilla_response_t *response)
{
    cz_buffer_t *copied = &response->copied;
    size_t wanted = (size_t)response->length;
    if (response->length > SMALL_FILE || cz_buffer_reserve(copied, response->pool, wanted) != 0 ||
        pread(response->fd, copied->data, wanted, (off_t)response->offset) != (ssize_t)wanted)
        return;
    copied->size = wanted;
    close(response->fd);
    response->body_kind = CZ_BODY_COPIED;
}

void cz_connection_give_up(cz_connection_t *connection)
{
    cz_request_destroy(connection->request);
    connection->request = NULL;
    connection->ends = true;
    connection->lingers = true;
    cz_worker_flush_later(connection->worker, connection);
}

/*
 * Small pieces are copied, but for one at the end of a large body: the last one carries the release
 * and, for the access log, the reply's end. Pieces leave in order, and with it gone none is
 * borrowed any more.
 */
static int vector_move(cz_output_t *output, cz_pool_t *pool, catzilla_response_t *response)
{
    const catzilla_slice_t *pieces = (const catzilla_slice_t *)(const void *)response->copied.data;
    size_t count = response->copied.size / sizeof *pieces;
    bool is_large = false;
    for (size_t i = 0; i < count; i++)
        is_large = is_large || pieces[i].size > CZ_OUTPUT_COPIED;
    for (size_t i = 0; i < count; i++) {
        bool carries = is_large && i + 1 == count;
        int rc = carries ? cz_output_lend(output, pool, pieces[i], response->release,
                                          response->release_data)
                         : cz_output_borrow(output, pool, pieces[i], NULL, NULL);
        if (rc != 0)
            return rc;
    }
    if (!is_large && response->release != NULL)
        response->release(response->release_data);
    return 0;
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
    case CZ_BODY_VECTOR:
        rc = vector_move(output, pool, response);
        break;
    case CZ_BODY_FILE:
        rc = cz_output_file(output, pool, response->fd, response->offset, response->length);
        break;
    }
    if (rc == 0)
        response->body_kind = CZ_BODY_NONE;
    return rc;
}

int cz_connection_write_head(cz_connection_t *connection, catzilla_response_t *response)
{
    cz_worker_t *worker = connection->worker;
    /* What the peer has sent meanwhile, or sends yet, must not reset the connection. */
    if (response->closes && response->framing != CZ_FRAMING_RAW) {
        connection->ends = true;
        connection->lingers = true;
    }
    const catzilla_request_t *request = response->request;
    bool http_1_0 =
        request != NULL && request->message.head.major == 1 && request->message.head.minor == 0;
    cz_output_t *output = &connection->output;
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
    return 0;
}

void cz_connection_finish(cz_connection_t *connection, catzilla_response_t *response)
{
    catzilla_request_t *request = connection->request;
    const cz_head_t *head = request == NULL ? NULL : &request->message.head;
    bool is_head = false;
    if (head != NULL && head->method_size == 4)
        is_head = memcmp(head->base + head->method, "HEAD", 4) == 0;
    cz_connection_leave(response);
    bool without_body = is_head || cz_response_is_bodiless(response->status);
    uint64_t body_bytes = without_body ? 0 : response->length;
    if (response->body_kind == CZ_BODY_FILE && !without_body)
        file_inline(response);
    cz_output_mark_t mark = cz_output_mark(&connection->output);
    int rc = cz_connection_write_head(connection, response);
    if (rc == 0 && !without_body)
        rc = body_move(&connection->output, &connection->worker->responses, response);
    if (rc != 0) {
        cz_output_cut(&connection->output, &connection->worker->responses, &mark);
        cz_response_destroy(response);
        cz_connection_give_up(connection);
        return;
    }
    if (connection->worker->options->access == NULL ||
        !cz_report_reply(connection, request, response->status, body_bytes))
        cz_request_destroy(request);
    cz_response_destroy(response);
    connection->request = NULL;
    connection->requests++;
    connection->began_ms = 0;
    if (connection->deadline.wait == CZ_WAIT_HEAD || connection->deadline.wait == CZ_WAIT_BODY)
        cz_connection_wait(connection, CZ_WAIT_NOTHING);
    connection->worker->active = true;
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

/* As cz_response_plain(); where the lack is ours, it says when to come again. */
static void plain(const cz_connection_t *connection, catzilla_response_t *response, int status)
{
    uint32_t seconds = connection->worker->options->retry_after_s;
    char text[16];
    cz_response_plain(response, status);
    if (status != 503 || seconds == 0)
        return;
    catzilla_slice_t value = {text, (size_t)snprintf(text, sizeof text, "%u", seconds)};
    catzilla_response_header(response, CATZILLA_SLICE("Retry-After"), value);
}

void cz_connection_failed(cz_connection_t *connection, catzilla_response_t *response, int rc)
{
    const catzilla_request_t *request = response->request;
    catzilla_slice_t method = catzilla_request_method(request);
    catzilla_slice_t path = catzilla_request_path(request);
    bool told = rc == CATZILLA_ERR_DESCRIPTORS && cz_server_lacks(connection->worker->server);
    cz_log(connection->worker->options, told ? CATZILLA_LOG_DEBUG : CATZILLA_LOG_ERROR,
           "handler failed method=%.*s path=%.*s code=%d reason=\"%s\"", (int)method.size,
           method.data, path.size > 200 ? 200 : (int)path.size, path.data, rc,
           catzilla_strerror(rc));
    /* A lack of memory or descriptors passes; anything else is the handler's own trouble. */
    bool lack =
        rc == CATZILLA_ERR_NOMEM || rc == CATZILLA_ERR_BUDGET || rc == CATZILLA_ERR_DESCRIPTORS;
    plain(connection, response, lack ? 503 : 500);
}

/* Goes on from the last one that was entered, up to the first that needs a body yet to come. */
static bool enter_chain(cz_connection_t *connection, catzilla_response_t *response, bool has_body)
{
    catzilla_request_t *request = connection->request;
    while (request->entered < request->chain->count) {
        const cz_middleware_t *middleware = request->chain->links[request->entered];
        if (!has_body && !middleware->early)
            break;
        request->entered++;
        int rc = middleware->before == NULL
                     ? 0
                     : middleware->before(request, response, middleware->user_data);
        if (rc < 0 && response->phase == CZ_REPLY_BUILDING)
            cz_connection_failed(connection, response, rc);
        if (rc != 0 || response->phase != CZ_REPLY_BUILDING)
            return false;
    }
    return true;
}

/* Runs what comes before the handler; false where that has answered. */
static bool enter(cz_connection_t *connection, catzilla_response_t *response,
                  const catzilla_group_t *group)
{
    connection->request->chain = group->chain;
    return group->chain == NULL || enter_chain(connection, response, true);
}

bool cz_connection_enter_early(cz_connection_t *connection, catzilla_response_t *response)
{
    catzilla_request_t *request = connection->request;
    request->chain = ((const cz_route_target_t *)request->route)->group->chain;
    return enter_chain(connection, response, false);
}

void cz_connection_leave(catzilla_response_t *response)
{
    catzilla_request_t *request = response->request;
    cz_reply_phase_t phase = response->phase;
    /* The reply is made: what runs now may neither put it off nor stream it. */
    response->phase = CZ_REPLY_LEAVING;
    while (request != NULL && request->entered > 0) {
        const cz_middleware_t *middleware = request->chain->links[--request->entered];
        if (middleware->after != NULL)
            middleware->after(request, response, middleware->user_data);
    }
    response->phase = phase;
}

static void run_handler(cz_connection_t *connection, catzilla_response_t *response)
{
    catzilla_request_t *request = connection->request;
    const cz_route_target_t *target = request->route;
    request->may_stream = target->streaming;
    int rc = target->handler(request, response, target->user_data);
    request->may_stream = false;
    if (rc != 0 && response->phase == CZ_REPLY_BUILDING) {
        request->reader = NULL;
        cz_connection_failed(connection, response, rc);
    }
}

void cz_connection_settle(cz_connection_t *connection, catzilla_response_t *response)
{
    if (response->phase == CZ_REPLY_BUILDING) {
        cz_connection_finish(connection, response);
        return;
    }
    connection->pending = response;
    connection->request = NULL;
}

catzilla_response_t *cz_connection_response(cz_connection_t *connection)
{
    catzilla_response_t *response = cz_response_create(&connection->worker->responses);
    if (response == NULL)
        return NULL;
    response->request = connection->request;
    response->ops = &cz_connection_reply_ops;
    response->owner = connection;
    return response;
}

void cz_connection_run(cz_connection_t *connection, catzilla_response_t *response)
{
    const cz_route_target_t *target = connection->request->route;
    if (enter(connection, response, target->group))
        run_handler(connection, response);
}

static bool is_streaming(const catzilla_request_t *request)
{
    return ((const cz_route_target_t *)request->route)->streaming;
}

void cz_connection_answer_unrouted(cz_connection_t *connection, catzilla_response_t *response,
                                   int rc, catzilla_router_result_t result, catzilla_slice_t allow)
{
    catzilla_request_t *request = connection->request;
    const cz_routes_t *routes = connection->worker->routes;
    if (!enter(connection, response, routes->root))
        return;
    if (rc != 0)
        plain(connection, response, rc == CATZILLA_ERR_SYNTAX ? 400 : 503);
    else if (request->message.head.asterisk)
        catzilla_response_status(response, 204);
    else if (result == CATZILLA_ROUTER_NO_PATH && cz_routes_want_slash(routes, request))
        cz_redirect_to_slash(request, response);
    else if (result == CATZILLA_ROUTER_NO_PATH)
        cz_response_plain(response, 404);
    else
        answer_other_method(request, response, allow);
}

static void route(cz_connection_t *connection, catzilla_response_t *response)
{
    catzilla_request_t *request = connection->request;
    catzilla_router_result_t result = CATZILLA_ROUTER_NO_PATH;
    catzilla_slice_t allow;
    const cz_routes_t *routes = connection->worker->routes;
    int rc = cz_request_route(request, routes->router, &result, &allow);
    /* Its reader may pause before the end, and what came behind the head moves meanwhile. */
    if (rc == 0 && result == CATZILLA_ROUTER_FOUND && is_streaming(request))
        rc = cz_request_set_apart(request);
    if (rc == 0 && result == CATZILLA_ROUTER_FOUND)
        cz_connection_run(connection, response);
    else
        cz_connection_answer_unrouted(connection, response, rc, result, allow);
}

/* Whether the request in progress is the connection's last. */
static bool is_last(const cz_connection_t *connection)
{
    const cz_worker_t *worker = connection->worker;
    return !connection->request->message.head.keep_alive || worker->stopping || worker->draining ||
           connection->requests + 1 >= worker->options->max_requests;
}

void cz_connection_answer(cz_connection_t *connection)
{
    if (connection->early == NULL) {
        connection->ends = is_last(connection);
        catzilla_response_t *response = cz_connection_response(connection);
        if (response == NULL) {
            cz_connection_give_up(connection);
            return;
        }
        route(connection, response);
        if (connection->request->reader == NULL) {
            cz_connection_settle(connection, response);
            return;
        }
        connection->early = response;
    }
    if (!cz_connection_early_last(connection))
        return;
    connection->ends = is_last(connection);
    cz_connection_early_end(connection);
}

void cz_connection_refuse(cz_connection_t *connection, int status)
{
    if (connection->ends || connection->closing)
        return;
    /* In the middle of a streamed reply nothing else can be said. */
    if (connection->pending != NULL) {
        cz_connection_close(connection);
        return;
    }
    cz_connection_early_lost(connection);
    connection->ends = true;
    connection->lingers = true;
    catzilla_response_t *response = cz_connection_response(connection);
    if (response == NULL) {
        cz_connection_give_up(connection);
        return;
    }
    plain(connection, response, status);
    cz_connection_finish(connection, response);
}
