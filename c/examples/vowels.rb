# Runs a plug-in from Ruby, through the gem `ffi` (Debian: ruby-ffi).
#
#   ruby vowels.rb ../../tests/guests/assemblyscript/as_pdk.wasm
require "ffi"

module LibExtism
  extend FFI::Library
  ffi_lib ENV.fetch("EXTISM_LIBRARY", "extism")

  class Value < FFI::Struct
    layout :type, :int, :number, :int64
  end

  callback :host_function, [:pointer, :pointer, :uint64, :pointer, :uint64, :pointer], :void
  attach_function :extism_plugin_new, [:pointer, :uint64, :pointer, :uint64, :bool, :pointer], :pointer
  attach_function :extism_plugin_new_error_free, [:pointer], :void
  attach_function :extism_plugin_free, [:pointer], :void
  attach_function :extism_plugin_call, [:pointer, :string, :buffer_in, :uint64], :int32, blocking: true
  attach_function :extism_plugin_error, [:pointer], :string
  attach_function :extism_plugin_output_length, [:pointer], :uint64
  attach_function :extism_plugin_output_data, [:pointer], :pointer
  attach_function :extism_function_new,
                  [:string, :pointer, :uint64, :pointer, :uint64, :host_function, :pointer, :pointer], :pointer
  attach_function :extism_function_free, [:pointer], :void
  attach_function :extism_current_plugin_memory, [:pointer], :pointer
  attach_function :extism_current_plugin_memory_length, [:pointer, :uint64], :uint64
  attach_function :extism_current_plugin_memory_alloc, [:pointer, :uint64], :uint64
  attach_function :extism_poly_current_plugin_fail, [:pointer, :string], :bool
  attach_function :extism_poly_plugin_error_kind, [:pointer], :int
  attach_function :extism_poly_error_kind_name, [:int], :string
end

# A plug-in with host functions from a text to a text.
class Plugin
  class Error < StandardError; end

  def initialize(wasm, functions)
    # They have to live as long as the plug-in.
    @callbacks = functions.transform_values { |body| callback(body) }
    handles = @callbacks.map do |name, body|
      types = FFI::MemoryPointer.new(:int).write_int(1)
      LibExtism.extism_function_new(name, types, 1, types, 1, body, nil, nil)
    end
    list = FFI::MemoryPointer.new(:pointer, handles.size).write_array_of_pointer(handles)
    bytes = FFI::MemoryPointer.from_string(wasm)
    why = FFI::MemoryPointer.new(:pointer)
    @handle = LibExtism.extism_plugin_new(bytes, wasm.bytesize, list, handles.size, false, why)
    handles.each { |handle| LibExtism.extism_function_free(handle) }
    return unless @handle.null?

    text = why.read_pointer.read_string
    LibExtism.extism_plugin_new_error_free(why.read_pointer)
    raise Error, text
  end

  def call(function, input)
    code = LibExtism.extism_plugin_call(@handle, function, input, input.bytesize)
    kind = LibExtism.extism_poly_error_kind_name(LibExtism.extism_poly_plugin_error_kind(@handle))
    error = LibExtism.extism_plugin_error(@handle)
    raise Error, "code #{code}, #{kind}: #{error}" if code != 0 || error

    LibExtism.extism_plugin_output_data(@handle).read_string(LibExtism.extism_plugin_output_length(@handle))
  end

  def close
    LibExtism.extism_plugin_free(@handle)
  end

  private

  def callback(body)
    lambda do |current, inputs, _, outputs, _, _|
      memory = LibExtism.extism_current_plugin_memory(current)
      given = LibExtism::Value.new(inputs)[:number]
      text = memory.get_bytes(given, LibExtism.extism_current_plugin_memory_length(current, given))
      result = body.call(text)
      block = LibExtism.extism_current_plugin_memory_alloc(current, result.bytesize)
      memory.put_bytes(block, result)
      LibExtism::Value.new(outputs)[:number] = block
    rescue StandardError => failure
      # An exception must not leave the host function.
      LibExtism.extism_poly_current_plugin_fail(current, failure.message)
    end
  end
end

capitals = lambda do |text|
  raise ArgumentError, "this text is refused" if text == "refuse this"

  text.upcase
end
plugin = Plugin.new(File.binread(ARGV.fetch(0)), "hello_world" => capitals)
[["count_vowels", "Hello, World!"], ["call_host", "Hello, World!"], ["call_host", "refuse this"]].each do |function, input|
  puts "#{function}: #{plugin.call(function, input)}"
rescue Plugin::Error => failure
  puts "#{function}: #{failure.message}"
end
plugin.close
