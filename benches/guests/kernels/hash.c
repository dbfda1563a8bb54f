/* Memory at random places: a hash table with open addressing, `size` words counted in it. */
#include "kernel.h"

#define SLOTS (1 << 15)
static struct { u32 key, count; } slots[SLOTS];

APART static u32 *find(u32 key) {
    u32 at = (key * 0x9e3779b1u) >> 17;
    while (slots[at].key != key && slots[at].key) at = (at + 1) & (SLOTS - 1);
    slots[at].key = key;
    return &slots[at].count;
}

APART static u32 hash(u32 size) {
    u32 state = 11, sum = 0;
    for (u32 n = 0; n < SLOTS; n++) slots[n].key = slots[n].count = 0;
    for (u32 n = 0; n < size; n++) ++*find(next(&state) % 20011 + 1);
    for (u32 n = 0; n < SLOTS; n++)
        if (slots[n].key) sum += slots[n].key * slots[n].count;
    return sum;
}

KERNEL(hash, 200000, 50)
