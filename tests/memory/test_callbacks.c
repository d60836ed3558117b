/* What a budget's callback may do in the middle of an allocation, and that it is called at all. */
#include "support.h"

#include <string.h>

#define MIB ((size_t)1 << 20)

/* Percent of a budget at which callbacks are called here: of a MiB, 10485 bytes. */
enum { EARLY = 1 };

typedef struct churn {
    size_t size;
    int calls;
    size_t refused;
} churn_t;

/* Takes more blocks than a magazine holds, and gives them back. */
static void take_and_free_many(int of, size_t charged, size_t budget, void *user_data)
{
    churn_t *churn = user_data;
    void *block[100];
    (void)charged;
    (void)budget;
    assert_int_equal(of, CATZILLA_MEMORY_CACHE);
    churn->calls++;
    for (size_t i = 0; i < COUNT_OF(block); i++)
        churn->refused += (block[i] = catzilla_cache_alloc(churn->size)) == NULL;
    for (size_t i = 0; i < COUNT_OF(block); i++)
        catzilla_free(block[i]);
}

static void a_callback_that_fills_a_magazine_loses_no_block(void **state)
{
    static const size_t size[] = {16, 64, 500, 1000, 2000, 4000};
    static void *block[2000];
    catzilla_memory_stats_t stats;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(size); i++) {
        churn_t churn = {size[i], 0, 0};
        size_t count = 0;
        assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, 8 * MIB), 0);
        assert_int_equal(catzilla_memory_set_budget_callback(take_and_free_many, EARLY, &churn), 0);
        while (churn.calls == 0 && count < COUNT_OF(block))
            assert_non_null(block[count++] = catzilla_cache_alloc(size[i]));
        if (size[i] >= 64)
            assert_true(churn.calls > 0);
        assert_int_equal(churn.refused, 0);
        assert_int_equal(catzilla_memory_set_budget_callback(NULL, 0, NULL), 0);
        while (count > 0)
            catzilla_free(block[--count]);
        if (usage_of(CATZILLA_MEMORY_CACHE) != 0)
            fail_msg("of blocks of %zu, %zu bytes are lost", size[i],
                     usage_of(CATZILLA_MEMORY_CACHE));
    }
    catzilla_memory_get_stats(&stats);
    assert_int_equal(stats.allocation_count, stats.deallocation_count);
}

typedef struct guest {
    catzilla_region_t *region;
    size_t size;
    int calls;
} guest_t;

static void take_from_the_region(int of, size_t charged, size_t budget, void *user_data)
{
    guest_t *guest = user_data;
    (void)of;
    (void)charged;
    (void)budget;
    guest->calls++;
    assert_non_null(catzilla_region_alloc(guest->region, guest->size));
}

static void a_callback_that_uses_the_region_passes_no_limit(void **state)
{
    enum { CHUNK_ROOM = 8176, BEYOND = 1024 };
    const size_t limit = CHUNK_ROOM + BEYOND;
    static const size_t size[] = {BEYOND, BEYOND / 2 + 16};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(size); i++) {
        guest_t guest = {NULL, size[i], 0};
        assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, MIB), 0);
        assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_REQUEST, &guest.region), 0);
        catzilla_region_set_limit(guest.region, limit);
        assert_int_equal(catzilla_memory_set_budget_callback(take_from_the_region, EARLY, &guest),
                         0);
        while (catzilla_region_used(guest.region) < CHUNK_ROOM)
            assert_non_null(catzilla_region_alloc(guest.region, 16));
        /* Asks for a chunk; what was left within the limit goes to the callback meanwhile. */
        void *block = catzilla_region_alloc(guest.region, size[i]);
        assert_int_equal(guest.calls, 1);
        if (block != NULL)
            memset(block, 'b', size[i]);
        assert_in_range(catzilla_region_used(guest.region), 0, limit);
        /* The inline function takes what lies between the two for free. */
        assert_true(guest.region->cursor <= guest.region->end);
        while (catzilla_region_alloc(guest.region, 16) != NULL)
            assert_in_range(catzilla_region_used(guest.region), 0, limit);
        assert_int_equal(catzilla_memory_set_budget_callback(NULL, 0, NULL), 0);
        catzilla_region_destroy(guest.region);
        assert_int_equal(usage_of_all(), 0);
    }
}

static void count_calls(int of, size_t charged, size_t budget, void *user_data)
{
    (void)of;
    (void)charged;
    (void)budget;
    ++*(int *)user_data;
}

static void the_threshold_is_told_where_magazines_were_in_the_way(void **state)
{
    void *small[30];
    int calls = 0;
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_TASK, 65536), 0);
    assert_int_equal(catzilla_memory_set_budget_callback(count_calls, 80, &calls), 0);
    /* Freed, these stay in a magazine, and count until room is needed. */
    for (size_t i = 0; i < COUNT_OF(small); i++)
        assert_non_null(small[i] = catzilla_task_alloc(512));
    for (size_t i = 0; i < COUNT_OF(small); i++)
        catzilla_free(small[i]);
    assert_int_equal(calls, 0);
    void *large = catzilla_task_alloc(57344);
    assert_non_null(large);
    assert_int_equal(calls, 1);
    catzilla_free(large);
}

static void a_refusal_is_told_before_it_is_made(void **state)
{
    int calls = 0;
    (void)state;
    assert_int_equal(catzilla_memory_set_budget_callback(count_calls, 80, &calls), 0);
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, MIB), 0);
    /* Half of the budget, and what would be one and a half. */
    void *block = catzilla_cache_alloc(MIB / 2);
    assert_non_null(block);
    assert_int_equal(calls, 0);
    assert_null(catzilla_cache_alloc(MIB));
    assert_int_equal(calls, 1);
    /* Who makes no room is not asked again. */
    assert_null(catzilla_cache_alloc(MIB));
    assert_int_equal(calls, 1);
    catzilla_free(block);
    assert_null(catzilla_cache_alloc(2 * MIB));
    assert_int_equal(calls, 2);
    /* The whole's budget likewise. */
    calls = 0;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, SIZE_MAX), 0);
    catzilla_memory_set_total_budget(MIB);
    assert_null(catzilla_cache_alloc(2 * MIB));
    assert_int_equal(calls, 1);
}

static void what_is_past_the_threshold_already_is_told_at_once(void **state)
{
    int calls = 0;
    (void)state;
    void *block = catzilla_cache_alloc(900000);
    assert_non_null(block);
    assert_int_equal(catzilla_memory_set_budget_callback(count_calls, 80, &calls), 0);
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, 2000000), 0);
    assert_int_equal(calls, 0);
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, 1000000), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, 100000), 0);
    assert_int_equal(calls, 2);
    assert_null(catzilla_cache_alloc(200000));
    assert_int_equal(calls, 2);
    catzilla_memory_set_total_budget(1000000);
    assert_int_equal(calls, 3);
    /* A callback that comes later hears of both. */
    assert_int_equal(catzilla_memory_set_budget_callback(count_calls, 90, &calls), 0);
    assert_int_equal(calls, 5);
    catzilla_free(block);
    /* A class of which nothing is live is past nothing. */
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_TASK, 0), 0);
    assert_int_equal(calls, 5);
}

/* A cache as a callback's guide has it: the oldest entries make room for the newest. */
typedef struct store {
    void *entry[20000];
    size_t first, count;
    int calls;
} store_t;

static void evict_one(store_t *store)
{
    if (store->count == 0)
        return;
    catzilla_free(store->entry[store->first]);
    store->first = (store->first + 1) % COUNT_OF(store->entry);
    store->count--;
}

static void evict_some(int of, size_t charged, size_t budget, void *user_data)
{
    store_t *store = user_data;
    (void)charged;
    (void)budget;
    assert_int_equal(of, CATZILLA_MEMORY_CACHE);
    store->calls++;
    for (size_t left = store->count / 4 + 1; left > 0; left--)
        evict_one(store);
}

static void a_cache_that_evicts_when_told_is_never_refused(void **state)
{
    /* Of the last, four are less than 90 hundredths of a MiB, and five are more than all of it. */
    static const size_t size[] = {24, 100, 1000, 4000, 10000, 100000, 220000};
    static store_t store;
    (void)state;
    for (size_t i = 0; i <= COUNT_OF(size); i++) {
        uint64_t seed = i;
        size_t stored = 0;
        memset(&store, 0, sizeof store);
        assert_int_equal(catzilla_memory_set_budget_callback(evict_some, 90, &store), 0);
        assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, MIB), 0);
        for (size_t entry = 0; entry < scaled(20000); entry++) {
            /* One size each time, and lastly all of them. */
            const size_t bytes =
                i < COUNT_OF(size) ? size[i] : 1 + next_random(&seed) % 40 * (entry % 97) * 20;
            if (store.count == COUNT_OF(store.entry))
                evict_one(&store);
            void *block = catzilla_cache_alloc(bytes);
            stored += bytes;
            if (block == NULL)
                fail_msg("entry %zu of %zu bytes was refused, with %zu live", entry, bytes,
                         usage_of(CATZILLA_MEMORY_CACHE));
            store.entry[(store.first + store.count++) % COUNT_OF(store.entry)] = block;
        }
        if (stored > 4 * MIB)
            assert_true(store.calls > 1);
        while (store.count > 0)
            evict_one(&store);
        assert_int_equal(usage_of(CATZILLA_MEMORY_CACHE), 0);
    }
}

typedef struct glutton {
    void *kept;
    int calls;
} glutton_t;

/* Frees something, and then wants more than there is. */
static void want_too_much(int of, size_t charged, size_t budget, void *user_data)
{
    glutton_t *glutton = user_data;
    (void)of;
    (void)charged;
    (void)budget;
    glutton->calls++;
    for (int i = 0; i < 100; i++) {
        catzilla_free(glutton->kept);
        assert_non_null(glutton->kept = catzilla_cache_alloc(65536));
        assert_null(catzilla_cache_alloc(MIB));
    }
}

static void a_callback_is_not_told_of_what_it_does_itself(void **state)
{
    glutton_t glutton = {0};
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, MIB), 0);
    assert_non_null(glutton.kept = catzilla_cache_alloc(65536));
    assert_int_equal(catzilla_memory_set_budget_callback(want_too_much, 80, &glutton), 0);
    assert_null(catzilla_cache_alloc(MIB));
    assert_int_equal(glutton.calls, 1);
    catzilla_memory_refusal_t refusal;
    catzilla_memory_last_refusal(&refusal);
    assert_int_equal(refusal.code, CATZILLA_ERR_BUDGET);
    assert_int_equal(refusal.size, MIB);
    catzilla_free(glutton.kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_that_fills_a_magazine_loses_no_block),
        cmocka_unit_test(a_callback_that_uses_the_region_passes_no_limit),
        cmocka_unit_test(the_threshold_is_told_where_magazines_were_in_the_way),
        cmocka_unit_test(a_refusal_is_told_before_it_is_made),
        cmocka_unit_test(what_is_past_the_threshold_already_is_told_at_once),
        cmocka_unit_test(a_cache_that_evicts_when_told_is_never_refused),
        cmocka_unit_test(a_callback_is_not_told_of_what_it_does_itself),
    };
    return run_isolated("memory callbacks", tests, COUNT_OF(tests), use_allocator_under_test);
}
