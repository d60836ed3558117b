/*
 * Route patterns taken apart. A pattern is split at its slashes; each segment is text or one
 * parameter in braces, never a mixture, so that a lookup needs no search inside a segment.
 */
#include "router/pattern.h"

#include <catzilla/router.h>

static const char *const type_names[CZ_PARAM_TYPES] = {"uuid",  "uint",  "int",  "hex",
                                                       "alpha", "alnum", "slug", ""};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_alpha(c);
}

static bool is_slug(char c)
{
    return is_alnum(c) || c == '-' || c == '_';
}

static bool all(catzilla_slice_t value, bool (*is_member)(char))
{
    for (size_t i = 0; i < value.size; i++)
        if (!is_member(value.data[i]))
            return false;
    return value.size > 0;
}

static bool is_int(catzilla_slice_t value)
{
    if (value.size > 1 && (value.data[0] == '-' || value.data[0] == '+')) {
        value.data++;
        value.size--;
    }
    return all(value, is_digit);
}

static bool is_uuid(catzilla_slice_t value)
{
    if (value.size != 36)
        return false;
    for (size_t i = 0; i < value.size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? value.data[i] != '-' : !is_hex(value.data[i]))
            return false;
    }
    return true;
}

bool cz_param_accepts(cz_param_type_t type, catzilla_slice_t value)
{
    switch (type) {
    case CZ_PARAM_UUID:
        return is_uuid(value);
    case CZ_PARAM_UINT:
        return all(value, is_digit);
    case CZ_PARAM_INT:
        return is_int(value);
    case CZ_PARAM_HEX:
        return all(value, is_hex);
    case CZ_PARAM_ALPHA:
        return all(value, is_alpha);
    case CZ_PARAM_ALNUM:
        return all(value, is_alnum);
    case CZ_PARAM_SLUG:
        return all(value, is_slug);
    case CZ_PARAM_ANY:
    case CZ_PARAM_TYPES:
        break;
    }
    return value.size > 0;
}

const char *cz_param_type_name(cz_param_type_t type)
{
    return type_names[type];
}

static int type_parse(catzilla_slice_t name, cz_param_type_t *out)
{
    for (int type = 0; type < CZ_PARAM_ANY; type++) {
        if (catzilla_slice_equal(name, catzilla_slice_of(type_names[type]))) {
            *out = (cz_param_type_t)type;
            return 0;
        }
    }
    return CATZILLA_ERR_PATTERN;
}

static bool is_name(catzilla_slice_t name)
{
    if (name.size == 0 || is_digit(name.data[0]))
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!is_alnum(name.data[i]) && name.data[i] != '_')
            return false;
    return true;
}

/* Reads what stands between the braces: name, name:type or name*. */
static const char *param_parse(catzilla_slice_t inside, cz_segment_t *out)
{
    out->kind = CZ_SEGMENT_PARAM;
    out->type = CZ_PARAM_ANY;
    out->text = inside;
    const char *colon = inside.size == 0 ? NULL : memchr(inside.data, ':', inside.size);
    if (colon != NULL) {
        out->text.size = (size_t)(colon - inside.data);
        catzilla_slice_t type = {colon + 1, inside.size - out->text.size - 1};
        if (type_parse(type, &out->type) != 0)
            return "unknown type of parameter";
    } else if (inside.size > 1 && inside.data[inside.size - 1] == '*') {
        out->kind = CZ_SEGMENT_REST;
        out->text.size--;
    }
    if (!is_name(out->text))
        return "a parameter's name is letters, digits and '_'";
    return NULL;
}

static const char *segment_parse(catzilla_slice_t text, cz_segment_t *out)
{
    if (text.size >= 2 && text.data[0] == '{' && text.data[text.size - 1] == '}') {
        catzilla_slice_t inside = {text.data + 1, text.size - 2};
        return param_parse(inside, out);
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '{' || text.data[i] == '}')
            return "a parameter takes a whole segment";
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return "control character";
    }
    out->kind = CZ_SEGMENT_TEXT;
    out->type = CZ_PARAM_ANY;
    out->text = text;
    return NULL;
}

/* Checks the segment just read against those before it. */
static const char *segment_check(const cz_segment_t *segments, size_t index, bool last)
{
    const cz_segment_t *own = &segments[index];
    size_t params = 0;
    if (own->kind == CZ_SEGMENT_TEXT)
        return own->text.size == 0 && !last ? "empty segment" : NULL;
    if (own->kind == CZ_SEGMENT_REST && !last)
        return "a rest parameter must come last";
    for (size_t i = 0; i < index; i++) {
        if (segments[i].kind == CZ_SEGMENT_TEXT)
            continue;
        params++;
        if (catzilla_slice_equal(segments[i].text, own->text))
            return "two parameters of one name";
    }
    return params >= CATZILLA_ROUTER_MAX_PARAMS ? "too many parameters" : NULL;
}

int cz_pattern_parse(catzilla_slice_t pattern, cz_segment_t *segments, size_t *count,
                     const char **trouble)
{
    *count = 0;
    *trouble = NULL;
    if (pattern.size == 0 || pattern.data[0] != '/') {
        *trouble = "a pattern begins with '/'";
        return CATZILLA_ERR_PATTERN;
    }
    const char *end = pattern.data + pattern.size;
    for (const char *at = pattern.data + 1;;) {
        if (*count == CZ_PATTERN_MAX_SEGMENTS) {
            *trouble = "too many segments";
            return CATZILLA_ERR_PATTERN;
        }
        const char *slash = at == end ? NULL : memchr(at, '/', (size_t)(end - at));
        const char *stop = slash == NULL ? end : slash;
        catzilla_slice_t text = {at, (size_t)(stop - at)};
        *trouble = segment_parse(text, &segments[*count]);
        if (*trouble == NULL)
            *trouble = segment_check(segments, *count, slash == NULL);
        if (*trouble != NULL)
            return CATZILLA_ERR_PATTERN;
        (*count)++;
        if (slash == NULL)
            return 0;
        at = slash + 1;
    }
}
