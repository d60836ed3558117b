/*
 * The output of one connection: a list of pieces, which are bytes in blocks of the response pool,
 * bytes borrowed from a handler, or a part of a file. Small replies gather in one block and leave
 * in one send; files go from the page cache to the socket and never through our memory.
 */
#include "server/output.h"

#include <catzilla/errors.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif

#define BLOCK_SIZE  4096u
#define FIRST_SIZE  512u /* one small reply, as each of many connections may have at a time */
#define MAX_VECTORS 16
#define FLUSH_MOST                                                                                 \
    (256u << 10) /* of one flush, so that a peer that reads fast leaves time to the rest */

typedef enum piece_kind { PIECE_BYTES, PIECE_BORROWED, PIECE_FILE } piece_kind_t;

struct cz_piece {
    cz_piece_t *next;
    size_t block_size; /* of this piece, its storage included */
    piece_kind_t kind;
    int fd;
    char *data;    /* next byte to send */
    uint64_t size; /* left to send */
    uint64_t offset;
    uint64_t began_ms; /* the last request that it answers */
    char *end;         /* PIECE_BYTES: behind its storage */
    char *block;       /* PIECE_BYTES: a block taken over, NULL where `storage` is used */
    size_t taken_size; /* of `block` */
    void (*release)(void *);
    void *release_data;
    void (*gone)(void *);
    void *gone_data;
    char storage[];
};

static cz_piece_t *piece_add(cz_output_t *output, cz_pool_t *pool, piece_kind_t kind, size_t size)
{
    size_t block_size;
    cz_piece_t *piece = cz_pool_take(pool, sizeof(cz_piece_t) + size, &block_size);
    if (piece == NULL)
        return NULL;
    piece->next = NULL;
    piece->block_size = block_size;
    piece->kind = kind;
    piece->fd = -1;
    piece->size = 0;
    piece->block = NULL;
    piece->release = NULL;
    piece->gone = NULL;
    piece->began_ms = output->began_ms;
    if (output->last == NULL)
        output->first = piece;
    else
        output->last->next = piece;
    output->last = piece;
    return piece;
}

/* What a piece has beside its own storage. */
static void piece_let_go(const cz_piece_t *piece, cz_pool_t *pool)
{
    if (piece->fd >= 0)
        close(piece->fd);
    if (piece->release != NULL)
        piece->release(piece->release_data);
    if (piece->gone != NULL)
        piece->gone(piece->gone_data);
    cz_pool_give(pool, piece->block, piece->taken_size);
}

/* Blocks in which small replies gather have nothing else, and are most. */
static bool is_shared(const cz_piece_t *piece)
{
    return piece->kind == PIECE_BYTES && piece->block == NULL;
}

static inline void piece_release(cz_piece_t *piece, cz_pool_t *pool)
{
    if (!is_shared(piece))
        piece_let_go(piece, pool);
    cz_pool_give(pool, piece, piece->block_size);
}

static void piece_drop_first(cz_output_t *output, cz_pool_t *pool)
{
    cz_piece_t *piece = output->first;
    output->first = piece->next;
    if (output->first == NULL)
        output->last = NULL;
    piece_release(piece, pool);
}

void cz_output_cut(cz_output_t *output, cz_pool_t *pool, const cz_output_mark_t *mark)
{
    cz_piece_t *piece = mark->last == NULL ? output->first : mark->last->next;
    uint64_t added = output->queued - mark->queued;
    if (mark->last == NULL)
        output->first = NULL;
    else
        mark->last->next = NULL;
    output->last = mark->last;
    output->queued = mark->queued;
    while (piece != NULL) {
        cz_piece_t *next = piece->next;
        added -= piece->size;
        piece_release(piece, pool);
        piece = next;
    }
    /* What is left was added to the piece that was the last one. */
    if (mark->last != NULL)
        mark->last->size -= added;
}

char *cz_output_reserve(cz_output_t *output, cz_pool_t *pool, size_t size)
{
    cz_piece_t *last = output->last;
    if (last != NULL && last->kind == PIECE_BYTES &&
        size <= (size_t)(last->end - (last->data + last->size))) {
        last->began_ms = output->began_ms;
        return last->data + last->size;
    }
    size_t storage = (last == NULL ? FIRST_SIZE : BLOCK_SIZE) - sizeof(cz_piece_t);
    if (size > SIZE_MAX - sizeof(cz_piece_t))
        return NULL;
    last = piece_add(output, pool, PIECE_BYTES, size > storage ? size : storage);
    if (last == NULL)
        return NULL;
    last->data = last->storage;
    last->end = (char *)last + last->block_size;
    return last->data;
}

void cz_output_commit(cz_output_t *output, size_t size)
{
    output->last->size += size;
    output->queued += size;
}

int cz_output_take(cz_output_t *output, cz_pool_t *pool, cz_buffer_t *buffer)
{
    if (!buffer->pooled || buffer->size < BLOCK_SIZE / 2) {
        char *room = cz_output_reserve(output, pool, buffer->size);
        if (room == NULL)
            return CATZILLA_ERR_NOMEM;
        memcpy(room, buffer->data, buffer->size);
        cz_output_commit(output, buffer->size);
        return 0;
    }
    cz_piece_t *piece = piece_add(output, pool, PIECE_BYTES, 0);
    if (piece == NULL)
        return CATZILLA_ERR_NOMEM;
    piece->data = piece->block = buffer->data;
    piece->taken_size = buffer->capacity;
    piece->size = buffer->size;
    piece->end = piece->data + buffer->size;
    output->queued += buffer->size;
    cz_buffer_init(buffer, NULL, 0);
    return 0;
}

int cz_output_lend(cz_output_t *output, cz_pool_t *pool, catzilla_slice_t data,
                   void (*release)(void *), void *release_data)
{
    cz_piece_t *piece = piece_add(output, pool, PIECE_BORROWED, 0);
    if (piece == NULL)
        return CATZILLA_ERR_NOMEM;
    piece->data = (char *)data.data;
    piece->size = data.size;
    piece->release = release;
    piece->release_data = release_data;
    output->queued += data.size;
    return 0;
}

int cz_output_borrow(cz_output_t *output, cz_pool_t *pool, catzilla_slice_t data,
                     void (*release)(void *), void *release_data)
{
    if (data.size <= CZ_OUTPUT_COPIED) {
        char *room = cz_output_reserve(output, pool, data.size);
        if (room == NULL)
            return CATZILLA_ERR_NOMEM;
        if (data.size > 0)
            memcpy(room, data.data, data.size);
        cz_output_commit(output, data.size);
        if (release != NULL)
            release(release_data);
        return 0;
    }
    return cz_output_lend(output, pool, data, release, release_data);
}

int cz_output_file(cz_output_t *output, cz_pool_t *pool, int fd, uint64_t offset, uint64_t length)
{
    cz_piece_t *piece = piece_add(output, pool, PIECE_FILE, 0);
    if (piece == NULL)
        return CATZILLA_ERR_NOMEM;
    piece->fd = fd;
    piece->offset = offset;
    piece->size = length;
    output->queued += length;
    return 0;
}

void cz_output_advance(cz_output_t *output, cz_pool_t *pool, size_t size)
{
    output->queued -= size;
    output->sent += size;
    while (output->first != NULL) {
        cz_piece_t *piece = output->first;
        if (size < piece->size) {
            piece->size -= size;
            if (piece->kind == PIECE_FILE)
                piece->offset += size;
            else
                piece->data += size;
            return;
        }
        size -= (size_t)piece->size;
        piece_drop_first(output, pool);
    }
}

void cz_output_drop(cz_output_t *output, cz_pool_t *pool)
{
    while (output->first != NULL)
        piece_drop_first(output, pool);
    output->queued = 0;
}

bool cz_output_follow(cz_output_t *output, void (*gone)(void *), void *gone_data)
{
    cz_piece_t *last = output->last;
    if (last == NULL || is_shared(last))
        return false;
    last->gone = gone;
    last->gone_data = gone_data;
    return true;
}

uint64_t cz_output_oldest_ms(const cz_output_t *output)
{
    return output->first == NULL ? 0 : output->first->began_ms;
}

bool cz_output_is_file(const cz_output_t *output)
{
    return output->first != NULL && output->first->kind == PIECE_FILE;
}

catzilla_slice_t cz_output_peek(const cz_output_t *output, char *storage, size_t size)
{
    const cz_piece_t *piece = output->first;
    catzilla_slice_t slice = {piece->data, (size_t)piece->size};
    if (piece->kind != PIECE_FILE)
        return slice;
    size_t wanted = piece->size < size ? (size_t)piece->size : size;
    ssize_t got = pread(piece->fd, storage, wanted, (off_t)piece->offset);
    slice.data = storage;
    slice.size = got > 0 ? (size_t)got : 0;
    return slice;
}

static cz_flush_t failure(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? CZ_FLUSH_BLOCKED
                                                                     : CZ_FLUSH_FAILED;
}

/* Sends of the pieces in memory at the front of the list at most `most` bytes. */
static ssize_t send_pieces(const cz_piece_t *piece, int socket, size_t most, size_t *offered)
{
    struct iovec vectors[MAX_VECTORS];
    struct msghdr message = {.msg_iov = vectors};
    size_t count = 0;
    for (; piece != NULL && piece->kind != PIECE_FILE && count < MAX_VECTORS && *offered < most;
         piece = piece->next) {
        size_t left = most - *offered;
        vectors[count].iov_base = piece->data;
        vectors[count].iov_len = piece->size < left ? (size_t)piece->size : left;
        *offered += vectors[count++].iov_len;
    }
    int flags = MSG_NOSIGNAL;
#ifdef MSG_MORE
    if (piece != NULL)
        flags |= MSG_MORE;
#endif
    message.msg_iovlen = count;
    return sendmsg(socket, &message, flags);
}

/* `*sent` may be less than what was `*offered`, that is at most `most`. */
static cz_flush_t send_memory(const cz_output_t *output, int socket, size_t most, size_t *sent,
                              size_t *offered)
{
    const cz_piece_t *piece = output->first;
    ssize_t rc;
    if (piece->next == NULL) {
        *offered = piece->size < most ? (size_t)piece->size : most;
        rc = send(socket, piece->data, *offered, MSG_NOSIGNAL);
    } else {
        rc = send_pieces(piece, socket, most, offered);
    }
    if (rc < 0)
        return failure();
    *sent = (size_t)rc;
    return CZ_FLUSH_DONE;
}

static cz_flush_t send_file(const cz_output_t *output, int socket, size_t most, size_t *sent)
{
    const cz_piece_t *piece = output->first;
#ifdef __linux__
    off_t offset = (off_t)piece->offset;
    size_t wanted = piece->size < most ? (size_t)piece->size : most;
    ssize_t rc = sendfile(socket, piece->fd, &offset, wanted);
#else
    char bytes[16384];
    catzilla_slice_t part =
        cz_output_peek(output, bytes, sizeof bytes < most ? sizeof bytes : most);
    ssize_t rc = part.size == 0 ? 0 : send(socket, part.data, part.size, MSG_NOSIGNAL);
#endif
    if (rc < 0)
        return failure();
    /* The head has promised the length, so a file cut short meanwhile ends the connection. */
    if (rc == 0 && piece->size > 0)
        return CZ_FLUSH_FAILED;
    *sent = (size_t)rc;
    return CZ_FLUSH_DONE;
}

/* What nearly every flush is: one block of small replies, which the socket takes whole. */
static cz_flush_t flush_block(cz_output_t *output, cz_pool_t *pool, int socket)
{
    cz_piece_t *piece = output->first;
    size_t size = (size_t)piece->size;
    ssize_t sent = send(socket, piece->data, size, MSG_NOSIGNAL);
    if (sent < 0)
        return failure();
    if ((size_t)sent < size) {
        cz_output_advance(output, pool, (size_t)sent);
        return CZ_FLUSH_BLOCKED;
    }
    output->first = output->last = NULL;
    output->queued = 0;
    output->sent += size;
    cz_pool_give(pool, piece, piece->block_size);
    return CZ_FLUSH_DONE;
}

cz_flush_t cz_output_flush(cz_output_t *output, cz_pool_t *pool, int socket)
{
    size_t left = FLUSH_MOST;
    const cz_piece_t *only = output->first;
    if (only != NULL && only->next == NULL && is_shared(only) && only->size <= FLUSH_MOST)
        return flush_block(output, pool, socket);
    while (output->first != NULL) {
        size_t sent = 0, offered = 0;
        bool is_file = output->first->kind == PIECE_FILE;
        if (left == 0)
            return CZ_FLUSH_MORE;
        cz_flush_t result = is_file ? send_file(output, socket, left, &sent)
                                    : send_memory(output, socket, left, &sent, &offered);
        if (result != CZ_FLUSH_DONE)
            return result;
        left -= sent;
        cz_output_advance(output, pool, sent);
        if (!is_file && sent < offered)
            return CZ_FLUSH_BLOCKED;
    }
    return CZ_FLUSH_DONE;
}
