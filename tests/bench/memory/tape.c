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
        size_t of = i % BENCH_CLASSES;
        size_t any = bench_below(&random, BENCH_SLOTS / BENCH_CLASSES);
        tape[i].slot = (uint16_t)(any * BENCH_CLASSES + of);
        tape[i].size = size[bench_below(&random, BENCH_SIZES)];
        tape[i].of = (uint16_t)of;
    }
}
