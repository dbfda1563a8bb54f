/* libwebp: a picture of `size` by `size` pixels, coded with loss and without, and decoded again. */
#include <stdlib.h>
#include "../kernels/kernel.h"
#include "src/webp/decode.h"
#include "src/webp/encode.h"

APART static u32 webp(u32 size) {
    u8 *pixels = malloc(size * size * 3);
    u32 sum = 0, state = 1;
    for (u32 y = 0; y < size; y++)
        for (u32 x = 0; x < size; x++) {
            u8 *pixel = pixels + 3 * (y * size + x);
            pixel[0] = (u8)(x * 255 / size), pixel[1] = (u8)((x * y) >> 5), pixel[2] = (u8)(y + (next(&state) & 7));
        }
    for (u32 turn = 0; turn < 2; turn++) {
        u8 *coded;
        int width, height, stride = (int)(3 * size);
        size_t length = turn ? WebPEncodeLosslessRGB(pixels, (int)size, (int)size, stride, &coded)
                             : WebPEncodeRGB(pixels, (int)size, (int)size, stride, 75, &coded);
        u8 *decoded = WebPDecodeRGB(coded, length, &width, &height);
        for (u32 n = 0; n < size * size * 3; n++) sum = sum * 31 + decoded[n];
        sum = mix(sum, (u32)length);
        WebPFree(coded);
        WebPFree(decoded);
    }
    free(pixels);
    return sum;
}

KERNEL(webp, 96, 16)
