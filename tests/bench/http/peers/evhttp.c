/* libevent's evhttp. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void hello(struct evhttp_request *request, void *data)
{
    (void)data;
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
    struct evbuffer *body = evhttp_request_get_output_buffer(request);
    evbuffer_add_reference(body, "Hello, World!", 13, NULL, NULL);
    evhttp_send_reply(request, 200, "OK", NULL);
}

static void stop(evutil_socket_t signal, short events, void *base)
{
    (void)signal, (void)events;
    event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct event *end = evsignal_new(base, SIGTERM, stop, base);
    event_add(end, NULL);
    evhttp_set_gencb(http, hello, NULL);
    evhttp_set_timeout(http, 60);
    if (evhttp_bind_socket(http, "127.0.0.1", (uint16_t)atoi(argv[1])) != 0) {
        fprintf(stderr, "evhttp does not listen\n");
        return 2;
    }
    event_base_dispatch(base);
    event_free(end);
    evhttp_free(http);
    event_base_free(base);
    return 0;
}
