/* Integers: SHA-256 of `size` blocks of 64 bytes. FIPS 180-4. */
#include "kernel.h"

static const u32 constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static u32 hash[8];

static inline u32 turn(u32 word, u32 by) { return word >> by | word << (32 - by); }

APART static void block(const u32 *words) {
    u32 w[64];
    for (u32 n = 0; n < 16; n++) w[n] = words[n];
    for (u32 n = 16; n < 64; n++) {
        u32 low = turn(w[n - 15], 7) ^ turn(w[n - 15], 18) ^ w[n - 15] >> 3;
        u32 high = turn(w[n - 2], 17) ^ turn(w[n - 2], 19) ^ w[n - 2] >> 10;
        w[n] = w[n - 16] + low + w[n - 7] + high;
    }
    u32 a = hash[0], b = hash[1], c = hash[2], d = hash[3];
    u32 e = hash[4], f = hash[5], g = hash[6], h = hash[7];
    for (u32 n = 0; n < 64; n++) {
        u32 one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[n] + w[n];
        u32 two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    hash[0] += a, hash[1] += b, hash[2] += c, hash[3] += d;
    hash[4] += e, hash[5] += f, hash[6] += g, hash[7] += h;
}

APART static u32 sha256(u32 size) {
    static const u32 first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    u32 words[16], state = 7;
    for (u32 n = 0; n < 8; n++) hash[n] = first[n];
    for (u32 n = 0; n < size; n++) {
        for (u32 m = 0; m < 16; m++) words[m] = next(&state);
        block(words);
    }
    return hash[0] ^ hash[7];
}

KERNEL(sha256, 6000, 2)
