/* Floats, with square roots and divisions: five bodies that attract each other, for `size` steps. */
#include "kernel.h"

#define BODIES 5
struct body { double x[3], v[3], mass; };
static struct body bodies[BODIES];

static void begin(void) {
    u32 state = 3;
    for (u32 n = 0; n < BODIES; n++) {
        for (u32 axis = 0; axis < 3; axis++) {
            bodies[n].x[axis] = (double)(next(&state) & 1023) / 64 - 8;
            bodies[n].v[axis] = (double)(next(&state) & 1023) / 1024 - 0.5;
        }
        bodies[n].mass = n ? 0.125 : 40;
    }
}

APART static u32 nbody(u32 size) {
    const double step = 1.0 / 1024;
    begin();
    for (u32 turn = 0; turn < size; turn++) {
        for (u32 i = 0; i < BODIES; i++)
            for (u32 j = i + 1; j < BODIES; j++) {
                struct body *a = &bodies[i], *b = &bodies[j];
                double d[3], square = 0.0625;
                for (u32 axis = 0; axis < 3; axis++) {
                    d[axis] = a->x[axis] - b->x[axis];
                    square += d[axis] * d[axis];
                }
                double pull = step / (square * __builtin_sqrt(square));
                for (u32 axis = 0; axis < 3; axis++) {
                    a->v[axis] -= d[axis] * b->mass * pull;
                    b->v[axis] += d[axis] * a->mass * pull;
                }
            }
        for (u32 i = 0; i < BODIES; i++)
            for (u32 axis = 0; axis < 3; axis++) bodies[i].x[axis] += step * bodies[i].v[axis];
    }
    u32 sum = 0;
    for (u32 i = 0; i < BODIES; i++)
        for (u32 axis = 0; axis < 3; axis++) {
            u64 bits;
            __builtin_memcpy(&bits, &bodies[i].x[axis], 8);
            sum = mix(mix(sum, (u32)bits), (u32)(bits >> 32));
        }
    return sum;
}

KERNEL(nbody, 12000, 20)
