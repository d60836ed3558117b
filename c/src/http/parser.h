/* Reads requests from bytes as they come (RFC 9112). Layer: http. */
#ifndef CZ_HTTP_PARSER_H
#define CZ_HTTP_PARSER_H
#include "http/head.h"

#include <catzilla/slice.h>

#define CZ_PARSER_STATE_WORDS 14
#define CZ_MAX_TRAILERS       32u /* that have room, whatever the header section has */

/* What a request may cost before it is refused, and the state that its parser starts from. */
typedef struct cz_limits {
    size_t max_target_bytes;
    size_t max_header_bytes;
    uint32_t max_headers;
    size_t max_body_bytes;
    size_t max_extension_bytes;            /* what frames a body, beyond what its chunks need */
    size_t max_memory;                     /* of its handler's and its parameters' */
    cz_host_memo_t *host_memo;             /* of the worker; may be NULL */
    uint64_t fresh[CZ_PARSER_STATE_WORDS]; /* set by cz_parser_prepare(), as is the next */
    cz_head_t fresh_head;
} cz_limits_t;

typedef enum cz_parse_result {
    CZ_PARSE_MORE,   /* every byte was taken, the request goes on */
    CZ_PARSE_HEAD,   /* the head is complete and a body follows; feed the rest to go on. A declared
                        length past the limit is the caller's to refuse */
    CZ_PARSE_DONE,   /* the request is complete */
    CZ_PARSE_REFUSED /* `status` says with what; no further byte may be fed */
} cz_parse_result_t;

/* Where a chunked body is. */
typedef enum cz_chunk_place {
    CZ_CHUNK_LINE,  /* in the line with a chunk's size, or before it */
    CZ_CHUNK_BEGUN, /* behind that line */
    CZ_CHUNK_DATA,  /* behind the first byte of its data */
    CZ_CHUNK_LAST   /* behind the line of the last one */
} cz_chunk_place_t;

/* One request as far as it has been read. */
typedef struct cz_message {
    uint64_t state[CZ_PARSER_STATE_WORDS]; /* the parser's own */
    char *base; /* what is kept; the head too, unless it is apart. Trailers are found from here */
    cz_head_t head;
    const cz_limits_t *limits;
    cz_field_t *field;       /* the one being read; NULL: none */
    uint64_t max_body_bytes; /* from the limits; may be set anew when the head is complete */
    uint64_t body_total;     /* received so far, those taken away included */
    size_t body;             /* offset from `base` of the body's first byte */
    size_t body_size;        /* decoded and lying together from `body` on */
    uint64_t chunk_bytes;    /* of a chunked body with what frames it, up to the trailers, as far as
                                it was fed before */
    uint64_t framing_needed; /* by the chunks so far */
    const char *fed;         /* where the bytes begin that are being fed */
    cz_chunk_place_t chunk_place;
    int status; /* of a refusal */
    bool head_complete;
    bool head_apart; /* the head has a place of its own, and stays there */
    bool paused;
    bool method_unknown; /* until its end is seen, which decides between 400 and 501 */
} cz_message_t;

/* Makes limits ready for use, when all their other fields are set. */
void cz_parser_prepare(cz_limits_t *limits);

/*
 * Starts a request whose first byte will be at `base`; `limits` is borrowed. `fields` has room for
 * max_headers and CZ_MAX_TRAILERS more.
 */
void cz_parser_start(cz_message_t *message, char *base, cz_field_t *fields,
                     const cz_limits_t *limits);

/*
 * Takes bytes that lie right behind those kept so far (cz_parser_kept()). A body that comes in
 * chunks is moved together in place. `*used` is how many bytes belong to this request.
 */
cz_parse_result_t cz_parser_feed(cz_message_t *message, char *data, size_t size, size_t *used);

/*
 * How many bytes from `base` on must be kept for the next feed, which must put its bytes right
 * behind them: all of an unfinished head, later head and body without the framing.
 */
size_t cz_parser_kept(const cz_message_t *message, const char *end);

/* What is kept has been moved to `base`. */
static inline void cz_parser_move(cz_message_t *message, char *base)
{
    message->base = base;
    if (!message->head_apart)
        message->head.base = base;
}

/*
 * Copies a complete head to `place`, of head.end bytes, where it stays while what follows it moves
 * on from buffer to buffer; it is no longer among what is kept.
 */
void cz_parser_set_apart(cz_message_t *message, char *place);

/* Takes away the body received so far, which its reader has dealt with. */
void cz_parser_take_body(cz_message_t *message);

/* The version of llhttp, such as "9.2.1". */
const char *cz_parser_version(void);

#endif
