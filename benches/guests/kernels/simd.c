/* SIMD: images of `size` lines blurred by their neighbours with v128, and summed. */
#include "kernel.h"
#include <wasm_simd128.h>

#define WIDTH 1024
#define MOST 256
static float image[MOST][WIDTH], blurred[MOST][WIDTH];

APART static u32 simd(u32 size) {
    u32 state = 9;
    for (u32 y = 0; y < size; y++)
        for (u32 x = 0; x < WIDTH; x++) image[y][x] = (float)(next(&state) & 255);
    v128_t quarter = wasm_f32x4_splat(0.25f), half = wasm_f32x4_splat(0.5f);
    for (u32 again = 0; again < 4; again++) {
        for (u32 y = 1; y + 1 < size; y++)
            for (u32 x = 0; x < WIDTH; x += 4) {
                v128_t above = wasm_v128_load(&image[y - 1][x]), below = wasm_v128_load(&image[y + 1][x]);
                v128_t here = wasm_v128_load(&image[y][x]);
                v128_t sides = wasm_f32x4_mul(wasm_f32x4_add(above, below), quarter);
                wasm_v128_store(&blurred[y][x], wasm_f32x4_add(wasm_f32x4_mul(here, half), sides));
            }
        for (u32 y = 1; y + 1 < size; y++)
            for (u32 x = 0; x < WIDTH; x += 4) wasm_v128_store(&image[y][x], wasm_v128_load(&blurred[y][x]));
    }
    v128_t sum = wasm_i32x4_splat(0);
    for (u32 y = 0; y < size; y++)
        for (u32 x = 0; x < WIDTH; x += 4)
            sum = wasm_i32x4_add(sum, wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_mul(wasm_v128_load(&image[y][x]),
                                                                               wasm_f32x4_splat(1024))));
    return wasm_i32x4_extract_lane(sum, 0) ^ wasm_i32x4_extract_lane(sum, 1) ^
           wasm_i32x4_extract_lane(sum, 2) ^ wasm_i32x4_extract_lane(sum, 3);
}

KERNEL(simd, 256, 3)
