/* The mix of small blocks, on one thread: typed, untyped, and where the blocks came to lie. */
#include "bench.h"

#include <stdio.h>

void bench_mix_fill(bench_mix_t *mix, uint64_t seed)
{
    bench_random_t random = {~seed};
    mix->tape = bench_books(BENCH_STEPS * sizeof *mix->tape);
    bench_tape_fill(mix->tape, seed);
    for (size_t i = 0; i < BENCH_SLOTS; i++)
        mix->block[i] = bench_peer.alloc[i % BENCH_CLASSES](32 + bench_below(&random, 1024));
}

/* Each new block's first word is written, as any user of one does. */
void bench_mix_run(bench_mix_t *mix, size_t steps)
{
    const bench_step_t *tape = mix->tape;
    for (size_t i = 0; i < steps; i++) {
        const bench_step_t *step = &tape[i % BENCH_STEPS];
        bench_peer.release[step->of](mix->block[step->slot]);
        size_t *block = bench_peer.alloc[step->of](step->size);
        *block = i;
        mix->block[step->slot] = block;
    }
}

void bench_mix_release(bench_mix_t *mix)
{
    for (size_t i = 0; i < BENCH_SLOTS; i++)
        bench_peer.release[i % BENCH_CLASSES](mix->block[i]);
}

static bench_mix_t mix;

int bench_typed(size_t steps)
{
    bench_mix_fill(&mix, 1);
    bench_mix_run(&mix, BENCH_STEPS < steps ? BENCH_STEPS : steps);
    uint64_t start = bench_thread_ns();
    bench_mix_run(&mix, steps);
    uint64_t end = bench_thread_ns();
    printf("{\"ns\": %.3f}\n", (double)(end - start) / (double)steps);
    return 0;
}

static void untyped_run(size_t steps)
{
    const bench_step_t *tape = mix.tape;
    for (size_t i = 0; i < steps; i++) {
        const bench_step_t *step = &tape[i % BENCH_STEPS];
        bench_peer.untyped_release(mix.block[step->slot]);
        size_t *block = bench_peer.untyped_alloc(step->size);
        *block = i;
        mix.block[step->slot] = block;
    }
}

int bench_untyped(size_t steps)
{
    bench_mix_fill(&mix, 1);
    bench_mix_release(&mix);
    for (size_t i = 0; i < BENCH_SLOTS; i++)
        mix.block[i] = bench_peer.untyped_alloc(64);
    untyped_run(BENCH_STEPS);
    uint64_t start = bench_thread_ns();
    untyped_run(steps);
    uint64_t end = bench_thread_ns();
    printf("{\"ns\": %.3f}\n", (double)(end - start) / (double)steps);
    return 0;
}

int bench_misplaced(size_t steps)
{
    if (bench_peer.misplaced == NULL) {
        printf("{}\n");
        return 0;
    }
    bench_mix_fill(&mix, 1);
    bench_mix_run(&mix, steps);
    unsigned misplaced = 0;
    for (size_t i = 0; i < BENCH_SLOTS; i++)
        misplaced += bench_peer.misplaced((int)(i % BENCH_CLASSES), mix.block[i]);
    printf("{\"misplaced\": %u}\n", misplaced);
    return 0;
}

/* Without regions a request's blocks are allocated and freed one by one. */
static void pairs_rounds(size_t rounds)
{
    size_t *block[BENCH_REGION_BLOCKS];
    for (size_t round = 0; round < rounds; round++) {
        BENCH_UNROLL
        for (size_t i = 0; i < BENCH_REGION_BLOCKS; i++) {
            block[i] = bench_peer.alloc[BENCH_REQUEST](bench_region_size[i]);
            *(volatile size_t *)block[i] = i;
        }
        BENCH_UNROLL
        for (size_t i = 0; i < BENCH_REGION_BLOCKS; i++)
            bench_peer.release[BENCH_REQUEST](block[i]);
    }
}

int bench_regions(size_t rounds)
{
    void (*run)(size_t) = bench_peer.region_rounds ? bench_peer.region_rounds : pairs_rounds;
    run(rounds / 16);
    uint64_t start = bench_thread_ns();
    run(rounds);
    uint64_t end = bench_thread_ns();
    printf("{\"ns\": %.3f, \"regions\": %s}\n", (double)(end - start) / (double)rounds,
           bench_peer.region_rounds ? "true" : "false");
    return 0;
}
