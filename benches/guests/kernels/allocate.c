/* Allocation: blocks of many sizes come and go, from an allocator with a list of free blocks for each
   size class, and one in the order of addresses for large ones. */
#include "kernel.h"

#define ROOM (1 << 20)
#define LARGE 24
struct block { u32 size; struct block *next; };

static u8 room[ROOM] __attribute__((aligned(16)));
static struct block *lists[LARGE], *large;
static u32 top;

APART static void *allocate(u32 length) {
    u32 units = (length + 8 + 15) / 16;
    if (units < LARGE) {
        struct block *found = lists[units];
        if (found) {
            lists[units] = found->next;
            return (u8 *)found + 8;
        }
    } else {
        for (struct block **at = &large; *at; at = &(*at)->next)
            if ((*at)->size >= units) {
                struct block *found = *at;
                *at = found->next;
                return (u8 *)found + 8;
            }
    }
    if (top + 16 * units > ROOM) return 0;
    struct block *made = (struct block *)(room + top);
    top += 16 * units;
    made->size = units;
    return (u8 *)made + 8;
}

APART static void release(void *pointer) {
    struct block *block = (struct block *)((u8 *)pointer - 8);
    struct block **at = &large;
    if (block->size < LARGE) at = &lists[block->size];
    else while (*at && *at < block) at = &(*at)->next;
    block->next = *at;
    *at = block;
}

static u8 *live[256];

APART static u32 churn(u32 size) {
    u32 state = 17, sum = 0;
    top = 0, large = 0;
    for (u32 n = 0; n < LARGE; n++) lists[n] = 0;
    for (u32 n = 0; n < 256; n++) live[n] = 0;
    for (u32 n = 0; n < size; n++) {
        u32 place = next(&state) & 255, length = next(&state);
        if (live[place]) {
            sum = mix(sum, *live[place]);
            release(live[place]);
        }
        length = (length & 15) == 0 ? 400 + (length >> 8 & 1023) : 1 + (length >> 8 & 255);
        u8 *made = allocate(length);
        if (made) *made = (u8)n, made[length - 1] = (u8)n;
        else sum++;
        live[place] = made;
    }
    return mix(sum, top);
}

KERNEL(churn, 100000, 40)
