/* A response's inside, for the server and its own file. Layer: http. */
#ifndef CZ_HTTP_RESPONSE_H
#define CZ_HTTP_RESPONSE_H
#include "http/buffer.h"

#include <catzilla/response.h>
#include <stdatomic.h>

typedef enum cz_body_kind {
    CZ_BODY_NONE,
    CZ_BODY_COPIED,
    CZ_BODY_BORROWED,
    CZ_BODY_VECTOR,
    CZ_BODY_FILE
} cz_body_kind_t;

/* How far a reply is. */
typedef enum cz_reply_phase {
    CZ_REPLY_BUILDING,
    CZ_REPLY_DEFERRED,
    CZ_REPLY_LEAVING, /* made, and what comes after the handler may still add to it */
    CZ_REPLY_STREAMING,
    CZ_REPLY_ENDED /* streamed to its end, which is yet to be sent */
} cz_reply_phase_t;

/* Where a body ends. */
typedef enum cz_framing {
    CZ_FRAMING_LENGTH,
    CZ_FRAMING_CHUNKED,
    CZ_FRAMING_CLOSE,
    CZ_FRAMING_NONE, /* streamed, but the reply has no body: HEAD, 204, 304 */
    CZ_FRAMING_RAW   /* after an upgrade */
} cz_framing_t;

/* What a response asks of the connection that it goes out by; the server sets it. */
typedef struct cz_reply_ops {
    int (*defer)(catzilla_response_t *response);
    void (*complete)(catzilla_response_t *response, int result); /* any thread */
    int (*begin)(catzilla_response_t *response);                 /* sends the head */
    int (*write)(catzilla_response_t *response, catzilla_slice_t data);
    void (*end)(catzilla_response_t *response);
    void (*abort)(catzilla_response_t *response);
    int (*inform)(catzilla_response_t *response, catzilla_slice_t link);
    int (*watch)(catzilla_response_t *response, void (*gone)(void *user_data), void *user_data);
} cz_reply_ops_t;

/* One block of the response pool: this, and the first storage of its two buffers. */
struct catzilla_response {
    cz_pool_t *pool;
    size_t block_size;
    int status;
    cz_body_kind_t body_kind;
    cz_buffer_t fields; /* "Name: value\r\n" each */
    cz_buffer_t copied; /* a copied body, or the pieces of a vector */
    catzilla_slice_t borrowed;
    void (*release)(void *user_data);
    void *release_data;
    int fd;
    uint64_t offset;
    uint64_t length; /* of the body, of whatever kind */
    catzilla_request_t *request;
    const cz_reply_ops_t *ops;
    void *owner;
    cz_reply_phase_t phase;
    cz_framing_t framing;
    bool closes;         /* the connection is to end with it */
    bool names_upgrade;  /* has a field Upgrade, which the Connection field then names */
    bool wants_room;     /* the stream was told that it is full */
    atomic_bool put_off; /* and neither completed nor streamed yet; whoever clears it does that */
    int result;          /* of a reply that was put off */
    struct catzilla_response *next_completed;
    cz_pool_t *home;  /* while another thread may use `direct` in the pool's place */
    cz_pool_t direct; /* set from defer on, as are the next two */
    void (*gone)(void *user_data);
    void *gone_data;
    catzilla_stream_t stream; /* set from begin on */
    char storage[];
};

/* What the head of a reply depends on beside the response itself. */
typedef struct cz_reply_facts {
    const char *date_line; /* CZ_DATE_LINE_SIZE bytes */
    bool keep_alive;
    bool http_1_0;
} cz_reply_facts_t;

#define CZ_DATE_LINE_SIZE 37 /* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */

/* NULL when memory is exhausted. */
catzilla_response_t *cz_response_create(cz_pool_t *pool);
void cz_response_destroy(catzilla_response_t *response);

/* Lets another thread build the reply: its blocks come from the class and not from the pool. */
void cz_response_lend(catzilla_response_t *response);
void cz_response_return(catzilla_response_t *response);

/* Forgets everything set: status 200, no field, no body; a borrowed body is released. */
void cz_response_reset(catzilla_response_t *response);

/* Resets, and answers `status` with its number and reason as a plain body. */
void cz_response_plain(catzilla_response_t *response, int status);

/* Whether a reply of this status has no body and no Content-Length. */
static inline bool cz_response_is_bodiless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

/* The room that cz_response_write_head() needs at most. */
size_t cz_response_head_room(const catzilla_response_t *response);

/* Writes status line and header section; returns its end. */
char *cz_response_write_head(const catzilla_response_t *response, const cz_reply_facts_t *facts,
                             char *out);

#endif
