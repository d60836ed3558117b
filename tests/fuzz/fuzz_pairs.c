/* Queries, forms and cookies. What is found must lie in the text or in the request's memory. */
#include "http/pairs.h"

#include <catzilla/errors.h>

#include "fuzz.h"

enum { STORAGE = 1024 };

/* How many pieces of the text are not empty. */
static int pieces_of(catzilla_slice_t text, char separator)
{
    int count = 0;
    while (text.size > 0)
        count += fuzz_part(&text, separator).size > 0;
    return count;
}

static void check(const cz_pairs_t *pairs, catzilla_slice_t text)
{
    size_t total = 0;
    FUZZ_CHECK(pairs->count <= CZ_PAIRS_MAX);
    for (int i = 0; i < pairs->count; i++) {
        const cz_pair_t *pair = &pairs->pairs[i];
        FUZZ_CHECK(pair->name.data != NULL && pair->value.data != NULL);
        total += pair->name.size + pair->value.size;
        FUZZ_CHECK(cz_pairs_find(pairs, pair->name).data != NULL);
    }
    FUZZ_CHECK(total <= text.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char storage[STORAGE];
    cz_pool_t pool;
    cz_arena_t arena;
    cz_pairs_t form = {0}, cookies = {0};
    char *copy = fuzz_copy(data, size);
    catzilla_slice_t text = {copy, size};
    cz_pool_init(&pool, malloc, free, 0);
    cz_arena_init(&arena, &pool, storage, sizeof storage, SIZE_MAX);
    cz_pairs_parse_form(&form, &arena, text);
    FUZZ_CHECK(form.count == pieces_of(text, '&') || form.count == CATZILLA_ERR_LIMIT);
    check(&form, text);
    cz_pairs_parse_cookie(&cookies, &arena, text);
    FUZZ_CHECK(cookies.count <= pieces_of(text, ';'));
    check(&cookies, text);
    /* A second field adds to the first. */
    int before = cookies.count;
    cz_pairs_parse_cookie(&cookies, &arena, CATZILLA_SLICE("added=1"));
    FUZZ_CHECK(cookies.count == before + 1 || cookies.count == CATZILLA_ERR_LIMIT);
    cz_arena_release(&arena);
    free(copy);
    return 0;
}
