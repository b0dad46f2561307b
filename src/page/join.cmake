# Joins the page at `/`, and writes it and its Content-Security-Policy as C++.
#   cmake -DFROM=src/page -DTO=page.cpp -P join.cmake

# base64(RESULT HEX): of bytes that are given in hexadecimal, three of them or more (RFC 4648 4).
function(base64 result hex)
  set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  string(LENGTH "${hex}" digits)
  math(EXPR last_bytes "${digits} / 2 % 3")
  set(padding "")
  if(last_bytes GREATER 0)
    math(EXPR missing "3 - ${last_bytes}")
    string(REPEAT "=" ${missing} padding)
    string(REPEAT "00" ${missing} zeros)
    string(APPEND hex "${zeros}")
  endif()
  string(REGEX MATCHALL "..." triples "${hex}")  # of 12 bits each: two characters
  set(text "")
  foreach(triple IN LISTS triples)
    math(EXPR first "0x${triple} >> 6")
    math(EXPR second "0x${triple} & 63")
    string(SUBSTRING ${alphabet} ${first} 1 first)
    string(SUBSTRING ${alphabet} ${second} 1 second)
    string(APPEND text ${first}${second})
  endforeach()
  string(LENGTH "${padding}" padded)
  string(LENGTH "${text}" length)
  math(EXPR length "${length} - ${padded}")
  string(SUBSTRING "${text}" 0 ${length} text)
  set(${result} "${text}${padding}" PARENT_SCOPE)
endfunction()

set(style_files page.css)
set(script_files words.js elements.js call.js plots.js lists.js page.js)  # the last one begins

file(READ "${FROM}/page.html" html)
foreach(part style script)
  set(text "")
  foreach(file IN LISTS ${part}_files)
    file(READ "${FROM}/${file}" piece)
    string(APPEND text "\n${piece}")
  endforeach()
  string(FIND "${text}" "</" closes)
  if(NOT closes EQUAL -1)
    message(FATAL_ERROR "</ in ${${part}_files} would end their element in the page")
  endif()
  # What stands between the tags is what is hashed, its first and last line end included.
  string(SHA256 hash "${text}")
  base64(hash "${hash}")
  set(${part}_hash "${hash}")
  string(REPLACE "<${part}></${part}>" "<${part}>${text}</${part}>" html "${html}")
endforeach()

string(CONCAT policy
  "default-src 'none'; script-src 'sha256-${script_hash}'; style-src 'sha256-${style_hash}'; "
  "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
  "frame-ancestors 'none'")

# GCC takes string literals of any length; others at least 64 KiB (C++20 [implimits]).
file(WRITE "${TO}" "// Made by src/page/join.cmake.
#include \"page/page.hpp\"

namespace mqtt_bridge::page {

const std::string_view html = R\"page(${html})page\";
const std::string_view policy = R\"page(${policy})page\";

}  // namespace mqtt_bridge::page
")
