/* Names and values of header fields, by one table of what each byte may be part of. */
#include "http/header.h"

#include <stdint.h>

enum {
    IS_TOKEN = 1, /* RFC 9110, section 5.6.2: tchar */
    IS_HOST = 2,  /* RFC 3986, section 3.2.2: reg-name, and what IP literals add */
    IS_PLAIN = 4  /* means nothing but itself in a target */
};

#define P IS_PLAIN
#define X (IS_PLAIN | IS_TOKEN)
#define H (IS_PLAIN | IS_HOST)
#define B (IS_PLAIN | IS_TOKEN | IS_HOST)
#define F IS_TOKEN
#define E (IS_TOKEN | IS_HOST)
static const uint8_t kind[256] = {
    ['!'] = B, ['"'] = P, ['#'] = F, ['$'] = B, ['%'] = E, ['&'] = B, ['\''] = B, ['('] = H,
    [')'] = H, ['*'] = B, ['+'] = B, [','] = H, ['-'] = B, ['.'] = B, ['/'] = P,  [':'] = P,
    [';'] = H, ['<'] = P, ['='] = H, ['>'] = P, ['@'] = P, ['['] = P, ['\\'] = P, [']'] = P,
    ['^'] = X, ['_'] = B, ['`'] = X, ['{'] = P, ['|'] = X, ['}'] = P, ['~'] = B,  ['0'] = B,
    ['1'] = B, ['2'] = B, ['3'] = B, ['4'] = B, ['5'] = B, ['6'] = B, ['7'] = B,  ['8'] = B,
    ['9'] = B, ['a'] = B, ['b'] = B, ['c'] = B, ['d'] = B, ['e'] = B, ['f'] = B,  ['g'] = B,
    ['h'] = B, ['i'] = B, ['j'] = B, ['k'] = B, ['l'] = B, ['m'] = B, ['n'] = B,  ['o'] = B,
    ['p'] = B, ['q'] = B, ['r'] = B, ['s'] = B, ['t'] = B, ['u'] = B, ['v'] = B,  ['w'] = B,
    ['x'] = B, ['y'] = B, ['z'] = B, ['A'] = B, ['B'] = B, ['C'] = B, ['D'] = B,  ['E'] = B,
    ['F'] = B, ['G'] = B, ['H'] = B, ['I'] = B, ['J'] = B, ['K'] = B, ['L'] = B,  ['M'] = B,
    ['N'] = B, ['O'] = B, ['P'] = B, ['Q'] = B, ['R'] = B, ['S'] = B, ['T'] = B,  ['U'] = B,
    ['V'] = B, ['W'] = B, ['X'] = B, ['Y'] = B, ['Z'] = B,
};
#undef P
#undef X
#undef H
#undef B
#undef F
#undef E

/* The first byte that is not `wanted`, or `end`. */
static inline const char *skip(const char *at, const char *end, uint8_t wanted)
{
    const uint8_t *byte = (const uint8_t *)at, *last = (const uint8_t *)end;
    while (last - byte >= 4 &&
           (kind[byte[0]] & kind[byte[1]] & kind[byte[2]] & kind[byte[3]] & wanted) != 0)
        byte += 4;
    while (byte < last && (kind[*byte] & wanted) != 0)
        byte++;
    return (const char *)byte;
}

bool cz_header_is_token(catzilla_slice_t text)
{
    const char *end = text.data + text.size;
    return text.size > 0 && skip(text.data, end, IS_TOKEN) == end;
}

size_t cz_header_plain_target(catzilla_slice_t target)
{
    return (size_t)(skip(target.data, target.data + target.size, IS_PLAIN) - target.data);
}

/* Whether one of eight bytes is below space or DEL; a tab counts as well. */
static inline bool has_control(const char *data)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, data, sizeof word);
    uint64_t below = (word - each * ' ') & ~word;
    uint64_t other = word ^ (each * 0x7f);
    return ((below | ((other - each) & ~other)) & (each * 0x80)) != 0;
}

bool cz_header_is_value(catzilla_slice_t text)
{
    size_t i = 0;
    while (text.size - i >= 8 && !has_control(text.data + i))
        i += 8;
    /* The last word overlaps the one before. */
    if (text.size >= 8 && text.size - i < 8 && !has_control(text.data + text.size - 8))
        return true;
    for (; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static char lowered(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool cz_header_is(catzilla_slice_t text, const char *lower, size_t size)
{
    if (text.size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text.data[i] != lower[i] && lowered(text.data[i]) != lower[i])
            return false;
    return true;
}

bool cz_header_same(catzilla_slice_t a, catzilla_slice_t b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lowered(a.data[i]) != lowered(b.data[i]))
            return false;
    return true;
}

/* Behind "[address]", which begins at `at`; NULL where it is none. */
static const char *skip_literal(const char *at, const char *end)
{
    const char *begin = ++at;
    while (at < end && (*at == ':' || (kind[(unsigned char)*at] & IS_HOST) != 0))
        at++;
    return at > begin && at < end && *at == ']' ? at + 1 : NULL;
}

/* A port may be empty (RFC 3986, section 3.2.3). */
bool cz_header_is_host(catzilla_slice_t value)
{
    const char *begin = value.data, *end = begin + value.size;
    const char *at =
        value.size > 0 && *begin == '[' ? skip_literal(begin, end) : skip(begin, end, IS_HOST);
    if (at == end)
        return true;
    if (at == NULL || at == begin || *at++ != ':' || end - at > 5)
        return false;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at == end;
}

catzilla_slice_t cz_header_trim(catzilla_slice_t text)
{
    while (text.size > 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}
