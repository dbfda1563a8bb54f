// The example plug-ins `count_vowels.wasm` and `call_host.wasm`, built by the command in examples/__init__.py.
// They use nothing but the functions that an Extism host offers, so no plug-in kit is needed.
typedef unsigned long long u64;
#define FROM(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

FROM("extism:host/env", "input_length") u64 input_length(void);
FROM("extism:host/env", "input_load_u8") int input_load_u8(u64 at);
FROM("extism:host/env", "alloc") u64 alloc(u64 length);
FROM("extism:host/env", "length") u64 length(u64 block);
FROM("extism:host/env", "load_u8") int load_u8(u64 at);
FROM("extism:host/env", "load_u64") u64 load_u64(u64 at);
FROM("extism:host/env", "store_u8") void store_u8(u64 at, int byte);
FROM("extism:host/env", "store_u64") void store_u64(u64 at, u64 value);
FROM("extism:host/env", "output_set") void output_set(u64 block, u64 length);

#ifdef CALL_HOST
FROM("extism:host/user", "hello_world") u64 hello_world(u64 text);

EXPORT("call_host") int call_host(void) {
  u64 n = input_length(), block = alloc(n);
  for (u64 i = 0; i < n; i++) store_u8(block + i, input_load_u8(i));
  u64 answer = hello_world(block);
  output_set(answer, length(answer));
  return 0;
}
#else
FROM("extism:host/env", "config_get") u64 config_get(u64 key);
FROM("extism:host/env", "var_get") u64 var_get(u64 key);
FROM("extism:host/env", "var_set") void var_set(u64 key, u64 value);

static u64 block(const char *bytes, u64 n) {
  u64 made = alloc(n);
  for (u64 i = 0; i < n; i++) store_u8(made + i, bytes[i]);
  return made;
}

static char out[512];
static int used;
static void text(const char *s) { while (*s) out[used++] = *s++; }
static void number(u64 n) {
  char digits[20];
  int k = 0;
  do digits[k++] = '0' + n % 10; while (n /= 10);
  while (k) out[used++] = digits[--k];
}

// Counts the vowels of the input. The configuration may say which letters are vowels; the variable `total` adds up.
EXPORT("count_vowels") int count_vowels(void) {
  char vowels[129] = "aeiouAEIOU";
  u64 configured = config_get(block("vowels", 6));
  if (configured) {
    u64 n = length(configured);
    if (n > 128) n = 128;
    for (u64 i = 0; i < n; i++) vowels[i] = load_u8(configured + i);
    vowels[n] = 0;
  }
  u64 count = 0, n = input_length();
  for (u64 i = 0; i < n; i++)
    for (const char *v = vowels; *v; v++)
      if (input_load_u8(i) == (unsigned char)*v) { count++; break; }
  u64 stored = var_get(block("total", 5));
  u64 total = count + (stored ? load_u64(stored) : 0);
  u64 value = alloc(8);
  store_u64(value, total);
  var_set(block("total", 5), value);
  used = 0;
  text("{\"count\": "), number(count), text(", \"total\": "), number(total);
  text(", \"vowels\": \""), text(vowels), text("\"}");
  output_set(block(out, used), used);
  return 0;
}
#endif
