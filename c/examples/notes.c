/*
 * Keeps notes that clients post: curl -d milk http://127.0.0.1:8080/notes, then GET the Location.
 *
 * A body lives in the request class and ends with its request. A note outlives it, so it is copied
 * into the cache class, by a call that one sees. DELETE frees it again.
 */
#include "example.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NOTES 100

typedef struct note {
    char *text; /* NULL: this place is free */
    size_t size;
} note_t;

typedef struct notes {
    note_t at[MOST_NOTES];
} notes_t;

/* The number in the path, or -1. */
static int find(const notes_t *notes, const catzilla_request_t *request)
{
    catzilla_slice_t text = catzilla_request_param(request, "id");
    int id = 0;
    if (text.size > 4)
        return -1;
    for (size_t i = 0; i < text.size; i++)
        id = id * 10 + (text.data[i] - '0');
    return id < MOST_NOTES && notes->at[id].text != NULL ? id : -1;
}

static int add(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    notes_t *notes = user_data;
    catzilla_slice_t body = catzilla_request_body(request);
    int id = 0;
    while (id < MOST_NOTES && notes->at[id].text != NULL)
        id++;
    if (id == MOST_NOTES)
        return catzilla_response_status(response, 507);
    char *copy = catzilla_cache_alloc(body.size);
    if (copy == NULL)
        return CATZILLA_ERR_NOMEM;
    if (body.size > 0)
        memcpy(copy, body.data, body.size);
    char location[32];
    snprintf(location, sizeof location, "/notes/%d", id);
    int rc =
        catzilla_response_header(response, CATZILLA_SLICE("Location"), catzilla_slice_of(location));
    if (rc == 0)
        rc = catzilla_response_status(response, 201);
    if (rc != 0) {
        catzilla_cache_free(copy);
        return rc;
    }
    notes->at[id] = (note_t){copy, body.size};
    return 0;
}

static int get(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    notes_t *notes = user_data;
    int id = find(notes, request);
    if (id < 0)
        return catzilla_response_status(response, 404);
    const note_t *note = &notes->at[id];
    /* Copied, since the note may be deleted before its last byte has left. */
    return catzilla_response_body(response, (catzilla_slice_t){note->text, note->size});
}

static int discard(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    notes_t *notes = user_data;
    int id = find(notes, request);
    if (id < 0)
        return catzilla_response_status(response, 404);
    catzilla_cache_free(notes->at[id].text);
    notes->at[id].text = NULL;
    return catzilla_response_status(response, 204);
}

static int add_routes(catzilla_server_t *server, void *user_data)
{
    int rc = catzilla_server_route(server, "POST", "/notes", add, user_data);
    if (rc == 0)
        rc = catzilla_server_route(server, "GET", "/notes/{id:uint}", get, user_data);
    return rc != 0
               ? rc
               : catzilla_server_route(server, "DELETE", "/notes/{id:uint}", discard, user_data);
}

int main(int argc, char **argv)
{
    static notes_t notes;
    int status = example_serve(argc, argv, "/notes", add_routes, &notes);
    for (int i = 0; i < MOST_NOTES; i++)
        catzilla_cache_free(notes.at[i].text);
    return status;
}
