/* Integers and bytes: the primes below `size`, by Eratosthenes. */
#include "kernel.h"

#define MOST 1000000
static u8 composite[MOST];

APART static u32 sieve(u32 size) {
    u32 count = 0, sum = 0;
    for (u32 n = 0; n < size; n++) composite[n] = 0;
    for (u32 n = 2; n < size; n++) {
        if (composite[n]) continue;
        count++;
        sum = mix(sum, n);
        for (u64 m = (u64)n * n; m < size; m += n) composite[m] = 1;
    }
    return mix(sum, count);
}

KERNEL(sieve, 700000, 500)
