/* Calls to small functions: points that are moved by functions that no compiler put in place. */
#include "kernel.h"

struct point { u32 x, y; };

APART static u32 clamp(u32 n, u32 most) { return n > most ? n - most : n; }
APART static void move(struct point *p, u32 by) { p->x = clamp(p->x + by, 10007), p->y = clamp(p->y + (by >> 3), 10009); }
APART static u32 far(const struct point *p) { return p->x > 5000 ? p->x - 5000 : 5000 - p->x; }
APART static u32 score(const struct point *p) { return far(p) + (p->y & 63); }

static struct point points[64];

APART static u32 calls(u32 size) {
    u32 sum = 0;
    for (u32 n = 0; n < 64; n++) points[n].x = 100 * n, points[n].y = n;
    for (u32 n = 0; n < size; n++) {
        struct point *p = &points[n & 63];
        move(p, n & 1023);
        sum += score(p);
    }
    return sum;
}

KERNEL(calls, 300000, 100)
