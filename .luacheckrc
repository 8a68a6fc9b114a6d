-- Lua as Redis 7.0 offers it to a script.
std = "lua51"
read_globals = {"redis", "cjson", "KEYS", "ARGV"}
not_globals = {
  "debug", "dofile", "getfenv", "io", "loadfile", "module", "newproxy", "os", "package", "print", "require", "setfenv",
}
max_line_length = 120
