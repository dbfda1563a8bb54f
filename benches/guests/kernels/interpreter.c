/* A loop around a `switch` (`br_table`), as interpreters have it: a program that counts `size` steps of the
   Collatz sequences, in a made-up byte code with registers. */
#include "kernel.h"

enum { SET, MOVE, ADD, ADD_ONE, TIMES, HALVE, ODD, MIX, LESS, JUMP, JUMP_IF, LOAD, STORE, XOR, SUB, NOT, STOP };

/* Op, target, left, right. Jumps name a line. */
static u8 program[][4] = {
    {SET, 0, 1, 0},       /*  0 n = 1 */
    {SET, 1, 0, 0},       /*  1 sum = 0 */
    {MOVE, 2, 0, 0},      /*  2 next: m = n */
    {ODD, 3, 2, 0},       /*  3 step: odd = m & 1 */
    {JUMP_IF, 7, 3, 0},   /*  4 */
    {HALVE, 2, 2, 0},     /*  5 m /= 2 */
    {JUMP, 10, 0, 0},     /*  6 */
    {SET, 4, 3, 0},       /*  7 */
    {TIMES, 2, 2, 4},     /*  8 m = 3 m + 1 */
    {ADD_ONE, 2, 2, 0},   /*  9 */
    {MIX, 1, 1, 2},       /* 10 sum = mix(sum, m) */
    {ADD_ONE, 6, 6, 0},   /* 11 steps++ */
    {STORE, 6, 6, 1},     /* 12 memory[steps & 255] = sum */
    {LESS, 3, 6, 7},      /* 13 steps < limit? */
    {NOT, 3, 3, 0},       /* 14 */
    {JUMP_IF, 22, 3, 0},  /* 15 */
    {SET, 5, 2, 0},       /* 16 m < 2? */
    {LESS, 3, 2, 5},      /* 17 */
    {NOT, 3, 3, 0},       /* 18 */
    {JUMP_IF, 3, 3, 0},   /* 19 */
    {ADD_ONE, 0, 0, 0},   /* 20 n++ */
    {JUMP, 2, 0, 0},      /* 21 */
    {LOAD, 3, 0, 0},      /* 22 memory[n & 255] */
    {XOR, 1, 1, 3},       /* 23 */
    {ADD, 1, 1, 0},       /* 24 */
    {SUB, 1, 1, 6},       /* 25 */
    {STOP, 0, 1, 0},      /* 26 */
};

static u32 memory[256];

APART static u32 interpreter(u32 size) {
    u32 r[8] = {0, 0, 0, 0, 0, 0, 0, size};
    for (u32 n = 0; n < 256; n++) memory[n] = 0;
    for (u32 line = 0;;) {
        const volatile u8 *code = program[line++];
        u32 to = code[1] & 7, a = r[code[2] & 7], b = r[code[3] & 7];
        switch (code[0]) {
        case SET: r[to] = code[2]; break;
        case MOVE: r[to] = a; break;
        case ADD: r[to] = a + b; break;
        case ADD_ONE: r[to] = a + 1; break;
        case TIMES: r[to] = a * b; break;
        case HALVE: r[to] = a >> 1; break;
        case ODD: r[to] = a & 1; break;
        case MIX: r[to] = mix(a, b); break;
        case LESS: r[to] = a < b; break;
        case JUMP: line = code[1]; break;
        case JUMP_IF: if (a) line = code[1]; break;
        case LOAD: r[to] = memory[a & 255]; break;
        case STORE: memory[r[to] & 255] = b; break;
        case XOR: r[to] = a ^ b; break;
        case SUB: r[to] = a - b; break;
        case NOT: r[to] = !a; break;
        case STOP: return a;
        }
    }
}

KERNEL(interpreter, 40000, 20)
