/* What the kernels share: three exports around one function.

   work   the function alone: what an engine without Extism runs. Returns the checksum.
   run    the same as a function of an Extism plug-in. Its output is the checksum, 8 bytes.
   small  as `run`, with less to do: for what counts instructions.

   Sizes are read from memory, so that no compiler makes them part of the code. Nothing here uses a
   library; everything is static, so each kernel is one file. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define HOST(name) __attribute__((import_module("extism:host/env"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))
#define APART __attribute__((noinline))

HOST("alloc") u64 host_alloc(u64 length);
HOST("store_u64") void host_store_u64(u64 offset, u64 value);
HOST("output_set") void host_output_set(u64 offset, u64 length);

static u32 output(u32 checksum) {
    u64 offset = host_alloc(8);
    host_store_u64(offset, checksum);
    host_output_set(offset, 8);
    return 0;
}

#define KERNEL(function, large, less)                        \
    static volatile u32 work_size = large, small_size = less; \
    EXPORT("work") u32 work(void) { return function(work_size); } \
    EXPORT("run") u32 run(void) { return output(function(work_size)); } \
    EXPORT("small") u32 small(void) { return output(function(small_size)); }

/* Mixes a word into a checksum. */
static inline u32 mix(u32 sum, u32 word) {
    sum ^= word;
    sum *= 0x9e3779b1u;
    return sum ^ (sum >> 15);
}

/* A generator of numbers: the same on every side. */
static inline u32 next(u32 *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state ^ (*state >> 16);
}
