/* Bulk memory: `size` times, a piece of memory is filled and others are copied. */
#include "kernel.h"

static u8 memory[1 << 17];

APART static u32 bulk(u32 size) {
    u32 state = 13, sum = 0;
    __builtin_memset(memory, 1, sizeof memory);
    for (u32 n = 0; n < size; n++) {
        u32 length = next(&state) & 0x3fff, from = next(&state) & 0xffff, to = next(&state) & 0xffff;
        __builtin_memset(memory + from, n, length & 0x7ff);
        __builtin_memmove(memory + to, memory + from, length);
        __builtin_memcpy(memory + (to & 0x7fff), memory + 0x10000 + (from & 0x7fff), 32);
        sum = mix(sum, memory[from] | memory[to] << 8 | memory[to & 0x7fff] << 16);
    }
    return sum;
}

KERNEL(bulk, 12000, 4)
