/* Answers a request with an open file. Layer: content. */
#ifndef CZ_STATIC_FILE_H
#define CZ_STATIC_FILE_H
#include <catzilla/request.h>
#include <catzilla/response.h>
#include <sys/stat.h>

/* The longest entity tag, quotes included. */
#define CZ_ETAG_SIZE 64

/*
 * Writes the entity tag of a file: its size and the time of its last change, to the nanosecond.
 * Returns its length.
 */
size_t cz_file_etag(const struct stat *status, char out[CZ_ETAG_SIZE]);

/*
 * Answers with the regular file `fd`, as a whole, in part, or by 304, 412 or 416 as the request's
 * conditions and range say. Takes `fd`, also on failure. `type` and, where it is not absent,
 * `cache_control` are values of header fields.
 */
int cz_file_answer(catzilla_request_t *request, catzilla_response_t *response, int fd,
                   const struct stat *status, catzilla_slice_t type,
                   catzilla_slice_t cache_control);

#endif
