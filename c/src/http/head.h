/* The head of a request: an index into its bytes, and what HTTP says of it. Layer: http. */
#ifndef CZ_HTTP_HEAD_H
#define CZ_HTTP_HEAD_H
#include <catzilla/slice.h>
#include <stdint.h>

/* Fields that the core itself looks at. */
typedef enum cz_field_id {
    CZ_FIELD_OTHER,
    CZ_FIELD_HOST,
    CZ_FIELD_CONTENT_LENGTH,
    CZ_FIELD_TRANSFER_ENCODING,
    CZ_FIELD_EXPECT
} cz_field_id_t;

/* Offsets count from the request's first byte, so that the bytes may move to another buffer. */
typedef struct cz_field {
    uint32_t name;
    uint32_t value;
    uint32_t value_size;
    uint16_t name_size;
    uint16_t id; /* cz_field_id_t */
} cz_field_t;

typedef struct cz_head {
    char *base;             /* the request's first byte, wherever it lies now */
    cz_field_t *fields;     /* storage of the owner */
    uint32_t field_count;   /* of the header section */
    uint32_t trailer_count; /* behind them in `fields` */
    uint32_t field_capacity;
    uint32_t method;
    uint32_t method_size;
    uint32_t target;
    uint32_t target_size;
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

/* Recognises a field by its name. */
cz_field_id_t cz_head_field_id(catzilla_slice_t name);

/*
 * Checks a complete head, and fills what follows from its fields. `major`, `minor` and the
 * Connection header's wishes are set by the parser before. Returns 0, or the status of a refusal.
 */
int cz_head_check(cz_head_t *head);

#endif
