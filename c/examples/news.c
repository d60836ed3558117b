/*
 * Sends what one client posts to all that listen, as server-sent events. Open
 * http://127.0.0.1:8080/ in two windows, or:
 *
 *   curl -N http://127.0.0.1:8080/news &
 *   curl -d "it rains" http://127.0.0.1:8080/news
 *
 * All of a server's handlers run in the thread of its one loop, so the list needs no lock.
 */
#include "example.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct listener {
    struct listener *next;
    struct listener **link; /* what points here */
    catzilla_response_t *response;
} listener_t;

static const char page[] =
    "<!doctype html><title>News</title><form method=post action=news enctype=text/plain>"
    "<input name=news autofocus></form><ul id=list></ul><script>"
    "new EventSource('news').onmessage = e => {"
    "const li = document.createElement('li'); li.textContent = e.data; list.prepend(li) };"
    "document.forms[0].onsubmit = e => { e.preventDefault();"
    "const field = e.target.elements.news; fetch('news', {method: 'POST', body: field.value});"
    "field.value = '' };</script>\n";

static int show(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                      CATZILLA_SLICE("text/html; charset=utf-8"));
    return rc != 0 ? rc
                   : catzilla_response_body_borrow(response, catzilla_slice_of(page), NULL, NULL);
}

/* The client has gone, or the server stops. */
static void forget(int result, void *user_data)
{
    listener_t *listener = user_data;
    (void)result;
    *listener->link = listener->next;
    if (listener->next != NULL)
        listener->next->link = listener->link;
    catzilla_free(listener);
}

static int listen_to(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    listener_t **listeners = user_data;
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                      CATZILLA_SLICE("text/event-stream"));
    if (rc != 0)
        return rc;
    listener_t *listener = catzilla_malloc(sizeof *listener);
    if (listener == NULL)
        return CATZILLA_ERR_NOMEM;
    stream.on_close = forget;
    stream.user_data = listener;
    rc = catzilla_response_stream(response, &stream);
    if (rc != 0) {
        catzilla_free(listener);
        return rc;
    }
    *listener = (listener_t){*listeners, listeners, response};
    if (listener->next != NULL)
        listener->next->link = &listener->next;
    *listeners = listener;
    return 0;
}

static int tell(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    listener_t **listeners = user_data;
    catzilla_slice_t none = catzilla_slice_of(NULL);
    listener_t *next;
    for (listener_t *listener = *listeners; listener != NULL; listener = next) {
        next = listener->next;
        /* One that has stopped reading is let go, rather than fed from our memory for ever. */
        if (catzilla_response_event(listener->response, none, none,
                                    catzilla_request_body(request)) != 0)
            catzilla_response_end(listener->response);
    }
    return catzilla_response_status(response, 204);
}

static int add_routes(catzilla_server_t *server, void *user_data)
{
    int rc = catzilla_server_route(server, "GET", "/", show, user_data);
    if (rc == 0)
        rc = catzilla_server_route(server, "GET", "/news", listen_to, user_data);
    return rc != 0 ? rc : catzilla_server_route(server, "POST", "/news", tell, user_data);
}

int main(int argc, char **argv)
{
    listener_t *listeners = NULL;
    return example_serve(argc, argv, "/", add_routes, &listeners);
}
