/*
 * One request: accessors over the parser's index. Nothing is copied; a path with escapes alone
 * gets a decoded copy in the request's memory, from which its parameters are slices.
 */
#include "http/request.h"

#include "http/header.h"
#include "http/percent.h"

catzilla_request_t *cz_request_create(cz_pool_t *pool, const cz_limits_t *limits, char *base,
                                      const cz_request_owner_ops_t *ops, void *owner)
{
    size_t block_size;
    size_t head = sizeof(catzilla_request_t) +
                  ((size_t)limits->max_headers + CZ_MAX_TRAILERS) * sizeof(cz_field_t);
    catzilla_request_t *request = cz_pool_take(pool, head + 256, &block_size);
    if (request == NULL)
        return NULL;
    cz_parser_start(&request->message, base, request->fields, limits);
    cz_arena_init(&request->arena, pool, (char *)request + head, block_size - head,
                  limits->max_memory);
    request->block_size = block_size;
    request->pool = pool;
    request->ops = ops;
    request->owner = owner;
    request->started_ns = 0;
    request->decoded_path = NULL;
    request->route = NULL;
    request->chain = NULL;
    request->entered = 0;
    request->param_count = 0;
    request->regions = NULL;
    request->region = NULL;
    request->detached = NULL;
    request->detached_size = 0;
    request->reader = NULL;
    request->may_stream = false;
    request->paused = request->ended = false;
    request->query.parsed = request->form.parsed = request->cookies.parsed = false;
    request->query.count = request->form.count = request->cookies.count = 0;
    return request;
}

size_t cz_request_memory(const catzilla_request_t *request)
{
    size_t handlers = request->region == NULL ? 0 : catzilla_region_high_water(request->region);
    return request->block_size + request->arena.total + request->detached_size + handlers;
}

void cz_request_destroy(catzilla_request_t *request)
{
    if (request == NULL)
        return;
    cz_arena_release(&request->arena);
    cz_regions_give(request->regions, request->region);
    cz_pool_give(request->pool, request->detached, request->detached_size);
    cz_pool_give(request->pool, request, request->block_size);
}

int cz_request_set_apart(catzilla_request_t *request)
{
    cz_message_t *message = &request->message;
    char *place = cz_arena_take(&request->arena, message->head.end);
    if (place == NULL)
        return CATZILLA_ERR_NOMEM;
    cz_parser_set_apart(message, place);
    return 0;
}

int cz_request_keep_head(catzilla_request_t *request)
{
    cz_message_t *message = &request->message;
    int rc = message->head_apart ? 0 : cz_request_set_apart(request);
    if (rc != 0)
        return rc;
    message->body_size = 0;
    message->head.line_count = message->head.field_count;
    return 0;
}

void cz_request_end_region(catzilla_request_t *request)
{
    cz_regions_give(request->regions, request->region);
    request->region = NULL;
}

static void form_forget(catzilla_request_t *request)
{
    request->form.parsed = false;
    request->form.count = 0;
}

/* Pairs parsed before are slices of where the bytes were; those of a head apart stay there. */
static void pairs_forget(catzilla_request_t *request)
{
    form_forget(request);
    if (request->message.head_apart)
        return;
    request->query.parsed = request->cookies.parsed = false;
    request->query.count = request->cookies.count = 0;
}

void cz_request_limit_kept(catzilla_request_t *request)
{
    cz_message_t *message = &request->message;
    size_t most = message->limits->max_memory, held = message->head.end;
    if (request->region != NULL)
        held += catzilla_region_high_water(request->region);
    uint64_t room = held < most ? most - held : 0;
    if (request->reader == NULL && room < message->max_body_bytes)
        message->max_body_bytes = room;
}

void cz_request_body_came(catzilla_request_t *request)
{
    form_forget(request);
    if (request->region != NULL)
        cz_regions_limit(request->regions, request->region,
                         request->message.head.end + request->message.body_size);
}

int cz_request_detach(catzilla_request_t *request)
{
    cz_message_t *message = &request->message;
    size_t size = message->body + message->body_size;
    if (cz_head_trailer_count(&message->head) > 0) {
        const cz_field_t *field = &message->head.fields[message->head.line_count - 1];
        size_t end = (size_t)field->value + field->value_size;
        size = end > size ? end : size;
    }
    /* Another thread must not take it off the worker's list. */
    if (catzilla_request_region(request) == NULL)
        return CATZILLA_ERR_NOMEM;
    char *block = cz_pool_take(request->pool, size, &request->detached_size);
    if (block == NULL)
        return CATZILLA_ERR_NOMEM;
    if (size > 0)
        memcpy(block, message->base, size);
    cz_parser_move(message, block);
    pairs_forget(request);
    request->detached = block;
    cz_pool_init(&request->direct, request->pool->alloc, request->pool->free, 0);
    request->arena.pool = &request->direct;
    return 0;
}

void cz_request_return(catzilla_request_t *request)
{
    request->arena.pool = request->pool;
}

static catzilla_slice_t decoded_path(const catzilla_request_t *request)
{
    if (request->decoded_path == NULL)
        return catzilla_request_path(request);
    catzilla_slice_t slice = {request->decoded_path, request->decoded_size};
    return slice;
}

static int path_decode(catzilla_request_t *request)
{
    if (!request->message.head.has_escape)
        return 0;
    catzilla_slice_t path = catzilla_request_path(request);
    if (memchr(path.data, '%', path.size) == NULL)
        return 0;
    char *copy = cz_arena_take(&request->arena, path.size);
    if (copy == NULL)
        return CATZILLA_ERR_NOMEM;
    if (!cz_percent_decode_path(path, copy, &request->decoded_size))
        return CATZILLA_ERR_SYNTAX;
    request->decoded_path = copy;
    return 0;
}

/* Keeps the parameters as offsets, and turns the NULs that stand for encoded slashes back. */
static void params_keep(catzilla_request_t *request, const catzilla_router_match_t *match)
{
    if (match->param_count == 0)
        return;
    const char *base = decoded_path(request).data;
    request->param_count = (uint32_t)match->param_count;
    for (size_t i = 0; i < match->param_count; i++) {
        request->params[i].name = match->params[i].name;
        request->params[i].at = (uint32_t)(match->params[i].value.data - base);
        request->params[i].size = (uint32_t)match->params[i].value.size;
    }
    char *escape = request->decoded_path;
    char *end = escape == NULL ? NULL : escape + request->decoded_size;
    while (escape != NULL && (escape = memchr(escape, '\0', (size_t)(end - escape))) != NULL)
        *escape++ = '/';
}

int cz_request_route(catzilla_request_t *request, const catzilla_router_t *router,
                     catzilla_router_result_t *result, catzilla_slice_t *allow)
{
    catzilla_router_match_t match;
    allow->data = NULL;
    allow->size = 0;
    int rc = path_decode(request);
    if (rc != 0)
        return rc;
    catzilla_slice_t path = decoded_path(request);
    *result = catzilla_router_lookup(router, catzilla_request_method(request), path, &match);
    request->route = match.value;
    if (*result == CATZILLA_ROUTER_FOUND)
        params_keep(request, &match);
    if (*result == CATZILLA_ROUTER_NO_METHOD) {
        char *copy = cz_arena_take(&request->arena, match.allow.size);
        if (copy == NULL)
            return CATZILLA_ERR_NOMEM;
        memcpy(copy, match.allow.data, match.allow.size);
        allow->data = copy;
        allow->size = match.allow.size;
    }
    return 0;
}

catzilla_slice_t catzilla_request_method(const catzilla_request_t *request)
{
    const cz_head_t *head = &request->message.head;
    return cz_head_slice(head, head->method, head->method_size);
}

catzilla_slice_t catzilla_request_target(const catzilla_request_t *request)
{
    const cz_head_t *head = &request->message.head;
    return cz_head_slice(head, head->target, head->target_size);
}

catzilla_slice_t catzilla_request_path(const catzilla_request_t *request)
{
    const cz_head_t *head = &request->message.head;
    /* An absolute-form target may have no path, which means the root (RFC 9112, 3.2.2). */
    if (head->path_size == 0)
        return CATZILLA_SLICE("/");
    return cz_head_slice(head, head->path, head->path_size);
}

catzilla_slice_t catzilla_request_query(const catzilla_request_t *request)
{
    const cz_head_t *head = &request->message.head;
    catzilla_slice_t none = {NULL, 0};
    return head->has_query ? cz_head_slice(head, head->query, head->query_size) : none;
}

catzilla_slice_t catzilla_request_body(const catzilla_request_t *request)
{
    const cz_message_t *message = &request->message;
    catzilla_slice_t body = {message->base + message->body, message->body_size};
    return body;
}

catzilla_slice_t catzilla_request_param(const catzilla_request_t *request, const char *name)
{
    catzilla_slice_t none = {NULL, 0};
    catzilla_slice_t wanted = catzilla_slice_of(name);
    for (uint32_t i = 0; i < request->param_count; i++) {
        const cz_request_param_t *param = &request->params[i];
        if (!catzilla_slice_equal(param->name, wanted))
            continue;
        catzilla_slice_t value = {decoded_path(request).data + param->at, param->size};
        return value;
    }
    return none;
}

catzilla_slice_t cz_request_header(const catzilla_request_t *request, catzilla_slice_t name)
{
    const cz_head_t *head = &request->message.head;
    catzilla_slice_t none = {NULL, 0};
    for (uint32_t i = 0; i < head->field_count; i++) {
        const cz_field_t *field = &head->fields[i];
        if (field->name_size == name.size &&
            cz_header_same(cz_head_slice(head, field->name, field->name_size), name))
            return cz_head_slice(head, field->value, field->value_size);
    }
    return none;
}

catzilla_slice_t catzilla_request_header(const catzilla_request_t *request, const char *name)
{
    return cz_request_header(request, catzilla_slice_of(name));
}

catzilla_slice_t catzilla_request_trailer(const catzilla_request_t *request, const char *name)
{
    const cz_head_t *head = &request->message.head;
    const char *base = request->message.base;
    catzilla_slice_t none = {NULL, 0};
    catzilla_slice_t wanted = catzilla_slice_of(name);
    for (uint32_t i = head->field_count; i < head->line_count; i++) {
        const cz_field_t *field = &head->fields[i];
        catzilla_slice_t said = {base + field->name, field->name_size};
        catzilla_slice_t value = {base + field->value, field->value_size};
        if (cz_header_same(said, wanted))
            return value;
    }
    return none;
}

int catzilla_request_read_body(catzilla_request_t *request, catzilla_body_fn reader,
                               void *user_data)
{
    if (reader == NULL)
        return CATZILLA_ERR_INVALID;
    if (!request->may_stream)
        return CATZILLA_ERR_STATE;
    request->reader = reader;
    request->reader_data = user_data;
    return 0;
}

void catzilla_request_limit_body(catzilla_request_t *request, uint64_t bytes)
{
    if (request->may_stream)
        request->message.max_body_bytes = bytes;
}

void catzilla_request_pause(catzilla_request_t *request)
{
    request->paused = true;
}

void catzilla_request_resume(catzilla_request_t *request)
{
    if (!request->paused)
        return;
    request->paused = false;
    request->ops->resume(request->owner);
}

catzilla_slice_t catzilla_request_host(const catzilla_request_t *request)
{
    const cz_head_t *head = &request->message.head;
    if (head->authority_size > 0)
        return cz_head_slice(head, head->authority, head->authority_size);
    return catzilla_request_header(request, "Host");
}

size_t catzilla_request_header_count(const catzilla_request_t *request)
{
    return request->message.head.field_count;
}

int catzilla_request_header_at(const catzilla_request_t *request, size_t index,
                               catzilla_slice_t *name, catzilla_slice_t *value)
{
    const cz_head_t *head = &request->message.head;
    catzilla_slice_t none = {NULL, 0};
    const cz_field_t *field = index < head->field_count ? &head->fields[index] : NULL;
    if (name != NULL)
        *name = field == NULL ? none : cz_head_slice(head, field->name, field->name_size);
    if (value != NULL)
        *value = field == NULL ? none : cz_head_slice(head, field->value, field->value_size);
    return field == NULL ? CATZILLA_ERR_INVALID : 0;
}

catzilla_slice_t catzilla_request_peer(const catzilla_request_t *request)
{
    return request->ops->peer(request->owner);
}

void *catzilla_request_scratch(catzilla_request_t *request, size_t size)
{
    catzilla_region_t *region = catzilla_request_region(request);
    return region == NULL ? NULL : catzilla_region_alloc(region, size);
}

catzilla_region_t *catzilla_request_region(catzilla_request_t *request)
{
    if (request->region != NULL)
        return request->region;
    const cz_message_t *message = &request->message;
    request->regions = request->ops->regions(request->owner);
    request->region = cz_regions_take(request->regions, message->head.end + message->body_size);
    return request->region;
}
