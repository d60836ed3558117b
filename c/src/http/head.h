/* The head of a request: an index into its bytes, and what HTTP says of it. Layer: http. */
#ifndef CZ_HTTP_HEAD_H
#define CZ_HTTP_HEAD_H
#include <catzilla/slice.h>
#include <stdint.h>

/* Offsets count from the request's first byte, so that the bytes may move to another buffer. */
typedef struct cz_field {
    uint32_t name;
    uint32_t name_size;
    uint32_t value;
    uint32_t value_size;
} cz_field_t;

typedef struct cz_head {
    char *base;           /* the request's first byte, wherever the head lies now */
    cz_field_t *fields;   /* storage of the owner */
    uint32_t line_count;  /* of `fields` that are filled: the header section's, then trailers */
    uint32_t field_count; /* of the header section, once it is complete */
    uint32_t field_capacity;
    uint32_t method;
    uint32_t method_size;
    uint32_t target;
    uint32_t target_size;
    uint32_t authority; /* of an absolute-form target */
    uint32_t authority_size;
    uint32_t path; /* of an absolute-form target its path */
    uint32_t path_size;
    uint32_t query;
    uint32_t query_size;
    uint32_t end; /* the head's bytes, once it is complete */
    uint64_t content_length;
    uint8_t major;
    uint8_t minor;
    bool has_query;
    bool has_escape; /* a percent sign in the target */
    bool chunked;
    bool keep_alive;
    bool expect_continue;
    bool asterisk; /* the target is "*" */
    bool upgrade;
} cz_head_t;

static inline catzilla_slice_t cz_head_slice(const cz_head_t *head, uint32_t at, uint32_t size)
{
    catzilla_slice_t slice = {head->base + at, size};
    return slice;
}

/* The trailers so far, which lie behind a complete header section. */
static inline uint32_t cz_head_trailer_count(const cz_head_t *head)
{
    return head->line_count - head->field_count;
}

/* The last Host that was found to be valid: a server's requests mostly name the same one. */
typedef struct cz_host_memo {
    uint32_t size;
    char text[60];
} cz_host_memo_t;

/*
 * Checks a complete head, and fills what follows from its fields. `major`, `minor` and the
 * Connection header's wishes are set by the parser before. `memo` may be NULL. Returns 0, or the
 * status of a refusal.
 */
int cz_head_check(cz_head_t *head, cz_host_memo_t *memo);

#endif
