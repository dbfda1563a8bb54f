/* Recursion: Fibonacci numbers in the way that takes longest. */
#include "kernel.h"

APART static u32 fib(u32 size) { return size < 2 ? size : fib(size - 1) + fib(size - 2); }

KERNEL(fib, 28, 10)
