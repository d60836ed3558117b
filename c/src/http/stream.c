/* Replies that are put off or sent piece by piece: the checks; the connection does the rest. */
#include "http/header.h"
#include "http/request.h"
#include "http/response.h"

int catzilla_response_defer(catzilla_response_t *response)
{
    if (response->phase != CZ_REPLY_BUILDING)
        return CATZILLA_ERR_STATE;
    return response->ops->defer(response);
}

void catzilla_response_complete(catzilla_response_t *response, int result)
{
    response->ops->complete(response, result);
}

int catzilla_response_on_gone(catzilla_response_t *response, void (*call)(void *user_data),
                              void *user_data)
{
    return response->ops->watch(response, call, user_data);
}

int catzilla_response_early_hint(catzilla_response_t *response, catzilla_slice_t link)
{
    if (link.size == 0 || !cz_header_is_value(link))
        return CATZILLA_ERR_HEADER;
    if (response->phase != CZ_REPLY_BUILDING)
        return CATZILLA_ERR_STATE;
    return response->request->message.head.minor == 0 ? 0 : response->ops->inform(response, link);
}

/* Copies as much of the caller's struct as both sides know. */
static int stream_read(catzilla_response_t *response, const catzilla_stream_t *stream)
{
    const catzilla_stream_t none = CATZILLA_STREAM_INIT;
    if (stream == NULL || stream->size < sizeof stream->size || stream->size > sizeof *stream)
        return CATZILLA_ERR_INVALID;
    if (response->phase != CZ_REPLY_BUILDING && response->phase != CZ_REPLY_DEFERRED)
        return CATZILLA_ERR_STATE;
    response->stream = none;
    memcpy(&response->stream, stream, stream->size);
    response->wants_room = false;
    return 0;
}

/* Where it fails the reply is one with a length again, such as the 500 that may follow. */
static int begin(catzilla_response_t *response, cz_framing_t framing)
{
    response->framing = framing;
    int rc = response->ops->begin(response);
    if (rc != 0)
        response->framing = CZ_FRAMING_LENGTH;
    return rc;
}

int catzilla_response_stream(catzilla_response_t *response, const catzilla_stream_t *stream)
{
    const cz_head_t *head = &response->request->message.head;
    int rc = stream_read(response, stream);
    if (rc != 0)
        return rc;
    rc = catzilla_response_body(response, CATZILLA_SLICE(""));
    if (rc != 0)
        return rc;
    catzilla_slice_t method = cz_head_slice(head, head->method, head->method_size);
    if (catzilla_slice_equal(method, CATZILLA_SLICE("HEAD")) ||
        cz_response_is_bodiless(response->status))
        return begin(response, CZ_FRAMING_NONE);
    return begin(response, head->minor == 0 ? CZ_FRAMING_CLOSE : CZ_FRAMING_CHUNKED);
}

static bool is_token_list(catzilla_slice_t text)
{
    for (size_t i = 0; i < text.size; i++) {
        catzilla_slice_t one = {text.data + i, 1};
        if (!cz_header_is_token(one) && strchr("/, ", text.data[i]) == NULL)
            return false;
    }
    return text.size > 0 && memchr(text.data, '\0', text.size) == NULL;
}

int catzilla_response_upgrade(catzilla_response_t *response, catzilla_slice_t protocol,
                              const catzilla_stream_t *stream)
{
    const cz_head_t *head = &response->request->message.head;
    /* RFC 9110, section 7.8: what a peer of 1.0 says of it is ignored. */
    if (!head->upgrade || head->minor == 0 || response->phase != CZ_REPLY_BUILDING)
        return CATZILLA_ERR_STATE;
    if (!is_token_list(protocol))
        return CATZILLA_ERR_HEADER;
    size_t fields = response->fields.size;
    bool named = response->names_upgrade;
    int rc = stream_read(response, stream);
    if (rc == 0)
        rc = catzilla_response_header(response, CATZILLA_SLICE("Upgrade"), protocol);
    if (rc == 0)
        rc = catzilla_response_body(response, CATZILLA_SLICE(""));
    if (rc != 0)
        return rc;
    int status = response->status;
    response->status = 101;
    rc = begin(response, CZ_FRAMING_RAW);
    if (rc == 0)
        return 0;
    response->status = status;
    response->fields.size = fields;
    response->names_upgrade = named;
    return rc;
}

/* A reply without a body is like one whose peer has left: its writer has nobody to write for. */
static int writable(const catzilla_response_t *response)
{
    if (response->framing == CZ_FRAMING_NONE)
        return CATZILLA_ERR_CLOSED;
    return response->phase == CZ_REPLY_STREAMING ? 0 : CATZILLA_ERR_STATE;
}

int catzilla_response_write(catzilla_response_t *response, catzilla_slice_t data)
{
    int rc = writable(response);
    /* An empty chunk would end the body. */
    if (rc != 0 || data.size == 0)
        return rc;
    return response->ops->write(response, data);
}

int catzilla_response_end(catzilla_response_t *response)
{
    if (response->framing == CZ_FRAMING_NONE)
        return 0;
    if (response->phase != CZ_REPLY_STREAMING)
        return CATZILLA_ERR_STATE;
    response->phase = CZ_REPLY_ENDED;
    response->ops->end(response);
    return 0;
}

int catzilla_response_abort(catzilla_response_t *response)
{
    if (response->phase != CZ_REPLY_STREAMING)
        return CATZILLA_ERR_STATE;
    response->phase = CZ_REPLY_ENDED;
    response->ops->abort(response);
    return 0;
}

static bool is_one_line(catzilla_slice_t text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return false;
    return true;
}

static int put_line(cz_buffer_t *out, cz_pool_t *pool, const char *name, catzilla_slice_t text)
{
    size_t size = strlen(name);
    if (cz_buffer_reserve(out, pool, size) != 0 ||
        cz_buffer_reserve(out, pool, size + 1 + text.size) != 0)
        return CATZILLA_ERR_NOMEM;
    cz_buffer_put(out, name, size);
    if (text.size > 0)
        cz_buffer_put(out, text.data, text.size);
    cz_buffer_put(out, "\n", 1);
    return 0;
}

/* The text up to its next line end, which may be CRLF, LF or CR; `text` goes on behind it. */
static catzilla_slice_t line_take(catzilla_slice_t *text)
{
    catzilla_slice_t line = *text;
    size_t size = 0;
    while (size < text->size && text->data[size] != '\n' && text->data[size] != '\r')
        size++;
    line.size = size;
    bool both = size + 1 < text->size && text->data[size] == '\r' && text->data[size + 1] == '\n';
    size += size < text->size ? 1u + both : 0;
    text->data += size;
    text->size -= size;
    return line;
}

int catzilla_response_event(catzilla_response_t *response, catzilla_slice_t event,
                            catzilla_slice_t id, catzilla_slice_t data)
{
    char storage[512];
    cz_buffer_t out;
    if (!is_one_line(event) || !is_one_line(id))
        return CATZILLA_ERR_HEADER;
    int rc = writable(response);
    if (rc != 0)
        return rc;
    cz_buffer_init(&out, storage, sizeof storage);
    if (event.data != NULL)
        rc = put_line(&out, response->pool, "event: ", event);
    if (rc == 0 && id.data != NULL)
        rc = put_line(&out, response->pool, "id: ", id);
    do {
        catzilla_slice_t line = line_take(&data);
        if (rc == 0)
            rc = put_line(&out, response->pool, "data: ", line);
    } while (rc == 0 && data.size > 0);
    if (rc == 0)
        rc = put_line(&out, response->pool, "", CATZILLA_SLICE(""));
    catzilla_slice_t text = {out.data, out.size};
    if (rc == 0)
        rc = catzilla_response_write(response, text);
    cz_buffer_release(&out, response->pool);
    return rc;
}
