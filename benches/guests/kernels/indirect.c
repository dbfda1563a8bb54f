/* Calls through a table: `size` steps, each a function of eight. */
#include "kernel.h"

typedef u32 (*Step)(u32 sum, u32 word);

static u32 add(u32 sum, u32 word) { return sum + word; }
static u32 take(u32 sum, u32 word) { return sum - word; }
static u32 flip(u32 sum, u32 word) { return sum ^ word; }
static u32 times(u32 sum, u32 word) { return sum * (word | 1); }
static u32 left(u32 sum, u32 word) { return sum << (word & 31) | sum >> (-word & 31); }
static u32 both(u32 sum, u32 word) { return (sum & word) + (sum | word); }
static u32 not(u32 sum, u32 word) { return ~sum + word; }
static u32 half(u32 sum, u32 word) { return (sum >> 1) + word; }

static Step steps[8];

APART static u32 indirect(u32 size) {
    static const Step all[8] = {add, take, flip, times, left, both, not, half};
    u32 state = 1, sum = 0;
    for (u32 n = 0; n < 8; n++) *(volatile Step *)&steps[n] = all[n];
    for (u32 n = 0; n < size; n++) {
        u32 word = next(&state);
        sum = steps[n * 5 & 7](sum, word);
    }
    return sum;
}

KERNEL(indirect, 500000, 100)
