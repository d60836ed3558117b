/* Query, form and cookies of a request, each parsed at the first question. */
#include "http/header.h"
#include "http/request.h"

static const cz_pairs_t *query_of(catzilla_request_t *request)
{
    if (!request->query.parsed)
        cz_pairs_parse_form(&request->query, &request->arena, catzilla_request_query(request));
    return &request->query;
}

/* A form is what says that it is one; its parameters, such as a charset, change nothing. */
static const cz_pairs_t *form_of(catzilla_request_t *request)
{
    static const char type[] = "application/x-www-form-urlencoded";
    cz_pairs_t *form = &request->form;
    if (form->parsed)
        return form;
    form->parsed = true;
    /* A body that is read as it comes is never there as a whole. */
    if (request->reader != NULL)
        return form;
    catzilla_slice_t said = catzilla_request_header(request, "content-type");
    const char *stop = said.size == 0 ? NULL : memchr(said.data, ';', said.size);
    if (stop != NULL)
        said.size = (size_t)(stop - said.data);
    if (cz_header_is(cz_header_trim(said), type, sizeof type - 1))
        cz_pairs_parse_form(form, &request->arena, catzilla_request_body(request));
    return form;
}

static const cz_pairs_t *cookies_of(catzilla_request_t *request)
{
    const cz_head_t *head = &request->message.head;
    if (request->cookies.parsed)
        return &request->cookies;
    request->cookies.parsed = true;
    for (uint32_t i = 0; i < head->field_count; i++) {
        const cz_field_t *field = &head->fields[i];
        if (cz_header_is(cz_head_slice(head, field->name, field->name_size), "cookie", 6))
            cz_pairs_parse_cookie(&request->cookies, &request->arena,
                                  cz_head_slice(head, field->value, field->value_size));
    }
    return &request->cookies;
}

static int pair_at(const cz_pairs_t *pairs, size_t index, catzilla_slice_t *name,
                   catzilla_slice_t *value)
{
    catzilla_slice_t none = {NULL, 0};
    bool there = pairs->count > 0 && index < (size_t)pairs->count;
    if (name != NULL)
        *name = there ? pairs->pairs[index].name : none;
    if (value != NULL)
        *value = there ? pairs->pairs[index].value : none;
    if (pairs->count < 0)
        return pairs->count;
    return there ? 0 : CATZILLA_ERR_INVALID;
}

catzilla_slice_t catzilla_request_query_value(catzilla_request_t *request, const char *name)
{
    return cz_pairs_find(query_of(request), catzilla_slice_of(name));
}

int catzilla_request_query_count(catzilla_request_t *request)
{
    return query_of(request)->count;
}

int catzilla_request_query_at(catzilla_request_t *request, size_t index, catzilla_slice_t *name,
                              catzilla_slice_t *value)
{
    return pair_at(query_of(request), index, name, value);
}

catzilla_slice_t catzilla_request_form_value(catzilla_request_t *request, const char *name)
{
    return cz_pairs_find(form_of(request), catzilla_slice_of(name));
}

int catzilla_request_form_count(catzilla_request_t *request)
{
    return form_of(request)->count;
}

int catzilla_request_form_at(catzilla_request_t *request, size_t index, catzilla_slice_t *name,
                             catzilla_slice_t *value)
{
    return pair_at(form_of(request), index, name, value);
}

catzilla_slice_t catzilla_request_cookie(catzilla_request_t *request, const char *name)
{
    return cz_pairs_find(cookies_of(request), catzilla_slice_of(name));
}

int catzilla_request_cookie_count(catzilla_request_t *request)
{
    return cookies_of(request)->count;
}

int catzilla_request_cookie_at(catzilla_request_t *request, size_t index, catzilla_slice_t *name,
                               catzilla_slice_t *value)
{
    return pair_at(cookies_of(request), index, name, value);
}
