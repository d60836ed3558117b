#include "routes.h"

#include "stepped.h"

#include <catzilla/group.h>
#include <catzilla/static.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WAITING 64

int routes_held;

/* What routes_go_on() goes on with. */
static catzilla_response_t *put_off[MOST_WAITING];
static catzilla_response_t *late[MOST_WAITING];
static catzilla_request_t *halted[MOST_WAITING];

static bool keep(void *list[MOST_WAITING], void *item)
{
    for (size_t i = 0; i < MOST_WAITING; i++) {
        if (list[i] == NULL) {
            list[i] = item;
            return true;
        }
    }
    return false;
}

static void release(void *data)
{
    (void)data;
    routes_held--;
}

static void stream_closed(int result, void *user_data)
{
    (void)result;
    release(user_data);
}

static int stream_begin(catzilla_response_t *response)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    stream.on_close = stream_closed;
    int rc = catzilla_response_stream(response, &stream);
    routes_held += rc == 0;
    return rc;
}

/* Streams a reply that was put off, or completes it with what was in the way. */
static void stream_late(catzilla_response_t *response)
{
    int rc = stream_begin(response);
    if (rc != 0) {
        catzilla_response_complete(response, rc);
        return;
    }
    catzilla_response_write(response, CATZILLA_SLICE("late"));
    catzilla_response_end(response);
}

bool routes_go_on(void)
{
    bool any = false;
    for (size_t i = 0; i < MOST_WAITING; i++) {
        catzilla_response_t *response = put_off[i];
        catzilla_request_t *request = halted[i];
        catzilla_response_t *streams = late[i];
        any = any || response != NULL || request != NULL || streams != NULL;
        put_off[i] = NULL;
        late[i] = NULL;
        halted[i] = NULL;
        if (response != NULL)
            catzilla_response_complete(response,
                                       catzilla_response_body(response, CATZILLA_SLICE("put off")));
        if (streams != NULL)
            stream_late(streams);
        if (request != NULL)
            catzilla_request_resume(request);
    }
    return any;
}

static int hello(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    return catzilla_response_body(response, CATZILLA_SLICE("Hello, World!"));
}

/* A kilobyte of text that depends on the parameter. */
static int user(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char page[1024];
    (void)user_data;
    catzilla_slice_t id = catzilla_request_param(request, "id");
    memset(page, id.data[0], sizeof page);
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                      CATZILLA_SLICE("text/plain"));
    return rc != 0 ? rc : catzilla_response_body(response, (catzilla_slice_t){page, sizeof page});
}

static int echo(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    return catzilla_response_body(response, catzilla_request_body(request));
}

/* Answers with how much of the request there is, which makes it look at all of it. */
static int count(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[80];
    (void)user_data;
    int size = snprintf(text, sizeof text, "%zu %d %d %d", catzilla_request_body(request).size,
                        catzilla_request_query_count(request), catzilla_request_form_count(request),
                        catzilla_request_cookie_count(request));
    return catzilla_response_body(response, (catzilla_slice_t){text, (size_t)size});
}

static int borrowed(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    static const char page[40000];
    const catzilla_slice_t pieces[] = {{page, 20000}, {page, 10}, {page, 2000}};
    (void)request;
    routes_held++;
    if (user_data != NULL)
        return catzilla_response_body_vector(response, pieces, 3, release, NULL);
    return catzilla_response_body_borrow(response, (catzilla_slice_t){page, sizeof page}, release,
                                         NULL);
}

static int fails(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    catzilla_response_body(response, CATZILLA_SLICE("must not be seen"));
    return CATZILLA_ERR_LIMIT;
}

/* Uses the request's own memory beyond what its block has. */
static int scratch(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    char *copy = catzilla_request_scratch(request, 20000);
    if (copy == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(copy, 's', 20000);
    return catzilla_response_body(response, (catzilla_slice_t){copy, 20000});
}

static int deferred(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    int rc = catzilla_response_defer(response);
    if (rc == 0 && !keep((void **)(user_data == NULL ? put_off : late), response))
        catzilla_response_complete(response, CATZILLA_ERR_LIMIT);
    return rc;
}

static int streamed(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    static const char page[3000];
    (void)request;
    (void)user_data;
    int rc = stream_begin(response);
    if (rc != 0)
        return rc;
    for (int i = 0; i < 5 && rc == 0; i++)
        rc = catzilla_response_write(response, (catzilla_slice_t){page, sizeof page});
    if (rc == 0)
        rc = catzilla_response_event(response, CATZILLA_SLICE("e"), CATZILLA_SLICE("1"),
                                     CATZILLA_SLICE("two\nlines"));
    catzilla_response_end(response);
    return rc;
}

/* Has promised a body, and cannot give it. */
static int given_up(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    int rc = stream_begin(response);
    if (rc != 0)
        return rc;
    catzilla_response_write(response, CATZILLA_SLICE("half"));
    return catzilla_response_abort(response);
}

/* Begins a body and says no more. */
static int open_ended(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    int rc = stream_begin(response);
    if (rc == 0)
        catzilla_response_write(response, CATZILLA_SLICE("half"));
    return rc;
}

static void raw_data(catzilla_response_t *response, catzilla_slice_t data, void *user_data)
{
    (void)user_data;
    catzilla_response_write(response, data);
    if (memchr(data.data, '.', data.size) != NULL)
        catzilla_response_end(response);
}

static int upgraded(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_close = stream_closed;
    stream.on_data = raw_data;
    int rc = catzilla_response_upgrade(response, CATZILLA_SLICE("echo"), &stream);
    if (rc == 0)
        routes_held++;
    return rc;
}

/* Reads to the end or to a "!", and halts after each piece where the route says so. */
static int read_piece(catzilla_request_t *request, catzilla_response_t *response,
                      catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    if (event != CATZILLA_BODY_DATA)
        routes_held--;
    if (event == CATZILLA_BODY_ABORTED) {
        for (size_t i = 0; i < MOST_WAITING; i++)
            if (halted[i] == request)
                halted[i] = NULL;
        return 0;
    }
    if (event == CATZILLA_BODY_END)
        return catzilla_response_body(response, CATZILLA_SLICE("read"));
    if (memchr(data.data, '!', data.size) != NULL) {
        routes_held--;
        return CATZILLA_ERR_INVALID;
    }
    if (user_data != NULL && keep((void **)halted, request))
        catzilla_request_pause(request);
    return 0;
}

static int reads(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    int rc = catzilla_request_read_body(request, read_piece, user_data);
    if (rc == 0)
        routes_held++;
    return rc;
}

static int look(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    catzilla_request_form_count(request);
    catzilla_slice_t expect = catzilla_request_header(request, "expect");
    return expect.data == NULL
               ? 0
               : catzilla_response_header(response, CATZILLA_SLICE("X-Expect"), expect);
}

/* Some that are looked at before their body comes. */
static int early_add(catzilla_server_t *server)
{
    catzilla_group_t *group;
    int rc = catzilla_group_create(catzilla_server_root(server), "/early", &group);
    if (rc == 0)
        rc = catzilla_group_use_early(group, look, NULL, NULL);
    if (rc == 0)
        rc = catzilla_group_route(group, "POST", "/echo", echo, NULL);
    if (rc == 0)
        rc = catzilla_group_route(group, "POST", "/count", count, NULL);
    return rc != 0 ? rc : catzilla_group_route(group, "POST", "/deferred", deferred, NULL);
}

int routes_add(catzilla_server_t *server, void *files)
{
    static const struct {
        const char *method;
        const char *pattern;
        catzilla_handler_t handler;
        const char *user_data;
    } routes[] = {
        {"GET", "/", hello, NULL},
        {"GET", "/users/{id}", user, NULL},
        {"POST", "/echo", echo, NULL},
        {"PUT", "/echo", echo, NULL},
        {"POST", "/count", count, NULL},
        {"GET", "/count", count, NULL},
        {"GET", "/borrowed", borrowed, NULL},
        {"GET", "/vector", borrowed, "vector"},
        {"GET", "/fails", fails, NULL},
        {"GET", "/scratch", scratch, NULL},
        {"GET", "/deferred", deferred, NULL},
        {"POST", "/deferred", deferred, NULL},
        {"GET", "/late", deferred, "late"},
        {"GET", "/streamed", streamed, NULL},
        {"GET", "/given-up", given_up, NULL},
        {"GET", "/open", open_ended, NULL},
        {"GET", "/upgrade", upgraded, NULL},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof routes / sizeof *routes && rc == 0; i++)
        rc = catzilla_server_route(server, routes[i].method, routes[i].pattern, routes[i].handler,
                                   (void *)routes[i].user_data);
    if (rc == 0)
        rc = catzilla_server_route_streaming(server, "POST", "/read", reads, NULL);
    if (rc == 0)
        rc = catzilla_server_route_streaming(server, "POST", "/halt", reads, "halt");
    if (rc == 0)
        rc = early_add(server);
    if (rc == 0 && files != NULL)
        rc = catzilla_server_route(server, "GET", "/files/{path*}", catzilla_static_serve, files);
    return rc;
}

_Noreturn static void give_up(const char *what, int code)
{
    fprintf(stderr, "server with routes: %s: %d\n", what, code);
    abort();
}

catzilla_server_t *routes_server(const catzilla_server_options_t *options)
{
    catzilla_server_t *server;
    int rc = catzilla_server_create(options, &server);
    if (rc == 0)
        rc = routes_add(server, NULL);
    if (rc != 0)
        give_up("not made", rc);
    return server;
}

void routes_run(catzilla_server_t *server, void (*script)(uint16_t port, void *data), void *data)
{
    int rc = stepped_run(server, script, data);
    if (rc != 0)
        give_up("did not run", rc);
    catzilla_server_destroy(server);
    if (routes_held != 0)
        give_up("is gone, and what it held is not", routes_held);
}
