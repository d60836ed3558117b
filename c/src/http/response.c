/*
 * The reply as its handler builds it. Fields are written down as they will be sent, so that the
 * head of a reply is a handful of copies; everything fits the response's own block as long as
 * the reply is small.
 */
#include "http/response.h"

#include "http/header.h"
#include "http/status.h"
#include "http/text.h"

#include <unistd.h>

#define BLOCK_SIZE     4096u
#define FIELDS_STORAGE 1024u
#define FIXED_ROOM     256u /* status line, date, length, connection, empty line */

catzilla_response_t *cz_response_create(cz_pool_t *pool)
{
    size_t block_size;
    catzilla_response_t *response = cz_pool_take(pool, BLOCK_SIZE, &block_size);
    if (response == NULL)
        return NULL;
    response->pool = pool;
    response->block_size = block_size;
    response->status = 200;
    response->body_kind = CZ_BODY_NONE;
    response->length = 0;
    response->request = NULL;
    response->ops = NULL;
    response->owner = NULL;
    response->phase = CZ_REPLY_BUILDING;
    response->framing = CZ_FRAMING_LENGTH;
    response->closes = response->names_upgrade = false;
    response->home = NULL;
    atomic_init(&response->put_off, false);
    char *storage = response->storage;
    size_t size = block_size - sizeof *response;
    cz_buffer_init(&response->fields, storage, FIELDS_STORAGE);
    cz_buffer_init(&response->copied, storage + FIELDS_STORAGE, size - FIELDS_STORAGE);
    return response;
}

static void body_drop(catzilla_response_t *response)
{
    if (response->body_kind == CZ_BODY_NONE)
        return;
    if ((response->body_kind == CZ_BODY_BORROWED || response->body_kind == CZ_BODY_VECTOR) &&
        response->release != NULL)
        response->release(response->release_data);
    if (response->body_kind == CZ_BODY_FILE)
        close(response->fd);
    response->body_kind = CZ_BODY_NONE;
    response->copied.size = 0;
    response->length = 0;
}

void cz_response_destroy(catzilla_response_t *response)
{
    if (response == NULL)
        return;
    body_drop(response);
    cz_buffer_release(&response->fields, response->pool);
    cz_buffer_release(&response->copied, response->pool);
    cz_pool_give(response->pool, response, response->block_size);
}

void cz_response_lend(catzilla_response_t *response)
{
    cz_pool_init(&response->direct, response->pool->alloc, response->pool->free, 0);
    response->home = response->pool;
    response->pool = &response->direct;
    response->gone = NULL;
}

void cz_response_return(catzilla_response_t *response)
{
    response->pool = response->home;
    response->home = NULL;
}

void cz_response_reset(catzilla_response_t *response)
{
    body_drop(response);
    response->status = 200;
    response->fields.size = 0;
    response->names_upgrade = false;
}

void cz_response_plain(catzilla_response_t *response, int status)
{
    cz_response_reset(response);
    response->status = status;
    catzilla_slice_t reason = cz_status_reason(status);
    char text[80];
    size_t size = 0;
    for (int unit = 100; unit > 0; unit /= 10)
        text[size++] = (char)('0' + status / unit % 10);
    text[size++] = ' ';
    memcpy(text + size, reason.data, reason.size);
    size += reason.size;
    text[size++] = '\n';
    /* Without memory the reply goes out with an empty body, which says enough. */
    catzilla_slice_t body = {text, size};
    if (catzilla_response_body(response, body) == 0)
        catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                 CATZILLA_SLICE("text/plain; charset=utf-8"));
}

/* Whether the head is still to be sent. */
static bool is_open(const catzilla_response_t *response)
{
    return response->phase < CZ_REPLY_STREAMING;
}

/* Whether it may have a body of its own: a streamed one has none even before its head is sent. */
static bool takes_body(const catzilla_response_t *response)
{
    return response->framing == CZ_FRAMING_LENGTH;
}

int catzilla_response_status(catzilla_response_t *response, int status)
{
    if (!is_open(response))
        return CATZILLA_ERR_STATE;
    if (status < 200 || status > 599)
        return CATZILLA_ERR_INVALID;
    response->status = status;
    return 0;
}

int catzilla_response_get_status(const catzilla_response_t *response)
{
    return response->status;
}

/* Fields that would contradict the framing or the library's own. */
static bool is_reserved(catzilla_slice_t name)
{
    switch (name.size) {
    case 4:
        return cz_header_is(name, "date", 4);
    case 10:
        return cz_header_is(name, "connection", 10) || cz_header_is(name, "keep-alive", 10);
    case 14:
        return cz_header_is(name, "content-length", 14);
    case 17:
        return cz_header_is(name, "transfer-encoding", 17);
    default:
        return false;
    }
}

int catzilla_response_header(catzilla_response_t *response, catzilla_slice_t name,
                             catzilla_slice_t value)
{
    if (!is_open(response))
        return CATZILLA_ERR_STATE;
    if (!cz_header_is_token(name) || !cz_header_is_value(value) || is_reserved(name))
        return CATZILLA_ERR_HEADER;
    if (name.size > SIZE_MAX / 2 || value.size > SIZE_MAX / 4)
        return CATZILLA_ERR_NOMEM;
    cz_buffer_t *fields = &response->fields;
    int rc = cz_buffer_reserve(fields, response->pool, name.size + value.size + 4);
    if (rc != 0)
        return rc;
    char *end = cz_put(fields->data + fields->size, name.data, name.size);
    end = CZ_PUT(end, ": ");
    if (value.size > 0)
        end = cz_put(end, value.data, value.size);
    end = CZ_PUT(end, "\r\n");
    fields->size = (size_t)(end - fields->data);
    if (name.size == 7 && cz_header_is(name, "upgrade", 7))
        response->names_upgrade = true;
    return 0;
}

int catzilla_response_close(catzilla_response_t *response)
{
    if (!is_open(response))
        return CATZILLA_ERR_STATE;
    response->closes = true;
    return 0;
}

int catzilla_response_body(catzilla_response_t *response, catzilla_slice_t body)
{
    if (!takes_body(response))
        return CATZILLA_ERR_STATE;
    body_drop(response);
    if (body.size == 0)
        return 0;
    int rc = cz_buffer_reserve(&response->copied, response->pool, body.size);
    if (rc != 0)
        return rc;
    cz_buffer_put(&response->copied, body.data, body.size);
    response->body_kind = CZ_BODY_COPIED;
    response->length = body.size;
    return 0;
}

static int refuse_borrowed(int rc, void (*release)(void *user_data), void *user_data)
{
    if (release != NULL)
        release(user_data);
    return rc;
}

int catzilla_response_body_borrow(catzilla_response_t *response, catzilla_slice_t body,
                                  void (*release)(void *user_data), void *user_data)
{
    if (!takes_body(response))
        return refuse_borrowed(CATZILLA_ERR_STATE, release, user_data);
    body_drop(response);
    if (body.data == NULL)
        return refuse_borrowed(CATZILLA_ERR_INVALID, release, user_data);
    response->body_kind = CZ_BODY_BORROWED;
    response->borrowed = body;
    response->release = release;
    response->release_data = user_data;
    response->length = body.size;
    return 0;
}

int catzilla_response_body_vector(catzilla_response_t *response, const catzilla_slice_t *pieces,
                                  size_t count, void (*release)(void *user_data), void *user_data)
{
    uint64_t length = 0;
    int rc = takes_body(response) ? 0 : CATZILLA_ERR_STATE;
    if (rc == 0)
        body_drop(response);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = pieces[i].data == NULL ? CATZILLA_ERR_INVALID : 0;
        length += pieces[i].size;
    }
    if (rc == 0 && count > SIZE_MAX / sizeof *pieces)
        rc = CATZILLA_ERR_NOMEM;
    if (rc == 0)
        rc = cz_buffer_reserve(&response->copied, response->pool, count * sizeof *pieces);
    if (rc != 0)
        return refuse_borrowed(rc, release, user_data);
    if (count > 0)
        cz_buffer_put(&response->copied, (const char *)pieces, count * sizeof *pieces);
    response->body_kind = CZ_BODY_VECTOR;
    response->release = release;
    response->release_data = user_data;
    response->length = length;
    return 0;
}

int catzilla_response_file(catzilla_response_t *response, int fd, uint64_t offset, uint64_t length)
{
    int rc = offset > INT64_MAX || length > INT64_MAX - offset ? CATZILLA_ERR_INVALID : 0;
    if (!takes_body(response))
        rc = CATZILLA_ERR_STATE;
    else
        body_drop(response);
    if (fd < 0)
        return rc == 0 ? CATZILLA_ERR_INVALID : rc;
    if (rc != 0) {
        close(fd);
        return rc;
    }
    response->body_kind = CZ_BODY_FILE;
    response->fd = fd;
    response->offset = offset;
    response->length = length;
    return 0;
}

size_t cz_response_head_room(const catzilla_response_t *response)
{
    return response->fields.size + FIXED_ROOM;
}

/* RFC 9110, section 7.8: who sends Upgrade names it here too. */
static char *put_connection(const catzilla_response_t *response, const cz_reply_facts_t *facts,
                            char *out)
{
    out = CZ_PUT(out, "Connection: ");
    /* A connection that is handed over raw is none of HTTP's to keep or close. */
    if (response->framing == CZ_FRAMING_RAW)
        return CZ_PUT(out, "upgrade\r\n");
    if (!facts->keep_alive)
        out = CZ_PUT(out, "close");
    else if (facts->http_1_0)
        out = CZ_PUT(out, "keep-alive");
    if (response->names_upgrade && (!facts->keep_alive || facts->http_1_0))
        out = CZ_PUT(out, ", ");
    if (response->names_upgrade)
        out = CZ_PUT(out, "upgrade");
    return CZ_PUT(out, "\r\n");
}

char *cz_response_write_head(const catzilla_response_t *response, const cz_reply_facts_t *facts,
                             char *out)
{
    char scratch[32];
    if (response->status == 200) {
        out = CZ_PUT(out, "HTTP/1.1 200 OK\r\n");
    } else {
        catzilla_slice_t line = cz_status_line(response->status, scratch);
        out = cz_put(out, line.data, line.size);
    }
    out = cz_put(out, facts->date_line, CZ_DATE_LINE_SIZE);
    if (response->framing == CZ_FRAMING_CHUNKED) {
        out = CZ_PUT(out, "Transfer-Encoding: chunked\r\n");
    } else if (response->framing == CZ_FRAMING_LENGTH &&
               !cz_response_is_bodiless(response->status)) {
        out = CZ_PUT(out, "Content-Length: ");
        out = cz_put_number(out, response->length);
        out = CZ_PUT(out, "\r\n");
    }
    if (response->names_upgrade || !facts->keep_alive || facts->http_1_0)
        out = put_connection(response, facts, out);
    if (response->fields.size > 0)
        out = cz_put(out, response->fields.data, response->fields.size);
    return CZ_PUT(out, "\r\n");
}
