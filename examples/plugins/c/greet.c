#define HOST(name) __attribute__((import_module("extism:host/env"), import_name(name)))
HOST("input_length") long long input_length(void);
HOST("input_load_u8") int input_load_u8(long long at);
HOST("alloc") long long alloc(long long length);
HOST("store_u8") void store_u8(long long at, int byte);
HOST("output_set") void output_set(long long block, long long length);

__attribute__((export_name("greet"))) int greet(void) {
  long long length = input_length(), block = alloc(length + 8);
  for (int i = 0; i < 7; i++) store_u8(block + i, "Hello, "[i]);
  for (long long i = 0; i < length; i++) store_u8(block + 7 + i, input_load_u8(i));
  store_u8(block + 7 + length, '!');
  output_set(block, length + 8);
  return 0;
}
