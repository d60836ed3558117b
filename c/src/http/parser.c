/*
 * The glue to llhttp, which nothing else sees. llhttp judges the grammar; here its callbacks
 * become an index of offsets (http/head.h) without a copy. A parser lives for one request: it is
 * started anew for each, so no state of an earlier one, complete or refused, can leak into it.
 */
#include "http/parser.h"

#include "http/header.h"

#include <llhttp.h>
#include <string.h>

_Static_assert(sizeof(llhttp_t) <= CZ_PARSER_STATE_WORDS * sizeof(uint64_t),
               "the parser's state must fit its place in cz_message_t");

/* What a method's name may be at most before it is no longer taken for one. */
enum { MAX_METHOD_BYTES = 64 };

/* What of a chunk's line is needed may be as long as this before the line's end shows it. */
enum { SIZE_LINE_BYTES = 17 };

static llhttp_t *parser_of(cz_message_t *message)
{
    return (llhttp_t *)(void *)message->state;
}

static uint32_t offset_of(const cz_message_t *message, const char *at)
{
    return (uint32_t)(at - message->base);
}

static int refuse(cz_message_t *message, int status)
{
    message->status = status;
    return HPE_USER;
}

static int on_method(llhttp_t *parser, const char *at, size_t size)
{
    cz_message_t *message = parser->data;
    cz_head_t *head = &message->head;
    if (head->method_size == 0)
        head->method = offset_of(message, at);
    head->method_size += (uint32_t)size;
    return 0;
}

/* The first comparison settles it for most bytes. */
static bool is_blank(char c)
{
    return c <= ' ' && (c == ' ' || c == '\t');
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    cz_message_t *message = parser->data;
    cz_head_t *head = &message->head;
    if (head->target_size == 0)
        head->target = offset_of(message, at);
    head->target_size += (uint32_t)size;
    if (head->target_size > message->limits->max_target_bytes)
        return refuse(message, 414);
    return 0;
}

/* Trailers take what the header section has left, and have room for some in any case. */
static bool is_full(const cz_message_t *message)
{
    const cz_head_t *head = &message->head;
    return !message->head_complete || cz_head_trailer_count(head) >= CZ_MAX_TRAILERS;
}

/* Begins the field whose name lies at `at`; NULL where there are too many. */
static cz_field_t *field_begin(cz_message_t *message, const char *at)
{
    cz_head_t *head = &message->head;
    if (head->line_count >= head->field_capacity && is_full(message))
        return NULL;
    cz_field_t *field = &head->fields[head->line_count++];
    field->name = offset_of(message, at);
    field->name_size = field->value = field->value_size = 0;
    message->field = field;
    return field;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    cz_message_t *message = parser->data;
    cz_field_t *field = message->field == NULL ? field_begin(message, at) : message->field;
    if (field == NULL)
        return refuse(message, 431);
    field->name_size += (uint32_t)size;
    return 0;
}

/* Comes for an empty value too, with no bytes. */
static int on_header_value(llhttp_t *parser, const char *at, size_t size)
{
    cz_message_t *message = parser->data;
    cz_field_t *field = message->field;
    if (field->value == 0)
        field->value = offset_of(message, at);
    field->value_size += (uint32_t)size;
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    cz_message_t *message = parser->data;
    cz_field_t *field = message->field;
    const char *value = message->base + field->value;
    uint32_t size = field->value_size;
    message->field = NULL;
    /* A line that ends in a bare LF is one that another reader might not end there. */
    if (value[size] == '\n')
        return refuse(message, 400);
    while (size > 0 && is_blank(value[size - 1]))
        size--;
    field->value_size = size;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    cz_message_t *message = parser->data;
    cz_head_t *head = &message->head;
    message->head_complete = true;
    head->field_count = head->line_count;
    head->major = parser->http_major;
    head->minor = parser->http_minor;
    head->upgrade = parser->upgrade != 0;
    if (head->minor > 0)
        head->keep_alive = (parser->flags & F_CONNECTION_CLOSE) == 0;
    else
        head->keep_alive = (parser->flags & F_CONNECTION_KEEP_ALIVE) != 0 &&
                           (parser->flags & F_CONNECTION_CLOSE) == 0;
    int status = cz_head_check(head, message->limits->host_memo);
    if (status != 0)
        return refuse(message, status);
    return head->chunked || head->content_length > 0 ? HPE_PAUSED : 0;
}

/*
 * Whether the chunks up to `end` are framed by more than they need: extensions and leading zeros.
 * Asked at places that the bytes alone decide on, so that it does not matter how they are split.
 */
static bool is_padded(const cz_message_t *message, const char *end, size_t beyond)
{
    uint64_t fed = message->chunk_bytes + (uint64_t)(end - message->fed);
    return fed - message->body_total >
           message->framing_needed + beyond + (uint64_t)message->limits->max_extension_bytes;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    cz_message_t *message = parser->data;
    if (size > message->max_body_bytes - message->body_total)
        return refuse(message, 413);
    if (message->chunk_place == CZ_CHUNK_BEGUN && is_padded(message, at, 0))
        return refuse(message, 413);
    message->chunk_place = CZ_CHUNK_DATA;
    message->body_total += size;
    char *wanted = message->base + message->body + message->body_size;
    if (wanted != at)
        memmove(wanted, at, size);
    message->body_size += size;
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    cz_message_t *message = parser->data;
    unsigned digits = 1;
    for (uint64_t size = parser->content_length; size > 15; size /= 16)
        digits++;
    message->framing_needed += digits + 2;
    message->chunk_place = parser->content_length == 0 ? CZ_CHUNK_LAST : CZ_CHUNK_BEGUN;
    return 0;
}

static int on_chunk_complete(llhttp_t *parser)
{
    cz_message_t *message = parser->data;
    if (message->chunk_place == CZ_CHUNK_LAST)
        return 0;
    message->framing_needed += 2;
    message->chunk_place = CZ_CHUNK_LINE;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = on_message_complete,
};

void cz_parser_prepare(cz_limits_t *limits)
{
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    /* Versions are judged by cz_head_check(), since 1.2 is to be answered and 2.0 to get a 505. */
    llhttp_set_lenient_version(&parser, 1);
    memcpy(limits->fresh, &parser, sizeof parser);
    memset(&limits->fresh_head, 0, sizeof limits->fresh_head);
    limits->fresh_head.field_capacity = limits->max_headers;
}

void cz_parser_start(cz_message_t *message, char *base, cz_field_t *fields,
                     const cz_limits_t *limits)
{
    memcpy(message->state, limits->fresh, sizeof message->state);
    message->head = limits->fresh_head;
    message->base = message->head.base = base;
    message->head.fields = fields;
    message->limits = limits;
    message->field = NULL;
    message->max_body_bytes = limits->max_body_bytes;
    message->body_total = message->body = message->body_size = 0;
    message->chunk_bytes = message->framing_needed = 0;
    message->chunk_place = CZ_CHUNK_LINE;
    message->status = 0;
    message->head_complete = message->paused = message->method_unknown = false;
    message->head_apart = false;
    parser_of(message)->data = message;
}

/*
 * llhttp knows its methods and stops at the first byte that fits none. Whether that is an unknown
 * method (501) or no method at all (400) shows at the token's end, which may be yet to come.
 */
static cz_parse_result_t unknown_method(cz_message_t *message, const char *end)
{
    const char *at = message->base;
    while (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
        at += 2;
    const char *begin = at;
    while (at < end && at - begin < MAX_METHOD_BYTES && *at != ' ')
        at++;
    catzilla_slice_t token = {begin, (size_t)(at - begin)};
    message->method_unknown = true;
    if (!cz_header_is_token(token) || token.size == MAX_METHOD_BYTES) {
        message->status = 400;
        return CZ_PARSE_REFUSED;
    }
    if (at == end)
        return CZ_PARSE_MORE;
    message->status = 501;
    return CZ_PARSE_REFUSED;
}

static int refusal_status(llhttp_t *parser, llhttp_errno_t error)
{
    uint8_t method = llhttp_get_method(parser);
    if (error == HPE_PAUSED_H2_UPGRADE)
        return 505;
    /* RTSP's methods, which llhttp knows but not together with HTTP's version. */
    if (error == HPE_INVALID_CONSTANT && method >= HTTP_DESCRIBE && method <= HTTP_FLUSH)
        return 501;
    return 400;
}

/* Whether the target of an unfinished head ended its line, as HTTP/0.9's does. */
static bool lacks_version(const cz_head_t *head, const char *end)
{
    const char *behind = head->base + head->target + head->target_size;
    return head->target_size > 0 && behind < end && *behind != ' ';
}

/* Limits of an unfinished head; a finished one is measured when it ends. */
static int head_overrun(const cz_message_t *message, size_t size)
{
    const cz_limits_t *limits = message->limits;
    if (size <= limits->max_header_bytes)
        return 0;
    return message->head.line_count == 0 ? 414 : 431;
}

static cz_parse_result_t head_finish(cz_message_t *message, const char *end)
{
    cz_head_t *head = &message->head;
    head->end = offset_of(message, end);
    message->body = head->end;
    if (head->end < 4 || memcmp(end - 4, "\r\n\r\n", 4) != 0)
        message->status = 400;
    else
        message->status = head_overrun(message, head->end);
    return message->status == 0 ? CZ_PARSE_DONE : CZ_PARSE_REFUSED;
}

/* Trailers have the head's limit of bytes, counted from the first one's name. */
static bool trailer_overrun(const cz_message_t *message, const char *end)
{
    const cz_head_t *head = &message->head;
    if (cz_head_trailer_count(head) == 0)
        return false;
    size_t begin = head->fields[head->field_count].name;
    return (size_t)(end - message->base) - begin > message->limits->max_header_bytes;
}

/* Counts what was fed, trailers aside; true where the chunks are framed by more than they may be.
 */
static bool chunks_overrun(cz_message_t *message, const char *end, bool done)
{
    const cz_head_t *head = &message->head;
    bool has_trailers = cz_head_trailer_count(head) > 0;
    size_t beyond = 0;
    bool overrun = false;
    if (!head->chunked)
        return false;
    if (has_trailers)
        end = message->base + head->fields[head->field_count].name;
    if (end < message->fed)
        return false;
    switch (message->chunk_place) {
    case CZ_CHUNK_LINE:
        overrun = is_padded(message, end, SIZE_LINE_BYTES);
        break;
    case CZ_CHUNK_BEGUN:
        overrun = is_padded(message, end, 0);
        break;
    case CZ_CHUNK_DATA:
        break;
    case CZ_CHUNK_LAST:
        /* Without trailers what has come behind the line is of the body's end. */
        if (!has_trailers)
            beyond = done ? 2 : (size_t)(end > message->fed && end[-1] == '\r');
        overrun = is_padded(message, end, beyond);
        break;
    }
    message->chunk_bytes += (uint64_t)(end - message->fed);
    return overrun;
}

/* What can be held against a request that goes on, 0 for nothing. */
static int unfinished_status(const cz_message_t *message, const char *end, bool had_head)
{
    const cz_head_t *head = &message->head;
    if (!had_head) {
        if (lacks_version(head, end))
            return 400;
        return head_overrun(message, (size_t)(end - message->base));
    }
    return trailer_overrun(message, end) ? 431 : 0;
}

cz_parse_result_t cz_parser_feed(cz_message_t *message, char *data, size_t size, size_t *used)
{
    llhttp_t *parser = parser_of(message);
    const char *end = data + size;
    bool had_head = message->head_complete;
    *used = size;
    if (message->method_unknown)
        return unknown_method(message, end);
    if (message->paused) {
        llhttp_resume(parser);
        message->paused = false;
    }
    message->fed = data;
    llhttp_errno_t error = llhttp_execute(parser, data, size);
    if (error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE) {
        *used = (size_t)(llhttp_get_error_pos(parser) - data);
        message->paused = true;
        if (!had_head && head_finish(message, data + *used) == CZ_PARSE_REFUSED)
            return CZ_PARSE_REFUSED;
        if (had_head && chunks_overrun(message, data + *used, true))
            message->status = 413;
        else if (trailer_overrun(message, data + *used))
            message->status = 431;
        if (message->status != 0)
            return CZ_PARSE_REFUSED;
        bool body_follows = message->head.chunked || message->head.content_length > 0;
        return !had_head && body_follows ? CZ_PARSE_HEAD : CZ_PARSE_DONE;
    }
    if (error == HPE_INVALID_METHOD)
        return unknown_method(message, end);
    if (error != HPE_OK) {
        if (message->status == 0)
            message->status = refusal_status(parser, error);
        /* Said at once where the line comes alone, so also where what is behind it is too much. */
        if (!had_head && lacks_version(&message->head, end))
            message->status = 400;
        return CZ_PARSE_REFUSED;
    }
    message->status = unfinished_status(message, end, had_head);
    if (had_head && chunks_overrun(message, end, false))
        message->status = 413;
    return message->status == 0 ? CZ_PARSE_MORE : CZ_PARSE_REFUSED;
}

void cz_parser_take_body(cz_message_t *message)
{
    message->body_size = 0;
}

size_t cz_parser_kept(const cz_message_t *message, const char *end)
{
    if (!message->head_complete || cz_head_trailer_count(&message->head) > 0)
        return (size_t)(end - message->base);
    return message->body + message->body_size;
}

void cz_parser_set_apart(cz_message_t *message, char *place)
{
    memcpy(place, message->head.base, message->head.end);
    message->head.base = place;
    message->head_apart = true;
    message->base += message->body;
    message->body = 0;
}

#define TEXT_OF(number)       #number
#define VERSION_TEXT(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *cz_parser_version(void)
{
    return VERSION_TEXT(LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}
