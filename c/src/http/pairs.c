/*
 * Names with values. A text is parsed once, at the first question; a piece with escapes is decoded
 * into the request's memory, all others are slices of the text.
 * Source: the URL standard, section 5.1 (urlencoded); RFC 6265, section 4.2.1 (cookies).
 */
#include "http/pairs.h"

#include "http/header.h"
#include "http/percent.h"

#include <catzilla/errors.h>

/* Makes room for the pairs of one more text; false when the limit or the memory is reached. */
static bool reserve(cz_pairs_t *pairs, cz_arena_t *arena, catzilla_slice_t text, char separator)
{
    size_t more = 1;
    pairs->parsed = true;
    if (pairs->count < 0)
        return false;
    for (size_t i = 0; i < text.size; i++)
        more += text.data[i] == separator;
    size_t total = (size_t)pairs->count + more;
    if (total > CZ_PAIRS_MAX) {
        pairs->count = CATZILLA_ERR_LIMIT;
        return false;
    }
    cz_pair_t *grown = cz_arena_take(arena, total * sizeof *grown);
    if (grown == NULL) {
        pairs->count = CATZILLA_ERR_NOMEM;
        return false;
    }
    if (pairs->count > 0)
        memcpy(grown, pairs->pairs, (size_t)pairs->count * sizeof *grown);
    pairs->pairs = grown;
    return true;
}

/* The piece up to the separator; `text` goes on behind it. */
static catzilla_slice_t piece_take(catzilla_slice_t *text, char separator)
{
    const char *stop = text->size == 0 ? NULL : memchr(text->data, separator, text->size);
    catzilla_slice_t piece = {text->data, stop == NULL ? text->size : (size_t)(stop - text->data)};
    size_t taken = piece.size + (stop != NULL);
    text->data += taken;
    text->size -= taken;
    return piece;
}

static cz_pair_t split(catzilla_slice_t piece)
{
    cz_pair_t pair;
    pair.name = piece_take(&piece, '=');
    pair.value = piece;
    return pair;
}

static bool decode(catzilla_slice_t *text, cz_arena_t *arena)
{
    bool escaped = text->size > 0 && (memchr(text->data, '%', text->size) != NULL ||
                                      memchr(text->data, '+', text->size) != NULL);
    if (!escaped)
        return true;
    char *out = cz_arena_take(arena, text->size);
    if (out == NULL)
        return false;
    size_t used = 0;
    for (size_t i = 0; i < text->size; i++) {
        char c = text->data[i];
        bool whole = c == '%' && text->size - i >= 3;
        int high = whole ? cz_percent_digit(text->data[i + 1]) : -1;
        int low = whole ? cz_percent_digit(text->data[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[used++] = c;
    }
    text->data = out;
    text->size = used;
    return true;
}

void cz_pairs_parse_form(cz_pairs_t *pairs, cz_arena_t *arena, catzilla_slice_t text)
{
    if (!reserve(pairs, arena, text, '&'))
        return;
    while (text.size > 0) {
        catzilla_slice_t piece = piece_take(&text, '&');
        if (piece.size == 0)
            continue;
        cz_pair_t pair = split(piece);
        if (!decode(&pair.name, arena) || !decode(&pair.value, arena)) {
            pairs->count = CATZILLA_ERR_NOMEM;
            return;
        }
        pairs->pairs[pairs->count++] = pair;
    }
}

void cz_pairs_parse_cookie(cz_pairs_t *pairs, cz_arena_t *arena, catzilla_slice_t text)
{
    if (!reserve(pairs, arena, text, ';'))
        return;
    while (text.size > 0) {
        catzilla_slice_t piece = cz_header_trim(piece_take(&text, ';'));
        /* One without a name says nothing that could be asked for. */
        if (piece.size == 0 || memchr(piece.data, '=', piece.size) == NULL)
            continue;
        cz_pair_t pair = split(piece);
        pair.name = cz_header_trim(pair.name);
        pair.value = cz_header_trim(pair.value);
        pairs->pairs[pairs->count++] = pair;
    }
}

catzilla_slice_t cz_pairs_find(const cz_pairs_t *pairs, catzilla_slice_t name)
{
    catzilla_slice_t none = {NULL, 0};
    for (int i = 0; i < pairs->count; i++)
        if (catzilla_slice_equal(pairs->pairs[i].name, name))
            return pairs->pairs[i].value;
    return none;
}
