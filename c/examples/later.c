/*
 * Answers later, from another thread: curl http://127.0.0.1:8080/sleep/500
 *
 * A handler that waited would hold up every connection of its loop. This one puts the reply off
 * and hands it to a thread, which fills and completes it when it is ready; the loop goes on
 * meanwhile. A thread a request keeps the example short: a program would have a pool of them.
 */
#include "example.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What the thread needs; a block of the task class, which ends with the work. */
typedef struct work {
    catzilla_response_t *response;
    int ms;
} work_t;

static void *sleep_and_answer(void *user_data)
{
    work_t *work = user_data;
    struct timespec pause = {work->ms / 1000, work->ms % 1000 * 1000000L};
    char text[64];
    nanosleep(&pause, NULL);
    int size = snprintf(text, sizeof text, "slept %d ms\n", work->ms);
    catzilla_response_complete(
        work->response,
        catzilla_response_body(work->response, (catzilla_slice_t){text, (size_t)size}));
    catzilla_task_free(work);
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
    work_t *work = catzilla_task_alloc(sizeof *work);
    if (work == NULL)
        return CATZILLA_ERR_NOMEM;
    *work = (work_t){response, ms};
    int rc = catzilla_response_defer(response);
    if (rc != 0) {
        catzilla_task_free(work);
        return rc;
    }
    if (pthread_create(&thread, NULL, sleep_and_answer, work) != 0) {
        catzilla_task_free(work);
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
