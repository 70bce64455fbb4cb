# room(NAME PATH [ROOMS ...] [LIBRARIES ...]): one folder of sources as one static library.
#
# Each room's headers are reached through a directory of its own that holds one link, <build>/rooms/NAME/PATH,
# so `#include "PATH/x.h"` is found only by those who name the room. Links are PRIVATE: whoever includes a header
# names the rooms that this header includes as well, and the list in each CMakeLists.txt is the true one.
set(DAVENPORT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)

add_library(davenport_flags INTERFACE)
target_compile_options(davenport_flags INTERFACE ${DAVENPORT_WARNINGS} -fno-omit-frame-pointer)
if(DAVENPORT_SANITIZE)
  target_compile_options(davenport_flags INTERFACE -fsanitize=${DAVENPORT_SANITIZE})
  target_link_options(davenport_flags INTERFACE -fsanitize=${DAVENPORT_SANITIZE})
  if(DAVENPORT_SANITIZE MATCHES "undefined")
    target_compile_options(davenport_flags INTERFACE -fno-sanitize-recover=all)
  endif()
  if(DAVENPORT_SANITIZE MATCHES "thread")
    # GCC's -Wtsan complains of fences inside the standard library, which are not ours to change.
    target_compile_options(davenport_flags INTERFACE -Wno-tsan)
  endif()
endif()

function(room NAME PATH)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${PATH}/*.cc)
  get_filename_component(parent ${CMAKE_BINARY_DIR}/rooms/${NAME}/${PATH} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${PATH} ${CMAKE_BINARY_DIR}/rooms/${NAME}/${PATH} SYMBOLIC)
  if(sources)
    add_library(${NAME} STATIC ${sources})
    set(own PUBLIC)
    target_link_libraries(${NAME} PRIVATE davenport_flags ${ROOM_ROOMS} ${ROOM_LIBRARIES})
  else()
    add_library(${NAME} INTERFACE)
    set(own INTERFACE)
  endif()
  target_include_directories(${NAME} ${own} ${CMAKE_BINARY_DIR}/rooms/${NAME})
endfunction()

# room_test(NAME PATH ROOMS...): the unit tests of a room, tests/PATH/*_test.cc, as one doctest program.
function(room_test NAME PATH)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${PATH}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${NAME} ${sources} ${CMAKE_SOURCE_DIR}/tests/support/doctest_main.cc)
  target_include_directories(test_${NAME} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(test_${NAME} PRIVATE davenport_flags ${ARGN})
  add_test(NAME unit_${NAME} COMMAND test_${NAME})
  set_tests_properties(unit_${NAME} PROPERTIES TIMEOUT 300)
endfunction()
