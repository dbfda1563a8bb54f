/* Runs a plug-in from C, with a host function that fails when it is asked to.
 *
 *   cc vowels.c $(pkg-config --cflags --libs extism) -o vowels
 *   ./vowels ../../tests/guests/assemblyscript/as_pdk.wasm */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <extism.h>

/* What the plug-in imports as hello_world: a text in, the same in capitals out. */
static void capitals(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize n_inputs, ExtismVal *outputs,
                     ExtismSize n_outputs, void *data) {
  (void)n_inputs, (void)n_outputs;
  const char *refused = data;
  ExtismMemoryHandle given = (ExtismMemoryHandle)inputs[0].v.i64;
  ExtismSize size = extism_current_plugin_memory_length(plugin, given);
  ExtismMemoryHandle result = extism_current_plugin_memory_alloc(plugin, size);
  uint8_t *memory = extism_current_plugin_memory(plugin);
  for (ExtismSize i = 0; i < size; i++) memory[result + i] = (uint8_t)toupper(memory[given + i]);
  if (size == strlen(refused) && memcmp(memory + given, refused, size) == 0)
    extism_poly_current_plugin_fail(plugin, "this text is refused");
  outputs[0].v.i64 = (int64_t)result;
}

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  if (bytes != NULL && fread(bytes, 1, *size, file) != *size) *size = 0;
  fclose(file);
  return bytes;
}

static void call(ExtismPlugin *plugin, const char *function, const char *input) {
  int32_t code = extism_plugin_call(plugin, function, (const uint8_t *)input, strlen(input));
  const char *error = extism_plugin_error(plugin);
  if (error != NULL) {
    printf("%s: code %d, %s: %s\n", function, (int)code,
           extism_poly_error_kind_name(extism_poly_plugin_error_kind(plugin)), error);
  } else {
    printf("%s: %.*s\n", function, (int)extism_plugin_output_length(plugin),
           (const char *)extism_plugin_output_data(plugin));
  }
}

int main(int count, char **arguments) {
  size_t size = 0;
  uint8_t *wasm = count > 1 ? read_file(arguments[1], &size) : NULL;
  if (wasm == NULL) {
    fprintf(stderr, "usage: vowels PLUGIN.wasm\n");
    return 2;
  }
  ExtismValType text[] = {EXTISM_PTR};
  ExtismFunction *hello = extism_function_new("hello_world", text, 1, text, 1, capitals, "refuse this", NULL);
  const ExtismFunction *functions[] = {hello};
  char *why = NULL;
  ExtismPlugin *plugin = extism_plugin_new(wasm, size, functions, 1, false, &why);
  free(wasm);
  extism_function_free(hello);
  if (plugin == NULL) {
    fprintf(stderr, "%s\n", why);
    extism_plugin_new_error_free(why);
    return 1;
  }
  call(plugin, "count_vowels", "Hello, World!");
  call(plugin, "call_host", "Hello, World!");
  call(plugin, "call_host", "refuse this");
  extism_plugin_free(plugin);
  return 0;
}
