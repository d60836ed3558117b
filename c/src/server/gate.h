/* How many connections may be open in all workers together. Layer: server. */
#ifndef CZ_SERVER_GATE_H
#define CZ_SERVER_GATE_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct cz_gate {
    _Atomic(uint32_t) open;
    _Atomic(uint32_t) waiting; /* listeners that have a connection but no room for it */
    uint32_t limit;
} cz_gate_t;

/* Counts one more connection; false where as many as may be are open. */
bool cz_gate_enter(cz_gate_t *gate);

/* Counts one more where it may not be turned away; the limit is passed then. */
void cz_gate_pass(cz_gate_t *gate);

/* Counts one less; true where a listener waits for that and wants to be told. */
bool cz_gate_leave(cz_gate_t *gate);

/* What a listener that was refused calls, and enters once more, since room may just have come. */
void cz_gate_wait(cz_gate_t *gate);
void cz_gate_wait_end(cz_gate_t *gate);

#endif
