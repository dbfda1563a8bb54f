/* Floats: how fast the points of `size` lines of the Mandelbrot set diverge. */
#include "kernel.h"

APART static u32 mandelbrot(u32 size) {
    u32 sum = 0;
    for (u32 line = 0; line < size; line++)
        for (u32 column = 0; column < size; column++) {
            double x = 0, y = 0, a = 3.0 * column / size - 2.0, b = 2.0 * line / size - 1.0;
            u32 turns = 0;
            while (turns < 100 && x * x + y * y <= 4) {
                double next = x * x - y * y + a;
                y = 2 * x * y + b;
                x = next;
                turns++;
            }
            sum = mix(sum, turns);
        }
    return sum;
}

KERNEL(mandelbrot, 160, 6)
