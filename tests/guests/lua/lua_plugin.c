/* A Lua interpreter as a plug-in: `eval` runs its input. Lua ends pieces of work by setjmp and longjmp, which clang
   compiles to WebAssembly exceptions. */
#include "xpdk.h"
#include <stdlib.h>
#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

IMP("extism:host/user", "hello_world") H hello_world(H);

/* host(text): what the host makes of it. */
static int host(lua_State *lua) {
  size_t length;
  const char *text = luaL_checklstring(lua, 1, &length);
  H answer = hello_world(x_mem(text, length));
  u64 count = x_length(answer);
  luaL_Buffer buffer;
  char *bytes = luaL_buffinitsize(lua, &buffer, count);
  for (u64 i = 0; i < count; i++) bytes[i] = (char)x_load_u8(answer + i);
  luaL_pushresultsize(&buffer, count);
  return 1;
}

static lua_State *lua;

EXPORT("eval") i32 eval(void) {
  static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},          {LUA_STRLIBNAME, luaopen_string},
                                       {LUA_TABLIBNAME, luaopen_table},    {LUA_MATHLIBNAME, luaopen_math},
                                       {LUA_COLIBNAME, luaopen_coroutine}, {LUA_UTF8LIBNAME, luaopen_utf8}};
  if (lua == NULL) {
    lua = luaL_newstate();
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
      luaL_requiref(lua, libraries[i].name, libraries[i].func, 1);
      lua_pop(lua, 1);
    }
    lua_register(lua, "host", host);
  }
  u64 count = x_input_length();
  char *code = malloc(count);
  for (u64 i = 0; i < count; i++) code[i] = (char)x_input_load_u8(i);
  int failed = luaL_loadbufferx(lua, code, count, "input", "t") || lua_pcall(lua, 0, 1, 0);
  free(code);
  size_t length;
  const char *text = luaL_tolstring(lua, -1, &length);
  if (failed) {
    x_error_set(x_mem(text, length));
  } else {
    x_out(text, length);
  }
  lua_settop(lua, 0);
  return failed;
}
