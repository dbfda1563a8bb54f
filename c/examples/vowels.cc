// Runs a plug-in from C++ on every engine that is built in.
//
//   c++ -std=c++11 vowels.cc $(pkg-config --cflags --libs extism) -o vowels
//   ./vowels ../../tests/guests/assemblyscript/as_pdk.wasm
#include <cctype>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include <extism.h>

namespace {

using Text = std::function<std::string(const std::string &)>;

// A host function from a text to a text. What it throws must not leave it: the plug-in's call fails with it.
void trampoline(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize, ExtismVal *outputs, ExtismSize,
                void *data) {
  try {
    const auto given = static_cast<ExtismMemoryHandle>(inputs[0].v.i64);
    std::string input(extism_current_plugin_memory_length(plugin, given), '\0');
    extism_poly_current_plugin_read(plugin, given, 0, reinterpret_cast<uint8_t *>(&input[0]), input.size());
    const std::string output = (*static_cast<Text *>(data))(input);
    const ExtismMemoryHandle block = extism_current_plugin_memory_alloc(plugin, output.size());
    extism_poly_current_plugin_write(plugin, block, 0, reinterpret_cast<const uint8_t *>(output.data()),
                                     output.size());
    outputs[0].v.i64 = static_cast<int64_t>(block);
  } catch (const std::exception &failure) {
    extism_poly_current_plugin_fail(plugin, failure.what());
  }
}

class Plugin {
 public:
  Plugin(const std::string &wasm, const char *engine, const std::string &name, Text body) {
    const ExtismValType text[] = {EXTISM_PTR};
    std::unique_ptr<ExtismFunction, decltype(&extism_function_free)> function(
        extism_function_new(name.c_str(), text, 1, text, 1, trampoline, new Text(std::move(body)),
                            [](void *data) { delete static_cast<Text *>(data); }),
        extism_function_free);
    const ExtismFunction *functions[] = {function.get()};
    ExtismPolyOptions options = {};
    options.size = sizeof options;
    options.engine = engine;
    char *why = nullptr;
    plugin.reset(extism_poly_plugin_new(reinterpret_cast<const uint8_t *>(wasm.data()), wasm.size(), functions, 1,
                                        &options, &why));
    if (!plugin) {
      const std::string text_of_it = why;
      extism_plugin_new_error_free(why);
      throw std::runtime_error(text_of_it);
    }
  }

  std::string call(const char *function, const std::string &input) {
    const int32_t code = extism_plugin_call(plugin.get(), function, reinterpret_cast<const uint8_t *>(input.data()),
                                            input.size());
    if (const char *error = extism_plugin_error(plugin.get())) throw std::runtime_error(error);
    if (code != EXTISM_SUCCESS) throw std::runtime_error("code " + std::to_string(code));
    return std::string(reinterpret_cast<const char *>(extism_plugin_output_data(plugin.get())),
                       extism_plugin_output_length(plugin.get()));
  }

 private:
  struct Free {
    void operator()(ExtismPlugin *plugin) const { extism_plugin_free(plugin); }
  };
  std::unique_ptr<ExtismPlugin, Free> plugin;
};

std::string capitals(const std::string &text) {
  if (text == "refuse this") throw std::invalid_argument("this text is refused");
  std::string result;
  for (const char c : text) result += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

int main(int count, char **arguments) try {
  std::ifstream file(count > 1 ? arguments[1] : "", std::ios::binary);
  const std::string wasm((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string first;
  for (ExtismSize i = 0; i < extism_poly_engine_count(); i++) {
    Plugin plugin(wasm, extism_poly_engine_name(i), "hello_world", capitals);
    std::string said = "count_vowels: " + plugin.call("count_vowels", "Hello, World!") + "\n";
    said += "call_host: " + plugin.call("call_host", "Hello, World!") + "\n";
    try {
      plugin.call("call_host", "refuse this");
    } catch (const std::runtime_error &failure) {
      said += std::string("call_host: code -1, host-function: ") + failure.what() + "\n";
    }
    if (i == 0) first = said;
    if (said != first) throw std::runtime_error("engines differ");
  }
  std::fputs(first.c_str(), stdout);
  return 0;
} catch (const std::exception &failure) {
  std::fprintf(stderr, "%s\n", failure.what());
  return 1;
}
