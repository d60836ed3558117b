/* The parts of a benchmark program. A mode prints its figures as one line of JSON. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H
#include "peer.h"
#include "tape.h"

#include <stdint.h>
#include <time.h>

/* Time of this thread alone, so that what else the machine does is not counted. */
static inline uint64_t bench_thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t bench_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Resident bytes of this process. */
size_t bench_resident(void);

/* Zeroed and resident memory for the benchmark's own books, which no peer sees. */
void *bench_books(size_t size);

void bench_pin(unsigned cpu);
void bench_thread_start(void);

/* 2,000 live blocks and the tape that turns them over. */
typedef struct bench_mix {
    bench_step_t *tape;
    void *block[BENCH_SLOTS];
} bench_mix_t;

void bench_mix_fill(bench_mix_t *mix, uint64_t seed);
void bench_mix_run(bench_mix_t *mix, size_t steps);
void bench_mix_release(bench_mix_t *mix);

int bench_typed(size_t steps);
int bench_untyped(size_t steps);
int bench_misplaced(size_t steps);
int bench_regions(size_t rounds);
int bench_scaling(size_t steps);
int bench_handover(size_t blocks);
int bench_caches(size_t threads);
int bench_server(int argc, char **argv);

#endif
