/* SPDX-License-Identifier: Apache-2.0 */
/* lua_script FILE: runs a script that makes no error. */
#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    lua_State *l = luaL_newstate();

    if (argc != 2 || !l)
        return 2;
    luaL_openlibs(l);
    if (luaL_loadfile(l, argv[1]) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(l, -1));
        return 1;
    }
    lua_call(l, 0, 0);
    lua_close(l);
    return 0;
}
