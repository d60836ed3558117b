/* One random tape of operations, replayed on each allocator in a process of its own: contents and
 * error answers must be the same to the bit. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 256, STEPS_PER_DIGEST = 1000, DIGESTS = 200 };

typedef struct slot {
    unsigned char *block;
    size_t size;
} slot_t;

static void fold(uint64_t *digest, uint64_t value)
{
    /* FNV-1a, a word at a time. */
    *digest = (*digest ^ value) * 0x100000001b3u;
}

static void fold_answer(uint64_t *digest, const void *block)
{
    fold(digest, block != NULL);
    fold(digest, block == NULL ? (uint64_t)errno : 0);
}

static void fold_block(uint64_t *digest, const slot_t *slot)
{
    size_t at = 0;
    for (uint64_t word; at + sizeof word <= slot->size; at += sizeof word) {
        memcpy(&word, slot->block + at, sizeof word);
        fold(digest, word);
    }
    for (; at < slot->size; at++)
        fold(digest, slot->block[at]);
}

/* Mostly small, now and then large, rarely one that no allocator can serve. */
static size_t draw_size(uint64_t draw)
{
    switch (draw % 64) {
    case 0:
        return 0;
    case 1:
        return SIZE_MAX - draw % 100;
    case 2:
        return (size_t)PTRDIFF_MAX + 1;
    case 3:
    case 4:
        return (draw >> 6) % 300000;
    default:
        return (draw >> 6) % 3000;
    }
}

static void keep(slot_t *slot, unsigned char *block, size_t size, uint64_t draw)
{
    *slot = (slot_t){block, block == NULL ? 0 : size};
    if (block != NULL)
        memset(block, (int)(draw >> 56), size);
}

static void step(slot_t *slot, uint64_t draw, uint64_t *digest)
{
    const memory_class_t *class = &memory_class[(draw >> 8) % MEMORY_CLASSES];
    const size_t size = draw_size(draw >> 20);
    unsigned char *block;
    errno = 0;
    switch ((draw >> 12) % 8) {
    case 0:
    case 1:
        fold_block(digest, slot);
        class->free(slot->block);
        keep(slot, NULL, 0, 0);
        break;
    case 2:
    case 3:
        block = class->realloc(slot->block, size);
        fold_answer(digest, block);
        if (block == NULL) {
            fold_block(digest, slot);
            break;
        }
        if (size < slot->size)
            slot->size = size;
        slot->block = block;
        fold_block(digest, slot);
        keep(slot, block, size, draw);
        break;
    case 4:
        fold_block(digest, slot);
        catzilla_free(slot->block);
        block = catzilla_calloc(1 + (draw >> 16) % 8, size);
        fold_answer(digest, block);
        *slot = (slot_t){block, block == NULL ? 0 : size};
        fold_block(digest, slot);
        break;
    case 5:
        fold(digest, (uint64_t)catzilla_memory_purge_arena(
                         (catzilla_memory_type_t)((int)(draw >> 16 & 15) - 4)));
        break;
    default:
        fold_block(digest, slot);
        catzilla_free(slot->block);
        block = class->alloc(size);
        fold_answer(digest, block);
        keep(slot, block, size, draw);
    }
}

/* Writes a digest of every thousand steps to `out`. */
static void replay(int out, catzilla_allocator_type_t allocator)
{
    slot_t slot[SLOTS] = {{NULL, 0}};
    uint64_t seed = 2026;
    uint64_t digest = 0xcbf29ce484222325u;
    if (catzilla_memory_set_allocator(allocator) != 0)
        _exit(2);
    for (size_t i = 0; i < DIGESTS; i++) {
        for (size_t j = 0; j < STEPS_PER_DIGEST; j++) {
            const uint64_t draw = next_random(&seed);
            step(&slot[draw % SLOTS], draw, &digest);
        }
        if (write(out, &digest, sizeof digest) != (ssize_t)sizeof digest)
            _exit(3);
    }
    for (size_t i = 0; i < SLOTS; i++)
        catzilla_free(slot[i].block);
    _exit(usage_of_all() == 0 ? 0 : 4);
}

static void digests_of(uint64_t digest[DIGESTS], catzilla_allocator_type_t allocator)
{
    int channel[2];
    int status = -1;
    assert_int_equal(pipe(channel), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        replay(channel[1], allocator);
    close(channel[1]);
    FILE *from = fdopen(channel[0], "r");
    assert_non_null(from);
    const size_t got = fread(digest, sizeof *digest, DIGESTS, from);
    fclose(from);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(got, DIGESTS);
}

static void a_tape_gives_the_same_on_both_allocators(void **state)
{
    static uint64_t on_system[DIGESTS];
    static uint64_t on_jemalloc[DIGESTS];
    (void)state;
    digests_of(on_system, CATZILLA_ALLOCATOR_MALLOC);
    digests_of(on_jemalloc, CATZILLA_ALLOCATOR_JEMALLOC);
    for (size_t i = 0; i < DIGESTS; i++)
        if (on_system[i] != on_jemalloc[i])
            fail_msg("they part between steps %zu and %zu", i * STEPS_PER_DIGEST,
                     (i + 1) * STEPS_PER_DIGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tape_gives_the_same_on_both_allocators),
    };
    return run_isolated("memory tape", tests, COUNT_OF(tests), NULL);
}
