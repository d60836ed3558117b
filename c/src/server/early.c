/*
 * What is answered before the body is there: a peer that waits with a body which nothing takes, or
 * which some middleware refuses, and streaming routes, whose handler runs when the head is
 * complete, and its reader takes the body as it comes. The response is made with the head then and
 * waits for the body's end; without a reader what is left of the chain runs there.
 */
#include "server/connection.h"

/* Answers and ends the connection, since the rest of the body is not read. */
static void refuse_rest(cz_connection_t *connection)
{
    catzilla_response_t *response = connection->early;
    connection->early = NULL;
    connection->ends = true;
    connection->lingers = true;
    cz_connection_settle(connection, response);
}

void cz_connection_early_begin(cz_connection_t *connection, bool waits)
{
    const cz_routes_t *routes = connection->worker->routes;
    catzilla_request_t *request = connection->request;
    catzilla_router_result_t result = CATZILLA_ROUTER_NO_PATH;
    catzilla_slice_t allow;
    if (!routes->streaming && !waits)
        return;
    int rc = cz_request_route(request, routes->router, &result, &allow);
    bool found = rc == 0 && result == CATZILLA_ROUTER_FOUND;
    const cz_route_target_t *target = request->route;
    bool streams = found && target->streaming;
    /* Who does not wait has the body on its way, and may keep the connection. */
    if (found ? !streams && !(waits && cz_route_begins_early(target)) : !waits)
        return;
    if (found && cz_request_set_apart(request) != 0) {
        cz_connection_refuse(connection, 503);
        return;
    }
    catzilla_response_t *response = cz_connection_response(connection);
    if (response == NULL) {
        cz_connection_give_up(connection);
        return;
    }
    connection->early = response;
    if (found && !streams) {
        if (!cz_connection_enter_early(connection, response))
            refuse_rest(connection);
        return;
    }
    if (found)
        cz_connection_run(connection, response);
    else
        cz_connection_answer_unrouted(connection, response, rc, result, allow);
    if (request->reader == NULL)
        refuse_rest(connection);
}

static int tell(catzilla_request_t *request, catzilla_response_t *response,
                catzilla_body_event_t event, catzilla_slice_t data)
{
    return request->reader(request, response, event, data, request->reader_data);
}

void cz_connection_early_data(cz_connection_t *connection)
{
    catzilla_request_t *request = connection->request;
    if (connection->early == NULL || request->reader == NULL)
        return;
    catzilla_slice_t data = catzilla_request_body(request);
    if (data.size == 0)
        return;
    int rc = tell(request, connection->early, CATZILLA_BODY_DATA, data);
    cz_parser_take_body(&request->message);
    if (rc == 0)
        return;
    cz_connection_failed(connection, connection->early, rc);
    refuse_rest(connection);
}

bool cz_connection_early_last(cz_connection_t *connection)
{
    cz_connection_early_data(connection);
    if (connection->early == NULL)
        return false;
    /* Who pauses is not told of the end either, and the request stays until it goes on. */
    connection->request->ended = connection->request->paused;
    if (connection->request->paused)
        connection->ends = false;
    return !connection->request->paused;
}

void cz_connection_early_end(cz_connection_t *connection)
{
    const catzilla_slice_t none = {NULL, 0};
    catzilla_response_t *response = connection->early;
    /* From here on the reply may be put off or streamed. */
    connection->early = NULL;
    if (connection->request->reader == NULL) {
        cz_request_body_came(connection->request);
        cz_connection_run(connection, response);
    } else {
        int rc = tell(connection->request, response, CATZILLA_BODY_END, none);
        if (rc != 0 && response->phase == CZ_REPLY_BUILDING)
            cz_connection_failed(connection, response, rc);
    }
    cz_connection_settle(connection, response);
}

void cz_connection_early_lost(cz_connection_t *connection)
{
    const catzilla_slice_t none = {NULL, 0};
    catzilla_response_t *response = connection->early;
    bool parsing = connection->parsing;
    if (response == NULL)
        return;
    /* A reader that resumes now would be called again, and for a request that is about to go. */
    connection->parsing = true;
    if (connection->request->reader != NULL)
        tell(connection->request, NULL, CATZILLA_BODY_ABORTED, none);
    connection->parsing = parsing;
    connection->early = NULL;
    cz_response_destroy(response);
}
