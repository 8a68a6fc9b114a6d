# cmake -DOUT=x.cpp -DHEADER=x.hpp -DFUNCTION=crier::x "-DFILES=a;b" -P Embed.cmake: writes the files that exist into one C++
# source that defines `std::optional<std::string_view> FUNCTION(std::string_view name)`, which HEADER declares.
set(arrays "")
set(cases "")
set(index 0)
foreach(file ${FILES})
  if(NOT EXISTS ${file})
    continue()
  endif()
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char file_${index}[] = {${bytes}};\n")
  string(APPEND cases "  if (name == \"${name}\") return text(file_${index}, sizeof(file_${index}));\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT}.new "#include \"${HEADER}\"

namespace {
${arrays}
[[maybe_unused]] std::string_view text(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}
}  // namespace

std::optional<std::string_view> ${FUNCTION}([[maybe_unused]] std::string_view name) {
${cases}  return std::nullopt;
}
")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
