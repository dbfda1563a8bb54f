/* Integers of 64 bits: the factorial of `size` with words of 32 bits and carries, then its remainders. */
#include "kernel.h"

#define MOST 1024
static u32 words[MOST];

APART static u32 bignum(u32 size) {
    u32 length = 1, sum = 0;
    words[0] = 1;
    for (u32 n = 2; n <= size; n++) {
        u64 carry = 0;
        for (u32 m = 0; m < length; m++) {
            carry += (u64)words[m] * n;
            words[m] = (u32)carry;
            carry >>= 32;
        }
        if (carry) words[length++] = (u32)carry;
    }
    for (u32 n = 1; n <= size; n += 7) {
        u64 rest = 0, by = (u64)n * 1000003;
        for (u32 m = length; m--;) rest = (rest << 32 | words[m]) % by;
        sum = mix(sum, (u32)rest ^ (u32)(rest >> 32));
    }
    return mix(sum, length);
}

KERNEL(bignum, 1500, 20)
