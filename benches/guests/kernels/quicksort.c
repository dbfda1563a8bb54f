/* Memory and branches that nobody can foresee: `size` numbers, sorted by quicksort. */
#include "kernel.h"

#define MOST 60000
static u32 numbers[MOST];

static void sort(u32 *from, u32 *to) {
    while (to - from > 12) {
        u32 pivot = from[(to - from) / 2];
        u32 *low = from, *high = to - 1;
        for (;;) {
            while (*low < pivot) low++;
            while (*high > pivot) high--;
            if (low >= high) break;
            u32 kept = *low;
            *low++ = *high;
            *high-- = kept;
        }
        if (low - from < to - low) sort(from, low), from = low;
        else sort(low, to), to = low;
    }
    for (u32 *at = from + 1; at < to; at++) {
        u32 kept = *at, *place = at;
        for (; place > from && place[-1] > kept; place--) *place = place[-1];
        *place = kept;
    }
}

APART static u32 quicksort(u32 size) {
    u32 state = 5, sum = 0;
    for (u32 n = 0; n < size; n++) numbers[n] = next(&state);
    sort(numbers, numbers + size);
    for (u32 n = 0; n < size; n++) sum = mix(sum, numbers[n]);
    return sum;
}

KERNEL(quicksort, 40000, 60)
