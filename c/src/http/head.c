/*
 * What HTTP demands of a head beyond its grammar (RFC 9112, sections 2.3, 3.2, 6.1 to 6.3). The
 * parser has its own view of some of it; where the two overlap the stricter one refuses, since a
 * framing that a proxy could read differently is how requests are smuggled.
 */
#include "http/head.h"

#include "http/header.h"

/* Fields that the core itself looks at. */
typedef enum field_id {
    FIELD_OTHER,
    FIELD_HOST,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_EXPECT,
    FIELD_IDS
} field_id_t;

/* Case is one bit of a letter, and the word has no other bytes. */
static bool is_host_name(const char *name)
{
    uint32_t said, host;
    memcpy(&said, name, 4);
    memcpy(&host, "host", 4);
    return (said | UINT32_C(0x20202020)) == host;
}

static field_id_t field_id(catzilla_slice_t name)
{
    switch (name.size) {
    case 4:
        return is_host_name(name.data) ? FIELD_HOST : FIELD_OTHER;
    case 6:
        return cz_header_is(name, "expect", 6) ? FIELD_EXPECT : FIELD_OTHER;
    case 14:
        return cz_header_is(name, "content-length", 14) ? FIELD_CONTENT_LENGTH : FIELD_OTHER;
    case 17:
        return cz_header_is(name, "transfer-encoding", 17) ? FIELD_TRANSFER_ENCODING : FIELD_OTHER;
    default:
        return FIELD_OTHER;
    }
}

/* An unknown major version cannot be answered; a higher minor one is answered as 1.1. */
static int check_version(const cz_head_t *head)
{
    return head->major == 1 ? 0 : 505;
}

static int length_parse(catzilla_slice_t value, uint64_t *out)
{
    uint64_t length = 0;
    if (value.size == 0)
        return 400;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c < '0' || c > '9')
            return 400;
        uint64_t digit = (uint64_t)(c - '0');
        if (length > (UINT64_MAX - digit) / 10)
            return 413;
        length = length * 10 + digit;
    }
    *out = length;
    return 0;
}

/* RFC 9112, section 6.1: only "chunked" is understood, and only from 1.1 on. */
static int check_coding(cz_head_t *head, catzilla_slice_t value)
{
    if (head->minor == 0)
        return 400;
    if (cz_header_is(value, "chunked", 7)) {
        head->chunked = true;
        return 0;
    }
    const char *comma = value.size == 0 ? NULL : memchr(value.data, ',', value.size);
    if (comma == NULL)
        return value.size == 0 ? 400 : 501;
    catzilla_slice_t first = {value.data, (size_t)(comma - value.data)};
    return cz_header_is(cz_header_trim(first), "chunked", 7) ? 400 : 501;
}

static int check_host(catzilla_slice_t value, cz_host_memo_t *memo)
{
    if (memo != NULL && value.size > 0 && value.size == memo->size &&
        memcmp(value.data, memo->text, value.size) == 0)
        return 0;
    if (!cz_header_is_host(value))
        return 400;
    if (memo != NULL && value.size > 0 && value.size <= sizeof memo->text) {
        memcpy(memo->text, value.data, value.size);
        memo->size = (uint32_t)value.size;
    }
    return 0;
}

static int check_fields(cz_head_t *head, cz_host_memo_t *memo)
{
    uint32_t seen[FIELD_IDS] = {0};
    for (uint32_t i = 0; i < head->field_count; i++) {
        const cz_field_t *field = &head->fields[i];
        field_id_t id = field_id(cz_head_slice(head, field->name, field->name_size));
        if (id == FIELD_OTHER)
            continue;
        catzilla_slice_t value = cz_head_slice(head, field->value, field->value_size);
        int status = 0;
        if (seen[id]++ > 0)
            return id == FIELD_EXPECT ? 417 : 400;
        if (id == FIELD_HOST)
            status = check_host(value, memo);
        else if (id == FIELD_CONTENT_LENGTH)
            status = length_parse(value, &head->content_length);
        else if (id == FIELD_TRANSFER_ENCODING)
            status = check_coding(head, value);
        else if (head->minor > 0) {
            head->expect_continue = cz_header_is(value, "100-continue", 12);
            status = head->expect_continue ? 0 : 417;
        }
        if (status != 0)
            return status;
    }
    if (seen[FIELD_CONTENT_LENGTH] > 0 && seen[FIELD_TRANSFER_ENCODING] > 0)
        return 400;
    if (head->minor > 0 && seen[FIELD_HOST] == 0)
        return 400;
    return 0;
}

/*
 * Empty lines before the request line are skipped, but only whole ones, and its parts stand one
 * space apart.
 */
static int check_line(const cz_head_t *head)
{
    const char *behind = head->base + head->target + head->target_size;
    if (head->method % 2 != 0)
        return 400;
    for (uint32_t i = 0; i < head->method; i += 2)
        if (head->base[i] != '\r' || head->base[i + 1] != '\n')
            return 400;
    if (head->target != head->method + head->method_size + 1)
        return 400;
    /* Without a version nothing need follow the target's line but an empty one. */
    if (behind[0] != ' ')
        return 400;
    return memcmp(behind, " HTTP/", 6) == 0 && memcmp(behind + 9, "\r\n", 2) == 0 ? 0 : 400;
}

static int absolute_form(cz_head_t *head, catzilla_slice_t target)
{
    const char *scheme = memchr(target.data, ':', target.size);
    if (scheme == NULL || target.size - (size_t)(scheme - target.data) < 4 ||
        memcmp(scheme, "://", 3) != 0)
        return 400;
    catzilla_slice_t name = {target.data, (size_t)(scheme - target.data)};
    if (!cz_header_is(name, "http", 4) && !cz_header_is(name, "https", 5))
        return 400;
    const char *host = scheme + 3;
    const char *end = target.data + target.size;
    const char *at = host;
    while (at < end && *at != '/' && *at != '?')
        at++;
    catzilla_slice_t authority = {host, (size_t)(at - host)};
    if (authority.size == 0 || !cz_header_is_host(authority))
        return 400;
    head->authority = head->target + (uint32_t)(host - target.data);
    head->authority_size = (uint32_t)authority.size;
    head->path = head->target + (uint32_t)(at - target.data);
    head->path_size = (uint32_t)(end - at);
    return 0;
}

/* Finds path and query in the target's forms (RFC 9112, section 3.2). */
static int check_target(cz_head_t *head)
{
    catzilla_slice_t target = cz_head_slice(head, head->target, head->target_size);
    catzilla_slice_t method = cz_head_slice(head, head->method, head->method_size);
    head->path = head->target;
    head->path_size = head->target_size;
    if (catzilla_slice_equal(method, CATZILLA_SLICE("CONNECT")))
        return 501; /* no proxy */
    if (target.size == 0)
        return 400;
    /* The first question mark begins the query in every form, as no authority has one. */
    const char *mark = NULL;
    for (size_t i = cz_header_plain_target(target); i < target.size; i++) {
        unsigned char c = (unsigned char)target.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#')
            return 400;
        if (c == '%')
            head->has_escape = true;
        else if (c == '?' && mark == NULL)
            mark = target.data + i;
    }
    if (target.data[0] != '/') {
        head->asterisk = target.size == 1 && target.data[0] == '*';
        if (head->asterisk)
            return catzilla_slice_equal(method, CATZILLA_SLICE("OPTIONS")) ? 0 : 400;
        int status = absolute_form(head, target);
        if (status != 0)
            return status;
    }
    if (mark != NULL) {
        uint32_t size = (uint32_t)(mark - (head->base + head->path));
        head->has_query = true;
        head->query = head->path + size + 1;
        head->query_size = head->path_size - size - 1;
        head->path_size = size;
    }
    return 0;
}

int cz_head_check(cz_head_t *head, cz_host_memo_t *memo)
{
    int status = check_line(head);
    if (status == 0)
        status = check_version(head);
    if (status == 0)
        status = check_target(head);
    if (status == 0)
        status = check_fields(head, memo);
    return status;
}
