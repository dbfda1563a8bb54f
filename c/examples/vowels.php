<?php
// Runs a plug-in from PHP, through its extension FFI (Debian: php-cli).
//
//   php -d ffi.enable=true vowels.php ../../tests/guests/assemblyscript/as_pdk.wasm

const DECLARATIONS = <<<'C'
typedef struct { int t; int64_t number; } ExtismVal;
typedef void (*ExtismFunctionType)(void *, const ExtismVal *, uint64_t, ExtismVal *, uint64_t, void *);
void *extism_plugin_new(const char *, uint64_t, void **, uint64_t, bool, char **);
void extism_plugin_new_error_free(char *);
void extism_plugin_free(void *);
int32_t extism_plugin_call(void *, const char *, const char *, uint64_t);
const char *extism_plugin_error(void *);
uint64_t extism_plugin_output_length(void *);
const uint8_t *extism_plugin_output_data(void *);
void *extism_function_new(const char *, const int *, uint64_t, const int *, uint64_t, ExtismFunctionType, void *, void *);
void extism_function_free(void *);
char *extism_current_plugin_memory(void *);
uint64_t extism_current_plugin_memory_length(void *, uint64_t);
uint64_t extism_current_plugin_memory_alloc(void *, uint64_t);
bool extism_poly_current_plugin_fail(void *, const char *);
int extism_poly_plugin_error_kind(void *);
const char *extism_poly_error_kind_name(int);
C;

/** A plug-in with one host function from a text to a text. */
final class Plugin
{
    private FFI $library;
    private FFI\CData $handle;
    private Closure $callback;

    public function __construct(string $wasm, string $name, callable $body)
    {
        $library = $this->library = FFI::cdef(DECLARATIONS, getenv('EXTISM_LIBRARY') ?: 'libextism.so');
        // It has to live as long as the plug-in.
        $this->callback = function ($current, $inputs, $n, $outputs, $m, $data) use ($library, $body): void {
            $memory = $library->extism_current_plugin_memory($current);
            $given = $inputs[0]->number;
            $length = $library->extism_current_plugin_memory_length($current, $given);
            try {
                $result = $body(FFI::string($memory + $given, $length));
                $block = $library->extism_current_plugin_memory_alloc($current, strlen($result));
                FFI::memcpy($memory + $block, $result, strlen($result));
                $outputs[0]->number = $block;
            } catch (Throwable $failure) {
                // An exception must not leave the host function: it would end the program.
                $library->extism_poly_current_plugin_fail($current, $failure->getMessage());
            }
        };
        $type = $library->new('int[1]');
        $type[0] = 1;
        $functions = $library->new('void *[1]');
        $functions[0] = $library->extism_function_new($name, $type, 1, $type, 1, $this->callback, null, null);
        $why = $library->new('char *');
        $handle = $library->extism_plugin_new($wasm, strlen($wasm), $functions, 1, false, FFI::addr($why));
        $library->extism_function_free($functions[0]);
        if ($handle === null) {
            $text = FFI::string($why);
            $library->extism_plugin_new_error_free($why);
            throw new RuntimeException($text);
        }
        $this->handle = $handle;
    }

    public function call(string $function, string $input): string
    {
        $library = $this->library;
        $code = $library->extism_plugin_call($this->handle, $function, $input, strlen($input));
        $error = $library->extism_plugin_error($this->handle);
        if ($code !== 0 || $error !== null) {
            $kind = $library->extism_poly_error_kind_name($library->extism_poly_plugin_error_kind($this->handle));
            throw new RuntimeException("code $code, $kind: $error");
        }
        $length = $library->extism_plugin_output_length($this->handle);

        return FFI::string($library->extism_plugin_output_data($this->handle), $length);
    }

    public function __destruct()
    {
        if (isset($this->handle)) {
            $this->library->extism_plugin_free($this->handle);
        }
    }
}

$capitals = function (string $text): string {
    if ($text === 'refuse this') {
        throw new InvalidArgumentException('this text is refused');
    }
    return strtoupper($text);
};
$plugin = new Plugin(file_get_contents($argv[1]), 'hello_world', $capitals);
foreach ([['count_vowels', 'Hello, World!'], ['call_host', 'Hello, World!'], ['call_host', 'refuse this']] as [$function, $input]) {
    try {
        $output = $plugin->call($function, $input);
        echo "$function: $output\n";
    } catch (RuntimeException $failure) {
        echo "$function: {$failure->getMessage()}\n";
    }
}
