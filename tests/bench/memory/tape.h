/* The random numbers that every peer gets alike. */
#ifndef BENCH_TAPE_H
#define BENCH_TAPE_H
#include <stddef.h>
#include <stdint.h>

typedef struct bench_random {
    uint64_t state;
} bench_random_t;

/* splitmix64: good enough, and the same on every machine. */
static inline uint64_t bench_next(bench_random_t *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline size_t bench_below(bench_random_t *random, size_t bound)
{
    return (size_t)(((bench_next(random) >> 32) * bound) >> 32);
}

/* One step of the mix: the block in `slot` goes, another of the same class comes. */
typedef struct bench_step {
    uint16_t slot, size, of;
} bench_step_t;

enum { BENCH_SLOTS = 2000, BENCH_STEPS = 1 << 16, BENCH_SIZES = 64 };

/*
 * 64 sizes of 32 to 1,055 bytes; `tape` has room for BENCH_STEPS. A slot keeps its class, and the
 * classes come in turn: in a program each call is of one class, so none is mispredicted, and with
 * classes at random a peer with a function for each would pay for the benchmark's own table.
 */
void bench_tape_fill(bench_step_t *tape, uint64_t seed);

#endif
