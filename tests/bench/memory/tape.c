/* The tape of the mix. */
#include "tape.h"

#include "peer.h"

void bench_tape_fill(bench_step_t *tape, uint64_t seed)
{
    bench_random_t random = {seed};
    uint16_t size[BENCH_SIZES];
    for (size_t i = 0; i < BENCH_SIZES; i++)
        size[i] = (uint16_t)(32 + bench_below(&random, 1024));
    for (size_t i = 0; i < BENCH_STEPS; i++) {
        tape[i].slot = (uint16_t)bench_below(&random, BENCH_SLOTS);
        tape[i].size = size[bench_below(&random, BENCH_SIZES)];
        tape[i].of = tape[i].slot % BENCH_CLASSES;
    }
}
