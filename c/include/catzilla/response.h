/* The reply to one request, built by its handler (RFC 9110). Layer: http. */
#ifndef CATZILLA_RESPONSE_H
#define CATZILLA_RESPONSE_H
#include <catzilla/request.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opaque; lives in the response class. A reply is one status, any number of headers and at most
 * one body; setting a body again replaces the one before. Content-Length, Transfer-Encoding,
 * Date and Connection are the library's. A HEAD request runs the GET handler, and its body is
 * counted but not sent; so it is for 204 and 304, which have none.
 */
typedef struct catzilla_response catzilla_response_t;

/**
 * Answers one request. 0 says that the reply is complete; a negative code discards what was
 * set and answers 500 with a plain body, and the code goes to the server's log.
 */
typedef int (*catzilla_handler_t)(catzilla_request_t *request, catzilla_response_t *response,
                                  void *user_data);

/**
 * Sets the status, 200 unless told.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID outside 200 to 599; the status stays.
 */
CATZILLA_API int catzilla_response_status(catzilla_response_t *response, int status);

/**
 * Adds a header field; a name may be added more than once.
 * Memory:  copies both slices into the response class.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_HEADER for a name that is no token, a value with CR, LF, NUL or another
 *          control character, or a field that is the library's own; CATZILLA_ERR_NOMEM.
 * Source:  RFC 9110, sections 5.1 and 5.5.
 */
CATZILLA_API int catzilla_response_header(catzilla_response_t *response, catzilla_slice_t name,
                                          catzilla_slice_t value);

/**
 * Sets the body.
 * Memory:  copies the slice into the response class.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_NOMEM; an earlier body is gone then.
 */
CATZILLA_API int catzilla_response_body(catzilla_response_t *response, catzilla_slice_t body);

/**
 * Sets the body without a copy.
 * Memory:  borrows the slice until `release` is called, exactly once, whatever happens to the
 *          reply; NULL for bytes that outlive the server.
 * Threads: the request's loop; `release` runs there too.
 * Errors:  CATZILLA_ERR_INVALID for an absent slice; `release` has been called then.
 */
CATZILLA_API int catzilla_response_body_borrow(catzilla_response_t *response, catzilla_slice_t body,
                                               void (*release)(void *user_data), void *user_data);

/**
 * Sets `length` bytes of the open regular file `fd` from `offset` on as the body. They are read
 * while they are sent, so the reply costs a bounded buffer whatever the length; a file that
 * turns out shorter ends the connection.
 * Memory:  takes `fd`, also on failure, and closes it when the reply is done.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID for a negative `fd` or a range past INT64_MAX.
 */
CATZILLA_API int catzilla_response_file(catzilla_response_t *response, int fd, uint64_t offset,
                                        uint64_t length);

#ifdef __cplusplus
}
#endif
#endif
