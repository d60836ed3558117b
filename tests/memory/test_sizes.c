/* Sizes at the edges, alignment, and what realloc promises. */
#include "support.h"

#include <errno.h>
#include <string.h>

static void calloc_refuses_a_product_that_overflows(void **state)
{
    static const struct {
        size_t count, size;
    } row[] = {
        {SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        errno = 0;
        if (catzilla_calloc(row[i].count, row[i].size) != NULL || errno != ENOMEM)
            fail_msg("calloc(%zu, %zu): errno %d", row[i].count, row[i].size, errno);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void every_alloc_refuses_more_than_ptrdiff_max(void **state)
{
    static const size_t size[] = {(size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096, SIZE_MAX - 15,
                                  SIZE_MAX};
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        for (size_t j = 0; j < COUNT_OF(size); j++) {
            errno = 0;
            if (memory_class[i].alloc(size[j]) != NULL || errno != ENOMEM)
                fail_msg("%s: alloc(%zu): errno %d", memory_class[i].name, size[j], errno);
        }
    assert_int_equal(usage_of_all(), 0);
}

static void realloc_past_ptrdiff_max_leaves_the_block_as_it_was(void **state)
{
    static const size_t size[] = {(size_t)PTRDIFF_MAX + 1, SIZE_MAX};
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        unsigned char *block = memory_class[i].alloc(64);
        assert_non_null(block);
        memset(block, 0xc3, 64);
        for (size_t j = 0; j < COUNT_OF(size); j++) {
            /* The same class, and one that would have to move it. */
            errno = 0;
            assert_null(memory_class[i].realloc(block, size[j]));
            assert_int_equal(errno, ENOMEM);
            errno = 0;
            assert_null(memory_class[(i + 1) % MEMORY_CLASSES].realloc(block, size[j]));
            assert_int_equal(errno, ENOMEM);
        }
        for (size_t at = 0; at < 64; at++)
            assert_int_equal(block[at], 0xc3);
        assert_int_equal(usage_of(memory_class[i].type), 64);
        memory_class[i].free(block);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void size_0_gives_blocks_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        void *first = memory_class[i].alloc(0);
        void *second = memory_class[i].alloc(0);
        assert_non_null(first);
        assert_non_null(second);
        assert_ptr_not_equal(first, second);
        memory_class[i].free(first);
        memory_class[i].free(second);
    }
    void *first = catzilla_calloc(0, 8);
    void *second = catzilla_calloc(8, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    catzilla_free(first);
    catzilla_free(second);
    assert_int_equal(usage_of_all(), 0);
}

static void realloc_from_null_allocates_in_the_named_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        void *block = memory_class[i].realloc(NULL, 1024);
        assert_non_null(block);
        assert_int_equal(usage_of(memory_class[i].type), 1024);
        assert_int_equal(usage_of_all(), 1024);
        memory_class[i].free(block);
        void *empty = memory_class[i].realloc(NULL, 0);
        assert_non_null(empty);
        memory_class[i].free(empty);
        assert_int_equal(usage_of_all(), 0);
    }
}

static void realloc_to_0_shrinks_and_never_frees(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        void *block = memory_class[i].alloc(4096);
        assert_non_null(block);
        void *shrunk = memory_class[i].realloc(block, 0);
        assert_non_null(shrunk);
        assert_in_range(usage_of(memory_class[i].type), 0, 16);
        /* A second block is another one, so the first is still taken. */
        void *other = memory_class[i].alloc(0);
        assert_non_null(other);
        assert_ptr_not_equal(other, shrunk);
        memory_class[i].free(shrunk);
        memory_class[i].free(other);
        assert_int_equal(usage_of_all(), 0);
    }
}

static void fill(unsigned char *block, size_t size)
{
    for (size_t at = 0; at < size; at++)
        block[at] = (unsigned char)(at * 31 + 7);
}

/* The first place in which `block` differs from what fill wrote, or `size`. */
static size_t first_difference(const unsigned char *block, size_t size)
{
    size_t at = 0;
    while (at < size && block[at] == (unsigned char)(at * 31 + 7))
        at++;
    return at;
}

static void realloc_across_classes_moves_the_block_and_its_bytes(void **state)
{
    static const size_t new_size[] = {64, 1024, 65536};
    (void)state;
    for (size_t from = 0; from < MEMORY_CLASSES; from++)
        for (size_t to = 0; to < MEMORY_CLASSES; to++)
            for (size_t i = 0; i < COUNT_OF(new_size); i++) {
                unsigned char *block = memory_class[from].alloc(1024);
                assert_non_null(block);
                fill(block, 1024);
                block = memory_class[to].realloc(block, new_size[i]);
                assert_non_null(block);
                const size_t kept = new_size[i] < 1024 ? new_size[i] : 1024;
                if (first_difference(block, kept) != kept)
                    fail_msg("%s to %s, %zu bytes: byte %zu is lost", memory_class[from].name,
                             memory_class[to].name, new_size[i], first_difference(block, kept));
                if (usage_of(memory_class[to].type) != new_size[i] || usage_of_all() != new_size[i])
                    fail_msg("%s to %s: %zu of %zu live bytes are in the class",
                             memory_class[from].name, memory_class[to].name,
                             usage_of(memory_class[to].type), usage_of_all());
                catzilla_free(block);
                assert_int_equal(usage_of_all(), 0);
            }
}

static void realloc_keeps_the_bytes_through_growth_and_back(void **state)
{
    static const size_t step[] = {1, 15, 16, 17, 100, 4095, 4096, 4097, 20000, 1u << 20, 3u << 20};
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        unsigned char *block = NULL;
        size_t filled = 0;
        for (size_t j = 0; j < COUNT_OF(step); j++) {
            block = memory_class[i].realloc(block, step[j]);
            assert_non_null(block);
            assert_int_equal(first_difference(block, filled), filled);
            fill(block, step[j]);
            filled = step[j];
        }
        for (size_t j = COUNT_OF(step); j-- > 0;) {
            block = memory_class[i].realloc(block, step[j]);
            assert_non_null(block);
            assert_int_equal(first_difference(block, step[j]), step[j]);
        }
        memory_class[i].free(block);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void sizes_from_16_on_are_aligned_to_16(void **state)
{
    void *block[MEMORY_CLASSES];
    (void)state;
    for (size_t size = 16; size < 70000; size += size / 7 + 1) {
        for (size_t i = 0; i < MEMORY_CLASSES; i++) {
            block[i] = memory_class[i].alloc(size);
            assert_non_null(block[i]);
            if ((uintptr_t)block[i] % 16 != 0)
                fail_msg("%s: a block of %zu is at %p", memory_class[i].name, size, block[i]);
        }
        for (size_t i = 0; i < MEMORY_CLASSES; i++)
            memory_class[i].free(block[i]);
    }
}

static void calloc_gives_zeroes_where_a_dirty_block_lay(void **state)
{
    static const size_t size[] = {1, 24, 64, 100, 1024, 5000, 40000, 2u << 20};
    (void)state;
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT_OF(size); i++) {
            unsigned char *dirty = catzilla_malloc(size[i]);
            assert_non_null(dirty);
            memset(dirty, 0xff, size[i]);
            catzilla_free(dirty);
            unsigned char *clean = catzilla_calloc(1, size[i]);
            assert_non_null(clean);
            for (size_t at = 0; at < size[i]; at++)
                if (clean[at] != 0)
                    fail_msg("byte %zu of %zu is %u", at, size[i], clean[at]);
            catzilla_free(clean);
        }
}

static void live_blocks_never_overlap(void **state)
{
    enum { BLOCKS = 2000 };
    static unsigned char *block[BLOCKS];
    static size_t size[BLOCKS];
    uint64_t seed = 1;
    (void)state;
    for (size_t i = 0; i < BLOCKS; i++) {
        size[i] = 1 + next_random(&seed) % 3000;
        block[i] = memory_class[i % MEMORY_CLASSES].alloc(size[i]);
        assert_non_null(block[i]);
        memset(block[i], (int)(i % 251), size[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        for (size_t at = 0; at < size[i]; at++)
            if (block[i][at] != i % 251)
                fail_msg("block %zu of %zu bytes is overwritten at %zu", i, size[i], at);
        memory_class[i % MEMORY_CLASSES].free(block[i]);
    }
    assert_int_equal(usage_of_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calloc_refuses_a_product_that_overflows),
        cmocka_unit_test(every_alloc_refuses_more_than_ptrdiff_max),
        cmocka_unit_test(realloc_past_ptrdiff_max_leaves_the_block_as_it_was),
        cmocka_unit_test(size_0_gives_blocks_of_their_own),
        cmocka_unit_test(realloc_from_null_allocates_in_the_named_class),
        cmocka_unit_test(realloc_to_0_shrinks_and_never_frees),
        cmocka_unit_test(realloc_across_classes_moves_the_block_and_its_bytes),
        cmocka_unit_test(realloc_keeps_the_bytes_through_growth_and_back),
        cmocka_unit_test(sizes_from_16_on_are_aligned_to_16),
        cmocka_unit_test(calloc_gives_zeroes_where_a_dirty_block_lay),
        cmocka_unit_test(live_blocks_never_overlap),
    };
    return run_isolated("memory sizes", tests, COUNT_OF(tests), use_allocator_under_test);
}
