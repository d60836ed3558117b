/* The reply to one request, built by its handler (RFC 9110). Layer: http. */
#ifndef CATZILLA_RESPONSE_H
#define CATZILLA_RESPONSE_H
#include <catzilla/request.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * catzilla_response_t is opaque and lives in the response class. A reply is one status, any number
 * of headers and at most one body; setting a body again replaces the one before. Content-Length,
 * Transfer-Encoding, Date and Connection are the library's: catzilla_response_close() has the last
 * one say close, and a field Upgrade, which a 426 must have, is named there. A HEAD request runs
 * the GET handler, and its body is counted but not sent; so it is for 204 and 304, which have none.
 */
/**
 * Answers one request. 0 says that the reply is complete; a negative code discards what was
 * set and answers 500 with a plain body, or 503 with Retry-After for CATZILLA_ERR_NOMEM and
 * CATZILLA_ERR_BUDGET, and the code goes to the server's log.
 */
typedef int (*catzilla_handler_t)(catzilla_request_t *request, catzilla_response_t *response,
                                  void *user_data);

/**
 * Sets the status, 200 unless told.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID outside 200 to 599, CATZILLA_ERR_STATE once the head is sent; the
 *          status stays.
 */
CATZILLA_API int catzilla_response_status(catzilla_response_t *response, int status);

/**
 * The status set so far.
 * Threads: the request's loop.
 * Errors:  none; 200 where none was set.
 */
CATZILLA_API int catzilla_response_get_status(const catzilla_response_t *response);

/**
 * Adds a header field; a name may be added more than once.
 * Memory:  copies both slices into the response class.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_HEADER for a name that is no token, a value with CR, LF, NUL or another
 *          control character, or a field that is the library's own; CATZILLA_ERR_STATE once the
 *          head is sent; CATZILLA_ERR_NOMEM.
 * Source:  RFC 9110, sections 5.1 and 5.5.
 */
CATZILLA_API int catzilla_response_header(catzilla_response_t *response, catzilla_slice_t name,
                                          catzilla_slice_t value);

/**
 * Ends the connection with this reply, which says `Connection: close`; what the peer sends after it
 * is thrown away until the peer closes too. It holds for a reply of 500 as well, should the handler
 * fail, but not for an upgrade, whose end is its owner's.
 * Threads: the request's loop, or whoever holds a reply that was put off.
 * Errors:  CATZILLA_ERR_STATE once the head is sent.
 * Source:  RFC 9112, section 9.6.
 */
CATZILLA_API int catzilla_response_close(catzilla_response_t *response);

/**
 * Sets the body.
 * Memory:  copies the slice into the response class.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_NOMEM; an earlier body is gone then. CATZILLA_ERR_STATE for a reply that is
 *          streamed.
 */
CATZILLA_API int catzilla_response_body(catzilla_response_t *response, catzilla_slice_t body);

/**
 * Sets the body without a copy.
 * Memory:  borrows the slice until `release` is called, exactly once, whatever happens to the
 *          reply; NULL for bytes that outlive the server.
 * Threads: the request's loop; `release` runs there too.
 * Errors:  CATZILLA_ERR_INVALID for an absent slice, CATZILLA_ERR_STATE for a reply that is
 *          streamed; `release` has been called then.
 */
CATZILLA_API int catzilla_response_body_borrow(catzilla_response_t *response, catzilla_slice_t body,
                                               void (*release)(void *user_data), void *user_data);

/**
 * Sets `length` bytes of the open regular file `fd` from `offset` on as the body. They are read
 * while they are sent, so the reply costs a bounded buffer whatever the length; a file that
 * turns out shorter ends the connection.
 * Memory:  takes `fd`, also on failure, and closes it when the reply is done.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID for a negative `fd` or a range past INT64_MAX, CATZILLA_ERR_STATE
 *          for a reply that is streamed.
 */
CATZILLA_API int catzilla_response_file(catzilla_response_t *response, int fd, uint64_t offset,
                                        uint64_t length);

/**
 * Sets a body of several pieces, sent as one.
 * Memory:  copies the array, borrows the bytes until `release` is called, exactly once, whatever
 *          happens to the reply; NULL for bytes that outlive the server.
 * Threads: the request's loop; `release` runs there too.
 * Errors:  CATZILLA_ERR_INVALID for an absent piece, CATZILLA_ERR_STATE for a reply that is
 *          streamed, CATZILLA_ERR_NOMEM; `release` has been called then.
 */
CATZILLA_API int catzilla_response_body_vector(catzilla_response_t *response,
                                               const catzilla_slice_t *pieces, size_t count,
                                               void (*release)(void *user_data), void *user_data);

/**
 * Sends a 103 (Early Hints) with one Link field ahead of the reply. Nothing is sent to a peer
 * that speaks 1.0.
 * Memory:  copies the slice.
 * Threads: the request's loop, before the handler returns.
 * Errors:  CATZILLA_ERR_HEADER for a forbidden character, CATZILLA_ERR_STATE once the head is
 *          sent, CATZILLA_ERR_NOMEM.
 * Source:  RFC 8297.
 */
CATZILLA_API int catzilla_response_early_hint(catzilla_response_t *response, catzilla_slice_t link);

/**
 * Puts the reply off: the handler returns without it, and what it returns is ignored. Request and
 * response then belong to whoever calls catzilla_response_complete(), in whatever thread, until
 * that call. Slices taken from the request before end with the handler's return, unless its route
 * is a streaming one: ask for them again. The connection's next requests wait, and
 * catzilla_server_run() does not return before every reply put off is completed, also when its
 * connection is lost meanwhile.
 * Memory:  copies head and body of the request into the request class.
 * Threads: the request's loop, in the handler.
 * Errors:  CATZILLA_ERR_STATE when it is put off already, while a body is still to come, and for
 *          a catzilla_after_fn, as the reply is made by then; CATZILLA_ERR_NOMEM.
 */
CATZILLA_API int catzilla_response_defer(catzilla_response_t *response);

/**
 * Completes a reply that was put off, with 0 or the negative code of a failure, as a handler
 * returns it. Neither the response nor its request may be used any more. Where
 * catzilla_response_stream() has taken the reply over nothing happens, and the call may be left
 * out.
 * Threads: any; once for each catzilla_response_defer(), and where the reply is streamed before
 *          its on_close.
 */
CATZILLA_API void catzilla_response_complete(catzilla_response_t *response, int result);

/**
 * Has `call` called when the connection of a reply that was put off has ended, so that work for
 * which nobody waits any more can stop: its peer has reset it, a deadline has passed, or the server
 * stops. The reply is still to be completed. A peer that has closed its half alone may wait for the
 * reply; one that takes nothing is given up after half_closed_timeout_ms, and that is when it
 * counts as gone; as long may it take to see a reset of one that has sent more than 16 KiB behind
 * its request. NULL takes the call back, and so does catzilla_response_stream(), whose on_close
 * comes in its place.
 * Memory:  borrows `user_data` until the request has ended, which the loop sees to some time after
 *          catzilla_response_complete(): what lies in the request's region lives that long.
 * Threads: the request's loop, once the reply is put off, and `call` runs there, once at most. It
 *          may run while another thread completes the reply, but not after the request's region has
 *          ended.
 * Errors:  CATZILLA_ERR_STATE for a reply that is not put off or is completed, CATZILLA_ERR_CLOSED
 *          where the connection has ended already; `call` is not called then.
 */
CATZILLA_API int catzilla_response_on_gone(catzilla_response_t *response,
                                           void (*call)(void *user_data), void *user_data);

/* catzilla_response_write(): taken, but write no more before on_drain. */
#define CATZILLA_STREAM_FULL 1

/*
 * What a streamed reply calls, each in the request's loop. Start from the initialiser. Fields are
 * only ever added at the end.
 */
typedef struct catzilla_stream {
    size_t size; /* as the caller compiled it */
    /* There is room again after CATZILLA_STREAM_FULL; may be NULL. */
    void (*on_drain)(catzilla_response_t *response, void *user_data);
    /* Bytes of the peer after an upgrade, borrowed for the call; may be NULL. */
    void (*on_data)(catzilla_response_t *response, catzilla_slice_t data, void *user_data);
    /* Once and last: 0 when all was sent, else CATZILLA_ERR_CLOSED; may be NULL. */
    void (*on_close)(int result, void *user_data);
    void *user_data;
    /*
     * The peer has closed its half after an upgrade: no on_data follows, and the owner may still
     * write before it calls catzilla_response_end(). The server waits for that as long as for other
     * replies to such peers (half_closed_timeout_ms). NULL: the connection ends then, when what was
     * written is sent.
     */
    void (*on_end)(catzilla_response_t *response, void *user_data);
} catzilla_stream_t;

/* No function and no user data. */
#define CATZILLA_STREAM_INIT                                                                       \
    {                                                                                              \
        sizeof(catzilla_stream_t), NULL, NULL, NULL, NULL, NULL                                    \
    }

/**
 * Sends the head with the status and fields set so far; the body follows by
 * catzilla_response_write() and catzilla_response_end(), in chunks or, for a peer that speaks 1.0,
 * up to the connection's end, which is a reset where the body was cut off. What the handler returns
 * is ignored then. A reply without a body, to HEAD or by its status, has ended with its head:
 * writing is CATZILLA_ERR_CLOSED then, and on_close follows by itself.
 * Memory:  copies the struct; `response` and its request live until on_close. Slices taken from the
 *          request before end with the handler's return, as for catzilla_response_defer().
 * Threads: the request's loop, in the handler or, after catzilla_response_defer(), later: the reply
 *          then is no longer put off.
 * Errors:  CATZILLA_ERR_STATE for a reply that is sent or completed and where
 *          catzilla_response_defer() has it, CATZILLA_ERR_CLOSED, CATZILLA_ERR_INVALID,
 *          CATZILLA_ERR_NOMEM; on_close is not called then.
 */
CATZILLA_API int catzilla_response_stream(catzilla_response_t *response,
                                          const catzilla_stream_t *stream);

/**
 * Sends the next piece of a streamed body. Returns CATZILLA_STREAM_FULL when it was taken but the
 * peer lags behind; one that writes on all the same is refused at four times that mark.
 * Memory:  copies the slice.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_STATE for a reply that is not streamed or has ended, CATZILLA_ERR_CLOSED
 *          for a lost connection and for a reply without a body, CATZILLA_ERR_LIMIT past the mark,
 *          CATZILLA_ERR_NOMEM; nothing was taken then.
 */
CATZILLA_API int catzilla_response_write(catzilla_response_t *response, catzilla_slice_t data);

/**
 * Ends a streamed body; on_close follows when it is sent. Of a reply without one nothing is left to
 * end.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_STATE for a reply that is not streamed or has ended.
 */
CATZILLA_API int catzilla_response_end(catzilla_response_t *response);

/**
 * Gives a streamed body up: the connection is reset, so that the peer cannot take what it has for
 * the whole. on_close follows with CATZILLA_ERR_CLOSED.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_STATE for a reply that is not streamed or has ended.
 */
CATZILLA_API int catzilla_response_abort(catzilla_response_t *response);

/**
 * Sends one server-sent event in a reply that is streamed; the reply's Content-Type is the
 * handler's to set, "text/event-stream". `event` and `id` may be absent; a line of `data` each
 * becomes a field of its own.
 * Memory:  copies the slices.
 * Threads: the request's loop.
 * Errors:  those of catzilla_response_write(), and CATZILLA_ERR_HEADER for CR, LF or NUL in `event`
 *          or `id`.
 * Source:  the HTML standard, section 9.2.
 */
CATZILLA_API int catzilla_response_event(catzilla_response_t *response, catzilla_slice_t event,
                                         catzilla_slice_t id, catzilla_slice_t data);

/**
 * Answers 101 and hands the raw connection over: on_data gets what the peer sends, and
 * catzilla_response_write() and _end() send without framing. The fields set so far go with it.
 * catzilla_request_pause() and _resume() hold the peer back, on the request that the handler was
 * given and that lives until on_close.
 * Memory:  copies `protocol` and the struct; else as catzilla_response_stream().
 * Threads: the request's loop, in the handler.
 * Errors:  CATZILLA_ERR_STATE for a request that asks for no upgrade, CATZILLA_ERR_HEADER for a
 *          protocol that is no token list, CATZILLA_ERR_INVALID, CATZILLA_ERR_NOMEM.
 * Source:  RFC 9110, section 7.8.
 */
CATZILLA_API int catzilla_response_upgrade(catzilla_response_t *response, catzilla_slice_t protocol,
                                           const catzilla_stream_t *stream);

#ifdef __cplusplus
}
#endif
#endif
