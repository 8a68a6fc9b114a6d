# Warnings, sanitizers and the two kinds of target that the tree is made of.

add_library(crier_options INTERFACE)
target_compile_options(crier_options INTERFACE -Wall -Wextra $<$<BOOL:${CRIER_WERROR}>:-Werror>)
# GCC 12 sees uninitialised members in the alternatives of a std::variant that is not there, and
# overlapping copies in std::string's operator+.
target_compile_options(crier_options INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-restrict>)
target_include_directories(crier_options INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
# For those who add this folder to a project that sets no standard, or an older one.
target_compile_features(crier_options INTERFACE cxx_std_20)
target_link_libraries(crier_options INTERFACE Threads::Threads)
if(CRIER_SANITIZE)
  target_compile_options(crier_options INTERFACE -fsanitize=${CRIER_SANITIZE} -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer)
  target_link_options(crier_options INTERFACE -fsanitize=${CRIER_SANITIZE})
endif()

# How tests are compiled with sanitizers, where they take most of the time of a cold build: not optimised, with
# GoogleTest's headers compiled once. GCC leaves out the checks of pointers, also of inline functions that a test
# and the library both have, of which the linker keeps the test's; AddressSanitizer finds most of what they would find,
# and clang's build makes them all.
add_library(crier_test_options INTERFACE)
if(CRIER_SANITIZE AND CRIER_TESTS)
  target_compile_options(crier_test_options INTERFACE
    -O0 $<$<CXX_COMPILER_ID:GNU>:-fno-sanitize=null,alignment,object-size,vptr>)
  # GCC takes a precompiled header only under the same macros; hiredis brings this one along.
  target_compile_definitions(crier_test_options INTERFACE _FILE_OFFSET_BITS=64)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/test_headers.cpp CONTENT "")
  add_library(crier_test_headers OBJECT ${PROJECT_BINARY_DIR}/test_headers.cpp)
  target_link_libraries(crier_test_headers PRIVATE crier_options crier_test_options GTest::gmock)
  target_precompile_headers(crier_test_headers PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <functional> <map> <memory> <optional> <string> <string_view> <variant> <vector>)
endif()

# crier_module(NAME SOURCES a.cpp … [TESTS a_test.cpp …] [DEPENDS base …] [LIBRARIES OpenSSL::Crypto …])
#
# Makes the static library crier_NAME and, with CRIER_TESTS, the GoogleTest program NAME_test,
# which CTest runs as one test. DEPENDS names modules, LIBRARIES third parties.
function(crier_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;TESTS;DEPENDS;LIBRARIES" ${ARGN})
  add_library(crier_${name} STATIC ${arg_SOURCES})
  list(TRANSFORM arg_DEPENDS PREPEND crier_)
  target_link_libraries(crier_${name} PUBLIC crier_options ${arg_DEPENDS} ${arg_LIBRARIES})
  if(CRIER_TESTS AND arg_TESTS)
    add_executable(${name}_test ${arg_TESTS})
    target_link_libraries(${name}_test PRIVATE crier_${name} crier_test_options GTest::gmock
                                               GTest::gtest_main)
    if(CRIER_SANITIZE)
      target_precompile_headers(${name}_test REUSE_FROM crier_test_headers)
    endif()
    target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR})  # for tests/
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
