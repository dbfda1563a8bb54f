/* Floats: the product of two matrices of doubles, `size` by `size`. */
#include "kernel.h"

#define MOST 128
static double left[MOST][MOST], right[MOST][MOST], product[MOST][MOST];

APART static u32 matrix(u32 size) {
    for (u32 i = 0; i < size; i++)
        for (u32 j = 0; j < size; j++) {
            left[i][j] = (double)(i + 2 * j) / 16;
            right[i][j] = (double)(3 * i + j) / 16;
        }
    for (u32 i = 0; i < size; i++)
        for (u32 j = 0; j < size; j++) {
            double sum = 0;
            for (u32 k = 0; k < size; k++) sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
    u32 sum = 0;
    for (u32 i = 0; i < size; i++)
        for (u32 j = 0; j < size; j++) sum = mix(sum, (u32)(product[i][j] * 16));
    return sum;
}

KERNEL(matrix, 128, 8)
