/* What a connection still has to send. Layer: server. */
#ifndef CZ_SERVER_OUTPUT_H
#define CZ_SERVER_OUTPUT_H
#include "http/buffer.h"

#include <stdint.h>

/* Bodies up to this size are copied behind their head: a piece of their own would cost more. */
#define CZ_OUTPUT_COPIED 1024u

typedef struct cz_piece cz_piece_t;

typedef struct cz_output {
    cz_piece_t *first;
    cz_piece_t *last;
    uint64_t queued;   /* bytes in all pieces, those still in files included */
    uint64_t sent;     /* bytes since the connection began */
    uint64_t began_ms; /* the request that is answered by what is added */
} cz_output_t;

typedef enum cz_flush {
    CZ_FLUSH_DONE,    /* nothing is left */
    CZ_FLUSH_MORE,    /* as much as one peer may have at a time; the others come first */
    CZ_FLUSH_BLOCKED, /* the peer takes no more now */
    CZ_FLUSH_FAILED   /* the connection is of no use any more */
} cz_flush_t;

/* Contiguous room for `size` bytes, to be followed by cz_output_commit(); NULL: no memory. */
char *cz_output_reserve(cz_output_t *output, cz_pool_t *pool, size_t size);
void cz_output_commit(cz_output_t *output, size_t size);

/* Where the output ends now; and back to there, before anything of it has been sent. */
typedef struct cz_output_mark {
    cz_piece_t *last;
    uint64_t queued;
} cz_output_mark_t;
static inline cz_output_mark_t cz_output_mark(const cz_output_t *output)
{
    cz_output_mark_t mark = {output->last, output->queued};
    return mark;
}
void cz_output_cut(cz_output_t *output, cz_pool_t *pool, const cz_output_mark_t *mark);

/* Takes over the bytes of `buffer`: moves its block where it has one, else copies. */
int cz_output_take(cz_output_t *output, cz_pool_t *pool, cz_buffer_t *buffer);

/*
 * Borrows `data` until `release`, called exactly once if 0 is returned, else not at all. What is
 * small is copied and released at once.
 */
int cz_output_borrow(cz_output_t *output, cz_pool_t *pool, catzilla_slice_t data,
                     void (*release)(void *), void *release_data);

/* The same, however small it is. */
int cz_output_lend(cz_output_t *output, cz_pool_t *pool, catzilla_slice_t data,
                   void (*release)(void *), void *release_data);

/* Takes `fd` if 0 is returned. */
int cz_output_file(cz_output_t *output, cz_pool_t *pool, int fd, uint64_t offset, uint64_t length);

/*
 * Has `gone` called when the last piece is sent or dropped, unless that is a block in which small
 * replies gather: false then, and it is not called.
 */
bool cz_output_follow(cz_output_t *output, void (*gone)(void *), void *gone_data);

/*
 * When the request began that the next bytes answer; 0: there are none. Of several small replies in
 * one block it is the last, since each that has a block's rest to wait for has waited less.
 */
uint64_t cz_output_oldest_ms(const cz_output_t *output);

/* Sends what the socket takes without waiting, up to a bound. */
cz_flush_t cz_output_flush(cz_output_t *output, cz_pool_t *pool, int socket);

/*
 * The next bytes in memory, for a write that waits: those of the first piece or, where that is a
 * file, at most `size` of it read into `storage`. 0 bytes: the file turned out too short.
 */
catzilla_slice_t cz_output_peek(const cz_output_t *output, char *storage, size_t size);

/* Whether the next bytes are a file's. */
bool cz_output_is_file(const cz_output_t *output);

/* Takes `size` bytes from the front, after they were sent. */
void cz_output_advance(cz_output_t *output, cz_pool_t *pool, size_t size);

/* Releases everything unsent. */
void cz_output_drop(cz_output_t *output, cz_pool_t *pool);

#endif
