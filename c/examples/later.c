/*
 * Answers later, from another thread: curl http://127.0.0.1:8080/sleep/500
 *
 * A handler that waited would hold up every connection of its loop. This one puts the reply off
 * and hands it to a thread, which fills and completes it when it is ready; the loop goes on
 * meanwhile, and tells it when the client has left, so that it stops. A thread a request keeps the
 * example short: a program would have a pool of them.
 */
#include "example.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What thread and loop share; memory of the request, which outlives both. */
typedef struct work {
    catzilla_response_t *response;
    int ms;
    atomic_bool gone; /* the client, and nobody waits for the answer */
} work_t;

static void stop_working(void *user_data)
{
    work_t *work = user_data;
    atomic_store(&work->gone, true);
}

static void *sleep_and_answer(void *user_data)
{
    work_t *work = user_data;
    const struct timespec nap = {0, 10 * 1000000L};
    char text[64];
    for (int ms = 0; ms < work->ms && !atomic_load(&work->gone); ms += 10)
        nanosleep(&nap, NULL);
    int size = snprintf(text, sizeof text, "slept %d ms\n", work->ms);
    catzilla_response_complete(
        work->response,
        catzilla_response_body(work->response, (catzilla_slice_t){text, (size_t)size}));
    return NULL;
}

static int answer_later(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_slice_t text = catzilla_request_param(request, "ms");
    int ms = 0;
    pthread_t thread;
    (void)user_data;
    if (text.size > 5)
        return catzilla_response_status(response, 400);
    for (size_t i = 0; i < text.size; i++)
        ms = ms * 10 + (text.data[i] - '0');
    work_t *work = catzilla_request_scratch(request, sizeof *work);
    if (work == NULL)
        return CATZILLA_ERR_NOMEM;
    work->response = response;
    work->ms = ms;
    atomic_init(&work->gone, false);
    int rc = catzilla_response_defer(response);
    if (rc != 0)
        return rc;
    if (catzilla_response_on_gone(response, stop_working, work) != 0 ||
        pthread_create(&thread, NULL, sleep_and_answer, work) != 0) {
        catzilla_response_complete(response, CATZILLA_ERR_SYSTEM);
        return 0;
    }
    pthread_detach(thread);
    return 0;
}

static int add_routes(catzilla_server_t *server, void *user_data)
{
    return catzilla_server_route(server, "GET", "/sleep/{ms:uint}", answer_later, user_data);
}

int main(int argc, char **argv)
{
    return example_serve(argc, argv, "/sleep/500", add_routes, NULL);
}
