/*
 * The parser's glue. The first byte chooses the limits and whether a split message has its head set
 * apart, the second how the rest is split; each feed lies in a block of exactly its size. However a
 * message is split, it must come out the same.
 */
#include "http/parser.h"

#include "fuzz.h"

enum { FIELDS = 2048 }; /* more than an input can have */

typedef struct outcome {
    cz_parse_result_t result;
    int status;
    size_t used;
    uint64_t hash; /* of all that a complete request consists of */
} outcome_t;

static uint64_t mix(uint64_t hash, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
    return (hash ^ size) * UINT64_C(0x100000001b3);
}

static uint64_t mix_slice(const cz_message_t *message, uint64_t hash, uint32_t at, uint32_t size,
                          size_t kept)
{
    FUZZ_CHECK((size_t)at + size <= (message->head_apart ? message->head.end : kept));
    catzilla_slice_t slice = cz_head_slice(&message->head, at, size);
    return mix(hash, slice.data, slice.size);
}

/* Another reader might see a line end where one half of it stands alone. */
static void check_line_ends(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        FUZZ_CHECK(data[i] != '\n' || (i > 0 && data[i - 1] == '\r'));
        FUZZ_CHECK(data[i] != '\r' || (i + 1 < size && data[i + 1] == '\n'));
    }
}

static uint64_t describe(const cz_message_t *message, size_t kept)
{
    const cz_head_t *head = &message->head;
    const char flags[] = {head->keep_alive, head->chunked, head->expect_continue};
    uint64_t hash = mix(0, flags, sizeof flags);
    hash = mix_slice(message, hash, head->method, head->method_size, kept);
    hash = mix_slice(message, hash, head->target, head->target_size, kept);
    hash = mix_slice(message, hash, head->path, head->path_size, kept);
    hash = mix_slice(message, hash, head->query, head->query_size, kept);
    for (uint32_t i = 0; i < head->field_count; i++) {
        hash = mix_slice(message, hash, head->fields[i].name, head->fields[i].name_size, kept);
        hash = mix_slice(message, hash, head->fields[i].value, head->fields[i].value_size, kept);
    }
    check_line_ends(head->base, head->end);
    if (cz_head_trailer_count(head) > 0) {
        size_t trailers = head->fields[head->field_count].name;
        check_line_ends(message->base + trailers, kept - trailers);
    }
    for (uint32_t i = head->field_count; i < head->line_count; i++) {
        const cz_field_t *field = &head->fields[i];
        FUZZ_CHECK((size_t)field->value + field->value_size <= kept);
        hash = mix(hash, message->base + field->name, field->name_size);
        hash = mix(hash, message->base + field->value, field->value_size);
    }
    FUZZ_CHECK(message->body + message->body_size <= kept);
    FUZZ_CHECK(message->body_size <= message->limits->max_body_bytes);
    FUZZ_CHECK(head->chunked || message->body_size == head->content_length);
    return mix(hash, message->base + message->body, message->body_size);
}

static outcome_t run(const cz_limits_t *limits, const char *data, size_t size, size_t step,
                     bool apart)
{
    cz_message_t message;
    static cz_field_t fields[FIELDS + CZ_MAX_TRAILERS];
    outcome_t outcome = {CZ_PARSE_MORE, 0, 0, 0};
    size_t kept = 0;
    char *block = NULL, *place = NULL;
    cz_parser_start(&message, NULL, fields, limits);
    while (outcome.used < size && outcome.result < CZ_PARSE_DONE) {
        size_t more = size - outcome.used < step ? size - outcome.used : step;
        char *next = malloc(kept + more);
        FUZZ_CHECK(next != NULL);
        if (kept > 0)
            memcpy(next, block, kept);
        memcpy(next + kept, data + outcome.used, more);
        free(block);
        block = next;
        cz_parser_move(&message, block);
        char *at = block + kept, *end = at + more;
        while (at < end && outcome.result < CZ_PARSE_DONE) {
            size_t used;
            outcome.result = cz_parser_feed(&message, at, (size_t)(end - at), &used);
            if (outcome.result == CZ_PARSE_REFUSED)
                goto refused;
            FUZZ_CHECK(used <= (size_t)(end - at));
            FUZZ_CHECK(outcome.result != CZ_PARSE_MORE || used == (size_t)(end - at));
            at += used;
            outcome.used += used;
            if (outcome.result == CZ_PARSE_HEAD && apart) {
                place = malloc(message.head.end);
                FUZZ_CHECK(place != NULL);
                cz_parser_set_apart(&message, place);
            }
        }
        kept = cz_parser_kept(&message, at);
        FUZZ_CHECK(kept <= (size_t)(at - block));
        /* What the head took of this block is not kept. */
        if (kept > 0)
            memmove(block, message.base, kept);
        cz_parser_move(&message, block);
    }
    if (outcome.result == CZ_PARSE_DONE)
        outcome.hash = describe(&message, kept);
    free(place);
    free(block);
    return outcome;
refused:
    outcome.status = message.status;
    FUZZ_CHECK(outcome.status >= 400);
    free(place);
    free(block);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cz_limits_t wide = {.max_target_bytes = 1 << 20,
                               .max_header_bytes = 1 << 20,
                               .max_headers = FIELDS,
                               .max_body_bytes = 1 << 20,
                               .max_extension_bytes = 1 << 20};
    static cz_limits_t narrow = {.max_target_bytes = 24,
                                 .max_header_bytes = 128,
                                 .max_headers = 4,
                                 .max_body_bytes = 16,
                                 .max_extension_bytes = 8};
    if (size < 2)
        return 0;
    cz_limits_t *limits = data[0] % 2 == 0 ? &wide : &narrow;
    cz_parser_prepare(limits);
    const char *text = (const char *)data + 2;
    size_t text_size = size - 2;
    outcome_t whole = run(limits, text, text_size, text_size, false);
    outcome_t split = run(limits, text, text_size, 1u + data[1] % 32, data[0] % 4 > 1);
    /* Past a limit a longer piece may show another fault first; either refusal is right. */
    FUZZ_CHECK(whole.result == split.result ||
               (whole.result < CZ_PARSE_DONE && split.result < CZ_PARSE_DONE));
    if (limits == &wide && whole.result != CZ_PARSE_REFUSED) {
        FUZZ_CHECK(whole.used == split.used);
        FUZZ_CHECK(whole.hash == split.hash);
    }
    if (limits == &wide)
        FUZZ_CHECK(whole.status == split.status);
    return 0;
}
